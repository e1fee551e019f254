//! The report as data: version 1 of the JSON report, field by field. Every string in it has been
//! redacted when it was made; a format only has to neutralise what its own syntax gives a meaning.

mod remediation;
mod verification;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use remediation::{Guide, Remediation};
pub use verification::{Verification, VerificationStatus};

use crate::detect::{Confidence, Place, Severity};

/// The whole report of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this form: `1`.
    pub version: &'static str,
    /// What made it.
    pub tool: Tool,
    /// One result per image and platform, in the order asked for.
    pub results: Vec<ImageResult>,
    /// Targets that gave no result.
    pub errors: Vec<TargetError>,
    /// Counts over all results.
    pub summary: Summary,
    /// What the results were compared with, in the report of a `diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// The baseline that makes all of it known, where one is to be written.
    #[serde(skip)]
    pub baseline: Option<Vec<u8>>,
    /// When it was made. The JSON report leaves this out: two scans of one image give one report.
    #[serde(skip)]
    pub times: Times,
}

/// When a scan began and ended, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Before the first target was looked for.
    pub started: OffsetDateTime,
    /// When the last one was read.
    pub finished: OffsetDateTime,
}

impl Times {
    /// Of a scan that ends now.
    pub fn until_now(started: OffsetDateTime) -> Self {
        Self { started, finished: OffsetDateTime::now_utc().max(started) }
    }
}

/// What the results of a `diff` were compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// The old image, as it was asked for.
    pub old: String,
    /// Digest of its manifest, where it is one image of one platform.
    pub manifest_digest: Option<String>,
    /// Digest of the index that led to it.
    pub index_digest: Option<String>,
    /// Whether every byte of it was read: if not, what it has may count as added.
    pub complete: bool,
    /// Keys that both have: they are left out of the findings.
    pub known: usize,
    /// Keys that only the old one has.
    pub gone: usize,
}

/// The program and its rules.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// `keyseam`.
    pub name: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Digest of all definitions in use.
    pub ruleset: String,
}

/// A target that gave no result.
#[derive(Clone, Debug, Serialize)]
pub struct TargetError {
    /// As it was asked for.
    pub target: String,
    /// One clear line.
    pub message: String,
}

/// Counts over all results.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Results.
    pub images: usize,
    /// Distinct fingerprints.
    pub findings: usize,
    /// Distinct fingerprints, each at its highest severity: `critical`, `high`, `medium`, `low`, `info`.
    pub by_severity: BTreeMap<String, usize>,
    /// Suppressed findings.
    pub suppressed: usize,
    /// Whether every result is complete and no target failed.
    pub complete: bool,
}

/// Where an image was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A registry.
    Registry,
    /// The Docker engine.
    DockerDaemon,
    /// The Podman engine.
    Podman,
    /// The output of `docker save`.
    DockerArchive,
    /// An OCI layout in a tar.
    OciArchive,
    /// An OCI layout in a folder.
    OciLayout,
    /// A build context: what an image would hold that is not built yet.
    Context,
}

/// Who can pull an image from its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PullableBy {
    /// Anyone on the internet, without a password.
    Anyone,
    /// Whoever reaches the registry, without a password; it is on a private network.
    Network,
    /// Who has credentials.
    Credentials,
}

impl PullableBy {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Network => "network",
            Self::Credentials => "credentials",
        }
    }
}

/// The image that another is built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaseImage {
    /// As it was asked for, or as the image names it.
    pub name: String,
    /// Digest of its manifest.
    pub manifest_digest: Option<String>,
}

/// One image of one platform.
#[derive(Clone, Debug, Serialize)]
pub struct ImageResult {
    /// As it was asked for.
    pub target: String,
    /// The normalised reference, where it has one.
    pub reference: Option<String>,
    /// `repository@digest` forms.
    pub repo_digests: Vec<String>,
    /// Where it was read from.
    pub source: SourceKind,
    /// `image`, `artifact` or `context`.
    pub kind: &'static str,
    /// Digest of the manifest.
    pub manifest_digest: Option<String>,
    /// Digest of the index that led to it.
    pub index_digest: Option<String>,
    /// Digest of the config.
    pub config_digest: Option<String>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// Who can pull it, where a registry was asked.
    pub pullable_by: Option<PullableBy>,
    /// The image that it is built on, where that is proven.
    pub base_image: Option<BaseImage>,
    /// Its layers, base first.
    pub layers: Vec<Layer>,
    /// What was found and not suppressed: most severe first, then by place of introduction.
    pub findings: Vec<Finding>,
    /// What was suppressed.
    pub suppressed: Vec<Suppressed>,
    /// What shows keys in use.
    pub evidence: Vec<Evidence>,
    /// Whether every byte was read and scanned.
    pub complete: bool,
    /// What was not: at most [`crate::limits::ERRORS_LISTED`], then one that counts the rest.
    pub errors: Vec<ScanError>,
    /// Oddities that change nothing.
    pub warnings: Vec<String>,
    /// Contents that were scanned raw because they could not be opened.
    pub opaque: Opaque,
    /// Counts and sizes.
    pub stats: Stats,
}

/// A layer.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Base first, from 0.
    pub index: usize,
    /// Digest of the stored blob.
    pub digest: Option<String>,
    /// Digest of the tar inside.
    pub diff_id: Option<String>,
    /// Media type.
    pub media_type: Option<String>,
    /// Size of the stored blob in bytes.
    pub size: u64,
    /// The build step, as recorded.
    pub created_by: Option<String>,
    /// Index of the build step in the history.
    pub history_index: Option<usize>,
    /// Whether it belongs to the base image; null where no base is proven.
    pub base: Option<bool>,
    /// Whether the old image does not have it; null where none was compared.
    pub added: Option<bool>,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Files in it.
    pub files: u64,
    /// Size of the tar inside in bytes.
    pub bytes: u64,
}

