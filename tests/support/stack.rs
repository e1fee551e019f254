//! Random stacks of layers for the runtime oracle: files with unique contents, links, whiteouts and all
//! that changes a tree, as entries, as tars, as an OCI layout and as the archive that `docker load` takes.
//!
//! Runtimes refuse some layers altogether, and a stack that is refused tells nothing. A naive model of
//! both runtimes, a map from path to node, therefore decides which entries may come next ([`Tree`]). Not
//! made, because umoci refuses them: entries below a file or behind a loop of symlinks, hard links to a
//! folder, to themselves or to nothing, whiteouts of their own folder (`.wh.`), a root that is no folder.
//! Not made, because Docker refuses them: entries behind a symlink to nothing, and layers that remove a
//! folder for which they have an entry; names twice in one layer, but only where that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symlink to `link`.
    Symlink,
    /// A hard link to `link`.
    HardLink,
    /// A named pipe.
    Fifo,
}

/// An entry of a layer.
#[derive(Clone, Debug)]
pub(crate) struct StackEntry {
    /// Its name as the tar records it: absolute, dotted or plain.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: StackKind,
    /// Target of a link.
    pub(crate) link: String,
    /// Content of a file, unique among all files of the stack; empty of anything else and of whiteouts.
    pub(crate) content: String,
}

/// Layers, base first.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// What it was made from.
    pub(crate) seed: u64,
    /// The entries of each layer in tar order.
    pub(crate) layers: Vec<Vec<StackEntry>>,
    /// The contents that Docker's reading of the layers leaves, as the naive model has it.
    pub(crate) docker_contents: BTreeSet<String>,
}

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
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl Stack {
    /// The stack of a seed. Docker takes it only without duplicates, names that come twice in a layer.
    pub(crate) fn random(seed: u64, duplicates: bool) -> Self {
        let mut random = Random(seed);
        let mut trees = [Tree::new(Reading::Umoci), Tree::new(Reading::Docker)];
        let mut layers = Vec::new();
        for index in 0..2 + random.below(5) {
            layers.push(random_layer(&mut random, &mut trees, seed, index, duplicates));
        }
        let [_, docker] = &trees;
        Self { seed, layers, docker_contents: docker.contents() }
    }

    /// Each layer as a tar.
    pub(crate) fn tars(&self) -> Vec<Vec<u8>> {
        self.layers.iter().map(|layer| tar(layer)).collect()
    }

    /// Writes the stack as an OCI layout whose only image has the reference name `stack`.
    pub(crate) fn write_layout(&self, folder: &Path) -> std::io::Result<()> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        let mut diff_ids = Vec::new();
        let mut layers = Vec::new();
        for tar in self.tars() {
            let layer = write_blob(&blobs, "application/vnd.oci.image.layer.v1.tar", &tar)?;
            diff_ids.push(layer["digest"].clone());
            layers.push(layer);
        }
        let config = config(&diff_ids).to_string();
        let config = write_blob(&blobs, "application/vnd.oci.image.config.v1+json", config.as_bytes())?;
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers,
        });
        let mut manifest = write_blob(&blobs, media_type, manifest.to_string().as_bytes())?;
        manifest["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "stack" });
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(folder.join("index.json"), index.to_string())?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// The stack as `docker load` takes it, tagged `name`.
    pub(crate) fn docker_archive(&self, name: &str) -> Vec<u8> {
        let tars = self.tars();
        let diff_ids: Vec<_> = tars.iter().map(|tar| digest(tar).into()).collect();
        let names: Vec<_> = (0..tars.len()).map(|index| format!("{index}/layer.tar")).collect();
        let manifest = serde_json::json!([{ "Config": "config.json", "RepoTags": [name], "Layers": names }]);
        let mut archive = Vec::new();
        put_file(&mut archive, "manifest.json", manifest.to_string().as_bytes());
        put_file(&mut archive, "config.json", config(&diff_ids).to_string().as_bytes());
        for (name, tar) in names.iter().zip(&tars) {
            put_file(&mut archive, name, tar);
        }
        archive.resize(archive.len() + 1024, 0);
        archive
    }
}

