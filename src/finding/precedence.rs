//! Which of several detectors a key belongs to, where what they find overlaps: one is reported, and names
//! the others.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::detect::Confidence;
use crate::detect::definition::GUESS;
use crate::scan::matches::Finder;

/// What a find is judged by. The least goes first: guesses last, before them what may yet turn out to be no
/// key; named kinds before the team's own values (which say what holds them, not what they are), a service's
/// before general ones, verified before not, surer before less sure, longer before shorter, as it lies before
/// decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    is_guess: bool,
    incomplete: bool,
    is_own: bool,
    generality: u8,
    unverified: bool,
    confidence: Reverse<Confidence>,
    length: Reverse<u64>,
    encodings: usize,
    offset: u64,
    finder: Finder,
}

/// What a find says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Stated {
    /// What found it.
    pub finder: Finder,
    /// Whether a companion without which it opens nothing was not beside it.
    pub incomplete: bool,
    /// Whether an offline check proved it.
    pub verified: bool,
    /// How sure.
    pub confidence: Confidence,
    /// How many encodings it stood in.
    pub encodings: usize,
}

impl Claim {
    /// The claim of a find on these bytes of its content; `generality` is its definition's.
    pub fn new(stated: Stated, bytes: Range<u64>, generality: u8) -> Self {
        Self {
            is_guess: generality >= GUESS,
            incomplete: stated.incomplete,
            is_own: matches!(stated.finder, Finder::OwnSecret(_)),
            generality,
            unverified: !stated.verified,
            confidence: Reverse(stated.confidence),
            length: Reverse(bytes.end.saturating_sub(bytes.start)),
            encodings: stated.encodings,
            offset: bytes.start,
            finder: stated.finder,
        }
    }

    /// Whether it is worth saying of `other`, which goes first, that this one fits too: that a name alone
    /// would have told it as well is not.
    pub fn adds_to(&self, other: &Self) -> bool {
        self.finder != other.finder && (!self.is_guess || other.is_guess)
    }

    fn end(&self) -> u64 {
        self.offset + self.length.0.max(1)
    }
}

/// Settles the finds of one content: of those that overlap the first by its claim is kept, and `merge` tells
/// it of each of the others. What is kept comes in the order of the content.
pub fn settle<T>(
    mut finds: Vec<(Claim, T)>,
    mut merge: impl FnMut(&mut (Claim, T), &(Claim, T)),
) -> Vec<(Claim, T)> {
    finds.sort_by_key(|(claim, _)| *claim);
    let mut kept: Vec<(Claim, T)> = Vec::new();
    // Kept spans do not overlap, so the neighbours by start are all that can meet a new one.
    let mut spans: BTreeMap<u64, usize> = BTreeMap::new();
    for find in finds {
        let claim = find.0;
        let before = spans.range(..claim.end()).next_back().map(|(_, index)| *index);
        match before.filter(|index| kept[*index].0.offset + kept[*index].0.length.0 > claim.offset) {
            Some(index) => merge(&mut kept[index], &find),
            None => {
                spans.insert(claim.offset, kept.len());
                kept.push(find);
            }
        }
    }
    kept.sort_by_key(|(claim, _)| claim.offset);
    kept
}
