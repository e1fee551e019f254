//! The contents of one depth as one stream, cut into windows.

use std::sync::Arc;

use crate::limits::{INNER_SEGMENTS, WINDOW_FRESH, WINDOW_OVERLAP};
use crate::scan::blob::Output;
use crate::scan::segment::{Content, Fresh, Runs, Segment, carry_over};

/// A stream that is made of contents, one behind the other.
#[derive(Default)]
pub(super) struct Lane {
    /// The buffer that is being filled; empty before the first byte.
    buffer: Vec<u8>,
    /// Fresh bytes in it.
    filled: usize,
    carried: usize,
    /// Bytes of the stream in front of the fresh ones.
    position: u64,
    runs: Runs,
    segments: Vec<Segment>,
    /// Bytes of the texts among them.
    texts: usize,
}

impl Lane {
    /// Adds the next bytes of `content`, which lie at `offset` in it.
    pub(super) fn add(
        &mut self,
        content: &Arc<Content>,
        mut bytes: &[u8],
        mut offset: u64,
        output: &mut Output<'_, '_, '_>,
    ) {
        while !bytes.is_empty() {
            if self.buffer.is_empty() {
                self.buffer = output.buffer();
            }
            let from = WINDOW_OVERLAP + self.filled;
            let room = self.buffer.len().saturating_sub(from).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            if let Some(free) = self.buffer.get_mut(from..from + room) {
                free.copy_from_slice(now);
            }
            let fresh = self.fresh();
            self.runs.data(content, from..from + room, offset, fresh, &mut self.segments);
            self.filled += room;
            offset += room as u64;
            bytes = later;
            if WINDOW_OVERLAP + self.filled == self.buffer.len() {
                self.turn(output);
            }
        }
    }

    /// The content whose bytes were added is over.
    pub(super) fn end(&mut self, output: &mut Output<'_, '_, '_>) {
        let fresh = self.fresh();
        self.runs.end_data(fresh, &mut self.segments);
        self.bound(output);
    }

    /// A short content of its own.
    pub(super) fn text(&mut self, content: Content, text: &[u8], output: &mut Output<'_, '_, '_>) {
        self.segments.push(Segment::whole(content, text.to_vec()));
        self.texts += text.len();
        self.bound(output);
    }

    /// Gives out all that is left.
    pub(super) fn flush(&mut self, output: &mut Output<'_, '_, '_>) {
        let fresh = self.fresh();
        self.runs.end_data(fresh, &mut self.segments);
        let buffer = if self.buffer.is_empty() { output.buffer() } else { std::mem::take(&mut self.buffer) };
        output.submit(buffer, std::mem::take(&mut self.segments));
        (self.filled, self.carried) = (0, 0);
    }

    fn fresh(&self) -> Fresh {
        Fresh { position: self.position, index: WINDOW_OVERLAP, carried: self.carried }
    }

    fn bound(&mut self, output: &mut Output<'_, '_, '_>) {
        if self.segments.len() >= INNER_SEGMENTS || self.texts >= WINDOW_FRESH {
            self.turn(output);
        }
    }

    /// Gives the buffer out and goes on in another.
    fn turn(&mut self, output: &mut Output<'_, '_, '_>) {
        if self.buffer.is_empty() {
            self.buffer = output.buffer();
        }
        let fresh = self.fresh();
        self.runs.end_buffer(self.filled, fresh, &mut self.segments);
        let mut next = output.buffer();
        let carried = carry_over(&self.buffer, WINDOW_OVERLAP + self.filled, self.carried, &mut next);
        let full = std::mem::replace(&mut self.buffer, next);
        output.submit(full, std::mem::take(&mut self.segments));
        self.position += self.filled as u64;
        self.carried = carried;
        self.filled = 0;
        self.texts = 0;
    }
}
