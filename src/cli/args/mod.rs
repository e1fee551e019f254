//! The command line as clap sees it. What it means is decided in [`super::settings`].

mod build_check;
mod cache;
mod context;
mod diff;
mod explain;
mod gone;
mod inventory;
mod network;
mod push;
mod scan;
mod serve;

use clap::builder::Resettable;
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

pub use build_check::BuildCheckArguments;
pub use cache::{Cache, CacheArguments, CacheCommand};
pub use context::ContextArguments;
pub use diff::DiffArguments;
pub use explain::{ExplainArguments, PageFormat};
pub use gone::GoneArguments;
pub use inventory::{
    ImportArguments, InventoryArguments, InventoryCommand, InventoryOptions, ListArguments, PlanArguments,
    PlanFormat, ReachFormat, WhereArguments,
};
pub use network::Network;
pub use push::PushArguments;
pub use scan::{
    Choice, Coverage, General, Images, Keys, Options, Project, ScanArguments, Selection, Verification,
};
pub use serve::{ManifestArguments, ServeArguments, ServeCommand};

use super::terminal::ColorChoice;

/// Finds keys leaked in container images, and the layer that leaked each.
#[derive(Debug, Parser)]
#[command(name = "keyseam", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Start with:  keyseam scan image.tar\n             docker save app:1.4 | keyseam scan -\n             keyseam scan ghcr.io/acme/app:1.4"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find leaked keys, and the layer that introduced each
    Scan(Box<ScanArguments>),
    /// Find the leaked keys that an image has and an older one has not
    Diff(Box<DiffArguments>),
    /// Find the keys that COPY would bring into an image, before there is one
    Context(Box<ContextArguments>),
    /// Scan an image, and push it if it passes
    Push(Box<PushArguments>),
    /// Build with made-up values, and find those that stay in the image
    #[command(name = "build-check")]
    BuildCheck(Box<BuildCheckArguments>),
    /// Say what to do about a leaked key, and how to keep the next one out
    ///
    /// Of a detector, what is true of its keys: what they open, how to see misuse, how to replace and revoke one.
    /// Of a finding in a JSON report also what to do about the image. Works offline.
    Explain(Box<ExplainArguments>),
    /// Prove that a leaked key is gone from a repository: which tags, digests and blobs still serve it
    Gone(Box<GoneArguments>),
    /// List the detectors, read about one, try them on a text
    #[command(subcommand, arg_required_else_help = true)]
    Detectors(DetectorsCommand),
    /// Make or identify the team's hashing key
    ///
    /// Fingerprints are made under a hashing key: equal keys have equal fingerprints for everybody who
    /// shares it, and nobody else can test a guess.
    #[command(subcommand, name = "fingerprint-key", arg_required_else_help = true)]
    FingerprintKey(FingerprintKeyCommand),
    /// See or empty the layer cache
    ///
    /// Layers that were read are kept, as findings without secrets, so that they are read once (docs/cache.md).
    #[command(subcommand, arg_required_else_help = true)]
    Cache(CacheCommand),
    /// Which images, layers, tags and workloads hold one and the same key, and the plan of its rotation
    ///
    /// Scans record what they find: fingerprints and places, never a key (docs/inventory.md).
    Inventory(Box<InventoryArguments>),
    /// Let images into a registry or a cluster, or refuse those that hold keys
    Serve(Box<ServeArguments>),
    /// See the settings of a scan, and where they come from
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Make this program a command of docker: docker keyseam
    #[command(subcommand, name = "docker-plugin", arg_required_else_help = true)]
    DockerPlugin(DockerPluginCommand),
    /// Write a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual page
    Man,
}

