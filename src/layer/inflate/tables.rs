//! The tables that symbols are looked up in, made from the lengths of a block's codes.
//!
//! A table is indexed with the next bits of the stream; an entry tells how many of them to drop and what
//! they stand for. Codes that are longer than the index go on in a part behind it.

use super::Fault;
use super::canonical::{Canonical, LONGEST};

/// Bits that index the table of literals and lengths.
const RUN_BITS: u32 = 12;
/// Bits that index the table of distances.
const DISTANCE_BITS: u32 = 9;
/// Bits that index the table of the code that the lengths of the other codes are written in.
const LENGTH_BITS: u32 = 7;

/// Entries of a table: its index, and a part of the size of the longest code for every two codes at most.
const RUN_ENTRIES: usize = 8192;
const DISTANCE_ENTRIES: usize = 2048;

/// What the next bits stand for: a literal or two, a length, a literal and a length.
///
/// ```text
/// [31..24] the length without its extra bits, less 3, or the second literal
/// [23..16] the first literal
/// [15..14] of what is rare: what it is, and [31..16] where longer codes go on
/// [13] neither literals nor a length  [12] not only literals
/// [11..8] bits of all codes, behind which the extra bits of the length follow
/// [7..6] how many literals
/// [5..0] bits to drop
/// ```
#[derive(Clone, Copy)]
pub(super) struct Run(u32);

/// The shortest length.
const SHORTEST: u32 = 3;

impl Run {
    const MORE: u32 = 1 << 12;
    const RARE: u32 = 1 << 13;
    const END: Self = Self(Self::MORE | Self::RARE);
    const LONGER: Self = Self(Self::MORE | Self::RARE | 1 << 14);
    const INVALID: Self = Self(Self::MORE | Self::RARE | 1 << 15);

    const fn literal(byte: u8) -> Self {
        Self((byte as u32) << 16 | 1 << 6)
    }

    const fn of_length(length: u32, extra: u32) -> Self {
        Self(Self::MORE | (length - SHORTEST) << 24 | extra)
    }

    /// With a code of so many bits.
    fn coded(self, length: u32) -> Self {
        Self(self.0 + (length | length << 8))
    }

    /// A literal, and `second` behind it.
    fn with(self, second: Self) -> Self {
        Self(self.0 + (second.0 & !0x00ff_0000) + ((second.0 & 0x00ff_0000) << 8))
    }

    /// Bits that it takes: the lowest six of the result.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// How many literals it begins with.
    #[inline(always)]
    pub(super) fn count(self) -> usize {
        (self.0 >> 6 & 3) as usize
    }

    /// The literals.
    #[inline(always)]
    pub(super) fn literals(self) -> [u8; 2] {
        ((self.0 >> 16) as u16).to_le_bytes()
    }

    /// Whether there is more to it than literals.
    #[inline(always)]
    pub(super) fn has_more(self) -> bool {
        self.0 & Self::MORE != 0
    }

    /// Whether it is neither literals nor a length.
    #[inline(always)]
    pub(super) fn is_rare(self) -> bool {
        self.0 & Self::RARE != 0
    }

    /// Whether it ends the block.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.is_rare() && self.0 >> 14 & 3 == 0
    }

    #[inline(always)]
    fn is_longer(self) -> bool {
        self.is_rare() && self.0 >> 14 & 3 == 1
    }

    /// The length at its end.
    #[inline(always)]
    pub(super) fn length(self, bits: u64) -> usize {
        let all = bits & !u64::MAX.wrapping_shl(self.bits());
        (self.0 >> 24) as usize + SHORTEST as usize + (all >> (self.0 >> 8 & 15)) as usize
    }
}

/// What the next bits stand for: a number, or an index that longer codes go on at.
///
/// ```text
/// [47..32] mask of the extra bits
/// [31..16] base, or the index
/// [15..14] what it is  [13..8] bits of the code, behind which its extra bits follow
/// [5..0] bits to drop
/// ```
#[derive(Clone, Copy)]
pub(super) struct Number(u32);

