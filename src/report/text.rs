//! Words, numbers and lengths as people read them.

/// How many columns a terminal gives to `text`: wide for East Asian and emoji, none for marks that
/// combine with the character before them. Near enough for shortening and alignment.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// `text` in at most `room` columns: a third of its beginning, `mark`, and the end, which tells more.
pub fn middle(text: &str, room: usize, mark: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let keep = room.saturating_sub(width(mark));
    let head: String = fitting(text.chars(), keep / 3).collect();
    let tail: Vec<char> = fitting(text.chars().rev(), keep.saturating_sub(width(&head))).collect();
    head + mark + &tail.iter().rev().collect::<String>()
}

/// `text` in at most `room` columns: its beginning and `mark`.
pub fn start(text: &str, room: usize, mark: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    fitting(text.chars(), room.saturating_sub(width(mark))).chain(mark.chars()).collect()
}

fn fitting(chars: impl Iterator<Item = char>, room: usize) -> impl Iterator<Item = char> {
    chars
        .scan(0, |used, c| {
            *used += char_width(c);
            Some((*used, c))
        })
        .take_while(move |(used, _)| *used <= room)
        .map(|(_, c)| c)
}

/// Lines of at most `room` columns, broken between words; a longer word is broken where it must.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) <= room {
            line.extend((gap > 0).then_some(' '));
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if width(&line) + char_width(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `1 key`, `2 keys`, `12 345 files`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number as u64))
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in decimal units, as registries and engines show it.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = "B";
    // From 999.95 on, one decimal would round to 1000.0.
    while value >= 999.95 {
        let Some(next) = units.next() else { break };
        unit = next;
        value /= 1000.0;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// `sha256:` and the first 12 hex digits.
pub fn short_digest(digest: &str) -> &str {
    let end = digest.find(':').map_or(12, |colon| colon + 13);
    digest.get(..end).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(middle("/usr/lib/python3/dist-packages/a.py", 20, "…"), "/usr/l…packages/a.py");
        assert_eq!(middle("short", 20, "…"), "short");
        assert_eq!(width(&middle(&"鍵".repeat(40), 21, "…")), 21);
        assert_eq!(middle("abc", 0, "…"), "…");
    }

    #[test]
    fn lines_break_between_words_and_inside_only_when_they_must() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a https://long.example/x b", 10), ["a", "https://lo", "ng.example", "/x b"]);
        assert_eq!(wrap("", 7), [""]);
    }

    #[test]
    fn sizes_and_numbers_read_well() {
        let sizes = [0, 999, 1_000, 12_340_000, 999_949, 999_950, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "12.3 MB", "999.9 kB", "1.0 MB", "18.4 EB"]);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(count(1, "key"), "1 key");
    }

    #[test]
    fn digests_are_cut_behind_twelve_digits() {
        assert_eq!(short_digest("sha256:0123456789abcdef"), "sha256:0123456789ab");
        assert_eq!(short_digest("odd"), "odd");
    }
}
