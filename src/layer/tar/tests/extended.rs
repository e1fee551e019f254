//! Extended headers: pax, local and global, and GNU long names.

use super::made::{Made, file, record};
use super::{MARK, listing, read};
use crate::layer::tar::{EntryKind, MetaKind, RawKind};
use crate::limits;

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
fn the_name_of_an_extended_header_is_seen_unless_it_is_a_usual_one() {
    for (own, is_usual) in [
        ("dir/PaxHeaders.1234/a-long-name", true),
        ("./PaxHeaders/a-long-nam", true),
        ("././@PaxHeader", true),
        ("mark-in-a-part/PaxHeaders.1234/a-long-name", false),
        ("PaxHeaders.mark-in-a-part/a-long-name", false),
        ("PaxHeaders.1234567890123/a-long-name", false),
    ] {
        let made = Made::new().entry(b'x', own, record("path", "dir/a-long-name").as_bytes());
        let seen = read(&made.entry(b'0', "a-long", b"").end());
        assert_eq!(seen.entries[0].meta_of("name").is_empty(), is_usual, "{own}");
    }
}
