//! GitLab's security reports, version 15.2.1 of their schemas: container scanning, and secret detection.
//!
//! GitLab keeps what `raw_source_code_extract` holds in its database, so it is left out: no key, whole or
//! redacted, stands in one of its fields for code. Descriptions are Markdown there.

use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::markdown::{code, prose, rich};
use super::model::{Finding, ImageResult};
use super::{Report, Style, describe, guide, json as json_report, sanitize, text};
use crate::detect::Severity;
use crate::finding::fingerprint::hex_prefix;

/// The version of the schemas.
const VERSION: &str = "15.2.1";

/// A time as the schemas have it: UTC, without zone.
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// Characters of a name that the schemas allow.
const NAME: usize = 255;

/// Characters of a solution that the schemas allow.
const SOLUTION: usize = 7_000;

/// Characters of a place or step.
const CELL: usize = 500;

/// Messages of a scan; the rest is a count.
const MESSAGES: usize = 200;

/// Writes the report of container scanning.
pub fn write_container(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write(report, style, "container_scanning", container_location, out)
}

/// Writes the report of secret detection.
pub fn write_secret(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write(report, style, "secret_detection", secret_location, out)
}

fn write(
    report: &Report,
    style: &Style,
    kind: &str,
    location: fn(&ImageResult, &Finding) -> Value,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut found: Vec<(&ImageResult, &Finding)> = report
        .results
        .iter()
        .flat_map(|result| result.findings.iter().map(move |finding| (result, finding)))
        .filter(|(_, finding)| style.threshold.is_sure(finding))
        .collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let all: usize = report.results.iter().map(|result| result.findings.len()).sum();
    let vulnerabilities: Vec<Value> = found
        .iter()
        .map(|(result, finding)| vulnerability(result, finding, location(result, finding)))
        .collect();
    let tool = json!({
        "id": report.tool.name,
        "name": report.tool.name,
        "version": report.tool.version,
        "vendor": { "name": report.tool.name },
    });
    let document = json!({
        "version": VERSION,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": kind,
            "start_time": utc(report.times.started),
            "end_time": utc(report.times.finished),
            "status": if report.summary.complete { "success" } else { "failure" },
            "messages": messages(report, all - found.len(), style),
            "options": [
                { "name": "min-confidence", "source": "argument", "value": style.threshold.min_confidence.word() },
            ],
        },
        "vulnerabilities": vulnerabilities,
    });
    json_report::write_document(&document, out)
}

fn utc(time: OffsetDateTime) -> String {
    time.format(TIME).unwrap_or_default()
}

/// What could not be read, what is left out, what is suppressed.
fn messages(report: &Report, unsure: usize, style: &Style) -> Vec<Value> {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let failed = report.errors.iter().map(|error| ("fatal", format!("{}: {}", error.target, error.message)));
    lines.extend(failed);
    for result in &report.results {
        let image = describe::image(result);
        lines.extend(
            result.errors.iter().map(|error| ("warn", format!("{image}: {}", describe::error(error)))),
        );
    }
    if unsure > 0 {
        let least = style.threshold.min_confidence.word();
        let count = text::count(unsure, "finding");
        lines.push(("info", format!("{count} of less than {least} confidence left out (--min-confidence)")));
    }
    for result in &report.results {
        let suppressed = result.suppressed.iter();
        lines.extend(suppressed.map(|one| ("info", format!("suppressed: {} by {}", one.detector, one.by))));
    }
    if let Some(more) = lines.len().checked_sub(MESSAGES).filter(|more| *more > 0) {
        lines.truncate(MESSAGES);
        lines.push(("warn", format!("{} more; the JSON report lists them", text::count(more, "message"))));
    }
    let value = |(level, line): (&str, String)| json!({ "level": level, "value": sanitize::inline(&line) });
    lines.into_iter().map(value).collect()
}

fn vulnerability(result: &ImageResult, finding: &Finding, location: Value) -> Value {
    json!({
        "id": id(result, finding),
        "name": text::start(&sanitize::inline(&finding.name), NAME, "…"),
        "description": description(result, finding),
        "severity": severity(finding.severity),
        "solution": solution(result, finding),
        "identifiers": identifiers(finding),
        "links": links(finding),
        "details": details(result, finding),
        "location": location,
    })
}

/// A UUID of the image and the place (version 8 of RFC 9562: a hash of our own choice).
fn id(result: &ImageResult, finding: &Finding) -> String {
    let platform = result.platform.as_deref().unwrap_or_default();
    let parts = [&result.target, platform, &finding.detector, &finding.place];
    let mut hash = Sha256::digest(parts.join("\0"));
    hash[6] = hash[6] & 0x0f | 0x80;
    hash[8] = hash[8] & 0x3f | 0x80;
    let hex = hex_prefix(&hash, 16);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}

