//! Annotations of a GitHub workflow: commands on standard output that the runner shows beside the sources.
//! Every line is a command of ours, so that none can be one of an image's maker.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::model::{Finding, ImageResult};
use super::{Report, Style, describe, sanitize, text};
use crate::detect::Severity;

/// Annotations of one level that GitHub shows of a step.
const SHOWN: usize = 10;

/// Characters of a place or message.
const CELL: usize = 500;

/// Writes what could not be scanned, then the keys that count, the most severe first, and the sum.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut levels = Levels::default();
    for error in &report.errors {
        levels.add(
            Level::Error,
            &[("title", "keyseam: not scanned")],
            &format!("{}: {}", error.target, error.message),
        );
    }
    for result in report.results.iter().filter(|result| !result.complete) {
        let first = result.errors.first().map(|error| format!(": {}", describe::error(error)));
        let line = format!("{} was not read whole{}", describe::image(result), first.unwrap_or_default());
        levels.add(Level::Error, &[("title", "keyseam: incomplete scan")], &line);
    }
    let findings =
        report.results.iter().flat_map(|result| result.findings.iter().map(move |one| (result, one)));
    let mut shown: Vec<(&ImageResult, &Finding)> =
        findings.filter(|(_, finding)| style.threshold.shows(finding)).collect();
    shown.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    for (result, finding) in &shown {
        annotate(&mut levels, result, finding);
    }
    let images = text::count(report.results.len(), "image");
    let keys = if shown.is_empty() { "no keys".to_owned() } else { text::count(shown.len(), "leaked key") };
    let mut sum = format!("{keys} in {images}");
    if !report.summary.complete {
        sum += "; not everything could be scanned";
    }
    sum += &suppressed(report);
    if levels.cut > 0 {
        let cut = text::count(levels.cut, "annotation");
        let _ = write!(sum, "; {cut} more than GitHub shows of a step: see the JSON report");
    }
    levels.lines.push_str(&command(Level::Notice, &[("title", "keyseam")], &sum));
    out.write_all(levels.lines.as_bytes())
}

/// What the user's rules set aside: how many, and the first of them by name.
fn suppressed(report: &Report) -> String {
    let all = || report.results.iter().flat_map(|result| &result.suppressed);
    let count = all().count();
    if count == 0 {
        return String::new();
    }
    let named =
        all().take(SHOWN).map(|one| format!("{} by {}", one.detector, text::start(&one.by, CELL, "…")));
    let more = if count > SHOWN { ", …" } else { "" };
    format!("; {} suppressed ({}{more})", text::grouped(count as u64), named.collect::<Vec<_>>().join(", "))
}

#[derive(Clone, Copy)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Critical | Severity::High => Self::Error,
            Severity::Medium => Self::Warning,
            Severity::Low | Severity::Info => Self::Notice,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }

    /// How many are shown; one notice is the sum.
    fn most(self) -> usize {
        match self {
            Self::Error | Self::Warning => SHOWN,
            Self::Notice => SHOWN - 1,
        }
    }
}

/// The lines so far, counted by level.
#[derive(Default)]
struct Levels {
    lines: String,
    counts: [usize; 3],
    cut: usize,
}

impl Levels {
    fn add(&mut self, level: Level, properties: &[(&str, &str)], message: &str) {
        let count = &mut self.counts[level as usize];
        if *count == level.most() {
            self.cut += 1;
            return;
        }
        *count += 1;
        self.lines.push_str(&command(level, properties, message));
    }
}

/// A file is named only where it is one of the sources: the line of the Dockerfile is known, or it is in a build
/// context. A path of an image is none of the repository, where another file may have that name.
fn annotate(levels: &mut Levels, result: &ImageResult, finding: &Finding) {
    let title = format!("keyseam: {}", finding.name);
    let dockerfile = finding.introduced_by.dockerfile.as_ref().map(|line| (line.path.clone(), line.line));
    let line = dockerfile.or_else(|| {
        let first = finding.locations.first()?;
        Some((describe::source_file(result, first)?, first.line.unwrap_or(1)))
    });
    let line = line.map(|(path, line)| (path, line.to_string()));
    let mut properties: Vec<(&str, &str)> = Vec::new();
    if let Some((path, line)) = &line {
        properties.extend([("file", path.as_str()), ("line", line.as_str())]);
    }
    properties.push(("title", &title));
    let step = describe::step(finding).map(|step| format!(" ({})", text::middle(&step, CELL, "…")));
    let message = format!(
        "{} in {} of {}, {}{}. Readable {}. {}",
        finding.severity.word(),
        text::middle(&describe::first_place(finding), CELL, "…"),
        describe::image(result),
        describe::layer(finding),
        step.unwrap_or_default(),
        describe::readers(result, finding),
        describe::advice(result, finding).join(" "),
    );
    levels.add(Level::of(finding.severity), &properties, message.trim_end());
}

/// A line of the runner's commands, `::level name=value,…::message`.
fn command(level: Level, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{} {}::{}\n", level.word(), properties.join(","), data(message))
}

/// A message: the runner reads `%25`, `%0D` and `%0A` back. Controls are written out before, so that of
/// these only the first can occur.
fn data(text: &str) -> String {
    sanitize::inline(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property, which `:` or `,` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn written(report: &Report) -> String {
        fixture::written(write, report)
    }

    #[test]
    fn a_key_of_a_known_line_is_told_there() {
        let text = written(&fixture::rich());
        let line = text.lines().find(|line| line.contains("production.env")).expect("a line");
        let start = "::error file=Dockerfile,line=12,title=keyseam%3A MessageBird access key (live)::\
            critical in /app/config/production.env:3 of registry.example/team/shop:1.4 (linux/amd64), layer 3 \
            (COPY . /app). Readable by everyone who can pull the image, and whatever runs in its containers. \
            Revoke the key";
        assert!(line.starts_with(start), "{line}");
        let last = text.lines().last().expect("a line");
        assert_eq!(
            last,
            "::notice title=keyseam::4 leaked keys in 2 images; not everything could be scanned; 1 suppressed \
             (generic-password by .keyseamignore line 3: test data of the vendor)"
        );
    }

    #[test]
    fn no_more_is_written_than_is_shown() {
        let mut report = fixture::rich();
        let many = (0..30)
            .map(fixture::finding)
            .chain((0..30).map(|number| Finding { severity: Severity::Medium, ..fixture::finding(number) }));
        report.results[0].findings = many.collect();
        let text = written(&report);
        let count = |level: &str| text.lines().filter(|line| line.starts_with(level)).count();
        assert_eq!((count("::error"), count("::warning"), count("::notice")), (10, 10, 1));
        assert!(text.contains("42 annotations more than GitHub shows"), "{text}");
    }

    #[test]
    fn what_ends_a_part_of_a_command_is_written_out() {
        assert_eq!(data("100%\r\n::error::x"), "100%25\\r\\n::error::x");
        assert_eq!(property("a:b,c%3A"), "a%3Ab%2Cc%253A");
    }
}
