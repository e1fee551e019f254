//! Decompression of deflate streams (RFC 1951), as they arrive: what takes most of the time of a scan.

mod canonical;
mod fast;
mod gzip;
mod tables;
mod window;

use std::io;

pub use gzip::GzDecoder;
use tables::{Codes, LengthCode};
use window::Window;

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(&'static str);

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, fault.0)
    }
}

/// Bits of the stream that were taken from the input and not yet used, the next one lowest.
#[derive(Clone, Copy, Default)]
struct Bits {
    buffer: u64,
    /// How many they are. What `buffer` has above them is zero.
    left: u32,
}

impl Bits {
    /// Takes whole bytes from `input`, as many as there is room for.
    #[inline]
    fn fill(&mut self, input: &mut &[u8]) {
        while self.left < 56 {
            let Some((byte, rest)) = input.split_first() else { return };
            self.buffer |= u64::from(*byte) << self.left;
            self.left += 8;
            *input = rest;
        }
    }

    #[inline]
    fn drop(&mut self, count: u32) {
        self.buffer = self.buffer.wrapping_shr(count);
        self.left -= count;
    }

    /// The next `count` bits, at most 32, if there are as many.
    fn take(&mut self, count: u32) -> Option<u32> {
        if self.left < count {
            return None;
        }
        let bits = self.buffer & !(u64::MAX << count);
        self.drop(count);
        Some(bits as u32)
    }
}

/// What of the format comes next.
#[derive(Clone, Copy)]
enum Next {
    Block,
    StoredLength,
    Stored(usize),
    Counts,
    /// The lengths of the code of lengths, from this one on.
    LengthCode(usize),
    /// The lengths of the codes, from this one on.
    Lengths(usize),
    Symbols,
    Nothing,
}

/// The order in which the lengths of the code of lengths are written.
const LENGTH_ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// A decoder of one stream at a time.
pub(crate) struct Inflate {
    window: Window,
    bits: Bits,
    next: Next,
    last: bool,
    symbols: usize,
    distances: usize,
    length_codes: usize,
    lengths: [u8; 320],
    length_code: LengthCode,
    codes: Box<Codes>,
    fault: Option<Fault>,
}

/// Whether a decoder can go on with the input that it has.
enum Step {
    On,
    Wait,
}

impl Default for Inflate {
    fn default() -> Self {
        Self {
            window: Window::new(),
            bits: Bits::default(),
            next: Next::Block,
            last: false,
            symbols: 0,
            distances: 0,
            length_codes: 0,
            lengths: [0; 320],
            length_code: LengthCode::new(),
            codes: Box::new(Codes::new()),
            fault: None,
        }
    }
}

impl Inflate {
    /// Begins with another stream.
    pub(crate) fn restart(&mut self) {
        self.window.clear();
        self.bits = Bits::default();
        self.next = Next::Block;
        self.last = false;
        self.fault = None;
    }

