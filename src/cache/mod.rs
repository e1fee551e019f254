//! Layers that were read before: the second scan of a layer costs no download and no search. An entry says
//! all that reports are made from, and no value of a key: of those it holds what may be shown, fingerprints,
//! and keyed hashes by which texts are kept free of them. `docs/cache.md` tells users of it.
//!
//! An entry belongs to a digest of stored bytes that were verified, to this build of the program, its rules
//! and the options that change what is found, and to a hashing key. It never stands for a layer of which a
//! config merely claims a diff_id.

mod entry;
mod records;
mod store;
mod words;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use entry::{Entry, Keeping};
pub use records::Records;
use store::Store;
pub use store::{Lasting, Size};

use crate::detect::own_secrets::OwnSecrets;
use crate::detect::redact::Redactor;
use crate::detect::traces::Tracer;
use crate::finding::fingerprint::{FingerprintKey, KEY_LEN, KeyOrigin, hex_prefix, hmac};
use crate::finding::result::Judge;
use crate::image::digest::Digest;
use crate::image::manifest::{Image, ImageBlob};
use crate::layer::hashed_names::NameHasher;
use crate::scan::blob::{BlobAsk, BlobScan};
use crate::scan::{Blobs, KnownBlobs};

/// What the entries of other builds are told by: all that the program is made from.
const BUILD: &str = env!("KEYSEAM_BUILD");

/// The kind of the entries of layers.
const LAYERS: &str = "layers";

/// What results depend on, beside the bytes of a layer.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The rules.
    pub ruleset: &'a Digest,
    /// Bytes of content after which a layer is cut.
    pub max_layer_bytes: u64,
    /// The team's own values that are searched for.
    pub own_secrets: Option<&'a OwnSecrets>,
}

/// The layers that were read under one hashing key and in one scope.
pub struct LayerCache {
    store: Store,
    /// Names entries.
    name_key: Zeroizing<[u8; 32]>,
    /// Proves that who wrote an entry has the hashing key.
    entry_key: Zeroizing<[u8; 32]>,
    tracer: Tracer,
    names: NameHasher,
    scope: Vec<u8>,
    /// Layers that were kept in this run, or cannot be.
    done: HashSet<Digest>,
    wrote: bool,
    /// Whether layers that hold keys are read again.
    reads_keys: bool,
}

impl LayerCache {
    /// The cache in `folder`. There is none under a hashing key that is made for one run.
    pub fn open(folder: &Path, key: &FingerprintKey, scope: &Scope<'_>) -> Option<Self> {
        if *key.origin() == KeyOrigin::ThisRun {
            return None;
        }
        let name_key = key.derive(b"ksf1 cache name");
        let half = |purpose: &[u8]| -> Zeroizing<[u8; 16]> {
            let key = key.derive(purpose);
            Zeroizing::new(std::array::from_fn(|at| key[at]))
        };
        Some(Self {
            store: Store::in_folder(folder, LAYERS),
            entry_key: key.derive(b"ksf1 cache entry"),
            tracer: Tracer::new(&half(b"ksf1 cache traces")),
            names: NameHasher::new(&half(b"ksf1 cache paths")),
            scope: scope.text(&name_key),
            name_key,
            done: HashSet::new(),
            wrote: false,
            reads_keys: false,
        })
    }

    /// The cache for a run that needs the keys themselves, which nobody kept: layers that hold some count as unread.
    pub fn without_keys(self) -> Self {
        Self { reads_keys: true, ..self }
    }

    /// What traces of keys are made with.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// What names of files are hashed with.
    pub fn names(&self) -> &NameHasher {
        &self.names
    }

    /// Keeps the layers of an image that were read in this run, when it was judged and `redactor` knows its
    /// keys.
    ///
    /// # Errors
    /// When an entry cannot be written.
    pub fn keep(
        &mut self,
        image: &Image,
        blobs: &Blobs,
        judge: &Judge<'_>,
        redactor: &Redactor<'_>,
    ) -> io::Result<()> {
        for blob in &image.layers {
            let Some(scan) = blobs.get(&blob.key).filter(|scan| !scan.cached) else { continue };
            let verified = blob.digest.as_ref().filter(|digest| scan.digest.as_ref() == Some(digest));
            let Some(digest) = verified.filter(|digest| !self.done.contains(*digest)) else { continue };
            self.done.insert(digest.clone());
            let keeping = Keeping {
                tracer: &self.tracer,
                names: &self.names,
                secret: &|found, tracer| judge.kept_secret(found, tracer),
                clean: &|text| redactor.clean(text),
            };
            let Some(entry) = Entry::of(scan, &keeping) else { continue };
            let bytes = postcard::to_stdvec(&entry).map_err(io::Error::other)?;
            self.store.write(&self.name(digest), &self.entry_key, &bytes, Lasting::Process)?;
            self.wrote = true;
        }
        Ok(())
    }

    /// Makes room, when something was kept.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn finish(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.wrote) { self.store.shrink() } else { Ok(()) }
    }

    fn name(&self, digest: &Digest) -> String {
        let name = hmac(&self.name_key, &[&self.scope, digest.to_string().as_bytes()]);
        hex_prefix(&name, name.len())
    }
}

impl KnownBlobs for LayerCache {
    fn known(&self, blob: &ImageBlob, ask: &BlobAsk) -> Option<BlobScan> {
        let digest = blob.digest.as_ref().filter(|_| !ask.statement)?;
        let bytes = self.store.read(&self.name(digest), &self.entry_key)?;
        let entry: Entry = postcard::from_bytes(&bytes).ok()?;
        if ask.diff_id && !entry.has_diff_id() {
            return None;
        }
        let scan = entry.into_scan(digest.clone())?;
        (!self.reads_keys || scan.matches.is_empty()).then_some(scan)
    }
}

impl Scope<'_> {
    /// All of it, so that no two scopes have one text.
    fn text(&self, key: &Zeroizing<[u8; 32]>) -> Vec<u8> {
        let mut own = Vec::new();
        for secret in self.own_secrets.iter().flat_map(|own| (0..own.len()).filter_map(|n| own.key(n))) {
            own.extend_from_slice(&hmac(key, &[b"own\0", secret.expose()]));
        }
        let own = hex_prefix(&hmac(key, &[&own]), KEY_LEN);
        format!("{BUILD}\n{}\n{}\n{own}\n", self.ruleset, self.max_layer_bytes).into_bytes()
    }
}

/// How much a cache's folder holds.
///
/// # Errors
/// When it cannot be read.
pub fn size(folder: &Path) -> io::Result<Size> {
    Store::in_folder(folder, LAYERS).size()
}

/// Removes all that a cache's folder holds, and says how much that was.
///
/// # Errors
/// When it cannot be removed.
pub fn clear(folder: &Path) -> io::Result<Size> {
    Store::in_folder(folder, LAYERS).clear()
}

/// Makes room in a cache's folder, and removes what was left unfinished.
///
/// # Errors
/// When it cannot be read.
pub fn shrink(folder: &Path) -> io::Result<()> {
    Store::in_folder(folder, LAYERS).shrink()
}

/// The user's cache folder for keyseam: in `XDG_CACHE_HOME`, or what the XDG base directory specification
/// puts in its place.
pub fn default_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("keyseam"))
}
