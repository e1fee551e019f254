//! The team's own current secret values, searched for in content (`--secrets-from env|FILE`): raw and
//! as the usual encodings write them. What is found is the very value, so there is no guess in it;
//! values that stand in many places for other reasons are refused when they are loaded.

mod encoding;
mod input;
mod refusal;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Confidence, Key, Severity, Window};
use crate::limits;
use encoding::{Form, forms};

pub use refusal::{Refusal, Refused};

/// Id of the detector that these findings have in reports.
pub const DETECTOR_ID: &str = "own-secret";

/// Name of the detector. The service of a finding is the name of the variable.
pub const DETECTOR_NAME: &str = "Secret value of this environment";

/// Severity of such a finding: whoever gave the value said that it is a secret in use.
pub const SEVERITY: Severity = Severity::Critical;

/// Confidence of such a finding.
pub const CONFIDENCE: Confidence = Confidence::High;

/// The values to search for.
pub struct OwnSecrets {
    secrets: Vec<OwnSecret>,
    patterns: Vec<Pattern>,
    search: AhoCorasick,
}

/// A value with the names that it goes by.
struct OwnSecret {
    names: Vec<String>,
    key: Key,
}

/// A value as it was given.
struct Value {
    name: String,
    key: Key,
    /// It came without a name; the name tells its line.
    bare: bool,
}

/// One encoded form of a value.
struct Pattern {
    secret: usize,
    form: Form,
}

/// A place where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnHit {
    /// Position of the value, for [`OwnSecrets::name`] and [`OwnSecrets::key`].
    pub secret: usize,
    /// Where its encoded form stands in the window's `bytes`.
    pub span: Range<usize>,
    /// The encoding that was found: `raw`, `base64`, `base64url`, `hex`, `url`, `form` or `json`.
    pub encoding: &'static str,
}

/// Values, and what was refused with the reason.
#[derive(Debug)]
pub struct Loaded {
    /// The values to search for.
    pub secrets: OwnSecrets,
    /// Those that were refused: nobody must believe that they were searched for.
    pub refused: Vec<Refused>,
}

/// Why values cannot be loaded. No message holds anything of a value.
#[derive(Debug, thiserror::Error)]
pub enum OwnSecretsError {
    /// The file has the form of a JSON object and is none.
    #[error(
        "the secrets file begins like a JSON object and is not valid JSON (line {line}, column {column})"
    )]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A quote of a dotenv file is open at its end.
    #[error("the secrets file: the quote that line {line} opens is not closed")]
    OpenQuote {
        /// From 1.
        line: usize,
    },
    /// More values than are searched for at once.
    #[error(
        "there are {count} secret values of {total} bytes; at most {} of {} bytes are searched for at once",
        limits::OWN_SECRETS,
        limits::OWN_SECRETS_TOTAL
    )]
    TooMany {
        /// How many.
        count: usize,
        /// Their bytes, as far as they are searched for.
        total: usize,
    },
    /// The search could not be made.
    #[error("the search for secret values cannot be made: {0}")]
    Search(String),
}

