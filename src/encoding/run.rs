//! Runs of characters of base64 (either alphabet; hex digits are among them), also over lines.

use std::ops::Range;

/// The shortest run, or first line of one, that is looked at.
const LEAST: usize = 20;

/// White space in front of a wrapped line.
const INDENTATION: usize = 200;

/// Characters that are looked at together.
const BLOCK: usize = 64;

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

/// The characters among the first bytes of `text`, a bit for each.
fn characters(text: &[u8]) -> u64 {
    if let Some(block) = text.first_chunk() {
        return characters_of(block);
    }
    let mut block = [0; BLOCK];
    block.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    characters_of(&block)
}

fn characters_of(block: &[u8; BLOCK]) -> u64 {
    // Written so that the compiler can take many bytes at a time.
    let mut held = [0; BLOCK];
    for (held, byte) in held.iter_mut().zip(block) {
        *held = u8::from(is_of_alphabet(*byte));
    }
    let (eights, _) = held.as_chunks::<8>();
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |all, eight| all << 8 | bits(eight))
}

/// Calls `found` with the lines of every run.
pub(super) fn each(text: &[u8], mut found: impl FnMut(&[Range<usize>])) {
    let mut lines = Vec::new();
    let mut from: usize = 0;
    let mut base = 0;
    let mut here = characters(text);
    while base < text.len() {
        let next = characters(text.get(base + BLOCK..).unwrap_or_default());
        // Bits at which two, four, eight … characters begin.
        let one = u128::from(next) << BLOCK | u128::from(here);
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
            let start = base + starts.trailing_zeros() as usize;
            let mut line = start..end_of(text, start + LEAST);
            lines.clear();
            while let Some(next) = next_line(text, &line, lines.is_empty()) {
                lines.push(std::mem::replace(&mut line, next));
            }
            from = line.end;
            lines.push(line);
            found(&lines);
        }
        (base, here) = (base + BLOCK, next);
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
