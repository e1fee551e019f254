//! From a descriptor down to manifests (OCI image specification, image-index.md). Index inside index is
//! followed; attestations are joined to the image that they describe.

use std::collections::BTreeMap;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document};
use crate::image::manifest::{Image, ImageError, ImageKind};
use crate::image::media_type::{ManifestKind, manifest_kind};
use crate::limits::{INDEX_DEPTH, INDEX_MANIFESTS};

use super::documents::Documents;
use super::oci_manifest::{self, Leaf};

const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Which manifest an attestation describes.
pub(super) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// What was found on the way down from one descriptor.
#[derive(Default)]
pub(super) struct Found {
    pub(super) leaves: Vec<Leaf>,
    pub(super) attestations: Vec<Leaf>,
    pub(super) errors: Vec<ImageError>,
}

impl Found {
    /// Reads the images and joins the attestations. What went wrong above them concerns each.
    pub(super) fn images(mut self, documents: &Documents<'_>) -> Vec<Image> {
        if self.leaves.is_empty() {
            // Whatever an index calls them, manifests that stand alone are what is there to scan.
            self.leaves = std::mem::take(&mut self.attestations);
        }
        let mut images: Vec<Image> =
            self.leaves.iter().map(|leaf| oci_manifest::image(documents, leaf)).collect();
        if images.is_empty() && !self.errors.is_empty() {
            images.push(Image::new(ImageKind::Image));
        }
        for leaf in &self.attestations {
            let described = leaf
                .descriptor
                .annotations
                .get(REFERENCE_DIGEST)
                .and_then(|text| text.parse::<Digest>().ok());
            let position =
                images.iter().position(|image| described.is_some() && image.manifest_digest == described);
            // One that describes nothing here goes with the first image rather than with none.
            let Some(image) = images.get_mut(position.unwrap_or(0)) else { continue };
            if position.is_none() {
                image
                    .warnings
                    .push(format!("attestation {} describes no image of its index", leaf.descriptor.digest));
            }
            let blobs = oci_manifest::attestation(documents, leaf, &mut image.errors);
            image.attestations.extend(blobs);
        }
        for image in &mut images {
            image.errors.extend(self.errors.iter().cloned());
        }
        images
    }
}

/// A way down through indexes, bounded over all that it meets.
pub(super) struct Walk<'a> {
    documents: &'a Documents<'a>,
    left: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(documents: &'a Documents<'a>) -> Self {
        Self { documents, left: INDEX_MANIFESTS }
    }

    /// Goes down from a descriptor. `above` are the annotations on the way to it.
    pub(super) fn descend(
        &mut self,
        entry: &Descriptor,
        above: &BTreeMap<String, String>,
        index_digest: Option<&Digest>,
        depth: usize,
        found: &mut Found,
    ) {
        let Some(left) = self.left.checked_sub(1) else {
            let message = format!("the index names more than {INDEX_MANIFESTS} manifests");
            if found.errors.iter().all(|error| error.message != message) {
                found.errors.push(ImageError { layer: None, reason: "limit", message });
            }
            return;
        };
        self.left = left;
        let annotations = merged(above, &entry.annotations);
        if let Some(nested) = self.nested(entry, found) {
            if depth >= INDEX_DEPTH {
                let message = format!("index {} is nested more than {INDEX_DEPTH} deep", entry.digest);
                found.errors.push(ImageError { layer: None, reason: "limit", message });
                return;
            }
            let annotations = merged(&annotations, &nested.annotations);
            for entry in &nested.manifests {
                self.descend(entry, &annotations, Some(&nested.digest), depth + 1, found);
            }
            return;
        }
        let leaf = Leaf { descriptor: entry.clone(), annotations, index_digest: index_digest.cloned() };
        if is_attestation(entry) { found.attestations.push(leaf) } else { found.leaves.push(leaf) }
    }

    /// The index behind the entry, if it is one. An index that cannot be read is an error of the group;
    /// what is no index is read, and judged, as a manifest.
    fn nested(&self, entry: &Descriptor, found: &mut Found) -> Option<NestedIndex> {
        let kind = manifest_kind(&entry.media_type);
        if !matches!(kind, Some(ManifestKind::Index)) && !entry.media_type.is_empty() {
            return None;
        }
        let document = self.documents.manifest(entry);
        let parsed = document.bytes.as_deref().map(|bytes| index::parse(bytes, &entry.media_type));
        match parsed {
            Some(Ok(Document::Index(index))) => {
                found.errors.extend(document.errors);
                Some(NestedIndex {
                    digest: entry.digest.clone(),
                    manifests: index.manifests,
                    annotations: index.annotations,
                })
            }
            Some(Ok(Document::Manifest(_))) | Some(Err(_)) | None => None,
        }
    }
}

struct NestedIndex {
    digest: Digest,
    manifests: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

/// Both maps; where they differ in a value, both values stay.
fn merged(above: &BTreeMap<String, String>, below: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = above.clone();
    for (key, value) in below {
        let mut key = key.clone();
        while all.get(&key).is_some_and(|other| other != value) {
            key.push_str(" (below)");
        }
        all.insert(key, value.clone());
    }
    all
}

/// BuildKit's attestation manifests. One that names a real platform would be run, so it is an image.
pub(super) fn is_attestation(entry: &Descriptor) -> bool {
    match &entry.platform {
        Some(platform) => platform.is_unknown(),
        None => entry.annotations.get(REFERENCE_TYPE).is_some_and(|kind| kind == "attestation-manifest"),
    }
}
