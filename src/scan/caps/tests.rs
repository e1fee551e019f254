use std::sync::Arc;

use proptest::prelude::*;

use super::{Caps, ChunkResults, Lost};
use crate::detect::{Confidence, DetectorIndex, Key, Place, Severity};
use crate::layer::entry_log::EntryIndex;
use crate::limits::FILE_MATCHES;
use crate::scan::matches::{Finder, Found, SegmentMatch, SegmentResult};
use crate::scan::secret::Secret;
use crate::scan::segment::Content;

/// A key in a file, as a few numbers.
#[derive(Clone, Copy, Debug)]
struct Planted {
    file: u32,
    offset: u64,
    key: u32,
    detector: u16,
    confidence: Confidence,
}

fn plain(file: u32, offset: u64, key: u32) -> Planted {
    Planted { file, offset, key, detector: 0, confidence: Confidence::High }
}

impl Planted {
    fn chunk(self) -> Vec<SegmentResult> {
        let content = Content {
            id: u64::from(self.file),
            entry: Some(EntryIndex(self.file)),
            place: Place::File,
            path: Arc::from(format!("file{}", self.file).as_bytes()),
            name: None,
            stated: None,
            inner: None,
            file: crate::scan::hashed::FileLink::default(),
        };
        let mut result = SegmentResult::of(Arc::new(content));
        let key = Key::new(format!("key{}", self.key).into_bytes());
        let found = Found {
            finder: Finder::Detector(DetectorIndex(self.detector)),
            secret: Secret::Read { key: key.clone(), raw: key },
            severity: Severity::High,
            confidence: self.confidence,
            verified: false,
            handles: Vec::new(),
            companions: Vec::new(),
            incomplete: false,
            encodings: Vec::new(),
        };
        result.matches.push(SegmentMatch { offset: self.offset, length: 1, line: 0, column: None, found });
        vec![result]
    }
}

/// What is kept of keys that come in in this order: files, offsets and keys, sorted; and what is missing.
fn kept(per_group: usize, most: usize, planted: &[Planted]) -> (Vec<(u32, u64, String)>, Lost) {
    let mut caps = Caps::new(per_group, most);
    for (sequence, planted) in (0..).zip(planted) {
        caps.add(0, ChunkResults::new(sequence, &mut planted.chunk()));
    }
    let mut all = Vec::new();
    let lost = caps.take(0, |_, content, found| {
        let key = String::from_utf8_lossy(found.found.secret.expose()).into_owned();
        all.push((content.entry.map_or(0, |entry| entry.0), found.offset, key));
    });
    all.sort();
    (all, lost)
}

fn offsets(kept: &[(u32, u64, String)]) -> Vec<u64> {
    kept.iter().map(|(_, offset, _)| *offset).collect()
}

#[test]
fn the_first_of_a_file_are_kept_and_the_rest_is_counted() {
    let planted: Vec<_> = (0..9).map(|at| plain(1, at, at as u32)).collect();
    let (all, lost) = kept(4, 100, &planted);
    assert_eq!(offsets(&all), [0, 1, 2, 3]);
    assert_eq!(lost, Lost { by_file: vec![(Arc::from(&b"file1"[..]), 5)], others: 0 });
}

#[test]
fn the_surest_are_kept_wherever_they_stand() {
    let mut planted: Vec<_> =
        (0..9).map(|at| Planted { confidence: Confidence::Low, ..plain(1, at, at as u32) }).collect();
    planted.push(plain(1, 70, 70));
    assert_eq!(offsets(&kept(3, 100, &planted).0), [0, 1, 70]);
}

#[test]
fn a_repeated_key_hides_no_other() {
    let mut planted: Vec<_> = (0..50).map(|at| plain(1, at, 7)).collect();
    planted.push(plain(1, 70, 8));
    assert_eq!(offsets(&kept(3, 100, &planted).0), [0, 1, 70]);
}

#[test]
fn a_detector_hides_no_other() {
    let mut planted: Vec<_> = (0..50).map(|at| plain(1, at, at as u32)).collect();
    planted.push(Planted { detector: 1, confidence: Confidence::Low, ..plain(1, 70, 70) });
    assert_eq!(offsets(&kept(2, 100, &planted).0), [0, 1, 70]);
}

