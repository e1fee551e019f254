//! A scan in two halves, so that the clock tells what each detector costs: `benches/detectors.rs`.

use super::{DetectorSet, Lead, Scratch};
use crate::detect::lines;
use crate::detect::{DetectorIndex, Hit, Window};

/// An anchor in a window and what it leads to: what `benches/detectors.rs` measures.
#[derive(Clone, Copy, Debug)]
pub struct Led {
    /// Whose anchor it is.
    pub detector: DetectorIndex,
    lead: Lead,
    at: usize,
}

impl DetectorSet {
    /// The first half of [`DetectorSet::scan`]: the anchors in a file's window.
    pub fn leads(&self, window: &Window<'_>) -> Vec<Led> {
        let mut found = Vec::new();
        let mut add = |lead: Lead, at| {
            found.push(Led { detector: DetectorIndex(lead.detector), lead, at });
        };
        self.literals.each(window.bytes, window.owned.clone(), |literal, at| {
            for lead in self.leads_of(literal) {
                add(*lead, at);
            }
        });
        for (detector, form) in self.lines.of(window).iter() {
            for at in lines::starts(window) {
                add(Lead::of_lines(*detector, *form), at);
            }
        }
        found
    }

    /// The second half: what the anchors lead to, as it is found.
    pub fn follow_all(&self, window: &Window<'_>, leads: &[Led], scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        self.begin(scratch, window.owned.start);
        for led in leads {
            // What one detector costs is to be told, whatever the others took.
            scratch.caches.effort.begin(led.at);
            self.follow(led.lead, (window, Some(window.path)), led.at, scratch, hits);
        }
    }
}
