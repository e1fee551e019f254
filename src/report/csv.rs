//! Comma-separated values (RFC 4180): a finding a row, its introducing location in columns.

use std::io::{self, Write};

use super::describe::path;
use super::model::{Finding, ImageResult};
use super::sanitize::csv_cell;
use super::{Report, Style};

/// The columns. More may be added at the end.
const COLUMNS: &[&str] = &[
    "target",
    "platform",
    "severity",
    "confidence",
    "detector",
    "name",
    "service",
    "secret",
    "kind",
    "path",
    "line",
    "variable",
    "layer",
    "diff_id",
    "created_by",
    "in_final_image",
    "exposed_to",
    "removed_by_layer",
    "locations",
    "next",
    "fingerprint",
    "place",
    "pullable_by",
    "verification",
];

/// Writes the column names and a row for each finding.
pub fn write(report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for result in &report.results {
        for finding in &result.findings {
            let cells = row(result, finding).map(|cell| csv_cell(&cell));
            write!(out, "{}\r\n", cells.join(","))?;
        }
    }
    Ok(())
}

fn row(result: &ImageResult, finding: &Finding) -> [String; COLUMNS.len()] {
    let first = finding.locations.first();
    let kind = first.and_then(|location| serde_json::to_value(location.kind).ok());
    let origin = &finding.introduced_by;
    [
        result.target.clone(),
        text(&result.platform),
        finding.severity.word().to_owned(),
        finding.confidence.word().to_owned(),
        finding.detector.clone(),
        finding.name.clone(),
        finding.service.clone(),
        finding.secret.clone(),
        kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default(),
        first.map(path).unwrap_or_default(),
        number(first.and_then(|location| location.line)),
        first.and_then(|location| location.name.clone()).unwrap_or_default(),
        number(origin.layer),
        text(&origin.diff_id),
        text(&origin.created_by),
        finding.in_final_image.to_string(),
        finding.exposed_to.to_owned(),
        number(first.and_then(|location| location.removed_by.as_ref()).map(|removed| removed.layer)),
        finding.locations.len().to_string(),
        finding.remediation.next.clone(),
        finding.fingerprint.clone(),
        finding.place.clone(),
        result.pullable_by.map(|who| who.word().to_owned()).unwrap_or_default(),
        finding.verification.status.word().to_owned(),
    ]
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn number(value: Option<impl ToString>) -> String {
    value.map(|number| number.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Threshold, fixture};

    #[test]
    fn rows_have_all_columns_and_no_live_formula() {
        let mut report = fixture::rich();
        report.results[0].findings.truncate(1);
        report.results.truncate(1);
        let finding = &mut report.results[0].findings[0];
        finding.locations[0].path = Some("=HYPERLINK(\"x\")\r\n@a".into());
        let mut out = Vec::new();
        write(&report, &Style::plain(Threshold::default()), &mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("UTF-8");
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].split(',').count(), COLUMNS.len());
        assert!(lines[1].contains(",\"'=HYPERLINK(\"\"x\"\")\\r\\n@a\","), "{}", lines[1]);
    }
}
