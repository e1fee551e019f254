//! The keys that may be asked about, with what their requests need. They live in memory only, for one run.

use std::collections::BTreeMap;

use crate::detect::{DetectorIndex, Key};

/// A key, and what was found beside it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What found it.
    pub detector: DetectorIndex,
    /// The canonical secret.
    pub key: Key,
    /// Ids and hosts by role: what may stand in clear.
    pub companions: BTreeMap<String, String>,
    /// What an offline check read from the key.
    pub handles: BTreeMap<String, String>,
}

/// Keys by detector and fingerprint.
#[derive(Debug, Default)]
pub struct Subjects {
    known: BTreeMap<(String, String), Subject>,
}

impl Subjects {
    /// Takes note of a key: of one that is known, what was found beside it here.
    pub fn add(&mut self, detector: &str, fingerprint: &str, subject: Subject) {
        let known = self.known.entry((detector.to_owned(), fingerprint.to_owned()));
        let known = known.or_insert_with(|| Subject { companions: BTreeMap::new(), ..subject.clone() });
        for (role, value) in subject.companions {
            known.companions.entry(role).or_insert(value);
        }
    }

    /// The key of a finding.
    pub fn get(&self, detector: &str, fingerprint: &str) -> Option<&Subject> {
        self.known.get(&(detector.to_owned(), fingerprint.to_owned()))
    }
}
