//! Images in the local engines, as the archives that they export. An archive passes once; what the engine
//! said of the image before makes it the image that was asked for.

mod broken_off;

use std::collections::BTreeSet;
use std::io::{self, Read};

use crate::engine::{self, Engine, EngineError, Found, Inspection, Settings, Variables};
use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, Image, ImageBlob};
use crate::image::platform::PlatformSet;
use crate::report::model::SourceKind;

use super::stream::ArchiveStream;
use super::{Access, BlobSink, ImageSource, Notes, Opened, PassingBlob, SourceError, StreamSource};

use broken_off::BrokenOff;

/// Opens an image of the Docker engine, by name or id.
pub(super) fn open_docker(name: &str, access: &Access) -> Result<Opened, SourceError> {
    open(name, access, SourceKind::DockerDaemon)
}

/// Opens an image of podman's store, by name or id.
pub(super) fn open_podman(name: &str, access: &Access) -> Result<Opened, SourceError> {
    open(name, access, SourceKind::Podman)
}

fn open(name: &str, access: &Access, kind: SourceKind) -> Result<Opened, SourceError> {
    let settings = engine_settings(access);
    let found = engine::check_name(name)
        .and_then(|()| locate(kind, &|variable| std::env::var_os(variable)))
        .and_then(|engine| engine.find(name, &settings, settings.timeout));
    let found = found.map_err(|error| SourceError::Invalid(error.to_string()))?;
    Ok(opened(found, name, kind, &access.notes))
}

/// The settings of engines, with what holds for every source.
pub(super) fn engine_settings(access: &Access) -> Settings {
    let mut settings = access.engines.clone();
    settings.offline |= access.offline;
    settings
}

/// The engine that a source of this kind reads.
pub(super) fn locate(kind: SourceKind, variables: Variables<'_>) -> Result<Engine, EngineError> {
    if kind == SourceKind::Podman { Engine::podman(variables) } else { Engine::docker(variables) }
}

/// An image that an engine has, as a stream that has not begun yet.
pub(super) fn opened(found: Found, asked: &str, kind: SourceKind, notes: &Notes) -> Opened {
    if found.is_unchecked() {
        notes.add(format!("{asked}: the engine's certificate is not checked, as it is set up"));
    }
    Opened::Stream(Box::new(EngineStream { found, asked: asked.to_owned(), kind }))
}

struct EngineStream {
    found: Found,
    /// The name or id that the user gave.
    asked: String,
    kind: SourceKind,
}

impl StreamSource for EngineStream {
    fn read(self: Box<Self>, sink: &mut dyn BlobSink) -> Result<Box<dyn ImageSource>, SourceError> {
        let Self { found, asked, kind } = *self;
        let exported = found.export().map_err(|error| SourceError::Invalid(error.to_string()))?;
        let archive = ArchiveStream::new(exported.archive, "the engine's archive".to_owned(), None);
        let mut noting = Noting { sink, passed: Vec::new() };
        let read = Box::new(archive).read(&mut noting);
        let passed = noting.passed;
        let facts = Facts {
            kind,
            name: found.image.name(&asked),
            inspection: found.image,
            one_platform: exported.one_platform,
        };
        match read {
            Ok(archive) => {
                let passed = passed.into_iter().map(|passed| passed.key).collect();
                Ok(Box::new(EngineImage { archive, facts, passed }))
            }
            // Nothing came that could be scanned.
            Err(error) if passed.is_empty() => Err(error),
            Err(error) => Ok(Box::new(BrokenOff::new(facts, passed, &error.to_string()))),
        }
    }
}

/// What the engine said of the image.
struct Facts {
    kind: SourceKind,
    name: Option<String>,
    inspection: Inspection,
    /// Whether the engine exported one platform by itself.
    one_platform: bool,
}

impl Facts {
    /// Makes an image of the archive the one that the engine knows.
    fn apply(&self, image: &mut Image) {
        image.name.clone_from(&self.name);
        image.repo_digests = self.inspection.full_repo_digests();
        for (key, value) in &self.inspection.annotations {
            image.annotations.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if self.one_platform {
            image.warnings.push(
                "the engine has one platform of it and exports that alone: attestations are only in its \
                 registry"
                    .to_owned(),
            );
        }
    }
}

/// A blob that went by.
struct Passed {
    key: BlobKey,
    size: Option<u64>,
    /// Digest of the tar inside; none where it broke off.
    diff_id: Option<Digest>,
}

/// Notes what passes. An engine's layers are known by the digests of their tars, so each is learned.
struct Noting<'a> {
    sink: &'a mut dyn BlobSink,
    passed: Vec<Passed>,
}

impl BlobSink for Noting<'_> {
    fn blob(&mut self, blob: PassingBlob<'_>) -> io::Result<Option<Digest>> {
        let (key, size) = (blob.key.clone(), blob.size);
        let read = self.sink.blob(PassingBlob { diff_id: true, ..blob });
        let diff_id = read.as_ref().ok().cloned().flatten();
        self.passed.push(Passed { key, size, diff_id });
        read
    }
}

/// An engine's image whose archive has passed whole.
struct EngineImage {
    archive: Box<dyn ImageSource>,
    facts: Facts,
    passed: BTreeSet<BlobKey>,
}

impl ImageSource for EngineImage {
    fn kind(&self) -> SourceKind {
        self.facts.kind
    }

    fn resolve(&self, platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
        let mut images =
            self.archive.resolve(platforms).map_err(|error| self.not_pulled(platforms, error))?;
        for image in &mut images {
            self.facts.apply(image);
            self.drop_absent_attestations(image);
        }
        Ok(images)
    }

    fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
        self.archive.open(blob)
    }
}

impl EngineImage {
    /// An index names platforms of which the engine has nothing: says so in place of digests.
    fn not_pulled(&self, platforms: &PlatformSet, error: SourceError) -> SourceError {
        match (platforms, &self.facts.inspection.platform) {
            (PlatformSet::Chosen(wanted), Some(there)) if error.to_string().contains("is not there") => {
                let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                SourceError::Invalid(format!(
                    "the engine has nothing of it for {}, only {there}: docker pull --platform fetches more",
                    wanted.join(" or ")
                ))
            }
            _ => error,
        }
    }

    /// Engines pull what they can run: the index of an image names attestations that only its registry
    /// has. The engine's image is whole without them.
    fn drop_absent_attestations(&self, image: &mut Image) {
        let is_here = |blob: &ImageBlob| self.passed.contains(&blob.key) || self.archive.open(blob).is_ok();
        let (here, absent): (Vec<ImageBlob>, Vec<ImageBlob>) =
            std::mem::take(&mut image.attestations).into_iter().partition(is_here);
        image.attestations = here;
        for digest in absent.iter().filter_map(|blob| blob.digest.as_ref()) {
            let told = format!("blob {digest} ");
            image.errors.retain(|error| error.reason != "missing" || !error.message.starts_with(&told));
            image.warnings.push(format!(
                "attestation {digest} is not in the engine, only in the image's registry: it was not scanned"
            ));
        }
    }
}
