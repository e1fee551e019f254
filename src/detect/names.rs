//! Variable names in all their spellings: `API_KEY`, `api-key`, `api.key`, `apiKey`, `Api key`.

use std::ops::Range;

use crate::limits;

/// What may stand between the words of a name, besides nothing.
const SEPARATORS: [&str; 6] = ["_", "-", ".", " ", "__", ":"];

/// Words that are too frequent to be looked for alone.
const EVERYDAY: [&str; 22] = [
    "access", "api", "app", "auth", "client", "code", "consumer", "db", "key", "live", "location", "message",
    "parse", "password", "personal", "secret", "service", "storage", "system", "token", "twist", "user",
];

/// A name, as its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VariableName {
    /// Lowercase.
    words: Vec<String>,
}

/// A name found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundName {
    /// With all that is added to it: `MY_API_KEY_2`.
    pub(super) full: Range<usize>,
}

impl VariableName {
    /// Reads a name of a definition: words with `_` between them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<String> = text.split('_').map(str::to_ascii_lowercase).collect();
        let plain = |word: &String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
        if !words.iter().all(plain) {
            return Err(format!("name '{text}' is not made of letters, digits and single '_'"));
        }
        Ok(Self { words })
    }

    /// The literals to look for, each with the number of the word at which it begins. They stand for
    /// `wanted` parts of the name or, if none of them is in it, for its first word.
    pub(super) fn anchors(&self, wanted: &[VariableName]) -> Vec<(String, usize)> {
        let mut anchors = Vec::new();
        for part in wanted {
            if let Some(at) = self.words.windows(part.words.len()).position(|words| words == part.words) {
                anchors.extend(joined(&part.words).into_iter().map(|text| (text, at)));
            }
        }
        if anchors.is_empty() {
            anchors.extend(joined(self.distinctive()).into_iter().map(|text| (text, 0)));
        }
        anchors
    }

    /// All its words in every spelling.
    pub(super) fn spellings(&self) -> Vec<String> {
        joined(&self.words)
    }

    /// All its words and the first of each of `keys`, in the spellings of variables; its own words alone
    /// where they are several, which is rare enough.
    pub(super) fn with_first_words(&self, keys: &[VariableName]) -> Vec<String> {
        if self.words.len() > 1 {
            return self.spellings();
        }
        let mut texts = Vec::new();
        let mut firsts: Vec<&String> = keys.iter().filter_map(|key| key.words.first()).collect();
        firsts.sort();
        firsts.dedup();
        let fronts = joined(&self.words);
        for first in firsts {
            for front in &fronts {
                texts.extend(["", "_", "-", "."].map(|separator| format!("{front}{separator}{first}")));
            }
        }
        texts.sort();
        texts.dedup();
        texts
    }

    /// What it may begin with.
    pub(super) fn first_letters(&self) -> impl Iterator<Item = u8> {
        let first = self.words.first().and_then(|word| word.bytes().next());
        first.into_iter().flat_map(|first| [first, first.to_ascii_uppercase()])
    }

    /// How many words it has.
    pub(super) fn word_count(&self) -> usize {
        self.words.len()
    }

    /// At which of `words` it begins, if it is a part of them.
    pub(super) fn position_in(&self, words: &[String]) -> Option<usize> {
        words.windows(self.words.len()).position(|part| part == self.words)
    }

    /// Whether `words` end in it.
    pub(super) fn ends(&self, words: &[String]) -> bool {
        words.ends_with(&self.words)
    }

    /// Where the name ends if it stands at `at` or behind a separator there.
    pub(super) fn locate_behind(&self, bytes: &[u8], at: usize) -> Option<usize> {
        self.words.iter().try_fold(at, |end, word| after_word(bytes, end, word))
    }

    /// As many of the first words as it takes to be rare.
    fn distinctive(&self) -> &[String] {
        let rare = |word: &String| word.len() >= 5 && !EVERYDAY.contains(&word.as_str());
        let count = if self.words.first().is_some_and(rare) { 1 } else { 2 };
        self.words.get(..count).unwrap_or(&self.words)
    }

    /// Where the name stands if its word `word` begins at `at`.
    pub(super) fn locate(&self, bytes: &[u8], at: usize, word: usize) -> Option<Range<usize>> {
        let mut start = at;
        for text in self.words.get(..word)?.iter().rev() {
            start = behind_word(bytes, start, text)?;
        }
        let mut end = at;
        for (number, text) in self.words.get(word..)?.iter().enumerate() {
            end = if number == 0 { before_word(bytes, end, text)? } else { after_word(bytes, end, text)? };
        }
        Some(start..end)
    }
}

/// The spellings of some words in a row.
fn joined(words: &[String]) -> Vec<String> {
    if let [word] = words {
        return vec![word.clone()];
    }
    std::iter::once("").chain(SEPARATORS).map(|separator| words.join(separator)).collect()
}

/// The end of `word` if it stands at `at`.
fn before_word(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    let end = at.checked_add(word.len())?;
    bytes.get(at..end)?.eq_ignore_ascii_case(word.as_bytes()).then_some(end)
}

