//! The Dockerfile without the key: which lines are written otherwise so that the build still works and its image no
//! longer holds it.
//!
//! ```text
//! Leaks (where the key stands)  --Rewriter::rewrite-->  Rewrite (edits)  --diff::unified-->  a diff
//! steps of a history  --recorded::dockerfile-->  a Dockerfile of the same form
//! ```
//!
//! A variable comes as a secret of each RUN that names it (`RUN --mount=type=secret,id=…,env=…`), a file as a secret
//! at its path, and what a container needs comes when it starts. Nothing here redacts: edits keep what they do not
//! replace, and the diff covers that.

mod commands;
pub mod diff;
mod files;
mod origin;
pub mod recorded;
mod run;
mod shell;
mod stages;
mod variables;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::pairs::{pairs, unquoted};
use super::{Dockerfile, Instruction, lines};
use crate::detect::redact::is_secret_name;
use diff::Edit;
use stages::Stages;
use variables::Variables;

/// Where a key stands, in words of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a variable or build argument of this name.
    Variable(&'a str),
    /// In the label of this name.
    Label(&'a str),
    /// Somewhere in the text of the instruction.
    Text,
    /// In the file at this path of the image, which the instruction brought.
    File(&'a str),
}

/// A place of a key, and the instruction that it is in: its position in the Dockerfile.
pub type Leak<'a> = (usize, Place<'a>);

/// All that is known of a key that is to go.
#[derive(Clone, Debug, Default)]
pub struct Leaks<'a> {
    /// Where it stands, the place where it came in first.
    pub places: Vec<Leak<'a>>,
    /// How it is written there, where that is known.
    pub forms: Vec<&'a str>,
    /// What a variable that holds such a key is called.
    pub variable: &'a str,
}

/// What is written otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Of the Dockerfile; in order and apart.
    pub edits: Vec<Edit>,
    /// Lines that `.dockerignore` needs.
    pub ignored: Vec<String>,
}

/// A Dockerfile that is written without its keys.
pub struct Rewriter<'a> {
    file: &'a Dockerfile,
    escape: char,
    /// What each ONBUILD puts off.
    inner: HashMap<usize, Instruction>,
    stages: Stages,
    /// Instructions that may still be looked at again.
    effort: Cell<usize>,
}

impl<'a> Rewriter<'a> {
    /// Of a Dockerfile.
    pub fn new(file: &'a Dockerfile) -> Self {
        let all = file.instructions.iter().enumerate();
        let inner = all.filter_map(|(index, one)| Some((index, one.inner()?))).collect();
        let stages = Stages::of(&file.instructions);
        Self { file, escape: lines::escape(&file.text), inner, stages, effort: Cell::new(MOST_LOOKED_AT) }
    }

    /// What comes before an instruction in the making of its image, the last of it first.
    fn before(&self, index: usize) -> impl Iterator<Item = &Instruction> {
        let left = self.effort.get().checked_sub(index);
        self.effort.set(left.unwrap_or(0));
        let reach = if left.is_some() { 0..index } else { 0..0 };
        reach.rev().filter(move |at| self.stages.follows(index, *at)).filter_map(|at| self.at(at))
    }

    /// What to write so that the key is in none of its places any more. None where nothing can be written, or where
    /// what would have to be is not known.
    pub fn rewrite(&self, leaks: &Leaks<'_>) -> Option<Rewrite> {
        let files = self.bringers(&leaks.places);
        let others = leaks.places.iter().filter(|(_, place)| !matches!(place, Place::File(_))).copied();
        let files = files.iter().map(|(index, path)| (*index, Place::File(path)));
        let leaks = Leaks { places: others.chain(files).collect(), forms: leaks.forms.clone(), ..*leaks };
        let mut draft = Draft {
            of: self,
            leaks: &leaks,
            changes: BTreeMap::new(),
            ignored: BTreeSet::new(),
            variables: Variables::default(),
            used: BTreeSet::new(),
            files: Vec::new(),
        };
        draft.find_variables();
        for index in 0..self.file.instructions.len() {
            draft.instruction(index);
        }
        draft.say_what_is_missing();
        let rewrite = draft.finish();
        (!rewrite.edits.is_empty() || !rewrite.ignored.is_empty()).then_some(rewrite)
    }

    /// An instruction, or what it puts off.
    fn at(&self, index: usize) -> Option<&Instruction> {
        self.inner.get(&index).or_else(|| self.file.instructions.get(index))
    }
}

