//! Variables and build arguments that hold the key: which they are, where they are set, and what is written there.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Draft, Place, shell};
use crate::dockerfile::Instruction;
use crate::dockerfile::pairs::{Pair, pairs, unquoted};

/// Variables of one rewrite.
const MOST: usize = 32;

/// By name.
pub(super) type Variables = BTreeMap<String, Variable>;

/// A variable that holds the key.
pub(super) struct Variable {
    /// What the secret is called that it comes from.
    pub(super) id: String,
    /// An instruction of the stage that it belongs to; none where it belongs to all.
    pub(super) of: Option<usize>,
    /// The first instruction that sets it.
    pub(super) first: Option<usize>,
}

impl<'a> Draft<'a, '_> {
    /// Finds the variables that hold the key: those that were named, those whose values it stands in, those that are
    /// made of them and those that they are made of.
    pub(super) fn find_variables(&mut self) {
        let mut wanted: Vec<(String, String, usize)> = Vec::new();
        for (index, place) in &self.leaks.places {
            if let Place::Variable(name) = place {
                wanted.push(((*name).to_owned(), super::files::id(name), *index));
            }
            let sets = |one: &&Instruction| matches!(one.keyword.as_str(), "ENV" | "ARG");
            if let Some(instruction) = self.of.at(*index).filter(|_| *place == Place::Text).filter(sets) {
                let own = self.pairs(instruction).into_iter();
                let held = own.filter(|pair| pair.value.is_some_and(|value| !self.keys_in(value).is_empty()));
                wanted.extend(held.map(|pair| (pair.name.clone(), super::files::id(&pair.name), *index)));
            }
        }
        wanted.retain(|(name, _, _)| is_name(name));
        while let Some((name, id, index)) = wanted.pop() {
            if self.variables.contains_key(&name) || self.variables.len() == MOST {
                continue;
            }
            let is_argument =
                self.definitions(&name, None).any(|(_, instruction)| instruction.keyword == "ARG");
            let of = (!is_argument).then_some(index);
            let first = self.definitions(&name, of).map(|(at, _)| at).next();
            for (at, instruction) in self.setters(of) {
                for pair in self.pairs(instruction) {
                    let value = pair.value.unwrap_or_default();
                    if pair.name == name {
                        // What it is made of, where that is one thing and set here.
                        if let [only] = shell::referred(value).as_slice()
                            && *only != name
                            && self.definitions(only, of).next().is_some()
                        {
                            wanted.push(((*only).to_owned(), id.clone(), at));
                        }
                    } else if !shell::references(value, &name).is_empty() {
                        let plain = unquoted(value, self.of.escape);
                        let is_same = plain == format!("${name}") || plain == format!("${{{name}}}");
                        let own = if is_same { id.clone() } else { super::files::id(&pair.name) };
                        wanted.push((pair.name.clone(), own, at));
                    }
                }
            }
            self.variables.insert(name, Variable { id, of, first });
        }
    }

    /// The ENV and ARG that belong to the stage of an instruction.
    fn setters(&self, of: Option<usize>) -> impl Iterator<Item = (usize, &'a Instruction)> + use<'a> {
        let rewriter = self.of;
        let all = (0..rewriter.file.instructions.len()).filter_map(|at| Some((at, rewriter.at(at)?)));
        all.filter(move |(at, one)| {
            matches!(one.keyword.as_str(), "ENV" | "ARG")
                && of.is_none_or(|of| rewriter.stages.related(*at, of))
        })
    }

    /// Those that set a variable.
    fn definitions(&self, name: &str, of: Option<usize>) -> impl Iterator<Item = (usize, &'a Instruction)> {
        let escape = self.of.escape;
        self.setters(of).filter(move |(_, one)| {
            pairs(&one.keyword, &one.arguments, escape).iter().any(|pair| pair.name == name)
        })
    }

    pub(super) fn pairs<'i>(&self, instruction: &'i Instruction) -> Vec<Pair<'i>> {
        pairs(&instruction.keyword, &instruction.arguments, self.of.escape)
    }

    /// The variables that hold the key where an instruction stands.
    pub(super) fn variables_at(&self, index: usize) -> impl Iterator<Item = (&String, &Variable)> {
        self.variables.iter().filter(move |(_, variable)| {
            variable.of.is_none_or(|of| self.of.stages.related(index, of))
                && variable.first.is_none_or(|first| first <= index)
        })
    }

    /// Drops what ENV, ARG and LABEL make of the key.
    pub(super) fn drop_pairs(&mut self, index: usize, instruction: &'a Instruction) {
        let all = self.pairs(instruction);
        let is_label = instruction.keyword == "LABEL";
        let is_key = |pair: &&Pair<'_>| {
            let value = pair.value.unwrap_or_default();
            if is_label {
                let refers =
                    self.variables_at(index).any(|(name, _)| !shell::references(value, name).is_empty());
                let here = self.places(index).any(|place| match place {
                    Place::Label(name) => pair.name == name,
                    Place::Text => !self.keys_in(value).is_empty(),
                    _ => false,
                });
                return refers || here;
            }
            self.variables_at(index).any(|(name, _)| *name == pair.name)
        };
        let dropped: Vec<usize> =
            all.iter().enumerate().filter(|(_, pair)| is_key(pair)).map(|(at, _)| at).collect();
        if dropped.is_empty() {
            return;
        }
        let names: Vec<String> = dropped.iter().filter_map(|at| Some(all.get(*at)?.name.clone())).collect();
        let onbuild = self.of.inner.contains_key(&index);
        let edits = cuts(&all, &dropped).into_iter();
        let edits: Vec<_> = edits.map(|cut| (instruction.source.of_arguments(&cut), String::new())).collect();
        let change = self.change(index);
        change.dropped = dropped.len() == all.len();
        change.edits.extend(edits.into_iter().map(|(range, with)| super::Edit { range, with }));
        if instruction.keyword == "ENV" && !onbuild {
            change.comments.push(at_run_time(&names));
        }
    }

    /// Says of each build argument that no step was given how a step gets it.
    pub(super) fn say_what_is_missing(&mut self) {
        let unused = self.variables.iter().filter(|(name, _)| !self.used.contains(*name));
        let unused: Vec<(String, String)> =
            unused.map(|(name, one)| (name.clone(), one.id.clone())).collect();
        for (name, id) in unused {
            if self.definitions(&name, None).any(|(_, one)| one.keyword == "ENV") {
                continue;
            }
            let first = self.definitions(&name, None).map(|(at, _)| at).last();
            let same_id = self.variables.iter().any(|(other, one)| *other != name && one.id == id);
            if let Some(change) = first.filter(|_| !same_id).and_then(|first| self.changes.get_mut(&first)) {
                let mount = super::Mount::Variable { id, name: name.clone() }.text();
                change.comments.push(format!("{name} for the step that needs it: RUN {mount}"));
            }
        }
        let unread = self.files.iter().filter(|file| !file.read);
        let unread: Vec<(String, usize)> = unread.map(|file| (file.path.clone(), file.from)).collect();
        for (path, from) in unread {
            let name = path.rsplit('/').next().unwrap_or_default();
            let says = if name.starts_with(".env") {
                format!("{path} comes at run time: docker run --env-file {name}")
            } else {
                format!("{path} comes at run time: docker run --volume, or a secret of the orchestrator")
            };
            if self.changes.get(&from).is_some_and(|change| change.dropped) {
                self.change(from).comments.push(says);
            }
        }
    }
}

