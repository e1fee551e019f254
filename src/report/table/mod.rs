//! The report for a person: the image, each key with its layer and the next thing to do, the layers as
//! strata with the keys at theirs, and how far the scan saw.

mod coverage;
mod diff;
mod finding;
mod sheet;
mod strata;
mod summary;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Color};

use self::sheet::Sheet;
use super::model::{Finding, ImageResult, SourceKind};
use super::{Report, Style, text, words};

const BOLD: Color = Color::new().bold();
const DIM: Color = Color::new().dimmed();
const GOOD: Color = AnsiColor::Green.on_default().bold();
const BAD: Color = AnsiColor::Red.on_default().bold();

/// Writes the table.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut sheet = Sheet::new(style, out);
    diff::write(&mut sheet, report)?;
    for (position, result) in report.results.iter().enumerate() {
        if position > 0 {
            sheet.rule()?;
        }
        write_result(&mut sheet, result, report.diff.is_some())?;
    }
    summary::write(&mut sheet, report)?;
    explained(&mut sheet, report)
}

/// With `added`, the findings are those that an older image does not have.
fn write_result(sheet: &mut Sheet<'_>, result: &ImageResult, added: bool) -> io::Result<()> {
    heading(sheet, result)?;
    let shown: Vec<&Finding> =
        result.findings.iter().filter(|finding| sheet.style.threshold.shows(finding)).collect();
    verdict(sheet, result, &shown, added)?;
    for (position, finding) in shown.iter().enumerate() {
        finding::write(sheet, result, finding, position + 1)?;
    }
    if !shown.is_empty() && result.source != SourceKind::Context {
        strata::write(sheet, result, &shown)?;
    }
    coverage::write(sheet, result, shown.len())
}

/// The first line names the source and the digest found; the second what the image is.
fn heading(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    let digest = result.manifest_digest.as_ref().or(result.config_digest.as_ref());
    let is_context = result.source == SourceKind::Context;
    let none = if is_context { "not built yet" } else { "no digest" };
    let digest = digest.map_or(none, |digest| text::short_digest(digest));
    let source = words::source(result.source);
    let prefix = format!("{source}:");
    let source = if result.target.starts_with(&prefix) { String::new() } else { format!("{source}  ") };
    let room = sheet.style.width.saturating_sub(source.len() + digest.len() + 2);
    let target = sheet.middle(&result.target, room);
    let style = sheet.style;
    sheet.line(&format!("{}  {}{digest}", style.paint(BOLD, target), source))?;

    let mut facts: Vec<String> = Vec::new();
    facts.extend(result.reference.iter().filter(|reference| **reference != result.target).cloned());
    facts.extend(result.platform.clone());
    if result.kind != "image" && !is_context {
        facts.push(result.kind.to_owned());
    }
    if is_context {
        facts.push(text::count(usize::try_from(result.stats.files).unwrap_or(usize::MAX), "file"));
        facts.push(text::size(result.stats.bytes_scanned));
    } else {
        facts.push(text::count(result.layers.len(), "layer"));
        facts.push(text::size(result.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add)));
    }
    let facts = sheet.middle(&facts.join(style.glyph(" · ", ", ")), style.width);
    sheet.line(&style.paint(DIM, facts))?;
    sheet.blank()
}

/// Where the rest of the advice is.
fn explained(sheet: &mut Sheet<'_>, report: &Report) -> io::Result<()> {
    let mut findings = report.results.iter().flat_map(|result| &result.findings);
    let Some(first) = findings.find(|finding| sheet.style.threshold.shows(finding)) else { return Ok(()) };
    sheet.blank()?;
    sheet
        .paragraph(0, &format!("Misuse, rotation, code for the next key: keyseam explain {}", first.detector))
}

/// The sentence that answers the question that was asked.
fn verdict(sheet: &mut Sheet<'_>, result: &ImageResult, shown: &[&Finding], added: bool) -> io::Result<()> {
    let style = sheet.style;
    if shown.is_empty() {
        let color = if result.complete { GOOD } else { BAD };
        return sheet.line(&style.paint(color, words::nothing(result, added)));
    }
    let dash = style.glyph("–", "-");
    let keys = words::keys(shown.len(), added);
    let line = format!("{keys} {dash} {}.", words::read_by(result, shown.len()));
    for (position, line) in text::wrap(&line, style.width).iter().enumerate() {
        match line.strip_prefix(&keys).filter(|_| position == 0) {
            Some(rest) => sheet.line(&format!("{}{rest}", style.paint(BAD, &keys)))?,
            None => sheet.line(line)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
