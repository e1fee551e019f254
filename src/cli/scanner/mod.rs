//! Every target of the settings from its words to its results: what `keyseam scan` and `keyseam diff` do
//! between their arguments and their reports.

mod ahead;
mod base;
mod context;
mod diff;
mod inventory;
mod push;
mod rules;
mod run;
mod targets;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::settings::Settings;
use crate::advice;
use crate::detect::Severity;
use crate::detect::own_secrets::DETECTOR_ID;
use crate::detect::redact::Redactor;
use crate::finding::result::Judge;
use crate::report::model::{ImageResult, Report, Summary, TargetError, Times, Tool};
use crate::scan::progress::Progress;

pub use context::scan_context;
pub use diff::diff_targets;
pub use push::push;

use rules::Rules;
use run::{Answer, Run};

/// Scans every target. One that gives no result stands in the report's errors.
///
/// # Errors
/// What keeps the whole scan from being done: rules, ignore rules, a hashing key or a base image that
/// cannot be read.
pub fn scan_targets(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Report> {
    let started = OffsetDateTime::now_utc();
    let rules = Rules::load(settings, progress)?;
    let is_selected = |index| rules.is_selected(index);
    let cache = rules.cache(settings);
    let names = cache.as_ref().map(|cache| cache.names().clone());
    let asked_about = Rules::asked(settings);
    let judge = rules.judge(&is_selected, settings, names.as_ref());
    let judge = Judge { subjects: asked_about.as_ref(), ..judge };
    let mut run = Run::new(settings, &judge, progress, rules.redactor(), cache)?;
    let asked = targets::asked(settings, run.access(), progress)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Answer { results: of_target, error } in run.scan(asked, |_| true) {
        results.extend(of_target);
        errors.extend(error);
    }
    verify::tell(&judge, settings, run.redactor(), progress, &mut results)?;
    let mut report = report(&rules, results, errors, run.redactor(), started);
    inventory::record(&rules, settings, &mut report, None, progress);
    renew_baseline(&mut report, &rules, settings);
    Ok(report)
}

/// Gives the report the baseline that makes all of it known, where one is to be written.
fn renew_baseline(report: &mut Report, rules: &Rules, settings: &Settings) {
    report.baseline = settings.write_baseline.is_some().then(|| rules.renewed_baseline(report));
}

/// Scans the image of a build for the values that were made up for it, and reports nothing else.
///
/// # Errors
/// As of [`scan_targets`].
pub fn scan_canaries(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Report> {
    let mut report = scan_targets(settings, progress)?;
    for result in &mut report.results {
        result.findings.retain(|finding| finding.detector == DETECTOR_ID);
        result.suppressed.clear();
    }
    report.summary = summary(&report.results, report.errors.is_empty());
    Ok(report)
}

/// The report of these results, clean of every key that any of them gave away.
fn report(
    rules: &Rules,
    results: Vec<ImageResult>,
    errors: Vec<TargetError>,
    redactor: &Redactor<'_>,
    started: OffsetDateTime,
) -> Report {
    let tool = Tool {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        ruleset: rules.catalogue.digest().to_string(),
    };
    let summary = summary(&results, errors.is_empty());
    let times = Times::until_now(started);
    let mut report =
        Report { version: "1", tool, results, errors, summary, diff: None, baseline: None, times };
    if report.results.len() + report.errors.len() > 1 {
        report.clean_texts(&|text| redactor.clean(text));
    }
    advice::image::tell(&mut report);
    report
}

fn summary(results: &[ImageResult], no_errors: bool) -> Summary {
    let mut highest: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        let severity = highest.entry(&finding.fingerprint).or_insert(finding.severity);
        *severity = finding.severity.max(*severity);
    }
    let words = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
    let mut by_severity: BTreeMap<String, usize> =
        words.iter().map(|severity| (severity.word().to_owned(), 0)).collect();
    for severity in highest.values() {
        *by_severity.entry(severity.word().to_owned()).or_default() += 1;
    }
    let suppressed: BTreeSet<(&str, &str)> = results
        .iter()
        .flat_map(|result| &result.suppressed)
        .map(|suppressed| (suppressed.fingerprint.as_str(), suppressed.detector.as_str()))
        .collect();
    Summary {
        images: results.len(),
        findings: highest.len(),
        by_severity,
        suppressed: suppressed.len(),
        complete: no_errors && results.iter().all(|result| result.complete),
    }
}
