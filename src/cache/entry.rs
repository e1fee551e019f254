//! What is kept of a layer that was read: all that reports are made from, but no value of a key, and of
//! the tree hashes in place of names.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::words;
use crate::detect::traces::Tracer;
use crate::detect::{Confidence, DetectorIndex, Place, Severity};
use crate::image::digest::Digest;
use crate::layer::decompress::Compression;
use crate::layer::entry_log::{EntryIndex, EntryLog};
use crate::layer::hashed_names::NameHasher;
use crate::limits::CACHED_MATCHES;
use crate::package::Packages;
use crate::scan::blob::{BlobError, BlobScan, JsonReading};
use crate::scan::hashed::{Digests, FileLink};
use crate::scan::matches::{Finder, Found, Match};
use crate::scan::opaque::Opaque;
use crate::scan::secret::{KeptSecret, Secret};
use crate::scan::segment::{Content, Inner, InnerStep};

/// What it takes to keep a layer.
pub(super) struct Keeping<'a> {
    pub(super) tracer: &'a Tracer,
    pub(super) names: &'a NameHasher,
    /// What may be kept of a key.
    pub(super) secret: &'a dyn Fn(&Found, &Tracer) -> Option<KeptSecret>,
    /// A text as it may be shown: without keys and parts of keys.
    pub(super) clean: &'a dyn Fn(&str) -> String,
}

impl Keeping<'_> {
    /// A name as it is where it may be shown, else as it is shown.
    fn bytes(&self, name: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(name);
        let clean = (self.clean)(&text);
        if clean == text { name.to_vec() } else { clean.into_bytes() }
    }
}

/// A layer as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    stored: u64,
    diff_id: Option<Digest>,
    compression: Compression,
    is_tar: bool,
    json: Option<JsonReading>,
    entries: EntryLog,
    contents: Vec<KeptContent>,
    matches: Vec<KeptMatch>,
    digests: Digests,
    packages: Packages,
    files: u64,
    bytes: u64,
    skipped: u64,
    errors: Vec<KeptError>,
    warnings: Vec<String>,
    opaque: Vec<(String, u64)>,
    opaque_paths: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct KeptContent {
    id: u64,
    entry: Option<EntryIndex>,
    place: Place,
    path: Vec<u8>,
    name: Option<String>,
    /// Which of the contents before it lies around it, and what leads from there to here.
    inner: Option<(usize, Option<KeptStep>)>,
}

#[derive(Serialize, Deserialize)]
enum KeptStep {
    Member(Vec<u8>),
    Decoded(String),
}

#[derive(Serialize, Deserialize)]
struct KeptMatch {
    content: usize,
    offset: u64,
    length: u64,
    line: u64,
    column: Option<u64>,
    finder: KeptFinder,
    severity: Severity,
    confidence: Confidence,
    verified: bool,
    incomplete: bool,
    handles: Vec<(String, String)>,
    companions: Vec<(String, String)>,
    encodings: Vec<String>,
    secret: KeptSecret,
}

#[derive(Serialize, Deserialize)]
enum KeptFinder {
    Detector(DetectorIndex),
    OwnSecret(usize),
}

#[derive(Serialize, Deserialize)]
struct KeptError {
    path: Option<Vec<u8>>,
    reason: String,
    message: String,
}

impl Entry {
    /// What is kept of a layer. None where it cannot be kept: the name of a package in it holds a key, or it
    /// is a document of an attestation, or it has too much of something.
    pub(super) fn of(scan: &BlobScan, keeping: &Keeping<'_>) -> Option<Self> {
        let is_statement = scan.matches.iter().any(|found| found.content.stated.is_some());
        if is_statement || !scan.secrets.is_empty() || scan.matches.len() > CACHED_MATCHES {
            return None;
        }
        let mut contents = Contents::default();
        let mut matches = Vec::new();
        for found in &scan.matches {
            matches.push(kept_match(found, contents.put(&found.content, keeping), keeping)?);
        }
        let error = |error: &BlobError| KeptError {
            path: error.path.as_deref().map(|path| keeping.bytes(path)),
            reason: error.reason.to_owned(),
            message: (keeping.clean)(&error.message),
        };
        let packages = scan.packages.texts().collect::<Vec<_>>().join("\n");
        if (keeping.clean)(&packages) != packages {
            return None;
        }
        Some(Self {
            stored: scan.stored,
            diff_id: scan.diff_id.clone(),
            compression: scan.compression,
            is_tar: scan.is_tar,
            json: scan.json,
            entries: keeping.names.hashed(&scan.entries)?,
            contents: contents.list,
            matches,
            digests: scan.digests.clone(),
            packages: scan.packages.clone(),
            files: scan.files,
            bytes: scan.bytes,
            skipped: scan.skipped,
            errors: scan.errors.iter().map(error).collect(),
            warnings: scan.warnings.iter().map(|warning| (keeping.clean)(warning)).collect(),
            opaque: scan.opaque.by_reason.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
            opaque_paths: scan.opaque.paths.iter().map(|path| keeping.bytes(path)).collect(),
        })
    }

