//! Baselines: keys that are known already, so that only new ones fail. A file of fingerprints, which holds
//! no key; made by `--write-baseline`, read by `--baseline`. `docs/baselines.md` describes the form.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::Date;

use super::fingerprint::Fingerprint;
use crate::limits;
use crate::report::describe;
use crate::report::model::{Finding, ImageResult, Report};

/// The form's version.
const VERSION: &str = "1";

time::serde::format_description!(day, Date, "[year]-[month]-[day]");

/// The keys of a baseline, by fingerprint.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    name: String,
    today: Option<Date>,
    known: BTreeMap<Fingerprint, Known>,
}

/// A key that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What stands for the key.
    fingerprint: String,
    /// The detector that found it. For people: a key is known by its fingerprint alone.
    detector: String,
    /// Where it came in, when it was written down. For people.
    found_in: String,
    /// The day on which it was first written down.
    #[serde(with = "day")]
    since: Date,
    /// The last day on which it counts as known.
    #[serde(default, with = "day::option", skip_serializing_if = "Option::is_none")]
    until: Option<Date>,
    /// Why it is lived with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    findings: Vec<Known>,
}

/// A file that is no baseline of this hashing key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("baseline {name}: {problem}")]
pub struct BaselineError {
    name: String,
    problem: Problem,
}

/// What is wrong with it. No text of the file is in it: that may be any file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Problem {
    #[error(
        "line {line}, column {column}: it does not have the form of a baseline; make one with --write-baseline"
    )]
    Form { line: usize, column: usize },
    #[error("its version is not 1; this keyseam is too old for it, or it was changed by hand")]
    Version,
    #[error("it holds more than {} keys", limits::BASELINE_KEYS)]
    TooMany,
    #[error("the fingerprint of finding {0} is not of the form ksf1:<8 hex>:<32 hex>")]
    Fingerprint(usize),
    #[error(
        "it was made under the hashing key {theirs}, and this run's is {ours}: none of its keys would be \
         known. Share the key with --fingerprint-key-file or KEYSEAM_FINGERPRINT_KEY, or make the baseline \
         anew with --write-baseline"
    )]
    OtherKey { theirs: String, ours: String },
}

impl Baseline {
    /// Reads a baseline. `name` is the file's in errors and reports, `key_id` that of the hashing key, and
    /// `today` the day in UTC on which expiry is looked at.
    ///
    /// # Errors
    /// When the file has another form, or any fingerprint in it is of another hashing key: such a key would
    /// count as new for ever.
    pub fn parse(name: &str, bytes: &[u8], key_id: &str, today: Date) -> Result<Self, BaselineError> {
        let known =
            read(bytes, key_id).map_err(|problem| BaselineError { name: name.to_owned(), problem })?;
        Ok(Self { name: name.to_owned(), today: Some(today), known })
    }

    /// Why a key counts as known: what stands in the report as `by`. It holds text of the file, which whoever
    /// shows it has to redact and neutralise.
    pub fn matches(&self, fingerprint: &Fingerprint) -> Option<String> {
        let known = self.known.get(fingerprint).filter(|known| !self.has_expired(known))?;
        let reason = known.reason.as_deref().map(|reason| format!(" # {reason}")).unwrap_or_default();
        Some(format!("{}: known since {}{reason}", self.name, known.since))
    }

    /// How many of its keys count as new again.
    pub fn expired(&self) -> usize {
        self.known.values().filter(|known| self.has_expired(known)).count()
    }

    /// The baseline that makes every key of `report` known from now on, as a file. Of keys that this one
    /// knows and that were found again, day, expiry and reason are kept; the others are dropped if all was read.
    pub fn renewed(&self, report: &Report, today: Date) -> Vec<u8> {
        let mut findings: BTreeMap<&str, Known> = BTreeMap::new();
        for result in &report.results {
            for finding in &result.findings {
                findings.entry(&finding.fingerprint).or_insert_with(|| Known::new(result, finding, today));
            }
        }
        let suppressed = report.results.iter().flat_map(|result| &result.suppressed);
        let still: BTreeSet<&str> = suppressed.map(|suppressed| suppressed.fingerprint.as_str()).collect();
        for known in self.known.values().filter(|known| !self.has_expired(known)) {
            // Of what could not be read nobody knows that it is gone.
            if !report.summary.complete || still.contains(known.fingerprint.as_str()) {
                findings.entry(&known.fingerprint).or_insert_with(|| known.clone());
            }
        }
        let file = File { version: VERSION.to_owned(), findings: findings.into_values().collect() };
        // Strings, dates and lists have a form in JSON.
        let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        text.push(b'\n');
        text
    }

    fn has_expired(&self, known: &Known) -> bool {
        matches!((known.until, self.today), (Some(until), Some(today)) if until < today)
    }
}

fn read(bytes: &[u8], key_id: &str) -> Result<BTreeMap<Fingerprint, Known>, Problem> {
    let file: File = serde_json::from_slice(bytes)
        .map_err(|error| Problem::Form { line: error.line(), column: error.column() })?;
    if file.version != VERSION {
        return Err(Problem::Version);
    }
    if file.findings.len() > limits::BASELINE_KEYS {
        return Err(Problem::TooMany);
    }
    let mut all = BTreeMap::new();
    for (number, known) in (1..).zip(file.findings) {
        let fingerprint: Fingerprint = known.fingerprint.parse().map_err(|_| Problem::Fingerprint(number))?;
        if fingerprint.key_id() != key_id {
            let theirs = fingerprint.key_id().to_owned();
            return Err(Problem::OtherKey { theirs, ours: key_id.to_owned() });
        }
        all.insert(fingerprint, known);
    }
    Ok(all)
}

