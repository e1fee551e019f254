//! The options of `keyseam scan`, in the groups that its help shows. `keyseam diff` has most of them too.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, FromArgMatches};

use super::{Cache, Look, Network};
use crate::cli::output::Output;
use crate::cli::progress::ProgressChoice;
use crate::cli::settings::{PlatformChoice, SecretsFrom};
use crate::detect::Confidence;
use crate::report::model::VerificationStatus;
use crate::report::{FailOn, format};
use crate::verify::Endpoint;

/// The forms of images, for the help of every command that takes one.
pub(super) const FORMS: &str = "\
Images:
  docker://REF                an image in a registry
  docker-daemon:REF           an image in the Docker engine
  podman:REF                  an image in podman's store
  docker-archive:PATH[:REF]   the output of docker save or podman save
  oci-archive:PATH[:REF]      an OCI layout in a tar
  oci:PATH[:REF]              an OCI layout in a folder
  PATH                        any of these three; the kind is detected
  REF                         wherever it is found first: docker, podman, the registry (--from)
  -                           any of the archives on standard input
  Archives may be compressed with gzip, zstd, xz or bzip2.";

/// The exit status, for the help of every command that scans.
pub(super) const STATUS: &str = "\
Exit status: 1 keys were found; 2 something could not be done; 3 the scan is incomplete;
0 everything was read and nothing found. Every option NAME can be set as KEYSEAM_NAME, except for
--show-secrets, --insecure and those that begin with --verify.";

const EXAMPLES: &str = "\
Examples:
  keyseam scan ghcr.io/acme/app:1.4
  keyseam scan app.tar
  docker save app:1.4 | keyseam scan -
  keyseam scan --all-tags -o json=keys.json docker://registry.example.com/acme/app
  keyseam scan --secrets-from env --base debian:12 app:1.4";

/// Find leaked keys, and the layer that introduced each
#[derive(Debug, Args)]
#[command(after_help = format!("{FORMS}\n\n{EXAMPLES}\n\n{STATUS}"))]
pub struct ScanArguments {
    /// Which images.
    #[command(flatten)]
    pub images: Images,
    /// How they are scanned.
    #[command(flatten)]
    pub options: Options,
}

/// The images to scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which images")]
pub struct Images {
    /// Images to scan; see below for the forms
    #[arg(value_name = "IMAGE", required_unless_present = "images_from", help_heading = "Arguments")]
    pub images: Vec<String>,
    /// Also scan the images named in FILE, one a line; `#` begins a comment
    #[arg(long, value_name = "FILE", env = "KEYSEAM_IMAGES_FROM", hide_env = true)]
    pub images_from: Option<PathBuf>,
    /// Scan every tag of the repositories that are named, which are named without a tag then
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_ALL_TAGS", hide_env = true)]
    pub all_tags: bool,
}

/// What every command that scans can be told.
#[derive(Debug, Args)]
pub struct Options {
    /// Which of an image's parts.
    #[command(flatten)]
    pub selection: Selection,
    /// How registries and engines are reached.
    #[command(flatten)]
    pub network: Network,
    /// Which keys.
    #[command(flatten)]
    pub keys: Keys,
    /// What counts.
    #[command(flatten)]
    pub choice: Choice,
    /// Whether services are asked.
    #[command(flatten)]
    pub verification: Verification,
    /// What is suppressed.
    #[command(flatten)]
    pub project: Project,
    /// How much is read.
    #[command(flatten)]
    pub coverage: Coverage,
    /// What is not read again.
    #[command(flatten)]
    pub cache: Cache,
    /// What is shown.
    #[command(flatten)]
    pub general: General,
}

impl Default for Options {
    /// What they are where nothing is given, not even in the environment.
    fn default() -> Self {
        let without_environment = |option: clap::Arg| option.env(clap::builder::Resettable::Reset);
        let command = Self::augment_args(clap::Command::new("options").no_binary_name(true));
        let matches = command.mut_args(without_environment).get_matches_from([""; 0]);
        // Every option has a default or may be left out.
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Which of an image's parts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which images")]
pub struct Selection {
    /// OS/ARCH[/VARIANT] to take from an index, or `all`; repeatable [default: linux on this machine's CPU]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "KEYSEAM_PLATFORM", hide_env = true)]
    pub platform: Vec<PlatformChoice>,
    /// The base image: its layers are told from this image's own
    #[arg(long, value_name = "IMAGE", env = "KEYSEAM_BASE", hide_env = true)]
    pub base: Option<String>,
    /// Leave out the layers that are proven to be the base image's
    #[arg(long, requires = "base", value_parser = BoolishValueParser::new(), env = "KEYSEAM_SKIP_BASE")]
    #[arg(hide_env = true)]
    pub skip_base: bool,
    /// The Dockerfile that the image was built from: findings name its lines
    #[arg(long, value_name = "FILE", env = "KEYSEAM_DOCKERFILE", hide_env = true)]
    pub dockerfile: Option<PathBuf>,
}

/// Which keys are looked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which keys")]
pub struct Keys {
    /// Only these detectors, services or categories; repeatable
    #[arg(
        long,
        value_name = "ID|SERVICE|CATEGORY",
        value_delimiter = ',',
        env = "KEYSEAM_ONLY",
        hide_env = true
    )]
    pub only: Vec<String>,
    /// All but these detectors, services or categories; repeatable
    #[arg(
        long,
        value_name = "ID|SERVICE|CATEGORY",
        value_delimiter = ',',
        env = "KEYSEAM_SKIP",
        hide_env = true
    )]
    pub skip: Vec<String>,
    /// Also take the detectors in FILE; repeatable (docs/adding-a-detector.md)
    #[arg(long, value_name = "FILE", env = "KEYSEAM_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
    /// Also look for your own secret values: those of the environment (`env`), or NAME=VALUE lines in FILE
    #[arg(long, value_name = "env|FILE", env = "KEYSEAM_SECRETS_FROM", hide_env = true)]
    pub secrets_from: Option<SecretsFrom>,
    /// The team's hashing key for fingerprints [default: one in the data folder]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_FINGERPRINT_KEY_FILE", hide_env = true)]
    pub fingerprint_key_file: Option<PathBuf>,
}

