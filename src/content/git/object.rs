//! Objects: their kinds, their headers, and the ids that follow from their content.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::content::{Fault, Members, Step};

/// The longest header of an object: a kind, a space, a length, a NUL.
pub(super) const HEADER: usize = 32;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// What an object begins with where it is stored alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of content.
    pub(super) size: u64,
}

impl Header {
    /// The header in `text`, the NUL at its end excluded.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (kind, size) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        let kinds = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];
        let kind = kinds.into_iter().find(|known| known.name() == kind)?;
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Some(Self { kind, size: size.parse().ok()? }) } else { None }
    }
}

/// How a repository makes its ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hash {
    #[default]
    Sha1,
    Sha256,
}

impl Hash {
    /// Bytes of an id.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The id of an object.
    pub(super) fn id(self, kind: Kind, content: &[u8]) -> Vec<u8> {
        let header = format!("{} {}\0", kind.name(), content.len());
        match self {
            Self::Sha1 => Sha1::new().chain_update(header).chain_update(content).finalize().to_vec(),
            Self::Sha256 => Sha256::new().chain_update(header).chain_update(content).finalize().to_vec(),
        }
    }
}

/// Gives an object that is whole.
pub(super) fn give(id: &[u8], content: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
    let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    members.begin(Step::Member(name.as_bytes()))?;
    members.data(content)?;
    members.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_a_kind_and_a_length() {
        assert_eq!(Header::parse(b"blob 12"), Some(Header { kind: Kind::Blob, size: 12 }));
        for bad in ["blob", "blob ", "blob +1", "blob 1 ", "file 1", "blob 99999999999999999999"] {
            assert_eq!(Header::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_empty_blob_has_its_well_known_id() {
        let hex = |id: Vec<u8>| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(Hash::Sha1.id(Kind::Blob, b"")), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert!(hex(Hash::Sha256.id(Kind::Blob, b"")).starts_with("473a0f4c3be8a93681a267e3b1e9a7dc"));
    }
}
