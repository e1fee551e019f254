//! Digests of a file's content, as packages record them. A record is compared with a file, nothing is
//! named by it, so 128 bits of each are kept, which is all of an MD5.

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Bytes that are kept of a digest.
const KEPT: usize = 16;

/// The front of a digest.
type Front = [u8; KEPT];

/// A file's content under every algorithm that packages use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigests {
    md5: Front,
    sha1: Front,
    sha256: Front,
}

impl FileDigests {
    /// Hashes a file's whole content.
    pub fn of(content: &[u8]) -> Self {
        Self {
            md5: front(&Md5::digest(content)).unwrap_or_default(),
            sha1: front(&Sha1::digest(content)).unwrap_or_default(),
            sha256: front(&Sha256::digest(content)).unwrap_or_default(),
        }
    }

    /// Whether the content is the recorded one.
    pub(super) fn is(&self, recorded: &RecordedDigest) -> bool {
        let own = match recorded.algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha1 => &self.sha1,
            Algorithm::Sha256 => &self.sha256,
        };
        *own == recorded.front
    }
}

/// How a package manager hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// Bytes of a whole digest.
    fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// A digest as a package's record says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct RecordedDigest {
    algorithm: Algorithm,
    front: Front,
}

impl RecordedDigest {
    /// A whole digest in bytes; none of another length.
    pub(super) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let front = front(bytes).filter(|_| bytes.len() == algorithm.size())?;
        Some(Self { algorithm, front })
    }

    /// A whole digest in hexadecimal digits.
    pub(super) fn from_hex(algorithm: Algorithm, text: &[u8]) -> Option<Self> {
        if text.len() != algorithm.size() * 2 {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Vec<u8> = text.chunks(2).map(byte).collect::<Option<_>>()?;
        Self::from_bytes(algorithm, &bytes)
    }
}

fn front(digest: &[u8]) -> Option<Front> {
    digest.get(..KEPT)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `echo -n abc | md5sum`, `sha1sum`, `sha256sum`.
    const ABC: [(Algorithm, &str); 3] = [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];

    #[test]
    fn a_content_is_known_by_its_digest_under_every_algorithm() {
        let (abc, other) = (FileDigests::of(b"abc"), FileDigests::of(b"abd"));
        for (algorithm, hex) in ABC {
            let recorded = RecordedDigest::from_hex(algorithm, hex.as_bytes()).expect("a digest");
            assert!(abc.is(&recorded) && !other.is(&recorded), "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_digest_is_none() {
        for text in ["", "9001", "900150983cd24fb0d6963f7d28e17f7g", "900150983cd24fb0d6963f7d28e17f720"] {
            assert_eq!(RecordedDigest::from_hex(Algorithm::Md5, text.as_bytes()), None, "{text}");
        }
    }
}
