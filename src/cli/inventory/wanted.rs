//! Which keys are asked for: a fingerprint, those of a report, or a key itself on standard input.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cli::detectors;
use crate::cli::input;
use crate::detect::set::DetectorSet;
use crate::finding::fingerprint::{FINGERPRINT, Fingerprint, FingerprintKey};
use crate::inventory::Fingerprints;
use crate::limits::{EXPLAINED_REPORT, INVENTORY_KEY};

/// The keys that are asked for.
pub(super) struct Wanted {
    /// Their fingerprints, in order.
    pub(super) fingerprints: Vec<String>,
    /// Whether they are forms of one key, of which some may be known.
    pub(super) is_one: bool,
    /// What they are called in a line.
    pub(super) words: String,
}

#[derive(Deserialize)]
struct Report {
    version: String,
    results: Vec<ReportResult>,
}

#[derive(Deserialize)]
struct ReportResult {
    findings: Vec<ReportFinding>,
    #[serde(default)]
    suppressed: Vec<ReportFinding>,
}

#[derive(Deserialize)]
struct ReportFinding {
    fingerprint: String,
}

impl Wanted {
    /// What a word asks for.
    pub(super) fn of(word: &str, key: &FingerprintKey) -> anyhow::Result<Self> {
        if word == "-" {
            return Self::typed(key);
        }
        if word.starts_with(FINGERPRINT) {
            let fingerprint = fingerprint(word, key)?;
            return Ok(Self { words: fingerprint.clone(), fingerprints: vec![fingerprint], is_one: true });
        }
        let bytes = input::file(word.as_ref(), EXPLAINED_REPORT).map_err(|error| {
            anyhow::anyhow!(
                "cannot read {word}: {error}; name a fingerprint ({FINGERPRINT}…), a JSON report, or - for a key on standard input"
            )
        })?;
        let report: Report = serde_json::from_slice(&bytes)
            .map_err(|_| anyhow::anyhow!("{word} is no JSON report of keyseam (keyseam scan -o json)"))?;
        anyhow::ensure!(report.version == "1", "{word} is a report of another version than 1");
        let mut seen = BTreeSet::new();
        let findings = report.results.into_iter().flat_map(|result| {
            result.findings.into_iter().chain(result.suppressed).map(|finding| finding.fingerprint)
        });
        let fingerprints: Vec<String> = findings
            .filter(|text| text.parse::<Fingerprint>().is_ok() && seen.insert(text.clone()))
            .collect();
        Ok(Self { words: format!("the keys of {word}"), fingerprints, is_one: false })
    }

    /// A key on standard input: hashed at once, and not kept.
    fn typed(key: &FingerprintKey) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !io::stdin().is_terminal(),
            "- takes the key from a pipe or a file, so that it stands in no history: \
             keyseam inventory where - <FILE, or: read -rs KEY; printf %s \"$KEY\" | keyseam inventory where -"
        );
        let bytes = input::read(&mut io::stdin().lock(), INVENTORY_KEY).map(Zeroizing::new);
        let bytes = bytes.map_err(|error| anyhow::anyhow!("cannot read the key: {error}"))?;
        let text = bytes
            .strip_suffix(b"\n")
            .map_or(bytes.as_slice(), |text| text.strip_suffix(b"\r").unwrap_or(text));
        anyhow::ensure!(!text.is_empty(), "there is no key on standard input");
        let detectors = DetectorSet::new(&detectors::catalogue(&[])?)?;
        let fingerprints = Fingerprints::new(&detectors, key).of_text(text);
        Ok(Self {
            words: "the key on standard input".to_owned(),
            fingerprints: fingerprints.into_iter().collect(),
            is_one: true,
        })
    }
}

/// A fingerprint as it was typed, of this hashing key.
pub(super) fn fingerprint(word: &str, key: &FingerprintKey) -> anyhow::Result<String> {
    let fingerprint: Fingerprint =
        word.parse().map_err(|error| anyhow::anyhow!("no fingerprint: {error}"))?;
    if fingerprint.key_id() != key.id() {
        crate::cli::messages::Messages::default().note(&format!(
            "this fingerprint was made under the hashing key {}, and yours is {}: it is looked for in vain; \
             name its key with --fingerprint-key-file",
            fingerprint.key_id(),
            key.id()
        ));
    }
    Ok(fingerprint.to_string())
}
