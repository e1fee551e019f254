//! What many scans know together: which images, tags, layers, places and workloads hold one and the same key.
//!
//! ```text
//! Report             --record-->   rows        one transaction a scan, redacted as the report is
//! pods, Compose      --import-->   rows        literal values as fingerprints, references by name
//! fingerprint        --holders-->  images, tags, places, workloads
//! finding            --known-->    "still unrotated since 1.2"
//! ```
//!
//! It holds fingerprints and paths, and of a key nothing, not even what a report may show. A row counts when its MAC
//! is right, and else it is as if it were not there ([`seal`]): what lies in the file may come from anybody.
//! `docs/inventory.md` tells users of it.

mod database;
mod fingerprints;
pub mod holders;
pub mod import;
mod known;
pub mod reach;
pub mod record;
mod schema;
mod seal;
pub mod spot;
pub mod workload;
pub mod workloads;

use std::fs;
use std::io;
use std::path::Path;

use database::Database;
use seal::Seal;

pub use database::{InventoryError, path};
pub use fingerprints::Fingerprints;

use crate::finding::fingerprint::{FingerprintKey, KeyOrigin};

/// The inventory under one hashing key.
pub struct Inventory {
    database: Database,
}

impl Inventory {
    /// The inventory of a cache's folder, to record in it. There is none under a hashing key that is made for one run.
    ///
    /// # Errors
    /// When it cannot be opened or made, or is something else.
    pub fn to_record(folder: &Path, key: &FingerprintKey) -> Result<Option<Self>, InventoryError> {
        let seal = Seal::new(key).filter(|_| *key.origin() != KeyOrigin::ThisRun);
        seal.map(|seal| Ok(Self { database: Database::write(folder, seal)? })).transpose()
    }

    /// The inventory of a cache's folder, to look into it.
    ///
    /// # Errors
    /// When there is none, it cannot be opened, or is something else.
    pub fn to_read(folder: &Path, key: &FingerprintKey) -> Result<Self, InventoryError> {
        let seal = Seal::new(key).ok_or_else(|| InventoryError::None(path(folder)))?;
        Ok(Self { database: Database::read(folder, seal)? })
    }

    /// The same; none where nothing is recorded yet.
    ///
    /// # Errors
    /// When it cannot be opened, or is something else.
    pub fn if_any(folder: &Path, key: &FingerprintKey) -> Result<Option<Self>, InventoryError> {
        match Self::to_read(folder, key) {
            Ok(inventory) => Ok(Some(inventory)),
            Err(InventoryError::None(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Removes the inventory of a cache's folder; whether there was one.
///
/// # Errors
/// When it cannot be removed.
pub fn clear(folder: &Path) -> io::Result<bool> {
    let path = path(folder);
    for beside in ["-journal", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(beside);
        remove(Path::new(&name))?;
    }
    remove(&path)
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A time as reports write it; null for none.
pub(crate) fn moment<S: serde::Serializer>(time: &i64, out: S) -> Result<S::Ok, S::Error> {
    let known = time::OffsetDateTime::from_unix_timestamp(*time).ok().filter(|_| *time != 0);
    let text = known.and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok());
    serde::Serialize::serialize(&text, out)
}

/// The day of a time, in UTC.
pub fn day(time: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(time)
        .map_or_else(|_| "an unknown day".to_owned(), |time| time.date().to_string())
}

#[cfg(test)]
mod tests;
