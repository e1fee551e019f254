//! What is looked into besides the bytes as they lie. A scan looks into everything; a bench that tells what
//! each kind costs leaves some out.

use crate::encoding::Encodings;

/// Kinds of what is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Archives and compressed files.
    pub archives: bool,
    /// The records of package managers, and the digests of files with keys.
    pub ownership: bool,
    /// Encodings.
    pub encodings: Encodings,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { archives: true, ownership: true, encodings: Encodings::ALL }
    }
}
