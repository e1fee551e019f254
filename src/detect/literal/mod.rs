//! The one pass over every byte: finds the literals that detectors are anchored at.
//!
//! ```text
//! bytes  --Filter::mark------>  1 of 12 to 20 even places   two look-ups in one table
//!        --Filter::may_begin->  1 of 50 to 130              two bytes as they are spelled, all six together,
//!                                                           or the three of a short literal
//!        --compare----------->  the literals                eight bytes at once, then whole: every second one is
//! ```
//!
//! Only every second place is looked at: each literal has two windows, one at an even and one at an odd
//! distance from its start, each where the literal is rarest in what images are made of.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod filter;
pub(crate) mod kinds;
mod rarity;
#[cfg(test)]
mod tests;

use std::ops::Range;

use filter::{BLOCK, CHUNK, Filter, LANES, Marks, Window};

/// Shorter literals are everywhere.
const SHORTEST: usize = 3;

/// How far behind a literal's start its window may stand.
const FURTHEST: usize = 64;

/// Bytes from a window's start that are compared at once.
const WORD: usize = 8;

/// A literal to look for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal {
    /// Its bytes, three at least.
    pub text: Vec<u8>,
    /// Whether ASCII letters may stand there in the other case.
    pub any_case: bool,
}

/// Literals to look for, all at once.
pub struct Literals {
    literals: Vec<Literal>,
    filter: Filter,
    /// The windows, by their slot in the filter.
    entries: Vec<Entry>,
    /// By slot: where its windows begin in `entries`; one more for the end of the last.
    starts: Vec<u32>,
    /// How far behind a literal's start its window may stand.
    furthest: usize,
}

/// A window of a literal.
struct Entry {
    /// Of the eight bytes from the window's start: the bits that the literal gives, and their values.
    mask: u64,
    value: u64,
    literal: u32,
    /// Where the window starts in the literal; -1 is the byte before it.
    offset: i16,
    /// Whether the literal is among the eight bytes as a whole.
    whole: bool,
}

