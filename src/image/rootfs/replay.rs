//! Applies the entries of layers to a [`Tree`], one after the other, as one runtime does it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::path::{self, Mark};
use super::tree::{Kind, Names, Node, NodeId, ROOT, Resolved, Tracked, Tree, Unresolved};
use super::{Removal, RemovedHow};
use crate::layer::entry_log::{EntryLog, EntryView};
use crate::layer::tar::EntryKind;
use crate::limits;

/// Whose reading of the specification is followed where readings differ; the module's documentation
/// lists the differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    /// umoci, and containerd but for its refusals.
    Umoci,
    /// Docker on a storage driver that unpacks into a copy of the tree (vfs).
    Docker,
}

/// What one runtime makes of one wanted entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// Whether its content can be reached at the end.
    pub(super) reachable: bool,
    /// What took the last name of it away.
    pub(super) removed: Option<Removal>,
}

/// The layers' entries on their way into the tree.
#[derive(Debug)]
pub(super) struct Replay {
    runtime: Runtime,
    tree: Tree,
    /// Wanted contents that count as reachable whatever happens, as no runtime is known to place them.
    kept: Vec<bool>,
    /// Index of the layer that is applied.
    layer: usize,
    /// Docker: hashes of the cleaned paths, symlinks not followed, of the layer's entries so far. Kept
    /// only for layers with an opaque whiteout.
    listed: Option<HashSet<u64>>,
    /// Folders on the way of an entry.
    passed: Vec<NodeId>,
    /// Where the last entry's folder led: most entries lie in the same folder as the one before.
    last: Option<LastFolder>,
    /// Nothing more can be said.
    exhausted: bool,
}

/// A cleaned path, and where it led while the tree had this shape.
#[derive(Debug)]
struct LastFolder {
    path: Vec<Box<[u8]>>,
    resolved: Rc<Resolved>,
    shape: u64,
}

impl Replay {
    /// An empty tree, and `tracked` wanted contents.
    pub(super) fn new(runtime: Runtime, tracked: usize) -> Self {
        Self {
            runtime,
            tree: Tree::new(tracked),
            kept: vec![false; tracked],
            layer: 0,
            listed: None,
            passed: Vec::new(),
            last: None,
            exhausted: false,
        }
    }

    /// Applies a layer; `wanted` gives the position among the wanted for an entry that is one.
    pub(super) fn apply_layer(
        &mut self,
        layer: usize,
        log: &EntryLog,
        mut wanted: impl FnMut(&EntryView<'_>) -> Option<Tracked>,
    ) {
        if self.exhausted {
            return;
        }
        self.layer = layer;
        let listing = self.runtime == Runtime::Docker && has_opaque(log);
        self.listed = listing.then(HashSet::new);
        let mut cursor = log.cursor();
        while let Some(entry) = cursor.next_entry() {
            if entry.after_end {
                continue;
            }
            let tracked = wanted(&entry);
            match self.apply(&entry, tracked) {
                Ok(()) => self.exhausted = self.tree.is_full(),
                Err(Unresolved::Refused) => self.keep(tracked),
                Err(Unresolved::Exhausted) => self.exhausted = true,
            }
            if self.exhausted {
                return;
            }
        }
    }

    /// What became of a wanted content.
    pub(super) fn outcome(&self, tracked: Tracked) -> Outcome {
        let Names { left, removed } = self.tree.names(tracked);
        let kept = self.exhausted || self.kept.get(tracked).copied().unwrap_or(true);
        Outcome { reachable: kept || left > 0, removed }
    }

    fn keep(&mut self, tracked: Option<Tracked>) {
        if let Some(kept) = tracked.and_then(|tracked| self.kept.get_mut(tracked)) {
            *kept = true;
        }
    }

    fn apply(&mut self, entry: &EntryView<'_>, tracked: Option<Tracked>) -> Result<(), Unresolved> {
        if tracked.is_none() && self.listed.is_none() && self.passes_by(entry) {
            return Ok(());
        }
        let components = path::clean(entry.path);
        let Some((&name, folder)) = components.split_last() else {
            self.apply_root(entry.kind, tracked);
            return Ok(());
        };
        match path::mark(name) {
            Mark::Opaque => self.hide_all(folder),
            Mark::Whiteout(_) if self.passes_over(&components) => Ok(()),
            Mark::Whiteout(hidden) => self.hide(folder, hidden),
            Mark::None => {
                self.place(folder, name, entry, tracked)?;
                self.list(&components);
                Ok(())
            }
        }
    }

    /// Applies an entry that only passes by what is in the tree, as nearly all do: no link, no whiteout, and nothing
    /// stands at its name. It marks the folders on its way. False, and nothing is done, where it may be another.
    fn passes_by(&mut self, entry: &EntryView<'_>) -> bool {
        let may_do_else = matches!(entry.kind, EntryKind::Symlink | EntryKind::HardLink | EntryKind::Other);
        if may_do_else || entry.path.len() > limits::PATH {
            return false;
        }
        self.passed.clear();
        let mut place = Some(ROOT);
        let mut name: &[u8] = b"";
        for component in entry.path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
            if matches!(component, b"." | b"..") {
                return false;
            }
            name = component;
            match place.and_then(|folder| self.tree.child(folder, component)) {
                Some(next) if self.tree.is_folder(next) => {
                    self.passed.push(next);
                    place = Some(next);
                }
                Some(_) => return false,
                // Below it there is nothing either.
                None => place = None,
            }
        }
        if name.is_empty() || place.is_some() || name.starts_with(path::WHITEOUT) {
            return false;
        }
        self.passed.iter().for_each(|folder| self.tree.mark(*folder, self.layer));
        true
    }

