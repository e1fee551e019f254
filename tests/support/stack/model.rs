//! A naive model of what runtimes make of layers: a map from path to node.
//!
//! Runtimes refuse some layers altogether, and a stack that is refused tells nothing, so the model
//! decides which entries may come next. Refused by umoci: entries below a file or behind a loop of
//! symlinks, hard links to a folder, to themselves or to nothing, whiteouts of their own folder (`.wh.`),
//! symlinks to an empty name, a root that is no folder. Refused by Docker: entries behind a symlink to nothing, layers that remove a
//! folder for which they have an entry, and names twice in one layer (which the generator sees to).

use std::collections::{BTreeMap, BTreeSet};

use super::{StackEntry, StackKind};

/// Which runtime a [`Tree`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Umoci,
    Docker,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    Symlink(String),
    File(String),
}

/// The naive model: every path without symlinks, and what stands there. The root is the empty path.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    reading: Reading,
    pub(super) nodes: BTreeMap<String, Node>,
    /// What the layer made: paths without symlinks with all above them (umoci), names as the layer has
    /// them (Docker).
    own: BTreeSet<String>,
    /// The layer's folders, by their cleaned names.
    folders: BTreeSet<String>,
}

impl Tree {
    pub(super) fn new(reading: Reading) -> Self {
        let nodes = BTreeMap::from([(String::new(), Node::Folder)]);
        Self { reading, nodes, own: BTreeSet::new(), folders: BTreeSet::new() }
    }

    pub(super) fn begin_layer(&mut self) {
        self.own.clear();
        self.folders.clear();
    }

    /// Docker sets the times of a layer's folders at its end, and fails where one is gone.
    pub(super) fn may_end_layer(&self) -> bool {
        let stands = |path: &String| {
            let resolved = self.resolve(path, true);
            resolved.is_some_and(|path| self.nodes.contains_key(&path))
        };
        self.reading == Reading::Umoci || self.folders.iter().all(stands)
    }

    pub(super) fn contents(&self) -> BTreeSet<String> {
        let contents = self.nodes.values().filter_map(|node| match node {
            Node::File(content) if !content.is_empty() => Some(content.clone()),
            _ => None,
        });
        contents.collect()
    }

    /// The tree with one more entry; none where the runtime refuses it.
    pub(super) fn with(&self, entry: &StackEntry) -> Option<Self> {
        let mut tree = self.clone();
        let path = clean(&entry.path);
        let (folder, name) = split(&path);
        if name.is_empty() {
            return None;
        }
        let parent = tree.resolve(folder, false)?;
        if let Some(hidden) = name.strip_prefix(".wh.") {
            match name {
                ".wh..wh..opq" => tree.hide_all(folder, &parent),
                _ => tree.hide(&join(&parent, hidden)),
            }
            return Some(tree);
        }
        let place = join(&parent, name);
        tree.make_folders(&parent)?;
        // A name may lead through what it replaces (`x/..` in a symlink), which Docker then misses.
        let mut emptied = tree.clone();
        emptied.remove(&place);
        emptied.resolve(folder, true).filter(|still| *still == parent)?;
        tree.place(&place, entry)?;
        match tree.reading {
            Reading::Umoci => tree.own_with_folders(&place),
            Reading::Docker => tree.own.extend([path.clone()]),
        }
        if entry.kind == StackKind::Folder {
            tree.folders.insert(path);
        }
        Some(tree)
    }

    fn place(&mut self, place: &str, entry: &StackEntry) -> Option<()> {
        let node = match entry.kind {
            StackKind::Folder if self.nodes.get(place) == Some(&Node::Folder) => return Some(()),
            StackKind::Folder => Node::Folder,
            StackKind::Symlink if entry.link.is_empty() => return None,
            StackKind::Symlink => Node::Symlink(entry.link.clone()),
            StackKind::File => Node::File(entry.content.clone()),
            StackKind::Fifo => Node::File(String::new()),
            StackKind::HardLink => {
                self.remove(place);
                let target = clean(&entry.link);
                let (folder, name) = split(&target);
                let target = join(&self.resolve(folder, true)?, name);
                self.nodes.get(&target).filter(|node| **node != Node::Folder)?.clone()
            }
        };
        self.remove(place);
        self.nodes.insert(place.to_owned(), node);
        Some(())
    }

