//! Blobs of registries that several targets of a run hold. Each is read once: its result is kept until
//! the last target that names it is done, and no longer.
//!
//! A blob's key is its digest, so equal keys are equal bytes whatever repository serves them. That holds
//! for what was read whole and verified; a repository's failure to serve a blob is its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::blob::{BlobAsk, BlobScan};
use super::{Blobs, Proofs, ScanOptions, Scanning, wanted};
use crate::image::manifest::{BlobKey, Image, ImageBlob};
use crate::limits::SHARED_RESULTS;
use crate::source::ImageSource;

/// What is planned, and what is kept for it.
pub struct SharedBlobs {
    plans: BTreeMap<BlobKey, Plan>,
    kept: BTreeMap<BlobKey, Kept>,
    /// Bytes that may be kept.
    room: usize,
}

/// What all targets together want of a blob.
struct Plan {
    ask: BlobAsk,
    /// The targets to come that hold it, ascending.
    uses: VecDeque<usize>,
}

struct Kept {
    scan: Arc<BlobScan>,
    /// Who served it.
    repository: String,
    /// Whether it is what its digest says, to the end and without an error.
    whole: bool,
}

impl Default for SharedBlobs {
    fn default() -> Self {
        Self { plans: BTreeMap::new(), kept: BTreeMap::new(), room: SHARED_RESULTS }
    }
}

impl SharedBlobs {
    /// Plans the blobs of the target with this number. Numbers ascend.
    pub fn expect(&mut self, target: usize, images: &[Image], proofs: &Proofs, options: &ScanOptions) {
        for (blob, ask) in wanted(images, proofs, options) {
            let plan = self.plans.entry(blob.key).or_insert_with(|| Plan { ask, uses: VecDeque::new() });
            plan.ask.diff_id |= ask.diff_id;
            plan.ask.statement |= ask.statement;
            plan.uses.push_back(target);
        }
    }

    /// The blobs of a target that was planned: those that are not kept are read from its `source`.
    pub fn read(
        &mut self,
        target: usize,
        source: &dyn ImageSource,
        images: &[Image],
        repository: &str,
        scanning: &Scanning<'_>,
    ) -> Blobs {
        let mut blobs = Blobs::new();
        let mut missing = Vec::new();
        for (blob, ask) in wanted(images, &Proofs::new(), scanning.options) {
            match self.kept.get(&blob.key).filter(|kept| kept.whole || kept.repository == repository) {
                Some(kept) => drop(blobs.insert(blob.key, kept.scan.clone())),
                None => {
                    let ask = self.plans.get(&blob.key).map_or(ask, |plan| plan.ask);
                    missing.push((blob, ask));
                }
            }
        }
        let named: BTreeMap<BlobKey, ImageBlob> =
            missing.iter().map(|(blob, _)| (blob.key.clone(), blob.clone())).collect();
        for (key, scan) in scanning.read(source, missing) {
            let whole = scan.errors.is_empty() && named.get(&key).is_some_and(|blob| is_whole(blob, &scan));
            if self.plans.contains_key(&key) {
                let kept = Kept { scan: scan.clone(), repository: repository.to_owned(), whole };
                self.kept.insert(key.clone(), kept);
            }
            blobs.insert(key, scan);
        }
        self.let_go(target, &blobs);
        blobs
    }

    /// Drops those of `blobs` that no target behind this one holds, and what there is no room for.
    fn let_go(&mut self, target: usize, blobs: &Blobs) {
        for key in blobs.keys() {
            let Some(plan) = self.plans.get_mut(key) else { continue };
            while plan.uses.front().is_some_and(|next| *next <= target) {
                plan.uses.pop_front();
            }
            if plan.uses.is_empty() {
                self.plans.remove(key);
                self.kept.remove(key);
            }
        }
        let mut held: usize = self.kept.values().map(|kept| memory(&kept.scan)).sum();
        while held > self.room {
            let next = |key: &BlobKey| self.plans.get(key).and_then(|plan| plan.uses.front());
            let Some(last) = self.kept.keys().max_by_key(|key| next(key)).cloned() else { return };
            held -= self.kept.remove(&last).map_or(0, |kept| memory(&kept.scan));
        }
    }
}

