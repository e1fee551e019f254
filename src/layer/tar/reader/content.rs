//! Bodies: range arithmetic over the slice, with the map of a sparse file in front where there is one.

use super::{Piece, State, TarReader, shown};
use crate::layer::tar::extended::Map;
use crate::layer::tar::header::BLOCK_SIZE;
use crate::layer::tar::sparse::{BadMap, Fragments, MapBuilder, TextMap, extension_fields};
use crate::layer::tar::{RawKind, TarEvent};

#[derive(Debug)]
pub(super) struct Body {
    /// Stored bytes not yet taken.
    pub(super) left: u64,
    pub(super) padding: u64,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// The entry's, from this offset on.
    Plain(u64),
    /// The entry's, with holes.
    Sparse(Fragments),
    /// Nobody's.
    Raw(RawKind),
    /// Given as second reading already.
    Covered,
}

impl TarReader {
    pub(super) fn begin_content(&mut self, map: Map, stored: u64, events: &mut Vec<TarEvent>) -> State {
        let body = |content| Body { left: stored, padding: padding(stored), content };
        match map {
            Map::None => self.begin_body(body(Content::Plain(0)), events),
            Map::Known(Ok(fragments)) => self.begin_sparse(body(Content::Covered), fragments, events),
            Map::Known(Err(bad)) => self.bad_map(bad, body(Content::Covered), events),
            Map::Blocks(builder) => State::MapBlocks { builder, stored },
            Map::Text(map) if stored > 0 => State::MapText { map, body: body(Content::Covered) },
            Map::Text(_) => self.bad_map(BadMap::Invalid, body(Content::Covered), events),
        }
    }

    fn begin_sparse(&mut self, body: Body, fragments: Fragments, events: &mut Vec<TarEvent>) -> State {
        if fragments.stored() > body.left {
            let name = shown(&self.current);
            let message = format!("{name}: the sparse map asks for more bytes than are stored");
            self.fault("corrupt", message, events);
        }
        self.begin_body(Body { content: Content::Sparse(fragments), ..body }, events)
    }

    /// The content cannot be put together; its bytes are given as they are stored.
    fn bad_map(&mut self, bad: BadMap, body: Body, events: &mut Vec<TarEvent>) -> State {
        let name = shown(&self.current);
        let (reason, what) = match bad {
            BadMap::Invalid => ("corrupt", "is invalid"),
            BadMap::TooLong => ("limit", "is too long"),
        };
        let message = format!("{name}: the map of the sparse file {what}; it is scanned as stored");
        self.fault(reason, message, events);
        events.push(TarEvent::EntryEnd);
        self.begin_body(Body { content: Content::Raw(RawKind::Header), ..body }, events)
    }

    pub(super) fn take_map_block(
        &mut self,
        mut builder: MapBuilder,
        stored: u64,
        piece: Piece<'_>,
        events: &mut Vec<TarEvent>,
    ) -> State {
        self.emit_raw(RawKind::Header, &piece, events);
        let Some(block) = self.fill_block(&piece) else {
            return State::MapBlocks { builder, stored };
        };
        self.held.clear();
        let (fields, more) = extension_fields(&block);
        let map = match builder.push_fields(fields) {
            Err(bad) => Map::Known(Err(bad)),
            Ok(()) if more => return State::MapBlocks { builder, stored },
            Ok(()) => Map::Known(Ok(builder.finish())),
        };
        self.begin_content(map, stored, events)
    }

    pub(super) fn take_map_text(
        &mut self,
        mut map: TextMap,
        mut body: Body,
        piece: Piece<'_>,
        events: &mut Vec<TarEvent>,
    ) -> State {
        self.emit_raw(RawKind::Header, &piece, events);
        body.left -= piece.len();
        match map.feed(piece.bytes()) {
            Ok(true) => self.begin_sparse(body, map.finish(), events),
            Ok(false) if body.left > 0 => State::MapText { map, body },
            Ok(false) => self.bad_map(map.end(), body, events),
            Err(bad) => self.bad_map(bad, body, events),
        }
    }

    /// Goes to the next byte that the body has, over ends that are reached already.
    pub(super) fn begin_body(&mut self, mut body: Body, events: &mut Vec<TarEvent>) -> State {
        let is_done = match &body.content {
            Content::Sparse(fragments) => body.left == 0 || fragments.current().is_none(),
            Content::Plain(_) => body.left == 0,
            Content::Raw(_) | Content::Covered => false,
        };
        if is_done {
            events.push(TarEvent::EntryEnd);
            if body.left > 0 {
                let name = shown(&self.current);
                self.warn(events, &format!("{name}: more bytes are stored than the sparse map asks for"));
            }
            body.content = Content::Raw(RawKind::Ambiguous);
        }
        if body.left == 0 { begin_padding(body.padding) } else { State::Body(body) }
    }

    pub(super) fn take_body(
        &mut self,
        mut body: Body,
        piece: Piece<'_>,
        events: &mut Vec<TarEvent>,
    ) -> State {
        let length = piece.len();
        body.left -= length;
        match &mut body.content {
            Content::Plain(offset) => {
                events.push(TarEvent::Data { range: piece.range, offset: *offset });
                *offset += length;
            }
            Content::Sparse(fragments) => {
                let offset = fragments.current().map_or(0, |(offset, _)| offset);
                events.push(TarEvent::Data { range: piece.range, offset });
                fragments.advance(length);
            }
            Content::Raw(kind) => {
                let kind = *kind;
                self.emit_raw(kind, &piece, events);
            }
            Content::Covered => {}
        }
        self.begin_body(body, events)
    }

    /// Fill bytes are given from the first that is not NUL to the end of the block.
    pub(super) fn take_padding(
        &mut self,
        left: u64,
        stray: bool,
        piece: Piece<'_>,
        events: &mut Vec<TarEvent>,
    ) -> State {
        let left = left - piece.len();
        let first = if stray { Some(0) } else { piece.bytes().iter().position(|byte| *byte != 0) };
        if let Some(first) = first {
            let range = piece.range.start + first..piece.range.end;
            self.raw.slice(RawKind::Padding, self.position - range.len() as u64, range, events);
        }
        if left == 0 { State::Header } else { State::Padding { left, stray: first.is_some() } }
    }
}

pub(super) fn begin_padding(left: u64) -> State {
    if left == 0 { State::Header } else { State::Padding { left, stray: false } }
}

/// Fill bytes behind so many.
pub(super) fn padding(size: u64) -> u64 {
    let block = BLOCK_SIZE as u64;
    (block - size % block) % block
}
