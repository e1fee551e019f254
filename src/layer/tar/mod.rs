//! A streaming tar reader for hostile input: bytes go in, events come out, nothing is copied but headers.

mod extended;
mod header;
mod meta;
mod pax;
mod raw;
mod reader;
mod sparse;

use std::ops::Range;

use header::{Block, Header};

pub use header::BLOCK_SIZE;
pub use reader::TarReader;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file (also contiguous, sparse, and unknown types, which readers take for files).
    File,
    /// One more name of an earlier entry's content.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Directory,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// Something that makes no file in the tree (volume labels and the like); its body is content.
    Other,
}

/// A string of an entry's headers, other than path and link, that may hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaString {
    /// Extended attribute, or another record.
    pub kind: MetaKind,
    /// The attribute's name, the pax keyword, the header field.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Where a [`MetaString`] stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaKind {
    /// `SCHILY.xattr.*`, `LIBARCHIVE.xattr.*`.
    Xattr,
    /// Any other pax record, also of global headers, that is not just a number or a time; a path, link
    /// or long name that another one overrides; a whole header block (`header`) with bytes in it that
    /// no field accounts for.
    Pax,
    /// User or group name.
    Owner,
}

/// An entry whose headers are complete. Its data follows as [`TarEvent::Data`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path as recorded, after GNU long names and pax; not cleaned, any bytes.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Target of a hard link or symlink, as recorded.
    pub link: Vec<u8>,
    /// Logical size in bytes: of a sparse file, with its holes. 0 for types that have no body.
    pub size: u64,
    /// Other strings of its headers.
    pub meta: Vec<MetaString>,
    /// Whether it stands behind the end-of-archive marker, where runtimes do not read.
    pub after_end: bool,
}

/// Bytes of the tar that belong to no file's content, yet may hold a key and are scanned raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RawKind {
    /// Behind the end-of-archive marker, and no tar entry.
    Trailing,
    /// Fill bytes behind a body that are not all NUL.
    Padding,
    /// A pax or long-name body over its limit, what could not be parsed of one, the map of a sparse file (and
    /// its stored bytes, if the map is invalid).
    Header,
    /// Bytes where a header should be: the rest of a tar that cannot be followed.
    Unparsed,
    /// A second reading of bytes whose extent readers may see differently; also seen as entries. Such a
    /// stretch goes on over the entries that are in it: its pieces are contiguous unless `fresh`,
    /// whatever other events stand between them.
    Ambiguous,
}

/// What the reader saw. Ranges are in the slice given to the same call of [`TarReader::feed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TarEvent {
    /// A new entry; closes the one before.
    Entry(Box<Entry>),
    /// Stored bytes of the current entry that lie at `offset` in its content. Pieces come in order; a
    /// gap between them is a hole of a sparse file.
    Data {
        /// Where in the fed slice.
        range: Range<usize>,
        /// Where in the file.
        offset: u64,
    },
    /// The current entry's content is complete. Not given where the tar is cut short.
    EntryEnd,
    /// Raw bytes. Pieces of one kind that follow each other without another kind's or an entry between
    /// are contiguous, unless `fresh`.
    Raw {
        /// What they are.
        kind: RawKind,
        /// Where in the fed slice.
        range: Range<usize>,
        /// Whether this piece does not continue the one before it.
        fresh: bool,
    },
    /// Raw bytes that began in an earlier slice, and had to be held until it was clear what they are.
    /// Otherwise the same as [`TarEvent::Raw`]: both make one sequence of pieces.
    RawHeld {
        /// What they are.
        kind: RawKind,
        /// The bytes.
        bytes: Vec<u8>,
        /// Where in the tar they begin.
        at: u64,
        /// Whether this piece does not continue the one before it.
        fresh: bool,
    },
    /// Something odd that is no loss: it becomes a warning of the layer.
    Warning(String),
    /// Something that could not be read or interpreted: it makes the layer incomplete.
    Error {
        /// A word for programs: `truncated`, `limit`, `corrupt`, `not-a-tar`.
        reason: &'static str,
        /// One clear line.
        message: String,
    },
}

/// Whether a tar begins so: its first block (what is longer is not looked at, what is shorter is no tar)
/// is a header with a right checksum, or of NUL.
pub fn looks_like_tar(head: &[u8]) -> bool {
    let Some(first) = head.get(..BLOCK_SIZE).and_then(|block| Block::try_from(block).ok()) else {
        return false;
    };
    Header::parse(&first).is_some() || header::is_zero(&first)
}

#[cfg(test)]
mod tests;
