//! Runs of characters of base64 (either alphabet; hex digits are among them), also over lines.

use std::ops::Range;

use super::mask::{BLOCK, mask};

/// The shortest run, or first line of one, that is looked at.
const LEAST: usize = 20;

/// White space in front of a wrapped line.
const INDENTATION: usize = 200;

/// Whether `byte` is a character of base64 or base64url.
const fn is_of_alphabet(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // The slash stands in front of the digits.
    let is_digit = byte.wrapping_sub(b'/') < 11;
    is_letter | is_digit | (byte == b'+') | (byte == b'-') | (byte == b'_')
}

static CHARACTERS: [bool; 256] = {
    let mut held = [false; 256];
    let mut byte = 0;
    while byte < held.len() {
        held[byte] = is_of_alphabet(byte as u8);
        byte += 1;
    }
    held
};

/// Whether `byte` is a character of base64 or base64url.
pub(super) fn is_char(byte: u8) -> bool {
    CHARACTERS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Bytes by which it is told that no run begins in a block: its own, and two words behind it.
const AHEAD: usize = BLOCK + 16;

/// Whether a run may begin among the first [`BLOCK`] bytes of `text`. Any run holds a word of eight bytes, as
/// they lie, and behind the first of them five more bytes at least. Bytes from `+` on are taken for characters,
/// which few words of text have in such numbers.
fn may_begin(text: &[u8]) -> bool {
    if let Some(block) = text.first_chunk() {
        return has_long_word(block);
    }
    let mut block = [0; AHEAD];
    block.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    has_long_word(&block)
}

fn has_long_word(block: &[u8; AHEAD]) -> bool {
    const UPPER: u64 = 0x8080_8080_8080_8080;
    const TO_UPPER: u64 = 0x0101_0101_0101_0101 * (0x80 - b'+' as u64);
    const FIVE: u64 = (1 << 40) - 1;
    let (words, _) = block.as_chunks::<8>();
    let mut others = [0; AHEAD / 8];
    for (others, word) in others.iter_mut().zip(words) {
        let word = u64::from_le_bytes(*word);
        // The upper bit of every byte that is no character, as far as none in front of it is.
        *others = (word | !word.wrapping_add(TO_UPPER)) & UPPER;
    }
    let pairs = others.iter().zip(others.iter().skip(1));
    pairs.fold(false, |any, (word, next)| any | ((word | (next & FIVE)) == 0))
}

/// Calls `found` with the lines of every run.
pub(super) fn each(text: &[u8], mut found: impl FnMut(&[Range<usize>])) {
    let mut lines = Vec::new();
    let mut from: usize = 0;
    let mut base = 0;
    // The characters of the next block, where they were looked for.
    let mut known: Option<u64> = None;
    while base < text.len() {
        let here = text.get(base..).unwrap_or_default();
        if !may_begin(here) {
            known = None;
        } else {
            let first = known.take().unwrap_or_else(|| mask(here, is_of_alphabet));
            let second = mask(here.get(BLOCK..).unwrap_or_default(), is_of_alphabet);
            let one = u128::from(second) << BLOCK | u128::from(first);
            known = Some(second);
            // Bits at which two, four, eight … characters begin.
            let two = one & one >> 1;
            let four = two & two >> 2;
            let eight = four & four >> 4;
            let sixteen = eight & eight >> 8;
            let mut starts = (sixteen & four >> (LEAST - 4)) as u64;
            loop {
                starts &= u64::MAX.checked_shl(from.saturating_sub(base) as u32).unwrap_or(0);
                if starts == 0 {
                    break;
                }
                let bit = starts.trailing_zeros();
                let start = base + bit as usize;
                let length = (one >> bit).trailing_ones() as usize;
                // Nearly all end in the two blocks.
                let ends = bit as usize + length < 2 * BLOCK;
                let mut line = start..if ends { start + length } else { end_of(text, start + length) };
                lines.clear();
                while let Some(next) = next_line(text, &line, lines.is_empty()) {
                    lines.push(std::mem::replace(&mut line, next));
                }
                from = line.end;
                lines.push(line);
                found(&lines);
            }
        }
        base += BLOCK;
    }
}

fn end_of(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !is_char(*byte)).unwrap_or(rest.len())
}

/// The line on which a run goes on: none is longer than the one before, but for the first.
fn next_line(text: &[u8], line: &Range<usize>, is_first: bool) -> Option<Range<usize>> {
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
    let end = end_of(text, start);
    (start < end && (is_first || end - start <= line.len())).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(text: &str) -> Vec<Vec<&str>> {
        let mut runs = Vec::new();
        each(text.as_bytes(), |lines| runs.push(lines.iter().map(|line| &text[line.clone()]).collect()));
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

    /// The runs, looked for byte by byte.
    fn plain_runs(text: &[u8]) -> Vec<Vec<Range<usize>>> {
        let mut runs = Vec::new();
        let mut from = 0;
        while let Some(start) = (from..text.len())
            .find(|at| text.get(*at..at + LEAST).is_some_and(|run| run.iter().all(|b| is_char(*b))))
        {
            let mut lines: Vec<_> = std::iter::once(start..end_of(text, start)).collect();
            while let Some(next) = next_line(text, &lines[lines.len() - 1], lines.len() == 1) {
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
            each(&text, |lines| runs.push(lines.to_vec()));
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
