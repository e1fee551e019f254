//! The arguments of `keyseam gone`.

use std::path::PathBuf;

use clap::Args;

use super::{Cache, CatalogueArguments, Network, PlanFormat};

const AFTER: &str = "\
Examples:
  keyseam gone ksf1:… registry.example.com/acme/shop
  keyseam gone ksf1:… docker://ghcr.io/acme/app --format markdown

Exit status: 0 nothing serves it any more; 1 something still does; 3 nothing that could be read does, but not everything
could be read; 2 it could not be looked for.";

/// Prove that a leaked key is gone from a repository: which tags, digests and blobs still serve it
///
/// Reads the manifests of every tag, and of the layers those that are in no layer cache. Digests without a tag are asked for
/// where the inventory knows that they held it.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct GoneArguments {
    /// The finding's fingerprint (ksf1:…)
    #[arg(value_name = "FINGERPRINT")]
    pub fingerprint: String,
    /// The repository, without a tag
    #[arg(value_name = "REPO")]
    pub repository: String,
    /// How to write: text, markdown for a ticket, or json for programs
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub format: PlanFormat,
    /// The team's hashing key for fingerprints [default: one in the data folder]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_FINGERPRINT_KEY_FILE", hide_env = true)]
    pub fingerprint_key_file: Option<PathBuf>,
    /// How the registry is reached.
    #[command(flatten)]
    pub network: Network,
    /// What is not read again.
    #[command(flatten)]
    pub cache: Cache,
    /// Common options.
    #[command(flatten)]
    pub common: CatalogueArguments,
}
