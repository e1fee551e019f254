//! Manifests, indexes and the image that a source made of them.

use std::collections::BTreeMap;

use super::digest::Digest;
use super::platform::Platform;

/// How a source finds a blob again: a digest, or a member's path in an archive. Equal keys are the
/// same bytes and are read once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(pub String);

/// A blob of an image: a layer, a file of an artifact, an attestation.
#[derive(Clone, Debug)]
pub struct ImageBlob {
    /// How the source finds it.
    pub key: BlobKey,
    /// Digest of the stored blob, where a descriptor names it (null in a classic `docker save`).
    pub digest: Option<Digest>,
    /// Size of the stored blob in bytes, where a descriptor or an archive header names it.
    pub size: Option<u64>,
    /// Digest of the tar inside, where the config names it.
    pub diff_id: Option<Digest>,
    /// Media type, where a descriptor names it.
    pub media_type: Option<String>,
    /// Annotations of its descriptor (`org.opencontainers.image.title` is a file's name in an artifact).
    pub annotations: BTreeMap<String, String>,
}

/// A container image, or any other artifact in the form of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// An image that a runtime could run: its layers stack to a root file system.
    Image,
    /// A Helm chart, an ORAS file, a WASM module …: its blobs stand side by side.
    Artifact,
}

/// One image of one platform, as a source resolved it: everything but the bytes of its layers.
#[derive(Clone, Debug)]
pub struct Image {
    /// A container image, or another artifact.
    pub kind: ImageKind,
    /// The name in the source (`RepoTags`, `org.opencontainers.image.ref.name`), unnormalised.
    pub name: Option<String>,
    /// `repository@digest` forms known for it.
    pub repo_digests: Vec<String>,
    /// Digest of the index that led to it.
    pub index_digest: Option<Digest>,
    /// Digest of its manifest.
    pub manifest_digest: Option<Digest>,
    /// The manifest's own bytes, where there is one.
    pub manifest_json: Option<Vec<u8>>,
    /// Digest of its config.
    pub config_digest: Option<Digest>,
    /// The config's own bytes. `None` for an artifact whose config is empty or no JSON (then it is one
    /// of `blobs`), and where it is missing (then `errors` says so).
    pub config_json: Option<Vec<u8>>,
    /// Annotations of the index entry that led to it (those of the manifest stand in `manifest_json`).
    pub annotations: BTreeMap<String, String>,
    /// Its platform, from the config or else the index.
    pub platform: Option<Platform>,
    /// Its layers, base first; an artifact's blobs in the manifest's order.
    pub layers: Vec<ImageBlob>,
    /// Blobs of the attestation manifests that describe it (in-toto statements: provenance, SBOM).
    pub attestations: Vec<ImageBlob>,
    /// Who can pull it, where a registry was asked.
    pub pullable_by: Option<PullableBy>,
    /// What of it could not be read: each makes the scan incomplete.
    pub errors: Vec<ImageError>,
    /// What is odd about it: never the exit status.
    pub warnings: Vec<String>,
}

impl Image {
    /// An image of which nothing is known yet.
    pub fn new(kind: ImageKind) -> Self {
        Self {
            kind,
            name: None,
            repo_digests: Vec::new(),
            index_digest: None,
            manifest_digest: None,
            manifest_json: None,
            config_digest: None,
            config_json: None,
            annotations: BTreeMap::new(),
            platform: None,
            layers: Vec::new(),
            attestations: Vec::new(),
            pullable_by: None,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Who can pull an image from its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullableBy {
    /// Anyone: it takes no credentials, and the registry has a public address.
    Anyone,
    /// Whoever reaches the registry, which is on a private network: it takes no credentials.
    Network,
    /// Only who has credentials.
    Credentials,
}

/// A part of an image that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError {
    /// Index of the layer, where it is one.
    pub layer: Option<usize>,
    /// A word for programs: `missing`, `digest-mismatch`, `not-json` ….
    pub reason: &'static str,
    /// One clear line for people that names the object.
    pub message: String,
}
