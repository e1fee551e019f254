//! The generator of random layers. A seed means the same stack for ever.

use super::model::{Node, Tree, clean, join, split};
use super::{StackEntry, StackKind};

/// A small generator of random numbers (SplitMix64), so that a seed means the same stack for ever.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A layer that both runtimes take. What is tried and refused is left out, so that a layer may be short.
pub(super) fn random_layer(
    random: &mut Random,
    trees: &mut [Tree; 2],
    seed: u64,
    index: usize,
    duplicates: bool,
) -> Vec<StackEntry> {
    loop {
        let mut after = trees.clone();
        after.iter_mut().for_each(Tree::begin_layer);
        let mut layer: Vec<StackEntry> = Vec::new();
        for position in 0..4 + random.below(14) {
            let name = format!("content-{seed:016x}-{index}-{position}-end");
            let entry = random_entry(random, &after[0], &name);
            let is_same = |other: &StackEntry| clean(&other.path) == clean(&entry.path);
            if !duplicates && layer.iter().any(is_same) {
                continue;
            }
            let tried: Vec<_> = after.iter().map(|tree| tree.with(&entry)).collect();
            if let [Some(umoci), Some(docker)] = &tried[..] {
                after = [umoci.clone(), docker.clone()];
                layer.push(entry);
            }
        }
        if after.iter().all(Tree::may_end_layer) {
            *trees = after;
            return layer;
        }
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn random_entry(random: &mut Random, tree: &Tree, content: &str) -> StackEntry {
    let path = random_path(random, tree);
    let (kind, link) = (StackKind::File, String::new());
    let mut entry = StackEntry { path, kind, link, content: String::new() };
    // There is little to hide in an empty tree.
    let kinds = if tree.nodes.len() < 8 { 75 } else { 100 };
    match random.below(kinds) {
        0..38 => entry.content = content.to_owned(),
        38..46 => entry.kind = StackKind::Folder,
        46..58 => {
            entry.kind = StackKind::Symlink;
            entry.link = random_target(random, tree);
        }
        58..73 => {
            entry.kind = StackKind::HardLink;
            let is_linkable = |node: &Node| *node != Node::Folder;
            let target = random_known(random, tree, is_linkable).unwrap_or_default();
            entry.link = random_alias(random, tree, target);
        }
        73..75 => entry.kind = StackKind::Fifo,
        75..90 => {
            let known = random_known(random, tree, |_| true).unwrap_or(entry.path);
            let path = random_alias(random, tree, known);
            let (folder, name) = split(&path);
            entry.path = join(folder, &format!(".wh.{name}"));
        }
        _ => {
            let is_passable = |node: &Node| !matches!(node, Node::File(_));
            let folder = random_known(random, tree, is_passable).unwrap_or_default();
            entry.path = join(&folder, ".wh..wh..opq");
        }
    }
    if split(&entry.path).1.starts_with(".wh.") && random.chance(10) {
        // Nothing of a whiteout but its name matters.
        match random.below(2) {
            0 => entry.kind = StackKind::Folder,
            _ => entry.content = content.to_owned(),
        }
    }
    entry.path = random_form(random, entry.path);
    entry
}

/// A path that is in the tree, but not the root.
fn random_known(random: &mut Random, tree: &Tree, choose: impl Fn(&Node) -> bool) -> Option<String> {
    let known: Vec<&String> = tree
        .nodes
        .iter()
        .filter(|(path, node)| !path.is_empty() && choose(node))
        .map(|(path, _)| path)
        .collect();
    if known.is_empty() { None } else { Some((*random.pick(&known)).clone()) }
}

/// A path that is in the tree, or one below a folder or symlink of it, or any.
fn random_path(random: &mut Random, tree: &Tree) -> String {
    let name = *random.pick(&NAMES);
    let path = match random.below(10) {
        0..2 => random_known(random, tree, |_| true),
        2..6 => random_known(random, tree, |node| *node == Node::Folder).map(|path| join(&path, name)),
        6..8 => {
            let is_symlink = |node: &Node| matches!(node, Node::Symlink(_));
            random_known(random, tree, is_symlink).map(|path| join(&path, name))
        }
        _ => None,
    };
    let path = path.filter(|path| path.split('/').count() <= 4).unwrap_or_else(|| {
        let names: Vec<&str> = (0..1 + random.below(3)).map(|_| *random.pick(&NAMES)).collect();
        names.join("/")
    });
    random_alias(random, tree, path)
}

/// The path, or the same through a symlink that leads to one of its folders.
fn random_alias(random: &mut Random, tree: &Tree, path: String) -> String {
    let mut aliases = vec![path.clone(); 2];
    for (symlink, node) in &tree.nodes {
        let leads_to = match node {
            Node::Symlink(_) => tree.resolve(symlink, true),
            _ => None,
        };
        let below = leads_to.as_deref().and_then(|folder| path.strip_prefix(folder)?.strip_prefix('/'));
        aliases.extend(below.map(|below| join(symlink, below)));
    }
    random.pick(&aliases).clone()
}

/// What a symlink says: mostly a folder, absolute or relative, sometimes with dots.
fn random_target(random: &mut Random, tree: &Tree) -> String {
    let path = match random.chance(70) {
        true => random_known(random, tree, |node| *node == Node::Folder).unwrap_or_default(),
        false => random_path(random, tree),
    };
    match random.below(7) {
        0..3 => format!("/{path}"),
        3 => format!("../{path}"),
        4 => format!("../../../../{path}/."),
        5 => format!("/{path}/../{}", random.pick(&NAMES)),
        _ => path,
    }
}

/// The path as it is, or one of the odd ways to write it.
fn random_form(random: &mut Random, path: String) -> String {
    match random.below(12) {
        0 => format!("/{path}"),
        1 | 2 => format!("./{path}"),
        3 => format!("../../{path}"),
        4 => format!("{}/../{path}", random.pick(&NAMES)),
        5 => path.replace('/', "//"),
        _ => path,
    }
}
