//! A stretch of base64 in a text, decoded as it passes: both alphabets, wrapped and indented, as a string
//! of JSON too.

use crate::content::{Fault, Members, Step};
use crate::limits::DECODED_SLICE;

/// Bytes that a stretch must hold to be a container: the shortest gzip file.
const SHORTEST: usize = 18;

/// What a character means, by its code: six bits, or one of these.
const SPACE: u8 = 64;
const BREAK: u8 = 65;
const ESCAPE: u8 = 66;
const END: u8 = 67;

const MEANING: [u8; 256] = {
    let mut meaning = [END; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut value = 0;
    while value < alphabet.len() {
        meaning[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    meaning[b'+' as usize] = 62;
    meaning[b'-' as usize] = 62;
    meaning[b'/' as usize] = 63;
    meaning[b'_' as usize] = 63;
    meaning[b' ' as usize] = SPACE;
    meaning[b'\t' as usize] = SPACE;
    meaning[b'\n' as usize] = BREAK;
    meaning[b'\r' as usize] = BREAK;
    meaning[b'\\' as usize] = ESCAPE;
    meaning
};

/// A stretch of base64 that is being read.
#[derive(Default)]
pub(super) struct Run {
    /// Characters of a group of four that is not complete.
    bits: u32,
    count: u8,
    /// Whether nothing came since a line break, but blanks.
    line_begins: bool,
    /// Whether the last character was a backslash.
    escaped: bool,
    decoded: Vec<u8>,
    begun: bool,
}

impl Run {
    /// Takes more of the stretch: how much, and whether it is over.
    pub(super) fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(usize, bool), Fault> {
        for (at, byte) in bytes.iter().enumerate() {
            let meaning = MEANING.get(usize::from(*byte)).copied().unwrap_or(END);
            if meaning < SPACE && !self.escaped {
                self.line_begins = false;
                self.add(meaning, members)?;
            } else if !self.pass_over(*byte, meaning, members)? {
                return Ok((at, true));
            }
        }
        Ok((bytes.len(), false))
    }

    /// The stretch is over: what a last group holds is given out, too.
    pub(super) fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        let bytes = (self.bits << (6 * (4 - u32::from(self.count.min(4))))).to_be_bytes();
        let whole = usize::from(self.count.saturating_sub(1));
        self.decoded.extend_from_slice(bytes.get(1..1 + whole).unwrap_or_default());
        if self.begun || self.decoded.len() >= SHORTEST {
            self.give(members)?;
        }
        if self.begun {
            members.end();
        }
        Ok(())
    }

    fn add(&mut self, value: u8, members: &mut dyn Members) -> Result<(), Fault> {
        self.bits = self.bits << 6 | u32::from(value);
        self.count += 1;
        if self.count == 4 {
            let [_, group @ ..] = self.bits.to_be_bytes();
            self.decoded.extend_from_slice(&group);
            (self.bits, self.count) = (0, 0);
            if self.decoded.len() + 3 > DECODED_SLICE {
                self.give(members)?;
            }
        }
        Ok(())
    }

    /// What is no value: whether the stretch may go on behind it.
    fn pass_over(&mut self, byte: u8, meaning: u8, members: &mut dyn Members) -> Result<bool, Fault> {
        if std::mem::take(&mut self.escaped) {
            match byte {
                // A slash of JSON; a line break there, or of a shell.
                b'/' => self.add(63, members)?,
                b'n' | b'r' | b't' | b'\n' | b'\r' => self.line_begins = true,
                _ => return Ok(false),
            }
            return Ok(true);
        }
        match meaning {
            BREAK => self.line_begins = true,
            SPACE if self.line_begins => {}
            ESCAPE => self.escaped = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn give(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if !self.begun {
            members.begin(Step::Decoded("base64"))?;
            self.begun = true;
        }
        members.data(&self.decoded)?;
        self.decoded.clear();
        Ok(())
    }
}
