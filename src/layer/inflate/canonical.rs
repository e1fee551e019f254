//! Prefix codes that the lengths of their symbols' codes tell.

use super::Fault;

/// The longest code of the format.
pub(super) const LONGEST: u32 = 15;

/// The most symbols of a code.
const SYMBOLS: usize = 288;

/// A code: its symbols by the length of their codes, then by number.
pub(super) struct Canonical {
    symbols: [u16; SYMBOLS],
    /// The codes, with the first bit lowest, as they lie in a stream.
    codes: [u16; SYMBOLS],
    /// Where the symbols of each length begin.
    starts: [usize; LONGEST as usize + 2],
}

impl Canonical {
    /// The code with these lengths. As in zlib, it must be complete, but for one of a single bit, and for
    /// one without any symbol.
    pub(super) fn new(lengths: &[u8]) -> Result<Self, Fault> {
        let mut counts = [0usize; LONGEST as usize + 1];
        for length in lengths {
            counts[usize::from(*length & 15)] += 1;
        }
        let mut open = 1isize;
        let mut starts = [0; LONGEST as usize + 2];
        for length in 1..=LONGEST as usize {
            open = open * 2 - counts[length].cast_signed();
            if open < 0 {
                return Err(Fault("a code of too many symbols"));
            }
            starts[length + 1] = starts[length] + counts[length];
        }
        let all = starts[LONGEST as usize + 1];
        if open > 0 && all > counts[1] {
            return Err(Fault("a code that is not complete"));
        }
        let mut symbols = [0; SYMBOLS];
        let mut next = starts;
        for (symbol, length) in lengths.iter().enumerate() {
            if *length > 0 {
                let place = &mut next[usize::from(*length & 15)];
                symbols[*place] = symbol as u16;
                *place += 1;
            }
        }
        let mut codes = [0; SYMBOLS];
        let mut code = 0;
        for length in 1..=LONGEST {
            for place in &mut codes[starts[length as usize]..starts[length as usize + 1]] {
                *place = code;
                code = successor(code, length);
            }
        }
        Ok(Self { symbols, codes, starts })
    }

    /// The symbols with codes of this length, and their codes.
    pub(super) fn of_length(&self, length: u32) -> impl Iterator<Item = (usize, usize)> {
        let places = self.starts[length as usize]..self.starts[length as usize + 1];
        let symbols = self.symbols[places.clone()].iter().map(|symbol| usize::from(*symbol));
        symbols.zip(self.codes[places].iter().map(|code| usize::from(*code)))
    }

    /// Makes a table for indexes of `length` bits of one for a bit less, and enters the codes of that
    /// length. What is known for an index is known for the two that begin with it.
    pub(super) fn extend<E: Copy>(&self, table: &mut [E], length: u32, entry: impl Fn(usize, u32) -> E) {
        let half = 1 << (length - 1);
        table.copy_within(0..half, half);
        for (symbol, code) in self.of_length(length) {
            table[code] = entry(symbol, length);
        }
    }

    /// Enters the codes that are longer than an index of `bits` bits, in a part for each index that they
    /// begin with. `longer` is what is entered at the index.
    pub(super) fn go_on<E: Copy>(
        &self,
        table: &mut [E],
        bits: u32,
        entry: impl Fn(usize, u32) -> E,
        longer: impl Fn(usize) -> E,
    ) {
        let part = 1 << (LONGEST - bits);
        let mut end = 1 << bits;
        let mut index = None;
        for length in bits + 1..=LONGEST {
            for (symbol, code) in self.of_length(length) {
                let begins = code & ((1 << bits) - 1);
                if index != Some(begins) {
                    index = Some(begins);
                    table[begins] = longer(end);
                    end += part;
                }
                let first = end - part + (code >> bits);
                for place in table[first..end].iter_mut().step_by(1 << (length - bits)) {
                    *place = entry(symbol, length);
                }
            }
        }
    }
}

/// The code of the same length that comes next.
fn successor(code: u16, length: u32) -> u16 {
    let zeros = !code & ((1 << length) - 1);
    // The last bit of a code is its highest here, so that ones are carried down.
    zeros.checked_ilog2().map_or(code, |highest| code & ((1 << highest) - 1) | 1 << highest)
}
