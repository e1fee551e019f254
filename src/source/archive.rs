//! A plain archive on disk: its members are read where they lie, several at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::image::manifest::{BlobKey, ImageError};

use super::SourceError;
use super::archive_index::{self, Extent};
use super::members::{Members, Reading};
use super::store::{Member, MemberError, Store};

/// An indexed archive, seen in one reading of its names.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    members: Arc<Members<Extent>>,
    reading: Reading,
}

impl Archive {
    /// Indexes a file that is known to begin with a tar header.
    pub(super) fn open(path: &Path, mut file: File) -> Result<Self, SourceError> {
        let io = |error| SourceError::Io { what: path.display().to_string(), error };
        let members = archive_index::index(&mut file).map_err(io)?;
        Ok(Self { file: Arc::new(file), members: Arc::new(members), reading: Reading::Last })
    }

    /// The same archive as a reader sees it that takes the first of several members of one name.
    pub(super) fn other_reading(&self) -> Option<Self> {
        self.members.is_ambiguous().then(|| Self { reading: Reading::First, ..self.clone() })
    }
}

impl Store for Archive {
    fn find(&self, name: &str) -> Result<Member, MemberError> {
        let (key, extent) = self.members.find(name, self.reading)?;
        Ok(Member { key, size: extent.size })
    }

    fn open(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, MemberError> {
        let extent = self.members.body(key).ok_or(MemberError::Missing)?;
        // A body that is cut is read as far as it goes: what is there may hold keys.
        Ok(Box::new(Body { file: Arc::clone(&self.file), at: extent.start, left: extent.size }))
    }

    fn damage(&self) -> Vec<ImageError> {
        self.members.damage().to_vec()
    }

    fn warnings(&self) -> Vec<String> {
        self.members.warnings()
    }
}

/// A member's bytes, read by position so that others can be read from the same file meanwhile.
struct Body {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = read_at(&self.file, buffer, self.at)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in this member"));
        }
        let step = u64::try_from(count).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(step);
        self.left = self.left.saturating_sub(step);
        Ok(count)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
