//! Which of an image's layers are its base image's. Only bytes tell: a layer is the base's where its blob
//! is the same, or where the tar inside is, as it was read. What a config claims of it proves nothing.

use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageKind};
use crate::scan::Blobs;
use crate::scan::blob::BlobScan;

/// A base image, as far as others are compared with it.
#[derive(Clone, Debug)]
pub struct Base {
    /// What the user, or the image, calls it.
    pub name: String,
    /// Digest of its manifest.
    pub manifest_digest: Option<Digest>,
    layers: Vec<BaseLayer>,
}

#[derive(Clone, Debug)]
struct BaseLayer {
    digest: Option<Digest>,
    diff_id: Option<Digest>,
}

impl Base {
    /// `image` as a base.
    pub fn new(name: &str, image: &Image) -> Self {
        let layer =
            |blob: &ImageBlob| BaseLayer { digest: blob.digest.clone(), diff_id: blob.diff_id.clone() };
        Self {
            name: name.to_owned(),
            manifest_digest: image.manifest_digest.clone(),
            layers: image.layers.iter().map(layer).collect(),
        }
    }

    /// The layers of `image` whose diff_id has to be learned from their bytes to compare them.
    pub fn proofs<'i>(&'i self, image: &'i Image) -> impl Iterator<Item = &'i BlobKey> {
        let fits = self.fits(image);
        let pairs = image.layers.iter().zip(&self.layers);
        let unlike = pairs.filter(move |(blob, layer)| fits && !same(&blob.digest, &layer.digest));
        unlike.map(|(blob, _)| &blob.key)
    }

    /// How many of the first layers of `image` are this base's by the digests that both manifests pin: nothing
    /// has to be read to know it. None where they are not all of the base's.
    pub fn pinned(&self, image: &Image) -> Option<usize> {
        let mut pairs = image.layers.iter().zip(&self.layers);
        let all = self.fits(image) && pairs.all(|(blob, layer)| same(&blob.digest, &layer.digest));
        all.then_some(self.layers.len())
    }

    /// Whether the layers of `image`, as read, begin with all of this base's, and how many these are.
    pub fn proven(&self, image: &Image, blobs: &Blobs) -> Option<usize> {
        let is_same = |(blob, layer): (&ImageBlob, &BaseLayer)| {
            layer.is(blob, blobs.get(&blob.key).map(|scan| &**scan))
        };
        let all = self.fits(image) && image.layers.iter().zip(&self.layers).all(is_same);
        all.then_some(self.layers.len())
    }

    fn fits(&self, image: &Image) -> bool {
        image.kind == ImageKind::Image && !self.layers.is_empty() && self.layers.len() <= image.layers.len()
    }
}

impl BaseLayer {
    /// Whether a layer is this one: by the bytes that were read, or by the digest that a manifest pins
    /// them with, where they were not.
    fn is(&self, blob: &ImageBlob, scan: Option<&BlobScan>) -> bool {
        let stored = scan.map_or(&None, |scan| &scan.digest);
        let stored = if stored.is_some() { stored } else { &blob.digest };
        let content = scan.map_or(&None, |scan| &scan.diff_id);
        same(&self.digest, stored) || same(&self.diff_id, content)
    }
}

