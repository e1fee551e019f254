//! `keyseam detectors show`: all about one detector.

use std::io::{self, Write};

use super::{alphabet, form};
use crate::advice;
use crate::detect::definition::{Companion, Definition, Form, OnFail, Shape};
use crate::detect::redact::redacted;
use crate::detect::template::{Seed, expand, to_bytes};
use crate::report::Style;
use crate::report::describe::sentence;
use crate::report::text::{count, wrap};

/// Columns before a paragraph.
const INDENT: usize = 4;

/// Reasons of allowed samples that are listed; the others are counted.
const REASONS: usize = 5;

/// Writes the page. `asked` is the id or alias that led to it.
pub(super) fn write(
    definition: &Definition,
    asked: &str,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    if !asked.eq_ignore_ascii_case(&definition.id) {
        writeln!(out, "{} is another name of {}.\n", style.clean(asked), style.clean(&definition.id))?;
    }
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
    page.section("How it looks", &formats(definition))?;
    page.section("How it is found", &definition.forms.iter().map(form::sentence).collect::<Vec<_>>())?;
    page.section("How sure that is", &grades(definition))?;
    page.section("What it must pass", &checks(definition))?;
    page.section("What is looked for beside it", &companions(definition))?;
    page.section("What is known to be no leak", &samples(definition))?;
    page.section("How a report shows it", &shown(definition))?;
    page.section("How --verify asks whether it works", &question(definition))?;
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

/// What the keys are made of, one sentence for each kind of key.
fn formats(definition: &Definition) -> Vec<String> {
    let mut formats: Vec<String> = Vec::new();
    for pattern in definition.forms.iter().map(pattern_of) {
        let Some(words) = alphabet::words(pattern) else { continue };
        let sentence = format!("It {}{words}.", if words.starts_with("begins") { "" } else { "is " });
        if !formats.contains(&sentence) {
            formats.push(sentence);
        }
    }
    formats
}

fn pattern_of(form: &Form) -> &str {
    match &form.shape {
        Shape::Pattern { pattern, .. } => pattern,
        Shape::Names { value, .. }
        | Shape::Section { value, .. }
        | Shape::Brand { value, .. }
        | Shape::Host { value, .. } => value,
    }
}

/// Severity and confidence, and of which forms they differ.
fn grades(definition: &Definition) -> Vec<String> {
    let usual = format!(
        "Its severity is {}, by what a leak allows; its confidence {}, by what a match proves.",
        definition.severity.word(),
        definition.confidence.word()
    );
    let check =
        definition.check.as_ref().map(|_| "A key that passes its offline check has the confidence high.");
    let other = |(number, form): (usize, &Form)| {
        let severity = form.severity.filter(|severity| *severity != definition.severity)?;
        Some(format!("In way {} its severity is {}.", number + 1, severity.word()))
    };
    let unsure = |(number, form): (usize, &Form)| {
        let confidence = form.confidence.filter(|confidence| *confidence != definition.confidence)?;
        Some(format!("In way {} its confidence is {}.", number + 1, confidence.word()))
    };
    let forms = || definition.forms.iter().enumerate();
    let more = check.map(str::to_owned).into_iter();
    let several = definition.forms.len() > 1;
    [usual]
        .into_iter()
        .chain(more)
        .chain(forms().filter_map(other).filter(|_| several))
        .chain(forms().filter_map(unsure).filter(|_| several))
        .collect()
}

fn checks(definition: &Definition) -> Vec<String> {
    let check = definition.check.as_ref().map(|check| {
        let otherwise = match check.on_fail {
            OnFail::Drop => "what fails was never issued, and is no finding",
            OnFail::Lower => "what fails is reported with a lower confidence",
            OnFail::Info => "what fails is reported as info",
        };
        format!("The offline check {}: what passes is certain, {otherwise}.", check.validator)
    });
    check.into_iter().chain(form::gates(&definition.gate)).chain(form::paths(&definition.paths)).collect()
}

/// Published keys, by the reasons alone.
fn samples(definition: &Definition) -> Vec<String> {
    let mut reasons: Vec<&str> = definition.allow.iter().map(|allowed| allowed.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let more = reasons.len().saturating_sub(REASONS);
    let shown = reasons.into_iter().take(REASONS).map(|reason| format!("A published key: {reason}."));
    shown.chain((more > 0).then(|| format!("{} more.", count(more, "published key")))).collect()
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

/// What redaction may leave, and a finding with a key that was made up.
fn shown(definition: &Definition) -> Vec<String> {
    let rule = match definition.public_prefix.as_slice() {
        [] => "Redacted: at most its last 4 characters are shown.".to_owned(),
        prefixes => {
            format!(
                "Redacted: {} in front, and at most the last 4 characters, are shown.",
                prefixes.join(" or ")
            )
        }
    };
    let example = definition.examples.first().and_then(|example| {
        let key = expand(&example.key, "", &mut Seed(1)).ok()?;
        let key = if example.binary { to_bytes(&key) } else { key.into_bytes() };
        let shown = redacted(&key, definition);
        let shown = if shown == "…" { "not shown".to_owned() } else { shown };
        let severity = definition.severity.word().to_uppercase();
        let path = definition.paths.only.first().map_or("app/.env", String::as_str);
        Some(format!("With a made-up key: {severity} {} in {path}, key {shown}", definition.id))
    });
    [rule].into_iter().chain(example).collect()
}

/// The request that tells whether a key works; nothing where none is known.
fn question(definition: &Definition) -> Vec<String> {
    let Some(verify) = definition.verify() else { return Vec::new() };
    let told = if verify.dead.is_empty() {
        "What is not clearly a yes is unknown: a refusal may come to keys that work elsewhere."
    } else {
        "Its service tells a live key from a dead one; what is neither is unknown."
    };
    let facts: Vec<&str> = verify.facts.keys().map(String::as_str).collect();
    let facts = (!facts.is_empty())
        .then(|| format!("Shown of a live key, where the answer has it: {}.", facts.join(", ")));
    let effect = verify.effect.as_ref().map(|effect| sentence(&format!("what comes of it: {effect}")));
    let caveat =
        verify.caveat.as_ref().map(|caveat| sentence(&format!("a dead one may live all the same: {caveat}")));
    let docs = verify.docs.as_ref().map(|docs| format!("The service's page on it: {docs}"));
    let lines = [Some(format!("{}.", verify.shown())), Some(told.to_owned()), facts, effect, caveat, docs];
    lines.into_iter().flatten().collect()
}

fn advice(definition: &Definition) -> Vec<String> {
    let next = sentence(&advice::next(Some(definition)));
    vec![next, format!("Step by step: keyseam explain {}", definition.id)]
}

fn selection(definition: &Definition) -> String {
    let aliases = match definition.aliases.as_slice() {
        [] => String::new(),
        aliases => format!(" or, all the same, {}", aliases.join(", ")),
    };
    format!(
        "--only or --skip with {}{aliases}; detector: and the same in an ignore file. Defined in {}.",
        definition.id, definition.origin
    )
}
