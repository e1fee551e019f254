//! The reader: a machine that takes as many of the fed bytes as its state wants, and moves on.

use std::ops::Range;

use super::extended::{self, Described, Extended, LongName, Map, Parsed};
use super::header::{self, BLOCK_SIZE, Block, Header};
use super::raw::RawLog;
use super::sparse::{BadMap, Fragments, MapBuilder, TextMap, extension_fields};
use super::{Entry, RawKind, TarEvent};
use crate::limits;

/// The reader. Feed it the whole tar in order, in slices of any length, then call [`TarReader::finish`].
///
/// What it makes of a tar is what Go's `archive/tar` makes of it, since runtimes use that. Where Go
/// refuses a tar, or where GNU tar, bsdtar or Python's tarfile may read something else, it gives a
/// warning, and the doubtful bytes a second time as [`RawKind::Ambiguous`] or as strings of the entry.
#[derive(Debug, Default)]
pub struct TarReader {
    /// Bytes taken so far.
    position: u64,
    state: State,
    /// Bytes of a header block or of the body of an extended header that are not complete.
    held: Vec<u8>,
    extended: Extended,
    global_size: Option<u64>,
    raw: RawLog,
    /// Where in the tar the second reading of its bytes ends.
    second_until: u64,
    /// Whether a block of NUL was just read.
    lone_zero: bool,
    /// Whether the end-of-archive marker was read.
    ended: bool,
    /// Whether any header or marker was read.
    begun: bool,
    /// Path of the current entry, for messages.
    current: Vec<u8>,
    /// Bytes behind the last header that it calls its body, though its type has none.
    doubtful: u64,
    warnings: usize,
    told_trailing: bool,
}

#[derive(Debug, Default)]
enum State {
    /// At a header, or within it.
    #[default]
    Header,
    /// In the body of an extended header.
    Special(Special),
    /// In the blocks that continue an old GNU header.
    MapBlocks { builder: MapBuilder, stored: u64 },
    /// In a sparse map in front of the data.
    MapText { map: TextMap, body: Body },
    /// In a body.
    Body(Body),
    /// In the fill bytes behind a body: so many are left, and whether one of them was not NUL.
    Padding { left: u64, stray: bool },
    /// Behind bytes that are no header: nothing can be followed any more.
    Unparsed,
}

