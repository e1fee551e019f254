//! The options of `keyseam diff`: those of a scan.

use clap::Args;

use super::Options;
use super::scan::{FORMS, STATUS};

const EXAMPLES: &str = "\
Examples:
  keyseam diff ghcr.io/acme/app:1.4 ghcr.io/acme/app:1.5
  keyseam diff ghcr.io/acme/app:main oci:./layout -o json=added.json";

/// Find the leaked keys that an image has and an older one has not
///
/// Both are scanned; the report is that of NEW, with only the keys that OLD does not hold anywhere. The
/// exit status counts those alone.
#[derive(Debug, Args)]
#[command(after_help = format!("{FORMS}\n\n{EXAMPLES}\n\n{STATUS}"))]
pub struct DiffArguments {
    /// The image whose keys are known
    pub old: String,
    /// The image that is asked about
    pub new: String,
    /// How both are scanned.
    #[command(flatten)]
    pub options: Options,
}
