//! What is wrong with a file of definitions, and where: its line, the detector, the field.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::{Form, Shape};

/// Characters of a problem that are shown: a file may hold a value of any length.
const LONGEST: usize = 400;

/// What is wrong, in a line: `FILE:LINE: detector 'ID': field 'F': problem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub origin: String,
    /// The line, from 1; nothing where no text is at hand.
    pub line: Option<usize>,
    /// The detector's id.
    pub detector: Option<String>,
    /// The field, with the table that it is in: `form.pattern`.
    pub field: Option<String>,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        out.write_str(": ")?;
        if let Some(id) = &self.detector {
            write!(out, "detector '{id}': ")?;
        }
        if let Some(field) = &self.field {
            write!(out, "field '{field}': ")?;
        }
        let problem = in_a_line(&self.problem);
        let shown: String = problem.chars().take(LONGEST).collect();
        let more = if shown.len() < problem.len() { " …" } else { "" };
        write!(out, "{shown}{more}")
    }
}

impl Fault {
    /// A problem of the whole file.
    pub(super) fn of_file(origin: &str, problem: impl Into<String>) -> Self {
        Self { origin: origin.to_owned(), line: None, detector: None, field: None, problem: problem.into() }
    }

    /// A text that is no TOML, or not in the form of a definition file.
    pub(super) fn of_toml(text: &str, origin: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let (table, _) = DeTable::parse_recoverable(text);
        let (detector, path) = place(table.get_ref(), at);
        let (named, problem) = problem_of(error.message());
        let field = match (path, named) {
            (Some(path), Some(name)) if path == name || path.ends_with(&format!(".{name}")) => Some(path),
            (Some(path), Some(name)) => Some(format!("{path}.{name}")),
            (path, name) => path.or(name),
        };
        Self { origin: origin.to_owned(), line: Some(line_of(text, at)), detector, field, problem }
    }

    /// A definition that does not hold together: the detector number `number` of the file (from 0).
    /// `problem` may begin with the part that it is about (`form 2: …`), and names the field.
    pub(super) fn of_definition(
        text: &str,
        (origin, number, id): (&str, usize, &str),
        forms: &[Form],
        problem: &str,
    ) -> Self {
        let (table, _) = DeTable::parse_recoverable(text);
        let (part, rest) = part_of(problem);
        let name = field_of(rest);
        let detector = detectors(table.get_ref()).into_iter().nth(number);
        let found = detector.and_then(|detector| {
            let inner = match part {
                Some(("form", form)) => array(detector, "form").into_iter().nth(written(forms, form)),
                Some(("example", example)) => array(detector, "example").into_iter().nth(example),
                Some((_, example)) => array(detector, "counter_example").into_iter().nth(example),
                None => None,
            };
            let table = inner.map_or(detector, |(table, _)| table);
            let field = name.and_then(|name| entry(table, name)).map(|(key, _)| key.span().start);
            let start = inner.map(|(_, start)| start);
            field.or(start).or(entry(detector, "id").map(|(key, _)| key.span().start))
        });
        let prefix = part.map(|(table, _)| table.replace('-', "_"));
        let field = match (prefix, name) {
            (Some(prefix), Some(name)) => Some(format!("{prefix}.{name}")),
            (prefix, name) => prefix.or(name.map(str::to_owned)),
        };
        Self {
            origin: origin.to_owned(),
            line: found.map(|at| line_of(text, at)),
            detector: Some(id.to_owned()),
            field,
            problem: rest.to_owned(),
        }
    }

    /// Likewise, of a problem with its prefix: `detector 'ID', form 2: …`, as the reader words it.
    pub(super) fn of_entry(text: &str, origin: &str, number: usize, problem: &str) -> Self {
        let worded = problem.strip_prefix("detector '").and_then(|rest| {
            let (id, rest) = rest.split_once('\'')?;
            Some((id, rest.strip_prefix(", ").or_else(|| rest.strip_prefix(": "))?))
        });
        match worded {
            Some((id, rest)) => Self::of_definition(text, (origin, number, id), &[], rest),
            None => Self::of_file(origin, problem),
        }
    }
}

/// Which of the file's forms made the form number `form`: a brand with hosts makes two.
fn written(forms: &[Form], form: usize) -> usize {
    let pairs = forms.iter().zip(forms.iter().skip(1)).take(form);
    let second = |(first, next): &(&Form, &Form)| matches!((&first.shape, &next.shape), (Shape::Brand { value: a, .. }, Shape::Host { value: b, .. }) if a == b);
    form - pairs.filter(second).count()
}

