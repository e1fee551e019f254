//! The instruction that leaked a key, written without it, as a diff: of the Dockerfile where that is known, else of the
//! steps as the image's history records them.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ops::Range;

use super::group::Group;
use super::occurrence::{ContentOf, Occurrence};
use super::result::View;
use crate::advice;
use crate::detect::Place;
use crate::detect::definition::Definition;
use crate::dockerfile::Dockerfile;
use crate::dockerfile::rewrite::diff::{Form, Shown, unified};
use crate::dockerfile::rewrite::{self, Covers, Leaks, Rewriter};
use crate::limits;
use crate::scan::secret::Secret;

/// A Dockerfile, or what stands for one, with what may be shown of it. Both are made when they are first needed.
pub(super) struct Rewriting<'a> {
    file: &'a Dockerfile,
    hidden: Vec<Range<usize>>,
    rewriter: OnceCell<Rewriter<'a>>,
    covers: OnceCell<Covers>,
    /// Bytes that may still be looked through.
    budget: Cell<usize>,
}

impl<'a> Rewriting<'a> {
    /// Of a Dockerfile in which `hidden` is shown to nobody.
    pub(super) fn new(file: &'a Dockerfile, hidden: Vec<Range<usize>>) -> Self {
        let budget = Cell::new(limits::REWRITE_BYTES);
        Self { file, hidden, rewriter: OnceCell::new(), covers: OnceCell::new(), budget }
    }

    /// The instruction on a line.
    pub(super) fn instruction_at(&self, line: usize) -> Option<usize> {
        self.file.instructions.iter().position(|one| one.lines.contains(&line))
    }

    fn diff(&self, view: &View<'_>, leaks: &Leaks<'_>, form: &Form<'_>) -> Option<String> {
        self.budget.set(self.budget.get().checked_sub(self.file.text.len())?);
        let rewriter = self.rewriter.get_or_init(|| Rewriter::new(self.file));
        let rewrite = rewriter.rewrite(leaks)?;
        let find = |text: &str, hidden| view.redactor.covers(text, hidden);
        let covers = self.covers.get_or_init(|| rewrite::covers(self.file, self.hidden.clone(), &find));
        let shown = Shown { text: &self.file.text, covers };
        let mut diff = unified(shown, &rewrite.edits, form).unwrap_or_default();
        for line in &rewrite.ignored {
            diff.push_str(&format!(
                "--- a/.dockerignore\n+++ b/.dockerignore\n@@ add this line @@\n+{line}\n"
            ));
        }
        (!diff.is_empty() && diff.len() <= limits::REWRITE_DIFF).then(|| view.clean(&diff))
    }
}

/// The Dockerfile of an image.
pub(super) struct KnownDockerfile<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    pub(super) rewriting: Rewriting<'a>,
    /// By build step: the line of its instruction, and that one's position.
    lines: Vec<Option<usize>>,
    positions: HashMap<usize, usize>,
}

impl<'a> KnownDockerfile<'a> {
    pub(super) fn new(name: &'a str, file: &'a Dockerfile, lines: Vec<Option<usize>>) -> Self {
        let positions =
            file.instructions.iter().enumerate().map(|(at, one)| (*one.lines.start(), at)).collect();
        Self { name, rewriting: Rewriting::new(file, rewrite::secret_values(file)), lines, positions }
    }

    /// The instruction on a line.
    pub(super) fn instruction_at(&self, line: usize) -> Option<usize> {
        self.rewriting.instruction_at(line)
    }

    /// The line of the instruction that made a step.
    pub(super) fn line(&self, step: usize) -> Option<usize> {
        self.lines.get(step).copied().flatten()
    }

    /// The instruction that made a step.
    pub(super) fn instruction(&self, step: usize) -> Option<usize> {
        self.positions.get(&self.line(step)?).copied()
    }
}

