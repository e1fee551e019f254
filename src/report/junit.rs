//! JUnit XML, which every CI system reads: a suite an image, a test case a finding. One that counts is a
//! failure, one that does not has passed; what could not be read is an error.

use std::fmt::Write as _;
use std::io::{self, Write};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::model::{Finding, ImageResult, TargetError};
use super::threshold::Threshold;
use super::{Report, Style, describe, sanitize, text};

/// A time as the schema has it, without zone.
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// Characters of a name: some CI systems keep names in a column of 255.
const NAME: usize = 200;

/// Writes the document.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let time = report.times.started.format(TIME).unwrap_or_default();
    let images = report.results.iter().map(|result| Suite::of(result, &style.threshold));
    let failed = report.errors.iter().map(Suite::failed);
    let suites: Vec<Suite> = images.chain(failed).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let (tests, failures, errors) =
        (sum(|suite| suite.tests), sum(|suite| suite.failures), sum(|suite| suite.errors));
    let seconds = (report.times.finished - report.times.started).as_seconds_f64().max(0.0);
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="keyseam" tests="{tests}" failures="{failures}" errors="{errors}" time="{seconds:.3}">"#
    )?;
    for (id, suite) in suites.iter().enumerate() {
        suite.write(id, &time, out)?;
    }
    writeln!(out, "</testsuites>")
}

/// A suite in the making.
#[derive(Default)]
struct Suite {
    name: String,
    properties: Vec<(&'static str, String)>,
    cases: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
    /// What concerns no single case.
    notes: Vec<String>,
}

impl Suite {
    fn of(result: &ImageResult, threshold: &Threshold) -> Self {
        let mut suite =
            Self { name: describe::image(result), seconds: result.stats.seconds, ..Self::default() };
        let digest = result.manifest_digest.as_ref().or(result.config_digest.as_ref());
        suite.properties.push(("target", result.target.clone()));
        suite.properties.extend(digest.map(|digest| ("digest", digest.clone())));
        for finding in &result.findings {
            suite.finding(result, finding, threshold);
        }
        for error in &result.errors {
            suite.error("scan", &describe::error(error), &error.reason);
        }
        if !result.complete && result.errors.is_empty() {
            suite.error("scan", "not everything was read", "incomplete");
        }
        for (number, one) in result.suppressed.iter().enumerate() {
            suite.skipped += 1;
            let name = format!("suppressed {} {}", number + 1, one.fingerprint);
            let skipped = format!("<skipped message=\"{}\"/>", attribute(&one.by));
            suite.case(&one.detector, &name, &skipped);
        }
        // A suite without a case looks like one that did not run.
        if suite.tests == 0 {
            suite.case("keyseam", "no leaked keys", "");
        }
        suite.notes.extend(result.warnings.iter().cloned());
        suite.notes.extend(result.opaque.by_reason.iter().map(|(reason, count)| {
            format!("scanned as it is, not opened: {} ({reason})", text::grouped(*count))
        }));
        suite
    }

    fn failed(error: &TargetError) -> Self {
        let mut suite = Self { name: error.target.clone(), ..Self::default() };
        suite.error("scan", &error.message, "not scanned");
        suite
    }

    /// The name holds the place, by which a finding is known from one run to the next.
    fn finding(&mut self, result: &ImageResult, finding: &Finding, threshold: &Threshold) {
        let place = describe::short_place(finding);
        let at = text::middle(&describe::lasting_place(finding), NAME, "…");
        let name = format!("{} in {at} [{place}]", finding.name);
        let about = about(result, finding);
        let inside = match threshold.fails(finding) {
            true => {
                self.failures += 1;
                let message = format!("{} in {}", finding.name, describe::first_place(finding));
                format!(
                    "<failure message=\"{}\" type=\"{}\">{}</failure>",
                    attribute(&message),
                    finding.severity.word(),
                    content(&about)
                )
            }
            false => format!("<system-out>{}</system-out>", content(&about)),
        };
        self.case(&finding.detector, &name, &inside);
    }

    fn error(&mut self, class: &str, message: &str, kind: &str) {
        self.errors += 1;
        let inside = format!("<error message=\"{}\" type=\"{}\"/>", attribute(message), attribute(kind));
        let name = format!("read {}: {}", self.errors, text::middle(message, NAME, "…"));
        self.case(class, &name, &inside);
    }

    fn case(&mut self, class: &str, name: &str, inside: &str) {
        self.tests += 1;
        let head = format!("<testcase classname=\"{}\" name=\"{}\"", attribute(class), attribute(name));
        let _ = match inside {
            "" => writeln!(self.cases, "    {head}/>"),
            inside => writeln!(self.cases, "    {head}>{inside}</testcase>"),
        };
    }

