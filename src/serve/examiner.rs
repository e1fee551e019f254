//! The engine as a server uses it: rules that are loaded once, images and texts in, facts out.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::facts::Facts;
use super::fault;
use crate::cache::{LayerCache, Scope};
use crate::detect::catalogue::Catalogue;
use crate::detect::redact::Redactor;
use crate::detect::{DetectorIndex, DetectorSet};
use crate::finding::baseline::Baseline;
use crate::finding::fingerprint::FingerprintKey;
use crate::finding::ignore::IgnoreRules;
use crate::finding::result::{Judge, Target};
use crate::image::digest::{Algorithm, Digest};
use crate::image::manifest::{Image, ImageBlob, ImageKind};
use crate::image::platform::PlatformSet;
use crate::layer::hashed_names::NameHasher;
use crate::report::describe;
use crate::report::model::{ImageResult, SourceKind};
use crate::scan::blob::{BlobAsk, BlobScan, read_blob};
use crate::scan::matches::{Search, Workspace};
use crate::scan::pool::Pool;
use crate::scan::progress::Silent;
use crate::scan::{Blobs, KnownBlobs, Proofs, ScanOptions, Scanning};
use crate::source::{ImageSource, SourceError};
use crate::target::reference;

/// What is needed to examine.
pub struct Examiner {
    catalogue: Catalogue,
    detectors: DetectorSet,
    /// Which detectors count, indexed as the catalogue.
    selected: Vec<bool>,
    fingerprints: FingerprintKey,
    ignore: IgnoreRules,
    baseline: Baseline,
    options: ScanOptions,
    /// The layer cache's folder.
    folder: PathBuf,
    /// What searches of texts use again: one for each that ran at the same time.
    spaces: Mutex<Vec<Workspace>>,
}

/// A text of a manifest in which a key may stand.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a> {
    /// What it is.
    pub kind: LiteralKind,
    /// Its name, where it has one.
    pub name: Option<&'a str>,
    /// The text.
    pub value: &'a str,
    /// Where it stands, for people.
    pub place: &'a str,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// A variable of a container.
    Env,
    /// Words of a command.
    Arg,
    /// A label or an annotation.
    Label,
}

/// Blobs that were read on their way to the registry.
pub trait Passed: Sync {
    /// What was read of a blob, to be had once.
    fn take(&self, digest: &Digest) -> Option<BlobScan>;
}

/// None.
pub struct NonePassed;

impl Passed for NonePassed {
    fn take(&self, _digest: &Digest) -> Option<BlobScan> {
        None
    }
}

impl Examiner {
    /// With these rules. Layers that were read are kept in `folder`, under the hashing key.
    pub fn new(
        catalogue: Catalogue,
        detectors: DetectorSet,
        selected: Vec<bool>,
        fingerprints: FingerprintKey,
        options: ScanOptions,
        folder: PathBuf,
    ) -> Self {
        let (ignore, baseline) = (IgnoreRules::default(), Baseline::default());
        Self {
            catalogue,
            detectors,
            selected,
            fingerprints,
            ignore,
            baseline,
            options,
            folder,
            spaces: Mutex::default(),
        }
    }

    /// The hashing key.
    pub fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }

    /// What facts depend on beside the bytes of an image.
    pub fn with_scope<T>(&self, then: impl FnOnce(&Scope<'_>) -> T) -> T {
        let ruleset = self.catalogue.digest();
        let max_layer_bytes = self.options.max_layer_bytes;
        then(&Scope { ruleset: &ruleset, max_layer_bytes, own_secrets: None })
    }

    /// What is in the images of a source, all of them or those of some platforms. What of them was `passed` is not
    /// read again, nor what is in the layer cache.
    ///
    /// # Errors
    /// When there is no image to speak of.
    pub fn images(
        &self,
        source: &dyn ImageSource,
        name: &str,
        platforms: &PlatformSet,
        passed: &dyn Passed,
    ) -> Result<Facts, SourceError> {
        let images = source.resolve(platforms)?;
        let mut cache = self.with_scope(|scope| LayerCache::open(&self.folder, &self.fingerprints, scope));
        let names = cache.as_ref().map(|cache| cache.names().clone());
        let is_selected = |index| self.is_selected(index);
        let judge = self.judge(&is_selected, names.as_ref());
        let mut redactor = Redactor::new(&self.detectors);
        if let Some(cache) = &cache {
            redactor.trace_with(cache.tracer().clone());
        }
        let mut blobs = Blobs::new();
        let known = Known { cache: cache.as_ref(), passed };
        let scanning =
            Scanning { options: &self.options, search: judge.search, known: Some(&known), progress: &Silent };
        scanning.blobs(source, &images, &Proofs::new(), &mut blobs);
        fault::point("layers-read");
        let target = Target { text: name.to_owned(), source: source.kind() };
        let mut results = Vec::new();
        for image in &images {
            results.push(judge.judge(&target, image, &blobs, &mut redactor));
            // What cannot be kept is read again the next time.
            if let Some(cache) = &mut cache {
                let _ = cache.keep(image, &blobs, &judge, &redactor);
            }
        }
        fault::point("layers-kept");
        Ok(Facts::of(&results, &|text| redactor.clean(text)))
    }

    /// Makes room in the layer cache.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn tidy(&self) -> std::io::Result<()> {
        crate::cache::shrink(&self.folder)
    }

    /// Reads a blob that passes, to its end, on this thread alone.
    pub fn blob(&self, body: impl Read, algorithm: Algorithm) -> BlobScan {
        let search = Search { detectors: &self.detectors, own_secrets: None };
        let pool = Pool::new(search, self.options.window, 1);
        let content_limit = self.options.max_layer_bytes;
        let ask = BlobAsk { algorithm, diff_id: false, content_limit, statement: false };
        let mut space = Workspace::default();
        let owner = pool.owner();
        let read = read_blob(body, ask, &pool, &mut space, &Silent);
        drop(owner);
        pool.serve(&mut space);
        read.finish()
    }

    /// What is in the texts of a manifest.
    pub fn literals(&self, literals: &[Literal<'_>]) -> Facts {
        let is_selected = |index| self.is_selected(index);
        let judge = self.judge(&is_selected, None);
        let mut redactor = Redactor::new(&self.detectors);
        let target = Target { text: "manifest".to_owned(), source: SourceKind::Context };
        let mut all = Facts::default();
        let mut space = self.spaces().pop().unwrap_or_default();
        for group in groups(literals) {
            let image = group.image();
            if judge.finds_nothing_in_config(&image, &mut space) {
                continue;
            }
            let result = judge.judge(&target, &image, &Blobs::new(), &mut redactor);
            let mut facts = Facts::of(std::slice::from_ref(&result), &|text| redactor.clean(text));
            group.name_places(&result, &mut facts, &|text| redactor.clean(text));
            all.add(facts);
        }
        self.spaces().push(space);
        all
    }

    /// A text of others as it may be shown.
    pub fn clean(&self, text: &str) -> String {
        let mut redactor = Redactor::new(&self.detectors);
        // In the name of an image, a colon has no password behind it.
        if reference::parse(text).is_err() {
            redactor.learn_typed(text);
        }
        redactor.clean(text)
    }

    fn spaces(&self) -> MutexGuard<'_, Vec<Workspace>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_selected(&self, index: DetectorIndex) -> bool {
        self.selected.get(usize::from(index.0)).copied().unwrap_or(true)
    }

    fn judge<'a>(
        &'a self,
        selected: &'a dyn Fn(DetectorIndex) -> bool,
        names: Option<&'a NameHasher>,
    ) -> Judge<'a> {
        Judge {
            catalogue: &self.catalogue,
            search: Search { detectors: &self.detectors, own_secrets: None },
            selected,
            fingerprints: &self.fingerprints,
            ignore: &self.ignore,
            baseline: &self.baseline,
            dockerfile: None,
            dockerfile_in: None,
            skip_base: false,
            show_secrets: false,
            names,
            subjects: None,
        }
    }
}