    fn hide(&mut self, path: &str) {
        match self.reading {
            Reading::Umoci => self.remove_where(path, |tree, path| !tree.own.contains(path)),
            Reading::Docker => self.remove(path),
        }
    }

    fn hide_all(&mut self, folder: &str, resolved: &str) {
        if self.reading == Reading::Umoci {
            let below: Vec<String> = self.children(resolved);
            for path in below {
                self.remove_where(&path, |tree, path| !tree.own.contains(path));
            }
            return;
        }
        // Docker walks the names, and does not walk through a symlink at the top.
        let (above, name) = split(folder);
        let unfollowed = self.resolve(above, true).map(|above| join(&above, name));
        if unfollowed.as_deref() == Some(resolved) {
            self.hide_unlisted(folder, resolved);
        }
    }

    fn hide_unlisted(&mut self, folder: &str, resolved: &str) {
        for path in self.children(resolved) {
            let listed = join(folder, split(&path).1);
            if self.own.contains(&listed) {
                self.hide_unlisted(&listed, &path);
            } else {
                self.remove(&path);
            }
        }
    }

    /// Removes all paths at and below this one that `condition` holds for.
    fn remove_where(&mut self, path: &str, condition: impl Fn(&Self, &str) -> bool) {
        for path in self.at_and_below(path) {
            if condition(self, &path) {
                self.nodes.remove(&path);
            }
        }
    }

    fn remove(&mut self, path: &str) {
        self.remove_where(path, |_, _| true);
    }

    fn at_and_below(&self, top: &str) -> Vec<String> {
        let below = format!("{top}/");
        self.nodes.keys().filter(|path| *path == top || path.starts_with(&below)).cloned().collect()
    }

    fn children(&self, folder: &str) -> Vec<String> {
        let paths = self.nodes.keys().filter(|path| !path.is_empty() && split(path).0 == folder);
        paths.cloned().collect()
    }

    fn make_folders(&mut self, folder: &str) -> Option<()> {
        for path in with_folders(folder) {
            let node = self.nodes.entry(path).or_insert(Node::Folder);
            if *node != Node::Folder {
                return None;
            }
        }
        Some(())
    }

    fn own_with_folders(&mut self, path: &str) {
        self.own.extend(with_folders(path));
    }

    /// Follows all symlinks of a cleaned path. What a symlink leads to must be there, and nothing but
    /// folders may stand on the way; with `whole`, the path itself must be there too.
    pub(super) fn resolve(&self, path: &str, whole: bool) -> Option<String> {
        let mut left: Vec<(String, bool)> =
            path.split('/').rev().map(|name| (name.to_owned(), whole)).collect();
        let mut resolved = String::new();
        let mut followed = 0;
        while let Some((name, must_exist)) = left.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    resolved = split(&resolved).0.to_owned();
                    continue;
                }
                _ => {}
            }
            let next = join(&resolved, &name);
            match self.nodes.get(&next) {
                Some(Node::Symlink(target)) => {
                    followed += 1;
                    if followed > 20 {
                        return None;
                    }
                    if target.starts_with('/') {
                        resolved.clear();
                    }
                    left.extend(target.split('/').rev().map(|name| (name.to_owned(), true)));
                }
                Some(Node::Folder) => resolved = next,
                None if !must_exist => resolved = next,
                _ => return None,
            }
        }
        Some(resolved)
    }
}

/// A path and all folders above it, but not the root; the topmost first.
fn with_folders(path: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let above = paths.last().cloned().unwrap_or_default();
        paths.push(join(&above, name));
    }
    paths
}

/// A name cleaned by its text alone, inside the root.
pub(super) fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join("/")
}

pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
