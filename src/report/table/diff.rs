//! The head of a `diff`: with what the image below was compared, and what is not told of it.

use std::io;

use super::BOLD;
use super::sheet::Sheet;
use crate::report::{Report, text};

/// Writes the head, where the report is one of a `diff`.
pub(super) fn write(sheet: &mut Sheet<'_>, report: &Report) -> io::Result<()> {
    let Some(diff) = report.diff.as_ref().filter(|_| !report.results.is_empty()) else { return Ok(()) };
    let digest = diff.manifest_digest.as_ref().or(diff.index_digest.as_ref());
    let digest = digest.map(|digest| format!("  {}", text::short_digest(digest))).unwrap_or_default();
    let room = sheet.style.width.saturating_sub("New since ".len() + text::width(&digest));
    let old = sheet.middle(&diff.old, room);
    sheet.line(&format!("New since {}{digest}", sheet.style.paint(BOLD, old)))?;
    sheet.paragraph(0, &counts(diff.known, diff.gone))?;
    if !diff.complete {
        sheet.paragraph(0, "The old image was not read whole: what it has may be shown as added.")?;
    }
    sheet.blank()
}

fn counts(known: usize, gone: usize) -> String {
    let both = match known {
        0 => "No key is in both".to_owned(),
        1 => "1 key is in both, and left out".to_owned(),
        known => format!("{} are in both, and left out", text::count(known, "key")),
    };
    let gone = match gone {
        0 => "none is gone".to_owned(),
        1 => "1 is gone".to_owned(),
        gone => format!("{} are gone", text::grouped(gone as u64)),
    };
    format!("{both}; {gone}.")
}
