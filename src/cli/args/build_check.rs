//! The options of `keyseam build-check`.

use clap::Args;

use super::scan::{Choice, Coverage, General};

const AFTER: &str = "\
Examples:
  keyseam build-check -- docker build --build-arg NPM_TOKEN=x --secret id=netrc,src=.netrc .
  keyseam build-check --keep VERSION -- podman build --build-arg VERSION=1.2 --build-arg TOKEN=x .
  keyseam build-check -- docker buildx build --provenance=mode=max --output type=oci,dest=app.tar --secret id=a .

The values that are given are never used: each build argument and secret gets a value that was made up, and that opens
nothing. The image gets no name, is not pushed, and is removed again.

Exit status: 1 a value stands in the image; 2 the build or the scan failed; 3 not everything could be read; 0 no value
stands in the image.";

/// Build with made-up values, and find those that stay in the image
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct BuildCheckArguments {
    /// A build argument that keeps its value, as the build would fail without; repeatable
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "KEYSEAM_KEEP", hide_env = true)]
    pub keep: Vec<String>,
    /// What counts.
    #[command(flatten)]
    pub choice: Choice,
    /// How much is read.
    #[command(flatten)]
    pub coverage: Coverage,
    /// What is shown.
    #[command(flatten)]
    pub general: General,
    /// The build, behind `--`
    #[arg(last = true, required = true, value_name = "BUILD COMMAND")]
    pub command: Vec<String>,
}