impl View<'_> {
    /// What to write instead of the instructions that hold a key. None of what a base image brought: somebody else
    /// builds that.
    pub(super) fn rewrite(
        &self,
        group: &Group,
        first: &Occurrence,
        definition: Option<&Definition>,
    ) -> Option<String> {
        if let Some(path) = self.judge.dockerfile_in {
            return self.rewrite_in_context(path, group, definition);
        }
        let step = first.history_index?;
        let in_base = |step: usize| self.last_base_step().is_some_and(|last| step <= last);
        if in_base(step) || first.layer.is_some_and(|layer| layer < self.base_layers()) {
            return None;
        }
        let paths: Vec<Option<String>> = group.occurrences.iter().map(path).collect();
        let all = || group.occurrences.iter().zip(&paths).take(limits::REWRITE_PLACES);
        let instruction = |step: usize| self.dockerfile.as_ref()?.instruction(step);
        let mut places = Vec::new();
        for (occurrence, path) in all() {
            let Some(step) = occurrence.history_index.filter(|step| !in_base(*step)) else { continue };
            let at = if instruction(first.history_index?).is_some() { instruction(step) } else { Some(step) };
            let Some((at, place)) = at.zip(place(occurrence, path.as_deref())) else { continue };
            if !places.contains(&(at, place)) {
                places.push((at, place));
            }
        }
        let variable = variable(definition);
        let leaks = Leaks { places, forms: forms(group, false), variable: &variable };
        match self.dockerfile.as_ref().filter(|known| known.instruction(step).is_some()) {
            Some(known) => self.diff_of(known, &leaks),
            None => {
                let recorded = self.recorded.as_ref()?;
                let starts: Vec<usize> =
                    recorded.file.instructions.iter().map(|one| *one.lines.start()).collect();
                let head = |line: usize| {
                    format!(
                        "@@ step {} @@",
                        starts.partition_point(|start| *start <= line + 1).saturating_sub(1)
                    )
                };
                let form =
                    Form { old: "the build step as recorded", new: "without the key", head: Some(&head) };
                recorded.diff(self, &leaks, &form)
            }
        }
    }

    fn diff_of(&self, known: &KnownDockerfile<'_>, leaks: &Leaks<'_>) -> Option<String> {
        let path = shown_path(&self.clean(known.name));
        let (old, new) = (format!("a/{path}"), format!("b/{path}"));
        known.rewriting.diff(self, leaks, &Form { old: &old, new: &new, head: None })
    }

    /// Of a build context, whose Dockerfile at `path` holds the key itself.
    fn rewrite_in_context(
        &self,
        path: &[u8],
        group: &Group,
        definition: Option<&Definition>,
    ) -> Option<String> {
        let known = self.dockerfile.as_ref()?;
        let here = group
            .occurrences
            .iter()
            .filter(|one| one.place == Place::File && one.path.as_deref() == Some(path));
        let lines = here.filter_map(|one| usize::try_from(one.line?).ok()).take(limits::REWRITE_PLACES);
        let places =
            lines.filter_map(|line| Some((known.instruction_at(line)?, rewrite::Place::Text))).collect();
        let variable = variable(definition);
        self.diff_of(known, &Leaks { places, forms: forms(group, true), variable: &variable })
    }
}

/// The place of a key, in words of the build; none of what no instruction wrote.
fn place<'p>(occurrence: &'p Occurrence, path: Option<&'p str>) -> Option<rewrite::Place<'p>> {
    let name = occurrence.name.as_deref();
    match occurrence.place {
        Place::Env | Place::Arg => Some(name.map_or(rewrite::Place::Text, rewrite::Place::Variable)),
        Place::Label => Some(name.map_or(rewrite::Place::Text, rewrite::Place::Label)),
        Place::History
        | Place::Entrypoint
        | Place::Cmd
        | Place::Healthcheck
        | Place::Onbuild
        | Place::User
        | Place::Author => Some(rewrite::Place::Text),
        Place::File | Place::ArchiveComment => path.map(rewrite::Place::File),
        _ => None,
    }
}

fn path(occurrence: &Occurrence) -> Option<String> {
    occurrence.path.as_deref().map(|path| String::from_utf8_lossy(path).into_owned())
}

/// How a key is written in its places: in those outside the layers, of an image. What a cache kept of a layer has no
/// values, and what is said must be the same with and without it.
fn forms(group: &Group, in_layers: bool) -> Vec<&str> {
    let mut forms: Vec<&str> = Vec::new();
    let counts = |one: &&Occurrence| in_layers || one.content.0 == ContentOf::Config;
    for occurrence in group.occurrences.iter().filter(counts).take(limits::REWRITE_PLACES) {
        let Secret::Read { key, raw } = &occurrence.found.secret else { continue };
        for form in [raw, key].into_iter().filter_map(|form| std::str::from_utf8(form.expose()).ok()) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// What a variable that holds such a key is usually called.
fn variable(definition: Option<&Definition>) -> String {
    definition.map_or_else(|| "TOKEN".to_owned(), advice::variable)
}

/// The path of a Dockerfile as a diff's header has it.
fn shown_path(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path).trim_start_matches('/');
    path.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
