//! The layers as strata, newest on top, each with the keys that it brought and those that it took away.

use std::collections::BTreeSet;
use std::io;

use super::DIM;
use super::sheet::Sheet;
use crate::report::model::{Finding, ImageResult, Layer};
use crate::report::{sanitize, text, words};

/// Layers that are drawn one by one even where they hold nothing.
const DRAWN_ALWAYS: usize = 16;

/// Columns of the widest bar.
const BAR: usize = 10;

/// Marks of one layer that are drawn; the others are counted.
const MARKS_SHOWN: usize = 4;

/// Draws the layers with the findings shown, numbered from 1.
pub(super) fn write(sheet: &mut Sheet<'_>, result: &ImageResult, shown: &[&Finding]) -> io::Result<()> {
    let brought = sheet.style.glyph("◆", "+");
    let removed = sheet.style.glyph("✕", "x");
    sheet.title(
        "Layers",
        &format!("newest on top; {brought} brings a key, {removed} takes it from containers only"),
    )?;
    let marks = Marks::new(result, shown);
    if let Some(config) = marks.of_config() {
        sheet.line(&format!("{:>9}  {:BAR$}  {:>8}  {}", "config", "", "", marks.draw(sheet, config).0))?;
    }
    let mut newer: Option<&Layer> = None;
    let mut quiet: Vec<&Layer> = Vec::new();
    for (layer, stratum) in result.layers.iter().zip(&marks.layers).rev() {
        let seam = newer.is_some_and(|newer| words::is_seam(newer, layer));
        if seam {
            skip(sheet, &mut quiet, &marks)?;
            let base = result.base_image.as_ref().filter(|_| layer.base == Some(true));
            seam_line(sheet, base.map(|base| base.name.as_str()))?;
        }
        newer = Some(layer);
        if stratum.is_empty() && result.layers.len() > DRAWN_ALWAYS {
            quiet.push(layer);
            continue;
        }
        skip(sheet, &mut quiet, &marks)?;
        draw(sheet, layer, stratum, &marks)?;
    }
    skip(sheet, &mut quiet, &marks)
}

/// A line across the page, with the name of what lies below it.
fn seam_line(sheet: &mut Sheet<'_>, below: Option<&str>) -> io::Result<()> {
    let (style, room) = (sheet.style, sheet.style.width.saturating_sub(4));
    let name = below.map(|name| format!("{} ", sheet.middle(name, room / 2))).unwrap_or_default();
    let line = style.glyph("─", "-");
    let before = if name.is_empty() { String::new() } else { format!("{} ", line.repeat(2)) };
    let rest = room.saturating_sub(text::width(&name) + text::width(&before));
    sheet.line(&format!("    {}", style.paint(DIM, format!("{before}{name}{}", line.repeat(rest)))))
}

/// A run of layers without keys, in one line.
fn skip(sheet: &mut Sheet<'_>, quiet: &mut Vec<&Layer>, marks: &Marks) -> io::Result<()> {
    let run = std::mem::take(quiet);
    let bytes = run.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    match run.as_slice() {
        [] => Ok(()),
        [one] => draw(sheet, one, &Stratum::default(), marks),
        [last, .., first] => {
            let dots = sheet.style.glyph("⋮", ":");
            let line = format!(
                "{} without keys ({} to {})",
                text::count(run.len(), "layer"),
                first.index,
                last.index
            );
            let column = marks.column(sheet);
            let line = format!("{dots:>9}  {:BAR$}  {:>8}  {:column$}{line}", "", text::size(bytes), "");
            sheet.line(&sheet.style.paint(DIM, line))
        }
    }
}

