//! One secret, many spellings: URL-encoding and JSON escapes inside a key are undone, so that equal keys
//! are equal.

use super::gate::is_text;

/// The key without its escapes, if it has any that can be undone.
pub(super) fn decoded(key: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr2(b'%', b'\\', key)?;
    // In binary keys nothing is escaped.
    if !is_text(key) {
        return None;
    }
    let mut out = Vec::with_capacity(key.len());
    let mut rest = key;
    if let Some((plain, behind)) = rest.split_at_checked(first) {
        out.extend_from_slice(plain);
        rest = behind;
    }
    let mut changed = false;
    while let Some(&byte) = rest.first() {
        let (decoded, length) = escape(rest).unwrap_or((byte, 1));
        changed |= length > 1;
        out.push(decoded);
        rest = rest.get(length..).unwrap_or_default();
    }
    changed.then_some(out)
}

/// The byte that the escape at the front of `text` stands for, and its length.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
        u8::try_from(u32::from_str_radix(text, 16).ok()?).ok().filter(u8::is_ascii)
    };
    match text {
        [b'%', a, b, ..] => hex(&[*a, *b]).map(|byte| (byte, 3)),
        [b'\\', b'u', a, b, c, d, ..] => hex(&[*a, *b, *c, *d]).map(|byte| (byte, 6)),
        [b'\\', b'x', a, b, ..] => hex(&[*a, *b]).map(|byte| (byte, 4)),
        [b'\\', mark @ (b'/' | b'"' | b'\'' | b'\\' | b'$' | b'='), ..] => Some((*mark, 2)),
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_undone() {
        let cases = [
            ("a%2Bb%3d", "a+b="),
            (r"a\/b", "a/b"),
            (r"a\u003d", "a="),
            (r"a\x2fb", "a/b"),
            (r#"a\"b"#, "a\"b"),
            ("50%25", "50%"),
        ];
        for (key, plain) in cases {
            assert_eq!(decoded(key.as_bytes()).as_deref(), Some(plain.as_bytes()), "{key}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for key in ["plain+/=", "100%", "%zz", r"a\qb", "%ff", "%+1", "\x05\x02\\n%41"] {
            assert_eq!(decoded(key.as_bytes()), None, "{key}");
        }
    }
}
