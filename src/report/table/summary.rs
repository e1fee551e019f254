//! The end of the table: targets that gave no result, and the sum over several images.

use std::io;

use super::sheet::Sheet;
use super::{BAD, BOLD};
use crate::report::{Report, text, words};

/// Writes what concerns the whole run. One image that could be scanned needs no such end.
pub(super) fn write(sheet: &mut Sheet<'_>, report: &Report) -> io::Result<()> {
    let several = report.results.len() + report.errors.len() > 1;
    if several && !report.results.is_empty() {
        sheet.rule()?;
    }
    for error in &report.errors {
        let target = sheet.middle(&error.target, sheet.style.width.saturating_sub(20));
        let failed = sheet.style.paint(BAD, "Not scanned:");
        sheet.line(&format!("{failed} {target}"))?;
        sheet.paragraph(4, &error.message)?;
    }
    if !several {
        return Ok(());
    }
    let summary = &report.summary;
    let severities: Vec<String> = words::SEVERITIES
        .iter()
        .filter_map(|word| Some((word, summary.by_severity.get(*word).filter(|count| **count > 0)?)))
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let severities =
        if severities.is_empty() { String::new() } else { format!(" ({})", severities.join(", ")) };
    let complete = if summary.complete { "complete" } else { "incomplete" };
    let line = format!(
        "{}, {}{severities}, {} suppressed; {complete}",
        text::count(summary.images, "image"),
        text::count(summary.findings, "distinct key"),
        summary.suppressed,
    );
    sheet.blank()?;
    for line in text::wrap(&line, sheet.style.width) {
        sheet.line(&sheet.style.paint(BOLD, line))?;
    }
    Ok(())
}
