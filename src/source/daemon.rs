//! Images in the local engines, as the archives that they export.

use super::{Access, Opened, SourceError};

/// Opens an image of the Docker engine, by name or id.
pub(super) fn open_docker(name: &str, _access: &Access) -> Result<Opened, SourceError> {
    Err(SourceError::Invalid(format!("{name}: engines are not supported yet")))
}

/// Opens an image of podman's store, by name or id.
pub(super) fn open_podman(name: &str, _access: &Access) -> Result<Opened, SourceError> {
    Err(SourceError::Invalid(format!("{name}: engines are not supported yet")))
}