    /// The root is there already. It stays a folder, whatever an entry says: runtimes refuse the layer
    /// or pass the entry over.
    fn apply_root(&mut self, kind: EntryKind, tracked: Option<Tracked>) {
        if let (EntryKind::Directory, Some(tracked)) = (kind, tracked) {
            self.tree.add_content(ROOT, tracked);
        }
    }

    fn passes_over(&self, components: &[&[u8]]) -> bool {
        self.runtime == Runtime::Docker && components.len() == 1 && path::is_aufs_metadata(components)
    }

    fn list(&mut self, components: &[&[u8]]) {
        if let Some(listed) = &mut self.listed {
            listed.insert(PathHash::of(components).finish());
        }
    }

    /// Puts an entry that is no whiteout into the tree.
    fn place(
        &mut self,
        folder: &[&[u8]],
        name: &[u8],
        entry: &EntryView<'_>,
        tracked: Option<Tracked>,
    ) -> Result<(), Unresolved> {
        let folder = self.resolve(folder)?;
        match entry.kind {
            EntryKind::Directory => self.place_folder(&folder, name, tracked),
            EntryKind::Symlink => {
                // No more of it than shows that it is too long to be followed.
                let target = entry.link.get(..limits::PATH + 1).unwrap_or(entry.link);
                let kind = Kind::Symlink(target.into());
                self.replace(&folder, name, kind, tracked.into_iter().collect(), None);
            }
            EntryKind::HardLink => return self.place_link(&folder, name, entry.link, tracked),
            EntryKind::File | EntryKind::CharDevice | EntryKind::BlockDevice | EntryKind::Fifo => {
                self.replace(&folder, name, Kind::Other, tracked.into_iter().collect(), None);
            }
            EntryKind::Other => {}
        }
        Ok(())
    }

    /// What [`Tree::resolve`] gives, quickly where it gave it just before.
    fn resolve(&mut self, path: &[&[u8]]) -> Result<Rc<Resolved>, Unresolved> {
        let is_same = |last: &&LastFolder| {
            last.shape == self.tree.shape() && last.path.iter().map(|name| &**name).eq(path.iter().copied())
        };
        if let Some(last) = self.last.as_ref().filter(is_same) {
            return Ok(Rc::clone(&last.resolved));
        }
        let resolved = Rc::new(self.tree.resolve(path)?);
        let path = path.iter().map(|&name| name.into()).collect();
        self.last = Some(LastFolder { path, resolved: Rc::clone(&resolved), shape: self.tree.shape() });
        Ok(resolved)
    }

    /// A folder joins the folder that stands there; a symlink to one gives way.
    fn place_folder(&mut self, folder: &Resolved, name: &[u8], tracked: Option<Tracked>) {
        let mut path = folder.clone();
        path.push(&self.tree, name);
        match tracked {
            Some(tracked) => {
                let id = self.tree.make_folder(&path, self.layer);
                self.tree.add_content(id, tracked);
            }
            None => self.tree.pass_folder(&path, self.layer),
        }
    }

    /// A hard link is one more name of what its target names at this moment; a target that is a symlink
    /// is not followed. A link to itself, which no runtime can make, changes nothing.
    fn place_link(
        &mut self,
        folder: &Resolved,
        name: &[u8],
        target: &[u8],
        tracked: Option<Tracked>,
    ) -> Result<(), Unresolved> {
        let target = path::clean(target);
        let Some((&target_name, target_folder)) = target.split_last() else {
            return Err(Unresolved::Refused);
        };
        let mut target = self.tree.resolve(target_folder)?;
        target.push(&self.tree, target_name);
        let standing = folder.node().and_then(|folder| self.tree.child(folder, name));
        let linked = target.node();
        if linked.is_some() && standing == linked {
            return Err(Unresolved::Refused);
        }
        // Where the target is not in the tree it holds nothing wanted, and the link only takes the place.
        let (kind, contents) = match linked.and_then(|id| self.tree.node(id)) {
            Some(Node { kind: Kind::Folder(_), .. }) | None => (Kind::Other, Vec::new()),
            Some(node) => (node.kind.clone(), node.contents.clone()),
        };
        self.replace(folder, name, kind, contents, tracked);
        Ok(())
    }

