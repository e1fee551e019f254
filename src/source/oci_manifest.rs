//! From a manifest's descriptor to an [`Image`] (OCI image specification, manifest.md).

use std::collections::BTreeMap;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document, StoredManifest};
use crate::image::manifest::{Image, ImageBlob, ImageError, ImageKind};
use crate::image::media_type;

use super::documents::{Documents, bind_diff_ids, config_facts, is_json};

/// A manifest that an index names.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// Its descriptor.
    pub(super) descriptor: Descriptor,
    /// Annotations of every descriptor and index on the way to it.
    pub(super) annotations: BTreeMap<String, String>,
    /// The index that names it, where that is a document of its own.
    pub(super) index_digest: Option<Digest>,
}

/// The image of a manifest. What cannot be read of it stands in its errors.
pub(super) fn image(documents: &Documents<'_>, leaf: &Leaf) -> Image {
    let mut image = Image::new(ImageKind::Image);
    image.manifest_digest = Some(leaf.descriptor.digest.clone());
    image.index_digest = leaf.index_digest.clone();
    image.annotations = leaf.annotations.clone();
    image.platform = leaf.descriptor.platform.clone().filter(|platform| !platform.is_unknown());
    let document = documents.manifest(&leaf.descriptor);
    image.errors = document.errors;
    image.manifest_json = document.bytes;
    let Some(bytes) = &image.manifest_json else { return image };
    match index::parse(bytes, &leaf.descriptor.media_type) {
        Ok(Document::Manifest(manifest)) => fill(documents, &mut image, &manifest),
        Ok(Document::Index(_)) => image.errors.push(refused(leaf, "is an index in place of a manifest")),
        Err(error) => {
            let message = format!("manifest {}: {error}", leaf.descriptor.digest);
            image.errors.push(ImageError { layer: None, reason: error.reason(), message });
        }
    }
    image
}

fn refused(leaf: &Leaf, what: &str) -> ImageError {
    let message = format!("manifest {} {what}", leaf.descriptor.digest);
    ImageError { layer: None, reason: "media-type", message }
}

fn fill(documents: &Documents<'_>, image: &mut Image, manifest: &StoredManifest) {
    image.kind = kind_of(manifest);
    for (index, descriptor) in manifest.layers.iter().enumerate() {
        let blob = documents.blob(descriptor, Some(index), &mut image.errors);
        image.layers.push(blob);
    }
    match (&manifest.config, image.kind) {
        (Some(config), ImageKind::Image) => fill_image_config(documents, image, config),
        (Some(config), ImageKind::Artifact) => fill_artifact_config(documents, image, config),
        (None, ImageKind::Image) => {
            let message = "the manifest names no config".to_owned();
            image.errors.push(ImageError { layer: None, reason: "missing", message });
        }
        (None, ImageKind::Artifact) => {}
    }
}

/// An image has an image's config and layers. Signatures carry an image's config above a blob that no
/// runtime takes for a layer: they are artifacts.
fn kind_of(manifest: &StoredManifest) -> ImageKind {
    let is_layer = |layer: &Descriptor| media_type::is_layer(&layer.media_type);
    let layers = manifest.layers.iter().any(is_layer);
    let is_image = match &manifest.config {
        Some(config) => {
            media_type::is_image_config(&config.media_type) && (layers || manifest.layers.is_empty())
        }
        // Without a config only what calls itself a layer makes it an image, one that lacks its config.
        None => layers && manifest.layers.iter().any(|layer| !layer.media_type.is_empty()),
    };
    if is_image { ImageKind::Image } else { ImageKind::Artifact }
}

fn fill_image_config(documents: &Documents<'_>, image: &mut Image, config: &Descriptor) {
    image.config_digest = Some(config.digest.clone());
    let document = documents.config(config);
    image.errors.extend(document.errors);
    let Some(bytes) = document.bytes else { return };
    match config_facts(&bytes, &format!("config {}", config.digest)) {
        Ok(facts) => {
            if let (Some(own), Some(indexed)) = (&facts.platform, &image.platform)
                && own.to_string() != indexed.to_string()
                && own.normalised().to_string() != indexed.normalised().to_string()
            {
                image.warnings.push(format!("the config is for {own}, the index says {indexed}"));
            }
            image.platform = facts.platform.or(image.platform.take());
            bind_diff_ids(image, facts.diff_ids);
        }
        Err(error) => image.errors.push(error),
    }
    image.config_json = Some(bytes);
}

/// An artifact's config is anything: JSON is read as a config, all else is one more blob.
fn fill_artifact_config(documents: &Documents<'_>, image: &mut Image, config: &Descriptor) {
    image.config_digest = Some(config.digest.clone());
    if config.media_type == media_type::OCI_EMPTY && config.size <= 2 {
        return;
    }
    let document = documents.config(config);
    match document.bytes {
        Some(bytes) if is_json(&bytes) => {
            image.errors.extend(document.errors);
            image.config_json = Some(bytes);
        }
        // Not JSON, or too large to hold: it is read and verified as a blob, or missed as one.
        _ => {
            let layer = Some(image.layers.len());
            let blob = documents.blob(config, layer, &mut image.errors);
            image.layers.push(blob);
        }
    }
}

/// The blobs of an attestation manifest: itself, its config and its statements.
pub(super) fn attestation(
    documents: &Documents<'_>,
    leaf: &Leaf,
    errors: &mut Vec<ImageError>,
) -> Vec<ImageBlob> {
    let mut blobs = vec![documents.blob(&leaf.descriptor, None, errors)];
    let document = documents.manifest(&leaf.descriptor);
    let Some(bytes) = document.bytes else { return blobs };
    errors.extend(document.errors);
    match index::parse(&bytes, &leaf.descriptor.media_type) {
        Ok(Document::Manifest(manifest)) => {
            let parts = manifest.config.iter().chain(&manifest.layers);
            blobs.extend(parts.map(|part| documents.blob(part, None, errors)));
        }
        Ok(Document::Index(_)) => errors.push(refused(leaf, "is an index in place of an attestation")),
        Err(error) => {
            let message = format!("attestation {}: {error}", leaf.descriptor.digest);
            errors.push(ImageError { layer: None, reason: error.reason(), message });
        }
    }
    blobs
}