/// What goes of the arguments so that some of their pairs do, with what stands between these and others.
fn cuts(all: &[Pair<'_>], dropped: &[usize]) -> Vec<Range<usize>> {
    let mut goes = vec![false; all.len()];
    dropped.iter().for_each(|at| goes.iter_mut().skip(*at).take(1).for_each(|goes| *goes = true));
    let last_kept = goes.iter().rposition(|goes| !goes);
    let mut kept: Option<&Pair<'_>> = None;
    let mut cuts = Vec::with_capacity(dropped.len());
    for (at, (pair, goes)) in all.iter().zip(&goes).enumerate() {
        if !goes {
            kept = Some(pair);
            continue;
        }
        let next = all.get(at + 1).map_or(pair.span.end, |next| next.span.start);
        cuts.push(match kept {
            // From the last one that stays, all goes, the escape at the end of its line too.
            Some(kept) if last_kept.is_none_or(|last| last < at) => kept.span.end..pair.span.end,
            _ => pair.span.start..next,
        });
    }
    cuts
}

fn at_run_time(names: &[String]) -> String {
    let options: Vec<String> = names.iter().map(|name| format!("--env {name}")).collect();
    let verb = if names.len() == 1 { "comes" } else { "come" };
    format!("{} {verb} at run time: docker run {} (or --env-file)", names.join(" and "), options.join(" "))
}

/// Whether a name can be that of a shell's variable.
pub(super) fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
