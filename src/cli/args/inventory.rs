//! `keyseam inventory`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{CacheArguments, Look};

/// Arguments of `inventory`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  keyseam inventory\n  keyseam inventory where ksf1:…\n  keyseam inventory where - <leaked-key.txt\n  kubectl get pods -A -o json | keyseam inventory import --name prod -\n  keyseam inventory plan ksf1:…"
)]
pub struct InventoryArguments {
    /// What to do; without any, keys are listed.
    #[command(subcommand)]
    pub command: Option<InventoryCommand>,
    /// How keys are listed.
    #[command(flatten)]
    pub list: ListArguments,
}

/// A command on the inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// List all keys, those that most images hold first
    List(ListArguments),
    /// Show every image, tag, layer, place and workload that holds a key
    Where(WhereArguments),
    /// Show the order in which a key is replaced everywhere
    Plan(PlanArguments),
    /// Take in what runs images: pods and Compose files
    ///
    /// FILE is what `kubectl get pods -A -o json` writes, an object or a list of objects that make pods, or a Compose
    /// file. Values of variables are fingerprinted at once and never kept. An import takes the place of what its name
    /// had before.
    Import(ImportArguments),
    /// Show where the inventory is
    Path(CacheArguments),
    /// Remove it
    Clear(CacheArguments),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// How to write: text, or json for programs
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub format: ReachFormat,
    /// Common options.
    #[command(flatten)]
    pub common: InventoryOptions,
}

/// Arguments of `where`.
#[derive(Debug, Args)]
pub struct WhereArguments {
    /// A finding's fingerprint (ksf1:…), a JSON report (-o json), of which every key is looked for, or `-`: the key
    /// itself on standard input
    #[arg(value_name = "FINGERPRINT|REPORT|-")]
    pub what: String,
    /// How to write: text, or json for programs
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub format: ReachFormat,
    /// Common options.
    #[command(flatten)]
    pub common: InventoryOptions,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// A finding's fingerprint (ksf1:…)
    #[arg(value_name = "FINGERPRINT")]
    pub fingerprint: String,
    /// How to write: text, markdown for a ticket, or json for programs
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub format: PlanFormat,
    /// Common options.
    #[command(flatten)]
    pub common: InventoryOptions,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Files of workloads; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Name of the cluster or stack [default: the file's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Common options.
    #[command(flatten)]
    pub common: InventoryOptions,
}

/// Options of all commands on the inventory.
#[derive(Debug, Args)]
pub struct InventoryOptions {
    /// Where the inventory is.
    #[command(flatten)]
    pub place: CacheArguments,
    /// The team's hashing key for fingerprints [default: one in the data folder]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_FINGERPRINT_KEY_FILE", hide_env = true)]
    pub fingerprint_key_file: Option<PathBuf>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
}

/// How an answer of the inventory is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReachFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a ticket.
    Markdown,
    /// For programs.
    Json,
}
