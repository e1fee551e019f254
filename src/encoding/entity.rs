//! Characters as HTML and XML write them: `&quot;`, `&#47;`, `&#x2F;`.

use super::escape::number;
use super::inline::{Kind, Token};

/// The encoding's word in reports.
pub(super) const WORD: &str = "html";

/// The longest that is looked at, its marks excluded.
const LONGEST: usize = 8;

/// Those of XML, and those of HTML for characters that stand in keys and around them.
const NAMED: [(&[u8], u8); 14] = [
    (b"quot", b'"'),
    (b"amp", b'&'),
    (b"apos", b'\''),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"sol", b'/'),
    (b"equals", b'='),
    (b"plus", b'+'),
    (b"colon", b':'),
    (b"lowbar", b'_'),
    (b"period", b'.'),
    (b"commat", b'@'),
    (b"Tab", b'\t'),
    (b"NewLine", b'\n'),
];

/// The character at `at`, an ampersand.
pub(super) fn at(text: &[u8], at: usize) -> Option<Token> {
    let rest = text.get(at + 1..)?;
    let length = rest.iter().take(LONGEST + 1).position(|byte| *byte == b';')?;
    let name = rest.get(..length)?;
    let byte = match name {
        [b'#', b'x' | b'X', digits @ ..] => u8::try_from(number(digits, 16)?).ok()?,
        [b'#', digits @ ..] => u8::try_from(number(digits, 10)?).ok()?,
        _ => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    byte.is_ascii().then(|| Token::new(length + 2, &[byte], WORD, Kind::of(byte)))
}
