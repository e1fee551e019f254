//! One key: what it is, where it stands, which layer and build step brought it, who can read it, what
//! to do next.

use std::io;

use super::sheet::Sheet;
use super::{BOLD, DIM};
use crate::detect::Place;
use crate::report::model::{Companion, Finding, ImageResult, Layer, Location, Origin, PullableBy};
use crate::report::{sanitize, text};

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
    let name = location.name.as_deref().filter(|name| !name.is_empty());
    let what = match (kind_words(location.kind), name) {
        ("", _) => String::new(),
        (words, Some(name)) if location.path.is_none() => {
            let line = location.line.map_or_else(String::new, |line| format!(":{line}"));
            return sheet.middle(&format!("{words} {name}"), room.saturating_sub(line.len())) + &line;
        }
        (words, Some(name)) => format!("{words} {name} of "),
        (words, None) if location.path.is_none() => return sheet.middle(words, room),
        (words, None) => format!("{words} "),
    };
    let path = location.path.as_deref().unwrap_or("unnamed file");
    let path =
        [path].into_iter().chain(location.inner.iter().map(String::as_str)).collect::<Vec<_>>().join("!");
    let mut at = match (location.line, location.offset) {
        (Some(line), _) => format!(":{line}"),
        (None, Some(offset)) => format!(" at byte {}", text::grouped(offset)),
        (None, None) => String::new(),
    };
    if !location.decoded.is_empty() {
        at += &format!(" (inside {})", location.decoded.join(", "));
    }
    let at = sheet.style.clean(&at).into_owned();
    sheet.middle(&format!("{what}{path}"), room.saturating_sub(text::width(&at))) + &at
}

fn kind_words(kind: Place) -> &'static str {
    match kind {
        Place::File => "",
        Place::FileName => "name of the file",
        Place::Symlink => "target of the link",
        Place::Xattr => "extended attribute",
        Place::Pax => "tar header field",
        Place::Unallocated => "bytes of the layer that belong to no file",
        Place::ArchiveComment => "comment of the archive",
        Place::Env => "environment variable",
        Place::Arg => "build argument",
        Place::Label => "label",
        Place::History => "text of the build step in the history",
        Place::Entrypoint => "entrypoint",
        Place::Cmd => "command",
        Place::Healthcheck => "health check",
        Place::Onbuild => "ONBUILD trigger",
        Place::User => "user",
        Place::Author => "author",
        Place::Comment => "comment",
        Place::Annotation => "annotation",
        Place::Manifest => "manifest",
        Place::Attestation => "attestation",
        Place::Config => "config",
    }
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
    let removed = finding.locations.iter().find_map(|location| location.removed_by.as_ref());
    let (who, its) = match result.pullable_by {
        Some(PullableBy::Anyone) => ("anyone on the internet", "the image's"),
        Some(PullableBy::Network) => ("everyone who reaches the registry", "the image's"),
        Some(PullableBy::Credentials) | None => ("everyone who can pull the image", "its"),
    };
    let whom = match (finding.in_final_image, removed) {
        (true, _) => format!("{who}, and whatever runs in {its} containers"),
        (false, None) => format!("{who} ({its} containers do not see it)"),
        (false, Some(removed)) => format!(
            "{who}: layer {} {}, which hides it from containers only",
            removed.layer,
            what_was_done(removed.how)
        ),
    };
    sheet.row("readable", &format!("by {whom}"))?;
    let Some(owner) = &finding.owner else { return Ok(()) };
    let record = if owner.verified { "as packaged" } else { "not shown to be as packaged" };
    sheet.row("package", &format!("{} {} ({}), {record}", owner.package, owner.version, owner.manager))
}

fn what_was_done(how: &str) -> &'static str {
    match how {
        "whiteout" => "deletes the file",
        "opaque" => "empties its folder",
        "overwritten" => "overwrites the file",
        "replaced" => "puts something else in its folder's place",
        _ => "takes it away",
    }
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

/// What to change in the build; of a base image, whose build it is.
fn build(sheet: &mut Sheet<'_>, result: &ImageResult, finding: &Finding) -> io::Result<()> {
    let origin = finding.introduced_by.layer;
    let layer = origin.and_then(|index| result.layers.iter().find(|layer| layer.index == index));
    let base = result.base_image.as_ref().filter(|_| layer.is_some_and(|layer| layer.base == Some(true)));
    if let Some(base) = base {
        let name = &base.name;
        let line = format!(
            "It comes from the base image {name}: who makes that must take it out; until then, build on another."
        );
        return sheet.row("build", &line);
    }
    match finding.remediation.image.as_str() {
        "" => Ok(()),
        advice => sheet.row("build", advice),
    }
}
