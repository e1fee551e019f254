//! Where a key came in and stands, as rows hold it: the same text for every image that shares the layer.

use serde::{Deserialize, Serialize};

use crate::detect::Place;
use crate::limits::{INVENTORY_PLACES, INVENTORY_TEXT};
use crate::report::describe;
use crate::report::model::{DockerfileLine, Finding, ImageResult, Location};
use crate::report::text::start;

/// The layer and build step that brought a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Digest of the layer; null for a step that made none, and for what only the config holds.
    pub digest: Option<String>,
    /// diff_id of that layer.
    pub diff_id: Option<String>,
    /// The build step, as recorded.
    pub created_by: Option<String>,
    /// The line of the Dockerfile, where known.
    pub dockerfile: Option<DockerfileLine>,
}

/// A place where a key stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The kind of place.
    pub kind: Place,
    /// Digest of the layer, or its diff_id where no digest is known.
    pub layer: Option<String>,
    /// Path of the file.
    pub path: Option<String>,
    /// Members of nested archives, outermost first.
    pub inner: Vec<String>,
    /// Name of the variable, label, attribute.
    pub name: Option<String>,
    /// From 1.
    pub line: Option<u64>,
    /// Whether a later layer took it away.
    pub removed: bool,
}

impl Spot {
    /// The place in one line, without its layer.
    pub fn words(&self) -> String {
        describe::place(&Location {
            kind: self.kind,
            layer: None,
            path: self.path.clone(),
            path_base64: None,
            inner: self.inner.clone(),
            line: self.line,
            column: None,
            offset: None,
            name: self.name.clone(),
            decoded: Vec::new(),
            removed_by: None,
        })
    }
}

/// Where the key of a finding came in.
pub(super) fn origin(finding: &Finding) -> Origin {
    let origin = &finding.introduced_by;
    Origin {
        digest: origin.digest.clone(),
        diff_id: origin.diff_id.clone(),
        created_by: origin.created_by.as_deref().map(cut),
        dockerfile: origin.dockerfile.clone(),
    }
}

/// Where it stands, and how many more places there are than are kept.
pub(super) fn spots(result: &ImageResult, finding: &Finding) -> (Vec<Spot>, usize) {
    let spot = |location: &Location| {
        let layer = location.layer.and_then(|layer| result.layers.get(layer));
        Spot {
            kind: location.kind,
            layer: layer.and_then(|layer| layer.digest.clone().or_else(|| layer.diff_id.clone())),
            path: location.path.as_deref().map(cut),
            inner: location.inner.iter().map(|name| cut(name)).collect(),
            name: location.name.as_deref().map(cut),
            line: location.line,
            removed: location.removed_by.is_some(),
        }
    };
    let spots = finding.locations.iter().take(INVENTORY_PLACES).map(spot).collect();
    (spots, finding.locations.len().saturating_sub(INVENTORY_PLACES))
}

/// A text of bounded length.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= INVENTORY_TEXT { text.to_owned() } else { start(text, INVENTORY_TEXT / 4, "…") }
}
