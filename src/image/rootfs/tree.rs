//! A file tree of names without contents: just enough of one to say which names of the wanted contents
//! are left, and what took the others away.
//!
//! Files and folders that hold nothing wanted are not kept: where one is missing the tree behaves just
//! as if it were there, as only symlinks change where a path leads. Memory therefore grows with the
//! symlinks and the wanted entries of an image, not with its files.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Removal, RemovedHow};
use crate::limits;

/// A node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(usize);

/// The root folder.
pub(super) const ROOT: NodeId = NodeId(0);

/// One of the wanted contents or names, by its position among them.
pub(super) type Tracked = usize;

/// What stands at a name.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A folder with its names.
    Folder(HashMap<Box<[u8]>, NodeId>),
    /// A symlink with its target.
    Symlink(Rc<[u8]>),
    /// Anything else.
    Other,
}

/// A name in the tree.
#[derive(Debug)]
pub(super) struct Node {
    /// What stands there.
    pub(super) kind: Kind,
    /// The last layer that put an entry here or below.
    pub(super) layer: usize,
    /// The wanted contents that it leads to: one, shared with all hard links to it; of a folder, one for
    /// each wanted entry that named it.
    pub(super) contents: Vec<Tracked>,
    /// The wanted hard link that this name is: it goes with the name, whatever else leads to its content.
    pub(super) name: Option<Tracked>,
}

impl Node {
    /// About how much memory it takes under this name. That of its contents stays the same.
    fn bytes(&self, name: &[u8]) -> usize {
        let target = match &self.kind {
            Kind::Symlink(target) => target.len(),
            _ => 0,
        };
        2 * size_of::<Self>() + name.len() + target
    }
}

/// How many names still lead to a wanted content, and what took the last one that is gone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    /// Names left in the tree.
    pub(super) left: usize,
    /// The last removal of one.
    pub(super) removed: Option<Removal>,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// Too many symlinks or too long a path: runtimes refuse the entry.
    Refused,
    /// The work allowed for one image is used up: nothing more can be said about it.
    Exhausted,
}

/// A path without symlinks, from the root, and what stands at each of its names. Holds until the tree's
/// [shape](Tree::shape) changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    names: Vec<(Rc<[u8]>, Option<NodeId>)>,
}

impl Resolved {
    /// What stands at its end.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.names.last().map_or(Some(ROOT), |(_, node)| *node)
    }

    /// Goes on to a name, without following it.
    pub(super) fn push(&mut self, tree: &Tree, name: &[u8]) {
        let node = self.node().and_then(|folder| tree.child(folder, name));
        self.names.push((name.into(), node));
    }

    /// Goes back to the folder above; gives the name, unless this is the root.
    pub(super) fn pop(&mut self) -> Option<Rc<[u8]>> {
        self.names.pop().map(|(name, _)| name)
    }
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Nodes that were removed and can be used again.
    unused: Vec<NodeId>,
    names: Vec<Names>,
    /// Counts what was put in and taken out.
    shape: u64,
    /// About how much memory the names in the tree take.
    bytes: usize,
    /// What is left of [`limits::REPLAY_STEPS`].
    steps: u64,
}

impl Tree {
    /// An empty root folder, and no name yet for any of `tracked` contents.
    pub(super) fn new(tracked: usize) -> Self {
        let root = Node { kind: Kind::Folder(HashMap::new()), layer: 0, contents: Vec::new(), name: None };
        Self {
            nodes: vec![root],
            unused: Vec::new(),
            names: vec![Names::default(); tracked],
            shape: 0,
            bytes: 0,
            steps: limits::REPLAY_STEPS,
        }
    }

