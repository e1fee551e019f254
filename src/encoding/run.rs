//! Runs of characters of base64 (either alphabet; hex digits are among them), also over lines.

use std::ops::Range;

use super::mask::{self, BLOCK, Kind, Masks};

/// The shortest run, or first line of one, that is looked at.
const LEAST: usize = 20;

/// White space in front of a wrapped line.
const INDENTATION: usize = 200;

/// Whether `byte` is a character of base64 or base64url.
pub(super) fn is_char(byte: u8) -> bool {
    mask::is(byte, Kind::Base64)
}

/// Calls `found` with the lines of every run of `text`, whose kinds of bytes `masks` are.
pub(super) fn each(text: &[u8], masks: &Masks, mut found: impl FnMut(&[Range<usize>])) {
    let mut lines = Vec::new();
    let mut from: usize = 0;
    let mut next = masks.at(0, Kind::Base64);
    for block in 0..masks.blocks() {
        let base = block * BLOCK;
        let this = std::mem::replace(&mut next, masks.at(block + 1, Kind::Base64));
        let mut starts = starts(this, next);
        while starts != 0 {
            starts &= u64::MAX.checked_shl(from.saturating_sub(base) as u32).unwrap_or(0);
            if starts == 0 {
                break;
            }
            let start = base + starts.trailing_zeros() as usize;
            let mut line = start..end_of(masks, start);
            lines.clear();
            while let Some(next) = next_line(text, masks, &line, lines.is_empty()) {
                lines.push(std::mem::replace(&mut line, next));
            }
            from = line.end;
            lines.push(line);
            found(&lines);
        }
    }
}

/// Bits of a block at which [`LEAST`] characters begin; of those that the block does not hold, the first.
/// `next`: the characters of the block behind it.
fn starts(this: u64, next: u64) -> u64 {
    // Bits at which two, four, eight … characters begin.
    let two = this & this >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let sixteen = eight & eight >> 8;
    let inside = sixteen & four >> (LEAST - 4);
    let last = this.leading_ones();
    let goes_on = last + next.trailing_ones() >= LEAST as u32;
    inside | if goes_on { 1_u64.checked_shl(BLOCK as u32 - last).unwrap_or(0) } else { 0 }
}

/// Where the characters end of which one stands at `from`.
fn end_of(masks: &Masks, from: usize) -> usize {
    let mut block = from / BLOCK;
    let mut end = from + (masks.at(block, Kind::Base64) >> (from % BLOCK)).trailing_ones() as usize;
    while end == (block + 1) * BLOCK {
        block += 1;
        end += masks.at(block, Kind::Base64).trailing_ones() as usize;
    }
    end
}

/// The line on which a run goes on: none is longer than the one before, but for the first.
fn next_line(text: &[u8], masks: &Masks, line: &Range<usize>, is_first: bool) -> Option<Range<usize>> {
    if line.len() < LEAST {
        return None;
    }
    let behind = text.get(line.end..)?;
    let line_end = match behind {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let blanks = behind.get(line_end..)?.iter().take(INDENTATION);
    let start = line.end + line_end + blanks.take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let end = end_of(masks, start);
    (start < end && (is_first || end - start <= line.len())).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(text: &str) -> Vec<Vec<&str>> {
        let mut runs = Vec::new();
        each(text.as_bytes(), &Masks::of(text.as_bytes()), |lines| {
            runs.push(lines.iter().map(|line| &text[line.clone()]).collect())
        });
        runs
    }

    #[test]
    fn every_run_is_found_whatever_is_in_front() {
        for before in 0..70 {
            for length in 18..45 {
                let run = "x".repeat(length);
                let text = format!("{}{}.{run}, and", "word, ".repeat(before / 6), "z".repeat(before % 6));
                let expected = if length < LEAST { Vec::new() } else { vec![vec![run.as_str()]] };
                assert_eq!(runs(&text), expected, "{before} {length}");
            }
        }
    }

    fn plain_end(text: &[u8], from: usize) -> usize {
        text[from..].iter().position(|byte| !is_char(*byte)).map_or(text.len(), |length| from + length)
    }

    /// The runs, looked for byte by byte.
    fn plain_runs(text: &[u8]) -> Vec<Vec<Range<usize>>> {
        let mut runs = Vec::new();
        let mut from = 0;
        while let Some(start) = (from..text.len())
            .find(|at| text.get(*at..at + LEAST).is_some_and(|run| run.iter().all(|b| is_char(*b))))
        {
            let mut lines: Vec<_> = std::iter::once(start..plain_end(text, start)).collect();
            while let Some(next) =
                next_line(text, &Masks::of(text), &lines[lines.len() - 1], lines.len() == 1)
            {
                lines.push(next);
            }
            from = lines[lines.len() - 1].end;
            runs.push(lines);
        }
        runs
    }

    proptest! {
        #[test]
        fn blocks_hold_the_runs_that_are_found_byte_by_byte(
            parts in prop::collection::vec((0..6_usize, 0..90_usize, any::<u8>()), 0..40),
        ) {
            let mut text = Vec::new();
            for (kind, length, byte) in parts {
                let kinds: [&[u8]; 6] = [b"Az09+/-_", b".:;<=>?@[]^`", b" \"'#(){}", &[0, 0x80, 0xff, 0xb5], b"\n  ", b"\r\n\t"];
                let of = kinds[kind];
                let length = if kind == 0 { length } else { length % 4 };
                text.extend((0..length).map(|n| of[(usize::from(byte) + n * 7) % of.len()]));
            }
            let mut runs = Vec::new();
            each(&text, &Masks::of(&text), |lines| runs.push(lines.to_vec()));
            prop_assert_eq!(runs, plain_runs(&text));
        }
    }

    #[test]
    fn lines_are_joined() {
        let line = "abcdefghijklmnopqrstuvwx";
        let text = format!("key: {line}\n     {line}\r\n\t{line}\n  end==\n  other");
        assert_eq!(runs(&text), [[line, line, line, "end"]]);
        assert_eq!(runs(&format!("{line}\n\n{line}")), [[line], [line]]);
        assert_eq!(runs(&format!("{line}\nab\n{line}")), [[line, "ab"].to_vec(), [line].to_vec()]);
        assert!(runs("short\nlines\nof text").is_empty());
    }
}
