//! How bad a leak is, and how sure a finding.

use serde::{Deserialize, Serialize};

/// By what a leak allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, no leak by itself.
    Info,
    /// A test key, a key that ships in clients.
    Low,
    /// Limited or costly to abuse.
    Medium,
    /// An account of a service.
    High,
    /// An account of the infrastructure, of money, of everybody's data.
    Critical,
}

/// By what was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A generic guess.
    Low,
    /// The right shape at the right name.
    Medium,
    /// A prefix, structure or checksum that only this kind of key has.
    High,
}

impl Severity {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Confidence {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