impl Number {
    const LONGER: Self = Self(1 << 14);
    const INVALID: Self = Self(1 << 15);

    const fn new(base: u32, extra: u32) -> Self {
        Self(base << 16 | extra)
    }

    fn coded(self, length: u32) -> Self {
        Self(self.0 + (length | length << 8))
    }

    /// Bits that it takes: the lowest six of the result.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    fn is_longer(self) -> bool {
        self.0 & Self::LONGER.0 != 0
    }

    /// Whether it is no number, or longer codes go on elsewhere.
    #[inline(always)]
    pub(super) fn is_rare(self) -> bool {
        self.0 & (Self::LONGER.0 | Self::INVALID.0) != 0
    }

    /// Whether it is no number.
    #[inline(always)]
    pub(super) fn is_invalid(self) -> bool {
        self.0 & Self::INVALID.0 != 0
    }

    #[inline(always)]
    fn base(self) -> usize {
        (self.0 >> 16 & 0xffff) as usize
    }

    /// The number.
    #[inline(always)]
    pub(super) fn value(self, bits: u64) -> usize {
        let all = bits & !u64::MAX.wrapping_shl(self.bits());
        self.base() + all.wrapping_shr(self.0 >> 8) as usize
    }
}

/// The codes of a block.
pub(super) struct Codes {
    runs: [Run; RUN_ENTRIES],
    distances: [Number; DISTANCE_ENTRIES],
    /// Bits of the code of each literal.
    literals: [u8; 256],
    fixed: bool,
}

impl Codes {
    pub(super) fn new() -> Self {
        Self {
            runs: [Run::INVALID; RUN_ENTRIES],
            distances: [Number::INVALID; DISTANCE_ENTRIES],
            literals: [0; 256],
            fixed: false,
        }
    }

    /// Makes the tables of the codes that the format fixes.
    pub(super) fn fix(&mut self) -> Result<(), Fault> {
        if self.fixed {
            return Ok(());
        }
        let mut lengths = [8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.set(&lengths, &[5; 32])?;
        self.fixed = true;
        Ok(())
    }

    /// Makes the tables from the lengths of a block's codes.
    #[inline(never)]
    pub(super) fn set(&mut self, symbols: &[u8], distances: &[u8]) -> Result<(), Fault> {
        self.fixed = false;
        if symbols.get(256).is_none_or(|length| *length == 0) {
            return Err(Fault("a block without an end"));
        }
        self.literals.copy_from_slice(&symbols[..256]);
        set_runs(&mut self.runs, &Canonical::new(symbols)?);
        let code = Canonical::new(distances)?;
        let coded = |symbol: usize, length| DISTANCES[symbol].coded(length);
        let longer = |at: usize| Number(Number::LONGER.0 | (at as u32) << 16 | DISTANCE_BITS);
        self.distances[0] = Number::INVALID.coded(1);
        for length in 1..=DISTANCE_BITS {
            code.extend(&mut self.distances[..], length, coded);
        }
        code.go_on(&mut self.distances[..], DISTANCE_BITS, coded, longer);
        Ok(())
    }

    /// What the next bits stand for. It may be that longer codes go on elsewhere.
    #[inline(always)]
    pub(super) fn run(&self, bits: u64) -> Run {
        self.runs[(bits & ((1 << RUN_BITS) - 1)) as usize]
    }

    /// Bits of the code of a literal.
    pub(super) fn literal_bits(&self, literal: u8) -> u32 {
        u32::from(self.literals[usize::from(literal)])
    }

    /// What `run` stands for when its code is longer.
    #[inline(always)]
    pub(super) fn long_run(&self, run: Run, bits: u64) -> Run {
        if !run.is_longer() {
            return run;
        }
        let rest = bits >> RUN_BITS & ((1 << (LONGEST - RUN_BITS)) - 1);
        self.runs[((run.0 >> 16) as usize + rest as usize) & (RUN_ENTRIES - 1)]
    }

    /// The distance that the next bits stand for. It may be that longer codes go on elsewhere.
    #[inline(always)]
    pub(super) fn distance(&self, bits: u64) -> Number {
        self.distances[(bits & ((1 << DISTANCE_BITS) - 1)) as usize]
    }

    /// What `number` stands for when its code is longer.
    #[inline(always)]
    pub(super) fn long_distance(&self, number: Number, bits: u64) -> Number {
        if !number.is_longer() {
            return number;
        }
        let rest = bits >> DISTANCE_BITS & ((1 << (LONGEST - DISTANCE_BITS)) - 1);
        self.distances[(number.base() + rest as usize) & (DISTANCE_ENTRIES - 1)]
    }
}

/// Makes the table of literals and lengths. A literal is joined with what follows wherever an index holds
/// the codes of both.
fn set_runs(runs: &mut [Run; RUN_ENTRIES], code: &Canonical) {
    let coded = |symbol: usize, length| SYMBOLS[symbol].coded(length);
    let longer = |at: usize| Run(Run::LONGER.0 | (at as u32) << 16 | RUN_BITS);
    runs[0] = Run::INVALID.coded(1);
    for length in 1..=RUN_BITS {
        code.extend(runs, length, coded);
        for first_length in 1..length {
            let second_length = length - first_length;
            for (first, first_code) in code.of_length(first_length) {
                if first >= 256 {
                    break;
                }
                let first = coded(first, first_length);
                for (second, second_code) in code.of_length(second_length) {
                    let second = coded(second, second_length);
                    if !second.is_rare() {
                        runs[(first_code | second_code << first_length) & (RUN_ENTRIES - 1)] =
                            first.with(second);
                    }
                }
            }
        }
    }
    code.go_on(runs, RUN_BITS, coded, longer);
}

/// The code that the lengths of the other codes are written in.
pub(super) struct LengthCode([Number; 1 << LENGTH_BITS]);

impl LengthCode {
    pub(super) fn new() -> Self {
        Self([Number::INVALID; 1 << LENGTH_BITS])
    }