/// `form 2: …`, `example 1: …`: the part, counted from 0, and the rest.
fn part_of(problem: &str) -> (Option<(&str, usize)>, &str) {
    let part = problem.split_once(": ").and_then(|(front, rest)| {
        let (table, number) = front.split_once(' ')?;
        let known = ["form", "example", "counter-example"].contains(&table);
        let number = number.parse::<usize>().ok()?.checked_sub(1)?;
        known.then_some(((table, number), rest))
    });
    part.map_or((None, problem), |(part, rest)| (Some(part), rest))
}

/// The field that a problem is about, by the first of its words that is one.
fn field_of(problem: &str) -> Option<&'static str> {
    const FIELDS: [(&str, &str); 35] = [
        ("id", "id"),
        ("'reach'", "reach"),
        ("'before'", "before"),
        ("'why'", "why"),
        ("'exact'", "exact"),
        ("'lines'", "lines"),
        ("'keys'", "keys"),
        ("'value'", "value"),
        ("'anchors'", "anchors"),
        ("'ignore_case'", "ignore_case"),
        ("'ordinary'", "ordinary"),
        ("alias", "aliases"),
        ("pattern:", "pattern"),
        ("value:", "value"),
        ("anchor", "anchors"),
        ("anchors", "anchors"),
        ("kebab-case", "id"),
        ("names", "names"),
        ("keys", "keys"),
        ("name", "name"),
        ("service", "service"),
        ("category", "category"),
        ("kind", "kind"),
        ("console", "console"),
        ("SHA-256", "allow"),
        ("boundary", "boundary"),
        ("validator", "check"),
        ("companion", "companion"),
        ("form", "form"),
        ("host", "hosts"),
        ("brand", "brand"),
        ("examples", "example"),
        ("counter-examples", "counter_example"),
        ("glob", "paths"),
        ("text", "text"),
    ];
    let word = |word: &str| {
        let word = word.trim_end_matches([';', ',']);
        FIELDS.iter().find(|(known, _)| *known == word).map(|(_, field)| *field)
    };
    problem.split_whitespace().find_map(word)
}

/// What the reader's message says: the field, if it names one, and the problem in our words.
fn problem_of(message: &str) -> (Option<String>, String) {
    let quoted = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known);
        let known = known.trim_start_matches("one of ").replace('`', "");
        return (Some(quoted(rest)), format!("there is no such field; fields are {known}"));
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        return (Some(quoted(rest)), "it is missing; every definition needs it".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known);
        let known = known.trim_start_matches("one of ").replace('`', "");
        return (None, format!("'{}' is none of {known}", quoted(rest)));
    }
    (None, message.to_owned())
}

fn in_a_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

type Entry<'a> = (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

fn entry<'a>(table: &'a DeTable<'a>, name: &str) -> Option<Entry<'a>> {
    table.iter().find(|(key, _)| key.get_ref().as_ref() == name)
}

/// The tables of an array, and where each begins.
fn array<'a>(table: &'a DeTable<'a>, name: &str) -> Vec<(&'a DeTable<'a>, usize)> {
    let items = entry(table, name).and_then(|(_, value)| value.get_ref().as_array());
    let tables = items.into_iter().flat_map(|items| items.iter());
    tables.filter_map(|item| Some((item.get_ref().as_table()?, item.span().start))).collect()
}

fn detectors<'a>(table: &'a DeTable<'a>) -> Vec<&'a DeTable<'a>> {
    array(table, "detector").into_iter().map(|(table, _)| table).collect()
}

/// The detector and the field at a byte.
fn place(table: &DeTable<'_>, at: usize) -> (Option<String>, Option<String>) {
    // A table's own text may end before its last field: what begins last in front of the byte has it.
    let before = array(table, "detector").into_iter().rfind(|(_, start)| *start <= at);
    let Some((detector, _)) = before else { return (None, field_at(table, at, 0)) };
    let id = entry(detector, "id").and_then(|(_, value)| value.get_ref().as_str()).map(str::to_owned);
    (id, field_at(detector, at, 0))
}

/// The path of the field whose name or value holds a byte.
fn field_at(table: &DeTable<'_>, at: usize, depth: usize) -> Option<String> {
    for (key, value) in table {
        let name = key.get_ref();
        if key.span().contains(&at) {
            return Some(name.to_string());
        }
        if depth > 4 {
            continue;
        }
        let inner = match value.get_ref() {
            DeValue::Table(inner) => field_at(inner, at, depth + 1),
            DeValue::Array(items) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.into_iter().find_map(|inner| field_at(inner, at, depth + 1))
            }
            _ => None,
        };
        if let Some(inner) = inner {
            return Some(format!("{name}.{inner}"));
        }
        let holds = |span: std::ops::Range<usize>| span.contains(&at);
        let item = match value.get_ref() {
            DeValue::Array(items) => items.iter().any(|item| holds(item.span())),
            _ => false,
        };
        if item || holds(value.span()) {
            return Some(name.to_string());
        }
    }
    None
}

#[cfg(test)]
mod tests;
