//! The reader on tars made by hand, one oddity each.

mod chance;
mod extended;
mod made;
mod seen;
mod sparse;

use super::*;
use crate::limits;
use made::{Made, file, record};
use seen::Seen;

const MARK: &str = "mark that must be seen";

/// The lines that say what came out as entries: path, kind, link, size and content.
fn listing(seen: &Seen) -> Vec<String> {
    seen.entries.iter().map(|entry| entry.line()).collect()
}

fn read(made: &Made) -> Seen {
    Seen::read(made.bytes(), made.bytes().len().max(1))
}

#[test]
fn a_plain_tar_is_its_entries_and_nothing_else() {
    let made = Made::new()
        .entry(b'5', "d/", b"")
        .entry(b'0', "d/f", b"content")
        .entry(b'0', "empty", b"")
        .linked(b'1', "hard", "d/f")
        .linked(b'2', "soft", "d/f")
        .entry(b'6', "fifo", b"")
        .entry(b'3', "char", b"")
        .entry(b'4', "block", b"")
        .entry(b'7', "contiguous", &[b'x'; 512])
        .end();
    let seen = read(&made);
    let mut want = vec![
        "d/ Directory 0 []".to_owned(),
        "d/f File 7 [0+content]".to_owned(),
        "empty File 0 []".to_owned(),
        "hard HardLink->d/f 0 []".to_owned(),
        "soft Symlink->d/f 0 []".to_owned(),
        "fifo Fifo 0 []".to_owned(),
        "char CharDevice 0 []".to_owned(),
        "block BlockDevice 0 []".to_owned(),
    ];
    want.push(format!("contiguous File 512 [0+{}]", "x".repeat(512)));
    assert_eq!(listing(&seen), want);
    assert!(seen.is_quiet(), "{seen:?}");
    assert!(seen.entries.iter().all(|entry| entry.complete && entry.meta.is_empty() && !entry.after_end));
}

#[test]
fn a_trailing_slash_makes_a_folder_of_the_old_type_only() {
    let seen =
        read(&Made::new().entry(0, "old/", b"").entry(0, "file", b"a").entry(b'0', "new/", b"b").end());
    assert_eq!(listing(&seen), ["old/ Directory 0 []", "file File 1 [0+a]", "new/ File 1 [0+b]"]);
}

#[test]
fn prefixes_belong_to_ustar_and_star_alone() {
    let long = "p".repeat(140);
    for (magic, tail, want) in [
        (&b"ustar\x0000"[..], &b""[..], format!("{long}/name")),
        (b"ustar\x0000", b"tar\0", format!("{}/name", "p".repeat(131))),
        (b"\0\0\0\0\0\0\0\0", b"", "name".to_owned()),
    ] {
        let mut header = file("name", 0);
        header[257..265].copy_from_slice(magic);
        header[345..485].copy_from_slice(long.as_bytes());
        if !tail.is_empty() {
            header[476..].fill(0);
            header[508..].copy_from_slice(tail);
        }
        let seen = read(&Made::new().header(header).end());
        assert_eq!(listing(&seen), [format!("{want} File 0 []")]);
    }
}

#[test]
fn an_old_gnu_header_has_times_where_ustar_has_its_prefix() {
    let mut header = file("name", 0);
    header[257..265].copy_from_slice(b"ustar  \0");
    header[345..369].copy_from_slice(b"14137563414\x0014137563414\0");
    assert_eq!(listing(&read(&Made::new().header(header).end())), ["name File 0 []"]);
    header[345..369].fill(0);
    header[345..349].copy_from_slice(b"dir9");
    assert_eq!(listing(&read(&Made::new().header(header).end())), ["dir9/name File 0 []"]);
}

#[test]
fn both_checksums_are_accepted() {
    let header = file("n\u{e9}\u{e9}", 0);
    let unsigned: u32 = header.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - header[148..156].iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + 256;
    let high = u32::try_from(header.iter().filter(|byte| **byte >= 0x80).count()).expect("few");
    for (sum, is_tar) in [(unsigned, true), (unsigned - 256 * high, true), (unsigned + 1, false)] {
        let mut block = header;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(looks_like_tar(&block), is_tar);
        let seen = Seen::read(&block, 512);
        assert_eq!(seen.entries.len(), usize::from(is_tar));
    }
}

