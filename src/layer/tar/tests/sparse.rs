//! Sparse files of every kind.

use super::made::{self, Made, record};
use super::{MARK, listing, read};
use crate::layer::tar::RawKind;

#[test]
fn old_gnu_maps_go_on_in_blocks() {
    let mut made = Made::new().old_sparse("s", 100_000, &[(0, 2), (1000, 1), (2000, 1), (3000, 1)], true, 9);
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
