//! The format of a key in words: what it begins with, how long it is, and of which characters.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Of a longer list of single characters this many are named.
const NAMED: usize = 12;

/// What a pattern says of its key.
pub(super) fn words(pattern: &str) -> Option<String> {
    let parser = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let hir = parser.ok()?;
    let key = key_of(&hir).unwrap_or(&hir);
    let mut parts = Vec::new();
    let prefix = prefix_of(key);
    if !prefix.is_empty() {
        parts.push(format!("begins with {prefix}"));
    }
    let (least, most) = (key.properties().minimum_len()?, key.properties().maximum_len());
    parts.push(match most {
        Some(most) if most == least => format!("{least} characters long"),
        Some(most) => format!("{least} to {most} characters long"),
        None => format!("{least} characters long or more"),
    });
    let mut held = [false; 256];
    collect(key, &mut held);
    parts.extend(alphabet(&held));
    Some(parts.join(", "))
}

fn key_of(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("key") => Some(&capture.sub),
        kind => kind.subs().iter().find_map(key_of),
    }
}

/// The literal at the front, as far as it is text.
fn prefix_of(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0).into_owned();
            if text.chars().all(|char| char.is_ascii_graphic()) { text } else { String::new() }
        }
        HirKind::Capture(capture) => prefix_of(&capture.sub),
        HirKind::Concat(parts) => {
            let first = parts.iter().find(|part| !matches!(part.kind(), HirKind::Look(_) | HirKind::Empty));
            first.map(prefix_of).unwrap_or_default()
        }
        HirKind::Alternation(branches) if branches.len() <= 4 => {
            let fronts: Vec<String> = branches.iter().map(prefix_of).collect();
            if fronts.iter().all(|front| !front.is_empty()) { fronts.join(" or ") } else { String::new() }
        }
        _ => String::new(),
    }
}

/// The bytes of all classes.
fn collect(hir: &Hir, held: &mut [bool; 256]) {
    if let HirKind::Class(class) = hir.kind() {
        let bytes = match class {
            Class::Bytes(bytes) => Some(bytes.clone()),
            Class::Unicode(unicode) => unicode.to_byte_class(),
        };
        for range in bytes.iter().flat_map(|class| class.ranges()) {
            for byte in range.start()..=range.end() {
                if let Some(held) = held.get_mut(usize::from(byte)) {
                    *held = true;
                }
            }
        }
    }
    hir.kind().subs().iter().for_each(|sub| collect(sub, held));
}

/// A set of bytes in words; nothing where there is none.
fn alphabet(held: &[bool; 256]) -> Option<String> {
    let all = |mut bytes: std::ops::RangeInclusive<u8>| bytes.all(|byte| held[usize::from(byte)]);
    let none = |mut bytes: std::ops::RangeInclusive<u8>| bytes.all(|byte| !held[usize::from(byte)]);
    let count = held.iter().filter(|held| **held).count();
    if count == 0 {
        return None;
    }
    if count > 100 {
        return Some("of nearly any characters".to_owned());
    }
    let mut parts: Vec<&str> = Vec::new();
    let (upper, lower, digits) = (all(b'A'..=b'Z'), all(b'a'..=b'z'), all(b'0'..=b'9'));
    let hex = |from: u8| all(from..=from + 5) && none(from + 6..=from + 25);
    let (upper_hex, lower_hex) = (hex(b'A'), hex(b'a'));
    match (digits, upper, lower) {
        (true, _, _) if (upper_hex || lower_hex) && !upper && !lower => parts.push("hex digits"),
        (_, true, true) => parts.push("letters"),
        (_, true, false) => parts.push("capital letters"),
        (_, false, true) => parts.push("small letters"),
        (_, false, false) => {}
    }
    let is_hex = parts.first() == Some(&"hex digits");
    if digits && !is_hex {
        parts.push("digits");
    }
    let known = |byte: u8| {
        (digits && byte.is_ascii_digit())
            || ((upper || upper_hex && is_hex) && byte.is_ascii_uppercase())
            || ((lower || lower_hex && is_hex) && byte.is_ascii_lowercase())
    };
    let others: Vec<char> =
        (b'!'..=b'~').filter(|byte| held[usize::from(*byte)] && !known(*byte)).map(char::from).collect();
    let mut text = parts.join(" and ");
    if (1..=NAMED).contains(&others.len()) {
        let others: String = others.iter().map(|char| format!(" {char}")).collect();
        text =
            if text.is_empty() { format!("the characters{others}") } else { format!("{text}, and{others}") };
    } else if !others.is_empty() {
        text =
            if text.is_empty() { "some characters".to_owned() } else { format!("{text}, and some others") };
    }
    (!text.is_empty()).then(|| format!("of {text}"))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn patterns_are_put_into_words() {
        for (pattern, expected) in [
            ("ghp_[0-9A-Za-z]{36}", "begins with ghp_, 40 characters long, of letters and digits"),
            ("x=(?P<key>[0-9a-f]{32})", "32 characters long, of hex digits"),
            (
                "(?:sk|rk)_live_[a-z]{9,}",
                "begins with sk or rk, 17 characters long or more, of small letters",
            ),
            ("[A-Z0-9_-]{4,8}", "4 to 8 characters long, of capital letters and digits, and - _"),
            ("[^\"]{20}", "20 characters long, of nearly any characters"),
        ] {
            assert_eq!(words(pattern).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(words("("), None);
    }
}
