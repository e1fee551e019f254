//! A part of a text as it reads when its encoded pieces are decoded in their places, between the names
//! and marks that stand around them.

use std::ops::Range;

use super::pieces::{Piece, Pieces, Place};
use crate::limits::{ENCODING_CONTEXT, NAME_AFFIX};

/// How far behind a key a decoded piece may stand that makes a difference to it: a closing quote.
const BEHIND: usize = 16;

/// How far in front of a key: a name, and what stands between.
const BEFORE: usize = 2 * NAME_AFFIX;

/// A decoded piece in a view.
#[derive(Debug)]
struct Part {
    range: Range<usize>,
    encoding: &'static str,
}

/// A text with its pieces decoded.
#[derive(Debug)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// For each of `bytes`: where it comes from.
    places: Vec<Place>,
    parts: Vec<Part>,
    /// Whether the text itself begins and ends with `bytes`.
    pub(super) starts: bool,
    pub(super) ends: bool,
}

/// The stretches of a text of `length` bytes that pieces make worth reading, each with its pieces:
/// neighbours, and what stands around them, together.
pub(super) fn islands(pieces: &[Piece], length: usize) -> Vec<(Range<usize>, &[Piece])> {
    let apart = |a: &Piece, b: &Piece| b.source.start.saturating_sub(a.source.end) <= 2 * ENCODING_CONTEXT;
    let groups = pieces.chunk_by(apart).filter(|group| group.iter().any(|piece| piece.strong));
    let island = |group: &'_ [Piece]| {
        let start = group.first()?.source.start.saturating_sub(ENCODING_CONTEXT);
        let end = group.last()?.source.end.saturating_add(ENCODING_CONTEXT).min(length);
        Some(start..end)
    };
    groups.filter_map(|group| Some((island(group)?, group))).collect()
}

impl View {
    /// The view of `island` in `text`. `edges`: whether the text is bounded by nothing at either end.
    pub(super) fn new(
        text: &[u8],
        island: Range<usize>,
        list: &[Piece],
        pieces: &Pieces,
        edges: (bool, bool),
    ) -> Self {
        let mut view = Self {
            bytes: Vec::with_capacity(island.len()),
            places: Vec::with_capacity(island.len()),
            parts: Vec::with_capacity(list.len()),
            starts: edges.0 && island.start == 0,
            ends: edges.1 && island.end == text.len(),
        };
        let mut at = island.start;
        for piece in list {
            view.plain(text, at..piece.source.start);
            if piece.encoding == "hex" {
                view.drop_mark_of_hex();
            }
            let start = view.bytes.len();
            let (bytes, places) = pieces.decoded(piece);
            view.bytes.extend_from_slice(bytes);
            view.places.extend_from_slice(places);
            view.parts.push(Part { range: start..view.bytes.len(), encoding: piece.encoding });
            at = piece.source.end;
        }
        view.plain(text, at..island.end);
        view
    }

    /// `0x` and `\\x` in front of digits belong to them, and are no letters beside the key.
    fn drop_mark_of_hex(&mut self) {
        if self.bytes.ends_with(b"0x") || self.bytes.ends_with(b"\\x") {
            self.bytes.truncate(self.bytes.len() - 2);
            self.places.truncate(self.bytes.len());
        }
    }

    fn plain(&mut self, text: &[u8], range: Range<usize>) {
        let Some(bytes) = text.get(range.clone()) else { return };
        self.bytes.extend_from_slice(bytes);
        self.places.extend(range.map(|at| (at as u32, at as u32 + 1)));
    }

    /// Whether what was found at `span` is there because of a decoded piece, and is not cut by the view's
    /// end.
    pub(super) fn shows(&self, span: &Range<usize>) -> bool {
        let cut = (span.start == 0 && !self.starts) || (span.end >= self.bytes.len() && !self.ends);
        !cut && self.near(span).next().is_some()
    }

    /// Whether a decoded piece overlaps or touches `span`.
    pub(super) fn touches(&self, span: &Range<usize>) -> bool {
        let first = self.parts.partition_point(|part| part.range.end < span.start);
        self.parts.get(first).is_some_and(|part| part.range.start <= span.end)
    }

    fn near(&self, span: &Range<usize>) -> impl Iterator<Item = &Part> {
        let (from, to) = (span.start.saturating_sub(BEFORE), span.end.saturating_add(BEHIND));
        let first = self.parts.partition_point(|part| part.range.end < from);
        self.parts.get(first..).unwrap_or_default().iter().take_while(move |part| part.range.start <= to)
    }

    /// The encodings of the pieces in `span`; where there are none, those of the piece that is nearest.
    pub(super) fn encodings(&self, span: &Range<usize>) -> Vec<&'static str> {
        let inside = |part: &&Part| {
            part.range.start < span.end
                && (part.range.end > span.start || part.range.is_empty() && part.range.start > span.start)
        };
        let mut words: Vec<&'static str> = Vec::new();
        for part in self.near(span).filter(inside) {
            if !words.contains(&part.encoding) {
                words.push(part.encoding);
            }
        }
        if words.is_empty() {
            let distance = |part: &&Part| {
                let before = span.start.checked_sub(part.range.end);
                before.unwrap_or_else(|| part.range.start.saturating_sub(span.end))
            };
            words.extend(self.near(span).min_by_key(distance).map(|part| part.encoding));
        }
        words
    }

    /// Where in the text the characters stand that hold `span`.
    pub(super) fn source(&self, span: &Range<usize>) -> Option<Range<usize>> {
        let first = self.places.get(span.start)?;
        let last = self.places.get(span.end.checked_sub(1)?)?;
        Some(first.0 as usize..(last.1 as usize).max(first.0 as usize))
    }
}
