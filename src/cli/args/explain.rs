//! `keyseam explain`.

use clap::ValueEnum;

use super::CatalogueArguments;
use crate::advice::keep_out::{Language, Store};

/// Arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyseam explain messagebird-access-key\n  keyseam scan -o json app.tar | keyseam explain -\n  keyseam explain ksf1:… report.json\n  keyseam explain messagebird-access-key --with vault --lang go"
)]
pub struct ExplainArguments {
    /// A detector's id, a finding's fingerprint (ksf1:…), or a JSON report (-o json); `-` is a report on
    /// standard input
    #[arg(value_name = "DETECTOR|FINGERPRINT|REPORT|-")]
    pub what: String,
    /// The JSON report that the fingerprint stands in; `-` is standard input, which is the default where
    /// something is piped into it
    #[arg(value_name = "REPORT|-")]
    pub report: Option<String>,
    /// Show the code that fetches the next key from there: env, aws, vault or conjur
    #[arg(long, value_enum, hide_possible_values = true, value_name = "STORE")]
    pub with: Option<Store>,
    /// Show that code in this language: python, javascript, go, java, ruby or shell
    #[arg(long, value_enum, hide_possible_values = true, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
    /// How to write: text, or markdown for a ticket
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub format: PageFormat,
    /// Common options.
    #[command(flatten)]
    pub common: CatalogueArguments,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a ticket.
    Markdown,
}
