//! `keyseam detectors list`: a detector a line.

use std::io::{self, Write};

use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Definition;
use crate::report::Style;
use crate::report::text::{count, start, width};

/// Columns of the widest id that still moves the other columns.
const WIDEST_ID: usize = 44;

/// The detectors that any of `selectors` selects, all without any: by category, then id.
pub(super) fn choose<'a>(
    catalogue: &'a Catalogue,
    selectors: &[String],
) -> anyhow::Result<Vec<&'a Definition>> {
    let mut chosen: Vec<&Definition> = Vec::new();
    for selector in selectors {
        let matching = catalogue.matching(selector);
        if matching.is_empty() {
            anyhow::bail!("no detector, service or category is called '{selector}'");
        }
        chosen.extend(matching.into_iter().filter_map(|index| catalogue.get(index)));
    }
    if selectors.is_empty() {
        chosen.extend(catalogue.definitions());
    }
    chosen.sort_by_key(|definition| (definition.category.word(), &definition.id));
    chosen.dedup_by_key(|definition| &definition.id);
    Ok(chosen)
}

/// Writes the detectors, grouped by category, and their number.
pub(super) fn write(definitions: &[&Definition], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let id_width =
        definitions.iter().map(|definition| width(&definition.id)).max().unwrap_or(0).min(WIDEST_ID);
    let bold = anstyle::Style::new().bold();
    let mut category = "";
    for definition in definitions {
        if definition.category.word() != category {
            let gap = if category.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}{}", style.paint(bold, definition.category.word()))?;
            category = definition.category.word();
        }
        let id = style.clean(&definition.id);
        let proof = if definition.check.is_some() { "checked" } else { "" };
        let severity = style.paint(definition.severity.color(), format!("{:<8}", definition.severity.word()));
        let line = format!("  {id:<id_width$}  {severity}  {:<6}  {proof:<7}", definition.confidence.word());
        let used = 2 + id_width.max(width(&id)) + 2 + 8 + 2 + 6 + 2 + 7 + 2;
        let mark = style.glyph("…", "...");
        let name = start(&style.clean(&definition.name), style.width.saturating_sub(used), mark);
        writeln!(out, "{}", format!("{line}  {name}").trim_end())?;
    }
    let gap = if definitions.is_empty() { "" } else { "\n" };
    writeln!(out, "{gap}{}", count(definitions.len(), "detector"))
}
