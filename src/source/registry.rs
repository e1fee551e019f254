//! Images in a registry.

use oci_client::Reference;

use super::{Access, Opened, SourceError};

/// Opens an image of a registry.
pub(super) fn open(reference: &Reference, _access: &Access) -> Result<Opened, SourceError> {
    Err(SourceError::Invalid(format!("{reference}: registries are not supported yet")))
}
