//! What a key's service said of it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Online verification of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verification {
    /// What came of it.
    pub status: VerificationStatus,
    /// Why nobody was asked, or why the answer says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was asked, without the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What the service says of key and account: `account`, `scopes`, `expires` …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Whether a key works.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum VerificationStatus {
    /// Nobody was asked.
    #[default]
    Unverified,
    /// Its service takes it.
    Live,
    /// Its service does not take it.
    Dead,
    /// Its service was asked, and that says nothing.
    Unknown,
}

impl VerificationStatus {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Live => "live",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}