/// The end of `word` if it stands at `at` or behind a separator there.
fn after_word(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    before_word(bytes, at, word).or_else(|| {
        SEPARATORS.iter().find_map(|separator| {
            let end = at + separator.len();
            (bytes.get(at..end)? == separator.as_bytes()).then_some(end)?;
            before_word(bytes, end, word)
        })
    })
}

/// The start of `word` if it ends at `at` or before a separator there.
fn behind_word(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    let ends_at = |end: usize| {
        let start = end.checked_sub(word.len())?;
        bytes.get(start..end)?.eq_ignore_ascii_case(word.as_bytes()).then_some(start)
    };
    ends_at(at).or_else(|| {
        SEPARATORS.iter().find_map(|separator| {
            let start = at.checked_sub(separator.len())?;
            (bytes.get(start..at)? == separator.as_bytes()).then_some(start)?;
            ends_at(start)
        })
    })
}

/// The whole name around `core`, if `core` is words of it and not letters of a longer word. `exact`:
/// nothing may be added to it.
pub(super) fn full_name(bytes: &[u8], core: &Range<usize>, exact: bool) -> Option<FoundName> {
    let before = bytes.get(..core.start)?;
    let behind = bytes.get(core.end..)?;
    if !starts_word(bytes, core.start) {
        return None;
    }
    let in_shell = before.ends_with(b"${") || before.ends_with(b"$");
    let added = behind_name(bytes, core, in_shell)?;
    if exact && (added > 0 || !stands_alone(before)) {
        return None;
    }
    let front = if exact { 0 } else { name_tail(before) };
    debug_assert!(added <= behind.len());
    Some(FoundName { full: core.start - front..core.end + added })
}

/// Whether a word may begin at `at`: no letter or digit goes over into it.
pub(super) fn starts_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = bytes.get(..at) else { return false };
    let first = bytes.get(at).copied().unwrap_or(0);
    match before {
        [] => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., last] if !last.is_ascii_alphanumeric() => true,
        _ if takes_name(before) => true,
        [.., last] => (last.is_ascii_lowercase() || last.is_ascii_digit()) && first.is_ascii_uppercase(),
    }
}

/// Whether `before` ends in an option that a name follows at once: `-D`, `-P`.
fn takes_name(before: &[u8]) -> bool {
    before.strip_suffix(b"-D").or_else(|| before.strip_suffix(b"-P")).is_some_and(|front| {
        front.last().is_none_or(|last| !last.is_ascii_alphanumeric() && !b"_-".contains(last))
    })
}

/// How many bytes at the end of `before` are the front of a name.
fn name_tail(before: &[u8]) -> usize {
    let tail = before.get(before.len().saturating_sub(limits::NAME_AFFIX)..).unwrap_or_default();
    let count = tail.iter().rev().take_while(|byte| is_name_byte(**byte) || **byte == b'.').count();
    // Dashes of an option and escaped letters are no part of it.
    let name = tail.get(tail.len() - count..).unwrap_or_default();
    let option = if matches!(name, [b'-', b'D' | b'P', ..]) { 2 } else { 0 };
    let name = name.get(option..).unwrap_or_default();
    count - option - name.iter().take_while(|byte| matches!(byte, b'-' | b'.')).count()
}

/// Whether a name that may not be added to begins behind `before`: what a program writes in front of
/// its variables is no part of them.
fn stands_alone(before: &[u8]) -> bool {
    const ACCESSORS: [&str; 6] = ["env.", "environ.", "this.", "self.", "config.", "--"];
    ACCESSORS.iter().any(|accessor| before.ends_with(accessor.as_bytes()))
        || before.ends_with(b"\\n")
        || takes_name(before)
        || before.last().is_none_or(|last| !is_name_byte(*last) && *last != b'.')
}

