//! A tar that passes once, as entries whose bodies are read in turn: the pull side of [`TarReader`].

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use crate::layer::tar::{Entry, RawKind, TarEvent, TarReader};

use super::archive_index::NO_END;
use super::members::Members;

/// Bytes fed to the tar reader at once.
const FEED: usize = 64 * 1024;

/// Bytes of the shortest end marker that readers take.
const END_MARKER: usize = 512;

/// The tar, between two entries or in one's body.
pub(super) struct Tape<R> {
    input: R,
    buffer: Vec<u8>,
    reader: TarReader,
    /// What the bytes in `buffer` mean; all of it is taken before the next are read.
    events: VecDeque<TarEvent>,
    over: bool,
    /// How many NULs the bytes so far end in.
    nuls: usize,
    /// Whether something stood behind the end marker.
    passed_end: bool,
}

impl<R: Read> Tape<R> {
    /// A tar that begins with `head`, which was read already.
    pub(super) fn new(input: R, head: &[u8]) -> Self {
        let (buffer, reader, events) = (head.to_vec(), TarReader::new(), VecDeque::new());
        let mut tape = Self { input, buffer, reader, events, over: false, nuls: 0, passed_end: false };
        tape.feed(head.len());
        tape.buffer.resize(FEED.max(head.len()), 0);
        tape
    }

    fn feed(&mut self, length: usize) {
        let mut events = Vec::new();
        let bytes = self.buffer.get(..length).unwrap_or_default();
        self.nuls = match bytes.iter().rev().position(|byte| *byte != 0) {
            Some(trailing) => trailing,
            None => self.nuls.saturating_add(bytes.len()),
        };
        self.reader.feed(bytes, &mut events);
        self.passed_end |= events.iter().any(is_behind_end);
        self.events.extend(events);
    }

    /// The next event; `None` at the end, also where the input ends in an error, which is an event.
    fn event(&mut self) -> Option<TarEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            match self.input.read(&mut self.buffer) {
                Ok(0) => self.finish(),
                Ok(length) => self.feed(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("the archive cannot be read on: {error}");
                    self.events.push_back(TarEvent::Error { reason: "io", message });
                    self.finish();
                }
            }
        }
    }

    fn finish(&mut self) {
        let mut events = Vec::new();
        self.reader.finish(&mut events);
        self.passed_end |= events.iter().any(is_behind_end);
        self.events.extend(events);
        if self.nuls < END_MARKER && !self.passed_end {
            let message = NO_END.to_owned();
            self.events.push_back(TarEvent::Error { reason: "truncated", message });
        }
        self.over = true;
    }

    /// The next entry. What lies before it is passed over, its oddities noted in `notes`.
    pub(super) fn next_entry<B>(&mut self, notes: &mut Members<B>) -> Option<Box<Entry>> {
        loop {
            match self.event()? {
                TarEvent::Entry(entry) => return Some(entry),
                other => note(other, notes),
            }
        }
    }

    /// The body of the entry that [`Self::next_entry`] gave.
    pub(super) fn body<'a, B>(&'a mut self, size: u64, notes: &'a mut Members<B>) -> Body<'a, R, B> {
        Body { tape: self, notes, size, at: 0, piece: 0..0, over: false }
    }
}

/// Whether the event is about bytes behind the end marker.
fn is_behind_end(event: &TarEvent) -> bool {
    match event {
        TarEvent::Entry(entry) => entry.after_end,
        TarEvent::Raw { kind, .. } | TarEvent::RawHeld { kind, .. } => *kind == RawKind::Trailing,
        _ => false,
    }
}

/// Keeps what an event says about the archive. Bytes between members belong to no image.
fn note<B>(event: TarEvent, notes: &mut Members<B>) {
    match event {
        TarEvent::Warning(text) => notes.warn(format!("archive: {text}")),
        TarEvent::Error { reason, message } => notes.damaged(reason, format!("archive: {message}")),
        _ => {}
    }
}

/// The bytes of one entry. They end in an error where the archive is cut.
pub(super) struct Body<'a, R, B> {
    tape: &'a mut Tape<R>,
    notes: &'a mut Members<B>,
    size: u64,
    /// Bytes given so far.
    at: u64,
    /// What is left of the current piece, in the tape's buffer.
    piece: Range<usize>,
    over: bool,
}

impl<R: Read, B> Body<'_, R, B> {
    /// Finds the next piece; `Ok(false)` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if matches!(self.tape.events.front(), Some(TarEvent::Entry(_))) {
            return self.end();
        }
        match self.tape.event() {
            Some(TarEvent::Data { range, offset }) if offset == self.at => self.piece = range,
            Some(TarEvent::Data { .. }) => return Err(self.fail("it is a sparse file")),
            Some(TarEvent::EntryEnd) => return self.end(),
            Some(TarEvent::Entry(entry)) => {
                self.tape.events.push_front(TarEvent::Entry(entry));
                return self.end();
            }
            Some(other) => note(other, self.notes),
            None => {
                self.over = true;
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut"));
            }
        }
        Ok(true)
    }

    fn end(&mut self) -> io::Result<bool> {
        self.over = true;
        if self.at == self.size {
            Ok(false)
        } else {
            Err(self.fail("it has not the size that its header says"))
        }
    }

    fn fail(&mut self, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
    }

    /// Passes over what nobody read.
    pub(super) fn skip(mut self) {
        while !self.over {
            self.piece = 0..0;
            // A loss of bytes that nobody asked for is noted where the tape ends.
            if self.advance().is_err() && self.tape.over && self.tape.events.is_empty() {
                return;
            }
        }
    }
}

impl<R: Read, B> Read for Body<'_, R, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.over || !self.advance()? {
                return Ok(0);
            }
        }
        let piece = self.tape.buffer.get(self.piece.clone()).unwrap_or_default();
        let count = piece.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), piece.get(..count)) {
            to.copy_from_slice(from);
        }
        self.piece.start += count;
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
