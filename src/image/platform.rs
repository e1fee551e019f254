//! Platforms: `os/arch[/variant]`, matching and choosing.

use serde::{Deserialize, Serialize};

/// The platform of an image, as in an index's descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows` ….
    pub os: String,
    /// `amd64`, `arm64` …: Go's names.
    pub architecture: String,
    /// `v7`, `v8` ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Windows' build number.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// Which platforms of an index to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformSet {
    /// This machine's (`linux/<arch>`); the only one there is, with a note, where that is missing.
    Default,
    /// Each of these; one that is missing is an error.
    Chosen(Vec<Platform>),
    /// All that the index names.
    All,
}
