//! Which build step explains a value of the finished config.

use std::collections::HashMap;

use super::pairs;
use crate::image::history::{Step, StepKind};

/// Which steps set which variables, labels and triggers.
#[derive(Default)]
pub(super) struct Setters<'a> {
    pub(super) env: LastSteps<'a>,
    pub(super) label: LastSteps<'a>,
    pub(super) onbuild: HashMap<&'a str, &'a Step>,
}

/// The last step that sets a name to a value, and the last one that sets the name at all.
#[derive(Default)]
pub(super) struct LastSteps<'a> {
    of_pair: HashMap<(&'a str, &'a str), &'a Step>,
    of_name: HashMap<&'a str, (&'a str, &'a Step)>,
}

impl<'a> Setters<'a> {
    pub(super) fn of(steps: &'a [Step]) -> Self {
        let mut setters = Self::default();
        for step in steps {
            if step.kind == StepKind::Onbuild
                && let Some((_, trigger)) = step.created_by.split_once("ONBUILD ")
            {
                setters.onbuild.insert(trigger.trim_end_matches("# buildkit").trim(), step);
            }
            let (last, assignments) = match &step.kind {
                StepKind::Env(pairs) => (&mut setters.env, pairs),
                StepKind::Label(pairs) => (&mut setters.label, pairs),
                _ => continue,
            };
            for (name, value) in pairs(assignments) {
                last.of_pair.insert((name, value), step);
                last.of_name.insert(name, (value, step));
            }
        }
        setters
    }
}

impl<'a> LastSteps<'a> {
    /// The step that explains a value of the finished image. buildah and kaniko record what the
    /// Dockerfile says, where `$NAME` or an escape stands for the value: then the last step that sets
    /// the name explains it.
    pub(super) fn step(&self, name: &str, value: &str) -> Option<&'a Step> {
        let exact = self.of_pair.get(&(name, value)).copied();
        exact.or_else(|| {
            let (recorded, step) = self.of_name.get(name)?;
            recorded.contains(['$', '\\', '"', '\'']).then_some(*step)
        })
    }
}
