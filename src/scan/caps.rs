//! How many keys are kept of those found in the blobs of one source: of each detector in each file so
//! many, and so many in all. What is kept depends on what was found and on nothing else: not on the order
//! in which it came in, nor on how many workers there are.
//!
//! The surest and worst are kept, of those alike first every key once and then the places at which it
//! stands again, each from the front of the file. So neither a key that is repeated without end nor a file
//! full of keys hides what stands beside it.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::matches::{Finder, SegmentMatch, SegmentResult};
use super::segment::Content;
use crate::detect::{Confidence, Severity};
use crate::layer::entry_log::EntryIndex;
use crate::limits::{FILE_MATCHES, MATCHES};

/// Number of a blob among those of one source.
pub type BlobNumber = u64;

/// A file of a blob, or all that is none, and what found keys in it.
type Group = (BlobNumber, Option<EntryIndex>, Finder);

/// Which segment of its blob, in the order of the stream.
pub type SegmentNumber = (u64, usize);

/// How sure and how bad: the best first.
type Strength = (Reverse<bool>, Reverse<Confidence>, Reverse<Severity>);

/// What the blobs of one source gave.
pub struct Caps {
    groups: HashMap<Group, Kept>,
    /// Keys of one group that are kept. It goes down, never up.
    per_group: usize,
    /// How many are kept at that.
    total: usize,
    most: usize,
    /// Keys of groups that were given up, by blob.
    given_up: HashMap<BlobNumber, u64>,
}

/// What is kept of one group: never nothing.
#[derive(Default)]
struct Kept {
    matches: Vec<Placed>,
    /// How many were found.
    found: u64,
}

struct Placed {
    segment: SegmentNumber,
    content: Arc<Content>,
    found: SegmentMatch,
}

/// The keys of one blob that are not kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// By file, in the order of the blob: its path and how many.
    pub by_file: Vec<(Arc<[u8]>, u64)>,
    /// All, where there are more files with keys than keys that may be kept.
    pub others: u64,
}

/// The results of one chunk, cut down before anyone has to wait for it.
pub struct ChunkResults {
    groups: HashMap<(Option<EntryIndex>, Finder), Kept>,
}

impl ChunkResults {
    /// Takes the keys of the segments of chunk `sequence` out of them.
    pub fn new(sequence: u64, segments: &mut [SegmentResult]) -> Self {
        let mut groups: HashMap<_, Kept> = HashMap::new();
        for (number, result) in segments.iter_mut().enumerate() {
            for found in std::mem::take(&mut result.matches) {
                let content = result.content.clone();
                let group = groups.entry((content.entry, found.found.finder)).or_default();
                group.found += 1;
                group.matches.push(Placed { segment: (sequence, number), content, found });
            }
        }
        groups.values_mut().for_each(|kept| kept.cut(FILE_MATCHES));
        Self { groups }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self::new(FILE_MATCHES, MATCHES)
    }
}

impl Caps {
    fn new(per_group: usize, most: usize) -> Self {
        Self { groups: HashMap::new(), per_group, total: 0, most, given_up: HashMap::new() }
    }

    /// Takes the keys of a chunk.
    pub fn add(&mut self, blob: BlobNumber, chunk: ChunkResults) {
        for ((entry, finder), new) in chunk.groups {
            let per_group = self.per_group;
            let kept = self.groups.entry((blob, entry, finder)).or_default();
            let before = kept.counted(per_group);
            kept.found += new.found;
            kept.matches.extend(new.matches);
            self.total += kept.counted(per_group) - before;
            if kept.matches.len() >= 2 * per_group {
                kept.cut(per_group);
            }
        }
        self.lower();
        if self.groups.len() >= self.most + self.most / 4 {
            self.give_up();
        }
    }

    /// Lets every group keep less until all of them together keep no more than may be.
    fn lower(&mut self) {
        while self.total > self.most && self.per_group > 1 {
            self.per_group /= 2;
            let per_group = self.per_group;
            self.groups.values_mut().for_each(|kept| kept.cut(per_group));
            self.total = self.groups.values().map(|kept| kept.counted(per_group)).sum();
        }
    }

