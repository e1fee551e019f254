//! One key: what it is, where it stands, which layer and build step brought it, who can read it, what
//! to do next.

use std::io;

use super::sheet::Sheet;
use super::{BOLD, DIM};
use crate::report::model::{Finding, ImageResult, Layer, Location, Origin, SourceKind};
use crate::report::{describe, sanitize, text, words};

/// Places that are listed; the others are counted.
const PLACES_SHOWN: usize = 3;

/// Writes the block of a finding, under `number`.
pub(super) fn write(
    sheet: &mut Sheet<'_>,
    result: &ImageResult,
    finding: &Finding,
    number: usize,
) -> io::Result<()> {
    sheet.blank()?;
    title(sheet, finding, number)?;
    secret(sheet, finding)?;
    verification(sheet, finding)?;
    places(sheet, finding)?;
    origin(sheet, result, finding)?;
    readers(sheet, result, finding)?;
    used(sheet, result, finding)?;
    known(sheet, finding)?;
    advice(sheet, finding)?;
    build(sheet, result, finding)
}

fn title(sheet: &mut Sheet<'_>, finding: &Finding, number: usize) -> io::Result<()> {
    let style = sheet.style;
    let severity = style.paint(finding.severity.color(), finding.severity.word().to_uppercase());
    let sure = format!("confidence {}{}", finding.confidence.word(), words::verified(finding));
    let used = 3 + 2 + finding.severity.word().len() + 2 + 2 + sure.len();
    let name = sheet.start(&finding.name, style.width.saturating_sub(used));
    let name = style.paint(BOLD, name);
    sheet.line(&format!("{number:>3}  {severity}  {name}  {}", style.paint(DIM, sure)))
}

/// The redacted key, and what may stand in clear beside it.
fn secret(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    let handles = finding.handles.iter().map(|(name, value)| format!("{name} {value}"));
    let companions = finding.companions.iter().map(words::beside);
    let mut line = vec![words::secret(finding).to_owned()];
    if !finding.name.contains(&finding.service) {
        line.push(finding.service.clone());
    }
    line.extend(handles.chain(companions));
    sheet.row("key", &line.join(sheet.style.glyph(" · ", ", ")))
}

/// What its service said.
fn verification(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    words::verification(&finding.verification, &finding.service)
        .map_or(Ok(()), |line| sheet.row("works", &line))
}

fn places(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    let shown = finding.locations.iter().take(PLACES_SHOWN);
    for (position, location) in shown.enumerate() {
        let label = if position == 0 { "where" } else { "" };
        let note = if position == 0 { String::new() } else { elsewhere(location, finding) };
        let room = sheet.row_room().saturating_sub(note.len());
        let place = place(sheet, location, room);
        sheet.row_line(label, &format!("{place}{}", sheet.style.paint(DIM, note)))?;
    }
    match finding.locations.len().saturating_sub(PLACES_SHOWN) {
        0 => Ok(()),
        1 => sheet.row("", "and in 1 more place"),
        more => sheet.row("", &format!("and in {} more places", text::grouped(more as u64))),
    }
}

/// The layer of a further place, where it is another one, and what removed it there.
fn elsewhere(location: &Location, finding: &Finding) -> String {
    let layer = location.layer.filter(|layer| Some(*layer) != finding.introduced_by.layer);
    let layer = layer.map(|layer| format!("layer {layer}"));
    let removed = location.removed_by.as_ref().map(|removed| format!("removed by layer {}", removed.layer));
    let notes: Vec<String> = layer.into_iter().chain(removed).collect();
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) }
}

/// A place in one line: `path:line`, `variable NAME` and so on.
fn place(sheet: &Sheet<'_>, location: &Location, room: usize) -> String {
    let at = sheet.style.clean(&describe::position(location)).into_owned();
    sheet.middle(&describe::container(location), room.saturating_sub(text::width(&at))) + &at
}

/// The layer and the build step.
fn origin(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    let origin = &finding.introduced_by;
    // No layer and no step has brought it in yet.
    if result.source == SourceKind::Context {
        return Ok(());
    }
    match origin.layer {
        Some(index) => {
            let line = layer_line(sheet, index, words::layer_of(result, finding), origin);
            sheet.row("layer", &line)?;
        }
        None => sheet.row("layer", words::no_layer(finding))?,
    }
    let Some(step) = &origin.created_by else {
        return sheet.row("step", "not recorded in the image's history");
    };
    let line = origin.dockerfile.as_ref().map(|line| format!("  ({}:{})", line.path, line.line));
    let line = sheet.middle(&line.unwrap_or_default(), sheet.row_room() / 2);
    let step = sheet.middle(&sanitize::step(step), sheet.row_room().saturating_sub(text::width(&line)));
    sheet.row_line("step", &(step + &line))
}

fn layer_line(sheet: &Sheet<'_>, index: usize, layer: Option<&Layer>, origin: &Origin) -> String {
    let mut facts = vec![index.to_string()];
    if let Some(digest) = origin.digest.as_ref().or(origin.diff_id.as_ref()) {
        facts.push(text::short_digest(digest).to_owned());
    }
    if let Some(layer) = layer {
        facts.push(text::size(layer.size));
        facts.extend(words::whose(layer).map(str::to_owned));
    }
    facts.join(sheet.style.glyph(" · ", ", "))
}

/// Who can read the key, and what a removal did not do.
fn readers(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    sheet.row("readable", &describe::readers(result, finding))?;
    let Some(owner) = &finding.owner else { return Ok(()) };
    sheet.row("package", &words::package(owner))
}

/// The first request that shows the key in use.
fn used(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    words::used(result, finding).next().map_or(Ok(()), |used| sheet.row("used", &used))
}

/// Since when the same key is there, and what runs with it.
fn known(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    words::known(finding).map_or(Ok(()), |known| sheet.row("known", &known))
}

fn advice(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    for (position, advice) in words::next(finding).into_iter().enumerate() {
        sheet.row(if position == 0 { "next" } else { "" }, advice)?;
    }
    Ok(())
}

fn build(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    match describe::build(result, finding).as_ref() {
        "" => Ok(()),
        advice => sheet.row("build", advice),
    }
}
