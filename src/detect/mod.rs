//! Windows of content in, hits out: one literal pass, a bounded regex at the hit, gates, the offline
//! check. What a detector is stands in its TOML definition; `docs/adding-a-detector.md` describes the form.

mod assignment;
mod boundary;
mod brand;
mod canonical;
pub mod catalogue;
mod check_definition;
mod context;
pub mod definition;
mod detector;
mod effort;
pub mod fault;
mod form;
mod gate;
pub mod grade;
mod host;
pub mod import;
pub mod key;
pub mod later;
mod lines;
pub mod literal;
mod names;
mod opening;
pub mod own_secrets;
mod paths;
mod pattern;
pub mod redact;
mod samples;
mod section;
pub mod self_test;
pub mod set;
pub mod template;
pub mod traces;
pub mod validate;

use std::ops::Range;

pub use catalogue::Catalogue;
pub use definition::Definition;
pub use grade::{Confidence, Severity};
pub use key::Key;
pub use set::{DetectorSet, Scratch};

/// Position of a definition in its [`DetectorSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct DetectorIndex(pub u16);

/// Where a content comes from: the `kind` of a location in the report, and context for detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The content of a file.
    File,
    /// The name of a file.
    #[serde(rename = "filename")]
    FileName,
    /// The target of a symbolic or hard link.
    Symlink,
    /// An extended attribute.
    Xattr,
    /// A pax record or another string of a tar header.
    Pax,
    /// Bytes of a layer that belong to no file: behind the end of the tar, fill bytes, second readings.
    Unallocated,
    /// The comment of a nested archive.
    ArchiveComment,
    /// An environment variable of the config, or of an ENV step of the history.
    Env,
    /// A build argument, as the history records it.
    Arg,
    /// A label of the config.
    Label,
    /// A build step in the history that is none of the others.
    History,
    /// The entrypoint.
    Entrypoint,
    /// The command.
    Cmd,
    /// The health check.
    Healthcheck,
    /// An ONBUILD trigger.
    Onbuild,
    /// The user.
    User,
    /// The author.
    Author,
    /// A comment of the config or of a step.
    Comment,
    /// An annotation of a manifest, an index or a descriptor.
    Annotation,
    /// The manifest's own text, elsewhere.
    Manifest,
    /// A blob of an attestation.
    Attestation,
    /// The config's own text, elsewhere.
    Config,
}

/// A stretch of one content, with enough around it.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// The bytes, carried-over ones in front.
    pub bytes: &'a [u8],
    /// Anchors that start in this range of `bytes` are this window's to decide; the others are a
    /// neighbour's. There are [`crate::limits::CONTEXT_RADIUS`] bytes on either side of it, unless the
    /// content begins or ends there.
    pub owned: Range<usize>,
    /// Whether `bytes` begins where the content begins.
    pub starts: bool,
    /// Whether `bytes` ends where the content ends.
    pub ends: bool,
    /// What kind of content it is.
    pub place: Place,
    /// Path of the file, as recorded; empty where there is none.
    pub path: &'a [u8],
}

/// A key that a detector found in a window.
///
/// A hit depends only on the bytes within the context radius of its anchor: the same content cut into
/// other windows gives the same hits.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The detector.
    pub detector: DetectorIndex,
    /// The key as it stands there, in the window's `bytes`.
    pub span: Range<usize>,
    /// The canonical secret: quotes and URL-encoding removed, PEM as DER, of a pair the secret half.
    pub key: Key,
    /// The definition's severity, or that of the form that matched.
    pub severity: Severity,
    /// The definition's confidence, raised or lowered by the offline check.
    pub confidence: Confidence,
    /// Whether an offline check proved it.
    pub verified: bool,
    /// What may stand in clear: name and value (`account`, `key-id`, `expires` …).
    pub handles: Vec<(String, String)>,
    /// The ids and other halves found beside it: role and value as they may be shown.
    pub companions: Vec<(String, String)>,
    /// Whether a companion without which it opens nothing was not beside it.
    pub incomplete: bool,
}
