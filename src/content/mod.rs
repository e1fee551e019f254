//! What a content is made of: archives and compressed files inside layers, told by their first bytes
//! and read as they pass, without anything on disk.
//!
//! A format is one file here, with one line in [`FORMATS`]. It takes bytes in slices of any length and
//! gives out members; what is in them is searched, and opened in turn. Whatever a format cannot read was
//! searched as it lies, so a fault here is said, and loses nothing of the layer.

mod ar;
mod compressed;
mod cpio;
mod embedded;
mod gather;
mod git;
mod rpm;
mod sqlite;
#[cfg(test)]
mod taken;
mod tar;
mod zip;

use crate::detect::Place;
use crate::limits::CONTENT_HEAD;

/// A container that is being read: bytes in, members out.
pub trait Unpack: Send {
    /// Takes the next bytes of the container.
    ///
    /// # Errors
    /// When it cannot be followed any further, or `members` want no more.
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault>;

    /// The container is over.
    ///
    /// # Errors
    /// When it should not be.
    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault>;
}

/// Who takes what a container holds. Members come one after the other, never one inside another.
pub trait Members {
    /// A member begins; one that is open is ended.
    ///
    /// # Errors
    /// When there are too many, or too deep inside others.
    fn begin(&mut self, step: Step<'_>) -> Result<(), Fault>;

    /// The next bytes of the open member.
    ///
    /// # Errors
    /// When all contents together are too large.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Fault>;

    /// The open member is complete.
    fn end(&mut self);

    /// A text that is no member's content: a comment, a link's target. It belongs to the open member, or
    /// else to the container. `name` says what it is.
    ///
    /// # Errors
    /// When there are too many.
    fn text(&mut self, place: Place, name: &str, text: &[u8]) -> Result<(), Fault>;

    /// Something in the container that is not read, while the rest goes on: an encrypted member.
    fn unread(&mut self, fault: Fault);

    /// The reader of the container takes so many bytes of memory now, besides a buffer or two.
    ///
    /// # Errors
    /// When all readers of the file together would take too many: then it must do with less.
    fn hold(&mut self, _bytes: u64) -> Result<(), Fault> {
        Ok(())
    }
}

/// How one gets from a container to what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A named member, as the archive records it.
    Member(&'a [u8]),
    /// The only content, without a name: by the name of the compression or encoding.
    Decoded(&'static str),
    /// What it holds besides its members, or around them, without a name of its own: nothing is shown of it.
    Payload,
}

/// Why a container, or a part of it, is not read. The word stands in the report's `opaque.by_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub &'static str);

impl Fault {
    /// It ends before it is complete.
    pub const TRUNCATED: Self = Self("truncated");
    /// It breaks its format's rules.
    pub const CORRUPT: Self = Self("corrupt");
    /// It is over a limit of [`crate::limits`].
    pub const LIMIT: Self = Self("limit");
    /// It is inside too many others.
    pub const TOO_DEEP: Self = Self("too-deep");
    /// It asks for a password.
    pub const ENCRYPTED: Self = Self("encrypted");
}

/// What the first bytes of a content tell.
pub enum Recognised {
    /// It can be read.
    Opens(Box<dyn Unpack>),
    /// It is a container of this name that nobody here reads.
    Closed(&'static str),
}

/// A kind of container.
struct Format {
    /// What the report calls it.
    name: &'static str,
    /// Whether a content is one, by its first bytes (up to [`CONTENT_HEAD`]) and its path.
    is: fn(head: &[u8], path: &[u8]) -> bool,
    /// Its reader; none where it is only told.
    open: Option<fn() -> Box<dyn Unpack>>,
}

/// All kinds but the [compressions](compressed::COMPRESSIONS), which are asked first; in this order.
const FORMATS: [Format; 18] = [
    Format { name: "tar", is: tar::is_tar, open: Some(tar::tar) },
    Format { name: "zip", is: zip::is_zip, open: Some(zip::zip) },
    Format { name: "7z", is: |head, _| head.starts_with(b"7z\xbc\xaf\x27\x1c"), open: None },
    Format { name: "ar", is: ar::is_ar, open: Some(ar::ar) },
    Format { name: "rpm", is: rpm::is_rpm, open: Some(rpm::rpm) },
    Format { name: "cpio", is: cpio::is_cpio, open: Some(cpio::cpio) },
    Format { name: "git-object", is: git::is_object, open: Some(git::object) },
    Format { name: "git-pack", is: git::is_pack, open: Some(git::pack) },
    Format { name: "git-bundle", is: git::is_bundle, open: Some(git::bundle) },
    Format { name: "sqlite", is: sqlite::is_database, open: Some(sqlite::database) },
    Format { name: "sqlite-wal", is: sqlite::is_log, open: Some(sqlite::log) },
    Format { name: "squashfs", is: |head, _| head.starts_with(b"hsqs"), open: None },
    Format { name: "rar", is: |head, _| head.starts_with(b"Rar!\x1a\x07"), open: None },
    Format { name: "lz4", is: |head, _| head.starts_with(b"\x04\x22\x4d\x18"), open: None },
    Format { name: "lz4", is: |head, _| head.starts_with(b"\x02\x21\x4c\x18"), open: None },
    Format { name: "lzop", is: |head, _| head.starts_with(b"\x89LZO\0\r\n\x1a\n"), open: None },
    Format { name: "cab", is: |head, _| head.starts_with(b"MSCF\0\0\0\0"), open: None },
    Format {
        name: "compress",
        is: |head, path| head.starts_with(b"\x1f\x9d") && path.ends_with(b".Z"),
        open: None,
    },
];

/// What a content is that begins with `head`, of which [`CONTENT_HEAD`] bytes are enough.
pub fn recognise(head: &[u8], path: &[u8]) -> Option<Recognised> {
    let head = head.get(..CONTENT_HEAD).unwrap_or(head);
    if let Some(compression) = compressed::of(head) {
        return Some(Recognised::Opens(compression.open()));
    }
    let format = FORMATS.iter().find(|format| (format.is)(head, path))?;
    Some(match format.open {
        Some(open) => Recognised::Opens(open()),
        None => Recognised::Closed(format.name),
    })
}

/// The reader of a content that is no container: there may be one in the middle of it.
pub fn embedded() -> Box<dyn Unpack> {
    embedded::embedded()
}

/// Whether a content that begins so is a container of any kind.
fn is_container(head: &[u8]) -> bool {
    let head = head.get(..CONTENT_HEAD).unwrap_or(head);
    compressed::of(head).is_some() || FORMATS.iter().any(|format| (format.is)(head, b""))
}

/// Whether a step of this name is a compression, which belongs to the archive in it.
pub fn is_compression(name: &str) -> bool {
    compressed::COMPRESSIONS.iter().any(|compression| compression.name == name)
}
