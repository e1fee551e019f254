//! rpm's database: a header a package, in SQLite (`rpmdb.sqlite`) or in SUSE's own format
//! (`Packages.db`). The Berkeley DB of old (`Packages`) is not read, and that is said.

mod header;
mod ndb;
mod sqlite;

use super::index::Builder;

/// Folders that hold the database: where rpm had it, where SUSE and Fedora have it now, and where
/// rpm-ostree does.
const FOLDERS: [&[u8]; 3] = [b"var/lib/rpm/", b"usr/lib/sysimage/rpm/", b"usr/share/rpm/"];

/// How a database is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Sqlite,
    Ndb,
}

/// Why a database is not read, or not to its end.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum RpmError {
    #[error("cannot be read: {0}")]
    Damaged(&'static str),
}

/// The database that lies at a cleaned path; with no format where it is a Berkeley DB.
pub(super) fn format(path: &[u8]) -> Option<Option<Format>> {
    let name = FOLDERS.iter().find_map(|folder| path.strip_prefix(*folder))?;
    match name {
        b"rpmdb.sqlite" => Some(Some(Format::Sqlite)),
        b"Packages.db" => Some(Some(Format::Ndb)),
        b"Packages" => Some(None),
        _ => None,
    }
}

/// Takes up every package. Those in front of damage count.
pub(super) fn read(format: Format, database: &[u8], index: &mut Builder) -> Result<(), RpmError> {
    let mut damaged = false;
    let mut package = |blob: &[u8]| damaged |= header::read(blob, index).is_none();
    match format {
        // rpm makes an empty file and fills it later.
        _ if database.is_empty() => Ok(()),
        Format::Sqlite => sqlite::each_package(database, &mut package),
        Format::Ndb => ndb::each_package(database, &mut package),
    }?;
    if damaged { Err(RpmError::Damaged("a package's header is damaged")) } else { Ok(()) }
}

/// A number as RPM's headers and SQLite store it.
fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The same as a length or a place.
fn size_be(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_be(bytes, at)?).ok()
}
