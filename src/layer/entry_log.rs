//! The entries of one layer, kept small: names and kinds for millions of files, no contents.

use super::tar::{Entry, EntryKind};

/// Position of an entry in its layer's tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryIndex(pub u32);

/// What the log gives back of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// The path as recorded in the tar, not cleaned.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Target of a hard link or symlink, as recorded.
    pub link: Vec<u8>,
    /// Whether it stands behind the end-of-archive marker, where runtimes do not read.
    pub after_end: bool,
}

/// All entries of a layer in tar order.
#[derive(Debug, Default)]
pub struct EntryLog {}

impl EntryLog {
    /// Adds the next entry. `None` when [`crate::limits::ENTRIES`] is reached: the caller reports it.
    pub fn push(&mut self, _entry: &Entry) -> Option<EntryIndex> {
        None
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// The entry at `index`.
    pub fn get(&self, _index: EntryIndex) -> Option<LoggedEntry> {
        None
    }

    /// All entries in tar order, for a single pass (no decoding from the start at each step).
    pub fn iter(&self) -> impl Iterator<Item = LoggedEntry> + '_ {
        std::iter::empty()
    }
}
