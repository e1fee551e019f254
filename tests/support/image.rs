//! Images in code, and every shape in which tools hand them on.
//!
//! ```text
//! let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", b"…")).env("K", "V").build();
//! docker_classic(&[&image]).tar()          bytes of a `docker save` archive
//! oci(&[&image], Compression::Zstd).write_to(folder)
//! ```

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use keyseam::image::digest::Digest;
use serde_json::{Value, json};

use super::tarball::{Header, Tarball};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Compression {
    pub(crate) fn apply(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Self::Zstd => zstd::encode_all(bytes, 1).expect("memory"),
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
        }
    }

    fn layer_suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => "+gzip",
            Self::Zstd => "+zstd",
            Self::Xz => "+xz",
            Self::Bzip2 => "+bzip2",
        }
    }
}

/// A layer's tar in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    tar: Tarball,
}

impl Layer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(mut self, path: &str, body: &[u8]) -> Self {
        self.tar.file(path, body);
        self
    }

    pub(crate) fn dir(mut self, path: &str) -> Self {
        self.tar.dir(path);
        self
    }

    pub(crate) fn symlink(mut self, path: &str, target: &str) -> Self {
        self.tar.symlink(path, target);
        self
    }

    pub(crate) fn hardlink(mut self, path: &str, target: &str) -> Self {
        self.tar.hardlink(path, target);
        self
    }

    /// `.wh.NAME` beside the path: it is gone from here on.
    pub(crate) fn whiteout(mut self, path: &str) -> Self {
        let (folder, name) =
            path.rsplit_once('/').map_or((String::new(), path), |(f, n)| (format!("{f}/"), n));
        self.tar.file(&format!("{folder}.wh.{name}"), b"");
        self
    }

    /// `.wh..wh..opq` in the folder: what lower layers have in it is gone.
    pub(crate) fn opaque(mut self, folder: &str) -> Self {
        self.tar.file(&format!("{}/.wh..wh..opq", folder.trim_end_matches('/')), b"");
        self
    }

    /// A file with an extended attribute.
    pub(crate) fn xattr(mut self, path: &str, body: &[u8], name: &str, value: &[u8]) -> Self {
        let pax = vec![(format!("SCHILY.xattr.{name}").into_bytes(), value.to_vec())];
        self.tar.entry(&Header { size: body.len() as u64, pax, ..Header::new(path.as_bytes(), b'0') }, body);
        self
    }

    /// Any entry.
    pub(crate) fn entry(mut self, header: &Header<'_>, body: &[u8]) -> Self {
        self.tar.entry(header, body);
        self
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        self.tar.finish()
    }
}

/// An image in the making. Every layer gets a history entry, unless there is to be none at all.
#[derive(Clone, Debug)]
pub(crate) struct ImageBuilder {
    names: Vec<String>,
    os: String,
    architecture: String,
    layers: Vec<Vec<u8>>,
    history: Option<Vec<Value>>,
    config: serde_json::Map<String, Value>,
    fields: serde_json::Map<String, Value>,
    annotations: BTreeMap<String, String>,
}

