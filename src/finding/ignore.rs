//! Ignore rules (`.keyseamignore`): findings that somebody decided to live with, each with a reason.
//! A line that cannot be read is an error, never a rule that silently does nothing or too much.
//! `docs/ignore.md` describes the form.

mod line;

use std::path::Path;

use globset::GlobMatcher;
use time::Date;

use super::fingerprint::{Fingerprint, PlaceId};
use crate::image::digest::Digest;
use crate::limits;

/// The rules of one file.
#[derive(Debug, Default)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
    today: Option<Date>,
}

/// One rule: it applies to a finding that all its selectors fit.
#[derive(Debug)]
pub struct Rule {
    /// The line in the file, from 1.
    pub line: usize,
    /// The last day on which it applies.
    pub until: Option<Date>,
    /// Why the finding is ignored.
    pub reason: String,
    file: String,
    selectors: Vec<Selector>,
    words: String,
}

/// What a rule looks at.
#[derive(Debug)]
enum Selector {
    Fingerprint(Fingerprint),
    Place(PlaceId),
    Detector(String),
    Path(GlobMatcher),
    Layer(Digest),
}

/// A line that is no rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {message}")]
pub struct IgnoreError {
    file: String,
    line: usize,
    message: String,
}

/// What the rules may know of a finding.
#[derive(Clone, Copy, Debug)]
pub struct FindingFacts<'a> {
    /// `ksf1:…`.
    pub fingerprint: &'a str,
    /// `ksp1:…`.
    pub place: &'a str,
    /// The detector's id.
    pub detector: &'a str,
    /// All its locations.
    pub locations: &'a [LocationFacts<'a>],
}

/// What the rules may know of a location.
#[derive(Clone, Copy, Debug)]
pub struct LocationFacts<'a> {
    /// Path of the file, as recorded.
    pub path: Option<&'a [u8]>,
    /// Digest of the layer's blob.
    pub digest: Option<&'a Digest>,
    /// Digest of the tar inside.
    pub diff_id: Option<&'a Digest>,
}

impl IgnoreRules {
    /// Reads the rules of a file. `file` is its name in errors and in [`Rule::text`]; `today` is the day
    /// in UTC on which rules are held against their expiry.
    ///
    /// # Errors
    /// The first line that is no rule, with its number.
    pub fn parse(file: &str, bytes: &[u8], today: Date) -> Result<Self, IgnoreError> {
        let error = |line, message| IgnoreError { file: file.to_owned(), line, message };
        if bytes.len() > limits::IGNORE_FILE {
            return Err(error(1, format!("the file is larger than {} bytes", limits::IGNORE_FILE)));
        }
        let text = std::str::from_utf8(bytes).map_err(|fault| {
            let before = bytes.get(..fault.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            error(line, "the line is not UTF-8".to_owned())
        })?;
        let mut rules = Vec::new();
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let number = index + 1;
            let parsed = line::parse(line).map_err(|message| error(number, message))?;
            let Some((selectors, until, reason, words)) = parsed else { continue };
            if rules.len() == limits::IGNORE_RULES {
                return Err(error(number, format!("there are more than {} rules", limits::IGNORE_RULES)));
            }
            rules.push(Rule { line: number, until, reason, file: file.to_owned(), selectors, words });
        }
        Ok(Self { rules, today: Some(today) })
    }

    /// The rules, expired ones included.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The text of the first rule that applies to a finding: what stands in the report as `by`.
    pub fn matches(&self, finding: &FindingFacts<'_>) -> Option<String> {
        self.rules.iter().find(|rule| !self.has_expired(rule) && rule.fits(finding)).map(Rule::text)
    }