    /// Removes what stands at `name` and puts something other than a folder there.
    fn replace(
        &mut self,
        folder: &Resolved,
        name: &[u8],
        kind: Kind,
        contents: Vec<Tracked>,
        link: Option<Tracked>,
    ) {
        let removal = self.removal(RemovedHow::Overwritten);
        let needed = matches!(kind, Kind::Symlink(_)) || !contents.is_empty() || link.is_some();
        if needed {
            let folder = self.tree.make_folder(folder, self.layer);
            self.tree.remove(folder, name, removal);
            let node = Node { kind, layer: self.layer, contents, name: link };
            self.tree.insert(folder, name, node);
        } else {
            self.tree.pass_folder(folder, self.layer);
            if let Some(folder) = folder.node() {
                self.tree.remove(folder, name, removal);
            }
        }
    }

    /// A whiteout. umoci spares what the same layer put there, as the specification demands; Docker
    /// does not.
    fn hide(&mut self, folder: &[&[u8]], hidden: &[u8]) -> Result<(), Unresolved> {
        let mut path = self.tree.resolve(folder)?;
        match hidden {
            // `.wh.` and `.wh..` name the folder itself, `.wh...` the one above it.
            b"" | b"." => {}
            b".." => drop(path.pop()),
            _ => path.push(&self.tree, hidden),
        }
        let Some(top) = path.node() else { return Ok(()) };
        let Some(name) = path.pop() else { return Ok(()) };
        let Some(folder) = path.node() else { return Ok(()) };
        if self.runtime == Runtime::Umoci && self.is_of_layer(top) {
            return self.clear(top, RemovedHow::Whiteout, PathHash::default());
        }
        self.tree.remove(folder, &name, self.removal(RemovedHow::Whiteout));
        Ok(())
    }

    /// An opaque whiteout. Docker does not follow the folder itself where that is a symlink.
    fn hide_all(&mut self, folder: &[&[u8]]) -> Result<(), Unresolved> {
        if self.runtime == Runtime::Docker && self.is_symlink(folder)? {
            return Ok(());
        }
        let path = self.tree.resolve(folder)?;
        match path.node() {
            Some(top) => self.clear(top, RemovedHow::Opaque, PathHash::of(folder)),
            None => Ok(()),
        }
    }

    fn is_symlink(&mut self, path: &[&[u8]]) -> Result<bool, Unresolved> {
        let Some((&name, folder)) = path.split_last() else { return Ok(false) };
        let mut path = self.tree.resolve(folder)?;
        path.push(&self.tree, name);
        let node = path.node().and_then(|id| self.tree.node(id));
        Ok(node.is_some_and(|node| matches!(node.kind, Kind::Symlink(_))))
    }

    /// Removes all in a folder that the layer itself did not put there. `path` is the folder's as the
    /// layer calls it.
    fn clear(&mut self, top: NodeId, how: RemovedHow, path: PathHash) -> Result<(), Unresolved> {
        let removal = self.removal(how);
        let mut folders = vec![(top, path)];
        while let Some((folder, path)) = folders.pop() {
            let mut steps = 0;
            let mut lower = Vec::new();
            for (name, id) in self.tree.children(folder) {
                steps += 1;
                if !self.is_own(id, &path, name) {
                    lower.push(name.clone());
                } else if self.tree.is_folder(id) {
                    folders.push((id, path.clone().join(name)));
                }
            }
            self.tree.spend(steps)?;
            for name in lower {
                self.tree.remove(folder, &name, removal);
            }
        }
        Ok(())
    }

    /// Whether an opaque whiteout spares `name` in the folder `path`: umoci asks whether the layer put
    /// something there or below, Docker whether it has an entry of just that path.
    fn is_own(&self, id: NodeId, path: &PathHash, name: &[u8]) -> bool {
        match (self.runtime, &self.listed) {
            (Runtime::Umoci, _) => self.is_of_layer(id),
            (Runtime::Docker, Some(listed)) => listed.contains(&path.clone().join(name).finish()),
            (Runtime::Docker, None) => false,
        }
    }

    fn is_of_layer(&self, id: NodeId) -> bool {
        self.tree.node(id).is_some_and(|node| node.layer == self.layer)
    }

    fn removal(&self, how: RemovedHow) -> Removal {
        Removal { layer: self.layer, how }
    }
}

/// Whether a layer has an opaque whiteout.
fn has_opaque(log: &EntryLog) -> bool {
    let mut cursor = log.cursor();
    while let Some(entry) = cursor.next_entry() {
        if path::clean(entry.path).last().is_some_and(|name| path::mark(name) == Mark::Opaque) {
            return true;
        }
    }
    false
}

/// The hash of a path, made component by component. A clash makes Docker's reading spare a node.
#[derive(Clone, Debug, Default)]
struct PathHash(DefaultHasher);

impl PathHash {
    fn of(components: &[&[u8]]) -> Self {
        components.iter().fold(Self::default(), |path, name| path.join(name))
    }

    fn join(mut self, name: &[u8]) -> Self {
        name.hash(&mut self.0);
        self
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}