/// A secret that a RUN is given.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mount {
    Variable { id: String, name: String },
    File { id: String, path: String, for_all: bool },
}

impl Mount {
    fn text(&self) -> String {
        match self {
            Self::Variable { id, name } => format!("--mount=type=secret,id={id},env={name}"),
            Self::File { id, path, for_all } => {
                let mode = if *for_all { ",mode=0444" } else { "" };
                format!("--mount=type=secret,id={id},target={path}{mode}")
            }
        }
    }
}

/// A file that the build no longer has, and the steps behind it may read.
#[derive(Clone, Debug)]
struct Missing {
    /// In the image, from the root.
    path: String,
    /// The instruction that brought it.
    from: usize,
    /// Whether a step has been given it.
    read: bool,
}

/// What becomes of one instruction.
#[derive(Default)]
struct Change {
    /// Lines above it, without `# `.
    comments: Vec<String>,
    mounts: Vec<Mount>,
    /// Whether it goes.
    dropped: bool,
    /// What is written in its place.
    instead: Option<String>,
    edits: Vec<Edit>,
}

/// A rewrite in the making.
struct Draft<'a, 'l> {
    of: &'a Rewriter<'a>,
    leaks: &'l Leaks<'l>,
    changes: BTreeMap<usize, Change>,
    ignored: BTreeSet<String>,
    variables: Variables,
    /// Variables that some RUN is given.
    used: BTreeSet<String>,
    files: Vec<Missing>,
}

impl<'a> Draft<'a, '_> {
    fn instruction(&mut self, index: usize) {
        let Some(instruction) = self.of.at(index) else { return };
        match instruction.keyword.as_str() {
            "ENV" | "ARG" | "LABEL" => self.drop_pairs(index, instruction),
            "RUN" => self.run(index, instruction),
            "COPY" | "ADD" => self.copy(index, instruction),
            "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => self.command(index, instruction),
            "USER" | "MAINTAINER" => self.drop_text(index, instruction),
            _ => {}
        }
    }

    /// The places in an instruction.
    fn places(&self, index: usize) -> impl Iterator<Item = Place<'_>> {
        self.leaks.places.iter().filter(move |(own, _)| *own == index).map(|(_, place)| *place)
    }

    /// Whether the key's text is to be replaced in an instruction.
    fn is_text_of(&self, index: usize) -> bool {
        self.places(index).any(|place| matches!(place, Place::Text | Place::File(_)))
    }

    fn change(&mut self, index: usize) -> &mut Change {
        self.changes.entry(index).or_default()
    }

    /// Where the key stands in a text.
    fn keys_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut all: Vec<Range<usize>> = Vec::new();
        // A word like any other counts only where it is a value.
        let is_value = |at: usize| {
            text.get(..at)
                .is_some_and(|before| before.ends_with(['=', ':', '"', '\'', '@']) || before.ends_with("-p"))
        };
        for form in self.leaks.forms.iter().filter(|form| form.len() >= SHORTEST) {
            let is_word = form.len() < 16 && form.bytes().all(|byte| byte.is_ascii_lowercase());
            let hits = text.match_indices(form).filter(|(at, _)| !is_word || is_value(*at));
            all.extend(hits.map(|(at, hit)| at..at + hit.len()));
        }
        all.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        all.retain(|range| {
            let apart = range.start >= end;
            end = end.max(range.end);
            apart
        });
        all.truncate(MOST_KEYS);
        all
    }

    /// The edits of all changes.
    fn finish(mut self) -> Rewrite {
        let text = &self.of.file.text;
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut edits = self.newer_syntax().into_iter().collect::<Vec<_>>();
        for (index, mut change) in std::mem::take(&mut self.changes) {
            let (Some(outer), Some(own)) = (self.of.file.instructions.get(index), self.of.at(index)) else {
                continue;
            };
            let lines = outer.source.lines.clone();
            change.comments.dedup();
            let mut above: String =
                change.comments.iter().map(|line| format!("# {line}{line_end}")).collect();
            if change.dropped || change.instead.is_some() {
                if let Some(instead) = change.instead {
                    let before =
                        text.get(lines.start..own.source.of_text(own.source.keyword_end - own.keyword.len()));
                    above.push_str(before.unwrap_or_default());
                    above.push_str(&instead);
                    above.push_str(line_end);
                }
                edits.push(Edit { range: lines, with: above });
                continue;
            }
            if !above.is_empty() {
                edits.push(Edit { range: lines.start..lines.start, with: above });
            }
            let given = |mount: &Mount| !own.has_secret(mount);
            let mounts: String =
                change.mounts.iter().filter(|mount| given(mount)).map(|m| format!(" {}", m.text())).collect();
            if !mounts.is_empty() {
                let at = own.source.behind_keyword();
                edits.push(Edit { range: at..at, with: mounts });
            }
            change.edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
            let mut end = 0;
            for edit in change.edits {
                if edit.range.start >= end {
                    end = edit.range.end;
                    edits.push(edit);
                }
            }
        }
        Rewrite { edits, ignored: self.ignored.into_iter().collect() }
    }

    /// The line that names an older syntax than the one with variables of secrets.
    fn newer_syntax(&self) -> Option<Edit> {
        let variable = |mount: &Mount| matches!(mount, Mount::Variable { .. });
        if !self.changes.values().any(|change| change.mounts.iter().any(variable)) {
            return None;
        }
        let text = &self.of.file.text;
        let directives = text.lines().take_while(|line| line.trim_start().starts_with('#'));
        let front: usize = directives.map(|line| line.len() + 1).sum();
        let front = text.get(..front.min(text.len()))?;
        let tag =
            front.find("syntax").and_then(|at| Some(at + front.get(at..)?.find("docker/dockerfile:1.")?))?;
        let start = tag + "docker/dockerfile:1.".len();
        let minor: String = front.get(start..)?.chars().take_while(|c| !c.is_whitespace()).collect();
        let number = minor.split(|c: char| !c.is_ascii_digit()).next()?;
        let is_older = number.parse::<u32>().ok()? < 10;
        is_older.then(|| Edit { range: start..start + minor.len(), with: "10".to_owned() })
    }
}

