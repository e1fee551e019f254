//! Debian packages, and other archives of `ar`.

use std::path::Path;

use serde_json::json;

use super::{Contents, Report, run, write};
use crate::scan::line;

/// A package that dpkg-deb makes, with a key in a script of its own and one in a file.
pub(super) fn package(folder: &Path, compression: &str) -> Vec<u8> {
    let control =
        "Package: app\nVersion: 1\nArchitecture: all\nMaintainer: A <a@acme.io>\nDescription: an app\n";
    write(folder, "root/DEBIAN/control", control);
    write(folder, "root/DEBIAN/postinst", [b"#!/bin/sh\n".to_vec(), line(1)].concat());
    std::fs::set_permissions(folder.join("root/DEBIAN/postinst"), permissions(0o755)).expect("mode");
    write(folder, "root/usr/bin/app", [b"\n\n".to_vec(), line(2)].concat());
    let option = format!("-Z{compression}");
    run(folder, "dpkg-deb", &["--root-owner-group", &option, "--build", "root", "app.deb"], b"");
    std::fs::read(folder.join("app.deb")).expect("the package")
}

fn permissions(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

#[test]
fn keys_in_packages_of_every_compression() {
    for (compression, ending) in [("gzip", ".gz"), ("xz", ".xz"), ("zstd", ".zst"), ("none", "")] {
        let folder = tempfile::tempdir().expect("a folder");
        let package = package(folder.path(), compression);
        let contents = Contents::of(&package);
        contents.assert_whole();
        let (control, data) = (format!("control.tar{ending}"), format!("data.tar{ending}"));
        assert_eq!(contents.names(), ["debian-binary", &control, &data]);
        assert_eq!(contents.member("debian-binary"), b"2.0\n");
        let report = Report::of(&[("var/cache/app.deb", &package)]);
        assert_eq!(report.places(1), [format!("var/cache/app.deb!{control}!./postinst 2")]);
        assert_eq!(report.places(2), [format!("var/cache/app.deb!{data}!./usr/bin/app 3")]);
        assert_eq!(report.opaque(), &json!({}));
    }
}

#[test]
fn long_names_and_odd_lengths() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = "a-name-that-is-too-long-for-a-header.txt";
    let longer = "another-name-that-is-too-long-for-a-header.txt";
    for (name, content) in [("odd", "odd"), (long, "even"), (longer, "odder"), ("last", "z")] {
        write(folder.path(), name, content);
    }
    run(folder.path(), "ar", &["rcS", "x.a", "odd", long, longer, "last"], b"");
    let contents = Contents::of(&std::fs::read(folder.path().join("x.a")).expect("the archive"));
    contents.assert_whole();
    assert_eq!(contents.names(), ["odd", long, longer, "last"]);
    let bodies: Vec<&[u8]> = contents.members.iter().map(|(_, content)| content.as_slice()).collect();
    assert_eq!(bodies, [b"odd".as_slice(), b"even", b"odder", b"z"]);
    // As BSD writes it: the name is a part of the content.
    let bsd = format!("!<arch>\n{:<48}{:<10}`\n{long}body\n", "#1/40", 44 + 1);
    let contents = Contents::of(bsd.as_bytes());
    assert_eq!((contents.names(), contents.member(long)), (vec![long], b"body\n".as_slice()));
}

#[test]
fn lies_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = package(folder.path(), "xz");
    let cut = Contents::of(&package[..package.len() - 100]);
    assert_eq!(cut.fault.map(|fault| fault.0), Some("truncated"));
    let mut lying = package.clone();
    // The size of the first member: everything that follows, and more.
    lying[8 + 48..8 + 58].copy_from_slice(b"9999999999");
    let contents = Contents::of(&lying);
    assert_eq!(
        (contents.names(), contents.fault.map(|fault| fault.0)),
        (vec!["debian-binary"], Some("truncated"))
    );
    lying[8 + 48..8 + 58].copy_from_slice(b"5         ");
    assert_eq!(Contents::of(&lying).fault.map(|fault| fault.0), Some("corrupt"));
    let report = Report::of(&[("app.deb", &lying)]);
    assert_eq!(report.opaque(), &json!({ "corrupt": 1 }));
}
