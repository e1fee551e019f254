//! The reader on tars made by hand, one oddity each, and on what chance makes of them.

mod made;
mod seen;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

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
    assert!(!looks_like_tar(&late));
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
fn gnu_long_names_win_over_pax_and_over_the_header() {
    let long = "l".repeat(600);
    let made = Made::new()
        .pax(b'x', &record("path", "from pax"))
        .entry(b'L', "././@LongLink", format!("{long}\0").as_bytes())
        .entry(b'K', "././@LongLink", b"target\0")
        .linked(b'2', "short", "t")
        .end();
    let seen = read(&made);
    assert_eq!(listing(&seen), [format!("{long} Symlink->target 0 []")]);
    assert_eq!(seen.entries[0].meta_of("path"), ["from pax", "short"]);
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn bytes_behind_the_nul_of_a_long_name_are_seen() {
    let body = format!("name\0{MARK}");
    let seen = read(&Made::new().entry(b'L', "././@LongLink", body.as_bytes()).entry(b'0', "n", b"").end());
    assert_eq!(listing(&seen), ["name File 0 []"]);
    assert_eq!(seen.entries[0].meta_of("longname"), [body]);
}

#[test]
fn pax_records_override_the_header_and_are_for_one_entry() {
    let records = [
        record("path", "long"),
        record("size", "3"),
        record("mtime", "1.5"),
        record("comment", MARK),
        record("SCHILY.xattr.user.a", "v=\n1"),
        record("LIBARCHIVE.xattr.user.b%20c", "aGVsbG8"),
        record("uname", "a-long-user-name"),
    ]
    .concat();
    let made =
        Made::new().pax(b'x', &records).entry(b'0', "lo", b"").body(b"abc").entry(b'0', "b", b"").end();
    let seen = read(&made);
    assert_eq!(listing(&seen), ["long File 3 [0+abc]", "b File 0 []"]);
    let meta = &seen.entries[0].meta;
    let want = [
        (MetaKind::Pax, "comment", MARK),
        (MetaKind::Xattr, "user.a", "v=\n1"),
        (MetaKind::Xattr, "user.b c", "aGVsbG8"),
        (MetaKind::Xattr, "user.b c", "hello"),
        (MetaKind::Owner, "uname", "a-long-user-name"),
    ];
    let want = want.map(|(kind, name, value)| (kind, name.to_owned(), value.to_owned()));
    assert_eq!(*meta, want);
    assert!(seen.is_quiet());
}

#[test]
fn an_empty_record_takes_the_value_back() {
    let records = [record("path", "first"), record("path", ""), record("size", "9"), record("size", "")];
    let seen = read(&Made::new().pax(b'x', &records.concat()).entry(b'0', "plain", b"a").end());
    assert_eq!(listing(&seen), ["plain File 1 [0+a]"]);
    assert_eq!(seen.entries[0].meta_of("path"), ["first"]);
    assert!(!seen.warnings.is_empty());
}

#[test]
fn of_two_equal_records_the_last_counts_and_both_are_seen() {
    let records =
        [record("path", "one"), record("path", "two"), record("linkpath", "l1"), record("linkpath", "l2")];
    let seen = read(&Made::new().pax(b'x', &records.concat()).linked(b'2', "", "").end());
    assert_eq!(listing(&seen), ["two Symlink->l2 0 []"]);
    assert_eq!(seen.entries[0].meta_of("path"), ["one"]);
    assert_eq!(seen.entries[0].meta_of("linkpath"), ["l1"]);
    assert_eq!(seen.warnings.len(), 2);
}

#[test]
fn a_record_with_nul_is_cut_and_seen_whole() {
    let value = format!("name\0{MARK}");
    let seen = read(&Made::new().pax(b'x', &record("path", &value)).entry(b'0', "n", b"").end());
    assert_eq!(listing(&seen), ["name File 0 []"]);
    assert_eq!(seen.entries[0].meta_of("path"), [value]);
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn behind_a_malformed_record_the_body_is_raw() {
    let body = format!("{}99 comment={MARK}\n", record("path", "good"));
    let seen = read(&Made::new().pax(b'x', &body).entry(b'0', "n", b"a").end());
    assert_eq!(listing(&seen), ["good File 1 [0+a]"]);
    assert!(seen.raw(RawKind::Header).contains(MARK));
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn numbers_that_are_none_are_strings() {
    let records = [record("mtime", MARK), record("size", "x7"), record("uid", "-1")].concat();
    let seen = read(&Made::new().pax(b'x', &records).entry(b'0', "n", b"ab").end());
    assert_eq!(listing(&seen), ["n File 2 [0+ab]"]);
    assert_eq!(seen.entries[0].meta_of("mtime"), [MARK]);
    assert_eq!(seen.entries[0].meta_of("size"), ["x7"]);
    assert!(seen.entries[0].meta_of("uid").is_empty());
}

#[test]
fn a_second_pax_header_replaces_the_first_but_not_a_long_name() {
    let made = Made::new()
        .entry(b'L', "././@LongLink", b"long\0")
        .pax(b'x', &[record("path", "lost"), record("comment", MARK)].concat())
        .pax(b'x', &record("linkpath", "t"))
        .linked(b'2', "n", "")
        .end();
    let seen = read(&made);
    assert_eq!(listing(&seen), ["././@LongLink Other 0 []", "long Symlink->t 0 []"]);
    assert_eq!(seen.entries[0].meta_of("comment"), [MARK]);
    assert_eq!(seen.entries[0].meta_of("path"), ["lost"]);
}

#[test]
fn a_global_header_is_an_entry_and_changes_no_other() {
    let made = Made::new()
        .pax(b'g', &[record("comment", MARK), record("path", "all"), record("size", "600")].concat())
        .entry(b'0', "f", b"abc")
        .entry(b'0', "g", b"def")
        .end();
    let seen = read(&made);
    assert_eq!(listing(&seen), ["pax Other 0 []", "f File 3 [0+abc]", "g File 3 [0+def]"]);
    assert_eq!(seen.entries[0].meta_of("comment"), [MARK]);
    // Whoever applies the size reads 600 bytes behind each header.
    assert!(seen.raw(RawKind::Ambiguous).starts_with("abc"));
    assert!(!seen.warnings.is_empty());
}

#[test]
fn extended_headers_without_an_entry_are_seen() {
    for made in [
        Made::new().pax(b'x', &record("comment", MARK)).end(),
        Made::new().pax(b'x', &record("comment", MARK)),
        Made::new().pax(b'x', &record("comment", MARK)).pax(b'g', ""),
        Made::new().pax(b'x', &record("comment", MARK)).body(&[b'x'; 512]),
        Made::new().entry(b'L', "l", MARK.as_bytes()).end(),
        Made::new().entry(b'K', "l", MARK.as_bytes()).entry(b'K', "l", b"b").entry(b'0', "a", b""),
    ] {
        let seen = read(&made);
        assert!(seen.entries[0].kind == EntryKind::Other, "{seen:?}");
        assert!(seen.entries[0].meta.iter().any(|(_, _, value)| value == MARK));
    }
}

#[test]
fn oversize_extended_headers_are_raw_and_the_entry_keeps_its_plain_name() {
    let body = format!("{}{MARK}", "x".repeat(limits::PAX_HEADER));
    for flag in [b'x', b'L', b'K'] {
        let seen = read(&Made::new().entry(flag, "n", body.as_bytes()).entry(b'0', "plain", b"a").end());
        assert_eq!(seen.reasons(), ["limit"]);
        assert!(seen.raw(RawKind::Header).ends_with(MARK));
        assert_eq!(listing(&seen).last().map(String::as_str), Some("plain File 1 [0+a]"));
    }
}

#[test]
fn records_over_the_limit_are_raw() {
    let body = format!("{}{}", record("a", "b").repeat(limits::PAX_RECORDS), record("comment", MARK));
    for flag in [b'x', b'g'] {
        let seen = read(&Made::new().pax(flag, &body).entry(b'0', "f", b"").end());
        assert_eq!(seen.reasons(), ["limit"]);
        assert!(seen.raw(RawKind::Header).contains(MARK));
    }
}

#[test]
fn a_pax_size_beats_the_headers_and_the_other_reading_is_raw() {
    let inner = Made::new().entry(b'0', "inner", MARK.as_bytes());
    let made = Made::new().pax(b'x', &record("size", "512")).header(file("f", 1536)).body(&[b'x'; 512]);
    let seen = read(&made.append(&inner).end());
    let want = [format!("f File 512 [0+{}]", "x".repeat(512)), format!("inner File 22 [0+{MARK}]")];
    assert_eq!(listing(&seen), want);
    let ambiguous = seen.raw(RawKind::Ambiguous);
    assert_eq!(ambiguous.len(), 1536);
    assert!(ambiguous.contains(MARK));
    assert_eq!(seen.warnings.len(), 1);
}

#[test]
fn a_header_size_of_zero_under_a_pax_size_is_usual() {
    let seen = read(&Made::new().pax(b'x', &record("size", "3")).header(file("f", 0)).body(b"abc").end());
    assert_eq!(listing(&seen), ["f File 3 [0+abc]"]);
    assert!(seen.is_quiet());
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

mod sparse_files {
    use super::*;

    #[test]
    fn old_gnu_maps_go_on_in_blocks() {
        let mut made =
            Made::new().old_sparse("s", 100_000, &[(0, 2), (1000, 1), (2000, 1), (3000, 1)], true, 9);
        made = made.body(&made::sparse_block(&[(4000, 1), (5000, 1)], true));
        made = made.body(&made::sparse_block(&[(6000, 2), (100_000, 0)], false)).body(b"abcdefghi").end();
        let seen = read(&made);
        let want = "s File 100000 [0+ab 1000+c 2000+d 3000+e 4000+f 5000+g 6000+hi]";
        assert_eq!(listing(&seen), [want]);
        assert_eq!((seen.reasons(), seen.warnings.len()), (vec![], 0));
    }

    #[test]
    fn the_three_pax_versions() {
        let v00 = [
            record("GNU.sparse.size", "2000"),
            record("GNU.sparse.numblocks", "2"),
            record("GNU.sparse.offset", "0"),
            record("GNU.sparse.numbytes", "3"),
            record("GNU.sparse.offset", "1024"),
            record("GNU.sparse.numbytes", "2"),
        ];
        let v01 = [
            record("GNU.sparse.size", "2000"),
            record("GNU.sparse.numblocks", "2"),
            record("GNU.sparse.map", "0,3,1024,2"),
            record("GNU.sparse.name", "s"),
        ];
        for records in [v00.concat(), v01.concat()] {
            let seen = read(&Made::new().pax(b'x', &records).entry(b'0', "s", b"abcde").end());
            assert_eq!(listing(&seen), ["s File 2000 [0+abc 1024+de]"]);
            assert!(seen.is_quiet() && seen.entries[0].meta.is_empty());
        }
        let mut body = b"2\n0\n3\n1024\n2\n".to_vec();
        body.resize(512, 0);
        body.extend_from_slice(b"abcde");
        let made = Made::new().pax(b'x', &v10()).entry(b'0', "GNUSparseFile.0/s", &body).end();
        let seen = read(&made);
        assert_eq!(listing(&seen), ["s File 2000 [0+abc 1024+de]"]);
        assert_eq!((seen.reasons(), seen.warnings.len()), (vec![], 0));
    }

    fn v10() -> String {
        let pairs = [("major", "1"), ("minor", "0"), ("name", "s"), ("realsize", "2000")];
        pairs.map(|(name, value)| record(&format!("GNU.sparse.{name}"), value)).concat()
    }

    #[test]
    fn text_in_the_block_of_a_map_is_seen() {
        let mut body = format!("1\n0\n1\n{MARK}").into_bytes();
        body.resize(512, 0);
        body.push(b'a');
        let seen = read(&Made::new().pax(b'x', &v10()).entry(b'0', "s", &body).end());
        assert_eq!(listing(&seen), ["s File 2000 [0+a]"]);
        assert!(seen.raw(RawKind::Header).contains(MARK));
    }

    #[test]
    fn a_bad_map_is_an_error_and_the_next_entry_is_found() {
        let text = format!("1\n0\nx\n{MARK}{}", " ".repeat(1000));
        let maps = [
            Made::new().pax(b'x', &v10()).entry(b'0', "s", text.as_bytes()),
            Made::new().pax(b'x', &v10()).entry(b'0', "s", b""),
            Made::new().pax(b'x', &v10()).entry(b'0', "s", b"1\n0\n"),
            Made::new().old_sparse("s", 10, &[(4, 2), (0, 2)], false, 4).body(b"abcd"),
            Made::new().old_sparse("s", 10, &[(0, 20)], false, 20).body(&[b'x'; 20]),
            Made::new().pax(b'x', &record("GNU.sparse.map", "0,1,2")).entry(b'0', "s", b"ab"),
            Made::new().pax(b'x', &record("GNU.sparse.offset", "0")).entry(b'0', "s", b"ab"),
        ];
        for (index, made) in maps.into_iter().enumerate() {
            let seen = read(&made.entry(b'0', "next", b"n").end());
            assert_eq!(seen.reasons(), ["corrupt"], "{index}");
            assert_eq!(listing(&seen).last().map(String::as_str), Some("next File 1 [0+n]"), "{index}");
            let raw = seen.raw(RawKind::Header) + &seen.raw(RawKind::Unparsed);
            assert!(index > 0 || raw.contains(MARK));
        }
    }

    #[test]
    fn stored_bytes_and_map_must_agree() {
        let more = Made::new().old_sparse("s", 10, &[(0, 2)], false, 600).body(&[b'x'; 600]);
        let seen = read(&more.entry(b'0', "n", b"").end());
        assert_eq!(listing(&seen), ["s File 10 [0+xx]", "n File 0 []"]);
        assert_eq!(seen.raw(RawKind::Ambiguous).len(), 598);
        assert_eq!(seen.warnings.len(), 1);
        let less = Made::new().old_sparse("s", 10, &[(0, 2), (4, 4)], false, 4).body(b"abcd");
        let seen = read(&less.entry(b'0', "n", b"").end());
        assert_eq!(listing(&seen), ["s File 10 [0+ab 4+cd]", "n File 0 []"]);
        assert_eq!(seen.reasons(), ["corrupt"]);
    }

    #[test]
    fn unknown_versions_are_scanned_as_stored() {
        let records = [record("GNU.sparse.major", "2"), record("GNU.sparse.minor", "0")].concat();
        let seen = read(&Made::new().pax(b'x', &records).entry(b'0', "s", b"abc").end());
        assert_eq!(listing(&seen), ["s File 3 [0+abc]"]);
        assert_eq!(seen.warnings.len(), 1);
    }
}

/// Tars with every feature, for chance to cut and change.
fn samples() -> Vec<Vec<u8>> {
    let sparse = record("GNU.sparse.map", "0,3,1024,2") + &record("GNU.sparse.numblocks", "2");
    let text = [
        record("GNU.sparse.major", "1"),
        record("GNU.sparse.minor", "0"),
        record("GNU.sparse.realsize", "9"),
    ];
    let mut map = b"1\n4\n3\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(b"abc");
    let mut padded = Made::new().entry(b'0', "f", b"abc").entry(b'K', "k", b"link\0").linked(b'1', "h", "f");
    padded.patch(512 + 10, MARK.as_bytes());
    let old = Made::new().old_sparse("s", 10_000, &[(0, 2), (1000, 1)], true, 4);
    [
        Made::new().entry(b'5', "d/", b"").entry(b'0', "d/f", &[b'x'; 700]).end().entry(b'0', "late", b"b"),
        Made::new()
            .pax(b'g', &record("comment", MARK))
            .pax(b'x', &record("path", "p"))
            .entry(b'0', "f", b"abc"),
        Made::new()
            .pax(b'x', &record("size", "512"))
            .header(file("f", 1536))
            .body(&[b'x'; 512])
            .entry(b'0', "i", b"a"),
        Made::new().sized(b'1', "n", 600).body(&[b'x'; 600]).entry(b'0', "f", b"a").body(MARK.as_bytes()),
        Made::new().pax(b'x', &format!("{}99 x", record("path", "good"))).entry(b'0', "n", b"a"),
        Made::new().pax(b'x', &sparse).entry(b'0', "s", b"abcdefgh").end().body(MARK.as_bytes()).end(),
        Made::new().pax(b'x', &text.concat()).entry(b'0', "s", &map).body(&[0; 512]).entry(b'0', "late", b""),
        old.body(&made::sparse_block(&[(4000, 1)], false)).body(b"abcd"),
        padded.end(),
    ]
    .iter()
    .map(|made| made.bytes().to_vec())
    .collect()
}

fn runner() -> TestRunner {
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

/// Reads whole and in slices of the given lengths, over and over, and compares.
fn same_however_sliced(bytes: &[u8], slices: &[usize]) -> Result<(), TestCaseError> {
    let whole = Seen::read(bytes, bytes.len().max(1));
    prop_assert_eq!(&Seen::read_sliced(bytes, slices), &whole);
    prop_assert_eq!(&Seen::read(bytes, 1), &whole);
    Ok(())
}

#[test]
fn slicing_does_not_change_what_is_seen() {
    let samples = samples();
    let input = (0..samples.len(), prop::collection::vec(1_usize..1100, 1..8));
    let result = runner().run(&input, |(sample, slices)| same_however_sliced(&samples[sample], &slices));
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn mutated_tars_neither_panic_nor_depend_on_slices() {
    let samples = samples();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let input = (0..samples.len(), changes, any::<bool>(), prop::collection::vec(1_usize..1100, 1..4));
    let result = runner().run(&input, |(sample, changes, right_sums, slices)| {
        let mut bytes = samples[sample].clone();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if right_sums {
            bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar").for_each(made::fix_sum);
        }
        same_however_sliced(&bytes, &slices)
    });
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn random_bytes_neither_panic_nor_depend_on_slices() {
    let input = (prop::collection::vec(any::<u8>(), 0..2500), prop::collection::vec(1_usize..1100, 1..4));
    let result = runner().run(&input, |(bytes, slices)| same_however_sliced(&bytes, &slices));
    assert!(result.is_ok(), "{result:?}");
}

/// Headers out of valid parts in any order: what mutation alone hardly ever makes. Wherever a mark ends
/// up, it is seen.
#[test]
fn any_order_of_blocks_is_seen_to_the_end() {
    let parts = samples().concat();
    let blocks: Vec<&[u8]> = parts.chunks_exact(512).collect();
    let input = prop::collection::vec((0..blocks.len(), 0..400_usize), 0..24);
    let result = runner().run(&input, |order| {
        let (mut bytes, mut marks) = (Vec::new(), Vec::new());
        for (nth, (index, at)) in order.iter().enumerate() {
            let mut block = blocks[*index].to_vec();
            let mark = format!("{nth:04}{nth:04}a mark{nth:04}{nth:04}");
            if (nth + at) % 3 == 0 {
                block[*at..at + mark.len()].copy_from_slice(mark.as_bytes());
                marks.push(mark);
            }
            if block[257..262] == *b"ustar" {
                made::fix_sum(&mut block);
            }
            bytes.extend_from_slice(&block);
        }
        let seen = Seen::read(&bytes, bytes.len().max(1));
        for mark in marks.iter().filter(|mark| memchr::memmem::find(&bytes, mark.as_bytes()).is_some()) {
            prop_assert!(seen.has(mark.as_bytes()), "not seen: {mark}");
        }
        same_however_sliced(&bytes, &[100, 700])
    });
    assert!(result.is_ok(), "{result:?}");
}
