//! The encoded pieces of a text, in order, each with what it stands for and where every byte of that
//! comes from. Pieces never overlap.

use std::ops::Range;

use super::Encodings;

/// A stretch of a text that stands for something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it stands in the text.
    pub(super) source: Range<usize>,
    /// What it stands for, in [`Pieces::bytes`].
    pub(super) decoded: Range<usize>,
    /// The encoding's word in reports.
    pub(super) encoding: &'static str,
    /// Whether it is reason enough to read the text decoded. The others are decoded along with it.
    pub(super) strong: bool,
}

/// Where the characters that hold a decoded byte begin and end. Texts are no longer than a few cells.
pub(super) type Place = (u32, u32);

/// The pieces of one text.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    kinds: Encodings,
    list: Vec<Piece>,
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Pieces {
    /// Those of some encodings.
    #[cfg(test)]
    pub(super) fn of(kinds: Encodings) -> Self {
        Self { kinds, ..Self::default() }
    }

    /// Those of some encodings from now on.
    pub(super) fn look_for(&mut self, kinds: Encodings) {
        self.kinds = kinds;
    }

    /// The encodings that are looked for.
    pub(super) fn kinds(&self) -> Encodings {
        self.kinds
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
        self.places.clear();
    }

    pub(super) fn list(&self) -> &[Piece] {
        &self.list
    }

    pub(super) fn list_mut(&mut self) -> &mut [Piece] {
        &mut self.list
    }

    /// What a piece stands for.
    pub(super) fn decoded(&self, piece: &Piece) -> (&[u8], &[Place]) {
        let range = || piece.decoded.clone();
        (self.bytes.get(range()).unwrap_or_default(), self.places.get(range()).unwrap_or_default())
    }

    /// Whether there is a reason to read the text decoded.
    pub(super) fn any_strong(&self) -> bool {
        self.list.iter().any(|piece| piece.strong)
    }

    /// Begins a piece; what is decoded follows by [`Pieces::byte`].
    pub(super) fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// One decoded byte of the piece that was begun last, and the characters that hold it.
    pub(super) fn byte(&mut self, byte: u8, source: Range<usize>) {
        self.bytes.push(byte);
        self.places.push((source.start as u32, source.end as u32));
    }

    /// Ends the piece that was begun at `mark`.
    pub(super) fn end(&mut self, mark: usize, source: Range<usize>, encoding: &'static str, strong: bool) {
        self.list.push(Piece { source, decoded: mark..self.bytes.len(), encoding, strong });
    }

    /// Drops what was decoded since `mark`, which is no piece.
    pub(super) fn drop_from(&mut self, mark: usize) {
        self.bytes.truncate(mark);
        self.places.truncate(mark);
    }

    /// A piece whose bytes all come from the whole of it.
    pub(super) fn whole(&mut self, source: Range<usize>, text: &[u8], encoding: &'static str, strong: bool) {
        let mark = self.mark();
        text.iter().for_each(|byte| self.byte(*byte, source.clone()));
        self.end(mark, source, encoding, strong);
    }

    /// Puts pieces of several encodings in order; of those that overlap the first stays.
    pub(super) fn settle(&mut self) {
        self.list.sort_by_key(|piece| (piece.source.start, piece.source.end));
        let mut end = 0;
        self.list.retain(|piece| {
            let keep = piece.source.start >= end;
            end = if keep { piece.source.end } else { end };
            keep
        });
    }
}
