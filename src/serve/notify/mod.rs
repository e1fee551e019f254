//! What registries tell of pushes.

pub mod distribution;
pub mod harbor;
pub mod zot;