#[test]
fn too_many_in_all_leave_less_to_every_file() {
    let mut planted: Vec<_> =
        (0..4_u32).flat_map(|f| (0..16).map(move |at| plain(f, at, at as u32))).collect();
    planted.push(plain(9, 0, 99));
    let (all, lost) = kept(8, 17, &planted);
    assert_eq!(all.len(), 4 * 4 + 1);
    assert_eq!((lost.by_file.len(), lost.by_file.iter().map(|(_, count)| count).sum::<u64>()), (4, 48));
}

#[test]
fn of_too_many_files_the_surest_stay() {
    let sure = |file| plain(file, 0, file);
    let mut planted: Vec<_> =
        (10..60).map(|file| Planted { confidence: Confidence::Low, ..sure(file) }).collect();
    planted.push(sure(70));
    let (all, lost) = kept(8, 10, &planted);
    let files: Vec<u32> = all.iter().map(|(file, ..)| *file).collect();
    assert_eq!(files, [10, 11, 12, 13, 14, 15, 16, 17, 18, 70]);
    assert_eq!(lost, Lost { by_file: Vec::new(), others: 41 });
}

#[test]
fn a_chunk_of_keys_is_cut_by_itself() {
    let mut results: Vec<_> =
        (0..2 * FILE_MATCHES as u64).flat_map(|at| plain(1, at, at as u32).chunk()).collect();
    let chunk = ChunkResults::new(0, &mut results);
    assert_eq!(chunk.groups.values().map(|kept| kept.matches.len()).sum::<usize>(), FILE_MATCHES);
}

/// What should be kept of one file's keys: by strength, then how often a key stood before, then place.
fn ranked(planted: &[Planted], most: usize) -> Vec<u64> {
    let mut planted = planted.to_vec();
    planted.sort_by_key(|planted| planted.offset);
    let repeat = |at: usize| {
        let one = &planted[at];
        planted[..at]
            .iter()
            .filter(|other| (other.key, other.confidence) == (one.key, one.confidence))
            .count()
    };
    let mut ranks: Vec<_> = (0..planted.len())
        .map(|at| (std::cmp::Reverse(planted[at].confidence), repeat(at), planted[at].offset))
        .collect();
    ranks.sort();
    let mut offsets: Vec<u64> = ranks.into_iter().take(most).map(|(.., offset)| offset).collect();
    offsets.sort();
    offsets
}

proptest! {
    #[test]
    fn the_best_are_kept_of_a_file(
        numbers in prop::collection::vec((0..9_u32, 0..3_u8), 1..80),
        most in 1..40_usize,
    ) {
        let confidence = |number| [Confidence::Low, Confidence::Medium, Confidence::High][usize::from(number)];
        let planted: Vec<Planted> = (0..)
            .zip(numbers)
            .map(|(at, (key, sure))| Planted { confidence: confidence(sure), ..plain(1, at, key) })
            .collect();
        prop_assert_eq!(offsets(&kept(most, 1_000, &planted).0), ranked(&planted, most));
    }

    #[test]
    fn what_is_kept_does_not_depend_on_the_order(
        numbers in prop::collection::vec((0..4_u32, 0..40_u64, 0..6_u32, 0..2_u16, any::<bool>()), 1..120),
        turned in any::<prop::sample::Index>(),
        most in 1..60_usize,
    ) {
        let mut planted: Vec<Planted> = numbers
            .into_iter()
            .map(|(file, offset, key, detector, sure)| Planted {
                confidence: if sure { Confidence::High } else { Confidence::Low },
                detector,
                ..plain(file, offset, key)
            })
            .collect();
        planted.sort_by_key(|planted| (planted.file, planted.offset, planted.detector));
        // A detector finds one key at a place.
        planted.dedup_by_key(|planted| (planted.file, planted.offset, planted.detector));
        let straight = kept(8, most, &planted);
        let middle = turned.index(planted.len());
        planted.rotate_left(middle);
        prop_assert_eq!(&straight, &kept(8, most, &planted));
        planted.reverse();
        prop_assert_eq!(&straight, &kept(8, most, &planted));
        prop_assert!(straight.0.len() <= most);
    }
}
