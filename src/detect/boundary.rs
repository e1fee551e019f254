//! What may stand right before and right behind a key.
//!
//! In text, a byte of the boundary class means that the key is a piece of something longer. In binary
//! content such a byte may be there by accident: a length, or the next string of a table. It is passed
//! over where something proves that a string begins or ends there: a length that says so.

mod lengths;
mod record;

use std::ops::Range;

use super::context::Context;

/// The class of forms that give none.
pub(super) const DEFAULT: &str = "A-Za-z0-9_";

/// A set of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    /// Reads a bracket's inside: single characters, ranges, a `-` at either end.
    pub(super) fn parse(class: &str) -> Result<Self, String> {
        if !class.is_ascii() {
            return Err(format!("boundary '{class}' is not ASCII"));
        }
        let mut set = [false; 256];
        let mut rest = class.as_bytes();
        while let Some((&first, behind)) = rest.split_first() {
            let (last, behind) = match behind {
                [b'-', last, behind @ ..] => (*last, behind),
                _ => (first, behind),
            };
            if last < first {
                return Err(format!("boundary '{class}' has a range that runs backwards"));
            }
            set.iter_mut().take(usize::from(last) + 1).skip(usize::from(first)).for_each(|held| *held = true);
            rest = behind;
        }
        Ok(Self(set))
    }

    /// A class of expressions: any byte but those in it.
    pub(super) fn negated(&self) -> String {
        let held: String =
            (0..=255_u8).filter(|byte| self.holds(*byte)).map(|byte| format!("\\x{{{byte:02X}}}")).collect();
        if held.is_empty() { "(?s-u:.)".to_owned() } else { format!("[^{held}]") }
    }

    /// Whether it holds `byte`.
    pub(super) fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }
}

/// Whether `span` stands for itself in the text.
pub(super) fn holds(class: &ByteSet, context: &Context<'_>, span: &Range<usize>) -> bool {
    let left = left_is_free(class, context, span.start);
    let right = right_is_free(class, context, span.end);
    if left && right {
        return true;
    }
    if !context.is_binary(span) {
        return false;
    }
    (left || lengths::begins(context, span) || record::begins(context, span))
        && (right || lengths::ends(context, span) || record::ends(context, span))
}

/// Whether a key may begin at `at`.
pub(super) fn left_is_free(class: &ByteSet, context: &Context<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|at| context.byte(at)) else {
        return true;
    };
    // Padding ends a base64 text; an equals sign in front of a key is an assignment.
    before == b'=' || !class.holds(before) || ends_escape(context.slice(at.saturating_sub(16)..at), class)
}

/// Alphabets of numbers that are written in capitals: hex, and base32.
const NUMBERS: [fn(u8) -> bool; 2] =
    [|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'), |byte| matches!(byte, b'2'..=b'7' | b'A'..=b'Z')];

/// Digits around a key that make it a piece of a longer number.
const PIECE: usize = 16;

/// Whether `span` is a piece of a long number: the digits that it is made of go on around it. A prefix of
/// four such digits stands in every megabyte of them.
pub(super) fn is_piece(context: &Context<'_>, span: &Range<usize>) -> bool {
    let front = context.slice(span.start.saturating_sub(PIECE)..span.start);
    let back = context.slice(span.end..span.end.saturating_add(PIECE).min(context.bytes.len()));
    NUMBERS.iter().any(|is_digit| {
        let is_digit = |byte: &&u8| is_digit(**byte);
        let around =
            front.iter().rev().take_while(is_digit).count() + back.iter().take_while(is_digit).count();
        around >= PIECE && context.slice(span.clone()).iter().all(|byte| is_digit(&byte))
    })
}

fn right_is_free(class: &ByteSet, context: &Context<'_>, at: usize) -> bool {
    context.byte(at).is_none_or(|behind| !class.holds(behind))
}

/// Whether `before` ends in an escaped character that is no part of a key: `\n`, `\u003d`, `\x3d`,
/// `%3D`, or a terminal's `ESC [ 1 m`.
fn ends_escape(before: &[u8], class: &ByteSet) -> bool {
    let hex = |digits: &[u8]| {
        std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let foreign = |code: Option<u32>| {
        code.is_some_and(|code| u8::try_from(code).map_or(true, |byte| byte == b'=' || !class.holds(byte)))
    };
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'a' | b'0'] => true,
        [.., b'\\', b'u', a, b, c, d] => foreign(hex(&[*a, *b, *c, *d])),
        [.., b'\\', b'x', a, b] | [.., b'%', a, b] => foreign(hex(&[*a, *b])),
        _ => is_colour_code(before),
    }
}

