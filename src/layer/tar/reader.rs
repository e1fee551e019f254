//! The reader: a machine that takes as many of the fed bytes as its state wants, and moves on.

mod content;
mod finish;
mod special;

use std::ops::Range;

use content::{Body, Content, padding};
use special::{Special, SpecialKind};

use super::extended::{Described, Extended, LongName};
use super::header::{self, BLOCK_SIZE, Block, Header};
use super::raw::RawLog;
use super::sparse::{MapBuilder, TextMap};
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
        self.fault("corrupt", message, events);
        State::Unparsed
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

    fn truncated(&mut self, what: &str, events: &mut Vec<TarEvent>) {
        self.fault("truncated", format!("{what}: the tar is cut short there"), events);
    }

    /// Behind the end-of-archive marker, where runtimes do not read, nothing is lost that was meant to
    /// be read.
    fn fault(&mut self, reason: &'static str, message: String, events: &mut Vec<TarEvent>) {
        if self.ended {
            self.warn(events, &message);
        } else {
            events.push(TarEvent::Error { reason, message });
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
