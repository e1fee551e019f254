//! The tables that symbols are looked up in, made from the lengths of a block's codes.
//!
//! A table is indexed with the next bits of the stream; an entry tells how many of them to drop and what
//! they stand for. Codes that are longer than the index go on in a part behind it.

use super::Fault;

/// Bits that index the table of literals and lengths.
pub(super) const SYMBOL_BITS: u32 = 11;
/// Bits that index the table of distances.
pub(super) const DISTANCE_BITS: u32 = 9;
/// Bits that index the table of the code that the lengths of the other codes are written in.
const LENGTH_BITS: u32 = 7;

/// The longest code of the format.
const LONGEST: usize = 15;

/// Entries of a table: its index, and a part of the size of the longest code for every two codes at most.
const SYMBOL_ENTRIES: usize = 8192;
const DISTANCE_ENTRIES: usize = 2048;

// What an entry tells. All have the bits to drop in their lowest six, where a shift takes them from.
//
//     literals  [31..8] one to three literals, the first lowest  [7..6] how many
//     lengths   [31..16] base  [11..8] bits of the code, behind which its extra bits follow  [7..6] 0
//     rare      [31..16] where the entries go on  [13..12] what it is
/// How far to shift for the literals.
pub(super) const LITERALS_AT: u32 = 8;
/// How far to shift for the base.
pub(super) const BASE_AT: u32 = 16;
const CODE_AT: u32 = 8;
const COUNT_AT: u32 = 6;
const COUNT: u32 = 3 << COUNT_AT;
/// Neither a literal nor a length: one of the three below.
const RARE: u32 = 3 << 12;
const END: u32 = 1 << 12;
const LONGER: u32 = 2 << 12;
const INVALID: u32 = 3 << 12;

/// An entry of a table.
#[derive(Clone, Copy)]
pub(super) struct Entry(pub(super) u32);

impl Entry {
    /// How many literals it stands for.
    #[inline(always)]
    pub(super) fn literals(self) -> usize {
        ((self.0 & COUNT) >> COUNT_AT) as usize
    }

    /// The first of its literals.
    #[inline(always)]
    pub(super) fn first_literal(self) -> u8 {
        (self.0 >> LITERALS_AT) as u8
    }

    /// Bits that it takes, with extra bits.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 & 63
    }

    /// The length or distance that it and the extra bits in `bits` stand for.
    #[inline(always)]
    pub(super) fn value(self, bits: u64) -> usize {
        let all = bits & !(u64::MAX << self.bits());
        (self.0 >> BASE_AT) as usize + (all >> ((self.0 >> CODE_AT) & 15)) as usize
    }

    #[inline(always)]
    pub(super) fn is_rare(self) -> bool {
        self.0 & RARE != 0
    }

    #[inline(always)]
    pub(super) fn is_longer(self) -> bool {
        self.0 & RARE == LONGER
    }

    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 & RARE == END
    }

    #[inline(always)]
    fn longer_at(self) -> usize {
        (self.0 >> BASE_AT) as usize
    }
}

/// The codes of a block.
pub(super) struct Codes {
    /// One symbol an entry.
    symbols: Box<[u32; SYMBOL_ENTRIES]>,
    /// The same, with as many literals in an entry as its index holds.
    runs: Box<[u32; 1 << SYMBOL_BITS]>,
    distances: Box<[u32; DISTANCE_ENTRIES]>,
    fixed: bool,
}

