//! What the resolving code needs of a folder, an indexed archive or a finished stream: members by
//! name. Names are normalised: relative, `/` between parts, no `.` or `..`.

use std::io::Read;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, ImageError};

/// Named members, some of them documents.
pub(super) trait Store: Send + Sync {
    /// The member behind a name; links are followed, inside the store only.
    fn find(&self, name: &str) -> Result<Member, MemberError>;

    /// The bytes of a member, from the start.
    fn open(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, MemberError>;

    /// What makes every image of the store incomplete: an archive that is cut, for one.
    fn damage(&self) -> Vec<ImageError>;

    /// What is odd about the store.
    fn warnings(&self) -> Vec<String>;

    /// The blob of a descriptor: by the name that an OCI layout has for it.
    fn find_blob(&self, descriptor: &Descriptor) -> Result<Member, MemberError> {
        self.find(&blob_name(&descriptor.digest))
    }

    /// A manifest or index, whole. `limit` is in bytes. In a layout it is a blob as any other.
    fn manifest(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, MemberError> {
        self.document(&blob_name(&descriptor.digest), limit)
    }

    /// A config, whole. `limit` is in bytes. In a layout it is a blob as any other.
    fn config(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, MemberError> {
        self.document(&blob_name(&descriptor.digest), limit)
    }

    /// A document, whole. `limit` is in bytes.
    fn document(&self, name: &str, limit: u64) -> Result<Vec<u8>, MemberError> {
        let member = self.find(name)?;
        if member.size > limit {
            return Err(MemberError::TooLarge { size: member.size, limit });
        }
        let mut bytes = Vec::new();
        let body = self.open(&member.key)?;
        body.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(MemberError::Io)?;
        match u64::try_from(bytes.len()) {
            Ok(size) if size == member.size => Ok(bytes),
            // A file that changed while it was read, or an archive that is cut.
            _ => Err(MemberError::Cut),
        }
    }
}

/// Where an OCI layout keeps a blob.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// A member that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name after all links; equal keys are the same bytes.
    pub(super) key: BlobKey,
    /// Size in bytes.
    pub(super) size: u64,
}

/// Why a member cannot be read. The text has no name in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemberError {
    /// There is none of that name.
    #[error("is not there")]
    Missing,
    /// There is none, and somebody says why.
    #[error("is not there: {0}")]
    Absent(String),
    /// It ends before its size.
    #[error("is cut: the rest is not there")]
    Cut,
    /// It is over a limit.
    #[error("has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is there, but is not safe or possible to read.
    #[error("{0}")]
    Refused(String),
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
}

impl MemberError {
    /// The word for programs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Missing | Self::Absent(_) => "missing",
            Self::Cut => "truncated",
            Self::TooLarge { .. } => "limit",
            Self::Refused(_) => "refused",
            Self::Io(_) => "io",
        }
    }

    /// The same as an error of an image, about the object `what`.
    pub(super) fn of(&self, layer: Option<usize>, what: &str) -> ImageError {
        ImageError { layer, reason: self.reason(), message: format!("{what} {self}") }
    }
}