impl ImageBuilder {
    /// An image of this name (`repository:tag`) for this machine.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            os: "linux".to_owned(),
            architecture: this_architecture().to_owned(),
            layers: Vec::new(),
            history: Some(Vec::new()),
            config: serde_json::Map::new(),
            fields: serde_json::Map::new(),
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn also_named(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    pub(crate) fn platform(mut self, os: &str, architecture: &str) -> Self {
        (self.os, self.architecture) = (os.to_owned(), architecture.to_owned());
        self
    }

    pub(crate) fn layer(self, layer: Layer) -> Self {
        let step = format!("COPY layer-{} / # buildkit", self.layers.len());
        self.layer_by(&step, layer)
    }

    /// A layer with the step that made it.
    pub(crate) fn layer_by(mut self, created_by: &str, layer: Layer) -> Self {
        self.layers.push(layer.tar());
        self.history(created_by, false)
    }

    /// A layer of any bytes, tar or not.
    pub(crate) fn layer_bytes(mut self, created_by: &str, bytes: Vec<u8>) -> Self {
        self.layers.push(bytes);
        self.history(created_by, false)
    }

    /// A step, with a layer or (`empty`) without one.
    pub(crate) fn history(mut self, created_by: &str, empty: bool) -> Self {
        let mut step = json!({ "created": "2024-01-01T00:00:00Z", "created_by": created_by });
        if empty {
            step["empty_layer"] = json!(true);
        }
        if let Some(history) = &mut self.history {
            history.push(step);
        }
        self
    }

    pub(crate) fn without_history(mut self) -> Self {
        self.history = None;
        self
    }

    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        self.append("Env", json!(format!("{name}={value}")))
    }

    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.config.entry("Labels").or_insert(json!({}))[name] = json!(value);
        self
    }

    pub(crate) fn cmd(mut self, words: &[&str]) -> Self {
        self.config.insert("Cmd".to_owned(), json!(words));
        self
    }

    pub(crate) fn entrypoint(mut self, words: &[&str]) -> Self {
        self.config.insert("Entrypoint".to_owned(), json!(words));
        self
    }

    /// Any field of the config's `config` (`Healthcheck`, `OnBuild`, `User` …).
    pub(crate) fn config(mut self, name: &str, value: Value) -> Self {
        self.config.insert(name.to_owned(), value);
        self
    }

    /// Any field of the config itself (`author`, `comment`, `container_config` …).
    pub(crate) fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// An annotation of the manifest, where the shape has one.
    pub(crate) fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    fn append(mut self, name: &str, value: Value) -> Self {
        if let Some(list) = self.config.entry(name).or_insert(json!([])).as_array_mut() {
            list.push(value);
        }
        self
    }

    pub(crate) fn build(&self) -> Image {
        let diff_ids: Vec<String> =
            self.layers.iter().map(|tar| Digest::sha256_of(tar).to_string()).collect();
        let mut config = self.fields.clone();
        config.insert("os".to_owned(), json!(self.os));
        config.insert("architecture".to_owned(), json!(self.architecture));
        config.insert("config".to_owned(), Value::Object(self.config.clone()));
        config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));
        if let Some(history) = &self.history {
            config.insert("history".to_owned(), json!(history));
        }
        Image {
            names: self.names.clone(),
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            layers: self.layers.clone(),
            diff_ids,
            config: serde_json::to_vec(&config).expect("JSON"),
            annotations: self.annotations.clone(),
        }
    }
}

/// Go's name of this machine's architecture.
pub(crate) fn this_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A finished image, in no shape yet.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) names: Vec<String>,
    pub(crate) os: String,
    pub(crate) architecture: String,
    /// The layers' tars, base first.
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) diff_ids: Vec<String>,
    pub(crate) config: Vec<u8>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Image {
    pub(crate) fn config_digest(&self) -> String {
        Digest::sha256_of(&self.config).to_string()
    }
}

/// The files of an archive or layout, in order. Tests break them as they like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) list: Vec<(String, Member)>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    File(Vec<u8>),
    Symlink(String),
    HardLink(String),
}

impl Members {
    /// Adds a file; one that is there with the same bytes is not written twice.
    pub(crate) fn file(&mut self, name: &str, bytes: Vec<u8>) -> &mut Self {
        if !self.list.iter().any(|(other, _)| other == name) {
            self.list.push((name.to_owned(), Member::File(bytes)));
        }
        self
    }