fn is_whole(blob: &ImageBlob, scan: &BlobScan) -> bool {
    blob.digest.is_some() && blob.digest == scan.digest
}

/// Bytes that a result takes, about.
fn memory(scan: &BlobScan) -> usize {
    const FIXED: usize = 4 * 1024;
    const MATCH: usize = 6 * 1024;
    FIXED + scan.entries.memory() + scan.packages.memory() + scan.matches.len().saturating_mul(MATCH)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::sync::Mutex;

    use super::*;
    use crate::detect::catalogue::Catalogue;
    use crate::detect::set::DetectorSet;
    use crate::image::digest::Digest;
    use crate::image::manifest::ImageKind;
    use crate::image::platform::PlatformSet;
    use crate::report::model::SourceKind;
    use crate::scan::matches::Search;
    use crate::scan::progress::Silent;
    use crate::source::SourceError;

    /// A repository that counts what it is asked for, and serves nothing where it is `broken`.
    struct Repository {
        broken: bool,
        opened: Mutex<Vec<String>>,
    }

    impl Repository {
        fn new(broken: bool) -> Self {
            Self { broken, opened: Mutex::new(Vec::new()) }
        }

        fn opened(&self) -> Vec<String> {
            let mut opened = std::mem::take(&mut *self.opened.lock().expect("no panic"));
            opened.sort();
            opened
        }
    }

    impl ImageSource for Repository {
        fn kind(&self) -> SourceKind {
            SourceKind::Registry
        }

        fn resolve(&self, _platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
            Ok(Vec::new())
        }

        fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
            let name = blob.media_type.clone().unwrap_or_default();
            self.opened.lock().expect("no panic").push(name.clone());
            match self.broken {
                true => Err(SourceError::Invalid("gone".to_owned())),
                false => Ok(Box::new(io::Cursor::new(name.into_bytes()))),
            }
        }
    }

    /// An image whose layers are these words.
    fn image(layers: &[&str]) -> Vec<Image> {
        let blob = |text: &&str| {
            let digest = Digest::sha256_of(text.as_bytes());
            ImageBlob {
                key: BlobKey(format!("blobs/sha256/{}", digest.hex())),
                digest: Some(digest),
                size: Some(text.len() as u64),
                diff_id: None,
                media_type: Some((*text).to_owned()),
                annotations: BTreeMap::new(),
            }
        };
        let layers = layers.iter().map(blob).collect();
        vec![Image { layers, ..Image::new(ImageKind::Image) }]
    }

    fn with_scanning(test: impl FnOnce(&Scanning<'_>)) {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let detectors = DetectorSet::new(&catalogue).expect("its detectors");
        let options = ScanOptions { jobs: 2, window: 64 * 1024, ..ScanOptions::default() };
        let search = Search { detectors: &detectors, own_secrets: None };
        test(&Scanning { options: &options, search, known: None, progress: &Silent });
    }

    #[test]
    fn a_blob_is_read_once_and_dropped_behind_the_last_image() {
        with_scanning(|scanning| {
            let targets = [image(&["base", "one"]), image(&["base", "two"]), image(&["three"])];
            let mut shared = SharedBlobs::default();
            for (number, images) in targets.iter().enumerate() {
                shared.expect(number, images, &Proofs::new(), scanning.options);
            }
            let (ours, theirs) = (Repository::new(false), Repository::new(false));
            let first = shared.read(0, &ours, &targets[0], "ours", scanning);
            assert_eq!((first.len(), shared.kept.len()), (2, 1), "only the base is kept");
            let second = shared.read(1, &theirs, &targets[1], "theirs", scanning);
            assert_eq!((second.len(), shared.kept.len()), (2, 0));
            assert_eq!(shared.read(2, &theirs, &targets[2], "theirs", scanning).len(), 1);
            assert_eq!((ours.opened(), theirs.opened()), (words(&["base", "one"]), words(&["three", "two"])));
            assert!(shared.plans.is_empty());
        });
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_one_repository_does_not_serve_another_is_asked_for() {
        with_scanning(|scanning| {
            let targets = [image(&["base"]), image(&["base"]), image(&["base"]), image(&["base"])];
            let mut shared = SharedBlobs::default();
            for (number, images) in targets.iter().enumerate() {
                shared.expect(number, images, &Proofs::new(), scanning.options);
            }
            let (broken, good) = (Repository::new(true), Repository::new(false));
            let errors = |blobs: Blobs| blobs.values().map(|scan| scan.errors.len()).sum::<usize>();
            assert_eq!(errors(shared.read(0, &broken, &targets[0], "broken", scanning)), 1);
            assert_eq!(errors(shared.read(1, &broken, &targets[1], "broken", scanning)), 1);
            assert_eq!(broken.opened().len(), 1, "the same repository is not asked again");
            assert_eq!(errors(shared.read(2, &good, &targets[2], "good", scanning)), 0);
            assert_eq!(errors(shared.read(3, &broken, &targets[3], "broken", scanning)), 0);
            assert_eq!((good.opened().len(), broken.opened().len()), (1, 0));
        });
    }

    #[test]
    fn bytes_that_are_not_what_their_digest_says_are_not_shared() {
        with_scanning(|scanning| {
            let mut lie = image(&["true"]);
            lie[0].layers[0].media_type = Some("lie".to_owned());
            let targets = [lie, image(&["true"])];
            let mut shared = SharedBlobs::default();
            for (number, images) in targets.iter().enumerate() {
                shared.expect(number, images, &Proofs::new(), scanning.options);
            }
            let repository = Repository::new(false);
            shared.read(0, &repository, &targets[0], "a", scanning);
            let blobs = shared.read(1, &repository, &targets[1], "b", scanning);
            assert_eq!(
                blobs.values().next().and_then(|scan| scan.digest.clone()),
                targets[1][0].layers[0].digest
            );
            assert_eq!(repository.opened(), words(&["lie", "true"]));
        });
    }

    #[test]
    fn a_proof_that_a_later_image_needs_is_made_by_the_only_reading() {
        with_scanning(|scanning| {
            let targets = [image(&["base"]), image(&["base"])];
            let proofs = Proofs::from([targets[1][0].layers[0].key.clone()]);
            let asked = |first: &Proofs, second: &Proofs| {
                let mut shared = SharedBlobs::default();
                shared.expect(0, &targets[0], first, scanning.options);
                shared.expect(1, &targets[1], second, scanning.options);
                shared.plans.values().all(|plan| plan.ask.diff_id)
            };
            let none = Proofs::new();
            assert!(asked(&none, &proofs) && asked(&proofs, &none) && !asked(&none, &none));
        });
    }

    #[test]
    fn without_room_the_one_that_is_needed_last_is_read_again() {
        with_scanning(|scanning| {
            let targets = [image(&["far", "near"]), image(&["near"]), image(&["far"])];
            let mut shared = SharedBlobs { room: 5 * 1024, ..SharedBlobs::default() };
            for (number, images) in targets.iter().enumerate() {
                shared.expect(number, images, &Proofs::new(), scanning.options);
            }
            let repository = Repository::new(false);
            for (number, images) in targets.iter().enumerate() {
                assert_eq!(
                    shared.read(number, &repository, images, "r", scanning).len(),
                    images[0].layers.len()
                );
            }
            assert_eq!(repository.opened(), words(&["far", "far", "near"]));
        });
    }
}
