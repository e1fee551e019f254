//! What scans found in an image, as far as a decision needs it: no key, no part of one, and nothing that depends
//! on the policy. It is what the store keeps of an image.

use std::cmp::Reverse;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::detect::{Confidence, Severity};
use crate::limits;
use crate::report::model::{Finding, ImageResult};
use crate::report::{describe, text};

/// What is known of one digest: a manifest, or an index with all that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Keys, each once under each detector that found it, the most severe first. At most
    /// [`crate::limits::FACTS_LEAKS`].
    pub leaks: Vec<Leak>,
    /// Further keys, which no exemption can name.
    pub more_leaks: u64,
    /// Why not everything could be read: one clear line, redacted. `None` where every byte was.
    pub incomplete: Option<String>,
}

/// A key that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// `ksf1:…`.
    pub fingerprint: String,
    /// The detector's id.
    pub detector: String,
    /// The detector's name for people: `MessageBird access key`.
    pub name: String,
    /// The service that the key opens.
    pub service: String,
    /// By what a leak allows.
    pub severity: Severity,
    /// By what was proven.
    pub confidence: Confidence,
    /// Where it stands, for people, redacted: `layer 3 (sha256:0123abcd4567, COPY . /app), /app/.env`, or
    /// `env TOKEN of container web`.
    pub place: String,
}

impl Facts {
    /// What results say, of one image or of all that an index names. Their texts are clean; `clean` is for what
    /// several of them hold together.
    pub fn of(results: &[ImageResult], clean: &dyn Fn(&str) -> String) -> Self {
        let mut leaks: Vec<Leak> = Vec::new();
        let mut seen = HashSet::new();
        let mut more_leaks = 0;
        let mut findings: Vec<&Finding> = results.iter().flat_map(|result| &result.findings).collect();
        findings.sort_by_key(|finding| Reverse((finding.severity, finding.confidence)));
        for finding in findings {
            if !seen.insert((&finding.fingerprint, &finding.detector)) {
                continue;
            }
            if leaks.len() < limits::FACTS_LEAKS {
                leaks.push(Leak::of(finding, clean));
            } else {
                more_leaks += 1;
            }
        }
        let incomplete = results.iter().find(|result| !result.complete).map(|result| {
            let error = result.errors.first().map(|error| clean(&error.message));
            error.unwrap_or_else(|| "not everything could be read".to_owned())
        });
        Self { leaks, more_leaks, incomplete }
    }

    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> usize {
        const FIXED: usize = 256;
        let texts = |leak: &Leak| {
            leak.fingerprint.len()
                + leak.detector.len()
                + leak.name.len()
                + leak.service.len()
                + leak.place.len()
        };
        let leaks: usize = self.leaks.iter().map(|leak| FIXED + texts(leak)).sum();
        FIXED + leaks + self.incomplete.as_ref().map_or(0, String::len)
    }
}

impl Leak {
    fn of(finding: &Finding, clean: &dyn Fn(&str) -> String) -> Self {
        Self {
            fingerprint: finding.fingerprint.clone(),
            detector: finding.detector.clone(),
            name: clean(&finding.name),
            service: clean(&finding.service),
            severity: finding.severity,
            confidence: finding.confidence,
            place: text::start(&clean(&describe::introduced(finding)), limits::FACTS_PLACE, "…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_key_is_told_once_with_the_layer_that_brought_it_in() {
        let report = fixture::rich();
        let facts = Facts::of(&report.results, &str::to_owned);
        let all: Vec<&Finding> = report.results.iter().flat_map(|result| &result.findings).collect();
        let distinct: HashSet<_> = all.iter().map(|one| (&one.fingerprint, &one.detector)).collect();
        assert!(!facts.leaks.is_empty());
        assert_eq!(facts.leaks.len(), distinct.len());
        assert!(facts.leaks.is_sorted_by_key(|leak| Reverse(leak.severity)));
        let in_layer = all.iter().find(|one| one.introduced_by.layer.is_some()).expect("one in a layer");
        let leak = facts.leaks.iter().find(|leak| leak.fingerprint == in_layer.fingerprint).expect("it");
        assert!(leak.place.contains("layer "), "{}", leak.place);
        assert!(facts.incomplete.is_some(), "the fixture has a layer that could not be read");
    }

    #[test]
    fn what_was_read_whole_without_a_key_is_clean() {
        assert_eq!(Facts::of(&fixture::clean().results, &str::to_owned), Facts::default());
    }
}
