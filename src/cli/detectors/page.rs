//! `keyseam detectors show`: all about one detector.

use std::io::{self, Write};

use super::DetectorCard;
use crate::report::Style;
use crate::report::text::wrap;

/// Columns before a paragraph.
const INDENT: usize = 4;

/// Writes the page.
pub(super) fn write(card: &DetectorCard, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{}", style.paint(bold, style.clean(&card.name)))?;
    let severity = style.paint(card.severity.color(), card.severity.word());
    let dot = style.glyph("·", "-");
    let facts = format!("{} {dot} {} {dot} {} {dot} severity", card.id, card.service, card.category);
    writeln!(out, "{} {severity} {dot} confidence {}", style.clean(&facts), card.confidence.word())?;
    let mut page = Page { style, out };
    page.section("What it is", &what_it_is(card))?;
    page.section("How it is found", &card.forms)?;
    page.section("What it must pass", &checks(card))?;
    page.section("What is looked for beside it", &companions(card))?;
    page.section("How a report shows it", &[shown(card)])?;
    page.section("What to do when it leaked", &advice(card))?;
    page.section("How to select it", &[selection(card)])
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
        for paragraph in paragraphs {
            let clean = self.style.clean(paragraph);
            for line in wrap(&clean, self.style.width.saturating_sub(INDENT)) {
                writeln!(self.out, "{:INDENT$}{line}", "")?;
            }
        }
        Ok(())
    }
}

fn what_it_is(card: &DetectorCard) -> Vec<String> {
    let what = format!("A key for {} ({}).", card.service, card.kind);
    let allows = card.leak_allows.as_ref().map(|allows| format!("Whoever holds one can {allows}."));
    [what].into_iter().chain(allows).collect()
}

fn checks(card: &DetectorCard) -> Vec<String> {
    let check = card.check.as_ref().map(|(name, on_fail)| {
        let otherwise = match *on_fail {
            "drop" => "what fails is no finding",
            "lower" => "what fails has a lower confidence",
            _ => "what fails is reported as info",
        };
        format!("The offline check {name}: what passes is certain, {otherwise}.")
    });
    check.into_iter().chain(card.gates.iter().cloned()).collect()
}

fn companions(card: &DetectorCard) -> Vec<String> {
    let sentence = |(role, detector, lines, required): &(String, String, usize, bool)| {
        let required = if *required { "; without it there is no finding" } else { "" };
        format!("Its {role} ({detector}), within {lines} lines{required}.")
    };
    card.companions.iter().map(sentence).collect()
}

fn shown(card: &DetectorCard) -> String {
    match card.public_prefix.as_slice() {
        [] => "Redacted whole.".to_owned(),
        prefixes => format!("Redacted behind {}.", prefixes.join(" or ")),
    }
}

fn advice(card: &DetectorCard) -> Vec<String> {
    let revoke = card.revoke.as_ref().map(|revoke| format!("Revoke it: {revoke}"));
    let console = card.console.as_ref().map(|console| format!("Keys are managed at {console}"));
    revoke.into_iter().chain(console).collect()
}

fn selection(card: &DetectorCard) -> String {
    let names: Vec<&str> = [&card.id].into_iter().chain(&card.aliases).map(String::as_str).collect();
    format!("--only or --skip with {}. Defined in {}.", names.join(", "), card.origin)
}
