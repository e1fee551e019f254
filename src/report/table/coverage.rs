//! How far the scan saw: what was read, what was not, what was left out of the table.

use std::collections::BTreeMap;
use std::io;

use super::BAD;
use super::sheet::Sheet;
use crate::report::model::ImageResult;
use crate::report::{describe, text};

/// Errors and warnings that are listed; the others are counted.
const LISTED: usize = 8;

/// Writes the coverage of an image, of whose findings `shown` stand above.
pub(super) fn write(sheet: &mut Sheet<'_>, result: &ImageResult, shown: usize) -> io::Result<()> {
    if shown > 0 {
        sheet.title("Coverage", "")?;
    }
    read(sheet, result)?;
    errors(sheet, result)?;
    opaque(sheet, result)?;
    warnings(sheet, &result.warnings)?;
    suppressed(sheet, result)?;
    below(sheet, result.findings.len().saturating_sub(shown))
}

fn read(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    let stats = &result.stats;
    let cached = match stats.layers_cached {
        0 => String::new(),
        cached => format!(" ({cached} from the cache)"),
    };
    let line = format!(
        "Read {}{cached}, {} and the config: {} scanned in {:.1} s.",
        text::count(result.layers.len(), "layer"),
        text::count(usize::try_from(stats.files).unwrap_or(usize::MAX), "file"),
        text::size(stats.bytes_scanned),
        stats.seconds,
    );
    sheet.paragraph(2, &line)
}

fn errors(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    if result.complete && result.errors.is_empty() {
        return Ok(());
    }
    let skipped = match result.stats.bytes_skipped {
        0 => String::new(),
        bytes => format!("; at least {} were not read", text::size(bytes)),
    };
    let line = format!("  Incomplete: {}{skipped}.", text::count(result.errors.len(), "error"));
    sheet.line(&sheet.style.paint(BAD, line))?;
    for error in result.errors.iter().take(LISTED) {
        sheet.paragraph(4, &describe::error(error))?;
    }
    more(sheet, result.errors.len())
}

fn opaque(sheet: &mut Sheet<'_>, result: &ImageResult) -> io::Result<()> {
    let total = result.opaque.by_reason.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    if total == 0 {
        return Ok(());
    }
    let reasons = result.opaque.by_reason.iter().map(|(reason, count)| format!("{count} {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let files = text::count(usize::try_from(total).unwrap_or(usize::MAX), "file");
    sheet.paragraph(2, &format!("Scanned as they are, not opened: {files} ({reasons})."))
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
