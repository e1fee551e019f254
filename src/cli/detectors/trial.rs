//! `keyseam detectors test`: what detectors find in a text, redacted.

use std::io::{self, Write};

use crate::detect::catalogue::Catalogue;
use crate::detect::redact::redacted;
use crate::detect::set::{DetectorSet, Scratch, keep_best};
use crate::detect::{Hit, Place, Window};
use crate::report::Style;
use crate::report::text::count;

/// What the detectors find, in the order of the text.
pub(super) fn hits(detectors: &DetectorSet, file: &str, text: &[u8]) -> Vec<Hit> {
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
    detectors.scan(&window, &mut Scratch::default(), &mut hits);
    keep_best(&mut hits);
    hits.sort_by_key(|hit| (hit.span.start, hit.span.end, hit.detector));
    hits
}

/// Writes a finding a paragraph, and their number.
pub(super) fn write(
    catalogue: &Catalogue,
    hits: &[Hit],
    file: &str,
    text: &[u8],
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let file = if file == "-" { "standard input" } else { file };
    for hit in hits {
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
        writeln!(out, "\n")?;
    }
    writeln!(out, "{} in {}", count(hits.len(), "key"), style.clean(file))
}

/// Line and column of a byte, both from 1.
fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
    (line, column)
}
