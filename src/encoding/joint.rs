//! Where a quoted string goes on in the next one: `"abc" + "def"`, and literals that stand side by side.

use super::inline::{Kind, Token, is_token};

/// The word in reports.
pub(super) const WORD: &str = "split";

/// White space between the two, on either side of an operator.
const BLANKS: usize = 120;

/// What joins strings in one language or another; a backslash ends the line.
const OPERATORS: [&[u8]; 9] = [b"||", b"++", b"<>", b"..", b"+", b".", b"&", b"~", b"\\"];

/// Whether the quote at `at` ends a string that may go on. Nearly none does: a comma, a colon, a bracket
/// follows.
pub(super) fn may_begin(text: &[u8], at: usize) -> bool {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    matches!(
        byte(at + 1),
        b' ' | b'\t' | b'\n' | b'\r' | b'|' | b'+' | b'<' | b'.' | b'&' | b'~' | b'\\' | b'"' | b'\''
    ) && at.checked_sub(1).is_some_and(|before| is_token(byte(before)))
}

/// What stands between two strings if the first ends with the quote at `at`.
pub(super) fn at(text: &[u8], at: usize) -> Option<Token> {
    let quote = *text.get(at)?;
    let rest = text.get(at + 1..).filter(|_| may_begin(text, at))?;
    let blanks = |at: usize| {
        let behind = rest.get(at..).unwrap_or_default();
        at + behind.iter().take(BLANKS).take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let start = blanks(0);
    let behind = rest.get(start..)?;
    let operator = OPERATORS.iter().find(|operator| behind.starts_with(operator)).map_or(0, |o| o.len());
    let mut open = blanks(start + operator);
    // A letter or two in front of the quote say what kind of string it is.
    let prefix = rest.get(open..)?.iter().take(2).take_while(|byte| b"bBfFrRuUL@$".contains(byte)).count();
    open += prefix;
    let next = *rest.get(open)?;
    let is_quote = matches!(next, b'"' | b'\'');
    // Two like quotes in a row are one escaped quote.
    let is_escaped = open == 0 && next == quote;
    let goes_on = rest.get(open + 1).is_some_and(|byte| is_token(*byte));
    (is_quote && !is_escaped && goes_on).then(|| Token::new(open + 2, b"", WORD, Kind::Joint))
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn strings_that_go_on() {
        for text in [
            "c\" + \"d",
            "c\"\n      \"d",
            "c' +\n 'd",
            "c\" . \"d",
            "c\" .. \"d",
            "c' \\\n  'd",
            "c\" + b\"d",
            "c'\"d",
            "c' || 'd",
        ] {
            assert_eq!(at(text.as_bytes(), 1).map(|token| token.length), Some(text.len() - 2), "{text}");
        }
    }

    #[test]
    fn strings_that_end() {
        for text in ["c\", \"d", "c\": \"d", "c\"\"d", "c\" + d", "c\" + \" d", " \" + \"d", "c\"", "c\" + "]
        {
            assert!(at(text.as_bytes(), 1).is_none(), "{text}");
        }
    }
}
