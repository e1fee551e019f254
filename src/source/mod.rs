//! Where images come from. A source is one file here and one arm in [`open`].
//!
//! There are two shapes. An *indexed* source (folder, file, registry) knows the manifests first and
//! gives any blob when asked, several at once. A *stream* (standard input, a compressed archive) is
//! read once, in its own order: each blob is scanned as it passes, and what the blobs were is known at
//! the end, when the stream has become an [`ImageSource`] whose blobs are already read.

use std::io::Read;

use crate::image::digest::Algorithm;
use crate::image::manifest::{BlobKey, Image, ImageBlob};
use crate::image::platform::PlatformSet;
use crate::report::model::SourceKind;

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
}

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
    /// Reads the blob to its end. An error is one of reading the stream; what is wrong with the blob
    /// itself is kept with its result.
    fn blob(&mut self, blob: PassingBlob<'_>) -> std::io::Result<()>;
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