#[test]
fn what_looks_like_a_tar() {
    assert!(looks_like_tar(&[0; 1024]));
    assert!(looks_like_tar(&file("a", 0)));
    assert!(!looks_like_tar(&file("a", 0)[..511]));
    assert!(!looks_like_tar(&[]));
    let mut late = [0; 1024];
    late[600] = 1;
    assert!(looks_like_tar(&late));
    assert!(!looks_like_tar(&late[512..]));
    assert!(!looks_like_tar(&[b'x'; 512]));
}

#[test]
fn sizes_in_base_256_are_read_and_negative_or_huge_ones_end_the_tar() {
    let mut header = file("f", 0);
    header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    let seen = read(&Made::new().header(header).body(b"abc").end());
    assert_eq!(listing(&seen), ["f File 3 [0+abc]"]);
    let negative = [0xff; 12];
    let huge = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    for field in [negative, huge, *b"12x45678901\0"] {
        header[124..136].copy_from_slice(&field);
        let seen = read(&Made::new().header(header).body(MARK.as_bytes()));
        assert_eq!(seen.reasons(), ["corrupt"]);
        assert_eq!(seen.entries.len(), 1);
        assert!(seen.raw(RawKind::Unparsed).contains(MARK));
    }
}

#[test]
fn links_folders_and_devices_with_a_size_have_no_body_if_a_header_follows() {
    for flag in b'1'..=b'6' {
        let made = Made::new().sized(flag, "n", 1024).entry(b'0', "f", MARK.as_bytes()).end();
        let seen = read(&made);
        assert_eq!(seen.entries.len(), 2);
        assert_eq!(seen.entries[0].size, 0);
        assert_eq!(seen.entries[1].line(), format!("f File 22 [0+{MARK}]"));
        assert!(seen.raw(RawKind::Ambiguous).contains(MARK));
        assert_eq!(seen.reasons(), [""; 0]);
        assert_eq!(seen.warnings.len(), 1);
    }
}

#[test]
fn links_with_a_body_have_it_scanned() {
    for size in [22, 512, 600, 1024, 1500] {
        let mut body = vec![b'x'; size - 22];
        body.extend_from_slice(MARK.as_bytes());
        let made = Made::new().sized(b'1', "n", size as u64).body(&body).entry(b'0', "f", b"a").end();
        let seen = read(&made);
        assert_eq!(listing(&seen), ["n HardLink-> 0 []", "f File 1 [0+a]"]);
        assert!(seen.raw(RawKind::Ambiguous).contains(MARK), "{size}");
        assert_eq!(seen.reasons(), [""; 0]);
    }
}

