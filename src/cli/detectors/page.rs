//! `keyseam detectors show`: all about one detector.

use std::io::{self, Write};

use super::form;
use crate::detect::definition::{Companion, Definition, OnFail};
use crate::report::Style;
use crate::report::text::wrap;

/// Columns before a paragraph.
const INDENT: usize = 4;

/// Writes the page.
pub(super) fn write(definition: &Definition, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{}", style.paint(bold, style.clean(&definition.name)))?;
    let severity = style.paint(definition.severity.color(), definition.severity.word());
    let dot = style.glyph("·", "-");
    let facts = format!(
        "{} {dot} {} {dot} {} {dot} severity",
        definition.id,
        definition.service,
        definition.category.word()
    );
    writeln!(out, "{} {severity} {dot} confidence {}", style.clean(&facts), definition.confidence.word())?;
    let mut page = Page { style, out };
    page.section("What it is", &what_it_is(definition))?;
    page.section("How it is found", &definition.forms.iter().map(form::sentence).collect::<Vec<_>>())?;
    page.section("What it must pass", &checks(definition))?;
    page.section("What is looked for beside it", &companions(definition))?;
    page.section("How a report shows it", &[shown(definition)])?;
    page.section("What to do when it leaked", &advice(definition))?;
    page.section("How to select it", &[selection(definition)])
}

struct Page<'a> {
    style: &'a Style,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    /// A heading and its paragraphs; nothing where there are none.
    fn section(&mut self, heading: &str, paragraphs: &[String]) -> io::Result<()> {
        if paragraphs.is_empty() {
            return Ok(());
        }
        let bold = anstyle::Style::new().bold();
        writeln!(self.out, "\n{}", self.style.paint(bold, heading))?;
        let bullet = if paragraphs.len() > 1 { "- " } else { "" };
        let room = self.style.width.saturating_sub(INDENT + bullet.len());
        for paragraph in paragraphs {
            let clean = self.style.clean(paragraph);
            for (position, line) in wrap(&clean, room).iter().enumerate() {
                let mark = if position == 0 { bullet } else { "" };
                writeln!(self.out, "{:INDENT$}{mark:<gap$}{line}", "", gap = bullet.len())?;
            }
        }
        Ok(())
    }
}

fn what_it_is(definition: &Definition) -> Vec<String> {
    let what = format!("A key for {} ({}).", definition.service, definition.kind);
    let allows = definition.leak_allows.as_ref().map(|allows| format!("Whoever holds one can {allows}."));
    [what].into_iter().chain(allows).collect()
}

fn checks(definition: &Definition) -> Vec<String> {
    let check = definition.check.as_ref().map(|check| {
        let otherwise = match check.on_fail {
            OnFail::Drop => "what fails is no finding",
            OnFail::Lower => "what fails has a lower confidence",
            OnFail::Info => "what fails is reported as info",
        };
        format!("The offline check {}: what passes is certain, {otherwise}.", check.validator)
    });
    check.into_iter().chain(form::gates(&definition.gate)).chain(form::paths(&definition.paths)).collect()
}

fn companions(definition: &Definition) -> Vec<String> {
    let sentence = |companion: &Companion| {
        let required = if companion.required { "; without it there is no finding" } else { "" };
        format!(
            "Its {} ({}), within {} lines{required}.",
            companion.role, companion.detector, companion.lines
        )
    };
    definition.companions.iter().map(sentence).collect()
}

/// What redaction may leave.
fn shown(definition: &Definition) -> String {
    let prefix = match definition.public_prefix.as_slice() {
        [] => return "Redacted: at most its last 4 characters are shown.".to_owned(),
        prefixes => prefixes.join(" or "),
    };
    format!("Redacted: {prefix} in front, and at most the last 4 characters, are shown.")
}

fn advice(definition: &Definition) -> Vec<String> {
    let revoke = definition.revoke.as_ref().map(|revoke| format!("Revoke it: {revoke}"));
    let console = definition.console.as_ref().map(|console| format!("Keys are managed at {console}"));
    revoke.into_iter().chain(console).collect()
}

fn selection(definition: &Definition) -> String {
    let names: Vec<&str> =
        [&definition.id].into_iter().chain(&definition.aliases).map(String::as_str).collect();
    format!("--only or --skip with {}. Defined in {}.", names.join(", "), definition.origin)
}