impl OwnSecrets {
    /// The values of environment variables.
    ///
    /// # Errors
    /// More values than [`limits::OWN_SECRETS`].
    pub fn from_env(
        variables: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Loaded, OwnSecretsError> {
        let value = |(name, value)| Value { name, key: Key::new(value), bare: false };
        Self::of(variables.into_iter().map(value).collect())
    }

    /// The values of a file: a JSON object, or lines of `NAME=value` (as dotenv files have them) and of
    /// bare values.
    ///
    /// # Errors
    /// A file that begins like one of these forms and is broken, and more values than
    /// [`limits::OWN_SECRETS`].
    pub fn from_file(bytes: &[u8]) -> Result<Loaded, OwnSecretsError> {
        Self::of(input::parse(bytes)?)
    }

    fn of(values: Vec<Value>) -> Result<Loaded, OwnSecretsError> {
        let mut refused = Vec::new();
        let mut secrets: Vec<OwnSecret> = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        for Value { name, key, bare } in values {
            let key = Key::new(key.expose().trim_ascii().to_vec());
            let variable = (!bare).then_some(name.as_str());
            if let Some(reason) = refusal::refuse(variable, key.expose()) {
                refused.push(Refused { name, reason });
            } else if let Some(&position) = known.get(&key) {
                if let Some(own) = secrets.get_mut(position).filter(|own| !own.names.contains(&name)) {
                    own.names.push(name);
                }
            } else {
                known.insert(key.clone(), secrets.len());
                secrets.push(OwnSecret { names: vec![name], key });
            }
        }
        let total: usize = secrets.iter().map(|own| own.key.expose().len().min(limits::OWN_SECRET)).sum();
        if secrets.len() > limits::OWN_SECRETS || total > limits::OWN_SECRETS_TOTAL {
            return Err(OwnSecretsError::TooMany { count: secrets.len(), total });
        }
        let patterns: Vec<Pattern> = secrets
            .iter()
            .enumerate()
            .flat_map(|(secret, own)| {
                forms(own.key.expose()).into_iter().map(move |form| Pattern { secret, form })
            })
            .collect();
        let search = search_for(&patterns)?;
        Ok(Loaded { secrets: Self { secrets, patterns, search }, refused })
    }

    /// How many values are searched for.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The names of a value, joined by commas: the service of its findings.
    pub fn name(&self, secret: usize) -> String {
        self.secrets.get(secret).map(|own| own.names.join(", ")).unwrap_or_default()
    }

    /// The value itself.
    pub fn key(&self, secret: usize) -> Option<&Key> {
        self.secrets.get(secret).map(|own| &own.key)
    }

    /// Appends the places in `window` where a value begins in the owned range, in order. Cut into
    /// other windows, the same content gives the same places.
    pub fn scan(&self, window: &Window<'_>, out: &mut Vec<OwnHit>) {
        if self.is_empty() {
            return;
        }
        let from = window.owned.start.min(window.bytes.len());
        let to = window.owned.end.saturating_add(limits::CONTEXT_RADIUS).min(window.bytes.len());
        let first = out.len();
        let bytes = &window.bytes[..to];
        for found in self.search.find_overlapping_iter(aho_corasick::Input::new(bytes).range(from..to)) {
            let Some(pattern) = self.patterns.get(found.pattern().as_usize()) else { continue };
            if let Some(span) = pattern.form.span(bytes, found.range())
                && window.owned.contains(&span.start)
            {
                out.push(OwnHit { secret: pattern.secret, span, encoding: pattern.form.encoding });
            }
        }
        // Several forms may fit at one place (hex digits that are all decimal, say): one is enough.
        out[first..].sort_by_key(|hit| (hit.span.start, hit.secret, hit.span.end));
        let mut last = None;
        let mut kept = first;
        for at in first..out.len() {
            let place = Some((out[at].secret, out[at].span.clone()));
            if place != last {
                out.swap(kept, at);
                kept += 1;
            }
            last = place;
        }
        out.truncate(kept);
    }
}

fn search_for(patterns: &[Pattern]) -> Result<AhoCorasick, OwnSecretsError> {
    // A table of all states is the fastest search, and takes hundreds of megabytes for long patterns.
    let states: usize = patterns.iter().map(|pattern| pattern.form.bytes.len()).sum();
    let kind = (states > limits::OWN_SECRETS_TABLE).then_some(AhoCorasickKind::ContiguousNFA);
    // Standard semantics report every pattern, also one that begins inside another's match.
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(kind)
        .build(patterns.iter().map(|pattern| pattern.form.bytes.as_slice()))
        .map_err(|error| OwnSecretsError::Search(error.to_string()))
}

impl fmt::Debug for OwnSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "OwnSecrets({} values)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;
    use crate::detect::Place;

    /// A value with a character of every class that some encoding changes.
    const VALUE: &str = "Tr0ub/4d?r>3 ~\"é&";

    fn secrets(value: &str) -> OwnSecrets {
        let loaded = OwnSecrets::from_env([("APP_PASSWORD".to_owned(), value.as_bytes().to_vec())]);
        loaded.expect("values").secrets
    }

