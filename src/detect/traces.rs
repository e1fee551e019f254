//! Keyed hashes of what must not be shown, for keys whose value nobody kept: with them a text can be kept
//! free of a key, and nobody without the hashing key can test a guess.
//!
//! A trace is of a whole form of a key. There are none of its pieces: from those the key could be put
//! together by whoever has the hashing key.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

/// A value by its length and a keyed hash of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trace {
    /// In bytes.
    pub length: u32,
    /// SipHash-2-4 of the bytes.
    pub hash: u64,
}

/// What makes traces: the half of a key of 128 bits is a secret of the hashing key's owners.
#[derive(Clone)]
pub struct Tracer(SipHasher24);

impl Tracer {
    /// A tracer with this key.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// The trace of a value.
    pub fn trace(&self, value: &[u8]) -> Trace {
        let mut hasher = self.0;
        hasher.write(value);
        Trace { length: u32::try_from(value.len()).unwrap_or(u32::MAX), hash: hasher.finish() }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tracer")
    }
}

/// Values that are known by their traces, and what to show for each.
#[derive(Debug, Default)]
pub(super) struct Traced {
    tracer: Option<Tracer>,
    /// By length: the hashes of that length, and what to show for each.
    shown: BTreeMap<u32, Vec<(u64, String)>>,
}

/// Hashes that one text may cost. Only a text of megabytes beside keys of hundreds of lengths takes more.
const MOST: usize = 1 << 24;

impl Traced {
    /// None so far; traces will be those of `tracer`.
    pub(super) fn new(tracer: Tracer) -> Self {
        Self { tracer: Some(tracer), shown: BTreeMap::new() }
    }

    /// One more value.
    pub(super) fn add(&mut self, trace: Trace, shown: &str) {
        let alike = self.shown.entry(trace.length).or_default();
        if alike.iter().all(|(hash, _)| *hash != trace.hash) {
            alike.push((trace.hash, shown.to_owned()));
        }
    }

    /// Where any of the values stands in `text`. A text that cannot be looked through is hidden whole.
    pub(super) fn find_in(&self, text: &[u8]) -> Option<Vec<(Range<usize>, String)>> {
        let mut found = Vec::new();
        let Some(tracer) = &self.tracer else { return Some(found) };
        let lengths = self.shown.iter().filter(|(length, _)| **length > 0);
        let lengths: Vec<(usize, &Vec<(u64, String)>)> =
            lengths.map(|(length, alike)| (usize::try_from(*length).unwrap_or(usize::MAX), alike)).collect();
        let windows = |length: usize| text.len().saturating_sub(length - 1);
        lengths.iter().try_fold(MOST, |left, (length, _)| left.checked_sub(windows(*length)))?;
        for start in 0..text.len() {
            // What is longer begins with what is shorter: it is hashed on from there.
            let (mut hasher, mut end) = (tracer.0, start);
            for (length, alike) in &lengths {
                let Some(more) = text.get(end..start.saturating_add(*length)) else { break };
                hasher.write(more);
                end = start + length;
                let hash = hasher.finish();
                let known = alike.iter().find(|(known, _)| *known == hash);
                found.extend(known.map(|(_, shown)| (start..end, shown.clone())));
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer() -> Tracer {
        Tracer::new(b"sixteen bytes it")
    }

    #[test]
    fn the_hash_is_siphash_2_4() {
        // The first of the reference implementation's vectors for 64 bits, and that of 15 bytes of its paper.
        let key: Vec<u8> = (0..16).collect();
        let tracer = Tracer::new(key.as_slice().try_into().expect("16 bytes"));
        assert_eq!(tracer.trace(b"").hash, 0x726f_db47_dd0e_0e31);
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(tracer.trace(&message).hash, 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn values_are_found_wherever_they_stand() {
        let tracer = tracer();
        let mut traced = Traced::new(tracer.clone());
        assert_eq!(traced.find_in(b"anything"), Some(Vec::new()));
        traced.add(tracer.trace(b"abcdef"), "a");
        traced.add(tracer.trace(b"defghijk"), "b");
        let found = traced.find_in(b"abcdefghijk abcdef").expect("short");
        assert_eq!(found, [(0..6, "a".to_owned()), (3..11, "b".to_owned()), (12..18, "a".to_owned())]);
        assert_eq!(traced.find_in(b"abcde"), Some(Vec::new()));
    }

    #[test]
    fn a_text_that_would_cost_too_much_is_not_looked_through() {
        let tracer = tracer();
        let mut traced = Traced::new(tracer.clone());
        for length in 6..600 {
            traced.add(tracer.trace(&vec![b'x'; length]), "…");
        }
        assert_eq!(traced.find_in(&vec![b'y'; 1 << 20]), None);
    }
}