    /// Counts steps of those whose number an image could drive up beyond that of its entries.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Unresolved> {
        self.steps = self.steps.checked_sub(steps).ok_or(Unresolved::Exhausted)?;
        Ok(())
    }

    /// Whether the tree is larger than it may be.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > limits::REPLAY_TREE
    }

    /// A number that changes with every name that is put in or taken out.
    pub(super) fn shape(&self) -> u64 {
        self.shape
    }

    /// The names of a wanted content.
    pub(super) fn names(&self, tracked: Tracked) -> Names {
        self.names.get(tracked).copied().unwrap_or_default()
    }

    /// The node, while it is in the tree.
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// What stands at `name` in a folder.
    pub(super) fn child(&self, folder: NodeId, name: &[u8]) -> Option<NodeId> {
        match &self.nodes.get(folder.0)?.kind {
            Kind::Folder(names) => names.get(name).copied(),
            _ => None,
        }
    }

    /// The names in a folder; none where it is no folder.
    pub(super) fn children(&self, folder: NodeId) -> impl Iterator<Item = (&Box<[u8]>, NodeId)> {
        let names = match self.nodes.get(folder.0).map(|node| &node.kind) {
            Some(Kind::Folder(names)) => Some(names),
            _ => None,
        };
        names.into_iter().flatten().map(|(name, id)| (name, *id))
    }

    /// Follows all symlinks of a cleaned path inside the root. What is missing, or is no folder, counts
    /// as a folder, so that the path of an entry whose folders are still to be made resolves too.
    pub(super) fn resolve(&mut self, path: &[&[u8]]) -> Result<Resolved, Unresolved> {
        if path.iter().map(|name| name.len() + 1).sum::<usize>() > limits::PATH {
            return Err(Unresolved::Refused);
        }
        let mut walk = Walk::default();
        for component in path {
            walk.enter(self, component)?;
        }
        Ok(walk.path)
    }

    /// The folder at a path without symlinks, made where it is missing. Whatever else stands in its way
    /// is replaced. Each folder is marked as one of `layer`.
    pub(super) fn make_folder(&mut self, path: &Resolved, layer: usize) -> NodeId {
        let mut folder = ROOT;
        for (name, node) in &path.names {
            folder = match node.filter(|&id| self.is_folder(id)) {
                Some(id) => id,
                None => {
                    self.remove(folder, name, Removal { layer, how: RemovedHow::Replaced });
                    let kind = Kind::Folder(HashMap::new());
                    self.insert(folder, name, Node { kind, layer, contents: Vec::new(), name: None })
                }
            };
            self.mark(folder, layer);
        }
        folder
    }

    /// What [`Tree::make_folder`] does, but for the folders that are missing: they are not needed, as
    /// nothing wanted lies below.
    pub(super) fn pass_folder(&mut self, path: &Resolved, layer: usize) {
        let mut folder = ROOT;
        for (name, node) in &path.names {
            let &Some(next) = node else { return };
            if !self.is_folder(next) {
                self.remove(folder, name, Removal { layer, how: RemovedHow::Replaced });
                return;
            }
            folder = next;
            self.mark(folder, layer);
        }
    }

    /// Marks a node as one of `layer`.
    pub(super) fn mark(&mut self, id: NodeId, layer: usize) {
        if let Some(node) = self.nodes.get_mut(id.0) {
            node.layer = layer;
        }
    }

    /// Whether the node is a folder.
    pub(super) fn is_folder(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| matches!(node.kind, Kind::Folder(_)))
    }

    /// Lets a folder that one more entry names lead to that entry's wanted content too.
    pub(super) fn add_content(&mut self, folder: NodeId, content: Tracked) {
        if let Some(node) = self.nodes.get_mut(folder.0) {
            node.contents.push(content);
            self.gain(content);
        }
    }

    /// Puts a node at `name` in a folder, where nothing stands.
    pub(super) fn insert(&mut self, folder: NodeId, name: &[u8], node: Node) -> NodeId {
        for &tracked in node.contents.iter().chain(&node.name) {
            self.gain(tracked);
        }
        self.shape += 1;
        self.bytes += node.bytes(name);
        let id = match self.unused.pop() {
            Some(id) => id,
            None => NodeId(self.nodes.len()),
        };
        match self.nodes.get_mut(id.0) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        if let Some(Node { kind: Kind::Folder(names), .. }) = self.nodes.get_mut(folder.0) {
            names.insert(name.into(), id);
        }
        id
    }

    /// Removes what stands at `name` in a folder, and all below it. A content below a folder that gives
    /// way to another file is replaced, not overwritten.
    pub(super) fn remove(&mut self, folder: NodeId, name: &[u8], removal: Removal) {
        let Some(Node { kind: Kind::Folder(names), .. }) = self.nodes.get_mut(folder.0) else { return };
        let Some(top) = names.remove(name) else { return };
        self.shape += 1;
        let mut removal = removal;
        if removal.how == RemovedHow::Overwritten && self.is_folder(top) {
            removal.how = RemovedHow::Replaced;
        }
        let mut doomed: Vec<(Box<[u8]>, NodeId)> = vec![(name.into(), top)];
        while let Some((name, id)) = doomed.pop() {
            let Some(node) = self.nodes.get_mut(id.0) else { continue };
            self.bytes = self.bytes.saturating_sub(node.bytes(&name));
            let tracked: Vec<_> = node.contents.drain(..).chain(node.name.take()).collect();
            if let Kind::Folder(names) = std::mem::replace(&mut node.kind, Kind::Other) {
                doomed.extend(names);
            }
            for tracked in tracked {
                self.lose(tracked, removal);
            }
            self.unused.push(id);
        }
    }

    fn gain(&mut self, tracked: Tracked) {
        if let Some(names) = self.names.get_mut(tracked) {
            names.left += 1;
        }
    }

    fn lose(&mut self, tracked: Tracked, removal: Removal) {
        if let Some(names) = self.names.get_mut(tracked) {
            names.left = names.left.saturating_sub(1);
            names.removed = Some(removal);
        }
    }
}

/// A walk along a path that follows every symlink.
#[derive(Debug, Default)]
struct Walk {
    /// Where it is.
    path: Resolved,
    /// How many symlinks were followed.
    followed: usize,
}

impl Walk {
    /// Goes on by one component, and through what symlinks it leads to.
    fn enter(&mut self, tree: &mut Tree, component: &[u8]) -> Result<(), Unresolved> {
        // What is still to be walked of the symlinks' targets, innermost last, each with its position.
        let mut targets: Vec<(Rc<[u8]>, usize)> = Vec::new();
        self.step(tree, component, &mut targets)?;
        while let Some((target, at)) = targets.pop() {
            let rest = target.get(at..).unwrap_or_default();
            if rest.is_empty() {
                continue;
            }
            tree.spend(1)?;
            let length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            targets.push((Rc::clone(&target), at + length + 1));
            self.step(tree, rest.get(..length).unwrap_or_default(), &mut targets)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        tree: &Tree,
        component: &[u8],
        targets: &mut Vec<(Rc<[u8]>, usize)>,
    ) -> Result<(), Unresolved> {
        match component {
            b"" | b"." => return Ok(()),
            b".." => {
                self.path.pop();
                return Ok(());
            }
            _ => {}
        }
        self.path.push(tree, component);
        let node = self.path.node().and_then(|id| tree.node(id));
        if let Some(Node { kind: Kind::Symlink(target), .. }) = node {
            self.path.pop();
            self.followed += 1;
            if self.followed > limits::LINKS_FOLLOWED || target.len() > limits::PATH {
                return Err(Unresolved::Refused);
            }
            if target.first() == Some(&b'/') {
                self.path = Resolved::default();
            }
            targets.push((Rc::clone(target), 0));
        }
        Ok(())
    }
}
