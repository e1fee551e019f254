//! Text in base64 (RFC 4648) of either alphabet, with and without padding, also wrapped over lines.

use std::ops::Range;

use super::pieces::Pieces;
use super::stretch::{Alphabet, LONG, Run, is_promising};

struct Base64;

const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [0xff; 256];
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

static VALUES: [u8; 256] = values();

impl Alphabet for Base64 {
    const CHARACTERS: usize = 4;
    const BYTES: usize = 3;

    fn value(byte: u8) -> u8 {
        VALUES.get(usize::from(byte)).copied().unwrap_or(0xff)
    }

    fn may_begin(value: u8) -> bool {
        value <= 0x7f >> 2
    }

    fn decode(group: &[u8]) -> ([u8; 3], usize) {
        match *group {
            [a, b, c, d] => ([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d], 3),
            [a, b, c] => ([a << 2 | b >> 4, b << 4 | c >> 2, 0], 2),
            [a, b] => ([a << 2 | b >> 4, 0, 0], 1),
            _ => ([0; 3], 0),
        }
    }

    fn holders(byte: usize) -> Range<usize> {
        byte..byte + 2
    }
}

/// Adds the texts in a run of characters. `cut`: whether it may go on in front of `text`.
pub(super) fn find(text: &[u8], lines: &[Range<usize>], cut: bool, pieces: &mut Pieces) {
    if let [line] = lines
        && line.len() < LONG
        && !cut
        && !text.get(line.clone()).is_some_and(is_promising::<Base64>)
    {
        return;
    }
    Run::new::<Base64>(text, lines)
        .each::<Base64>(cut, |run, stretch| run.push::<Base64>(stretch, pieces, word));
}

fn word(characters: &[u8]) -> &'static str {
    if characters.iter().any(|byte| matches!(byte, b'-' | b'_')) { "base64url" } else { "base64" }
}
