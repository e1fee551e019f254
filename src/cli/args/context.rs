//! The options of `keyseam context`: those of a scan that concern what is found and how it is told.

use std::path::PathBuf;

use clap::Args;

use super::scan::{Choice, Coverage, General, Keys, Project};

const AFTER: &str = "\
Examples:
  keyseam context
  keyseam context -f build/Dockerfile -o json=keys.json services/shop

Exit status: 1 keys would enter an image; 2 something could not be done; 3 not everything could be read; 0 nothing
was found.";

/// Find the keys that COPY would bring into an image, before there is one
///
/// Reads what `COPY .` would bring in, as .dockerignore leaves it, and the Dockerfile itself: arguments and variables that
/// end up in the image, files that are there to hold keys.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct ContextArguments {
    /// The build context
    #[arg(value_name = "DIR", default_value = ".", help_heading = "Arguments")]
    pub folder: PathBuf,
    /// The Dockerfile [default: the one in DIR]
    #[arg(short, long, value_name = "DOCKERFILE", help_heading = "Which files")]
    pub file: Option<PathBuf>,
    /// Which keys.
    #[command(flatten)]
    pub keys: Keys,
    /// What counts.
    #[command(flatten)]
    pub choice: Choice,
    /// What is suppressed.
    #[command(flatten)]
    pub project: Project,
    /// How much is read.
    #[command(flatten)]
    pub coverage: Coverage,
    /// What is shown.
    #[command(flatten)]
    pub general: General,
}