/// A command on the catalogue of detectors.
#[derive(Debug, Subcommand)]
pub enum DetectorsCommand {
    /// List detectors
    List {
        /// A detector's id, a service or a category; all detectors without any.
        #[arg(value_name = "ID|SERVICE|CATEGORY")]
        selectors: Vec<String>,
        /// List the offline checks that definitions can name, instead.
        #[arg(long, conflicts_with = "selectors")]
        validators: bool,
        /// How to write the list: text, or markdown with counts and tables
        #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
        format: ListFormat,
        /// Common options.
        #[command(flatten)]
        common: CatalogueArguments,
    },
    /// Show all about one detector
    Show {
        /// The detector's id, or an alias of it.
        id: String,
        /// Common options.
        #[command(flatten)]
        common: CatalogueArguments,
    },
    /// Turn a gitleaks or betterleaks configuration into rules for --rules
    ///
    /// Writes the rules to standard output, and what does not fit, rule by rule, to standard error
    /// (docs/importing.md).
    Import {
        /// The configuration, a TOML file; `-` is standard input.
        file: String,
        /// Leave out rules of which keyseam has a detector of the same name
        #[arg(long)]
        new: bool,
        /// Common options.
        #[command(flatten)]
        common: CatalogueArguments,
    },
    /// Check files of detectors: their definitions, examples and counter-examples
    ///
    /// Makes every example anew, looks for it, and for changed keys that must not be found. Exits with 1
    /// where a definition is not right.
    Check {
        /// Files of detectors (docs/adding-a-detector.md).
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Common options.
        #[command(flatten)]
        common: CatalogueArguments,
    },
    /// Run detectors on a text, and show what they find, redacted
    ///
    /// Exits with 1 where something is found.
    Test {
        /// A detector's id, then a file; or a file alone. `-` is standard input, the default.
        #[arg(value_name = "[ID] [FILE|-]", num_args = 0..=2)]
        id_and_file: Vec<String>,
        /// Common options.
        #[command(flatten)]
        common: CatalogueArguments,
    },
}

/// How detectors are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// For a terminal.
    #[default]
    Text,
    /// As docs/detectors.md.
    Markdown,
}

/// How what is written for people looks.
#[derive(Clone, Debug, clap::Args)]
pub struct Look {
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "WHEN",
        env = "KEYSEAM_COLOR",
        hide_env = true
    )]
    pub color: ColorChoice,
}

/// Options of all commands on the catalogue.
#[derive(Clone, Debug, clap::Args)]
pub struct CatalogueArguments {
    /// Also take the detectors in FILE (docs/adding-a-detector.md)
    #[arg(long, value_name = "FILE", env = "KEYSEAM_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
}

/// A command on Docker's plugins.
#[derive(Debug, Subcommand)]
pub enum DockerPluginCommand {
    /// Link this program into Docker's folder of plugins
    ///
    /// That is cli-plugins in DOCKER_CONFIG, or in ~/.docker.
    Install,
}

/// A command on settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every setting that a scan here would have, and where it came from
    ///
    /// Takes the options of a scan, and reads keyseam.toml and the environment as a scan does
    /// (docs/configuration.md).
    Show(Box<Options>),
}

/// A command on the hashing key.
#[derive(Debug, Subcommand)]
pub enum FingerprintKeyCommand {
    /// Make a new key; never over one that exists
    Init(FingerprintKeyArguments),
    /// Show the key's id, the part of each fingerprint that is not secret
    ShowId(FingerprintKeyArguments),
}

/// Where the hashing key is.
#[derive(Clone, Debug, clap::Args)]
pub struct FingerprintKeyArguments {
    /// The key's file; by default it lies in the data folder
    #[arg(long = "fingerprint-key-file", value_name = "FILE")]
    #[arg(env = "KEYSEAM_FINGERPRINT_KEY_FILE", hide_env = true)]
    pub file: Option<PathBuf>,
}

/// The whole command. A variable that is set and empty counts as not set: CI systems pass on what a
/// user left open that way.
pub fn command() -> clap::Command {
    let unset_when_empty = |argument: clap::Arg| match argument.get_env().map(std::env::var_os) {
        Some(Some(value)) if value.is_empty() => argument.env(Resettable::Reset),
        _ => argument,
    };
    Arguments::command().mut_subcommands(move |command| {
        let command = command.mut_args(unset_when_empty);
        command.mut_subcommands(move |command| command.mut_args(unset_when_empty))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options of a scan that no variable sets: they show keys or send them, check less, or cost more.
    const TYPED_ONLY: [&str; 5] =
        ["insecure", "show-secrets", "verify", "verify-diff-ids", "verify-endpoint"];

    #[test]
    fn every_option_of_a_scan_has_its_variable_but_those_that_must_be_typed() {
        for name in ["scan", "diff"] {
            let program = command();
            let scan = program.find_subcommand(name).expect("a command");
            for option in scan.get_arguments().filter_map(|argument| Some((argument, argument.get_long()?))) {
                let (argument, long) = option;
                let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                let usual = format!("KEYSEAM_{}", long.to_uppercase().replace('-', "_"));
                let expected = (!TYPED_ONLY.contains(&long)).then_some(usual);
                assert_eq!(variable, expected, "--{long}");
            }
        }
    }
}
