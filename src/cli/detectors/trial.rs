//! `keyseam detectors test`: what detectors find in a text, redacted.

use std::io::{self, Write};

use crate::detect::catalogue::Catalogue;
use crate::detect::redact::redacted;
use crate::detect::set::{DetectorSet, Scratch, keep_best};
use crate::detect::{DetectorIndex, Hit, Place, Window};
use crate::finding::precedence::{Claim, Stated, settle};
use crate::report::Style;
use crate::report::text::count;
use crate::scan::matches::Finder;

/// A key, and what else finds it.
pub(super) struct Tried {
    hit: Hit,
    also: Vec<DetectorIndex>,
}

/// What the detectors find, in the order of the text, as a scan would report it; with `only`, what that one
/// finds. And how many stretches of the text were not searched to their end.
pub(super) fn tried(
    detectors: &DetectorSet,
    only: Option<DetectorIndex>,
    file: &str,
    text: &[u8],
) -> (Vec<Tried>, u64) {
    let path = if file == "-" { "" } else { file };
    let window = Window {
        bytes: text,
        owned: 0..text.len(),
        starts: true,
        ends: true,
        place: Place::File,
        path: path.as_bytes(),
    };
    let mut hits = Vec::new();
    let mut scratch = Scratch::default();
    detectors.scan(&window, &mut scratch, &mut hits);
    keep_best(&mut hits);
    hits.retain(|hit| only.is_none_or(|only| only == hit.detector));
    let claimed = hits.into_iter().map(|hit| (claim(&hit, detectors), Tried { hit, also: Vec::new() }));
    let settled = settle(claimed.collect(), |(first, kept), (second, other)| {
        if second.adds_to(first) {
            kept.also.push(other.hit.detector);
        }
    });
    (settled.into_iter().map(|(_, tried)| tried).collect(), scratch.take_given_up())
}

fn claim(hit: &Hit, detectors: &DetectorSet) -> Claim {
    let stated = Stated {
        finder: Finder::Detector(hit.detector),
        incomplete: hit.incomplete,
        verified: hit.verified,
        confidence: hit.confidence,
        encodings: 0,
    };
    let bytes = hit.span.start as u64..hit.span.end as u64;
    Claim::new(stated, bytes, detectors.definition(hit.detector).generality())
}

/// Writes a finding a paragraph, and their number.
pub(super) fn write(
    catalogue: &Catalogue,
    all: &[Tried],
    file: &str,
    text: &[u8],
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let file = if file == "-" { "standard input" } else { file };
    for Tried { hit, also } in all {
        let Some(definition) = catalogue.get(hit.detector) else { continue };
        let (line, column) = position(text, hit.span.start);
        let severity = style.paint(hit.severity.color(), hit.severity.word().to_uppercase());
        let proof = if hit.verified { ", proven by its check" } else { "" };
        let name = style.clean(&definition.name);
        writeln!(out, "{severity}  {name}  confidence {}{proof}", hit.confidence.word())?;
        writeln!(out, "    {}:{line}:{column}  {}", style.clean(file), style.clean(&definition.id))?;
        let key = redacted(hit.key.expose(), definition);
        let key = if key == "…" { "not shown" } else { &key };
        write!(out, "    key {}", style.clean(key))?;
        for (name, value) in hit.handles.iter().chain(&hit.companions) {
            write!(out, "{}{} {}", style.glyph(" · ", ", "), style.clean(name), style.clean(value))?;
        }
        writeln!(out)?;
        let also: Vec<&str> =
            also.iter().filter_map(|other| Some(catalogue.get(*other)?.id.as_str())).collect();
        if !also.is_empty() {
            writeln!(out, "    fits {} too", style.clean(&also.join(", ")))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{} in {}", count(all.len(), "key"), style.clean(file))
}

/// Line and column of a byte, both from 1.
fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
    (line, column)
}
