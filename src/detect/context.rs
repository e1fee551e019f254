//! What a detector may look at: the bytes within the context radius of one anchor.

use std::cell::Cell;
use std::ops::Range;

use super::{Place, Window};
use crate::limits;

/// The bytes around an anchor. Nothing else decides about a hit, so that the same content cut into
/// other windows gives the same hits.
pub(super) struct Context<'a> {
    pub(super) bytes: &'a [u8],
    /// Where `bytes` begins in the window.
    pub(super) offset: usize,
    /// Where the anchor begins in `bytes`.
    pub(super) anchor: usize,
    pub(super) place: Place,
    /// What was done here, in the turns of [`Effort`](super::effort::Effort).
    turns: Cell<usize>,
}

impl<'a> Context<'a> {
    pub(super) fn around(window: &Window<'a>, anchor: usize) -> Self {
        let from = anchor.saturating_sub(limits::CONTEXT_RADIUS);
        // One more byte than the radius: the one behind a key that fills it.
        let to = anchor.saturating_add(limits::CONTEXT_RADIUS + 1).min(window.bytes.len());
        Self {
            bytes: window.bytes.get(from..to).unwrap_or_default(),
            offset: from,
            anchor: anchor - from,
            place: window.place,
            turns: Cell::new(0),
        }
    }

    /// Counts so many turns as done.
    pub(super) fn take(&self, turns: usize) {
        self.turns.set(self.turns.get().saturating_add(turns));
    }

    /// The turns that were done since it was last asked.
    pub(super) fn take_turns(&self) -> usize {
        self.turns.take()
    }

    /// A context at another anchor, with the same bytes.
    pub(super) fn at(&self, anchor: usize) -> Self {
        let turns = Cell::new(0);
        Self { bytes: self.bytes, offset: self.offset, anchor, place: self.place, turns }
    }

    /// Whether the content is one value and no text of many lines: a variable, a label.
    pub(super) fn is_single_value(&self) -> bool {
        matches!(self.place, Place::Env | Place::Arg | Place::Label | Place::Annotation)
    }

    /// The byte at `at`.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The bytes of `range`, or none.
    pub(super) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// `span` and what stands up to `lines` lines before and behind it, within a fixed distance.
    pub(super) fn nearby(&self, span: &Range<usize>, lines: usize) -> Range<usize> {
        let floor = span.start.saturating_sub(limits::NEARBY);
        let before = self.slice(floor..span.start);
        let from = memchr::memrchr_iter(b'\n', before).nth(lines).map_or(floor, |at| floor + at + 1);
        let ceiling = span.end.saturating_add(limits::NEARBY).min(self.bytes.len());
        let behind = self.slice(span.end..ceiling);
        let to = memchr::memchr_iter(b'\n', behind).nth(lines).map_or(ceiling, |at| span.end + at);
        from..to
    }

    /// Whether `span` lies in binary content: a byte stands near it that no text has.
    pub(super) fn is_binary(&self, span: &Range<usize>) -> bool {
        let from = span.start.saturating_sub(limits::BINARY_SIGN);
        let to = span.end.saturating_add(limits::BINARY_SIGN).min(self.bytes.len());
        let front = self.slice(from..span.start);
        let back = self.slice(span.end..to);
        holds_binary(front) || holds_binary(back)
    }
}

/// Whether a NUL or another control character stands in `bytes` that neither texts nor terminals use.
pub(super) fn holds_binary(bytes: &[u8]) -> bool {
    // Without an end at the first one, the loop is one of vectors.
    bytes.iter().fold(false, |held, byte| held | matches!(byte, 0..=6 | 0x0E..=0x1A | 0x1C..=0x1F))
}

#[cfg(test)]
mod tests {
    use super::Context;
    use crate::detect::{Place, Window};

    fn context(bytes: &[u8]) -> Context<'_> {
        let window =
            Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" };
        Context::around(&window, 0)
    }

    #[test]
    fn nearby_counts_lines() {
        let text = b"a\nb\nKEY\nc\nd\n";
        let context = context(text);
        assert_eq!(context.slice(context.nearby(&(4..7), 0)), b"KEY");
        assert_eq!(context.slice(context.nearby(&(4..7), 1)), b"b\nKEY\nc");
        assert_eq!(context.slice(context.nearby(&(4..7), 9)), text);
    }

    #[test]
    fn a_control_character_beside_the_key_makes_it_binary() {
        assert!(context(b"KEY\x05").is_binary(&(0..3)));
        assert!(!context(b"\x1b[1mKEY\x07\x08\x0c\r\n").is_binary(&(4..7)));
        assert!(context(b"\0KEY").is_binary(&(1..4)));
        assert!(!context(b"KEY").is_binary(&(0..3)));
        let far = [b"KEY".as_slice(), &[b' '; 300], b"\0"].concat();
        assert!(!context(&far).is_binary(&(0..3)));
    }
}
