//! Characters behind a backslash, as JSON, C, JavaScript, Python and shells write them.

use super::inline::{Kind, Token};
use super::run;

/// The encoding's word in reports.
pub(super) const WORD: &str = "escapes";

/// The base64 characters that must stand in front of an escaped line break that wraps a base64 text.
const WRAPPED: usize = 20;

/// The escape at `at`, a backslash.
pub(super) fn at(text: &[u8], at: usize) -> Option<Token> {
    let rest = text.get(at..)?;
    let token = |length: usize, decoded: &[u8], kind: Kind| Some(Token::new(length, decoded, WORD, kind));
    match *rest.get(1)? {
        mark @ (b'/' | b'_' | b'-' | b'+' | b'=' | b'.') => token(2, &[mark], Kind::Character),
        b'u' if rest.get(2) == Some(&b'{') => {
            let digits = rest.get(3..)?.iter().take(7).position(|byte| *byte == b'}')?;
            unicode(rest.get(3..3 + digits)?, digits + 4)
        }
        b'u' => unicode(rest.get(2..6)?, 6),
        b'x' => {
            let byte = u8::try_from(number(rest.get(2..4)?, 16)?).ok()?;
            token(4, &[byte], Kind::of(byte))
        }
        b'0'..=b'3' => {
            let byte = u8::try_from(number(rest.get(1..4)?, 8)?).ok()?;
            token(4, &[byte], Kind::of(byte))
        }
        b'n' | b'r' => {
            let line_end = if rest.starts_with(br"\r\n") { 4 } else { 2 };
            let kind = if wraps(text, at, at + line_end) { Kind::Character } else { Kind::Weak };
            token(line_end, if rest.get(1) == Some(&b'r') && line_end == 2 { b"\r" } else { b"\n" }, kind)
        }
        b't' => token(2, b"\t", Kind::Weak),
        mark @ (b'"' | b'\'' | b'`') => token(2, &[mark], Kind::Weak),
        b'\\' => token(2, br"\", if escapes_escape(rest.get(1..)?) { Kind::Character } else { Kind::Weak }),
        b'\n' | b'\r' => {
            let length = 1 + rest.iter().skip(1).take_while(|byte| byte.is_ascii_whitespace()).count();
            token(length, b"", Kind::Joint)
        }
        _ => None,
    }
}

fn unicode(digits: &[u8], length: usize) -> Option<Token> {
    let char = char::from_u32(number(digits, 16)?).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut utf8 = [0; 4];
    let kind = u8::try_from(char).map_or(Kind::Weak, Kind::of);
    Some(Token::new(length, char.encode_utf8(&mut utf8).as_bytes(), WORD, kind))
}

/// The number that all of `digits` write.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    digits.iter().try_fold(0, |sum: u32, byte| Some(sum * radix + char::from(*byte).to_digit(radix)?))
}

/// Whether the line break from `at` to `end` stands inside a base64 text.
fn wraps(text: &[u8], at: usize, end: usize) -> bool {
    let before = text.get(at.saturating_sub(WRAPPED)..at).unwrap_or_default();
    let is_char = |byte: &u8| run::is_char(*byte);
    before.len() == WRAPPED && before.iter().all(is_char) && text.get(end).is_some_and(is_char)
}

/// Whether a text in which one backslash less stands would hold an escaped character.
fn escapes_escape(rest: &[u8]) -> bool {
    match rest {
        [b'\\', b'/', ..] => true,
        [b'\\', b'u', digits @ ..] => digits.get(..4).is_some_and(|four| number(four, 16).is_some()),
        [b'\\', b'x', digits @ ..] => digits.get(..2).is_some_and(|two| number(two, 16).is_some()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<(String, usize, Kind)> {
        let token = at(text.as_bytes(), 0)?;
        Some((String::from_utf8_lossy(token.decoded()).into_owned(), token.length, token.kind))
    }

    #[test]
    fn escapes_of_many_languages() {
        for (text, character) in [
            (r"\/x", "/"),
            (r"\u002fx", "/"),
            (r"\u{2F}x", "/"),
            (r"\x2F", "/"),
            (r"\057", "/"),
            (r"\_x", "_"),
            (r"\\/", "\\"),
            (r"\\u0041", "\\"),
        ] {
            let (decoded, _, kind) = decoded(text).expect("an escape");
            assert_eq!((decoded.as_str(), kind), (character, Kind::Character), "{text}");
        }
        for (text, character) in [(r"\nx", "\n"), (r"\tx", "\t"), (r#"\"x"#, "\""), (r"\u00e4", "ä")] {
            let (decoded, _, kind) = decoded(text).expect("an escape");
            assert_eq!((decoded.as_str(), kind), (character, Kind::Weak), "{text}");
        }
        assert_eq!(decoded("\\\r\n   x"), Some((String::new(), 6, Kind::Joint)));
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [r"\", r"\q", r"\u00g0", r"\x4", r"\18", r"\u{}", r"\u{1234567890}"] {
            assert!(decoded(text).is_none(), "{text}");
        }
    }
}
