//! Which instruction brought a file, where that is another one than the history says: what COPY takes from an earlier
//! stage, and steps that share one layer.

use super::files::{Brought, arguments, is_plain, normal};
use super::{Place, Rewriter, shell};

/// Stages that a file is followed through.
const MOST: usize = 8;

impl Rewriter<'_> {
    /// The files among places, each at the instruction that brought it.
    pub(super) fn bringers(&self, places: &[(usize, Place<'_>)]) -> Vec<(usize, String)> {
        let mut settled: Vec<(usize, String)> = Vec::new();
        for (index, place) in places {
            let Place::File(path) = place else { continue };
            let mut next = Some((*index, normal(path)));
            for _ in 0..MOST {
                let Some((index, path)) = next.take() else { break };
                match self.at(index).map(|one| one.keyword.as_str()) {
                    Some("COPY") => next = self.in_earlier_stage(index, &path),
                    Some("ADD") => {}
                    // Steps may share a layer, and the last of them is said to have made it.
                    Some("RUN") if !self.writes(index, &path) => {
                        let before = (0..index).rev().filter(|at| self.stages.follows(index, *at));
                        if let Some(found) = self.bringer(before, &path, true) {
                            settled.push(found);
                            continue;
                        }
                    }
                    Some("RUN") => {}
                    _ => {
                        let stage =
                            (0..=index).rev().filter(|at| *at == index || self.stages.follows(index, *at));
                        next = self.bringer(stage, &path, false);
                        continue;
                    }
                }
                settled.push((index, path));
            }
        }
        settled.sort_unstable();
        settled.dedup();
        settled
    }

    /// What brought the file that a COPY takes from an earlier stage, and its path there.
    fn in_earlier_stage(&self, index: usize, path: &str) -> Option<(usize, String)> {
        let instruction = self.at(index)?;
        let stage = self.stages.called(instruction.flag("from")?)?;
        let words = arguments(instruction, self.escape);
        let (destination, sources) = words.split_last()?;
        let there = match self.brought(index, instruction, sources, destination, path) {
            Some(Brought::Named(at)) => normal(sources.get(at)?),
            Some(Brought::Below(pattern)) => pattern,
            None => return None,
        };
        let before = (0..index)
            .rev()
            .filter(|at| self.stages.stage(*at).is_some_and(|own| self.stages.is_on(stage, own)));
        self.bringer(before, &there, false)
    }

    /// Whether a RUN says itself that it writes the file.
    fn writes(&self, index: usize, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some(one) = self.at(index) else { return false };
        let segments = shell::segments(&one.arguments).unwrap_or_default();
        let written = segments.into_iter().filter_map(|range| shell::written(one.arguments.get(range)?));
        written.into_iter().any(|written| written.ends_with(name))
    }

    /// The last of the instructions that brought a file; `by_name`: that name it.
    fn bringer(
        &self,
        instructions: impl Iterator<Item = usize>,
        path: &str,
        by_name: bool,
    ) -> Option<(usize, String)> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut copied_with_others = None;
        for at in instructions {
            let Some(one) = self.at(at) else { continue };
            let found = match one.keyword.as_str() {
                "COPY" | "ADD" => {
                    let words = arguments(one, self.escape);
                    let (destination, sources) = words.split_last()?;
                    let brought = self.brought(at, one, sources, destination, path);
                    if matches!(&brought, Some(Brought::Below(pattern)) if !pattern.starts_with("**")) {
                        copied_with_others = copied_with_others.or(Some(at));
                    }
                    matches!(brought, Some(Brought::Named(_)))
                }
                // One that only removes it did not make it.
                "RUN" => {
                    let makes =
                        |segment: &str| shell::names_file(segment, name) && !segment.starts_with("rm ");
                    match shell::segments(&one.arguments) {
                        Some(all) => all.into_iter().any(|range| {
                            one.arguments.get(range).is_some_and(|segment| {
                                makes(segment)
                                    && shell::written(segment).is_some_and(|written| written.ends_with(name))
                            })
                        }),
                        None => makes(&one.arguments),
                    }
                }
                _ => false,
            };
            if found && is_plain(path) {
                return Some((at, path.to_owned()));
            }
        }
        copied_with_others.filter(|_| is_plain(path) && !by_name).map(|at| (at, path.to_owned()))
    }
}
