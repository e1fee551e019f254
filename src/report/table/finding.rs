//! One key: what it is, where it stands, which layer and build step brought it, who can read it, what
//! to do next.

use std::io;

use super::sheet::Sheet;
use super::{BOLD, DIM};
use crate::detect::Place;
use crate::report::model::{Companion, Finding, ImageResult, Layer, Location, Origin};
use crate::report::{describe, sanitize, text};

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
    places(sheet, finding)?;
    origin(sheet, result, finding)?;
    readers(sheet, result, finding)?;
    advice(sheet, finding)?;
    build(sheet, result, finding)
}

fn title(sheet: &mut Sheet<'_>, finding: &Finding, number: usize) -> io::Result<()> {
    let style = sheet.style;
    let severity = style.paint(finding.severity.color(), finding.severity.word().to_uppercase());
    let live = match finding.verification.status {
        "live" => ", proven live",
        "dead" => ", no longer valid",
        _ => "",
    };
    let sure = format!("confidence {}{live}", finding.confidence.word());
    let used = 3 + 2 + finding.severity.word().len() + 2 + 2 + sure.len();
    let name = sheet.start(&finding.name, style.width.saturating_sub(used));
    let name = style.paint(BOLD, name);
    sheet.line(&format!("{number:>3}  {severity}  {name}  {}", style.paint(DIM, sure)))
}

/// The redacted key, and what may stand in clear beside it.
fn secret(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    let handles = finding.handles.iter().map(|(name, value)| format!("{name} {value}"));
    let companions = finding.companions.iter().map(beside);
    let key = if finding.secret == "…" { "not shown" } else { &finding.secret };
    let mut line = vec![key.to_owned()];
    if !finding.name.contains(&finding.service) {
        line.push(finding.service.clone());
    }
    line.extend(handles.chain(companions));
    sheet.row("key", &line.join(sheet.style.glyph(" · ", ", ")))
}

/// What belongs to the key; and where, if it stands apart.
fn beside(companion: &Companion) -> String {
    let apart = companion.locations.first().filter(|_| companion.near != "lines");
    let place = apart.and_then(|location| location.path.as_ref().or(location.name.as_ref()));
    let place = place.map_or_else(String::new, |place| format!(" (in {place})"));
    format!("{} {}{place}", companion.role, companion.value)
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
    let in_attestation = finding.locations.first().is_some_and(|first| first.kind == Place::Attestation);
    let layer = origin.layer.and_then(|index| result.layers.iter().find(|layer| layer.index == index));
    match (origin.layer, layer) {
        (Some(index), layer) => sheet.row("layer", &layer_line(sheet, index, layer, origin))?,
        (None, _) if origin.history_index.is_some() => {
            sheet.row("layer", "none: the step wrote to the image's config only")?;
        }
        (None, _) if in_attestation => {
            sheet.row("layer", "none: it stands in an attestation of the image")?
        }
        (None, _) => sheet.row("layer", "none: it stands in the image's config")?,
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
        facts.extend(
            layer.base.map(|base| if base { "of the base image" } else { "of this image" }.to_owned()),
        );
    }
    facts.join(sheet.style.glyph(" · ", ", "))
}

/// Who can read the key, and what a removal did not do.
fn readers(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    sheet.row("readable", &describe::readers(result, finding))?;
    let Some(owner) = &finding.owner else { return Ok(()) };
    let record = if owner.verified { "as packaged" } else { "not shown to be as packaged" };
    sheet.row("package", &format!("{} {} ({}), {record}", owner.package, owner.version, owner.manager))
}

fn advice(sheet: &mut Sheet<'_>, finding: &Finding) -> io::Result<()> {
    let advice = &finding.remediation;
    if !advice.next.is_empty() {
        sheet.row("next", &advice.next)?;
    }
    for more in [&advice.revoke, &advice.console].into_iter().flatten() {
        if !advice.next.contains(more.as_str()) {
            sheet.row(if advice.next.is_empty() { "next" } else { "" }, more)?;
        }
    }
    Ok(())
}

/// What to change in the build.
fn build(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    match describe::build(result, finding).as_ref() {
        "" => Ok(()),
        advice => sheet.row("build", advice),
    }
}
