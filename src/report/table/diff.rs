//! The head of a `diff`: with what the image below was compared, and what is not told of it.

use std::io;

use super::BOLD;
use super::sheet::Sheet;
use crate::report::{Report, text, words};

/// Writes the head, where the report is one of a `diff`.
pub(super) fn write(sheet: &mut Sheet<'_>, report: &Report) -> io::Result<()> {
    let Some(diff) = report.diff.as_ref().filter(|_| !report.results.is_empty()) else { return Ok(()) };
    let digest = diff.manifest_digest.as_ref().or(diff.index_digest.as_ref());
    let digest = digest.map(|digest| format!("  {}", text::short_digest(digest))).unwrap_or_default();
    let room = sheet.style.width.saturating_sub("New since ".len() + text::width(&digest));
    let old = sheet.middle(&diff.old, room);
    sheet.line(&format!("New since {}{digest}", sheet.style.paint(BOLD, old)))?;
    sheet.paragraph(0, &words::compared(diff.known, diff.gone))?;
    if !diff.complete {
        sheet.paragraph(0, "The old image was not read whole: what it has may be shown as added.")?;
    }
    sheet.blank()
}