/// In Markdown.
fn description(result: &ImageResult, finding: &Finding) -> String {
    let step = describe::step(finding).map(|step| format!(" ({})", code(&step, CELL))).unwrap_or_default();
    format!(
        "A key of the kind {} stands in {} of {}. Brought by {}{step}. Readable {}.",
        code(&finding.detector, CELL),
        code(&describe::first_place(finding), CELL),
        code(&describe::image(result), CELL),
        describe::layer(finding),
        prose(&describe::readers(result, finding)),
    )
}

/// In Markdown: as many lines as the schemas have room for. What is cut is cut before it becomes Markdown,
/// where a code span would be left open.
fn solution(result: &ImageResult, finding: &Finding) -> String {
    let mut solution = String::new();
    let advice = describe::advice(result, finding);
    let short = advice.iter().map(|line| prose(&text::start(line, 2 * CELL, "…")));
    // The image first: what is said of the key may take all the room.
    let image = guide::of_image(&finding.remediation);
    let parts = image.into_iter().chain(guide::of_key(&finding.remediation)).map(|part| {
        let entries =
            part.entries.iter().map(|entry| format!("- {}", rich(&text::start(entry, 2 * CELL, "…"))));
        format!("**{}**\n\n{}", part.heading, entries.collect::<Vec<_>>().join("\n"))
    });
    for line in short.chain(parts) {
        if solution.chars().count() + line.chars().count() + 2 <= SOLUTION {
            let gap = if solution.is_empty() { "" } else { "\n\n" };
            solution = solution + gap + &line;
        }
    }
    solution
}

/// The first one, with the location, tells GitLab which finding is the same as an earlier one. The place
/// tells two keys of one file apart, and stays when lines move.
fn identifiers(finding: &Finding) -> Value {
    let short = describe::short_place(finding);
    json!([
        { "type": "keyseam_place", "name": format!("{} {short}", finding.detector), "value": finding.place },
        { "type": "keyseam_detector", "name": format!("keyseam {}", finding.detector), "value": finding.detector },
        {
            "type": "cwe", "name": "CWE-798", "value": "798",
            "url": "https://cwe.mitre.org/data/definitions/798.html",
        },
    ])
}

fn links(finding: &Finding) -> Vec<Value> {
    let is_plain = |url: &&String| {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()))
    };
    let console = finding.remediation.console.iter().filter(is_plain);
    console.map(|url| json!({ "name": "Where such keys are managed", "url": url })).collect()
}

/// Facts in fields of plain text.
fn details(result: &ImageResult, finding: &Finding) -> Value {
    let origin = &finding.introduced_by;
    let digest = origin.digest.as_ref().or(origin.diff_id.as_ref()).map(|digest| format!(" ({digest})"));
    let line = origin.dockerfile.as_ref().map(|line| format!("{}:{}", line.path, line.line));
    let mut details = json!({
        "layer": field("Layer", &format!("{}{}", describe::layer(finding), digest.unwrap_or_default())),
        "confidence": field("Confidence", finding.confidence.word()),
        "fingerprint": field("Fingerprint", &finding.fingerprint),
        "image": field("Image", &describe::image(result)),
        "places": field("Places", &text::grouped(finding.locations.len() as u64)),
    });
    if let Some(step) = describe::step(finding) {
        details["step"] = field("Build step", &step);
    }
    if let Some(line) = super::words::verification(&finding.verification, &finding.service) {
        details["verification"] = field("Works", &line);
    }
    if let Some(line) = line {
        details["dockerfile"] = field("Dockerfile", &line);
    }
    details
}

fn field(name: &str, value: &str) -> Value {
    json!({ "name": name, "type": "text", "value": sanitize::inline(&text::middle(value, CELL, "…")) })
}

/// GitLab knows a finding of a container by the image without its tag, and the package. Where the key
/// stands takes the package's part.
fn container_location(result: &ImageResult, finding: &Finding) -> Value {
    let version = finding.owner.as_ref().map(|owner| format!("{} {}", owner.package, owner.version));
    let system = result.platform.as_deref().filter(|platform| !platform.is_empty());
    json!({
        "dependency": {
            "package": { "name": sanitize::inline(&text::middle(&describe::lasting_place(finding), CELL, "…")) },
            "version": sanitize::inline(&version.unwrap_or_else(|| describe::layer(finding))),
        },
        "operating_system": sanitize::inline(system.unwrap_or("unknown")),
        "image": image_name(result),
    })
}

/// `name:tag`, as GitLab's own scanner writes it.
fn image_name(result: &ImageResult) -> String {
    let name = result.reference.as_ref().unwrap_or(&result.target);
    let name = if name.is_empty() { "unknown" } else { name };
    sanitize::inline(name).into_owned()
}