/// How many bytes behind `core` are still the name, or nothing if `core` ends inside a word.
fn behind_name(bytes: &[u8], core: &Range<usize>, in_shell: bool) -> Option<usize> {
    let behind = bytes.get(core.end..)?;
    let last = bytes.get(core.end.checked_sub(1)?).copied()?;
    let plural = usize::from(
        matches!(behind, [b's' | b'S', next, ..] if !next.is_ascii_alphanumeric())
            || matches!(behind, [b's' | b'S']),
    );
    match behind.get(plural..)? {
        [next, ..] if next.is_ascii_digit() => {}
        [next, ..] if next.is_ascii_uppercase() && last.is_ascii_lowercase() => {}
        [b'_', next, ..] | [b'.', next, ..] if next.is_ascii_alphanumeric() => {}
        [b'-', next, ..] if next.is_ascii_alphanumeric() && !in_shell => {}
        [next, ..] if next.is_ascii_alphanumeric() => return None,
        [b'_', ..] => {}
        _ => return Some(plural),
    }
    let is_added = |byte: &u8| (is_name_byte(*byte) && !(in_shell && *byte == b'-')) || *byte == b'.';
    let count = behind.iter().take(limits::NAME_AFFIX).take_while(|byte| is_added(byte)).count();
    // A sentence's full stop is none of it.
    let name = behind.get(..count)?;
    Some(count - name.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The words of a name that a text spells, lowercase: `MY_apiKey2` is `my`, `api`, `key2`.
pub(super) fn words_of(name: &[u8]) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = 0;
    for (at, byte) in name.iter().enumerate() {
        let next_is_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let hump = byte.is_ascii_uppercase()
            && (u8::is_ascii_lowercase(&previous) || (previous.is_ascii_uppercase() && next_is_lower));
        if hump || !byte.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| byte.is_ascii_alphanumeric()) {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        previous = *byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a name of these words holds those of one of `denied`, side by side. A digit or an `s` may follow
/// a word, and anything at all a word of five letters or more.
pub(super) fn hold_any(words: &[String], denied: &[impl AsRef<str>]) -> bool {
    let fits = |word: &String, denied: &String| {
        word.strip_prefix(denied.as_str()).is_some_and(|rest| {
            denied.len() >= 5 || rest == "s" || rest.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    !words.is_empty()
        && denied.iter().map(|denied| words_of(denied.as_ref().as_bytes())).any(|denied| {
            let held = |part: &[String]| part.iter().zip(&denied).all(|(word, no)| fits(word, no));
            !denied.is_empty() && words.windows(denied.len()).any(held)
        })
}

#[cfg(test)]
mod tests {
    use super::{VariableName, full_name, hold_any, words_of};

    /// The name that `text` spells for `API_KEY`, in full.
    fn spelled(text: &str, exact: bool) -> Option<&str> {
        let name = VariableName::parse("API_KEY").expect("valid");
        let at = text.to_ascii_lowercase().find("api")?;
        let core = name.locate(text.as_bytes(), at, 0)?;
        full_name(text.as_bytes(), &core, exact).map(|found| &text[found.full])
    }

    #[test]
    fn words_may_be_joined_in_every_usual_way() {
        for text in
            ["API_KEY", "api-key", "api.key", "apiKey", "ApiKey", "api key", "apikey", "API__KEY", "Api:Key"]
        {
            assert_eq!(spelled(&format!("{text}="), true), Some(text));
        }
        assert_eq!(spelled("api/key=", true), None);
    }

    #[test]
    fn names_may_be_added_to_unless_exact() {
        for text in
            ["MY_API_KEY", "API_KEY_PROD", "API_KEY2", "myApiKey", "apiKeyProd", "API_KEYS", "a.api_key"]
        {
            assert_eq!(spelled(&format!("{text}="), false), Some(text));
            assert_eq!(spelled(&format!("{text}="), true), None, "{text}");
        }
        assert_eq!(spelled("process.env.API_KEY=", true), Some("API_KEY"));
        assert_eq!(spelled("--api-key 1", true), Some("api-key"));
        assert_eq!(spelled("-Dapi.key=1", true), Some("api.key"));
        assert_eq!(spelled("-PmyApiKey=1", false), Some("myApiKey"));
        assert_eq!(spelled("-vDapi.key=1", false), None);
    }

    #[test]
    fn a_name_does_not_begin_or_end_inside_a_word() {
        assert_eq!(spelled("okapi_key=", false), None);
        assert_eq!(spelled("API_KEYRING=", false), None);
        assert_eq!(spelled("api_keychain=", false), None);
    }

    #[test]
    fn anchors_are_rare_parts() {
        let name = VariableName::parse("SHOP_API_TOKEN").expect("valid");
        let anchors = name.anchors(&[]);
        assert!(
            anchors.contains(&("shop_api".to_owned(), 0)) && anchors.contains(&("shopapi".to_owned(), 0))
        );
        let part = VariableName::parse("API_TOKEN").expect("valid");
        assert!(name.anchors(&[part]).contains(&("api.token".to_owned(), 1)));
        let brand = VariableName::parse("MESSAGEBIRD_KEY").expect("valid");
        assert_eq!(brand.anchors(&[]), [("messagebird".to_owned(), 0)]);
    }

    #[test]
    fn a_name_is_found_from_a_later_word() {
        let name = VariableName::parse("SHOP_API_TOKEN").expect("valid");
        assert_eq!(name.locate(b"x shop-apiToken=", 7, 1), Some(2..15));
        assert_eq!(name.locate(b"x stop-apiToken=", 7, 1), None);
    }

    #[test]
    fn denied_words_are_words() {
        assert_eq!(
            words_of(b"MY_apiKey2-SHA256sum.XMLFile"),
            ["my", "api", "key2", "sha256sum", "xml", "file"]
        );
        assert!(hold_any(&words_of(b"image_sha256"), &["sha"]));
        assert!(hold_any(&words_of(b"imageSha"), &["sha"]));
        assert!(hold_any(&words_of(b"PUBLIC_KEY"), &["public_key"]));
        assert!(hold_any(&words_of(b"publishable"), &["publish"]));
        assert!(!hold_any(&words_of(b"shared_key"), &["sha"]));
        assert!(!hold_any(&words_of(b"public_api_key"), &["public_key"]));
    }
}