impl Codes {
    pub(super) fn new() -> Self {
        Self {
            symbols: Box::new([0; SYMBOL_ENTRIES]),
            runs: Box::new([0; 1 << SYMBOL_BITS]),
            distances: Box::new([0; DISTANCE_ENTRIES]),
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
    pub(super) fn set(&mut self, symbols: &[u8], distances: &[u8]) -> Result<(), Fault> {
        self.fixed = false;
        if symbols.get(256).is_none_or(|length| *length == 0) {
            return Err(Fault("a block without an end"));
        }
        build(&mut self.symbols[..], SYMBOL_BITS, symbols, &SYMBOLS)?;
        build(&mut self.distances[..], DISTANCE_BITS, distances, &DISTANCES)?;
        self.join();
        Ok(())
    }

    /// Makes the table with several literals an entry.
    fn join(&mut self) {
        for index in 0..1usize << SYMBOL_BITS {
            let first = Entry(self.symbols[index]);
            let mut joined = first.0;
            if first.literals() == 1 {
                let second = Entry(self.symbols[index >> first.bits()]);
                let bits = first.bits() + second.bits();
                if second.literals() == 1 && bits <= SYMBOL_BITS {
                    joined = bits
                        | 2 << COUNT_AT
                        | (first.0 >> LITERALS_AT) << LITERALS_AT
                        | (second.0 >> LITERALS_AT) << (LITERALS_AT + 8);
                }
            }
            self.runs[index] = joined;
        }
    }

    /// The entry of one symbol.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: u64) -> Entry {
        let entry = Entry(self.symbols[(bits & ((1 << SYMBOL_BITS) - 1)) as usize]);
        if entry.literals() == 0 && entry.is_longer() { self.long_symbol(entry, bits) } else { entry }
    }

    /// The entry of one symbol, or of several literals; its code may be longer.
    #[inline(always)]
    pub(super) fn run(&self, bits: u64) -> Entry {
        Entry(self.runs[(bits & ((1 << SYMBOL_BITS) - 1)) as usize])
    }

    /// The entry of a symbol whose code is longer than the index.
    #[inline(always)]
    pub(super) fn long_symbol(&self, entry: Entry, bits: u64) -> Entry {
        let index = entry.longer_at() + (bits >> SYMBOL_BITS & ((1 << (LONGEST as u32 - SYMBOL_BITS)) - 1)) as usize;
        Entry(self.symbols[index & (SYMBOL_ENTRIES - 1)])
    }

    /// The entry of a distance.
    #[inline(always)]
    pub(super) fn distance(&self, bits: u64) -> Entry {
        let entry = Entry(self.distances[(bits & ((1 << DISTANCE_BITS) - 1)) as usize]);
        if !entry.is_longer() {
            return entry;
        }
        let index =
            entry.longer_at() + (bits >> DISTANCE_BITS & ((1 << (LONGEST as u32 - DISTANCE_BITS)) - 1)) as usize;
        Entry(self.distances[index & (DISTANCE_ENTRIES - 1)])
    }
}

/// The code that the lengths of the other codes are written in.
pub(super) struct LengthCode([u32; 1 << LENGTH_BITS]);

impl LengthCode {
    pub(super) fn new() -> Self {
        Self([0; 1 << LENGTH_BITS])
    }

    pub(super) fn set(&mut self, lengths: &[u8; 19]) -> Result<(), Fault> {
        // Unlike the other codes, this one may not have only one symbol, or none.
        if lengths.iter().filter(|length| **length > 0).count() < 2 {
            return Err(Fault("a code that is not complete"));
        }
        build(&mut self.0, LENGTH_BITS, lengths, &LENGTHS)
    }