/// Where in a Dockerfile values stand that its names say are secret.
pub fn secret_values(file: &Dockerfile) -> Vec<Range<usize>> {
    let escape = lines::escape(&file.text);
    let mut values = Vec::new();
    for outer in &file.instructions {
        let inner = outer.inner();
        let one = inner.as_ref().unwrap_or(outer);
        if !matches!(one.keyword.as_str(), "ENV" | "ARG" | "LABEL") {
            continue;
        }
        for pair in pairs(&one.keyword, &one.arguments, escape) {
            let Some(value) = pair.value.filter(|value| !value.is_empty() && is_secret_name(&pair.name))
            else {
                continue;
            };
            // What only refers to another variable says nothing itself.
            let plain = unquoted(value, escape);
            let name = plain.trim_start_matches(['$', '{']).trim_end_matches('}');
            if !(plain.starts_with('$') && variables::is_name(name)) {
                values.push(one.source.of_arguments(&(pair.span.end - value.len()..pair.span.end)));
            }
        }
    }
    values
}

/// What is covered of a Dockerfile: what `find` finds in it, given what is hidden in any case, and what it finds in
/// instructions whose lines are joined.
pub fn covers(
    file: &Dockerfile,
    mut hidden: Vec<Range<usize>>,
    find: &dyn Fn(&str, Vec<Range<usize>>) -> Covers,
) -> Covers {
    for one in file.instructions.iter().filter(|one| one.source.parts.len() > 1) {
        let found = find(&one.arguments, Vec::new()).into_iter();
        let found = found.map(|(range, _)| one.source.of_arguments(&range));
        let joined = |range: &Range<usize>| {
            file.text.as_bytes().get(range.clone()).is_some_and(|bytes| bytes.contains(&b'\n'))
        };
        hidden.extend(found.filter(joined));
    }
    find(&file.text, hidden)
}

/// Ranges of a text that are covered, in order and apart, and what is shown instead.
pub type Covers = Vec<(Range<usize>, String)>;

/// Places of the key in one text that are looked at.
const MOST_KEYS: usize = 256;

/// Instructions that are looked at again to know users and folders, in all rewrites of a file.
const MOST_LOOKED_AT: usize = 50_000_000;

/// The shortest text that is looked for.
const SHORTEST: usize = 4;

impl Instruction {
    /// Whether it mounts this secret already.
    fn has_secret(&self, mount: &Mount) -> bool {
        let wanted = match mount {
            Mount::Variable { name, .. } => format!("env={name}"),
            Mount::File { path, .. } => format!("target={path}"),
        };
        let secret = |(name, value): &(String, String)| {
            name == "mount" && value.contains("type=secret") && value.split(',').any(|part| part == wanted)
        };
        self.flags.iter().any(secret)
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
