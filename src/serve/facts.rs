//! What scans found in an image, as far as a decision needs it: no key, no part of one, and nothing that depends
//! on the policy. It is what the store keeps of an image.

use serde::{Deserialize, Serialize};

use crate::detect::{Confidence, Severity};

/// What is known of one digest: a manifest, or an index with all that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Keys, each once under each detector that found it, the most severe first. At most
    /// [`crate::limits::FACTS_LEAKS`].
    pub leaks: Vec<Leak>,
    /// Further keys, which no exemption can name.
    pub more_leaks: u64,
    /// Why not everything could be read: one clear line, redacted. `None` where every byte was.
    pub incomplete: Option<String>,
}

/// A key that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// `ksf1:…`.
    pub fingerprint: String,
    /// The detector's id.
    pub detector: String,
    /// The detector's name for people: `MessageBird access key`.
    pub name: String,
    /// The service that the key opens.
    pub service: String,
    /// By what a leak allows.
    pub severity: Severity,
    /// By what was proven.
    pub confidence: Confidence,
    /// Where it stands, for people, redacted: `layer 3 (sha256:0123abcd4567, COPY . /app), /app/.env`, or
    /// `env TOKEN of container web`.
    pub place: String,
}
