//! One source from its blobs to what was found in them: every blob that its images name is read once,
//! by as many workers as there are cores. Over several sources of a run, [`shared`] keeps that.

pub mod attestation;
pub mod blob;
pub mod caps;
pub mod config_units;
pub mod hashed;
mod inside;
pub mod kinds;
pub mod matches;
pub mod opaque;
pub mod pool;
pub mod progress;
pub mod secret;
pub mod segment;
pub mod shared;
pub mod unsearched;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use blob::{BlobAsk, BlobError, BlobScan, ReadBlob, read_blob};
use kinds::Kinds;
use matches::{Search, Workspace};
use pool::Pool;
use progress::{LayerProgress, Progress};

use crate::image::digest::{Algorithm, Digest};
use crate::image::manifest::{BlobKey, Image, ImageBlob};
use crate::image::media_type::is_statement;
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::report::model::SourceKind;
use crate::source::{BlobSink, ImageSource, Opened, PassingBlob, SourceError, StreamSource};

/// How to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Which platforms of an index.
    pub platforms: PlatformSet,
    /// Threads that read and search.
    pub jobs: usize,
    /// Fresh bytes to a buffer; results do not depend on it.
    pub window: usize,
    /// Bytes of content after which a layer is cut.
    pub max_layer_bytes: u64,
    /// Whether to check diff_ids also where a digest pins the stored bytes.
    pub verify_diff_ids: bool,
    /// All, but for a bench.
    #[doc(hidden)]
    pub kinds: Kinds,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            platforms: PlatformSet::Default,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            window: limits::WINDOW_FRESH,
            max_layer_bytes: limits::LAYER_CONTENT,
            verify_diff_ids: false,
            kinds: Kinds::default(),
        }
    }
}

/// Blobs that were read, by key. A blob may belong to several images.
pub type Blobs = BTreeMap<BlobKey, Arc<BlobScan>>;

/// Layers whose diff_id is to be learned from their bytes, whatever pins these.
pub type Proofs = BTreeSet<BlobKey>;

/// A source's images with all their blobs read.
pub struct Scanned {
    /// What the source is.
    pub kind: SourceKind,
    /// Its images.
    pub images: Vec<Image>,
    /// The blobs, by key.
    pub blobs: Blobs,
}

/// Reads every blob of the images that `opened` holds.
///
/// # Errors
/// When there is no image to speak of. What is wrong with an image or a blob stands in its result.
pub fn scan(
    opened: Opened,
    options: &ScanOptions,
    search: Search<'_>,
    progress: &dyn Progress,
) -> Result<Scanned, SourceError> {
    let scanning = Scanning { options, search, known: None, progress };
    let (source, mut blobs) = match opened {
        Opened::Indexed(source) => (source, Blobs::new()),
        Opened::Stream(stream) => scanning.stream(stream, false)?,
    };
    let images = source.resolve(&options.platforms)?;
    scanning.blobs(&*source, &images, &Proofs::new(), &mut blobs);
    Ok(Scanned { kind: source.kind(), images, blobs })
}

/// Blobs that were read in other runs.
pub trait KnownBlobs: Sync {
    /// What is known of a blob, if it is all that is asked for.
    fn known(&self, blob: &ImageBlob, ask: &BlobAsk) -> Option<BlobScan>;
}

/// How blobs are read, by which rules, and before whose eyes.
#[derive(Clone, Copy)]
pub struct Scanning<'a> {
    /// How.
    pub options: &'a ScanOptions,
    /// The rules.
    pub search: Search<'a>,
    /// What is known from other runs.
    pub known: Option<&'a dyn KnownBlobs>,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
}

impl Scanning<'_> {
    /// Reads a stream to its end, and every blob in it; with `diff_ids`, all their diff_ids are learned.
    ///
    /// # Errors
    /// When the stream holds no image to speak of.
    pub fn stream(
        &self,
        stream: Box<dyn StreamSource>,
        diff_ids: bool,
    ) -> Result<(Box<dyn ImageSource>, Blobs), SourceError> {
        let options = &ScanOptions {
            verify_diff_ids: self.options.verify_diff_ids || diff_ids,
            ..self.options.clone()
        };
        scan_stream(stream, options, self.search, self.progress)
    }

    /// Reads the blobs of `images` that `blobs` does not hold yet.
    pub fn blobs(&self, source: &dyn ImageSource, images: &[Image], proofs: &Proofs, blobs: &mut Blobs) {
        let mut wanted = wanted(images, proofs, self.options);
        wanted.retain(|(blob, _)| !blobs.contains_key(&blob.key));
        blobs.extend(self.read(source, wanted));
    }

    fn read(&self, source: &dyn ImageSource, wanted: Vec<(ImageBlob, BlobAsk)>) -> Blobs {
        let mut known = Blobs::new();
        let is_known = |(blob, ask): &(ImageBlob, BlobAsk)| {
            let scan = self.known.and_then(|blobs| blobs.known(blob, ask));
            scan.map(|scan| known.insert(blob.key.clone(), Arc::new(scan))).is_some()
        };
        let (_, unknown): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_known);
        if unknown.is_empty() {
            return known;
        }
        known.extend(scan_blobs(source, unknown, self.options, self.search, self.progress));
        known
    }
}