struct Known<'a> {
    cache: Option<&'a LayerCache>,
    passed: &'a dyn Passed,
}

impl KnownBlobs for Known<'_> {
    fn known(&self, blob: &ImageBlob, ask: &BlobAsk) -> Option<BlobScan> {
        let digest = blob.digest.as_ref().filter(|_| !ask.statement)?;
        let passed = self.passed.take(digest).filter(|scan| !ask.diff_id || scan.diff_id.is_some());
        passed.or_else(|| self.cache?.known(blob, ask))
    }
}

/// Texts that go into one config: there each name stands once.
#[derive(Default)]
struct Group<'a>(HashMap<(LiteralKind, &'a str), Literal<'a>>);

/// The config of an image that says just that.
#[derive(Default, Serialize)]
struct Config<'a> {
    #[serde(rename = "Env")]
    env: Vec<String>,
    #[serde(rename = "Cmd")]
    command: Vec<&'a str>,
    #[serde(rename = "Labels")]
    labels: BTreeMap<&'a str, &'a str>,
}

fn groups<'a>(literals: &[Literal<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for literal in literals {
        let key = (literal.kind, literal.name.unwrap_or_default());
        match groups.iter_mut().find(|group| !group.0.contains_key(&key)) {
            Some(group) => {
                group.0.insert(key, *literal);
            }
            None => groups.push(Group(HashMap::from([(key, *literal)]))),
        }
    }
    groups
}

impl Group<'_> {
    fn image(&self) -> Image {
        let mut config = Config::default();
        let mut literals: Vec<_> = self.0.iter().collect();
        literals.sort_by_key(|(key, _)| (key.0 as u8, key.1));
        for ((kind, name), literal) in literals {
            match kind {
                LiteralKind::Env => config.env.push(format!("{name}={}", literal.value)),
                LiteralKind::Arg => config.command.push(literal.value),
                LiteralKind::Label => {
                    config.labels.insert(name, literal.value);
                }
            }
        }
        let json = serde_json::to_vec(&serde_json::json!({ "config": config })).unwrap_or_default();
        Image { config_json: Some(json), ..Image::new(ImageKind::Image) }
    }

    /// Names the places of keys as they are in the manifest.
    fn name_places(&self, result: &ImageResult, facts: &mut Facts, clean: &dyn Fn(&str) -> String) {
        use crate::detect::Place;
        for leak in &mut facts.leaks {
            let same = |one: &&crate::report::model::Finding| {
                one.fingerprint == leak.fingerprint && one.detector == leak.detector
            };
            let Some(location) = result.findings.iter().find(same).and_then(|one| one.locations.first())
            else {
                continue;
            };
            let kind = match location.kind {
                Place::Env => LiteralKind::Env,
                Place::Cmd => LiteralKind::Arg,
                _ => LiteralKind::Label,
            };
            let name = location.name.as_deref().unwrap_or_default();
            let literal = self.0.get(&(kind, name)).or_else(|| {
                // The arguments of a container have no name in a config.
                self.0
                    .iter()
                    .find(|((other, _), _)| *other == kind && kind == LiteralKind::Arg)
                    .map(|(_, one)| one)
            });
            leak.place = literal.map_or_else(|| describe::place(location), |literal| clean(literal.place));
        }
    }
}
