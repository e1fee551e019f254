//! Files of secrets: a JSON object, or lines of `NAME=value` and bare values.

use super::{OwnSecretsError, Value};
use crate::detect::Key;
use crate::image::config::json::Json;

/// Reads a file in whichever form it has.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Value>, OwnSecretsError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii_start().starts_with(b"{") { parse_json(bytes) } else { parse_lines(bytes) }
}

fn parse_json(bytes: &[u8]) -> Result<Vec<Value>, OwnSecretsError> {
    let object: Json = serde_json::from_slice(bytes)
        .map_err(|error| OwnSecretsError::Json { line: error.line(), column: error.column() })?;
    let mut values = Vec::new();
    flatten(&object, "", &mut values);
    Ok(values)
}

fn flatten(value: &Json, name: &str, values: &mut Vec<Value>) {
    match value {
        Json::Null => {}
        Json::Bare(text) | Json::Text(text) => values.push(named(name, text.as_bytes())),
        Json::Array(items) => items.iter().for_each(|item| flatten(item, name, values)),
        Json::Object(members) => {
            for (member, value) in members {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(value, &format!("{name}{dot}{member}"), values);
            }
        }
    }
}

fn named(name: &str, value: &[u8]) -> Value {
    Value { name: name.to_owned(), key: Key::new(value.to_vec()), bare: false }
}

fn parse_lines(bytes: &[u8]) -> Result<Vec<Value>, OwnSecretsError> {
    let mut values = Vec::new();
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, behind) = split_at(rest, b'\n');
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"#") {
            rest = behind;
            continue;
        }
        let Some((name, at)) = assignment(trimmed) else {
            values.push(Value {
                name: format!("line {number}"),
                key: Key::new(trimmed.to_vec()),
                bare: true,
            });
            rest = behind;
            continue;
        };
        let value = &trimmed[at..];
        if !value.starts_with(b"\"") && !value.starts_with(b"'") {
            push_unquoted(&name, value, &mut values);
            rest = behind;
            continue;
        }
        // The value may go on behind the line, so it is read from the whole rest of the file.
        let skipped = line.len() - line.trim_ascii_start().len() + at;
        let (inside, closed) = quoted(&rest[skipped..]).ok_or(OwnSecretsError::OpenQuote { line: number })?;
        push_quoted(&name, inside, &mut values);
        let (tail, behind) = split_at(&rest[skipped + closed..], b'\n');
        if !tail.trim_ascii().is_empty() && !tail.trim_ascii().starts_with(b"#") {
            // `"a"b` is no quoted value: the text as it stands may be meant.
            values.push(named(&name, value));
        }
        number += inside.iter().filter(|byte| **byte == b'\n').count();
        rest = behind;
    }
    Ok(values)
}

fn split_at(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The name in `[export ]NAME = value`, and where the value begins.
fn assignment(line: &[u8]) -> Option<(String, usize)> {
    let equals = memchr::memchr(b'=', line)?;
    let name = std::str::from_utf8(&line[..equals]).ok()?.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim);
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !first || !name.bytes().all(fits) || is_padded_base64(line, equals) {
        return None;
    }
    let blanks = line[equals + 1..].len() - line[equals + 1..].trim_ascii_start().len();
    Some((name.to_owned(), equals + 1 + blanks))
}

/// A bare value in base64 looks like a variable with an empty value, or with `=` for one.
fn is_padded_base64(line: &[u8], equals: usize) -> bool {
    let only_padding = line[equals..].iter().all(|byte| *byte == b'=');
    let has = |fits: fn(&u8) -> bool| line[..equals].iter().any(fits);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    only_padding && line.len().is_multiple_of(4) && mixed
}

/// Without quotes, ` #` begins a comment for some readers and belongs to the value for others.
fn push_unquoted(name: &str, value: &[u8], values: &mut Vec<Value>) {
    if let Some(at) = memchr::memmem::find(value, b" #") {
        values.push(named(name, &value[..at]));
    }
    values.push(named(name, value));
}

/// Some readers take a backslash in quotes for an escape, others do not.
fn push_quoted(name: &str, inside: &[u8], values: &mut Vec<Value>) {
    let mut plain = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match bytes.peek() {
            Some(&&(b'"' | b'\\' | b'$' | b'\'')) if byte == b'\\' => plain.extend(bytes.next()),
            _ => plain.push(byte),
        }
    }
    if plain != inside {
        values.push(named(name, &plain));
    }
    values.push(named(name, inside));
}

/// What stands in the quotes at the head of `bytes`, and where it goes on behind them.
fn quoted(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let quote = *bytes.first()?;
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if byte == b'\\' && quote == b'"' {
            escaped = true;
        } else if byte == quote {
            return Some((&bytes[1..at], at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, bool)> {
        let values = parse(text.as_bytes()).expect("values");
        let shown =
            |value: Value| (value.name, String::from_utf8_lossy(value.key.expose()).into_owned(), value.bare);
        values.into_iter().map(shown).collect()
    }

    fn one(name: &str, value: &str) -> (String, String, bool) {
        (name.to_owned(), value.to_owned(), false)
    }

    #[test]
    fn reads_dotenv_lines() {
        let text =
            "\u{feff}# comment\r\nA=one\r\nexport B = two words\n\nC='s $x'\nD=\"d\" # note\nE=\nF=a=b==\n";
        let expected = [
            one("A", "one"),
            one("B", "two words"),
            one("C", "s $x"),
            one("D", "d"),
            one("E", ""),
            one("F", "a=b=="),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn where_readers_differ_both_readings_are_values() {
        assert_eq!(read("A=x #y"), [one("A", "x"), one("A", "x #y")]);
        assert_eq!(read(r#"A="q\"\$x\n""#), [one("A", r#"q"$x\n"#), one("A", r#"q\"\$x\n"#)]);
        assert_eq!(read("A='x'y"), [one("A", "x"), one("A", "'x'y")]);
    }

    #[test]
    fn quoted_values_go_over_lines() {
        let values = read("A=\"l1\nl2\"\nB=b\nbare");
        assert_eq!(values[..2], [one("A", "l1\nl2"), one("B", "b")]);
        assert_eq!(values[2], ("line 4".to_owned(), "bare".to_owned(), true));
        let error = parse(b"A=1\nB=\"open\n").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the secrets file: the quote that line 2 opens is not closed"));
    }

    #[test]
    fn bare_values_are_whole_lines_also_with_padding() {
        let bare = |line: usize, value: &str| (format!("line {line}"), value.to_owned(), true);
        assert_eq!(
            read("a b c\n aB3xY9k= \nhttps://x/?a=b"),
            [bare(1, "a b c"), bare(2, "aB3xY9k="), bare(3, "https://x/?a=b"),]
        );
        assert_eq!(read("DB_PASSWORD="), [one("DB_PASSWORD", "")]);
    }

    #[test]
    fn reads_json_with_all_that_is_below() {
        let text = r#" {"a":"x","b":{"c":["y",{"d":7}],"n":null},"a":"z\u0041"}"#;
        assert_eq!(read(text), [one("a", "x"), one("b.c", "y"), one("b.c.d", "7"), one("a", "zA")]);
        assert!(matches!(parse(b"{\"a\": oops}"), Err(OwnSecretsError::Json { line: 1, .. })));
    }

    #[test]
    fn nothing_in_a_file_makes_it_fail_without_a_clear_error() {
        for bytes in [&b""[..], b"\xff\xfe\x00=", b"=", b"A=\"\"", b"A=''x", b"\n\n", b"export =x", b"'"] {
            assert!(parse(bytes).is_ok());
        }
    }
}
