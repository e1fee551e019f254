//! `--verify`: the keys of a report's findings, each asked about once, and what came of it told at every finding.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use anyhow::anyhow;

use crate::cli::settings::Settings;
use crate::detect::redact::Redactor;
use crate::finding::result::Judge;
use crate::report::model::{Finding, ImageResult, Verification, VerificationStatus};
use crate::report::text::count;
use crate::scan::progress::Progress;
use crate::verify::{self, Verdict};

/// Asks about the keys of `results`, where the user wants that.
///
/// # Errors
/// When no connection can be set up.
pub(super) fn tell(
    judge: &Judge<'_>,
    settings: &Settings,
    redactor: &Redactor<'_>,
    progress: &dyn Progress,
    results: &mut [ImageResult],
) -> anyhow::Result<()> {
    let (Some(asked), Some(how)) = (judge.subjects, &settings.verify) else { return Ok(()) };
    let known = asked.known.borrow();
    let mut wanted: Vec<&Finding> = results.iter().flat_map(|result| &result.findings).collect();
    // Where there are too many, the worst are asked about.
    wanted.sort_by_key(|finding| Reverse(finding.severity));
    let mut numbers: HashMap<(String, String), usize> = HashMap::new();
    let mut subjects = Vec::new();
    for finding in wanted {
        if let Some(subject) = known.get(&finding.detector, &finding.fingerprint) {
            numbers.entry(key(finding)).or_insert_with(|| {
                subjects.push(subject);
                subjects.len() - 1
            });
        }
    }
    let verdicts =
        verify::ask(&subjects, judge.catalogue, how).map_err(|problem| anyhow!("--verify: {problem}"))?;
    for finding in results.iter_mut().flat_map(|result| &mut result.findings) {
        let verdict = numbers.get(&key(finding)).and_then(|number| verdicts.get(*number));
        let verification = verdict.map(|verdict| verdict.verification.clone());
        let verification = verification.unwrap_or_else(|| Verification {
            reason: Some(not_asked(judge, finding).to_owned()),
            ..Verification::default()
        });
        finding.verification = Verification {
            reason: verification.reason.map(|reason| redactor.clean(&reason)),
            facts: verification.facts.into_iter().map(|(name, fact)| (name, redactor.clean(&fact))).collect(),
            ..verification
        };
    }
    progress.note(&summary(&verdicts));
    Ok(())
}

/// What tells a key from others.
fn key(finding: &Finding) -> (String, String) {
    (finding.detector.clone(), finding.fingerprint.clone())
}

/// Why a key was not even remembered.
fn not_asked(judge: &Judge<'_>, finding: &Finding) -> &'static str {
    let definition = judge.catalogue.find(&finding.detector).and_then(|index| judge.catalogue.get(index));
    verify::reason_not_to_ask(definition)
        .unwrap_or("it is less sure than --min-confidence asks for, and is sent to nobody")
}

fn summary(verdicts: &[Verdict]) -> String {
    let asked = verdicts.iter().filter(|verdict| verdict.asked);
    let mut by_status: BTreeMap<VerificationStatus, usize> = BTreeMap::new();
    asked.clone().for_each(|verdict| *by_status.entry(verdict.verification.status).or_default() += 1);
    let words: Vec<String> =
        by_status.iter().map(|(status, number)| format!("{number} {}", status.word())).collect();
    let total = count(asked.count(), "key");
    if words.is_empty() {
        return "--verify: no key was found that a service could be asked about".to_owned();
    }
    format!("--verify: services were asked about {total}: {}", words.join(", "))
}