/// An image has no commit; GitLab's own analyzer writes zeros where there is none.
fn secret_location(result: &ImageResult, finding: &Finding) -> Value {
    let from_sources = finding.introduced_by.dockerfile.as_ref();
    let first = finding.locations.first();
    let (file, line) = match (from_sources, first) {
        (Some(line), _) => (line.path.clone(), line.line),
        (None, Some(location)) => (describe::container(location), location.line.unwrap_or(1)),
        (None, None) => (describe::image(result), 1),
    };
    json!({
        "file": sanitize::inline(&text::middle(&file, CELL, "…")),
        "start_line": line.max(1),
        "end_line": line.max(1),
        "commit": { "sha": "0000000" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::collections::BTreeSet;

    type Write = fn(&Report, &Style, &mut dyn io::Write) -> io::Result<()>;

    fn written(write: Write, report: &Report) -> Value {
        serde_json::from_str(&fixture::written(write, report)).expect("JSON")
    }

    #[test]
    fn a_container_report_names_the_image_and_the_place() {
        let report = written(write_container, &fixture::rich());
        assert_eq!(report["scan"]["status"], "failure");
        assert_eq!(report["scan"]["start_time"], "2026-01-02T03:04:05");
        let first = &report["vulnerabilities"][0];
        assert_eq!(
            first["location"],
            json!({
                "dependency": { "package": { "name": "/app/config/production.env" }, "version": "layer 3" },
                "operating_system": "linux/amd64",
                "image": "registry.example/team/shop:1.4",
            })
        );
        assert_eq!(first["severity"], "Critical");
        assert_eq!(first["identifiers"][0]["value"], "ksp1:00000000000000000000000000000001");
        assert_eq!(
            first["description"],
            "A key of the kind `messagebird-access-key` stands in `/app/config/production.env:3` of \
             `registry.example/team/shop:1.4 (linux/amd64)`. Brought by layer 3 (`COPY . /app`). Readable by \
             everyone who can pull the image, and whatever runs in its containers."
        );
        assert_eq!(written(write_container, &fixture::clean())["scan"]["status"], "success");
        let messages = report["scan"]["messages"].as_array().expect("messages");
        let levels: Vec<&str> = messages.iter().filter_map(|message| message["level"].as_str()).collect();
        assert_eq!(levels, ["fatal", "warn", "info", "info"]);
    }

    #[test]
    fn every_fixture_fits_the_schemas() {
        let container = include_str!("../../testdata/schemas/gitlab-container-scanning-15.2.1.json");
        let secret = include_str!("../../testdata/schemas/gitlab-secret-detection-15.2.1.json");
        let pairs: [(Write, &str); 2] = [(write_container, container), (write_secret, secret)];
        for (write, schema) in pairs {
            let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
            let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
            for report in fixture::all() {
                let report = written(write, &report);
                let problems = validator.iter_errors(&report);
                let problems = problems.map(|error| format!("{}: {error}", error.instance_path()));
                assert_eq!(problems.collect::<Vec<_>>(), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn a_secret_report_has_no_code_in_it() {
        let report = written(write_secret, &fixture::rich());
        let found = report["vulnerabilities"].as_array().expect("a list");
        assert!(found.iter().all(|one| one.get("raw_source_code_extract").is_none()));
        assert_eq!(
            found[0]["location"],
            json!({ "file": "Dockerfile", "start_line": 12, "end_line": 12, "commit": { "sha": "0000000" } })
        );
    }

    #[test]
    fn a_long_name_leaves_no_code_span_open() {
        let mut report = fixture::public();
        let base = report.results[0].base_image.as_mut().expect("a base");
        base.name = "@acme ".repeat(3_000);
        report.results[0].findings[0].remediation.revoke = Some("#1 a ".repeat(3_000));
        let found = written(write_container, &report)["vulnerabilities"][0].clone();
        let solution = found["solution"].as_str().expect("a text");
        assert!(solution.chars().count() <= SOLUTION && solution.contains("`@acme @acme"), "{solution}");
        for line in solution.lines() {
            assert!(line.matches('`').count().is_multiple_of(2), "{line}");
            assert!(line.split('`').step_by(2).all(|prose| !prose.contains(['@', '#'])), "{line}");
        }
    }

    #[test]
    fn ids_are_of_the_image_and_the_place() {
        let mut report = fixture::rich();
        let again = report.results[0].clone();
        report.results[1] = ImageResult { target: "oci:other".into(), ..again };
        let ids = |report: &Report| -> Vec<String> {
            let report = written(write_container, report);
            let found = report["vulnerabilities"].as_array().expect("a list").clone();
            found.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
        };
        let all = ids(&report);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        for finding in report.results.iter_mut().flat_map(|result| &mut result.findings) {
            finding.locations[0].line = Some(99);
            finding.fingerprint = "ksf1:ffffffff:00000000000000000000000000000000".into();
        }
        assert_eq!(ids(&report), all, "lines and keys may change");
    }
}
