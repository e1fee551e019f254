//! Which package owns a file, by the records that package managers leave in an image: dpkg, apk, rpm, pip.
//!
//! The databases are taken up as they pass in a layer's tar ([`Databases`]) and kept as an index of paths
//! by hash ([`Packages`]). Records are a fact for the report. They prove nothing: pip records the user's
//! own wheel, and whoever builds an image can write any record.

mod apk;
mod databases;
mod digest;
mod dpkg;
mod index;
mod lines;
mod path;
mod pip;
mod rpm;

pub use databases::Databases;
pub use digest::FileDigests;
pub use index::{Packages, Recorded};

/// Who keeps a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Manager {
    /// Debian and its kin.
    Dpkg,
    /// Alpine, Wolfi.
    Apk,
    /// Fedora, RHEL, SUSE.
    Rpm,
    /// Python's wheels, whoever installed them.
    Pip,
}

impl Manager {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pip => "pip",
        }
    }
}
