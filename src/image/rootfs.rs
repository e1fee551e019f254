//! The tree that a container runtime builds from an image's layers, as far as it is needed to tell
//! whether the content of an entry can still be reached in it, and if not, which layer removed it.

use crate::layer::entry_log::{EntryIndex, EntryLog};

/// An entry of a layer, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryAt {
    /// Index of the layer, base first.
    pub layer: usize,
    /// Index of the entry in the layer's tar.
    pub entry: EntryIndex,
}

/// What became of an entry's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Whether some name in the final tree leads to the content. Where runtimes differ: true.
    pub in_final_image: bool,
    /// What took the last name away.
    pub removed_by: Option<Removal>,
}

/// The event that made a content unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Index of the layer that did it.
    pub layer: usize,
    /// How.
    pub how: RemovedHow,
}

/// How a content became unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovedHow {
    /// `.wh.NAME` of it or of a folder above it.
    Whiteout,
    /// `.wh..wh..opq` in a folder above it.
    Opaque,
    /// Another file of the same name.
    Overwritten,
    /// A file or link in place of the folder above it, or a folder in place of it.
    Replaced,
}

/// The fates of the `wanted` entries in the stack of `layers` (base first), in the order of `wanted`.
pub fn fates(_layers: &[&EntryLog], _wanted: &[EntryAt]) -> Vec<Fate> {
    Vec::new()
}
