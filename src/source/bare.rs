//! A bare reference: the first of the engines and the registry that has it.

use oci_client::Reference;

use super::{Access, Opened, SourceError};

/// Opens an image wherever it is found first.
pub(super) fn open(reference: &Reference, access: &Access) -> Result<Opened, SourceError> {
    super::registry::open(reference, access)
}
