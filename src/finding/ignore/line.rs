//! One line of an ignore file: `SELECTOR… [until=YYYY-MM-DD] # reason`.

use globset::{GlobBuilder, GlobMatcher};
use time::Date;
use time::macros::format_description;

use super::Selector;

/// Selectors, expiry, reason, and the words in front of the reason.
pub(super) type ParsedRule = (Vec<Selector>, Option<Date>, String, String);

/// Reads a line; nothing for an empty one or a comment.
pub(super) fn parse(line: &str) -> Result<Option<ParsedRule>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (words, reason) = split_reason(line)?;
    let mut selectors = Vec::new();
    let mut until = None;
    for word in split_words(words)? {
        match word.strip_prefix("until=") {
            Some(_) if until.is_some() => return Err("'until' stands twice".to_owned()),
            Some(date) => until = Some(parse_date(date)?),
            None => selectors.push(parse_selector(&word)?),
        }
    }
    if selectors.is_empty() {
        return Err(
            "the rule selects nothing; it needs a fingerprint, a place, detector:, path: or layer:".into()
        );
    }
    Ok(Some((selectors, until, reason.to_owned(), words.to_owned())))
}

/// The reason stands behind a `#` that follows a blank, outside quotes.
fn split_reason(line: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    let mut blank = false;
    for (at, char) in line.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '#' if blank && !quoted => {
                let reason = line[at + 1..].trim();
                if reason.is_empty() {
                    break;
                }
                return Ok((line[..at].trim_end(), reason));
            }
            _ => {}
        }
        blank = char.is_whitespace();
    }
    Err("the rule has no reason; write ' # ' and why it is safe to ignore this".to_owned())
}

/// Splits at blanks; quotes keep them, and go.
fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for char in text.chars() {
        match char {
            '"' => quoted = !quoted,
            char if char.is_whitespace() && !quoted => words.push(String::new()),
            char => {
                if let Some(word) = words.last_mut() {
                    word.push(char);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

fn parse_date(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| format!("'{}' is not a date; write until=YYYY-MM-DD", shown(text)))
}

fn parse_selector(word: &str) -> Result<Selector, String> {
    let named = |error: &dyn std::fmt::Display| format!("'{}': {error}", shown(word));
    if word.starts_with("ksf1:") {
        return word.parse().map(Selector::Fingerprint).map_err(|error| named(&error));
    }
    if word.starts_with("ksp1:") {
        return word.parse().map(Selector::Place).map_err(|error| named(&error));
    }
    match word.split_once(':') {
        Some(("detector", id)) if is_detector_id(id) => Ok(Selector::Detector(id.to_owned())),
        Some(("detector", _)) => Err(named(&"not the id of one detector (see 'keyseam detectors list')")),
        Some(("path", glob)) => parse_glob(glob).map(Selector::Path).map_err(|error| named(&error)),
        Some(("layer", digest)) => digest.parse().map(Selector::Layer).map_err(|error| named(&error)),
        _ => Err(named(&"not a fingerprint, a place, detector:ID, path:GLOB, layer:DIGEST or until=DATE")),
    }
}

fn is_detector_id(text: &str) -> bool {
    let id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(id)
}

fn parse_glob(text: &str) -> Result<GlobMatcher, String> {
    let glob = text.trim_start_matches('/');
    if glob.trim_matches(['*', '/']).is_empty() {
        return Err("it would ignore every file; name a folder or an ending".to_owned());
    }
    let glob = GlobBuilder::new(glob).literal_separator(true).build().map_err(|error| error.to_string())?;
    Ok(glob.compile_matcher())
}

/// A word of the file as an error may show it: whole or not at all, because of a key that is cut nobody
/// sees any more that it is one.
fn shown(word: &str) -> String {
    const MOST: usize = 80;
    let length = word.chars().count();
    if length > MOST {
        return format!("(a word of {length} characters)");
    }
    let safe = |char: char| if char.is_ascii_graphic() { char } else { '?' };
    word.chars().map(safe).collect()
}