    /// The rules that no longer apply.
    pub fn expired(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| self.has_expired(rule))
    }

    /// The rules whose fingerprints were made under another hashing key than the one with this id:
    /// they can never match.
    pub fn of_other_keys<'a>(&'a self, key_id: &'a str) -> impl Iterator<Item = &'a Rule> {
        let foreign = move |selector: &Selector| match selector {
            Selector::Fingerprint(fingerprint) => fingerprint.key_id() != key_id,
            _ => false,
        };
        self.rules.iter().filter(move |rule| rule.selectors.iter().any(foreign))
    }

    /// The rules that name a detector which `exists` does not know, with that name.
    pub fn unknown_detectors(&self, exists: impl Fn(&str) -> bool) -> Vec<(&Rule, &str)> {
        let named = self.rules.iter().flat_map(|rule| {
            rule.selectors.iter().filter_map(move |selector| match selector {
                Selector::Detector(id) => Some((rule, id.as_str())),
                _ => None,
            })
        });
        named.filter(|(_, id)| !exists(id)).collect()
    }

    /// From now on rules that name a detector by another id of it, in any case, mean the id that `id_of` gives.
    pub fn resolve_detectors<'a>(&mut self, id_of: impl Fn(&str) -> Option<&'a str>) {
        for selector in self.rules.iter_mut().flat_map(|rule| rule.selectors.iter_mut()) {
            if let Selector::Detector(id) = selector
                && let Some(known) = id_of(id)
            {
                known.clone_into(id);
            }
        }
    }

    fn has_expired(&self, rule: &Rule) -> bool {
        matches!((rule.until, self.today), (Some(until), Some(today)) if until < today)
    }
}

impl Rule {
    /// Where the rule stands, what it says and why. It is text from a file that others may have
    /// written: whoever shows it has to redact and neutralise it.
    pub fn text(&self) -> String {
        format!("{}:{}: {} # {}", self.file, self.line, self.words, self.reason)
    }

    fn fits(&self, finding: &FindingFacts<'_>) -> bool {
        self.selectors.iter().all(|selector| selector.fits(finding))
    }
}

impl Selector {
    fn fits(&self, finding: &FindingFacts<'_>) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.as_str() == finding.fingerprint,
            Self::Place(place) => place.as_str() == finding.place,
            Self::Detector(id) => id == finding.detector,
            // A key that also stands elsewhere is not excused by one harmless copy.
            Self::Path(glob) => every(finding.locations, |location| {
                location.path.is_some_and(|path| glob.is_match(glob_path(path)))
            }),
            Self::Layer(layer) => every(finding.locations, |location| {
                location.digest == Some(layer) || location.diff_id == Some(layer)
            }),
        }
    }
}

/// Whether there is a location and `fits` holds for all.
fn every(locations: &[LocationFacts<'_>], fits: impl Fn(&LocationFacts<'_>) -> bool) -> bool {
    !locations.is_empty() && locations.iter().all(fits)
}

