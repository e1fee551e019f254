//! The loop that decodes nearly everything: while input and room are ample, it checks both once a round.

use super::tables::Codes;
use super::window::{self, TOO_FAR, Window};
use super::{Bits, Fault};

/// Why the loop stopped.
pub(super) enum Stop {
    /// The block is over.
    End,
    /// Little input is left, or the window is full.
    Short,
}

/// Input that one round takes at most, with what its loads reach beyond.
const AHEAD: usize = 24;

/// Decodes symbols.
#[inline(never)]
pub(super) fn run(
    window: &mut Window,
    input: &mut &[u8],
    bits: &mut Bits,
    codes: &Codes,
) -> Result<Stop, Fault> {
    let (buffer, filled) = window.parts();
    let mut state = State { bits: bits.buffer, left: bits.left, at: *filled, next: 0 };
    let stop = state.run(buffer, input, codes);
    *filled = state.at;
    // The loads reach beyond what is counted: only whole bytes were counted.
    let left = state.left & 63;
    *bits = Bits { buffer: state.bits & !(u64::MAX << left), left };
    *input = input.get(state.next..).unwrap_or_default();
    stop
}

struct State {
    bits: u64,
    /// Bits left: the lowest six bits count.
    left: u32,
    at: usize,
    next: usize,
}

impl State {
    #[inline(always)]
    fn run(&mut self, buffer: &mut [u8; window::LENGTH], input: &[u8], codes: &Codes) -> Result<Stop, Fault> {
        let State { mut bits, mut left, mut at, next } = *self;
        macro_rules! refill {
            ($ahead:expr, $from:expr) => {{
                let from = $from & 15;
                bits |= u64::from_le_bytes(load($ahead, from)).wrapping_shl(left);
                let taken = ((left ^ 63) & 63) >> 3;
                left |= 56;
                from + taken as usize
            }};
        }
        macro_rules! drop {
            ($entry:expr) => {
                bits = bits.wrapping_shr($entry.bits());
                left = left.wrapping_sub($entry.bits());
            };
        }
        macro_rules! literals {
            ($entry:expr) => {
                let count = $entry.count();
                store(buffer, at, $entry.literals());
                at += count;
            };
        }
        let mut rest = &input[next..];
        let Some(ahead) = rest.first_chunk::<AHEAD>() else { return Ok(Stop::Short) };
        let taken = refill!(ahead, 0);
        rest = &rest[taken..];
        let mut run = codes.run(bits);
        let stop = loop {
            let Some(ahead) = rest.first_chunk::<AHEAD>() else {
                break Ok(Stop::Short);
            };
            if at >= window::FULL {
                break Ok(Stop::Short);
            }
            let mut taken = refill!(ahead, 0);
            literals!(run);
            if !run.has_more() {
                drop!(run);
                run = codes.run(bits);
                taken = refill!(ahead, taken);
                literals!(run);
                if !run.has_more() {
                    drop!(run);
                    run = codes.run(bits);
                    rest = &rest[taken..];
                    continue;
                }
            }
            if run.is_rare() {
                run = codes.long_run(run, bits);
                literals!(run);
                if !run.has_more() {
                    drop!(run);
                    run = codes.run(bits);
                    rest = &rest[taken..];
                    continue;
                }
                if run.is_rare() {
                    rest = &rest[taken..];
                    if run.is_end() {
                        drop!(run);
                        break Ok(Stop::End);
                    }
                    break Err(Fault("a symbol without a code"));
                }
            }
            let length = run.length(bits);
            drop!(run);
            let mut far = codes.distance(bits);
            if far.is_rare() {
                far = codes.long_distance(far, bits);
                if far.is_invalid() {
                    break Err(Fault("a distance without a code"));
                }
            }
            let distance = far.value(bits);
            drop!(far);
            run = codes.run(bits);
            rest = &rest[taken..];
            let Some(from) = at.checked_sub(distance) else {
                break Err(TOO_FAR);
            };
            copy(buffer, from, at, distance, length);
            at += length;
        };
        let next = input.len() - rest.len();
        *self = State { bits, left, at, next };
        stop
    }
}

// Arrays are moved as values: `copy_from_slice` is a call where a build does not optimise over all parts of
// the program, and costs more than half of the speed there.

#[inline(always)]
fn load<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes[from..from + N].first_chunk().copied().unwrap_or([0; N])
}

#[inline(always)]
fn store<const N: usize>(buffer: &mut [u8; window::LENGTH], to: usize, bytes: [u8; N]) {
    if let Some(place) = buffer[to..to + N].first_chunk_mut() {
        *place = bytes;
    }
}

#[inline(always)]
fn copy16(buffer: &mut [u8; window::LENGTH], from: usize, to: usize) {
    store(buffer, to, load::<16>(buffer, from));
}

/// Copies a match, and up to 32 bytes more than that.
#[inline(always)]
fn copy(buffer: &mut [u8; window::LENGTH], mut from: usize, mut to: usize, distance: usize, length: usize) {
    let end = to + length;
    if distance >= 16 {
        copy16(buffer, from, to);
        copy16(buffer, from + 16, to + 16);
        if length > 32 {
            from += 32;
            to += 32;
            while to < end {
                copy16(buffer, from, to);
                from += 16;
                to += 16;
            }
        }
    } else if distance == 1 {
        let byte = buffer[from];
        while to < end {
            store(buffer, to, [byte; 16]);
            to += 16;
        }
    } else {
        // What was written doubles what may be copied from the same place.
        let mut period = distance;
        while period < 16 {
            copy16(buffer, from, to);
            to += period;
            period *= 2;
        }
        while to < end {
            copy16(buffer, from, to);
            from += 16;
            to += 16;
        }
    }
}
