//! What is known of images: in memory, and on disk beside the layers that it was made from. The policy has no part
//! in it.
//!
//! Facts are on disk before anybody is told of them, whole or not at all, with a MAC under the hashing key, and
//! only for this build, its rules and its options. Those of an image that could not be read whole stay in memory,
//! and for minutes: the reason may pass.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use moka::sync::Cache;

use super::examiner::Examiner;
use super::facts::Facts;
use super::fault;
use crate::cache::{Lasting, Records};
use crate::limits;

/// The facts of all digests that were examined.
pub struct Store {
    memory: Cache<String, Arc<Known>>,
    disk: Option<Records>,
}

/// Facts, and since when they are known.
struct Known {
    facts: Arc<Facts>,
    since: Instant,
}

impl Store {
    /// The store in `folder`.
    pub fn open(folder: &Path, examiner: &Examiner) -> Self {
        let weight = |name: &String, known: &Arc<Known>| {
            u32::try_from(name.len() + known.facts.weight()).unwrap_or(u32::MAX)
        };
        let memory = Cache::builder().max_capacity(limits::FACTS_MEMORY).weigher(weight).build();
        let key = examiner.fingerprints();
        let disk = examiner.with_scope(|scope| Records::open(folder, "images", key, Some(scope)));
        Self { memory, disk }
    }

    /// What is known of `name`: a digest, and of an index its platforms.
    pub fn get(&self, name: &str) -> Option<Arc<Facts>> {
        if let Some(known) = self.memory.get(name) {
            let is_over =
                known.facts.incomplete.is_some() && known.since.elapsed() > limits::FACTS_INCOMPLETE_AGE;
            return (!is_over).then(|| Arc::clone(&known.facts));
        }
        let facts: Arc<Facts> = Arc::new(self.disk.as_ref()?.read(name)?);
        self.remember(name, &facts);
        Some(facts)
    }

    /// Keeps what is known.
    ///
    /// # Errors
    /// When it cannot be written; it is known in this process all the same.
    pub fn put(&self, name: &str, facts: &Arc<Facts>) -> io::Result<()> {
        let written = match &self.disk {
            Some(disk) if facts.incomplete.is_none() => {
                fault::point("facts-examined");
                disk.write(name, &**facts, Lasting::Process)
            }
            _ => Ok(()),
        };
        fault::point("facts-written");
        self.remember(name, facts);
        fault::point("facts-remembered");
        written
    }

    /// Makes room on disk.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn tidy(&self) -> io::Result<()> {
        self.disk.as_ref().map_or(Ok(()), Records::shrink)
    }

    /// Images in memory.
    pub fn len(&self) -> u64 {
        self.memory.entry_count()
    }

    /// Whether none is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn remember(&self, name: &str, facts: &Arc<Facts>) {
        let known = Known { facts: Arc::clone(facts), since: Instant::now() };
        self.memory.insert(name.to_owned(), Arc::new(known));
    }
}