    /// Adds a blob under its digest, and returns a descriptor of it.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256_of(bytes);
        self.file(&format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.list.iter().find_map(|(other, member)| match member {
            Member::File(bytes) if other == name => Some(bytes.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(self.get(name).expect("a member")).expect("JSON")
    }

    pub(crate) fn replace(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.remove(name);
        self.list.push((name.to_owned(), Member::File(bytes.into())));
        self
    }

    pub(crate) fn remove(&mut self, name: &str) -> &mut Self {
        self.list.retain(|(other, _)| other != name);
        self
    }

    /// The members in the opposite order.
    pub(crate) fn reversed(mut self) -> Self {
        self.list.reverse();
        self
    }

    /// All of them in a tar.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = Tarball::new();
        for (name, member) in &self.list {
            match member {
                Member::File(bytes) => tar.file(name, bytes),
                Member::Symlink(target) => tar.symlink(name, target),
                Member::HardLink(target) => tar.hardlink(name, target),
            };
        }
        tar.finish()
    }

    /// All files in a folder.
    pub(crate) fn write_to(&self, folder: &Path) {
        for (name, member) in &self.list {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            if let Member::File(bytes) = member {
                std::fs::write(path, bytes).expect("a file");
            }
        }
    }
}

/// `docker save` before version 25: a folder a layer, `manifest.json` at the end.
pub(crate) fn docker_classic(images: &[&Image]) -> Members {
    docker_classic_with(images, Compression::None)
}

/// The same with compressed layers, as some tools write it.
pub(crate) fn docker_classic_with(images: &[&Image], compression: Compression) -> Members {
    let mut members = Members::default();
    let mut entries = Vec::new();
    for image in images {
        let mut layers = Vec::new();
        for (index, tar) in image.layers.iter().enumerate() {
            // Real ids hash the chain of v1 configs; here anything that is the same for equal chains will do.
            let id = Digest::sha256_of(image.diff_ids[..=index].join(" ").as_bytes());
            let name = format!("{}/layer.tar", id.hex());
            members.file(&format!("{}/VERSION", id.hex()), b"1.0".to_vec());
            members.file(&format!("{}/json", id.hex()), json!({ "id": id.hex() }).to_string().into_bytes());
            members.file(&name, compression.apply(tar));
            layers.push(name);
        }
        let config = format!("{}.json", Digest::sha256_of(&image.config).hex());
        members.file(&config, image.config.clone());
        entries.push(json!({ "Config": config, "RepoTags": image.names, "Layers": layers }));
    }
    members.file("manifest.json", json!(entries).to_string().into_bytes());
    members.file("repositories", b"{}".to_vec());
    members
}

/// `podman save`: `DIFF_ID.tar`, Docker's old names as links to them.
pub(crate) fn podman(images: &[&Image]) -> Members {
    let mut members = Members::default();
    let mut entries = Vec::new();
    for image in images {
        let mut layers = Vec::new();
        for (index, tar) in image.layers.iter().enumerate() {
            let hex = image.diff_ids[index].trim_start_matches("sha256:");
            members.file(&format!("{hex}.tar"), tar.clone());
            let id = Digest::sha256_of(image.diff_ids[..=index].join(" ").as_bytes());
            let link = format!("{}/layer.tar", id.hex());
            if !members.list.iter().any(|(name, _)| *name == link) {
                members.list.push((link.clone(), Member::Symlink(format!("../{hex}.tar"))));
            }
            layers.push(link);
        }
        let config = format!("{}.json", Digest::sha256_of(&image.config).hex());
        members.file(&config, image.config.clone());
        entries.push(json!({ "Config": config, "RepoTags": image.names, "Layers": layers }));
    }
    members.file("manifest.json", json!(entries).to_string().into_bytes());
    members
}

/// `docker save` since version 25: an OCI layout that has a `manifest.json` as well.
pub(crate) fn docker_25(images: &[&Image]) -> Members {
    let mut members = oci(images, Compression::None);
    let entry = |image: &&Image| {
        let blob = |digest: &String| format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
        let layers: Vec<String> = image.diff_ids.iter().map(blob).collect();
        json!({ "Config": blob(&image.config_digest()), "RepoTags": image.names, "Layers": layers })
    };
    let entries: Vec<Value> = images.iter().map(entry).collect();
    members.file("manifest.json", json!(entries).to_string().into_bytes());
    members
}

/// An OCI layout; each image under its first name.
pub(crate) fn oci(images: &[&Image], compression: Compression) -> Members {
    let mut members = Members::default();
    let mut entries = Vec::new();
    for image in images {
        let mut entry = manifest(&mut members, image, compression);
        entry["annotations"] = json!({ REF_NAME: image.names[0] });
        entries.push(entry);
    }
    layout(&mut members, &entries);
    members
}

/// One image of several platforms, behind an index of its own as BuildKit writes it.
pub(crate) fn oci_platforms(name: &str, images: &[&Image], compression: Compression) -> Members {
    let mut members = Members::default();
    let mut entries = Vec::new();
    for image in images {
        let mut entry = manifest(&mut members, image, compression);
        entry["platform"] = json!({ "os": image.os, "architecture": image.architecture });
        entries.push(entry);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let mut entry = members.blob(OCI_INDEX, index.to_string().as_bytes());
    entry["annotations"] = json!({ REF_NAME: name });
    layout(&mut members, &[entry]);
    members
}

/// Writes `oci-layout` and `index.json`.
pub(crate) fn layout(members: &mut Members, entries: &[Value]) {
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    members.file("index.json", index.to_string().into_bytes());
    members.file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().into_bytes());
}

/// Writes the blobs of an image, and returns the descriptor of its manifest.
pub(crate) fn manifest(members: &mut Members, image: &Image, compression: Compression) -> Value {
    let media_type = format!("application/vnd.oci.image.layer.v1.tar{}", compression.layer_suffix());
    let mut layers = Vec::new();
    for tar in &image.layers {
        layers.push(members.blob(&media_type, &compression.apply(tar)));
    }
    let config = members.blob(OCI_CONFIG, &image.config);
    let mut manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    if !image.annotations.is_empty() {
        manifest["annotations"] = json!(image.annotations);
    }
    members.blob(OCI_MANIFEST, manifest.to_string().as_bytes())
}
