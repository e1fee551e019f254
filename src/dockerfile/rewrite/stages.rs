//! Which instructions share their variables and files: those of a stage, of the stages that it is built from, and of
//! those that are built from it.

use crate::dockerfile::{Instruction, position, stages_of};

/// Stages of one Dockerfile.
const MOST: usize = 200;

/// The stages of a Dockerfile, by number. What stands before the first FROM is none; without any FROM all is one.
pub(super) struct Stages {
    /// By instruction.
    numbers: Vec<Option<usize>>,
    /// By stage: the one that it is built from.
    parents: Vec<Option<usize>>,
    /// By stage: whether it is built from nothing.
    scratch: Vec<bool>,
    names: Vec<Option<String>>,
}

impl Stages {
    pub(super) fn of(instructions: &[Instruction]) -> Self {
        let stages = stages_of(instructions);
        let mut number = None;
        let numbers = instructions.iter().map(|one| {
            if one.keyword == "FROM" {
                number = Some(number.map_or(0, |number: usize| number + 1));
            }
            if stages.is_empty() { Some(0) } else { number }
        });
        let numbers = numbers.collect();
        // With so many nobody follows them: each is taken for one by itself.
        let is_followed = stages.len() <= MOST;
        let parent = |at: usize| position(&stages, at, stages.get(at)?.from);
        let parents = (0..stages.len()).map(|at| if is_followed { parent(at) } else { None }).collect();
        let scratch = stages.iter().map(|stage| stage.from.eq_ignore_ascii_case("scratch")).collect();
        let names = stages.iter().map(|stage| stage.name.map(str::to_owned)).collect();
        Self { numbers, parents, scratch, names }
    }

    /// The stage of an instruction; none for what stands before the first.
    pub(super) fn stage(&self, instruction: usize) -> Option<usize> {
        self.numbers.get(instruction).copied().flatten()
    }

    /// A stage by what `COPY --from` calls it.
    pub(super) fn called(&self, name: &str) -> Option<usize> {
        let by_name = self
            .names
            .iter()
            .rposition(|own| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)));
        by_name.or_else(|| name.parse().ok().filter(|number| *number < self.parents.len()))
    }

    /// Whether `stage` is `other`, or built from it.
    pub(super) fn is_on(&self, stage: usize, other: usize) -> bool {
        let mut next = Some(stage);
        while let Some(at) = next {
            if at == other {
                return true;
            }
            // A stage is built from an earlier one only, so this ends.
            next = self.parents.get(at).copied().flatten();
        }
        false
    }

    /// Whether two instructions share their variables.
    pub(super) fn related(&self, one: usize, other: usize) -> bool {
        match (self.stage(one), self.stage(other)) {
            (Some(one), Some(other)) => self.is_on(one, other) || self.is_on(other, one),
            _ => true,
        }
    }

    /// Whether an instruction comes after another in the making of one image.
    pub(super) fn follows(&self, later: usize, earlier: usize) -> bool {
        let (Some(later_stage), Some(stage)) = (self.stage(later), self.stage(earlier)) else { return false };
        later > earlier && self.is_on(later_stage, stage)
    }

    /// Whether an image is made from nothing, as far as up to an instruction.
    pub(super) fn begins_empty(&self, instruction: usize) -> bool {
        let mut next = self.stage(instruction);
        let mut first = None;
        while let Some(at) = next {
            first = Some(at);
            next = self.parents.get(at).copied().flatten();
        }
        first.and_then(|first| self.scratch.get(first)).copied().unwrap_or_default()
    }
}
