//! The secret itself, held so that it cannot slip into a log.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key found in an image. Its memory is wiped when dropped, and `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct Key(Vec<u8>);

impl Key {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret bytes: for hashing, comparing and, with `--show-secrets`, printing. Nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({} bytes)", self.0.len())
    }
}