/// A key under a detector.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `ksf1:<key id>:<32 hex>`.
    pub fingerprint: String,
    /// `ksp1:<32 hex>`.
    pub place: String,
    /// The detector's id.
    pub detector: String,
    /// The detector's name for people.
    pub name: String,
    /// The service that the key opens.
    pub service: String,
    /// The detector's category.
    pub category: String,
    /// By what a leak allows.
    pub severity: Severity,
    /// By what was proven.
    pub confidence: Confidence,
    /// The key, redacted; whole with `--show-secrets`.
    pub secret: String,
    /// What may stand in clear.
    pub handles: BTreeMap<String, String>,
    /// The earliest place.
    pub introduced_by: Origin,
    /// Whether a container of the image still holds it.
    pub in_final_image: bool,
    /// `container` or `puller`.
    pub exposed_to: &'static str,
    /// All places, the introducing one first.
    pub locations: Vec<Location>,
    /// Ids of other detectors that fit.
    pub also: Vec<String>,
    /// Ids and other halves found beside it.
    pub companions: Vec<Companion>,
    /// The package that owns the file.
    pub owner: Option<Owner>,
    /// Online verification.
    pub verification: Verification,
    /// What the inventory knew of it before this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// What to do.
    pub remediation: Remediation,
}

/// What the inventory knew of a key before this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The oldest other tag of the repository that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The day when it was first found there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Workloads that have it, or run this image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
}

/// Where a key came in.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Origin {
    /// Index of the layer; null for a step that made none, and for what only the config holds.
    pub layer: Option<usize>,
    /// Digest of that layer.
    pub digest: Option<String>,
    /// diff_id of that layer.
    pub diff_id: Option<String>,
    /// Index of the build step in the history.
    pub history_index: Option<usize>,
    /// The build step, as recorded.
    pub created_by: Option<String>,
    /// The line of the Dockerfile, where known.
    pub dockerfile: Option<DockerfileLine>,
}

/// A line of a Dockerfile.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct DockerfileLine {
    /// Path of the Dockerfile.
    pub path: String,
    /// From 1.
    pub line: u64,
}

/// A place where a key stands.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Location {
    /// The kind of place.
    pub kind: Place,
    /// Index of the layer.
    pub layer: Option<usize>,
    /// Path of the file.
    pub path: Option<String>,
    /// The path's bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    /// Members of nested archives, outermost first.
    pub inner: Vec<String>,
    /// From 1.
    pub line: Option<u64>,
    /// From 1, in bytes.
    pub column: Option<u64>,
    /// Of the key in its content, in bytes.
    pub offset: Option<u64>,
    /// Name of the variable, label, attribute.
    pub name: Option<String>,
    /// Encodings that were removed.
    pub decoded: Vec<String>,
    /// What took it away.
    pub removed_by: Option<RemovedBy>,
}

/// What took a content away.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct RemovedBy {
    /// Index of the layer.
    pub layer: usize,
    /// `whiteout`, `opaque`, `overwritten` or `replaced`.
    pub how: Cow<'static, str>,
}

/// An id or other half beside a key.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Companion {
    /// `id`, `secret`, `host` ….
    pub role: String,
    /// As it may be shown.
    pub value: String,
    /// How near it stands to the key: `lines`, `content`, `folder`, `config`, `layer`, `image`.
    pub near: &'static str,
    /// Its own places, where it is a find of its own; a pair is one finding.
    pub locations: Vec<Location>,
}

/// The package that owns a file.
#[derive(Clone, Debug, Serialize)]
pub struct Owner {
    /// `dpkg`, `apk`, `pip` ….
    pub manager: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Whether the file is as the package's record says.
    pub verified: bool,
}

/// A request that a service's error object tells of: with a key of this service something was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Evidence {
    /// The detector's id.
    pub detector: String,
    /// What was found, for people.
    pub name: String,
    /// The service.
    pub service: String,
    /// Where the service shows the request to the key's owner.
    pub url: String,
    /// Where it stands.
    pub locations: Vec<Location>,
}

/// A suppressed finding.
#[derive(Clone, Debug, Serialize)]
pub struct Suppressed {
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its detector.
    pub detector: String,
    /// The rule that did it, with its reason.
    pub by: String,
}

/// Something that was not read or scanned.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct ScanError {
    /// Index of the layer.
    pub layer: Option<usize>,
    /// Path of the file.
    pub path: Option<String>,
    /// A word for programs.
    pub reason: String,
    /// One clear line.
    pub message: String,
}

/// Contents that were scanned raw because they could not be opened.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Opaque {
    /// How many, by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// At most [`crate::limits::OPAQUE_LISTED`].
    pub paths: Vec<String>,
}

/// Counts and sizes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Layers.
    pub layers: usize,
    /// Layers whose result came from the cache.
    pub layers_cached: usize,
    /// Files.
    pub files: u64,
    /// Bytes of stored blobs that were read.
    pub bytes_compressed: u64,
    /// Bytes that the detectors saw.
    pub bytes_scanned: u64,
    /// Bytes known of that could not be read.
    pub bytes_skipped: u64,
    /// Wall time.
    pub seconds: f64,
}
