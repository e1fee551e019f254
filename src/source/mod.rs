//! Where images come from. A source is one file here and one arm in [`open`].
//!
//! There are two shapes. An *indexed* source (folder, file, registry) knows the manifests first and
//! gives any blob when asked, several at once. A *stream* (standard input, a compressed archive) is
//! read once, in its own order: each blob is scanned as it passes, and what the blobs were is known at
//! the end, when the stream has become an [`ImageSource`] whose blobs are already read.

mod archive;
mod archive_index;
mod bare;
pub mod context;
mod daemon;
mod docker_archive;
mod documents;
mod folder;
mod members;
mod oci_index;
mod oci_layout;
mod oci_manifest;
mod registry;
mod resolve;
mod store;
mod stream;
mod tape;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::engine;
use crate::image::digest::{Algorithm, Digest};
use crate::image::manifest::{BlobKey, Image, ImageBlob};
use crate::image::platform::PlatformSet;
use crate::registry::Client;
use crate::report::model::SourceKind;
use crate::target::{Place, Selector, Target};

use archive::Archive;
use folder::Folder;
pub use registry::{tags, with_manifest};
use resolve::Resolved;

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("{what}: {error}")]
    Io {
        /// The file or stream.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is not what it was taken for, or names what is not there. The text is the whole clear line.
    #[error("{0}")]
    Invalid(String),
}

/// A source whose blobs can be read in any order, several at once.
pub trait ImageSource: Send + Sync {
    /// What the report calls it.
    fn kind(&self) -> SourceKind;

    /// The images asked for, one per name and platform. An error means that there is no image to speak
    /// of; what is wrong with one image stands in its `errors`.
    fn resolve(&self, platforms: &PlatformSet) -> Result<Vec<Image>, SourceError>;

    /// The stored bytes of a blob, from the start. Whoever reads them verifies them.
    fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError>;

    /// A manifest or index as it is stored. Whoever reads it verifies it.
    ///
    /// # Errors
    /// When it is not there, or the source has none.
    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        let _ = digest;
        Err(SourceError::Invalid(NO_MANIFESTS.to_owned()))
    }

    /// The stored bytes of a blob that a manifest names; `size` is in bytes. Whoever reads them verifies
    /// them.
    ///
    /// # Errors
    /// When it is not there, or the source has none.
    fn blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>, SourceError> {
        let _ = (digest, size);
        Err(SourceError::Invalid(NO_MANIFESTS.to_owned()))
    }
}

/// Why a source has no manifests.
const NO_MANIFESTS: &str =
    "it is neither an OCI layout nor in a registry, and has no manifest that could be pushed as it is";

/// A blob of a stream, as it passes.
pub struct PassingBlob<'a> {
    /// What an [`ImageBlob`] of the resolved images will call it.
    pub key: BlobKey,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// With which algorithm to hash the stored bytes.
    pub algorithm: Algorithm,
    /// Whether the digest of the tar inside is needed as well: no name says the stored blob's digest.
    pub diff_id: bool,
    /// Its bytes.
    pub body: &'a mut (dyn Read + Send),
}

/// Takes the blobs of a stream.
pub trait BlobSink {
    /// Reads the blob to its end, and returns the digest of the tar inside where that was asked for and
    /// could be learned. An error is one of reading the stream; what is wrong with the blob itself is kept
    /// with its result.
    fn blob(&mut self, blob: PassingBlob<'_>) -> std::io::Result<Option<Digest>>;
}

/// A source that can be read only once, from front to end.
pub trait StreamSource: Send {
    /// Reads the stream to its end, gives every blob that may be scanned to `sink`, and returns what
    /// the stream held. [`ImageSource::open`] of the result serves the small documents that it kept; all
    /// other blobs went through `sink`.
    fn read(self: Box<Self>, sink: &mut dyn BlobSink) -> Result<Box<dyn ImageSource>, SourceError>;
}

/// An opened source.
pub enum Opened {
    /// Blobs in any order.
    Indexed(Box<dyn ImageSource>),
    /// Once, in the stream's order.
    Stream(Box<dyn StreamSource>),
}

/// What sources reach images with beyond this process: made once a run.
#[derive(Debug, Default)]
pub struct Access {
    /// How registries are reached.
    pub registry: crate::registry::Settings,
    /// How engines are reached.
    pub engines: engine::Settings,
    /// Where a bare reference is looked for, in this order; none for the usual one: the engines, then the
    /// registry, and the registry first for a digest.
    pub order: Vec<Origin>,
    /// Whether the network is off limits.
    pub offline: bool,
    /// What the user is told beside the report.
    pub notes: Notes,
    /// The client of the run, made when it is first needed: its tokens and connections serve all images.
    pub(crate) client: OnceLock<Client>,
}

impl Access {
    /// The client for registries.
    pub(crate) fn client(&self) -> Result<&Client, SourceError> {
        if self.offline {
            let message = "registries are not asked with --offline";
            return Err(SourceError::Invalid(message.to_owned()));
        }
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(&self.registry).map_err(|error| SourceError::Invalid(error.to_string()))?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// Lines for the user that no report holds, gathered from several threads until they are taken.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// Adds a line.
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    /// The lines so far; none of them is given again.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a bare reference may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The Docker engine.
    Docker,
    /// Podman.
    Podman,
    /// The registry that it names.
    Registry,
}

/// Opens what a target names. What a path holds is told by its content, not by its name.
pub fn open(target: &Target, access: &Access) -> Result<Opened, SourceError> {
    match &target.place {
        Place::Path { path, selector } => open_path(path, selector.clone()),
        Place::Stdin => Ok(open_stream(std::io::stdin(), "standard input", None)),
        Place::Registry(reference) => registry::open(reference, access),
        Place::DockerDaemon(name) => daemon::open_docker(name, access),
        Place::Podman(name) => daemon::open_podman(name, access),
        Place::Reference(reference) => bare::open(&target.text, reference, access),
    }
}

/// An archive that can be read only once: a pipe, an engine's answer, anything compressed. `what` is
/// what errors call it.
pub fn open_stream(input: impl Read + Send + 'static, what: &str, selector: Option<Selector>) -> Opened {
    Opened::Stream(Box::new(stream::ArchiveStream::new(Box::new(input), what.to_owned(), selector)))
}

fn open_path(path: &Path, selector: Option<Selector>) -> Result<Opened, SourceError> {
    let what = path.display().to_string();
    let io = |error| SourceError::Io { what: what.clone(), error };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        let folder = Folder::open(path)?;
        return Ok(Opened::Indexed(Box::new(Resolved::new(what, true, selector, folder, None)?)));
    }
    let mut file = File::open(path).map_err(io)?;
    if !metadata.is_file() {
        // A named pipe or a process substitution cannot be read twice.
        return Ok(open_stream(file, &what, selector));
    }
    let mut head = [0; 512];
    let length = read_full(&mut file, &mut head).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    if length == head.len() && archive_index::is_header(&head) {
        let archive = Archive::open(path, file)?;
        let other = archive.other_reading();
        return Ok(Opened::Indexed(Box::new(Resolved::new(what, false, selector, archive, other.as_ref())?)));
    }
    // The stream's reader decompresses it, or says that it is no archive.
    Ok(open_stream(file, &what, selector))
}

/// Reads until the buffer is full or the input ends.
fn read_full(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
