//! SARIF 2.1.0 (OASIS), for GitHub's code scanning and every other reader of it.
//!
//! One run for all images: GitHub refuses a file with several runs of one tool, and takes 20 runs at
//! most. Which image a result is of stands in its message, its locations' base and its properties.

mod finding;
mod rules;
mod uri;

use std::io::{self, Write};

use super::model::{ImageResult, SourceKind};
use super::{Report, Style, describe, json as json_report, text};
use rules::Rules;
use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Results that GitHub takes in a run. It shows the first 5,000, so the worst stand first.
const RESULTS: usize = 25_000;

/// Bytes that GitHub takes, compressed with gzip.
const COMPRESSED: usize = 10_000_000;

/// Notifications of a run; the rest is a count.
const NOTIFICATIONS: usize = 1_000;

/// Writes the log.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&document(report, style, RESULTS, COMPRESSED)?)
}

/// The log with at most `results` results and about `compressed` bytes when it is compressed.
fn document(report: &Report, style: &Style, results: usize, compressed: usize) -> io::Result<Vec<u8>> {
    let mut most = results;
    loop {
        let (log, written) = log(report, style, most);
        let mut text = Vec::new();
        json_report::write_document(&log, &mut text)?;
        let size = gzip_size(&text)?;
        if size <= compressed || written == 0 {
            return Ok(text);
        }
        // One round is enough when results are about equal in size, and every round leaves fewer.
        most = (written * 9 / 10 * (compressed / 1000) / (size / 1000).max(1)).min(written - 1);
    }
}

fn gzip_size(text: &[u8]) -> io::Result<usize> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text)?;
    Ok(gzip.finish()?.len())
}

/// The log, and how many results are in it.
fn log(report: &Report, style: &Style, most: usize) -> (Value, usize) {
    let sure =
        |result: &ImageResult| result.findings.iter().filter(|one| style.threshold.is_sure(one)).count();
    let total: usize = report.results.iter().map(|result| sure(result) + result.suppressed.len()).sum();
    let findings: usize = report.results.iter().map(|result| result.findings.len()).sum();
    let unsure = findings - report.results.iter().map(sure).sum::<usize>();
    let mut rules = Rules::default();
    let (results, cut_places) = finding::results(report, &style.threshold, &mut rules, most);
    let (written, cut) = (results.len(), total - results.len());
    let mut notices = Notices::default();
    notices.of(report);
    if cut > 0 {
        let line = format!(
            "{} of {} results are left out, the least severe: GitHub takes {} of one file, and 10 MB; -o json lists all",
            text::grouped(cut as u64),
            text::grouped(total as u64),
            text::grouped(RESULTS as u64),
        );
        notices.first("results-cut", "warning", &line);
    }
    if cut_places > 0 {
        let line = format!(
            "{} places are left out of results that have more than {}; -o json lists all",
            text::grouped(cut_places as u64),
            text::grouped(finding::PLACES as u64)
        );
        notices.first("places-cut", "warning", &line);
    }
    if unsure > 0 {
        let line = format!(
            "{} of less than {} confidence left out (--min-confidence)",
            text::count(unsure, "finding"),
            style.threshold.min_confidence.word()
        );
        notices.first("below-confidence", "note", &line);
    }
    let run = json!({
        "tool": { "driver": {
            "name": report.tool.name,
            "version": report.tool.version,
            "semanticVersion": report.tool.version,
            "shortDescription": { "text": "Finds keys leaked in container images and names the layer that leaked them" },
            "rules": rules.into_values(),
            "notifications": notices.descriptors(),
        } },
        "invocations": [ {
            "executionSuccessful": report.summary.complete,
            "startTimeUtc": describe::utc(report.times.started),
            "endTimeUtc": describe::utc(report.times.finished),
            "toolExecutionNotifications": notices.into_values(),
        } ],
        "originalUriBaseIds": bases(report),
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "ruleset": report.tool.ruleset,
            "complete": report.summary.complete,
            "suppressed": report.summary.suppressed,
            "resultsCut": cut,
            "placesCut": cut_places,
            "belowConfidence": unsure,
            "images": report.results.iter().map(image).collect::<Vec<_>>(),
        },
    });
    (json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] }), written)
}

/// What paths in the results are relative to: the roots of the images, and the folder of the sources.
fn bases(report: &Report) -> Value {
    let mut bases = Map::new();
    for (number, result) in report.results.iter().enumerate() {
        let text = finding::message(&format!("The root of the file system of {}", describe::image(result)));
        bases.insert(base_id(number), json!({ "description": { "text": text } }));
    }
    let with_line = |result: &ImageResult| {
        let of_line = result.findings.iter().any(|one| one.introduced_by.dockerfile.is_some());
        of_line || result.source == SourceKind::Context
    };
    if report.results.iter().any(with_line) {
        let text = "The folder that the Dockerfile and the build context are named from";
        bases.insert(finding::SOURCES.to_owned(), json!({ "description": { "text": text } }));
    }
    Value::Object(bases)
}

/// The base of an image's paths.
fn base_id(number: usize) -> String {
    if number == 0 { "IMAGE".to_owned() } else { format!("IMAGE{}", number + 1) }
}

fn image(result: &ImageResult) -> Value {
    json!({
        "target": result.target,
        "reference": result.reference,
        "platform": result.platform,
        "manifestDigest": result.manifest_digest,
        "complete": result.complete,
        "opaque": result.opaque.by_reason,
    })
}

/// What the run has to say of itself: what was not read, what was left out.
#[derive(Default)]
struct Notices {
    notices: Vec<(&'static str, &'static str, String)>,
    cut: usize,
}

impl Notices {
    fn of(&mut self, report: &Report) {
        for error in &report.errors {
            self.add("not-scanned", "error", format!("{}: {}", error.target, error.message));
        }
        for result in &report.results {
            let image = describe::image(result);
            for error in &result.errors {
                self.add("not-read", "error", format!("{image}: {}", describe::error(error)));
            }
            if !result.complete && result.errors.is_empty() {
                self.add("not-read", "error", format!("{image}: not everything was read"));
            }
        }
        for result in &report.results {
            for warning in &result.warnings {
                self.add("oddity", "note", format!("{}: {warning}", describe::image(result)));
            }
        }
        if self.cut > 0 {
            let line = format!("{} more; -o json lists them", text::grouped(self.cut as u64));
            self.notices.push(("notifications-cut", "warning", line));
        }
    }

    fn add(&mut self, id: &'static str, level: &'static str, text: String) {
        match self.notices.len() < NOTIFICATIONS {
            true => self.notices.push((id, level, text)),
            false => self.cut += 1,
        }
    }

    fn first(&mut self, id: &'static str, level: &'static str, text: &str) {
        self.notices.insert(0, (id, level, text.to_owned()));
    }

    fn descriptors(&self) -> Vec<Value> {
        let mut ids: Vec<&str> = self.notices.iter().map(|(id, ..)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| json!({ "id": id })).collect()
    }

    fn into_values(self) -> Vec<Value> {
        let value = |(id, level, text): (&str, &str, String)| json!({ "descriptor": { "id": id }, "level": level, "message": { "text": finding::message(&text) } });
        self.notices.into_iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests;
