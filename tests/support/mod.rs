//! What the integration tests are built on.

pub(crate) mod stack;