    /// Makes the table from the lengths of the code.
    pub(super) fn set(&mut self, lengths: &[u8; 19]) -> Result<(), Fault> {
        // Unlike the other codes, this one may not have only one symbol, or none.
        if lengths.iter().filter(|length| **length > 0).count() < 2 {
            return Err(Fault("a code that is not complete"));
        }
        let code = Canonical::new(lengths)?;
        for length in 1..=LENGTH_BITS {
            code.extend(&mut self.0, length, |symbol, length| Number::new(symbol as u32, 0).coded(length));
        }
        Ok(())
    }

    /// The bits that the next symbol takes, and the symbol.
    pub(super) fn symbol(&self, bits: u64) -> (u32, usize) {
        let number = self.0[(bits & ((1 << LENGTH_BITS) - 1)) as usize];
        (number.bits() & 63, number.base())
    }
}

/// The meaning of the 288 symbols of literals and lengths.
static SYMBOLS: [Run; 288] = {
    let mut meanings = [Run::INVALID; 288];
    let mut symbol = 0;
    while symbol < 256 {
        meanings[symbol] = Run::literal(symbol as u8);
        symbol += 1;
    }
    meanings[256] = Run::END;
    let mut base = 3;
    while symbol < 284 {
        symbol += 1;
        let extra = if symbol < 265 { 0 } else { (symbol as u32 - 261) / 4 };
        meanings[symbol] = Run::of_length(base, extra);
        base += 1 << extra;
    }
    meanings[285] = Run::of_length(258, 0);
    meanings
};

/// The meaning of the 32 symbols of distances.
static DISTANCES: [Number; 32] = {
    let mut meanings = [Number::INVALID; 32];
    let mut base = 1;
    let mut symbol = 0;
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { (symbol as u32 - 2) / 2 };
        meanings[symbol] = Number::new(base, extra);
        base += 1 << extra;
        symbol += 1;
    }
    meanings
};
