//! The predicate of an in-toto attestation on one image, alone, as `cosign attest --predicate` takes it.
//! Its type is `urn:keyseam:secret-scan:v0.1`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::model::{Finding, ImageResult};
use super::{Report, Style, describe, json as json_report};

/// Writes the predicate.
///
/// # Errors
/// Before anything is written, when the report is not about all of one image.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let result = only_image(report)?;
    json_report::write_document(&predicate(report, result, style), out)
}

/// An attestation is about one image, and about all of it.
fn only_image(report: &Report) -> io::Result<&ImageResult> {
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if report.diff.is_some() {
        return refused("intoto tells of a whole image, not of what it adds; use keyseam scan".to_owned());
    }
    match report.results.as_slice() {
        [only] if report.errors.is_empty() => Ok(only),
        [] => refused("intoto tells of one image, and none was scanned".to_owned()),
        results => refused(format!(
            "intoto tells of one image, and this report is of {}; scan each in a run of its own, with --platform",
            results.len() + report.errors.len()
        )),
    }
}

fn predicate(report: &Report, result: &ImageResult, style: &Style) -> Value {
    let found = result.findings.iter().any(|finding| style.threshold.shows(finding));
    let verdict = match (found, report.summary.complete) {
        (true, _) => "leak",
        (false, false) => "incomplete",
        (false, true) => "clean",
    };
    let mut counts: BTreeMap<&str, usize> =
        report.summary.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect();
    counts.insert("suppressed", result.suppressed.len());
    let ruleset = report.tool.ruleset.strip_prefix("sha256:").unwrap_or(&report.tool.ruleset);
    let fail_on = style.threshold.fail_on.severity().map_or("never", |severity| severity.word());
    let suppressed: Vec<Value> = result
        .suppressed
        .iter()
        .map(|one| json!({ "ruleId": one.detector, "fingerprint": one.fingerprint, "by": one.by }))
        .collect();
    json!({
        "scanner": {
            "uri": format!("pkg:cargo/{}@{}", report.tool.name, report.tool.version),
            "version": report.tool.version,
            "ruleset": { "digest": { "sha256": ruleset } },
            "options": { "failOn": fail_on, "minConfidence": style.threshold.min_confidence.word() },
        },
        "image": {
            "manifestDigest": result.manifest_digest,
            "indexDigest": result.index_digest,
            "configDigest": result.config_digest,
            "platform": result.platform,
        },
        "result": {
            "verdict": verdict,
            "complete": report.summary.complete,
            "skipped": skipped(result),
            "counts": counts,
            "suppressed": suppressed,
            "findings": result.findings.iter().map(|finding| found_value(result, finding)).collect::<Vec<_>>(),
        },
        "metadata": {
            "scanStartedOn": describe::utc(report.times.started),
            "scanFinishedOn": describe::utc(report.times.finished),
        },
    })
}

/// What was not read, and what was scanned only as it lies there, by reason.
fn skipped(result: &ImageResult) -> Vec<Value> {
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for error in &result.errors {
        *by_reason.entry(&error.reason).or_default() += 1;
    }
    let unread = by_reason.into_iter().map(|(reason, count)| json!({ "reason": reason, "count": count }));
    let opaque = result.opaque.by_reason.iter();
    let opaque =
        opaque.map(|(reason, count)| json!({ "reason": format!("opaque-{reason}"), "count": count }));
    unread.chain(opaque).collect()
}

fn found_value(result: &ImageResult, finding: &Finding) -> Value {
    let origin = &finding.introduced_by;
    let base = origin.layer.and_then(|index| result.layers.iter().find(|layer| layer.index == index)?.base);
    let layer = origin.layer.map(|index| {
        json!({ "index": index, "digest": origin.digest, "diffId": origin.diff_id, "fromBase": base })
    });
    let location = finding.locations.first().map(|location| {
        json!({
            "kind": location.kind,
            "path": location.path,
            "inner": location.inner,
            "line": location.line,
            "name": location.name,
        })
    });
    json!({
        "ruleId": finding.detector,
        "severity": finding.severity.word(),
        "confidence": finding.confidence.word(),
        "verification": verification(finding.verification.status.word()),
        "fingerprint": finding.fingerprint,
        "place": finding.place,
        "layer": layer,
        "location": location,
        "visible": finding.in_final_image,
        "remediation": finding.remediation.next,
    })
}

fn verification(status: &str) -> &'static str {
    match status {
        "live" => "active",
        "dead" => "inactive",
        "unverified" => "not-attempted",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{FailOn, Threshold, fixture};

    fn written(report: &Report, style: &Style) -> io::Result<Value> {
        let mut out = Vec::new();
        let result = write(report, style, &mut out);
        assert!(result.is_ok() || out.is_empty(), "something was written before the error");
        result.map(|()| serde_json::from_slice(&out).expect("JSON"))
    }

    fn plain() -> Style {
        Style::plain(Threshold::default())
    }

    /// The rich report's first image alone.
    fn one() -> Report {
        let mut results = fixture::rich().results;
        results.truncate(1);
        fixture::report(results, Vec::new())
    }

    #[test]
    fn the_verdict_follows_the_thresholds() {
        let leak = written(&one(), &plain()).expect("one image");
        assert_eq!(leak["result"]["verdict"], "leak");
        assert_eq!(leak["result"]["counts"]["critical"], 1);
        assert_eq!(leak["result"]["counts"]["suppressed"], 1);
        assert_eq!(leak["result"]["suppressed"][0]["ruleId"], "generic-password");
        assert_eq!(leak["result"]["findings"][0]["layer"]["fromBase"], false);
        assert_eq!(leak["result"]["skipped"][0], json!({ "reason": "cut", "count": 1 }));
        assert_eq!(leak["metadata"]["scanFinishedOn"], "2026-01-02T03:04:12Z");
        // Under never nothing fails a scan, but the image is not clean.
        let threshold = Threshold { fail_on: FailOn::Never, ..Threshold::default() };
        assert_eq!(written(&one(), &Style::plain(threshold)).expect("one")["result"]["verdict"], "leak");
        assert_eq!(written(&fixture::clean(), &plain()).expect("one")["result"]["verdict"], "clean");
        let mut incomplete = one();
        incomplete.results[0].findings.clear();
        assert_eq!(written(&incomplete, &plain()).expect("one")["result"]["verdict"], "incomplete");
    }

    #[test]
    fn a_report_of_anything_but_one_whole_image_is_refused() {
        for (report, word) in
            [(fixture::rich(), "3"), (fixture::nothing(), "none"), (fixture::compared(), "keyseam scan")]
        {
            let error = written(&report, &plain()).expect_err("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
