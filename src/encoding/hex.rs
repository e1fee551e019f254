//! Text as hex digits in either case, without anything between the bytes but line breaks.

use std::ops::Range;

use super::pieces::Pieces;
use super::stretch::{Alphabet, Run, SAMPLE, STEP, is_text_at};

struct Hex;

/// The fewest digits.
const LEAST: usize = 32;

impl Alphabet for Hex {
    const CHARACTERS: usize = 2;
    const BYTES: usize = 1;

    fn value(byte: u8) -> u8 {
        char::from(byte).to_digit(16).map_or(0xff, |digit| digit as u8)
    }

    fn may_begin(value: u8) -> bool {
        value <= 7
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

/// Adds the texts in a run of base64 characters as far as its lines are digits. Other lines may hold rows of
/// digits.
pub(super) fn find(text: &[u8], lines: &[Range<usize>], cut: bool, pieces: &mut Pieces) {
    if lines.iter().map(Range::len).sum::<usize>() < LEAST {
        return;
    }
    let is_digits = |line: &&Range<usize>| {
        text.get((*line).clone()).is_some_and(|line| line.iter().all(u8::is_ascii_hexdigit))
    };
    let mut rest = lines;
    while let Some((line, behind)) = rest.split_first() {
        let whole = rest.iter().take_while(is_digits).count();
        if whole == 0 {
            let mut from = line.start;
            while let Some(row) = long_row(text, from..line.end) {
                from = row.end;
                read(text, std::slice::from_ref(&row), cut, pieces);
            }
            rest = behind;
        } else {
            let (digits, behind) = rest.split_at(whole);
            read(text, digits, cut, pieces);
            rest = behind;
        }
    }
}

fn read(text: &[u8], lines: &[Range<usize>], cut: bool, pieces: &mut Pieces) {
    if lines.iter().map(Range::len).sum::<usize>() < LEAST {
        return;
    }
    if let [row] = lines
        && !text.get(row.clone()).is_some_and(is_promising)
    {
        return;
    }
    let cut = cut && lines.first().is_some_and(|line| line.start == 0);
    Run::new::<Hex>(text, lines).each::<Hex>(cut, |run, stretch| run.push::<Hex>(stretch, pieces, |_| "hex"));
}

/// Whether text begins in a row of digits, at any of the places where it may be looked for.
fn is_promising(row: &[u8]) -> bool {
    let is_text = |at: usize| {
        // The digits of a first byte that is none of text are told at once.
        row.get(at).is_some_and(|digit| *digit < b'8')
            && row.get(at..at + SAMPLE * Hex::CHARACTERS).is_some_and(is_text_at::<Hex>)
    };
    (0..2 * Hex::CHARACTERS).any(is_text)
        || (STEP..row.len()).step_by(STEP).any(|at| (at..at + Hex::CHARACTERS).any(is_text))
}

/// The first row of digits in a line that is long enough.
fn long_row(text: &[u8], line: Range<usize>) -> Option<Range<usize>> {
    let mut from = line.start;
    while from + LEAST <= line.end {
        let row = text.get(from..from + LEAST)?;
        match row.iter().rposition(|byte| !byte.is_ascii_hexdigit()) {
            Some(other) => from += other + 1,
            None => {
                let rest = text.get(from..line.end)?;
                return Some(from..from + rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_promising_holds_no_text(
            before in "[0-9a-fA-F]{0,90}",
            text in "[ -~]{0,24}",
            behind in "[0-9a-fA-F]{0,90}",
            cut in any::<bool>(),
        ) {
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let row = format!("{before}{digits}{behind}");
            let whole = 0..row.len();
            let lines = std::slice::from_ref(&whole);
            let run = Run::new::<Hex>(row.as_bytes(), lines);
            let mut found = 0;
            run.each::<Hex>(cut, |_, _| found += 1);
            prop_assert!(found == 0 || is_promising(row.as_bytes()));
        }
    }
}