#[test]
fn unknown_types_are_files_and_labels_are_not() {
    let seen =
        read(&Made::new().entry(b'Z', "z", b"a").entry(b'V', "label", b"").entry(b'D', "d", b"Yf\0").end());
    assert_eq!(listing(&seen), ["z File 1 [0+a]", "label Other 0 []", "d Directory 3 [0+Yf\0]"]);
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn a_body_cut_short_is_an_error_and_not_complete() {
    let made = Made::new().entry(b'0', "f", &[b'x'; 600]);
    for length in [512 + 1, 512 + 599] {
        let seen = Seen::read(&made.bytes()[..length], 100);
        assert_eq!(seen.reasons(), ["truncated"]);
        assert!(!seen.entries[0].complete);
    }
    let within_fill = Seen::read(&made.bytes()[..512 + 700], 100);
    assert_eq!(within_fill.reasons(), [""; 0]);
    assert_eq!(within_fill.warnings.len(), 1);
}

#[test]
fn headers_and_extended_bodies_cut_short_are_errors() {
    let made = Made::new().entry(b'0', "f", b"").pax(b'x', &record("comment", MARK));
    for length in [513, 700, 1023, 1024 + 30] {
        let seen = Seen::read(&made.bytes()[..length], 100);
        assert_eq!(seen.reasons(), ["truncated"], "{length}");
    }
    assert!(Seen::read(&made.bytes()[..1024 + 33], 100).raw(RawKind::Header).contains(MARK));
}

#[test]
fn fill_bytes_that_are_not_nul_are_seen() {
    let mut made = Made::new().entry(b'0', "f", b"abc").end();
    made.patch(512 + 10, MARK.as_bytes());
    let seen = read(&made);
    assert_eq!(listing(&seen), ["f File 3 [0+abc]"]);
    assert!(seen.raw(RawKind::Padding).starts_with(MARK));
}

#[test]
fn bytes_that_no_header_field_accounts_for_are_seen() {
    for (at, magic) in [
        (20, "ustar\x0000"),
        (180, "ustar\x0000"),
        (270, "\0\0\0\0\0\0\0\0"),
        (370, "ustar  \0"),
        (476, "ustar  \0"),
    ] {
        let mut header = file("f", 0);
        header[257..265].copy_from_slice(magic.as_bytes());
        header[at..at + 22].copy_from_slice(MARK.as_bytes());
        let seen = read(&Made::new().header(header).end());
        let found: Vec<_> = seen.entries[0].meta_of("header");
        assert!(found.iter().any(|block| block.contains(MARK)), "{at}");
    }
}

#[test]
fn entries_behind_the_end_are_marked_and_other_bytes_are_trailing() {
    let made = Made::new().entry(b'0', "f", b"a").end().entry(b'0', "late", b"b").body(MARK.as_bytes()).end();
    let seen = read(&made);
    assert_eq!(listing(&seen), ["f File 1 [0+a]", "late File 1 [0+b]"]);
    assert_eq!(seen.entries.iter().map(|entry| entry.after_end).collect::<Vec<_>>(), [false, true]);
    assert!(seen.raw(RawKind::Trailing).starts_with(MARK));
    assert_eq!(seen.reasons(), [""; 0]);
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn a_partial_last_block_behind_the_end_is_trailing() {
    let mut bytes = Made::new().entry(b'0', "f", b"a").end().bytes().to_vec();
    bytes.extend_from_slice(MARK.as_bytes());
    let seen = Seen::read(&bytes, 7);
    assert_eq!(seen.raw(RawKind::Trailing), MARK);
    assert_eq!(seen.reasons(), [""; 0]);
}

#[test]
fn one_block_of_nul_ends_the_archive() {
    let made = Made::new().entry(b'0', "f", b"").body(&[0; 512]).entry(b'0', "late", b"b").end();
    let seen = read(&made);
    assert!(!seen.entries[0].after_end && seen.entries[1].after_end);
    assert!(!seen.warnings.is_empty());
    let alone = read(&Made::new().entry(b'0', "f", b"").body(&[0; 512]));
    assert!(alone.is_quiet());
}

#[test]
fn garbage_in_place_of_a_header_is_an_error_and_the_rest_is_raw() {
    let mut bytes = Made::new().entry(b'0', "f", b"a").bytes().to_vec();
    let start = "x".repeat(505);
    bytes.extend_from_slice(start.as_bytes());
    bytes.extend_from_slice(MARK.as_bytes());
    bytes.extend_from_slice(&[b'y'; 2000]);
    for slice in [1, 100, 511, 512, 10_000] {
        let seen = Seen::read(&bytes, slice);
        assert_eq!(seen.reasons(), ["corrupt"]);
        assert_eq!(seen.raw(RawKind::Unparsed), format!("{start}{MARK}{}", "y".repeat(2000)));
    }
}

#[test]
fn what_is_no_tar_is_an_error_and_raw() {
    for length in [10, 512, 3000] {
        let bytes = vec![b'x'; length];
        let seen = Seen::read(&bytes, 300);
        assert_eq!(seen.reasons(), ["not-a-tar"]);
        assert_eq!(seen.raw(RawKind::Unparsed).len(), length);
    }
}

#[test]
fn warnings_are_bounded_and_say_so() {
    let made = (0..limits::TAR_WARNINGS * 2).fold(Made::new(), |made, _| made.entry(b'Z', "z", b"")).end();
    assert_eq!(read(&made).warnings.len(), limits::TAR_WARNINGS + 1);
}