    /// Of more groups than keys may be kept, the best are kept, by the best key of each.
    fn give_up(&mut self) {
        if self.groups.len() <= self.most {
            return;
        }
        self.groups.values_mut().for_each(|kept| kept.cut(1));
        let mut groups: Vec<_> = self.groups.drain().collect();
        groups.sort_by_cached_key(|(group, kept)| {
            let best = kept.matches.first();
            (best.map(Placed::strength), best.map(|best| best.content.path.clone()), *group)
        });
        for (group, kept) in groups.drain(self.most..) {
            *self.given_up.entry(group.0).or_default() += kept.found;
        }
        self.groups = groups.into_iter().collect();
        self.total = self.groups.len();
    }

    /// The keys of a blob, each with its segment and content, and how many are missing. To be asked for
    /// when all blobs of the source were read.
    pub fn take(
        &mut self,
        blob: BlobNumber,
        mut give: impl FnMut(SegmentNumber, Arc<Content>, SegmentMatch),
    ) -> Lost {
        self.give_up();
        let mut by_file = BTreeMap::<_, (Arc<[u8]>, u64)>::new();
        let per_group = self.per_group;
        for ((_, entry, _), mut kept) in self.groups.extract_if(|group, _| group.0 == blob) {
            kept.cut(per_group);
            let missing = kept.found - kept.matches.len() as u64;
            if let Some(first) = kept.matches.first().filter(|_| missing > 0) {
                by_file.entry(entry).or_insert((first.content.path.clone(), 0)).1 += missing;
            }
            kept.matches.into_iter().for_each(|placed| give(placed.segment, placed.content, placed.found));
        }
        let others = self.given_up.get(&blob).copied().unwrap_or(0);
        if self.given_up.is_empty() {
            return Lost { by_file: by_file.into_values().collect(), others };
        }
        // A file that was given up may have come back: only the sum is the same in every order.
        Lost {
            by_file: Vec::new(),
            others: by_file.into_values().fold(others, |sum, (_, count)| sum + count),
        }
    }
}

impl Kept {
    /// How many of it count as kept.
    fn counted(&self, most: usize) -> usize {
        usize::try_from(self.found).unwrap_or(usize::MAX).min(most)
    }

    /// Drops all but the best. Whatever is dropped has so many that are better, and they stay or are
    /// replaced by better ones, so that it does not matter when a group is cut and how often.
    fn cut(&mut self, most: usize) {
        if self.matches.len() <= most {
            return;
        }
        self.matches.sort_by_key(|placed| (placed.strength(), placed.place()));
        let mut room = most;
        let mut kept = Vec::with_capacity(self.matches.len());
        for alike in self.matches.chunk_by(|a, b| a.strength() == b.strength()) {
            let first = kept.len();
            kept.resize(first + alike.len(), alike.len() <= room);
            if alike.len() > room {
                for at in best(alike, room) {
                    kept.get_mut(first + at).into_iter().for_each(|kept| *kept = true);
                }
            }
            room -= room.min(alike.len());
        }
        let mut kept = kept.into_iter();
        self.matches.retain(|_| kept.next().unwrap_or(false));
    }
}

/// Which of the alike, sorted by their places, come first: every key once, then every key for the second
/// time, and so on. Where there are enough keys, what stands behind them is not looked at.
fn best(alike: &[Placed], most: usize) -> Vec<usize> {
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let mut firsts = Vec::new();
    let mut repeats = Vec::new();
    for (at, placed) in alike.iter().enumerate() {
        if firsts.len() >= most {
            return firsts;
        }
        match seen.entry(placed.key()) {
            Entry::Vacant(new) => {
                new.insert(0);
                firsts.push(at);
            }
            Entry::Occupied(mut repeat) => {
                *repeat.get_mut() += 1;
                repeats.push((*repeat.get(), at));
            }
        }
    }
    repeats.sort_unstable();
    firsts.extend(repeats.into_iter().map(|(_, at)| at).take(most - firsts.len()));
    firsts
}

impl Placed {
    fn strength(&self) -> Strength {
        let found = &self.found.found;
        (Reverse(found.verified), Reverse(found.confidence), Reverse(found.severity))
    }

    fn key(&self) -> &[u8] {
        self.found.found.secret.expose()
    }

    fn place(&self) -> (u64, u64, u64) {
        (self.content.id, self.found.offset, self.found.length)
    }
}

#[cfg(test)]
mod tests;