/// A path of an image as globs see it: without the root in front, however the tar spells that.
fn glob_path(mut path: &[u8]) -> std::borrow::Cow<'_, Path> {
    while let Some(rest) = path.strip_prefix(b"/").or_else(|| path.strip_prefix(b"./")) {
        path = rest;
    }
    #[cfg(unix)]
    return Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path)).into();
    #[cfg(not(unix))]
    return std::path::PathBuf::from(String::from_utf8_lossy(path).into_owned()).into();
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 03 - 15);

    fn rules(text: &str) -> Result<IgnoreRules, String> {
        IgnoreRules::parse(".keyseamignore", text.as_bytes(), TODAY).map_err(|error| error.to_string())
    }

    fn fingerprint() -> String {
        format!("ksf1:0011aabb:{}", "c".repeat(32))
    }

    fn place() -> String {
        format!("ksp1:{}", "d".repeat(32))
    }

    fn file(path: &str) -> LocationFacts<'_> {
        LocationFacts { path: Some(path.as_bytes()), digest: None, diff_id: None }
    }

    fn by(text: &str, locations: &[LocationFacts<'_>]) -> Option<String> {
        let (fingerprint, place) = (fingerprint(), place());
        let facts =
            FindingFacts { fingerprint: &fingerprint, place: &place, detector: "aws-access-key", locations };
        rules(text).expect("rules").matches(&facts)
    }

    #[test]
    fn each_selector_fits_what_it_names_and_nothing_else() {
        let at = [file("srv/app/test/key.pem")];
        let digest = |fill: &str| format!("sha256:{}", fill.repeat(64));
        let layer: Digest = digest("a").parse().expect("a digest");
        let in_layer = [LocationFacts { diff_id: Some(&layer), ..at[0] }];
        let fitting = [
            fingerprint(),
            place(),
            "detector:aws-access-key".to_owned(),
            "path:**/test/*.pem".to_owned(),
            "path:/srv/**".to_owned(),
            format!("layer:{}", digest("a")),
            "detector:aws-access-key path:srv/**".to_owned(),
        ];
        for selector in fitting {
            let expected = format!(".keyseamignore:2: {selector} # a test key");
            assert_eq!(by(&format!("\n{selector}   # a test key "), &in_layer), Some(expected));
        }
        let others = [
            fingerprint().replace('c', "e"),
            place().replace('d', "e"),
            "detector:aws".to_owned(),
            "path:srv/*".to_owned(),
            "path:test/*.pem".to_owned(),
            format!("layer:{}", digest("b")),
            "detector:other path:srv/**".to_owned(),
        ];
        for selector in others {
            assert_eq!(by(&format!("{selector} # why"), &in_layer), None, "{selector}");
        }
    }

    #[test]
    fn a_path_excuses_a_key_only_if_all_its_places_are_there() {
        let rule = "path:docs/** # examples";
        assert!(by(rule, &[file("docs/a"), file("./docs/b/c")]).is_some());
        assert!(by(rule, &[file("docs/a"), file("srv/a")]).is_none());
        let env = LocationFacts { path: None, digest: None, diff_id: None };
        assert!(by(rule, &[file("docs/a"), env]).is_none());
        assert!(by(rule, &[]).is_none());
    }

    #[test]
    fn quotes_keep_blanks_and_number_signs() {
        let rule = r#"path:"my docs/#1 x.md" # why #2"#;
        assert!(by(rule, &[file("my docs/#1 x.md")]).is_some_and(|text| text.ends_with("# why #2")));
        assert!(by("path:a#b # why", &[file("a#b")]).is_some());
    }

    #[test]
    fn a_rule_applies_up_to_its_last_day() {
        let at = [file("a")];
        assert!(by("path:a until=2026-03-15 # why", &at).is_some());
        assert!(by("path:a until=2026-03-14 # why", &at).is_none());
        let rules = rules("# comment\n\npath:a until=2026-03-14 # why\npath:b # why").expect("rules");
        assert_eq!(rules.expired().map(|rule| rule.line).collect::<Vec<_>>(), [3]);
        assert_eq!(rules.rules().len(), 2);
    }

    #[test]
    fn lines_that_cannot_be_read_are_errors_with_their_number() {
        let cases = [
            ("path:a", "no reason"),
            ("path:a #", "no reason"),
            ("path:a# why", "no reason"),
            ("a/b/c # why", "not a fingerprint"),
            ("aws-access-key # why", "not a fingerprint"),
            ("Path:a # why", "not a fingerprint"),
            ("ksf1:0011aabb:zz # why", "not of the form"),
            ("ksp1:12 # why", "not of the form"),
            ("detector:* # why", "not the id of one detector"),
            ("detector: # why", "not the id of one detector"),
            ("path: # why", "every file"),
            ("path:/**/* # why", "every file"),
            ("path:a[ # why", "path:a["),
            ("layer:sha256:12 # why", "not a digest"),
            ("until=2026-01-01 # why", "selects nothing"),
            ("path:a until=2026-13-01 # why", "not a date"),
            ("path:a until=tomorrow # why", "not a date"),
            ("path:a until=2026-01-01 until=2026-01-02 # why", "twice"),
            ("path:\"a # why", "no reason"),
        ];
        for (line, message) in cases {
            let error = rules(&format!("# first\n{line}\n")).expect_err(line);
            assert!(error.starts_with(".keyseamignore:2: ") && error.contains(message), "{line}: {error}");
        }
        let error = IgnoreRules::parse("f", b"# a\n\n\xff # x", TODAY).expect_err("an error");
        assert_eq!(error.to_string(), "f:3: the line is not UTF-8");
    }

    #[test]
    fn hostile_files_are_bounded_and_errors_hold_no_control_characters() {
        assert!(rules(&"path:a # b\n".repeat(limits::IGNORE_RULES + 1)).is_err());
        assert!(rules(&"#".repeat(limits::IGNORE_FILE + 1)).is_err());
        let error = rules("\u{1b}[2J\u{202e}x # why").expect_err("an error");
        assert!(error.chars().all(|char| char.is_ascii_graphic() || char == ' '), "{error:?}");
    }

    #[test]
    fn rules_that_can_never_match_are_told() {
        let rules = rules(&format!("{} # why\ndetector:no-such # why", fingerprint())).expect("rules");
        assert_eq!(rules.of_other_keys("0011aabb").count(), 0);
        assert_eq!(rules.of_other_keys("ffffffff").map(|rule| rule.line).collect::<Vec<_>>(), [1]);
        let unknown = rules.unknown_detectors(|id| id == "aws-access-key");
        assert_eq!(unknown.iter().map(|(rule, id)| (rule.line, *id)).collect::<Vec<_>>(), [(2, "no-such")]);
    }
}
