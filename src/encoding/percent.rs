//! Characters as `%XX`, as in URLs (RFC 3986) and forms.

use super::escape::number;
use super::inline::{Kind, Token};

/// The encoding's word in reports.
pub(super) const WORD: &str = "url";

/// The character at `at`, a percent sign.
pub(super) fn at(text: &[u8], at: usize) -> Option<Token> {
    let byte = u8::try_from(number(text.get(at + 1..at + 3)?, 16)?).ok()?;
    Some(Token::new(3, &[byte], WORD, Kind::of(byte)))
}