/// What counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "What counts")]
pub struct Choice {
    /// The least severity that fails the scan, and that the table shows
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "SEVERITY",
        env = "KEYSEAM_FAIL_ON",
        hide_env = true
    )]
    pub fail_on: FailOn,
    /// The least confidence that fails the scan and that the table shows: low, medium, high
    #[arg(
        long,
        value_enum,
        default_value = "medium",
        hide_possible_values = true,
        value_name = "CONFIDENCE"
    )]
    #[arg(env = "KEYSEAM_MIN_CONFIDENCE", hide_env = true)]
    pub min_confidence: Confidence,
    /// Contents that cannot be opened (an encrypted archive, say) make the scan incomplete
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_STRICT", hide_env = true)]
    pub strict: bool,
    /// Exit with 0 also when keys are found; 2 and 3 stay
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_EXIT_ZERO", hide_env = true)]
    pub exit_zero: bool,
}

/// Whether services are asked about keys: by a flag of the command line alone.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whether keys still work")]
pub struct Verification {
    /// Ask each key's service whether it still works: one request that only reads (docs/verify.md)
    #[arg(long)]
    pub verify: bool,
    /// Only keys of this status fail the scan: live, dead, unknown, unverified; repeatable
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true, value_name = "STATUS")]
    #[arg(requires = "verify", env = "KEYSEAM_FAIL_ON_STATUS", hide_env = true)]
    pub fail_on_status: Vec<VerificationStatus>,
    /// Ask URL in place of a service's HOST: https, or http on this machine; repeatable
    #[arg(long, value_name = "HOST=URL", requires = "verify")]
    pub verify_endpoint: Vec<Endpoint>,
}

/// What is suppressed, and by which files.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is suppressed")]
pub struct Project {
    /// Suppress what FILE, made with --write-baseline, holds
    #[arg(long, value_name = "FILE", env = "KEYSEAM_BASELINE", hide_env = true)]
    pub baseline: Option<PathBuf>,
    /// Write what is found to FILE, as fingerprints
    #[arg(long, value_name = "FILE", env = "KEYSEAM_WRITE_BASELINE", hide_env = true)]
    pub write_baseline: Option<PathBuf>,
    /// Take the settings in FILE, which is trusted
    #[arg(long, value_name = "FILE", env = "KEYSEAM_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Read neither keyseam.toml nor .keyseamignore in this folder
    #[arg(long, conflicts_with = "config", value_parser = BoolishValueParser::new())]
    #[arg(env = "KEYSEAM_NO_CONFIG", hide_env = true)]
    pub no_config: bool,
}

/// How much is read, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to read")]
pub struct Coverage {
    /// Check each layer's diff_id too, not only its digest
    #[arg(long)]
    pub verify_diff_ids: bool,
    /// Cut a layer that unpacks to more than this; the scan is then incomplete
    #[arg(long, value_name = "BYTES", default_value_t = crate::limits::LAYER_CONTENT, hide_default_value = true,
        env = "KEYSEAM_MAX_LAYER_BYTES", hide_env = true)]
    pub max_layer_bytes: u64,
    /// Layers read at once [default: one a CPU]
    #[arg(short, long, value_name = "N", env = "KEYSEAM_JOBS", hide_env = true)]
    pub jobs: Option<NonZeroUsize>,
}

/// What is shown, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub struct General {
    /// Where a report is written, and in which format.
    #[arg(short, long, value_name = "FORMAT[=FILE]", env = "KEYSEAM_OUTPUT", hide_env = true)]
    #[arg(help = format!(
        "Write a report, to FILE or standard output; repeatable [default: table]. FORMAT is one of {}",
        format::names()
    ))]
    pub output: Vec<Output>,
    /// Show keys whole: in table, json, jsonl and csv
    #[arg(long)]
    pub show_secrets: bool,
    /// When to draw progress bars: auto (on a terminal, outside of CI) or never
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "WHEN",
        env = "KEYSEAM_PROGRESS",
        hide_env = true
    )]
    pub progress: ProgressChoice,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
    /// Show nothing but the report and errors
    #[arg(short, long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_QUIET", hide_env = true)]
    pub quiet: bool,
    /// Say more on standard error
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    #[arg(env = "KEYSEAM_VERBOSE", hide_env = true)]
    pub verbose: u8,
}