fn is_colour_code(before: &[u8]) -> bool {
    let Some((b'm', rest)) = before.split_last() else { return false };
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    rest.get(..rest.len() - digits).is_some_and(|rest| rest.ends_with(b"\x1b["))
}

#[cfg(test)]
mod tests {
    use super::{ByteSet, DEFAULT, holds};
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    fn free(class: &str, before: &[u8], behind: &[u8]) -> bool {
        let bytes = [before, b"KEYKEY", behind].concat();
        let window = Window {
            bytes: &bytes,
            owned: 0..bytes.len(),
            starts: true,
            ends: true,
            place: Place::File,
            path: b"",
        };
        let context = Context::around(&window, before.len());
        holds(&ByteSet::parse(class).expect("valid"), &context, &(before.len()..before.len() + 6))
    }

    #[test]
    fn classes_are_read_like_brackets() {
        let set = ByteSet::parse("a-c_-").expect("valid");
        let held: Vec<u8> = (0..=255).filter(|byte| set.holds(*byte)).collect();
        assert_eq!(held, b"-_abc");
        assert!(ByteSet::parse("z-a").is_err());
    }

    #[test]
    fn text_is_strict() {
        assert!(free(DEFAULT, b"", b""));
        assert!(free(DEFAULT, b"\"", b"\""));
        assert!(!free(DEFAULT, b"x", b""));
        assert!(!free(DEFAULT, b"", b"_"));
        assert!(free("", b"x", b"y"));
        assert!(free("A-Za-z0-9+/=", b"NAME=", b"\n"));
        assert!(!free("A-Za-z0-9+/=", b"", b"="));
    }

    #[test]
    fn an_escape_is_not_a_letter() {
        for before in [r"\n", r"\t", r"\u003d", r"\x3d", "%3D", "%22", "\x1b[1;31m", "\x1b[m"] {
            assert!(free(DEFAULT, before.as_bytes(), b""), "{before}");
        }
        for before in [r"\u0041", "%41", "31m", "n"] {
            assert!(!free(DEFAULT, before.as_bytes(), b""), "{before}");
        }
    }

    #[test]
    fn a_length_of_a_class_file_is_no_neighbour() {
        // The key's own length; that of a text that it begins; and lengths that are none.
        let long = [b'x'; 60];
        assert!(free(DEFAULT, b"\0\x01\0\x06", b"\x08"));
        assert!(!free(DEFAULT, b"\0\x01\0B", &[long.as_slice(), b"\x07\0"].concat()));
        let text = [b" ".as_slice(), &long[..59], b"\x07!"].concat();
        assert!(free(DEFAULT, b"\0\x01\0B", &text));
        assert!(!free(DEFAULT, b"\0\x02\0B", &text));
        assert!(!free(DEFAULT, b"\0\x01\0C", &text));
    }

    #[test]
    fn a_length_of_the_key_proves_both_its_ends() {
        // A field of protobuf, a text of MessagePack, one of CBOR, and what comes behind.
        assert!(free(DEFAULT, b"\0\x0a\x06", b"2\x01x"));
        assert!(free(DEFAULT, b"\0\xd9\x06", b"a"));
        assert!(free(DEFAULT, b"\0\x66", b"dnext"));
        assert!(!free(DEFAULT, b"\0\x0a\x07", b"2\x01x"));
        assert!(!free(DEFAULT, b"\x66", b"dnext"), "text");
    }

    #[test]
    fn a_marshalled_length_is_no_neighbour() {
        // A length of 48 is the digit 0, as in compiled Python whose strings follow one another.
        let long = [b'x'; 42];
        assert!(free(DEFAULT, b"\0\xda\x06", b"z\x03abc\0"));
        assert!(free(DEFAULT, b"\0z\x06", b"r\x01\0\0\0"));
        assert!(free(DEFAULT, &[b"\0\0z0".as_slice(), &long[..41], b" "].concat(), b"z\x03abc"));
        assert!(!free(DEFAULT, b"\0z\x07", b"rr\0\0\0"));
        assert!(!free(DEFAULT, b"z0", b"z"));
    }
}
