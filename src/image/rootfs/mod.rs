//! The tree that a container runtime builds from an image's layers, as far as it is needed to tell
//! whether the content of an entry can still be reached in it, and if not, which layer removed it.
//!
//! # Rules
//!
//! Entries are applied in tar order (OCI image specification, layer.md; where that is silent, as umoci
//! and Docker do it):
//!
//! - Names are cleaned by their text: `./a`, `/a` and `b/../a` are `a`, and `..` never leaves the root.
//!   Symlinks in the folders of a name are followed inside the root; missing folders are made.
//! - A folder joins a folder. In every other case what stands at the name goes, with all below it, also
//!   what the same layer put there before. A folder takes the place of a symlink to a folder.
//! - A hard link is one more name of the content that its target names at that moment, in this layer or
//!   below. Symlinks in the target's folders are followed, the target itself is not.
//! - A whiteout removes its name, an opaque whiteout all in its folder; the entry's kind does not matter,
//!   and the whiteout itself is never in the tree. They act on lower layers only.
//!
//! # Where runtimes differ
//!
//! A content counts as reachable when [one of these](replay::Runtime) reaches it. Both readings are
//! replayed, the second only for what the first does not reach. They differ in that Docker
//!
//! - applies whiteouts to earlier entries of the same layer too, and an opaque one to all whose folders
//!   have no entries of their own; umoci spares them, as the specification demands;
//! - does not apply an opaque whiteout whose folder is a symlink;
//! - passes over `.wh..wh.*` at the top of a layer, the metadata of AUFS; to umoci they are whiteouts.
//!
//! Layers that both refuse have no tree to speak of, so the reading is generous: an entry behind a loop
//! of symlinks and a hard link to itself change nothing and count as reachable; a folder takes the place
//! of a file above an entry. Storage drivers that unpack each layer into a folder of its own (overlay2
//! and others) do not see symlinks of lower layers and put a folder in place of one; here such symlinks
//! are followed, as umoci, containerd and the vfs driver do.

mod path;
mod replay;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub(crate) use self::path::{AUFS, OPAQUE, WHITEOUT};
use self::replay::{Outcome, Replay, Runtime};
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
    /// What took the last name away. `None` while it is reachable, and for what never was in the tree
    /// (behind the end marker, the body of a whiteout).
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
///
/// Of a file it is the fate of its content, under whatever name; of a symlink or device that of the
/// node, under whatever name; of a hard link that of its own name; of a folder that of the folder. Time
/// grows with all entries of the layers, memory only with the wanted ones and the symlinks. Beyond
/// [`crate::limits::REPLAY_STEPS`] or [`crate::limits::REPLAY_TREE`] everything is in the final image.
pub fn fates(layers: &[&EntryLog], wanted: &[EntryAt]) -> Vec<Fate> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut fates: Vec<Fate> = outcomes(Runtime::Umoci, layers, wanted).into_iter().map(Fate::from).collect();
    let lost = |fates: &[Fate]| fates.iter().any(|fate| fate.removed_by.is_some());
    if lost(&fates) {
        for (fate, other) in fates.iter_mut().zip(outcomes(Runtime::Docker, layers, wanted)) {
            if other.reachable {
                *fate = Fate::from(other);
            }
        }
    }
    fates
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        Self { in_final_image: outcome.reachable, removed_by: outcome.removed.filter(|_| !outcome.reachable) }
    }
}

/// What one runtime makes of the wanted entries.
fn outcomes(runtime: Runtime, layers: &[&EntryLog], wanted: &[EntryAt]) -> Vec<Outcome> {
    // An entry that is wanted twice is tracked at its last position.
    let positions: HashMap<EntryAt, usize> =
        wanted.iter().enumerate().map(|(position, &at)| (at, position)).collect();
    let mut sorted: Vec<(EntryAt, usize)> = positions.iter().map(|(at, position)| (*at, *position)).collect();
    sorted.sort_unstable();
    let mut sorted = sorted.into_iter().peekable();
    let mut replay = Replay::new(runtime, wanted.len());
    for (layer, log) in layers.iter().enumerate() {
        replay.apply_layer(layer, log, |entry| {
            let here = EntryAt { layer, entry: entry.index };
            while sorted.next_if(|(at, _)| *at < here).is_some() {}
            sorted.next_if(|(at, _)| *at == here).map(|(_, position)| position)
        });
    }
    wanted
        .iter()
        .map(|at| positions.get(at).copied().unwrap_or_default())
        .map(|position| replay.outcome(position))
        .collect()
}