    /// Whether the stream is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.next, Next::Nothing)
    }

    /// Whether all that was decoded was given out.
    pub(crate) fn is_drained(&self) -> bool {
        self.window.fresh().is_empty()
    }

    /// What is wrong behind the bytes that were given out.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Gives out decoded bytes.
    pub(crate) fn give(&mut self, out: &mut [u8]) -> usize {
        let fresh = self.window.fresh();
        let count = fresh.len().min(out.len());
        out[..count].copy_from_slice(&fresh[..count]);
        self.window.give(count);
        count
    }

    /// Decodes until the input is used up, the window is full, or the stream is over; how many bytes of
    /// the input that took. A fault is told by [`Self::fault`], behind what was decoded before it.
    pub(crate) fn decode(&mut self, input: &[u8]) -> usize {
        let mut rest = input;
        while self.fault.is_none() && !self.window.is_full() {
            match self.step(&mut rest) {
                Ok(Step::On) => {}
                Ok(Step::Wait) => return input.len(),
                Err(fault) => self.fault = Some(fault),
            }
            if self.is_over() {
                break;
            }
        }
        let taken = input.len() - rest.len();
        taken - self.return_bytes().min(taken)
    }

    /// Forgets the whole bytes that are not used; how many they are. They are of the last input: all that
    /// earlier ones gave is part of a symbol that was not complete.
    fn return_bytes(&mut self) -> usize {
        let bytes = self.bits.left / 8;
        self.bits.left %= 8;
        self.bits.buffer &= !(u64::MAX << self.bits.left);
        bytes as usize
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Step, Fault> {
        match self.next {
            Next::Symbols => return self.symbols(input),
            Next::Stored(left) => return Ok(self.stored(input, left)),
            Next::Nothing => return Ok(Step::On),
            _ => {}
        }
        self.bits.fill(input);
        let step = match self.next {
            Next::Block => self.block()?,
            Next::StoredLength => self.stored_length()?,
            Next::Counts => self.counts()?,
            Next::LengthCode(from) => self.length_code(from)?,
            Next::Lengths(from) => self.lengths(from)?,
            Next::Symbols | Next::Stored(_) | Next::Nothing => Some(()),
        };
        Ok(if step.is_some() { Step::On } else { Step::Wait })
    }

    fn block(&mut self) -> Result<Option<()>, Fault> {
        let Some(bits) = self.bits.take(3) else { return Ok(None) };
        self.last = bits & 1 != 0;
        self.next = match bits >> 1 {
            0 => {
                // A stored block begins with the next whole byte.
                self.bits.drop(self.bits.left % 8);
                Next::StoredLength
            }
            1 => {
                self.codes.fix()?;
                Next::Symbols
            }
            2 => Next::Counts,
            _ => return Err(Fault("a block of no known kind")),
        };
        Ok(Some(()))
    }

    fn end_block(&mut self) {
        self.next = if self.last { Next::Nothing } else { Next::Block };
    }

    fn stored_length(&mut self) -> Result<Option<()>, Fault> {
        let Some(bits) = self.bits.take(32) else { return Ok(None) };
        if bits >> 16 != !bits & 0xffff {
            return Err(Fault("a stored block with a wrong length"));
        }
        self.next = Next::Stored((bits & 0xffff) as usize);
        Ok(Some(()))
    }

    fn stored(&mut self, input: &mut &[u8], mut left: usize) -> Step {
        while left > 0 && self.bits.left > 0 && !self.window.is_full() {
            let Some(byte) = self.bits.take(8) else { break };
            self.window.push(&[byte as u8]);
            left -= 1;
        }
        if self.bits.left == 0 {
            let (bytes, _) = input.split_at(left.min(input.len()));
            let count = self.window.push(bytes);
            *input = &input[count..];
            left -= count;
        }
        self.next = Next::Stored(left);
        if left == 0 {
            self.end_block();
        } else if input.is_empty() && !self.window.is_full() {
            return Step::Wait;
        }
        Step::On
    }

    fn counts(&mut self) -> Result<Option<()>, Fault> {
        let Some(bits) = self.bits.take(14) else { return Ok(None) };
        self.symbols = 257 + (bits & 31) as usize;
        self.distances = 1 + (bits >> 5 & 31) as usize;
        self.length_codes = 4 + (bits >> 10) as usize;
        if self.symbols > 286 || self.distances > 30 {
            return Err(Fault("too many codes"));
        }
        self.lengths[..19].fill(0);
        self.next = Next::LengthCode(0);
        Ok(Some(()))
    }

    fn length_code(&mut self, from: usize) -> Result<Option<()>, Fault> {
        for (at, place) in LENGTH_ORDER.iter().enumerate().take(self.length_codes).skip(from) {
            let Some(length) = self.bits.take(3) else {
                // Nothing of the rest was used, unless it was asked for twice.
                let unchanged = at == from;
                self.next = Next::LengthCode(at);
                return Ok((!unchanged).then_some(()));
            };
            self.lengths[usize::from(*place)] = length as u8;
        }
        let mut lengths = [0; 19];
        lengths.copy_from_slice(&self.lengths[..19]);
        self.length_code.set(&lengths)?;
        self.next = Next::Lengths(0);
        Ok(Some(()))
    }

    fn lengths(&mut self, mut at: usize) -> Result<Option<()>, Fault> {
        let all = self.symbols + self.distances;
        let from = at;
        while at < all {
            let (used, symbol) = self.length_code.symbol(self.bits.buffer);
            let (extra, base) = match symbol {
                16 => (2, 3),
                17 => (3, 3),
                18 => (7, 11),
                _ => (0, 1),
            };
            if self.bits.left < used + extra {
                self.next = Next::Lengths(at);
                return Ok((at > from).then_some(()));
            }
            self.bits.drop(used);
            let count = base + self.bits.take(extra).unwrap_or(0) as usize;
            let length = match symbol {
                16 if at == 0 => return Err(Fault("a length repeated before the first")),
                16 => self.lengths[at - 1],
                17 | 18 => 0,
                _ => symbol as u8,
            };
            if count > all - at {
                return Err(Fault("more lengths than codes"));
            }
            self.lengths[at..at + count].fill(length);
            at += count;
        }
        let (symbols, distances) = self.lengths[..all].split_at(self.symbols);
        self.codes.set(symbols, distances)?;
        self.next = Next::Symbols;
        Ok(Some(()))
    }

    fn symbols(&mut self, input: &mut &[u8]) -> Result<Step, Fault> {
        match fast::run(&mut self.window, input, &mut self.bits, &self.codes)? {
            fast::Stop::End => {
                self.end_block();
                return Ok(Step::On);
            }
            fast::Stop::Short => {}
        }
        while !self.window.is_full() {
            self.bits.fill(input);
            let Bits { buffer, left } = self.bits;
            let run = self.codes.long_run(self.codes.run(buffer), buffer);
            let bits = run.bits() & 63;
            if run.count() > 0 {
                let [literal, _] = run.literals();
                let bits = self.codes.literal_bits(literal);
                if left < bits {
                    return Ok(Step::Wait);
                }
                self.window.push(&[literal]);
                self.bits.drop(bits);
            } else if run.is_rare() {
                if left < bits {
                    return Ok(Step::Wait);
                }
                if !run.is_end() {
                    return Err(Fault("a symbol without a code"));
                }
                self.bits.drop(bits);
                self.end_block();
                return Ok(Step::On);
            } else {
                let behind = buffer.wrapping_shr(bits);
                let far = self.codes.long_distance(self.codes.distance(behind), behind);
                let all = bits + (far.bits() & 63);
                if left < all {
                    return Ok(Step::Wait);
                }
                if far.is_invalid() {
                    return Err(Fault("a distance without a code"));
                }
                self.window.repeat(far.value(behind), run.length(buffer))?;
                self.bits.drop(all);
            }
            // Long inputs go back to the fast loop at the next piece.
        }
        Ok(Step::On)
    }
}

#[cfg(test)]
mod tests;
