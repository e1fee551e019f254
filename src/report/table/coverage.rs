//! How far the scan saw: what was read, what was not, what was left out of the table.

use std::collections::BTreeMap;
use std::io;

use super::BAD;
use super::sheet::Sheet;
use crate::report::model::ImageResult;
use crate::report::{describe, text, words};

/// Errors and warnings that are listed; the others are counted.
const LISTED: usize = 8;

/// Writes the coverage of an image, of whose findings `shown` stand above.
pub(super) fn write(sheet: &mut Sheet<'_>, result: &ImageResult, shown: usize) -> io::Result<()> {
    if shown > 0 {
        sheet.title("Coverage", "")?;
    }
    sheet.paragraph(2, &words::read(result))?;
    errors(sheet, result)?;
    opaque(sheet, result)?;
    words::evidence(result).map_or(Ok(()), |line| sheet.paragraph(2, &line))?;
    warnings(sheet, &result.warnings)?;
    suppressed(sheet, result)?;
    below(sheet, result.findings.len().saturating_sub(shown))
}

fn errors(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    let Some(line) = words::not_read(result) else { return Ok(()) };
    sheet.line(&sheet.style.paint(BAD, format!("  {line}")))?;
    for error in result.errors.iter().take(LISTED) {
        sheet.paragraph(4, &describe::error(error))?;
    }
    more(sheet, result.errors.len())
}

fn opaque(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    words::opaque(result).map_or(Ok(()), |line| sheet.paragraph(2, &line))
}

fn warnings(sheet: &mut Sheet<'_>, warnings: &[String]) -> io::Result<()> {
    for warning in warnings.iter().take(LISTED) {
        sheet.paragraph(2, &format!("Note: {warning}"))?;
    }
    more(sheet, warnings.len())
}

fn suppressed(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    if result.suppressed.is_empty() {
        return Ok(());
    }
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for suppressed in &result.suppressed {
        *by.entry(&suppressed.by).or_default() += 1;
    }
    sheet.paragraph(2, &format!("Suppressed: {}.", text::count(result.suppressed.len(), "finding")))?;
    for (rule, count) in by.iter().take(LISTED) {
        sheet.paragraph(4, &format!("{count} by {rule}"))?;
    }
    more(sheet, by.len())
}

fn more(sheet: &mut Sheet<'_>, total: usize) -> io::Result<()> {
    match total.saturating_sub(LISTED) {
        0 => Ok(()),
        more => sheet.line(&format!("    and {} more; -o json lists them", text::grouped(more as u64))),
    }
}

/// What the thresholds hide.
fn below(sheet: &mut Sheet<'_>, hidden: usize) -> io::Result<()> {
    if hidden == 0 {
        return Ok(());
    }
    let limits = describe::limits(&sheet.style.threshold);
    let line = format!("Not shown: {} below {limits}; -o json lists them.", text::count(hidden, "finding"));
    sheet.paragraph(2, &line)
}