    fn write(&self, id: usize, time: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { tests, failures, errors, skipped, seconds, .. } = self;
        writeln!(
            out,
            "  <testsuite id=\"{id}\" name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
             skipped=\"{skipped}\" time=\"{seconds:.3}\" timestamp=\"{time}\">",
            attribute(&self.name)
        )?;
        if !self.properties.is_empty() {
            writeln!(out, "    <properties>")?;
            for (name, value) in &self.properties {
                writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", attribute(value))?;
            }
            writeln!(out, "    </properties>")?;
        }
        out.write_all(self.cases.as_bytes())?;
        if !self.notes.is_empty() {
            writeln!(out, "    <system-out>{}</system-out>", content(&self.notes))?;
        }
        writeln!(out, "  </testsuite>")
    }
}

/// All of a finding, a line a fact.
fn about(result: &ImageResult, finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!(
        "severity {}, confidence {}, key {}",
        finding.severity.word(),
        finding.confidence.word(),
        if finding.secret == "…" { "not shown" } else { &finding.secret }
    )];
    lines.extend(
        super::words::verification(&finding.verification, &finding.service)
            .map(|line| format!("works: {line}")),
    );
    lines.extend(
        finding.locations.iter().take(20).map(|location| format!("in {}", describe::place(location))),
    );
    if let Some(more) = finding.locations.len().checked_sub(20).filter(|more| *more > 0) {
        lines.push(format!("and in {}", text::count(more, "more place")));
    }
    let origin = &finding.introduced_by;
    let digest = origin.digest.as_ref().or(origin.diff_id.as_ref()).map(|digest| format!(" {digest}"));
    lines.push(format!("brought by {}{}", describe::layer(finding), digest.unwrap_or_default()));
    lines.extend(describe::step(finding).map(|step| format!("step {step}")));
    lines.extend(origin.dockerfile.as_ref().map(|line| format!("Dockerfile {}:{}", line.path, line.line)));
    lines.push(format!("readable {}", describe::readers(result, finding)));
    lines.extend(describe::advice(result, finding));
    lines.extend(finding.remediation.image_steps.iter().cloned());
    lines.push(format!("more: keyseam explain {}", finding.detector));
    lines.push(format!("place {}", finding.place));
    lines
}

/// Lines between tags. A line break in one of them makes no line of its own.
fn content(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}

/// A text between double quotes.
fn attribute(text: &str) -> String {
    escaped(text)
}

/// What XML has no form for is written out: controls, and the two code points that are no characters. So is
/// the opening of `[[ATTACHMENT|path]]`, for which CI systems fetch a file.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in sanitize::inline(text).replace("[[", "[\\u{5b}").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn written(report: &Report) -> String {
        fixture::written(write, report)
    }

    #[test]
    fn what_counts_fails_and_what_was_not_read_is_an_error() {
        let text = written(&fixture::rich());
        let head = r#"<testsuites name="keyseam" tests="10" failures="4" errors="2" time="7.000">"#;
        assert!(text.lines().any(|line| line == head), "{text}");
        let suite = r#"  <testsuite id="0" name="registry.example/team/shop:1.4 (linux/amd64)" tests="8" failures="4" errors="1" skipped="1" time="1.240" timestamp="2026-01-02T03:04:05">"#;
        assert!(text.lines().any(|line| line == suite), "{text}");
        let case = r#"    <testcase classname="messagebird-access-key" name="MessageBird access key (live) in /app/config/production.env [ksp1:000000000000]"><failure message="MessageBird access key (live) in /app/config/production.env:3" type="critical">severity critical, confidence high, key not shown"#;
        assert!(text.lines().any(|line| line == case), "{text}");
        assert!(text.contains(r#"<testcase classname="keyseam" name="no leaked keys"/>"#), "{text}");
    }

    #[test]
    fn xml_has_a_form_for_all_that_is_left() {
        assert_eq!(escaped("<a b=\"c\" d='e'>&]]>"), "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;]]&gt;");
        assert_eq!(escaped("[[ATTACHMENT|/x]]"), "[\\u{5b}ATTACHMENT|/x]]");
        assert_eq!(content(&["a\nb".to_owned(), "c".to_owned()]), "a\\nb\nc");
        assert_eq!(escaped("\u{0}\u{b}\u{fffe}\u{85}é"), "\\u{0}\\u{b}\\u{fffe}\\u{85}é");
    }
}