    fn whole(bytes: &[u8]) -> Window<'_> {
        Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" }
    }

    fn hits(secrets: &OwnSecrets, bytes: &[u8]) -> Vec<OwnHit> {
        let mut out = Vec::new();
        secrets.scan(&whole(bytes), &mut out);
        out
    }

    fn encodings(secrets: &OwnSecrets, bytes: &[u8]) -> Vec<&'static str> {
        hits(secrets, bytes).iter().map(|hit| hit.encoding).collect()
    }

    #[test]
    fn finds_each_encoding_and_names_it() {
        let own = secrets(VALUE);
        let hex: String = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent = utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string().replace("%7E", "~");
        let cases = [
            (VALUE.to_owned(), "raw"),
            (hex.to_uppercase(), "hex"),
            (hex, "hex"),
            (percent.replace("%20", "+").replace('~', "%7E"), "form"),
            (percent, "url"),
            (serde_json::to_string(VALUE).expect("JSON"), "json"),
        ];
        for (text, encoding) in cases {
            let content = format!("x={text};");
            assert_eq!(encodings(&own, content.as_bytes()), [encoding]);
        }
        let ascii = VALUE.replace('"', "\\\"").replace('é', "\\u00e9");
        let html = VALUE.replace('"', "\\\"").replace('>', "\\u003e").replace('&', "\\u0026");
        assert_eq!(encodings(&own, ascii.as_bytes()), ["json"]);
        assert_eq!(encodings(&own, html.as_bytes()), ["json"]);
    }

    #[test]
    fn finds_base64_at_every_alignment_and_only_of_the_very_value() {
        for value in ["eight~8b", "nine~~9by", "ten~~10byt", VALUE, "~~~???>>>~~~a"] {
            let own = secrets(value);
            for before in 0..6 {
                for after in 0..4 {
                    let text = [&b"<:>pre"[..before], value.as_bytes(), &b"\xff?po"[..after]].concat();
                    let standard = STANDARD.encode(&text);
                    assert_eq!(encodings(&own, standard.as_bytes()), ["base64"], "{before} {after}");
                    assert_eq!(
                        hits(&own, URL_SAFE_NO_PAD.encode(&text).as_bytes()).len(),
                        1,
                        "{before} {after}"
                    );
                    for at in [before, before + value.len() - 1] {
                        for bit in 0..8 {
                            let mut other = text.clone();
                            other[at] ^= 1 << bit;
                            assert_eq!(hits(&own, STANDARD.encode(&other).as_bytes()), []);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn lines_escaped_in_a_variable_are_found_as_lines() {
        let own = secrets("first line\\nsecond~line\\n");
        assert_eq!(encodings(&own, b"first line\nsecond~line\n"), ["raw"]);
        assert_eq!(encodings(&own, b"first line\\nsecond~line\\n"), ["raw"]);
    }

    #[test]
    fn any_cut_into_windows_finds_the_same_places() {
        let own = secrets(VALUE);
        let value = VALUE.as_bytes();
        let encoded = STANDARD.encode([b"xy", value].concat());
        let content = [b"..", value, b"--", encoded.as_bytes(), b"++", value, b"!"].concat();
        let expected = hits(&own, &content);
        assert_eq!(expected.len(), 3);
        for cut in 0..=content.len() {
            let mut found = Vec::new();
            own.scan(&Window { owned: 0..cut, ..whole(&content) }, &mut found);
            own.scan(&Window { owned: cut..content.len(), ..whole(&content) }, &mut found);
            assert_eq!(found, expected, "cut at {cut}");
        }
        own.scan(&Window { owned: 90_000..90_001, ..whole(&content) }, &mut Vec::new());
    }

    #[test]
    fn values_that_overlap_are_all_found_and_equal_ones_are_one() {
        let variables =
            [("A_KEY", "abcd-1234-efgh"), ("B_KEY", "1234-efgh-ijkl"), ("C_KEY", " abcd-1234-efgh\n")];
        let loaded = OwnSecrets::from_env(variables.map(|(name, value)| (name.to_owned(), value.into())));
        let own = loaded.expect("values").secrets;
        assert_eq!(own.len(), 2);
        assert_eq!(own.name(0), "A_KEY, C_KEY");
        let found: Vec<_> = hits(&own, b"abcd-1234-efgh-ijkl").iter().map(|hit| hit.secret).collect();
        assert_eq!(found, [0, 1]);
        assert_eq!(own.key(1).map(|key| key.expose().len()), Some(14));
        assert_eq!(own.key(2), None);
    }

    #[test]
    fn of_a_long_value_the_first_bytes_count_and_every_form_fits_the_context() {
        let value: String = ('!'..='~').cycle().take(50_000).collect();
        let own = secrets(&value);
        let longest = own.patterns.iter().map(|pattern| pattern.form.bytes.len()).max();
        assert!(longest < Some(limits::CONTEXT_RADIUS));
        assert_eq!(hits(&own, value.as_bytes())[0].span, 0..limits::OWN_SECRET);
        let controls = secrets(&"\u{1}\u{2}\u{3}\u{4}x".repeat(2_000));
        let longest = controls.patterns.iter().map(|pattern| pattern.form.bytes.len()).max();
        assert!(longest < Some(limits::CONTEXT_RADIUS));
    }

    #[test]
    fn refusals_name_the_variable_and_never_the_value() {
        let value = "correct battery staple";
        let loaded =
            OwnSecrets::from_env([("GREETING".to_owned(), value.as_bytes().to_vec())]).expect("values");
        assert!(loaded.secrets.is_empty());
        let told = format!("{} {:?}", loaded.refused[0], loaded);
        assert!(told.starts_with("GREETING is not searched for: ") && !told.contains("battery"));
        assert_eq!(hits(&loaded.secrets, value.as_bytes()), []);
        assert!(!format!("{:?}", secrets(VALUE)).contains("Tr0ub"));
        let many =
            (0..=limits::OWN_SECRETS).map(|n| (format!("K{n}_KEY"), format!("value~{n:06}").into_bytes()));
        assert!(matches!(OwnSecrets::from_env(many), Err(OwnSecretsError::TooMany { .. })));
    }
}
