//! Physical lines to logical ones: comments and continued lines removed, here-documents gathered.

use std::ops::{Range, RangeInclusive};

use super::source::Source;

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// What ends it.
    pub name: String,
    /// Its lines, as they stand.
    pub text: String,
}

/// An instruction's text, in one line.
pub(super) struct Logical {
    pub(super) text: String,
    pub(super) heredocs: Vec<Heredoc>,
    pub(super) lines: RangeInclusive<usize>,
    pub(super) source: Source,
}

/// A line of the file.
struct Line<'a> {
    /// From 1.
    number: usize,
    /// Without what ends it.
    text: &'a str,
    /// Its bytes in the file, with what ends it.
    bytes: Range<usize>,
}

/// The lines of a file.
fn physical(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = mark;
    (1..).zip(text.get(mark..).unwrap_or_default().split_inclusive('\n')).map(move |(number, line)| {
        let bytes = at..at + line.len();
        at = bytes.end;
        let bare = line.strip_suffix('\n').unwrap_or(line);
        Line { number, text: bare.strip_suffix('\r').unwrap_or(bare), bytes }
    })
}

/// Instructions that take here-documents.
const WITH_HEREDOCS: [&str; 3] = ["RUN", "COPY", "ADD"];

/// The instructions of a Dockerfile.
pub(super) fn logical(text: &str) -> Vec<Logical> {
    let escape = escape(text);
    let mut lines = physical(text);
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        if is_nothing(line.text) {
            continue;
        }
        let first = line.number;
        let mut last = first;
        let (mut text, mut goes_on) = continued(line.text, escape);
        let mut source =
            Source { parts: vec![(0, line.bytes.start)], lines: line.bytes, ..Source::default() };
        while goes_on {
            let Some(line) = lines.next() else { break };
            last = line.number;
            source.lines.end = line.bytes.end;
            // Comments and empty lines may stand between the parts.
            if is_nothing(line.text) {
                continue;
            }
            let (part, more) = continued(line.text, escape);
            source.parts.push((text.len(), line.bytes.start));
            text.push_str(&part);
            goes_on = more;
        }
        source.documents = source.lines.end..source.lines.end;
        let mut heredocs = Vec::new();
        for (name, strips_tabs) in heredoc_names(&text) {
            let mut body = String::new();
            for line in lines.by_ref() {
                last = line.number;
                source.documents.end = line.bytes.end;
                let bare = if strips_tabs { line.text.trim_start_matches('\t') } else { line.text };
                if bare == name {
                    break;
                }
                body.push_str(line.text);
                body.push('\n');
            }
            heredocs.push(Heredoc { name, text: body });
        }
        source.lines.end = source.documents.end;
        all.push(Logical { text, heredocs, lines: first..=last, source });
    }
    all
}

fn is_nothing(line: &str) -> bool {
    line.trim_start().starts_with('#') || line.trim().is_empty()
}

/// The character that continues lines: what the directive at the very top says, a backslash without one.
pub(super) fn escape(text: &str) -> char {
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        let Some(directive) = line.trim().strip_prefix('#') else { break };
        let Some((name, value)) = directive.split_once('=') else { break };
        let name = name.trim();
        if name.eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            break;
        }
    }
    '\\'
}

/// A line without the escape at its end, and whether it had one.
fn continued(line: &str, escape: char) -> (String, bool) {
    match line.trim_end().strip_suffix(escape) {
        Some(part) => (part.to_owned(), true),
        None => (line.to_owned(), false),
    }
}

/// What ends each here-document of an instruction, and whether tabs in front of that do not count.
fn heredoc_names(text: &str) -> Vec<(String, bool)> {
    let keyword = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !WITH_HEREDOCS.contains(&keyword.as_str()) {
        return Vec::new();
    }
    let mut names = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(here) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let step = here.len_utf8();
        match (quote, here) {
            (Some(open), _) if here == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(here),
            (None, '<') => {
                let rest = text.get(at..).unwrap_or_default();
                let arrows = rest.len() - rest.trim_start_matches('<').len();
                if arrows == 2
                    && let Some(found) = heredoc_name(rest.get(2..).unwrap_or_default())
                {
                    names.push(found);
                }
                at += arrows;
                // The name's own quotes are skipped with it.
                let rest = text.get(at..).unwrap_or_default();
                at += rest.find(char::is_whitespace).unwrap_or(rest.len());
                continue;
            }
            (None, _) => {}
        }
        at += step;
    }
    names
}

fn heredoc_name(rest: &str) -> Option<(String, bool)> {
    let (rest, strips_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let word = rest.split(char::is_whitespace).next()?;
    let name = ['"', '\''].iter().find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = name.unwrap_or(word);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (starts_well && goes_on_well).then(|| (name.to_owned(), strips_tabs))
}
