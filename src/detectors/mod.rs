//! The embedded catalogue: one TOML file a provider. `docs/adding-a-detector.md` says how to add a detector.

/// A definition file as `build.rs` read it.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionFile {
    /// Its name.
    pub name: &'static str,
    /// SHA-256 of its text, lowercase hex.
    pub sha256: &'static str,
    /// All of it but what follows, as JSON.
    pub definitions: &'static str,
    /// By detector: its examples and its counter-examples, a JSON array each.
    pub examples: &'static [(&'static str, &'static str)],
    /// Its advice, a JSON array.
    pub advice: &'static str,
    /// Its requests that ask whether a key works, a JSON array without their samples.
    pub verify: &'static str,
}

/// Every embedded definition file, in the order of their names.
pub const FILES: &[DefinitionFile] = include!(concat!(env!("OUT_DIR"), "/detectors.rs"));
