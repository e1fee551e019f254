//! The options of `keyseam push`: those of a scan.

use clap::Args;

use super::Options;
use super::scan::FORMS;

const EXAMPLES: &str = "\
Examples:
  docker buildx build --output type=oci,dest=app.tar . && keyseam push app.tar ghcr.io/acme/app:1.4
  keyseam push docker://registry.example.com/staging/app:1.4 registry.example.com/app:1.4

What is pushed is what was scanned, byte by byte: the image has the same digest. With an index, every platform is
scanned, and the index is pushed; with --platform, the image of that platform.

Exit status: 0 it was scanned and pushed; 1 keys were found, 3 not everything could be read: it was not pushed; 2
something could not be done.";

/// Scan an image, and push it if it passes
#[derive(Debug, Args)]
#[command(after_help = format!("{FORMS}\n\n{EXAMPLES}"))]
pub struct PushArguments {
    /// The image: in an OCI layout or archive, or in a registry
    pub image: String,
    /// Where it goes: a reference
    pub destination: String,
    /// How it is scanned.
    #[command(flatten)]
    pub options: Options,
}
