//! An engine's image whose archive broke off before the documents came that order its layers. What
//! passed was scanned, and is told by what the engine said of the image: incomplete, never lost.

use std::io::Read;

use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageError, ImageKind};
use crate::image::platform::PlatformSet;
use crate::report::model::SourceKind;

use super::super::{ImageSource, SourceError};
use super::{Facts, Passed};

pub(super) struct BrokenOff {
    facts: Facts,
    image: Image,
}

impl BrokenOff {
    /// `why` is what the reader of the archive said.
    pub(super) fn new(facts: Facts, passed: Vec<Passed>, why: &str) -> Self {
        let mut image = Image::new(ImageKind::Image);
        image.platform.clone_from(&facts.inspection.platform);
        let message = format!("{why}; neither the config nor the history of the image came");
        image.errors.push(ImageError { layer: None, reason: "truncated", message });
        image.layers = layers(&facts.inspection.diff_ids, passed, &mut image.errors);
        facts.apply(&mut image);
        Self { facts, image }
    }
}

impl ImageSource for BrokenOff {
    fn kind(&self) -> SourceKind {
        self.facts.kind
    }

    fn resolve(&self, _platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
        Ok(vec![self.image.clone()])
    }

    fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
        Err(SourceError::Invalid(format!("{} did not come", blob.key.0)))
    }
}

/// The layers that the engine named, each with the blob that it came as. A blob that broke off is the
/// layer that its name says, or the only one that is left; else it stands behind the others.
fn layers(diff_ids: &[Digest], passed: Vec<Passed>, errors: &mut Vec<ImageError>) -> Vec<ImageBlob> {
    let (whole, mut parts): (Vec<Passed>, Vec<Passed>) =
        passed.into_iter().partition(|blob| blob.diff_id.is_some());
    let is_whole = |diff_id: &Digest| whole.iter().any(|blob| blob.diff_id.as_ref() == Some(diff_id));
    let left = diff_ids.iter().filter(|diff_id| !is_whole(diff_id)).count();
    let mut layers = Vec::new();
    for (index, diff_id) in diff_ids.iter().enumerate() {
        if let Some(blob) = whole.iter().find(|blob| blob.diff_id.as_ref() == Some(diff_id)) {
            layers.push(layer(&blob.key, blob.size, Some(diff_id)));
            continue;
        }
        let is_named = |blob: &Passed| blob.key.0.contains(diff_id.hex());
        let part = parts.iter().position(|blob| is_named(blob) || left == 1);
        let (key, size, state) = match part.map(|at| parts.remove(at)) {
            Some(part) => (part.key, part.size, "broke off"),
            None => (BlobKey(format!("layer {index}")), None, "did not come"),
        };
        let message = format!("layer {index} ({diff_id}) {state}");
        errors.push(ImageError { layer: Some(index), reason: "truncated", message });
        layers.push(layer(&key, size, Some(diff_id)));
    }
    for part in parts {
        let index = layers.len();
        let message =
            format!("layer {index} stands for the beginning of one of the layers that did not come");
        errors.push(ImageError { layer: Some(index), reason: "truncated", message });
        layers.push(layer(&part.key, part.size, None));
    }
    layers
}

fn layer(key: &BlobKey, size: Option<u64>, diff_id: Option<&Digest>) -> ImageBlob {
    ImageBlob {
        key: key.clone(),
        digest: None,
        size,
        diff_id: diff_id.cloned(),
        media_type: None,
        annotations: Default::default(),
    }
}
