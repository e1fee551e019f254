//! The steps of an image's history as a Dockerfile: what is rewritten where nobody has the file itself.

use std::ops::Range;

use super::super::lines::Logical;
use super::super::source::Source;
use super::super::{Dockerfile, Instruction};
use crate::detect::redact::is_secret_name;
use crate::image::history::{Assignment, Step, StepKind};

/// A Dockerfile whose instructions are the steps of a history, one each and in order, and where in it values stand
/// that nobody may see.
pub fn dockerfile(steps: &[Step]) -> (Dockerfile, Vec<Range<usize>>) {
    let mut file = Dockerfile::default();
    let mut hidden = Vec::new();
    let mut line = 1;
    for step in steps {
        let start = file.text.len();
        let (text, values) = text(step);
        hidden.extend(values.into_iter().map(|value| start + value.start..start + value.end));
        file.text.push_str(&text);
        file.text.push('\n');
        let last = line + text.matches('\n').count();
        let lines = start..file.text.len();
        let source =
            Source { parts: vec![(0, start)], documents: lines.end..lines.end, lines, ..Source::default() };
        // A step of which nothing is recorded keeps its place.
        let nothing = Instruction {
            keyword: String::new(),
            flags: Vec::new(),
            arguments: String::new(),
            heredocs: Vec::new(),
            lines: line..=last,
            source: source.clone(),
        };
        let logical = Logical { text, heredocs: Vec::new(), lines: line..=last, source };
        file.instructions.push(Instruction::of(logical).unwrap_or(nothing));
        line = last + 1;
    }
    (file, hidden)
}

/// A step as an instruction, and where the values stand in it that are hidden.
fn text(step: &Step) -> (String, Vec<Range<usize>>) {
    match &step.kind {
        StepKind::Run { command, .. } => {
            let command = step.kind.without_shell().unwrap_or(command);
            (format!("RUN {command}"), Vec::new())
        }
        StepKind::Env(pairs) => assignments("ENV", pairs, is_secret_name),
        StepKind::Label(pairs) => assignments("LABEL", pairs, is_secret_name),
        // What a build was given is shown of no argument.
        StepKind::Arg(pairs) if !pairs.is_empty() => assignments("ARG", pairs, |_| true),
        _ => (step.instruction().to_owned(), Vec::new()),
    }
}

fn assignments(
    keyword: &str,
    pairs: &[Assignment],
    is_hidden: impl Fn(&str) -> bool,
) -> (String, Vec<Range<usize>>) {
    let (mut text, mut hidden) = (keyword.to_owned(), Vec::new());
    for (name, value) in pairs {
        text.push(' ');
        text.push_str(&quoted(name));
        text.push('=');
        let start = text.len();
        text.push_str(&quoted(value));
        if is_hidden(name) && !value.is_empty() {
            hidden.push(start..text.len());
        }
    }
    (text, hidden)
}

/// A name or value as a Dockerfile has it.
fn quoted(text: &str) -> String {
    if !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\')) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
