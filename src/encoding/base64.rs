//! Text in base64 (RFC 4648) of either alphabet, with and without padding, also wrapped over lines.

use std::ops::Range;

use super::pieces::Pieces;
use super::stretch::{Alphabet, LONG, Run, STEP, TRIAL, is_text_at};
use crate::detect::literal::kinds::{self, BLOCK, Rows};

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

/// What a character may be in a group that holds text, a bit for each: its first, its second, its third.
const PARTS: [u8; 256] = {
    let values = values();
    let mut parts = [0; 256];
    let mut byte = 0;
    while byte < parts.len() {
        let value = values[byte];
        if value < 64 {
            // The upper bits of a byte of text, or of NUL.
            let first = matches!(value, 0 | 2 | 3 | 8..=31);
            let second = value & 8 == 0 && value & 15 != 1;
            let third = value & 2 == 0;
            parts[byte] = first as u8 | (second as u8) << 1 | (third as u8) << 2;
        }
        byte += 1;
    }
    parts
};

static ROWS: Rows<3> = kinds::rows(&PARTS);
static PART: [u8; 256] = PARTS;

/// Places of a block behind which it holds a whole trial.
const TRIALS: usize = BLOCK - TRIAL;

/// Whether there is a place in a run at which a trial may be text. Nearly all runs are told by what their
/// characters may be, a block at a time.
fn may_hold_text(run: &[u8]) -> bool {
    let places = run.len().saturating_sub(TRIAL - 1);
    (0..places).step_by(TRIALS).any(|from| {
        let rest = run.get(from..).unwrap_or_default();
        let mut padded = [0; BLOCK];
        let block = rest.first_chunk().unwrap_or_else(|| {
            padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            &padded
        });
        let part = |byte: u8| PART.get(usize::from(byte)).copied().unwrap_or(0);
        let [first, second, third] = kinds::tell_block(block, part, &ROWS);
        let group = first & second >> 1 & third >> 2;
        let trial = group & group >> Base64::CHARACTERS & group >> (2 * Base64::CHARACTERS);
        trial & ((1 << TRIALS) - 1) != 0
    })
}

/// Whether text may begin in a run, at any of the places where it is looked for. `goes_on`: there are more of
/// them every [`STEP`] characters.
fn is_promising(run: &[u8], goes_on: bool) -> bool {
    const FRONT: usize = 2 * Base64::CHARACTERS;
    if !may_hold_text(run) {
        return false;
    }
    let is_text = |at: usize| run.get(at..at + TRIAL).is_some_and(is_text_at::<Base64>);
    let near = run.iter().take(LONG - 1).enumerate();
    let behind_marks = near.skip(FRONT - 1).filter(|(_, byte)| matches!(Base64::value(**byte), 62 | 63));
    let further = if goes_on { run.len() } else { 0 };
    (0..FRONT).any(is_text)
        || behind_marks.map(|(at, _)| at + 1).any(is_text)
        || (STEP..further).step_by(STEP).any(|at| (at..at + Base64::CHARACTERS).any(is_text))
}

/// Adds the texts in a run of characters. `cut`: whether it may go on in front of `text`.
pub(super) fn find(text: &[u8], lines: &[Range<usize>], cut: bool, pieces: &mut Pieces) {
    if let [line] = lines
        && !text.get(line.clone()).is_some_and(|run| is_promising(run, cut || run.len() >= LONG))
    {
        return;
    }
    Run::new::<Base64>(text, lines)
        .each::<Base64>(cut, |run, stretch| run.push::<Base64>(stretch, pieces, word));
}

fn word(characters: &[u8]) -> &'static str {
    if characters.iter().any(|byte| matches!(byte, b'-' | b'_')) { "base64url" } else { "base64" }
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// What is tried, one place after the other, without any table.
    fn is_promising_plainly(line: &[u8], goes_on: bool) -> bool {
        (0..line.len()).any(|at| {
            let is_behind_mark = at > 0 && matches!(line[at - 1], b'+' | b'-' | b'/' | b'_');
            let is_trial = at < 8 || at < 64 && is_behind_mark || goes_on && at % 16 < 4;
            let sample = line.get(at..at + 12);
            let text = sample.map(|sample| {
                let plain = sample.iter().map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                });
                STANDARD_NO_PAD.decode(plain.collect::<Vec<u8>>()).expect("characters of base64")
            });
            let is_ascii = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
            let is_text = |text: &[u8]| {
                let wide = |nul: usize| {
                    text.iter()
                        .enumerate()
                        .all(|(n, byte)| if n % 2 == nul { *byte == 0 } else { is_ascii(byte) })
                };
                text.iter().all(is_ascii) || wide(0) || wide(1)
            };
            is_trial && text.is_some_and(|text| is_text(&text))
        })
    }

    proptest! {
        #[test]
        fn a_table_tells_what_trying_tells(
            before in "[A-Za-z0-9+/_-]{0,40}",
            text in prop_oneof!["[ -~]{8,24}", "[a-z\t\n\r]{9,15}", "[\\x00-\\x7f]{9,20}"],
            kind in 0..4_u8,
            behind in "[A-Za-z0-9+/_-]{0,60}",
        ) {
            let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
            let encoded = match kind {
                0 => STANDARD_NO_PAD.encode(&text),
                1 => URL_SAFE_NO_PAD.encode(&text),
                2 => STANDARD_NO_PAD.encode(&wide),
                _ => String::new(),
            };
            let line = format!("{before}{encoded}{behind}").into_bytes();
            for goes_on in [false, true] {
                prop_assert_eq!(is_promising(&line, goes_on), is_promising_plainly(&line, goes_on));
            }
            // And what is not promising holds nothing.
            let text = String::from_utf8(line.clone()).expect("ASCII");
            let whole = 0..line.len();
            let lines = std::slice::from_ref(&whole);
            let run = Run::new::<Base64>(text.as_bytes(), lines);
            for cut in [false, true] {
                let mut found = 0;
                run.each::<Base64>(cut, |_, _| found += 1);
                prop_assert!(found == 0 || is_promising(&line, cut || line.len() >= LONG));
            }
        }
    }
}
