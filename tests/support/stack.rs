//! Random stacks of layers for the runtime oracle: files with unique contents, links, whiteouts and all
//! that changes a tree, as entries, as tars, as an OCI layout and as the archive that `docker load` takes.

mod model;
mod random;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use self::model::{Reading, Tree};
pub(crate) use self::random::Random;

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

impl Stack {
    /// The stack of a seed. Docker takes it only without duplicates, names that come twice in a layer.
    pub(crate) fn random(seed: u64, duplicates: bool) -> Self {
        let mut random = Random(seed);
        let mut trees = [Tree::new(Reading::Umoci), Tree::new(Reading::Docker)];
        let mut layers = Vec::new();
        for index in 0..2 + random.below(5) {
            layers.push(random::random_layer(&mut random, &mut trees, seed, index, duplicates));
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