impl Literals {
    /// Compiles them. A literal's number in [`Literals::each`] is its place in `literals`.
    pub fn new(literals: Vec<Literal>) -> Result<Self, String> {
        if literals.iter().any(|literal| literal.text.len() < SHORTEST) {
            return Err(format!("a literal has less than {SHORTEST} bytes"));
        }
        let mut filter = Filter::new();
        let mut entries: Vec<(usize, Entry)> = Vec::with_capacity(literals.len() * 3);
        let mut furthest = 0;
        let mut used = Box::new([0; filter::SLOTS]);
        for (literal, number) in literals.iter().zip(0..) {
            for first in [0, -1] {
                let window = Window::best(literal, first, &mut used);
                let offset = window.offset;
                furthest = furthest.max(usize::try_from(offset).unwrap_or(0));
                let (mask, value) = literal.bits_from(offset);
                let whole = offset <= 0 && literal.byte(offset + WORD as i32).is_none();
                let offset = offset as i16;
                filter.add(&window, |slot| {
                    entries.push((slot, Entry { mask, value, literal: number, offset, whole }))
                });
            }
        }
        entries.sort_by_key(|(slot, entry)| (*slot, entry.literal, entry.offset));
        let mut starts = vec![0; filter::SLOTS + 1];
        for (slot, _) in &entries {
            if let Some(count) = starts.get_mut(slot + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(Self { literals, filter, entries, starts, furthest })
    }

    /// The same without instructions that not every processor has.
    pub fn without_vectors(self) -> Self {
        Self { filter: self.filter.without_vectors(), ..self }
    }

    /// The literals, by number.
    pub fn all(&self) -> &[Literal] {
        &self.literals
    }

    /// Calls `found` with the number and the start of every literal that starts in `range`. It may end
    /// behind it. The order is that of the windows by which they are found: nearly that of the starts.
    pub fn each(&self, bytes: &[u8], range: Range<usize>, mut found: impl FnMut(usize, usize)) {
        if self.literals.is_empty() || range.is_empty() {
            return;
        }
        // A window starts one byte before its literal at the earliest, and then at an even place.
        let mut at = range.start & !1;
        let end = range.end.saturating_add(self.furthest).min(bytes.len());
        let mut marks = Marks::new();
        while at < end {
            let rest = bytes.get(at..).unwrap_or_default();
            let whole = rest.len().saturating_sub(filter::BEHIND) / BLOCK;
            let count = whole.min((end - at).div_ceil(BLOCK)).min(CHUNK);
            if count > 0 {
                self.filter.mark(rest, count, &mut marks);
                self.confirm(bytes, at, &range, &mut marks, &mut found);
                at += count * BLOCK;
            } else {
                let mut last = [0; 2 * BLOCK + filter::BEHIND];
                last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                self.filter.mark(&last, 2, &mut marks);
                self.confirm(bytes, at, &range, &mut marks, &mut found);
                at += 2 * BLOCK;
            }
        }
    }

    /// Looks at what the filter marked in the blocks that begin at `at`.
    fn confirm(
        &self,
        bytes: &[u8],
        at: usize,
        range: &Range<usize>,
        marks: &mut Marks,
        found: &mut impl FnMut(usize, usize),
    ) {
        let rest = bytes.get(at..).unwrap_or_default();
        let step = BLOCK / LANES;
        for place in
            marks.keep(|place, buckets| self.filter.may_begin(buckets, word_at(rest, place * step)) != 0)
        {
            self.compare(bytes, at + place * step, word_at(rest, place * step), range, found);
        }
    }

    /// Compares the literals that have a window with the bytes `word`, which stand at `place`.
    fn compare(
        &self,
        bytes: &[u8],
        place: usize,
        word: u64,
        range: &Range<usize>,
        found: &mut impl FnMut(usize, usize),
    ) {
        let slot = filter::slot(word as u32);
        let start = |slot: usize| self.starts.get(slot).map_or(0, |start| *start as usize);
        for entry in self.entries.get(start(slot)..start(slot + 1)).unwrap_or_default() {
            if word & entry.mask != entry.value {
                continue;
            }
            let number = entry.literal as usize;
            let start = place.wrapping_sub(entry.offset as usize);
            // A word that goes on behind the end of the bytes says nothing about them.
            let is_whole = entry.whole && place + WORD <= bytes.len();
            if range.contains(&start) && (is_whole || self.begins(number, bytes, start)) {
                found(number, start);
            }
        }
    }

    /// Whether the literal of this number stands at `start`.
    fn begins(&self, number: usize, bytes: &[u8], start: usize) -> bool {
        let text = bytes.get(start..);
        self.literals.get(number).zip(text).is_some_and(|(literal, text)| literal.begins(text))
    }
}

impl Literal {
    /// Whether `text` begins with it.
    fn begins(&self, text: &[u8]) -> bool {
        let Some(text) = text.get(..self.text.len()) else { return false };
        if self.any_case { text.eq_ignore_ascii_case(&self.text) } else { text == self.text }
    }

    /// The byte at `at`, if it has one there.
    fn byte(&self, at: i32) -> Option<u8> {
        self.text.get(usize::try_from(at).ok()?).copied()
    }

    /// What it gives of the eight bytes that begin at `offset`: which bits, and their values.
    fn bits_from(&self, offset: i32) -> (u64, u64) {
        let (mut mask, mut value) = ([0; 8], [0; 8]);
        for ((mask, value), at) in mask.iter_mut().zip(&mut value).zip(offset..) {
            if let Some(byte) = self.byte(at) {
                *mask = if self.any_case && byte.is_ascii_alphabetic() { !0x20 } else { !0 };
                *value = byte & *mask;
            }
        }
        (u64::from_le_bytes(mask), u64::from_le_bytes(value))
    }
}

/// The eight bytes at `at`, those behind the end as NUL.
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(word) = rest.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    let mut word = [0; 8];
    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(word)
}