fn same(one: &Option<Digest>, other: &Option<Digest>) -> bool {
    one.is_some() && one == other
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::detect::DetectorSet;
    use crate::detect::catalogue::Catalogue;
    use crate::image::platform::PlatformSet;
    use crate::report::model::SourceKind;
    use crate::scan::matches::Search;
    use crate::scan::progress::Silent;
    use crate::scan::{Proofs, ScanOptions, Scanning};
    use crate::source::{ImageSource, SourceError};

    /// Layers that are no more than words: what stands in `media_type`.
    struct Words;

    impl ImageSource for Words {
        fn kind(&self) -> SourceKind {
            SourceKind::Registry
        }

        fn resolve(&self, _platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
            Ok(Vec::new())
        }

        fn open(&self, blob: &ImageBlob) -> Result<Box<dyn std::io::Read + Send>, SourceError> {
            match blob.media_type.clone() {
                Some(text) => Ok(Box::new(std::io::Cursor::new(text.into_bytes()))),
                None => Err(SourceError::Invalid("gone".to_owned())),
            }
        }
    }

    fn digest(text: &str) -> Digest {
        Digest::sha256_of(text.as_bytes())
    }

    /// A layer with these bytes under that digest and diff_id.
    fn layer(bytes: Option<&str>, stored: Option<&str>, content: Option<&str>) -> ImageBlob {
        ImageBlob {
            key: BlobKey(format!("{bytes:?} {stored:?}")),
            digest: stored.map(digest),
            size: None,
            diff_id: content.map(digest),
            media_type: bytes.map(str::to_owned),
            annotations: BTreeMap::new(),
        }
    }

    fn image(layers: Vec<ImageBlob>) -> Image {
        Image { layers, ..Image::new(ImageKind::Image) }
    }

    fn proven(base: Vec<ImageBlob>, layers: Vec<ImageBlob>) -> Option<usize> {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let detectors = DetectorSet::new(&catalogue).expect("its detectors");
        let search = Search { detectors: &detectors, own_secrets: None };
        let (base, image) = (Base::new("base", &image(base)), image(layers));
        let options = ScanOptions { jobs: 1, window: 64 * 1024, ..ScanOptions::default() };
        let scanning = Scanning { options: &options, search, known: None, progress: &Silent };
        let proofs: Proofs = base.proofs(&image).cloned().collect();
        let mut blobs = Blobs::new();
        scanning.blobs(&Words, std::slice::from_ref(&image), &proofs, &mut blobs);
        base.proven(&image, &blobs)
    }

    /// A layer that a registry pins.
    fn pinned(word: &str) -> ImageBlob {
        layer(Some(word), Some(word), Some(word))
    }

    /// A layer of a `docker save`, which has no digest.
    fn saved(word: &str) -> ImageBlob {
        layer(Some(word), None, Some(word))
    }

    #[test]
    fn the_same_blobs_from_the_first_on_are_the_base() {
        let [a, b, c] = ["a", "b", "c"].map(pinned);
        assert_eq!(proven(vec![a.clone(), b.clone()], vec![a.clone(), b.clone(), c.clone()]), Some(2));
        assert_eq!(proven(vec![a.clone()], vec![a.clone()]), Some(1));
        assert_eq!(proven(vec![a.clone(), c.clone()], vec![a.clone(), b.clone(), c.clone()]), None);
        assert_eq!(proven(vec![b.clone()], vec![a.clone(), b.clone()]), None);
        assert_eq!(proven(vec![a.clone(), b], vec![a.clone()]), None);
        assert_eq!(proven(Vec::new(), vec![a]), None, "no layer proves nothing");
    }

    #[test]
    fn the_same_tar_in_another_blob_is_the_base() {
        let saved_base = vec![saved("a"), pinned("b")];
        let other = |word| layer(Some(word), Some("compressed otherwise"), Some(word));
        assert_eq!(proven(saved_base.clone(), vec![saved("a"), saved("b"), saved("c")]), Some(2));
        let base = vec![layer(None, Some("b, compressed"), Some("b"))];
        assert_eq!(proven(base, vec![saved("b"), saved("c")]), Some(1));
        // Its bytes are not what its digest says, and still the base's.
        assert_eq!(proven(vec![saved("a")], vec![other("a")]), Some(1));
    }

    #[test]
    fn a_claim_is_no_proof() {
        // The config says that the layer is the base's; its bytes are others.
        let claimed = layer(Some("evil"), None, Some("a"));
        assert_eq!(proven(vec![saved("a")], vec![claimed]), None);
        let claimed = layer(Some("evil"), Some("a, compressed"), Some("a"));
        let base = layer(None, Some("a, compressed"), Some("a"));
        assert_eq!(proven(vec![base], vec![claimed]), None, "bytes that are not what the digest says");
        // What cannot be read is known by its digest, never by its claimed diff_id.
        let gone = |stored| layer(None, stored, Some("a"));
        assert_eq!(proven(vec![gone(Some("a, compressed"))], vec![gone(Some("a, compressed"))]), Some(1));
        assert_eq!(proven(vec![saved("a")], vec![gone(None)]), None);
    }

    #[test]
    fn an_artifact_has_no_base() {
        let base = Base::new("base", &image(vec![pinned("a")]));
        let artifact = Image { kind: ImageKind::Artifact, ..image(vec![pinned("a")]) };
        assert_eq!(base.proven(&artifact, &Blobs::new()), None);
    }
}
