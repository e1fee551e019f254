//! The embedded catalogue: one TOML file a provider. `docs/adding-a-detector.md` says how to add a detector.

/// File name and text of every embedded definition file, in the order of their names.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/detectors.rs"));
