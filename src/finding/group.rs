//! Occurrences to findings: one a key value and detector, its places in order, the earliest of them its
//! origin.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::Fingerprint;
use super::known_public;
use super::occurrence::Occurrence;
use crate::detect::{Confidence, Place, Severity};
use crate::scan::matches::Finder;
use crate::scan::secret::Secret;

/// One key value under one detector in one image.
#[derive(Debug)]
pub struct Group {
    /// The detector.
    pub finder: Finder,
    /// Fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// All places, the introducing one first. Never empty.
    pub occurrences: Vec<Occurrence>,
    /// The highest of its places.
    pub severity: Severity,
    /// The highest of its places.
    pub confidence: Confidence,
    /// What else finds it.
    pub also: BTreeSet<Finder>,
    /// What may stand in clear.
    pub handles: BTreeMap<String, String>,
    /// Ids and other halves found beside it.
    pub companions: BTreeSet<(String, String)>,
}

impl Group {
    /// Whether a container of the image holds the key in any of its places.
    pub fn in_final_image(&self) -> bool {
        self.occurrences.iter().any(|occurrence| occurrence.in_final_image)
    }

    /// Whether a companion that it needs was beside it nowhere.
    pub fn is_incomplete(&self) -> bool {
        self.occurrences.iter().all(|occurrence| occurrence.found.incomplete)
    }

    /// The key's value.
    pub fn secret(&self) -> Option<&Secret> {
        self.introduced().map(|occurrence| &occurrence.found.secret)
    }

    /// Where the key was published, if it was.
    pub fn published(&self) -> Option<String> {
        match self.secret()? {
            Secret::Read { key, .. } => known_public::published(key).map(str::to_owned),
            Secret::Kept(kept) => kept.published.clone(),
        }
    }

    /// The place where the key came in.
    pub fn introduced(&self) -> Option<&Occurrence> {
        self.occurrences.first()
    }
}

/// Groups occurrences by detector and key: the most severe first, then by place of introduction.
pub fn group(occurrences: Vec<Occurrence>) -> Vec<Group> {
    let mut by_key: BTreeMap<(Finder, Fingerprint), Vec<Occurrence>> = BTreeMap::new();
    for occurrence in occurrences {
        let key = (occurrence.found.finder, occurrence.fingerprint.clone());
        by_key.entry(key).or_default().push(occurrence);
    }
    let mut groups: Vec<Group> =
        by_key.into_iter().map(|((finder, fingerprint), list)| one(finder, fingerprint, list)).collect();
    groups.sort_by_cached_key(|group| {
        let first = group.introduced().map(introduction);
        (Reverse(group.severity), first, group.finder, group.fingerprint.clone())
    });
    groups
}

fn one(finder: Finder, fingerprint: Fingerprint, mut occurrences: Vec<Occurrence>) -> Group {
    occurrences.sort_by_cached_key(introduction);
    let found = || occurrences.iter().map(|occurrence| &occurrence.found);
    let mut handles = BTreeMap::new();
    for (name, value) in found().flat_map(|found| &found.handles) {
        handles.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Group {
        finder,
        fingerprint,
        severity: found().map(|found| found.severity).max().unwrap_or(Severity::Info),
        confidence: found().map(|found| found.confidence).max().unwrap_or(Confidence::Low),
        also: occurrences.iter().flat_map(|occurrence| occurrence.also.iter().copied()).collect(),
        companions: found().flat_map(|found| found.companions.iter().cloned()).collect(),
        handles,
        occurrences,
    }
}

/// When a place came to be: `(class, step or layer)`, then a fixed order among places of one step.
type Introduction = (u8, usize, usize, u8, Place, Option<Vec<u8>>, Option<String>, u64);

/// By history index where known, else by layer; what only the config holds comes last.
fn introduction(occurrence: &Occurrence) -> Introduction {
    let (class, index) = match (occurrence.history_index, occurrence.layer) {
        (Some(step), _) => (0, step),
        (None, Some(layer)) => (1, layer),
        (None, None) => (2, 0),
    };
    let path = occurrence.path.as_ref().map(|path| path.to_vec());
    let layer = occurrence.layer.unwrap_or(usize::MAX);
    // The text of a step repeats what was read out of it, and says less. An attestation is not always
    // copied with its image: what stands in the image itself is the same without it.
    let rank = match occurrence.place {
        Place::Attestation => 2,
        Place::History => 1,
        _ => 0,
    };
    (class, index, layer, rank, occurrence.place, path, occurrence.name.clone(), occurrence.offset)
}