#[derive(Debug)]
struct Special {
    kind: SpecialKind,
    left: u64,
    padding: u64,
    /// Too large to be held.
    oversize: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpecialKind {
    Pax,
    Global,
    Long(LongName),
}

#[derive(Debug)]
struct Body {
    /// Stored bytes not yet taken.
    left: u64,
    padding: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
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
    /// A reader at the start of a tar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and appends what they mean to `events`.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<TarEvent>) {
        let mut start = 0;
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let wanted = usize::try_from(self.wanted()).unwrap_or(usize::MAX);
            let piece = Piece { range: start..start + wanted.min(rest.len()), slice: bytes };
            self.second_reading(&piece, events);
            let state = std::mem::take(&mut self.state);
            start = piece.range.end;
            self.position += piece.len();
            self.state = self.take(state, piece, events);
        }
    }

    /// How many bytes the state takes at once; one at least.
    fn wanted(&self) -> u64 {
        match &self.state {
            State::Header | State::MapBlocks { .. } => (BLOCK_SIZE - self.held.len()) as u64,
            State::Special(special) => special.left,
            State::MapText { map, body } => map.wanted().min(body.left),
            State::Body(Body { left, content: Content::Sparse(fragments), .. }) => {
                fragments.current().map_or(*left, |(_, length)| length.min(*left))
            }
            State::Body(body) => body.left,
            State::Padding { left, .. } => *left,
            State::Unparsed => u64::MAX,
        }
    }

    fn take(&mut self, state: State, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
        match state {
            State::Header => match self.fill_block(&piece) {
                Some(block) => self.take_block(&block, piece, events),
                None => State::Header,
            },
            State::Special(special) => self.take_special(special, piece, events),
            State::MapBlocks { builder, stored } => self.take_map_block(builder, stored, piece, events),
            State::MapText { map, body } => self.take_map_text(map, body, piece, events),
            State::Body(body) => self.take_body(body, piece, events),
            State::Padding { left, stray } => self.take_padding(left, stray, piece, events),
            State::Unparsed => {
                self.emit_raw(RawKind::Unparsed, &piece, events);
                State::Unparsed
            }
        }
    }

    /// Emits the part of a piece that other readers see differently.
    fn second_reading(&mut self, piece: &Piece<'_>, events: &mut Vec<TarEvent>) {
        let length = self.second_until.saturating_sub(self.position).min(piece.len());
        if length > 0 {
            let end = piece.range.start + usize::try_from(length).unwrap_or(0);
            self.raw.slice(RawKind::Ambiguous, self.position, piece.range.start..end, events);
        }
    }

    fn emit_raw(&mut self, kind: RawKind, piece: &Piece<'_>, events: &mut Vec<TarEvent>) {
        self.raw.slice(kind, self.position - piece.len(), piece.range.clone(), events);
    }

    /// The whole block, when this piece completes it. It stays in `held` if it began in an earlier slice.
    fn fill_block(&mut self, piece: &Piece<'_>) -> Option<Block> {
        if self.held.is_empty()
            && let Ok(block) = Block::try_from(piece.bytes())
        {
            return Some(block);
        }
        self.held.extend_from_slice(piece.bytes());
        Block::try_from(self.held.as_slice()).ok()
    }

    /// Emits a block raw: what was held of it, then the piece.
    fn emit_block(&mut self, kind: RawKind, piece: &Piece<'_>, events: &mut Vec<TarEvent>) {
        let before = self.held.len().saturating_sub(piece.bytes().len());
        let start = self.position - piece.len() - before as u64;
        let held = std::mem::take(&mut self.held);
        self.raw.held(kind, start, held.get(..before).unwrap_or_default(), events);
        self.emit_raw(kind, piece, events);
    }

    fn take_block(&mut self, block: &Block, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
        if header::is_zero(block) {
            return self.take_zero_block(events);
        }
        let header = Header::parse(block);
        if std::mem::take(&mut self.lone_zero) {
            self.warn(events, "a single block of NUL stands before more blocks; readers stop there");
            self.end(events);
        }
        let state = match header.filter(|header| self.can_follow(header)) {
            Some(header) => {
                self.doubtful = 0;
                self.take_header(&header, events)
            }
            None => self.take_no_header(piece, events),
        };
        self.begun = true;
        self.held.clear();
        state
    }

    fn take_zero_block(&mut self, events: &mut Vec<TarEvent>) -> State {
        self.held.clear();
        self.doubtful = 0;
        self.begun = true;
        if !self.ended {
            if self.lone_zero {
                self.end(events);
            }
            self.lone_zero = !self.ended;
        }
        State::Header
    }

    fn end(&mut self, events: &mut Vec<TarEvent>) {
        self.orphan(events);
        self.ended = true;
        self.lone_zero = false;
        self.global_size = None;
    }

    /// Behind the end, a block whose size makes no sense is no header. Before it, it is an error.
    fn can_follow(&self, header: &Header<'_>) -> bool {
        !self.ended || header.size().is_ok_and(|size| size >= 0)
    }

    fn take_no_header(&mut self, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
        if self.ended {
            self.orphan(events);
            if !std::mem::replace(&mut self.told_trailing, true) {
                self.warn(events, "there are bytes behind the end-of-archive marker");
            }
            self.emit_block(RawKind::Trailing, &piece, events);
            return State::Header;
        }
        if self.doubtful > 0 {
            return self.take_link_body(events);
        }
        self.give_up(piece, events)
    }

    /// The bytes behind a link, folder or device with a size are no header: they are its body, which
    /// pax allows for hard links. The second reading has them already.
    fn take_link_body(&mut self, events: &mut Vec<TarEvent>) -> State {
        let size = std::mem::take(&mut self.doubtful);
        let name = shown(&self.current);
        self.warn(events, &format!("{name}: the entry has a body, which its type should not have"));
        let block = BLOCK_SIZE as u64;
        let left = size.saturating_sub(block);
        let rest = if size < block { 0 } else { padding(size) };
        self.begin_body(Body { left, padding: rest, content: Content::Covered }, events)
    }

    fn give_up(&mut self, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
        let at = self.position - BLOCK_SIZE as u64;
        self.orphan(events);
        events.push(if self.begun {
            let message = format!("there is no tar header at byte {at}; the rest is scanned as it is");
            TarEvent::Error { reason: "corrupt", message }
        } else {
            let message = "it does not begin with a tar header; it is scanned as it is".to_owned();
            TarEvent::Error { reason: "not-a-tar", message }
        });
        self.emit_block(RawKind::Unparsed, &piece, events);
        State::Unparsed
    }

    fn take_header(&mut self, header: &Header<'_>, events: &mut Vec<TarEvent>) -> State {
        let kind = match header.flag() {
            b'x' => SpecialKind::Pax,
            b'g' => SpecialKind::Global,
            b'L' => SpecialKind::Long(LongName::Path),
            b'K' => SpecialKind::Long(LongName::Link),
            _ => return self.take_entry(header, events),
        };
        self.make_room(kind, events);
        self.extended.add_header(header, kind == SpecialKind::Pax);
        match header.size().map(u64::try_from) {
            Ok(Ok(size)) => self.begin_special(kind, size, events),
            _ => {
                self.orphan(events);
                self.bad_size(events)
            }
        }
    }

    /// Go keeps one extended header of each kind, and none over a global one. What is dropped is given
    /// as an entry of its own, so that nothing piles up.
    fn make_room(&mut self, kind: SpecialKind, events: &mut Vec<TarEvent>) {
        let dropped = match kind {
            SpecialKind::Pax => self.extended.drop_records(self.ended),
            SpecialKind::Global => self.extended.drop_all(self.ended),
            SpecialKind::Long(long) => self.extended.drop_long_name(long, self.ended),
        };
        self.emit_orphan(dropped, events);
    }

    fn orphan(&mut self, events: &mut Vec<TarEvent>) {
        let dropped = self.extended.drop_all(self.ended);
        self.emit_orphan(dropped, events);
    }

    fn emit_orphan(&mut self, dropped: Option<Box<Entry>>, events: &mut Vec<TarEvent>) {
        if let Some(entry) = dropped {
            let name = shown(&entry.path);
            self.warn(events, &format!("{name}: an extended header has no entry that it is for"));
            events.push(TarEvent::Entry(entry));
            events.push(TarEvent::EntryEnd);
        }
    }

    fn bad_size(&mut self, events: &mut Vec<TarEvent>) -> State {
        let at = self.position - BLOCK_SIZE as u64;
        let message = format!("the header at byte {at} has no usable size; the rest is scanned as it is");
        events.push(TarEvent::Error { reason: "corrupt", message });
        State::Unparsed
    }

    fn begin_special(&mut self, kind: SpecialKind, size: u64, events: &mut Vec<TarEvent>) -> State {
        let oversize = size > limits::PAX_HEADER as u64;
        if oversize {
            let at = self.position - BLOCK_SIZE as u64;
            let limit = limits::PAX_HEADER;
            let message = format!("the extended header at byte {at} has {size} bytes, over {limit}");
            events.push(TarEvent::Error { reason: "limit", message });
        }
        self.held.clear();
        let special = Special { kind, left: size, padding: padding(size), oversize };
        if size == 0 { self.end_special(&special, events) } else { State::Special(special) }
    }

    fn take_special(&mut self, mut special: Special, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
        special.left -= piece.len();
        if special.oversize {
            self.emit_raw(RawKind::Header, &piece, events);
        } else {
            self.held.extend_from_slice(piece.bytes());
        }
        if special.left > 0 {
            return State::Special(special);
        }
        self.end_special(&special, events)
    }

    fn end_special(&mut self, special: &Special, events: &mut Vec<TarEvent>) -> State {
        let body = std::mem::take(&mut self.held);
        match special.kind {
            SpecialKind::Pax => {
                let mut notes = Vec::new();
                let parsed = self.extended.add_records(&body, &mut notes);
                notes.iter().for_each(|note| self.warn(events, note));
                self.not_interpreted(parsed, &body, events);
            }
            SpecialKind::Global => self.end_global(&body, events),
            SpecialKind::Long(long) if !special.oversize => self.extended.add_long_name(long, &body),
            SpecialKind::Long(_) => {}
        }
        self.held = body;
        self.held.clear();
        begin_padding(special.padding)
    }

    /// Runtimes do not apply a global header to the entries behind it, other readers do.
    fn end_global(&mut self, body: &[u8], events: &mut Vec<TarEvent>) {
        let Some(mut entry) = self.extended.drop_all(self.ended) else { return };
        let (parsed, size, is_applied_elsewhere) = extended::global(body, &mut entry.meta);
        self.global_size = size.or(self.global_size);
        if is_applied_elsewhere {
            self.warn(events, "a global header sets paths or sizes, which not all readers apply");
        }
        events.push(TarEvent::Entry(entry));
        events.push(TarEvent::EntryEnd);
        self.not_interpreted(parsed, body, events);
    }

    fn not_interpreted(&mut self, parsed: Parsed, body: &[u8], events: &mut Vec<TarEvent>) {
        let length = match parsed {
            Parsed::Whole => return,
            Parsed::Malformed(length) => {
                self.warn(events, "a pax header holds a malformed record; some readers refuse it");
                length
            }
            Parsed::TooMany(length) => {
                let message = format!("a pax header holds more than {} records", limits::PAX_RECORDS);
                events.push(TarEvent::Error { reason: "limit", message });
                length
            }
        };
        let rest = body.get(body.len().saturating_sub(length)..).unwrap_or_default();
        self.raw.held(RawKind::Header, self.position - rest.len() as u64, rest, events);
    }

    fn take_entry(&mut self, header: &Header<'_>, events: &mut Vec<TarEvent>) -> State {
        if let Some(size) = self.global_size {
            self.extended.add_other_size(size);
        }
        let Described { entry, stored, second, claimed, map, notes } =
            self.extended.describe(header, self.ended);
        self.current.clear();
        self.current.extend_from_slice(&entry.path);
        for note in notes {
            let text = format!("{}: {note}", shown(&self.current));
            self.warn(events, &text);
        }
        if self.ended && !std::mem::replace(&mut self.told_trailing, true) {
            self.warn(
                events,
                "there are entries behind the end-of-archive marker, where runtimes do not read",
            );
        }
        events.push(TarEvent::Entry(entry));
        let Ok(stored) = stored else {
            events.push(TarEvent::EntryEnd);
            return self.bad_size(events);
        };
        self.second_until = self.second_until.max(self.position + second + padding(second));
        if claimed > 0 {
            self.doubtful = claimed;
            let name = shown(&self.current);
            self.warn(events, &format!("{name}: a size is given, but the type has no body"));
        }
        self.begin_content(map, stored, events)
    }

    fn begin_content(&mut self, map: Map, stored: u64, events: &mut Vec<TarEvent>) -> State {
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
            events.push(TarEvent::Error { reason: "corrupt", message });
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
        events.push(TarEvent::Error { reason, message });
        events.push(TarEvent::EntryEnd);
        self.begin_body(Body { content: Content::Raw(RawKind::Header), ..body }, events)
    }

    fn take_map_block(
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

    fn take_map_text(
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
    fn begin_body(&mut self, mut body: Body, events: &mut Vec<TarEvent>) -> State {
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

    fn take_body(&mut self, mut body: Body, piece: Piece<'_>, events: &mut Vec<TarEvent>) -> State {
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
    fn take_padding(
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

    /// The tar is over: a body or header that is not complete is an error event.
    pub fn finish(&mut self, events: &mut Vec<TarEvent>) {
        match std::mem::take(&mut self.state) {
            State::Header if self.held.is_empty() => self.finish_at_header(events),
            State::Header => self.finish_in_header(events),
            State::Special(_) => {
                self.truncated("an extended header", events);
                let held = std::mem::take(&mut self.held);
                self.raw.held(RawKind::Header, self.position - held.len() as u64, &held, events);
                self.orphan(events);
            }
            State::MapBlocks { .. } | State::MapText { .. } | State::Body(_) => {
                let name = shown(&self.current);
                self.truncated(&name, events);
            }
            // All content is there, and Go says nothing either.
            State::Padding { .. } => {
                self.warn(events, "the tar is cut within fill bytes");
                self.orphan(events);
            }
            State::Unparsed => {}
        }
    }

    fn finish_at_header(&mut self, events: &mut Vec<TarEvent>) {
        if !self.ended && !self.lone_zero {
            self.warn(events, "the tar has no end-of-archive marker");
        }
        self.orphan(events);
    }

    /// The last block is not complete.
    fn finish_in_header(&mut self, events: &mut Vec<TarEvent>) {
        self.orphan(events);
        let held = std::mem::take(&mut self.held);
        let start = self.position - held.len() as u64;
        let is_zero = header::is_zero(&held);
        if self.ended || self.lone_zero {
            if !is_zero {
                self.warn(events, "there are bytes behind the end-of-archive marker");
                self.raw.held(RawKind::Trailing, start, &held, events);
            }
            return;
        }
        if self.begun {
            self.truncated("a header", events);
        } else {
            let message = "it is too short for a tar; it is scanned as it is".to_owned();
            events.push(TarEvent::Error { reason: "not-a-tar", message });
        }
        if !is_zero {
            self.raw.held(RawKind::Unparsed, start, &held, events);
        }
    }

    /// Behind the end-of-archive marker, where runtimes do not read, a cut is no loss.
    fn truncated(&mut self, what: &str, events: &mut Vec<TarEvent>) {
        let message = format!("{what}: the tar is cut short there");
        if self.ended {
            self.warn(events, &message);
        } else {
            events.push(TarEvent::Error { reason: "truncated", message });
        }
    }

    fn warn(&mut self, events: &mut Vec<TarEvent>, text: &str) {
        self.warnings = self.warnings.saturating_add(1);
        if self.warnings <= limits::TAR_WARNINGS {
            events.push(TarEvent::Warning(text.to_owned()));
        } else if self.warnings == limits::TAR_WARNINGS + 1 {
            events.push(TarEvent::Warning("more is odd in this tar; it is not listed".to_owned()));
        }
    }
}

fn begin_padding(left: u64) -> State {
    if left == 0 { State::Header } else { State::Padding { left, stray: false } }
}

/// Fill bytes behind so many.
fn padding(size: u64) -> u64 {
    let block = BLOCK_SIZE as u64;
    (block - size % block) % block
}

/// A path for a message. It is whole or not there: what hides keys in messages must see them whole.
fn shown(path: &[u8]) -> String {
    if path.len() > limits::MESSAGE_PATH {
        return format!("an entry whose name has {} bytes", path.len());
    }
    String::from_utf8_lossy(path).into_owned()
}

/// The part of the fed slice that a state takes.
struct Piece<'a> {
    slice: &'a [u8],
    range: Range<usize>,
}

impl<'a> Piece<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.slice.get(self.range.clone()).unwrap_or_default()
    }

    fn len(&self) -> u64 {
        self.range.len() as u64
    }
}
