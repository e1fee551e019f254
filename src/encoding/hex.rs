//! Text as hex digits in either case, without anything between the bytes but line breaks.

use std::ops::Range;

use super::pieces::Pieces;
use super::stretch::{Alphabet, Run};

struct Hex;

/// The fewest digits.
const LEAST: usize = 32;

impl Alphabet for Hex {
    const CHARACTERS: usize = 2;
    const BYTES: usize = 1;

    fn value(byte: u8) -> u8 {
        char::from(byte).to_digit(16).map_or(0xff, |digit| digit as u8)
    }

    fn decode(group: &[u8]) -> ([u8; 3], usize) {
        match *group {
            [a, b] => ([a << 4 | b, 0, 0], 1),
            _ => ([0; 3], 0),
        }
    }

    fn holders(_: usize) -> Range<usize> {
        0..2
    }
}

/// Adds the texts in a run of base64 characters if they are digits, and says whether they are.
pub(super) fn find(text: &[u8], lines: &[Range<usize>], cut: bool, pieces: &mut Pieces) -> bool {
    let front = lines.first().and_then(|line| text.get(line.clone())).unwrap_or_default();
    let prefix = if front.starts_with(b"0x") { 2 } else { 0 };
    if !front.iter().skip(prefix).take(8).all(u8::is_ascii_hexdigit) {
        return false;
    }
    let mut lines = lines.to_vec();
    if let Some(first) = lines.first_mut() {
        first.start += prefix;
    }
    let digits = lines.iter().filter_map(|line| text.get(line.clone())).flatten();
    let count = lines.iter().map(Range::len).sum::<usize>();
    if count < LEAST || !digits.clone().all(u8::is_ascii_hexdigit) {
        return false;
    }
    Run::new::<Hex>(text, &lines)
        .each::<Hex>(cut, |run, stretch| run.push::<Hex>(stretch, pieces, |_| "hex"));
    true
}
