//! What was decoded: the bytes that are still to be given out, and those before that matches may copy.

use super::Fault;

/// How far back a match may reach.
const HISTORY: usize = 32 * 1024;
/// Where the window is full.
pub(super) const FULL: usize = HISTORY + 128 * 1024;
/// Room behind for what one round of the fast loop writes: literals, a match, and what its last copy
/// writes too much.
const BEHIND: usize = 512;
/// Length of the window's buffer.
pub(super) const LENGTH: usize = FULL + BEHIND;

/// The window.
pub(super) struct Window {
    buffer: Box<[u8; LENGTH]>,
    /// How much was given out.
    given: usize,
    /// How much was decoded.
    filled: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        let buffer = vec![0; LENGTH].into_boxed_slice();
        // The lengths are equal: what would take the other way is only what the types do not tell.
        let buffer = buffer.try_into().unwrap_or_else(|_| Box::new([0; LENGTH]));
        Self { buffer, given: 0, filled: 0 }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.given = 0;
        self.filled = 0;
    }

    /// Whether nothing can be decoded before something is given out.
    pub(super) fn is_full(&self) -> bool {
        self.filled >= FULL
    }

    /// Bytes to be given out.
    pub(super) fn fresh(&self) -> &[u8] {
        &self.buffer[self.given..self.filled]
    }

    /// Takes note that so many were given out, and makes room when all were.
    pub(super) fn give(&mut self, count: usize) {
        self.given = (self.given + count).min(self.filled);
        if self.given == self.filled && self.is_full() {
            self.buffer.copy_within(self.filled - HISTORY..self.filled, 0);
            self.given = HISTORY;
            self.filled = HISTORY;
        }
    }

    /// Appends as many of `bytes` as there is room for.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(FULL.saturating_sub(self.filled));
        self.buffer[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        count
    }

    /// Appends a match. There must be room: the window is not full.
    pub(super) fn repeat(&mut self, distance: usize, length: usize) -> Result<(), Fault> {
        let from = self.filled.checked_sub(distance).ok_or(TOO_FAR)?;
        for at in 0..length {
            self.buffer[self.filled + at] = self.buffer[from + at];
        }
        self.filled += length;
        Ok(())
    }

    /// The buffer, and how much of it is filled.
    pub(super) fn parts(&mut self) -> (&mut [u8; LENGTH], &mut usize) {
        (&mut self.buffer, &mut self.filled)
    }
}

pub(super) const TOO_FAR: Fault = Fault("a match from before the beginning");