/// Every blob once, the largest first, with what must be learned of it.
fn wanted(images: &[Image], proofs: &Proofs, options: &ScanOptions) -> Vec<(ImageBlob, BlobAsk)> {
    let mut wanted: BTreeMap<&BlobKey, (ImageBlob, BlobAsk)> = BTreeMap::new();
    let layers = images.iter().flat_map(|image| &image.layers);
    let layers = layers.map(|blob| (blob, blob.media_type.as_deref().is_some_and(is_statement)));
    let attestations = images.iter().flat_map(|image| &image.attestations).map(|blob| (blob, true));
    for (blob, statement) in layers.chain(attestations) {
        let diff_id = options.verify_diff_ids || blob.digest.is_none() || proofs.contains(&blob.key);
        let algorithm = blob.digest.as_ref().map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let ask = BlobAsk { algorithm, diff_id, content_limit: options.max_layer_bytes, statement };
        let entry = wanted.entry(&blob.key).or_insert_with(|| (blob.clone(), ask));
        entry.1.diff_id |= diff_id;
        entry.1.statement |= statement;
    }
    let mut wanted: Vec<_> = wanted.into_values().collect();
    wanted.sort_by_key(|(blob, _)| std::cmp::Reverse(blob.size));
    wanted
}

fn scan_blobs(
    source: &dyn ImageSource,
    wanted: Vec<(ImageBlob, BlobAsk)>,
    options: &ScanOptions,
    search: Search<'_>,
    progress: &dyn Progress,
) -> Blobs {
    let jobs = options.jobs.max(1);
    let stored = wanted.iter().fold(0, |sum: u64, (blob, _)| sum.saturating_add(blob.size.unwrap_or(0)));
    progress.total(wanted.len(), stored);
    let pool = Pool::new(search, options.window, jobs).with(options.kinds);
    let queue = Mutex::new(wanted.into_iter());
    let read = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut space = Workspace::default();
                let owner = pool.owner();
                while let Some((blob, ask)) = next(&queue) {
                    let layer = progress.layer(&blob_name(&blob), blob.size);
                    let result = open_and_read(source, &blob, ask, &pool, &mut space, &*layer);
                    push(&read, (blob.key, result));
                }
                drop(owner);
                pool.serve(&mut space);
            });
        }
    });
    let read = read.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    finished(read)
}

fn finished(read: Vec<(BlobKey, ReadBlob)>) -> Blobs {
    read.into_iter().map(|(key, blob)| (key, Arc::new(blob.finish()))).collect()
}

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}

fn open_and_read(
    source: &dyn ImageSource,
    blob: &ImageBlob,
    ask: BlobAsk,
    pool: &Pool<'_>,
    space: &mut Workspace,
    progress: &dyn LayerProgress,
) -> ReadBlob {
    match source.open(blob) {
        Ok(body) => read_blob(body, ask, pool, space, progress),
        Err(error) => {
            let failed = BlobError { path: None, reason: "missing", message: error.to_string() };
            ReadBlob::failed(failed, blob.size.unwrap_or(0))
        }
    }
}

fn blob_name(blob: &ImageBlob) -> String {
    let digest = blob.digest.as_ref().or(blob.diff_id.as_ref());
    digest.map_or_else(|| short_name(&blob.key), |digest| digest.short().to_owned())
}

/// The beginning of a blob's name where it is a digest's. Any other was made up by somebody, and could be
/// a key.
fn short_name(key: &BlobKey) -> String {
    let name = key.0.rsplit('/').next().unwrap_or_default();
    let short: String = name.chars().take(12).collect();
    if short.bytes().all(|byte| byte.is_ascii_hexdigit()) { short } else { "layer".to_owned() }
}

type StreamResult = (Box<dyn ImageSource>, Blobs);

/// Reads a stream on this thread, while the other workers search what it hands them.
fn scan_stream(
    stream: Box<dyn StreamSource>,
    options: &ScanOptions,
    search: Search<'_>,
    progress: &dyn Progress,
) -> Result<StreamResult, SourceError> {
    let pool = Pool::new(search, options.window, 1).with(options.kinds);
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.max(1) {
            scope.spawn(|| pool.serve(&mut Workspace::default()));
        }
        let owner = pool.owner();
        let mut sink = Sink { pool: &pool, space: Workspace::default(), options, progress, read: Vec::new() };
        let source = stream.read(&mut sink);
        let Sink { read, mut space, .. } = sink;
        drop(owner);
        pool.serve(&mut space);
        source.map(|source| (source, read))
    })
    .map(|(source, read)| (source, finished(read)))
}

struct Sink<'p, 'a> {
    pool: &'p Pool<'a>,
    space: Workspace,
    options: &'p ScanOptions,
    progress: &'p dyn Progress,
    read: Vec<(BlobKey, ReadBlob)>,
}

impl BlobSink for Sink<'_, '_> {
    fn blob(&mut self, blob: PassingBlob<'_>) -> io::Result<Option<Digest>> {
        let name = short_name(&blob.key);
        self.progress.total(1, blob.size.unwrap_or(0));
        let layer = self.progress.layer(&name, blob.size);
        let ask = BlobAsk {
            algorithm: blob.algorithm,
            diff_id: blob.diff_id || self.options.verify_diff_ids,
            content_limit: self.options.max_layer_bytes,
            // A document that may be held in memory is kept by the stream, and read when it is over.
            statement: false,
        };
        let read = read_blob(blob.body, ask, self.pool, &mut self.space, &*layer);
        let diff_id = read.diff_id().cloned();
        self.read.push((blob.key, read));
        Ok(diff_id)
    }
}
