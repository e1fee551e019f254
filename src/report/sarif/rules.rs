//! The detectors of a run's results as SARIF rules.

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::finding::message;
use crate::detect::{Confidence, Severity};
use crate::finding::fingerprint::hex_prefix;
use crate::report::describe::sentence;
use crate::report::guide;
use crate::report::markdown::{self, prose};
use crate::report::model::Finding;

/// Characters of a rule's id that GitHub takes.
const ID: usize = 255;

/// The rules in the order in which they came.
#[derive(Default)]
pub(super) struct Rules<'a> {
    rules: Vec<Rule<'a>>,
    positions: HashMap<&'a str, usize>,
}

struct Rule<'a> {
    detector: &'a str,
    /// The first of its findings; none where all are suppressed.
    finding: Option<&'a Finding>,
    severity: Severity,
    confidence: Confidence,
}

impl<'a> Rules<'a> {
    /// The position of a finding's rule.
    pub(super) fn of(&mut self, finding: &'a Finding) -> usize {
        let position = self.named(&finding.detector);
        let rule = &mut self.rules[position];
        rule.finding.get_or_insert(finding);
        rule.severity = rule.severity.max(finding.severity);
        rule.confidence = rule.confidence.max(finding.confidence);
        position
    }

    /// The position of the rule of a detector that only suppressed findings may name.
    pub(super) fn named(&mut self, detector: &'a str) -> usize {
        let next = self.rules.len();
        let position = *self.positions.entry(detector).or_insert(next);
        if position == next {
            let (severity, confidence) = (Severity::Info, Confidence::Low);
            self.rules.push(Rule { detector, finding: None, severity, confidence });
        }
        position
    }

    pub(super) fn into_values(self) -> Vec<Value> {
        self.rules.iter().map(Rule::value).collect()
    }
}

impl Rule<'_> {
    fn value(&self) -> Value {
        let mut tags = vec!["security".to_owned(), "secret".to_owned()];
        let name = self.finding.map_or(self.detector, |finding| &finding.name);
        tags.extend(self.finding.map(|finding| finding.category.clone()));
        let (text, markdown) = self.help(name);
        json!({
            "id": id(self.detector),
            "name": self.detector,
            "shortDescription": { "text": message(name) },
            "fullDescription": { "text": message(&format!("{name} in a container image: whoever can pull the image can read it")) },
            "help": { "text": text, "markdown": markdown },
            "defaultConfiguration": { "level": level(self.severity) },
            "properties": {
                "tags": tags,
                "precision": precision(self.confidence),
                "security-severity": security_severity(self.severity),
            },
        })
    }

    /// The help as text and as Markdown. Policies read the severity in it.
    fn help(&self, name: &str) -> (String, String) {
        let severity = format!("Severity: {}", self.severity.word().to_uppercase());
        let advice = self.finding.map(|finding| &finding.remediation);
        let next = advice.map(|advice| sentence(&advice.next)).filter(|next| next != ".");
        let mut plain = vec![message(&sentence(name))];
        let mut rich = vec![prose(&sentence(name))];
        plain.extend(next.iter().map(|next| message(next)));
        rich.extend(next.iter().map(|next| prose(next)));
        for part in advice.into_iter().flat_map(guide::of_key) {
            plain.push(format!("{}:", part.heading));
            plain.extend(part.entries.iter().map(|entry| message(&format!("- {entry}"))));
            rich.push(format!("**{}**", part.heading));
            let entries = part.entries.iter().map(|entry| format!("- {}", markdown::rich(entry)));
            rich.push(entries.collect::<Vec<_>>().join("\n"));
        }
        plain.push(severity.clone());
        rich.push(severity);
        (plain.join("\n"), rich.join("\n\n"))
    }
}

/// The id of a detector's rule: the detector's, but for what is too long. Then its hash tells it from others.
pub(super) fn id(detector: &str) -> String {
    if detector.chars().count() <= ID {
        return detector.to_owned();
    }
    let hash = hex_prefix(&Sha256::digest(detector), 8);
    let start: String = detector.chars().take(ID - 1 - hash.len()).collect();
    format!("{start}-{hash}")
}

pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// As GitHub reads it: critical above 9.0, high from 7.0, medium from 4.0, else low.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.5",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "very-high",
        Confidence::Medium => "high",
        Confidence::Low => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_id_is_cut_and_stays_one_of_its_kind() {
        let (one, other) = ("x".repeat(300), format!("{}y", "x".repeat(299)));
        assert_eq!(id(&one).chars().count(), ID);
        assert_ne!(id(&one), id(&other));
        assert_eq!(id("github-pat-classic"), "github-pat-classic");
    }
}
