//! What to do about a leaked key, as a report tells it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What to do about a leaked key: one line for each half, and all that is known of both.
#[derive(Clone, Debug, Serialize, Deserialize, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Remediation {
    /// The next thing to do, one line.
    pub next: String,
    /// Where keys are managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// How to revoke it, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke: Option<String>,
    /// The image half: what to change in the build, one line.
    pub image: String,
    /// The key half, whole: the same for all keys of a detector. Of an image with very many findings it stands at the
    /// first of each detector, as do the steps ([`crate::limits::ADVISED`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<Guide>>,
    /// What to do about the image, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_steps: Vec<String>,
    /// The instruction that brought the key, and how it is written without: a unified diff of the Dockerfile, or of
    /// the step as the image's history records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
}

/// What to do about the key at the service that issued it. Lists are in the order of doing.
#[derive(Clone, Debug, Serialize, Deserialize, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Guide {
    /// Whether it is general advice, by the kind of service and key; else it is this service's own.
    pub general: bool,
    /// What the key is and does.
    pub about: String,
    /// The service's page on such keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// What whoever holds it can do.
    pub allows: Vec<String>,
    /// How such keys usually leak.
    pub leaks: Vec<String>,
    /// How to see whether it was misused.
    pub misuse: Vec<String>,
    /// How to make its successor.
    pub make: Vec<String>,
    /// Whether both can work side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// How to bring the successor to everything that uses the key.
    pub roll_out: Vec<String>,
    /// How to revoke it.
    pub revoke: Vec<String>,
    /// What goes on working all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlives: Option<String>,
    /// What stops working.
    pub breaks: Vec<String>,
    /// How to see that nothing broke and nobody tries the old key.
    pub after: Vec<String>,
    /// How to restrict the next one.
    pub restrict: Vec<String>,
    /// Who can be told, and who tells whom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub report: Vec<String>,
    /// How to keep the next one out of source and images.
    pub keep_out: Vec<String>,
}