impl Known {
    fn new(result: &ImageResult, finding: &Finding, today: Date) -> Self {
        Self {
            fingerprint: finding.fingerprint.clone(),
            detector: finding.detector.clone(),
            found_in: format!("{}: {}", result.target, describe::first_place(finding)),
            since: today,
            until: None,
            reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::report::fixture;

    const TODAY: Date = date!(2026 - 03 - 15);

    fn file(lines: &str) -> String {
        format!("{{\"version\":\"1\",\"findings\":[{lines}]}}")
    }

    fn entry(fingerprint: &str, more: &str) -> String {
        format!(
            "{{\"fingerprint\":\"{fingerprint}\",\"detector\":\"d\",\"found_in\":\"x\",\"since\":\"2026-01-02\"{more}}}"
        )
    }

    fn one() -> String {
        format!("ksf1:0011aabb:{}", "c".repeat(32))
    }

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse("known.json", text.as_bytes(), "0011aabb", TODAY).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_known_by_its_fingerprint_up_to_its_last_day() {
        let fingerprint: Fingerprint = one().parse().expect("a fingerprint");
        let by = |more| parse(&file(&entry(&one(), more))).expect("a baseline").matches(&fingerprint);
        assert_eq!(by("").as_deref(), Some("known.json: known since 2026-01-02"));
        assert_eq!(
            by(",\"until\":\"2026-03-15\",\"reason\":\"being rotated\"").as_deref(),
            Some("known.json: known since 2026-01-02 # being rotated")
        );
        assert_eq!(by(",\"until\":\"2026-03-14\""), None);
        let other: Fingerprint = one().replace('c', "d").parse().expect("a fingerprint");
        assert_eq!(parse(&file(&entry(&one(), ""))).expect("a baseline").matches(&other), None);
        assert_eq!(parse(&file(&entry(&one(), ",\"until\":\"2026-03-14\""))).expect("read").expired(), 1);
    }

    #[test]
    fn a_file_of_another_form_or_key_is_an_error_that_quotes_nothing_of_it() {
        let marked = "xHiddenx";
        let cases = [
            (String::new(), "line 1, column 0"),
            (format!("TOKEN={marked}"), "line 1, column 1"),
            (format!("{{\"version\":\"1\",\"{marked}\":1}}"), "line 1"),
            (format!("{{\"version\":\"{marked}\",\"findings\":[]}}"), "version is not 1"),
            (file(&entry(marked, "")), "fingerprint of finding 1"),
            (file(&entry(&one(), &format!(",\"until\":\"{marked}\""))), "line 1"),
            (file(&entry(&one().replace("0011aabb", "ffffffff"), "")), "hashing key ffffffff"),
        ];
        for (text, expected) in cases {
            let error = parse(&text).expect_err(&text);
            assert!(error.starts_with("baseline known.json: ") && error.contains(expected), "{error}");
            assert!(!error.contains(marked), "{error}");
        }
        let many = vec![entry(&one(), ""); limits::BASELINE_KEYS + 1].join(",");
        assert!(parse(&file(&many)).expect_err("too many").contains("more than"));
    }

    #[test]
    fn a_renewed_baseline_knows_every_key_of_the_report_and_forgets_what_is_gone() {
        let report = fixture::rich();
        let written = Baseline::default().renewed(&report, TODAY);
        let text = String::from_utf8(written).expect("text");
        let file: File = serde_json::from_str(&text).expect("a baseline");
        let expected: BTreeSet<&str> = report
            .results
            .iter()
            .flat_map(|result| &result.findings)
            .map(|finding| finding.fingerprint.as_str())
            .collect();
        let listed: BTreeSet<&str> = file.findings.iter().map(|known| known.fingerprint.as_str()).collect();
        assert_eq!(listed, expected);
        assert_eq!(file.findings.len(), expected.len(), "each key once");

        // A suppressed key stays as it was written down, one that is gone goes.
        let suppressed = &report.results.iter().flat_map(|result| &result.suppressed).next();
        let suppressed = suppressed.expect("the fixture has one").fingerprint.clone();
        let key_id = suppressed.split(':').nth(1).expect("a key id").to_owned();
        let old = [
            entry(&suppressed, ",\"reason\":\"why\""),
            entry(&format!("ksf1:{key_id}:{}", "0".repeat(32)), ""),
        ];
        let old = Baseline::parse("b", self::file(&old.join(",")).as_bytes(), &key_id, TODAY).expect("read");
        let renewed = |complete| {
            let mut report = fixture::rich();
            report.summary.complete = complete;
            serde_json::from_slice::<File>(&old.renewed(&report, TODAY)).expect("a baseline")
        };
        // What was not read whole may hold the other one still.
        assert_eq!(renewed(false).findings.len(), expected.len() + 2);
        let renewed = renewed(true);
        assert_eq!(renewed.findings.len(), expected.len() + 1);
        let kept = renewed.findings.iter().find(|known| known.fingerprint == suppressed).expect("kept");
        assert_eq!((kept.since, kept.reason.as_deref()), (date!(2026 - 01 - 02), Some("why")));
    }
}
