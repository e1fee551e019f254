//! `keyseam detectors list`: a detector a line.

use std::io::{self, Write};

use super::{DetectorCard, Detectors};
use crate::report::Style;
use crate::report::text::{count, start, width};

/// Columns of the widest id that still moves the other columns.
const WIDEST_ID: usize = 44;

/// The detectors that any of `selectors` selects; all without any.
pub(super) fn choose(detectors: &dyn Detectors, selectors: &[String]) -> anyhow::Result<Vec<DetectorCard>> {
    let mut cards = detectors.cards();
    let mut wanted: Vec<String> = Vec::new();
    for selector in selectors {
        let matching = detectors.matching(selector);
        if matching.is_empty() {
            anyhow::bail!("no detector, service or category is called '{selector}'");
        }
        wanted.extend(matching);
    }
    if !selectors.is_empty() {
        cards.retain(|card| wanted.contains(&card.id));
    }
    cards.sort_by(|a, b| (&a.category, &a.id).cmp(&(&b.category, &b.id)));
    Ok(cards)
}

/// Writes the detectors, grouped by category, and their number.
pub(super) fn write(cards: &[DetectorCard], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let id_width = cards.iter().map(|card| width(&card.id)).max().unwrap_or(0).min(WIDEST_ID);
    let bold = anstyle::Style::new().bold();
    let mut category = "";
    for card in cards {
        if card.category != category {
            let gap = if category.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}{}", style.paint(bold, style.clean(&card.category)))?;
            category = &card.category;
        }
        let id = style.clean(&card.id);
        let proof = if card.check.is_some() { "checked" } else { "" };
        let severity = style.paint(card.severity.color(), format!("{:<8}", card.severity.word()));
        let line = format!("  {id:<id_width$}  {severity}  {:<6}  {proof:<7}", card.confidence.word());
        let used = 2 + id_width.max(width(&id)) + 2 + 8 + 2 + 6 + 2 + 7 + 2;
        let mark = style.glyph("…", "...");
        let name = start(&style.clean(&card.name), style.width.saturating_sub(used), mark);
        writeln!(out, "{}", format!("{line}  {name}").trim_end())?;
    }
    let gap = if cards.is_empty() { "" } else { "\n" };
    writeln!(out, "{gap}{}", count(cards.len(), "detector"))
}
