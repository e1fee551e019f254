//! Runs of characters of base64 (either alphabet; hex digits are among them), also over lines.

use std::ops::Range;

/// The shortest run, or first line of one, that is looked at.
const LEAST: usize = 20;

/// White space in front of a wrapped line.
const INDENTATION: usize = 200;

const fn characters() -> [bool; 256] {
    let mut held = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let char = byte as u8;
        held[byte] = char.is_ascii_alphanumeric() || matches!(char, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    held
}

static CHARACTERS: [bool; 256] = characters();

/// Whether `byte` is a character of base64 or base64url.
pub(super) fn is_char(byte: u8) -> bool {
    CHARACTERS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Calls `found` with the lines of every run.
pub(super) fn each(text: &[u8], mut found: impl FnMut(&[Range<usize>])) {
    let mut lines = Vec::new();
    // No run that is long enough and was not seen begins before `from`. So its character number LEAST is
    // looked at first, and most text is passed over.
    let mut from = 0;
    while let Some(first) = text.get(from..from + LEAST) {
        if let Some(other) = first.iter().rposition(|byte| !is_char(*byte)) {
            from += other + 1;
            continue;
        }
        lines.clear();
        let mut line = from..end_of(text, from);
        while let Some(next) = next_line(text, &line, lines.is_empty()) {
            lines.push(std::mem::replace(&mut line, next));
        }
        from = line.end + 1;
        lines.push(line);
        found(&lines);
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