fn draw(sheet: &mut Sheet<'_>, layer: &Layer, stratum: &Stratum, marks: &Marks) -> io::Result<()> {
    let style = sheet.style;
    let (before, after) = (style.glyph("░", "."), style.glyph("▓", "#"));
    let owner = words::owner(layer);
    let fill = match owner {
        "base" | "old" => before,
        "new" | "own" => after,
        _ => style.glyph("▒", "="),
    };
    let bar = fill.repeat(bar_length(layer.size));
    let (drawn, used) = marks.draw(sheet, stratum);
    let step = layer.created_by.as_deref().map(sanitize::step).unwrap_or_default();
    let step = if step.is_empty() { "no build step recorded".to_owned() } else { step };
    let size = text::size(layer.size);
    let column = marks.column(sheet);
    let gap = column.saturating_sub(used);
    let room = style.width.saturating_sub(9 + 2 + BAR + 2 + 8 + 2 + column);
    let step = style.paint(DIM, sheet.middle(&step, room));
    let line = format!("{owner:>6}{:>3}  {bar:<BAR$}  {size:>8}  {drawn}{:gap$}{step}", layer.index, "");
    sheet.line(&line)
}

/// One column a factor of eight or so: layers of a few bytes and of gigabytes can be told apart.
fn bar_length(size: u64) -> usize {
    let bits = (u64::BITS - size.leading_zeros()) as usize;
    (bits / 3).clamp(1, BAR)
}

/// What happens to keys in one layer, by the findings' numbers.
#[derive(Clone, Default)]
struct Stratum {
    brought: BTreeSet<usize>,
    removed: BTreeSet<usize>,
}

impl Stratum {
    fn is_empty(&self) -> bool {
        self.brought.is_empty() && self.removed.is_empty()
    }
}

/// The strata of an image.
struct Marks {
    layers: Vec<Stratum>,
    config: Stratum,
    severities: Vec<crate::detect::Severity>,
}

impl Marks {
    fn new(result: &ImageResult, shown: &[&Finding]) -> Self {
        let mut marks = Self {
            layers: vec![Stratum::default(); result.layers.len()],
            config: Stratum::default(),
            severities: shown.iter().map(|finding| finding.severity).collect(),
        };
        let position = |index: usize| result.layers.iter().position(|layer| layer.index == index);
        for (number, finding) in shown.iter().enumerate() {
            match finding.introduced_by.layer.and_then(position) {
                Some(layer) => marks.layers.get_mut(layer).map(|stratum| stratum.brought.insert(number)),
                None => Some(marks.config.brought.insert(number)),
            };
            for location in &finding.locations {
                let layer = location.layer.and_then(position);
                layer
                    .and_then(|layer| marks.layers.get_mut(layer))
                    .map(|stratum| stratum.brought.insert(number));
                let removed = location.removed_by.as_ref().and_then(|removed| position(removed.layer));
                removed
                    .and_then(|layer| marks.layers.get_mut(layer))
                    .map(|stratum| stratum.removed.insert(number));
            }
        }
        marks
    }

    fn of_config(&self) -> Option<&Stratum> {
        Some(&self.config).filter(|config| !config.is_empty())
    }

    /// Columns of the widest marks, the gap behind them included.
    fn column(&self, sheet: &Sheet<'_>) -> usize {
        self.layers.iter().map(|stratum| self.draw(sheet, stratum).1).max().map_or(0, |widest| widest + 2)
    }

    /// The marks of a layer, and how many columns they take.
    fn draw(&self, sheet: &Sheet<'_>, stratum: &Stratum) -> (String, usize) {
        let style = sheet.style;
        let brought = stratum.brought.iter().map(|number| (style.glyph("◆", "+"), number));
        let removed = stratum.removed.iter().map(|number| (style.glyph("✕", "x"), number));
        let all: Vec<_> = brought.chain(removed).collect();
        let mut painted = Vec::new();
        let mut used = 0;
        for (glyph, number) in all.iter().take(MARKS_SHOWN) {
            let mark = format!("{glyph}{}", *number + 1);
            used += text::width(&mark) + usize::from(used > 0);
            let color = self.severities.get(**number).map(|severity| severity.color());
            painted.push(style.paint(color.unwrap_or(DIM), mark));
        }
        if all.len() > MARKS_SHOWN {
            let more = format!("and {} more", all.len() - MARKS_SHOWN);
            used += 1 + more.len();
            painted.push(more);
        }
        (painted.join(" "), used)
    }
}
