//! JSON lines: each finding with the target it belongs to, the targets that failed, a summary at last.

use std::io::{self, Write};

use serde::Serialize;

use super::json::write_line;
use super::model::{Diff, Finding, ImageResult, PullableBy, Summary, TargetError, Tool};
use super::{Report, Style};

/// A line. `type` says which.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding {
        target: &'a str,
        reference: Option<&'a str>,
        platform: Option<&'a str>,
        manifest_digest: Option<&'a str>,
        pullable_by: Option<PullableBy>,
        #[serde(flatten)]
        finding: &'a Finding,
    },
    Error(&'a TargetError),
    Summary {
        version: &'a str,
        tool: &'a Tool,
        #[serde(skip_serializing_if = "Option::is_none")]
        diff: Option<&'a Diff>,
        #[serde(flatten)]
        summary: &'a Summary,
    },
}

/// Writes a line for each finding and each failed target, and the summary line.
pub fn write(report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for result in &report.results {
        for finding in &result.findings {
            write_line(&line(result, finding), out)?;
        }
    }
    for error in &report.errors {
        write_line(&Line::Error(error), out)?;
    }
    let summary = Line::Summary {
        version: report.version,
        tool: &report.tool,
        diff: report.diff.as_ref(),
        summary: &report.summary,
    };
    write_line(&summary, out)
}

fn line<'a>(result: &'a ImageResult, finding: &'a Finding) -> Line<'a> {
    Line::Finding {
        target: &result.target,
        reference: result.reference.as_deref(),
        platform: result.platform.as_deref(),
        manifest_digest: result.manifest_digest.as_deref(),
        pullable_by: result.pullable_by,
        finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Threshold, fixture};
    use serde_json::Value;

    #[test]
    fn every_line_is_a_document_and_the_last_is_the_summary() {
        let report = fixture::rich();
        let mut out = Vec::new();
        write(&report, &Style::plain(Threshold::default()), &mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("UTF-8");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let findings: usize = report.results.iter().map(|result| result.findings.len()).sum();
        assert_eq!(lines.len(), findings + report.errors.len() + 1);
        assert_eq!(lines[0]["type"], "finding");
        assert_eq!(lines[0]["target"], report.results[0].target.as_str());
        assert_eq!(lines[0]["detector"], report.results[0].findings[0].detector.as_str());
        let last = lines.last().expect("a summary");
        assert_eq!(last["type"], "summary");
        assert_eq!(last["complete"], false);
        assert_eq!(last["version"], "1");
    }
}
