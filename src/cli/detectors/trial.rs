//! `keyseam detectors test`: what detectors find in a text, redacted.

use std::io::{self, Write};

use super::Trial;
use crate::report::Style;
use crate::report::text::count;

/// Writes a finding a paragraph, and their number.
pub(super) fn write(
    trials: &[Trial],
    file: &str,
    text: &[u8],
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let file = if file == "-" { "standard input" } else { file };
    for trial in trials {
        let (line, column) = position(text, trial.offset);
        let severity = style.paint(trial.severity.color(), trial.severity.word().to_uppercase());
        let proof = if trial.verified { ", proven by its check" } else { "" };
        let name = style.clean(&trial.name);
        writeln!(out, "{severity}  {name}  confidence {}{proof}", trial.confidence.word())?;
        writeln!(out, "    {}:{line}:{column}  {}", style.clean(file), style.clean(&trial.detector))?;
        let key = if trial.secret == "…" { "not shown" } else { &trial.secret };
        write!(out, "    key {}", style.clean(key))?;
        for (name, value) in &trial.beside {
            write!(out, "{}{} {}", style.glyph(" · ", ", "), style.clean(name), style.clean(value))?;
        }
        writeln!(out, "\n")?;
    }
    writeln!(out, "{} in {}", count(trials.len(), "key"), style.clean(file))
}

/// Line and column of a byte, both from 1.
fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
    (line, column)
}