fn config(diff_ids: &[serde_json::Value]) -> serde_json::Value {
    serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/a"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn write_blob(blobs: &Path, media_type: &str, bytes: &[u8]) -> std::io::Result<serde_json::Value> {
    let digest = digest(bytes);
    fs::write(blobs.join(&digest["sha256:".len()..]), bytes)?;
    Ok(serde_json::json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
}

/// A layer's entries as a ustar archive.
pub(crate) fn tar(entries: &[StackEntry]) -> Vec<u8> {
    let mut tar = Vec::new();
    for entry in entries {
        let flag = match entry.kind {
            StackKind::File => b'0',
            StackKind::HardLink => b'1',
            StackKind::Symlink => b'2',
            StackKind::Folder => b'5',
            StackKind::Fifo => b'6',
        };
        put_entry(&mut tar, &entry.path, flag, &entry.link, entry.content.as_bytes());
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn put_file(tar: &mut Vec<u8>, path: &str, content: &[u8]) {
    put_entry(tar, path, b'0', "", content);
}

fn put_entry(tar: &mut Vec<u8>, path: &str, flag: u8, link: &str, content: &[u8]) {
    let mut header = [0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    assert!(path.len() <= 100 && link.len() <= 100, "a name too long for ustar");
    put(0, path.as_bytes());
    put(100, b"0000755\x000000000\x000000000\x00");
    put(124, format!("{:011o}\x00", content.len()).as_bytes());
    put(136, b"14000000000\x00");
    put(148, b"        ");
    put(156, &[flag]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\x00 ").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// A layer that both runtimes take. What is tried and refused is left out, so that a layer may be short.
fn random_layer(
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

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn random_entry(random: &mut Random, tree: &Tree, content: &str) -> StackEntry {
    let path = random_path(random, tree);
    let mut entry =
        StackEntry { path: path.clone(), kind: StackKind::File, link: String::new(), content: String::new() };
    // There is little to hide in an empty tree.
    let kinds = if tree.nodes.len() < 6 { 79 } else { 100 };
    match random.below(kinds) {
        0..40 => entry.content = content.to_owned(),
        40..50 => entry.kind = StackKind::Folder,
        50..62 => {
            entry.kind = StackKind::Symlink;
            entry.link = random_target(random, tree);
        }
        62..76 => {
            entry.kind = StackKind::HardLink;
            entry.link = random_path(random, tree);
        }
        76..79 => entry.kind = StackKind::Fifo,
        79..92 => entry.path = whiteout(&path, None),
        _ => entry.path = whiteout(&path, Some(".wh..wh..opq")),
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

/// A path of up to three names, mostly one that is there or near one.
fn random_path(random: &mut Random, tree: &Tree) -> String {
    let known: Vec<&String> = tree.nodes.keys().filter(|path| !path.is_empty()).collect();
    if !known.is_empty() && random.chance(60) {
        let path = random.pick(&known).to_string();
        if random.chance(60) || path.split('/').count() >= 4 {
            return path;
        }
        return format!("{path}/{}", random.pick(&NAMES));
    }
    let names: Vec<&str> = (0..1 + random.below(3)).map(|_| *random.pick(&NAMES)).collect();
    names.join("/")
}

fn random_target(random: &mut Random, tree: &Tree) -> String {
    let path = random_path(random, tree);
    match random.below(5) {
        0 => format!("/{path}"),
        1 => format!("../{path}"),
        2 => format!("../../{path}/."),
        3 => format!("/{path}/../{}", random.pick(&NAMES)),
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

/// The whiteout of a path, or a whiteout of that name in its folder.
fn whiteout(path: &str, name: Option<&str>) -> String {
    let (folder, last) = split(path);
    let name = name.map_or_else(|| format!(".wh.{last}"), str::to_owned);
    join(folder, &name)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Which runtime a [`Tree`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Umoci,
    Docker,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    Symlink(String),
    File(String),
}

/// The naive model: every path without symlinks, and what stands there. The root is the empty path.
#[derive(Clone, Debug)]
struct Tree {
    reading: Reading,
    nodes: BTreeMap<String, Node>,
    /// What the layer made: paths without symlinks with all above them (umoci), names as the layer has
    /// them (Docker).
    own: BTreeSet<String>,
    /// The layer's folders, by their cleaned names.
    folders: BTreeSet<String>,
}

impl Tree {
    fn new(reading: Reading) -> Self {
        let nodes = BTreeMap::from([(String::new(), Node::Folder)]);
        Self { reading, nodes, own: BTreeSet::new(), folders: BTreeSet::new() }
    }

    fn begin_layer(&mut self) {
        self.own.clear();
        self.folders.clear();
    }

    /// Docker sets the times of a layer's folders at its end, and fails where one is gone.
    fn may_end_layer(&self) -> bool {
        let stands = |path: &String| {
            let resolved = self.resolve(path, true);
            resolved.is_some_and(|path| self.nodes.contains_key(&path))
        };
        self.reading == Reading::Umoci || self.folders.iter().all(stands)
    }

    fn contents(&self) -> BTreeSet<String> {
        let contents = self.nodes.values().filter_map(|node| match node {
            Node::File(content) if !content.is_empty() => Some(content.clone()),
            _ => None,
        });
        contents.collect()
    }

    /// The tree with one more entry; none where the runtime refuses it.
    fn with(&self, entry: &StackEntry) -> Option<Self> {
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
    fn resolve(&self, path: &str, whole: bool) -> Option<String> {
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
fn clean(path: &str) -> String {
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