    /// The bits that the next symbol takes, and the symbol; none when no code begins so.
    pub(super) fn symbol(&self, bits: u64) -> Option<(u32, usize)> {
        let entry = Entry(self.0[(bits & ((1 << LENGTH_BITS) - 1)) as usize]);
        (!entry.is_rare()).then(|| (entry.bits(), (entry.0 >> BASE_AT) as usize))
    }
}

/// Fills `table` for the code with these lengths. `meanings` are entries without the length of the code.
///
/// As in zlib, a code must be complete, but for one of a single bit, and one without any symbol.
fn build(table: &mut [u32], index_bits: u32, lengths: &[u8], meanings: &[u32]) -> Result<(), Fault> {
    let mut counts = [0u16; LONGEST + 1];
    for length in lengths {
        counts[usize::from(*length) & LONGEST] += 1;
    }
    let longest = (1..=LONGEST).rev().find(|length| counts[*length] > 0).unwrap_or(0);
    let mut open = 1i32;
    let mut starts = [0u16; LONGEST + 2];
    for length in 1..=LONGEST {
        open = open * 2 - i32::from(counts[length]);
        if open < 0 {
            return Err(Fault("a code of too many symbols"));
        }
        starts[length + 1] = starts[length] + counts[length];
    }
    if open > 0 && longest > 1 {
        return Err(Fault("a code that is not complete"));
    }
    let mut sorted = [0u16; 320];
    let mut next = starts;
    for (symbol, length) in lengths.iter().enumerate() {
        if *length > 0 {
            let place = &mut next[usize::from(*length) & LONGEST];
            sorted[usize::from(*place)] = symbol as u16;
            *place += 1;
        }
    }
    // Codes lie in the stream with their first bit lowest: `code` counts up from its highest bit on, and
    // what is known for an index of n bits is known for the two of n + 1.
    let mut code = 0usize;
    let mut sorted = sorted.iter().take(usize::from(starts[LONGEST + 1])).map(|symbol| usize::from(*symbol));
    table[0] = INVALID | 1;
    for length in 1..=index_bits as usize {
        table.copy_within(0..1 << (length - 1), 1 << (length - 1));
        for symbol in sorted.by_ref().take(usize::from(counts[length])) {
            table[code] = with_code(meanings[symbol], length as u32);
            code = successor(code, length);
        }
    }
    let mut free = 1usize << index_bits;
    let mut prefix = usize::MAX;
    let part = 1usize << (LONGEST - index_bits as usize);
    for length in index_bits as usize + 1..=longest {
        for symbol in sorted.by_ref().take(usize::from(counts[length])) {
            let begins = code & ((1 << index_bits) - 1);
            if begins != prefix {
                prefix = begins;
                table[prefix] = LONGER | (free as u32) << BASE_AT | index_bits;
                free += part;
            }
            let entry = with_code(meanings[symbol], length as u32);
            let first = free - part + (code >> index_bits);
            for place in table[first..free].iter_mut().step_by(1 << (length - index_bits as usize)) {
                *place = entry;
            }
            code = successor(code, length);
        }
    }
    Ok(())
}

/// The code behind `code`, of the same length, both with the first bit lowest.
fn successor(code: usize, length: usize) -> usize {
    let zeros = !code & ((1 << length) - 1);
    let highest = zeros.checked_ilog2().map_or(0, |bit| 1usize << bit);
    (code & highest.wrapping_sub(1)) & ((1 << length) - 1) | highest
}

/// The entry of a symbol with a code of `length` bits.
fn with_code(meaning: u32, length: u32) -> u32 {
    if meaning & COUNT == 0 && meaning & RARE == 0 {
        (meaning + length) | length << CODE_AT
    } else {
        meaning + length
    }
}

const fn literal(byte: u32) -> u32 {
    1 << COUNT_AT | byte << LITERALS_AT
}

/// The meaning of the 288 symbols of literals and lengths.
static SYMBOLS: [u32; 288] = {
    let mut meanings = [INVALID; 288];
    let mut symbol = 0;
    while symbol < 256 {
        meanings[symbol] = literal(symbol as u32);
        symbol += 1;
    }
    meanings[256] = END;
    let mut base = 3;
    while symbol < 284 {
        symbol += 1;
        let extra = if symbol < 265 { 0 } else { (symbol as u32 - 261) / 4 };
        meanings[symbol] = base << BASE_AT | extra;
        base += 1 << extra;
    }
    meanings[285] = 258 << BASE_AT;
    meanings
};

/// The meaning of the 32 symbols of distances.
static DISTANCES: [u32; 32] = {
    let mut meanings = [INVALID; 32];
    let mut base = 1;
    let mut symbol = 0;
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { (symbol as u32 - 2) / 2 };
        meanings[symbol] = base << BASE_AT | extra;
        base += 1 << extra;
        symbol += 1;
    }
    meanings
};

/// The meaning of the 19 symbols of lengths: themselves.
static LENGTHS: [u32; 19] = {
    let mut meanings = [0; 19];
    let mut symbol = 0;
    while symbol < 19 {
        meanings[symbol] = (symbol as u32) << BASE_AT;
        symbol += 1;
    }
    meanings
};
