//! What chance makes of tars: nothing panics, nothing depends on slices, nothing stays unseen.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::MARK;
use super::made::{self, Made, file, record};
use super::seen::Seen;

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
