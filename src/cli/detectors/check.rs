//! Definitions of a user's files against their own examples.

use std::io::{self, Write};

use crate::detect::Scratch;
use crate::detect::catalogue::Catalogue;
use crate::detect::self_test;
use crate::detect::set::{DetectorSet, DetectorSetError};
use crate::report::text::count;

/// How often each example is made anew.
const ROUNDS: u64 = 8;

/// Every definition behind the first `known`: what is wrong with it, and which other detectors find its
/// examples too.
pub(super) struct Checked {
    faults: Vec<String>,
    notes: Vec<String>,
    definitions: usize,
}

impl Checked {
    /// Tries them all.
    pub(super) fn new(catalogue: &Catalogue, known: usize) -> Result<Self, DetectorSetError> {
        let set = DetectorSet::new(catalogue)?;
        let mut scratch = Scratch::default();
        let mut checked = Self { faults: Vec::new(), notes: Vec::new(), definitions: 0 };
        for (index, definition) in catalogue.indexed().skip(known) {
            checked.definitions += 1;
            let mut faults = Vec::new();
            let mut notes = Vec::new();
            for seed in 0..ROUNDS {
                faults.extend(self_test::faults(&set, &mut scratch, (index, definition), seed));
                notes.extend(self_test::rivals(&set, &mut scratch, (index, definition), seed));
            }
            notes.sort();
            notes.dedup();
            let line = |text: String| format!("{}: detector '{}', {text}", definition.origin, definition.id);
            checked.faults.extend(faults.into_iter().map(line));
            checked.notes.extend(notes.into_iter().map(line));
        }
        Ok(checked)
    }

    /// Whether a definition is wrong.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Writes a line for each thing, and a sum.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for fault in &self.faults {
            writeln!(out, "{fault}")?;
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        let (checked, faults) = (count(self.definitions, "detector"), count(self.faults.len(), "fault"));
        writeln!(out, "{checked} checked, {faults}")
    }
}