    /// The layer as if it had been read now; its stored bytes have this digest. None where the entry does
    /// not hold together.
    pub(super) fn into_scan(self, digest: Digest) -> Option<BlobScan> {
        let mut contents: Vec<Arc<Content>> = Vec::with_capacity(self.contents.len());
        for content in self.contents {
            let content = content.restored(&contents)?;
            contents.push(Arc::new(content));
        }
        let matches = self.matches.into_iter().map(|found| found.restored(&contents));
        let error = |error: KeptError| {
            let KeptError { path, reason, message } = error;
            Some(BlobError { path, reason: words::known(&reason)?, message })
        };
        let by_reason = self.opaque.into_iter().map(|(word, count)| Some((words::known(&word)?, count)));
        Some(BlobScan {
            cached: true,
            digest: Some(digest),
            stored: self.stored,
            diff_id: self.diff_id,
            compression: self.compression,
            is_tar: self.is_tar,
            json: self.json,
            entries: self.entries,
            matches: matches.collect::<Option<_>>()?,
            digests: self.digests,
            packages: self.packages,
            files: self.files,
            bytes: self.bytes,
            skipped: self.skipped,
            errors: self.errors.into_iter().map(error).collect::<Option<_>>()?,
            warnings: self.warnings,
            opaque: Opaque { by_reason: by_reason.collect::<Option<_>>()?, paths: self.opaque_paths },
            secrets: Vec::new(),
            dockerfile: None,
        })
    }

    /// Whether the digest of the content is known.
    pub(super) fn has_diff_id(&self) -> bool {
        self.diff_id.is_some()
    }
}

/// Contents in which keys stand, each once, the outer ones first.
#[derive(Default)]
struct Contents {
    list: Vec<KeptContent>,
    places: HashMap<*const Content, usize>,
}

impl Contents {
    /// Where a content stands in the list.
    fn put(&mut self, content: &Arc<Content>, keeping: &Keeping<'_>) -> usize {
        if let Some(place) = self.places.get(&Arc::as_ptr(content)) {
            return *place;
        }
        let inner = content.inner.as_deref().map(|inner| {
            let step = inner.step.as_ref().map(|step| kept_step(step, keeping));
            (self.put(&inner.outer, keeping), step)
        });
        let place = self.list.len();
        self.list.push(KeptContent {
            id: content.id,
            entry: content.entry,
            place: content.place,
            path: keeping.bytes(&content.path),
            name: content.name.as_deref().map(|name| (keeping.clean)(name)),
            inner,
        });
        self.places.insert(Arc::as_ptr(content), place);
        place
    }
}

fn kept_step(step: &InnerStep, keeping: &Keeping<'_>) -> KeptStep {
    match step {
        InnerStep::Member(name) => KeptStep::Member(keeping.bytes(name)),
        InnerStep::Decoded(word) => KeptStep::Decoded((*word).to_owned()),
    }
}

fn kept_match(found: &Match, content: usize, keeping: &Keeping<'_>) -> Option<KeptMatch> {
    let Match { offset, length, line, column, found, .. } = found;
    Some(KeptMatch {
        content,
        offset: *offset,
        length: *length,
        line: *line,
        column: *column,
        finder: match found.finder {
            Finder::Detector(index) => KeptFinder::Detector(index),
            Finder::OwnSecret(number) => KeptFinder::OwnSecret(number),
        },
        severity: found.severity,
        confidence: found.confidence,
        verified: found.verified,
        incomplete: found.incomplete,
        handles: found.handles.clone(),
        companions: found.companions.clone(),
        encodings: found.encodings.iter().map(|word| (*word).to_owned()).collect(),
        secret: (keeping.secret)(found, keeping.tracer)?,
    })
}

impl KeptContent {
    fn restored(self, before: &[Arc<Content>]) -> Option<Content> {
        let inner = match self.inner {
            None => None,
            Some((outer, step)) => {
                let step = match step {
                    None => None,
                    Some(KeptStep::Member(name)) => Some(InnerStep::Member(name.into())),
                    Some(KeptStep::Decoded(word)) => Some(InnerStep::Decoded(words::known(&word)?)),
                };
                Some(Arc::new(Inner { outer: before.get(outer)?.clone(), step }))
            }
        };
        Some(Content {
            id: self.id,
            entry: self.entry,
            place: self.place,
            path: self.path.into(),
            name: self.name,
            stated: None,
            inner,
            file: FileLink::default(),
        })
    }
}

impl KeptMatch {
    fn restored(self, contents: &[Arc<Content>]) -> Option<Match> {
        let encodings = self.encodings.iter().map(|word| words::known(word));
        Some(Match {
            content: contents.get(self.content)?.clone(),
            offset: self.offset,
            length: self.length,
            line: self.line,
            column: self.column,
            found: Found {
                finder: match self.finder {
                    KeptFinder::Detector(index) => Finder::Detector(index),
                    KeptFinder::OwnSecret(number) => Finder::OwnSecret(number),
                },
                secret: Secret::Kept(Arc::new(self.secret)),
                severity: self.severity,
                confidence: self.confidence,
                verified: self.verified,
                handles: self.handles,
                companions: self.companions,
                incomplete: self.incomplete,
                encodings: encodings.collect::<Option<_>>()?,
            },
        })
    }
}
