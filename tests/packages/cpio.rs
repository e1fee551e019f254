//! cpio archives of every form, and initramfs images.

use std::path::Path;

use keyseam::content::Fault;
use keyseam::detect::Place;
use serde_json::json;

use super::{Contents, Report, run, write};
use crate::scan::line;
use crate::support::image::Compression;

/// The names in an archive of [`archive`], as GNU cpio lists them, without its links.
const FILES: [&str; 4] = ["etc/empty", "etc/odd", "etc/token", "etc/twin"];

/// An archive that GNU cpio makes of a few files, a link and a folder.
pub(super) fn archive(folder: &Path, form: &str) -> Vec<u8> {
    write(folder, "etc/odd", "odd");
    write(folder, "etc/empty", "");
    write(folder, "etc/token", line(1));
    let _ = std::fs::hard_link(folder.join("etc/token"), folder.join("etc/twin"));
    let _ = std::os::unix::fs::symlink("/run/secrets/odd", folder.join("etc/link"));
    let names = "etc\netc/empty\netc/odd\netc/link\netc/token\netc/twin\n";
    run(folder, "cpio", &["-o", "-H", form, "--quiet"], names.as_bytes())
}

#[test]
fn every_form_is_read() {
    for form in ["newc", "crc", "odc", "bin"] {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = archive(folder.path(), form);
        check(form, &archive);
        if form == "bin" {
            check("bin of the other kind", &swapped(&archive));
        }
    }
}

fn check(form: &str, archive: &[u8]) {
    let contents = Contents::of(archive);
    contents.assert_whole();
    let names = contents.names();
    assert!(names.contains(&"etc") && names.contains(&"etc/link"), "{form}: {names:?}");
    assert!(FILES.iter().all(|name| names.contains(name)), "{form}: {names:?}");
    assert_eq!(names.len(), 6, "{form}");
    assert_eq!(contents.texts, [(Place::Symlink, b"/run/secrets/odd".to_vec())], "{form}");
    assert_eq!(
        (contents.member("etc/odd"), contents.member("etc/empty")),
        (b"odd".as_slice(), b"".as_slice())
    );
    // Of the two names of one file at least one has its content.
    let twins = [contents.member("etc/token"), contents.member("etc/twin")];
    assert!(twins.contains(&line(1).as_slice()), "{form}");
    assert_eq!(contents.member("etc/link"), b"", "{form}");
}

/// The same archive as a machine of the other byte order writes it.
fn swapped(archive: &[u8]) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    let mut at = 0;
    while bytes.get(at..at + 2) == Some(&[0xc7, 0x71]) {
        let word =
            |word: usize| usize::from(u16::from_le_bytes([bytes[at + 2 * word], bytes[at + 2 * word + 1]]));
        let length = 26 + word(10).next_multiple_of(2) + (word(11) << 16 | word(12)).next_multiple_of(2);
        bytes[at..at + 26].chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        at += length;
    }
    assert!(at > 200, "nothing was swapped");
    bytes
}

#[test]
fn an_initramfs_is_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let early = archive(folder.path(), "newc");
    write(folder.path(), "init", [b"#!/bin/sh\n".to_vec(), line(2)].concat());
    let main = run(folder.path(), "cpio", &["-o", "-H", "newc", "--quiet"], b"init\n");
    // As mkinitramfs does it: microcode in front, the rest behind it, compressed.
    for compression in [Compression::None, Compression::Zstd, Compression::Gzip, Compression::Xz] {
        for padding in [0, 4, 508, 70_000] {
            let image = [early.clone(), vec![0; padding], compression.apply(&main)].concat();
            let contents = Contents::sliced(&image, 64 * 1024);
            contents.assert_whole();
            let expected = if compression == Compression::None { 7 } else { 6 };
            assert_eq!(contents.names().len(), expected, "{compression:?}");
            let report = Report::of(&[("boot/initrd.img", &image)]);
            // GNU cpio has the content with the last name.
            assert_eq!(report.places(1), ["boot/initrd.img!etc/twin 1"]);
            assert_eq!(report.places(2), ["boot/initrd.img!init 2"]);
            assert_eq!(report.opaque(), &json!({}));
        }
    }
    let image = [early, vec![0; 512], Compression::Zstd.apply(&main)].concat();
    assert_eq!(Contents::of(&image).members.last().map(|(name, _)| name.clone()), Some(None));
}

#[test]
fn lzma_of_old_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path(), "newc");
    let packed = run(folder.path(), "xz", &["--format=lzma", "-c"], &archive);
    assert_eq!(Contents::of(&packed).assert_whole().member("lzma"), archive);
    let report = Report::of(&[("initrd.lzma", &packed)]);
    assert_eq!(report.places(1), ["initrd.lzma!etc/twin 1"]);
}

#[test]
fn what_is_cut_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path(), "newc");
    let end = memchr::memmem::find(&archive, b"TRAILER!!!").expect("a trailer");
    assert_eq!(Contents::of(&archive[..end]).fault.map(|fault| fault.0), Some("truncated"));
    let mut broken = archive;
    let second = memchr::memmem::find(&broken[6..], b"070701").expect("a second entry") + 6;
    broken[second] = b'x';
    let contents = Contents::of(&broken);
    assert_eq!((contents.fault, contents.unread), (None, vec![Fault::CORRUPT]));
    let (name, rest) = contents.members.last().expect("the rest");
    assert_eq!((name, rest.as_slice()), (&None, &broken[second..]));
}
