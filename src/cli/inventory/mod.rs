//! `keyseam inventory`: what many scans know together.

mod holders;
mod import;
mod list;
mod plan;
mod steps;
mod wanted;

use std::io::Write;
use std::path::PathBuf;

use super::output::write_json;
use anyhow::Context;

use super::args::{CacheArguments, InventoryArguments, InventoryCommand, InventoryOptions};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::{fingerprint_key, output, terminal};
use crate::finding::fingerprint::FingerprintKey;
use crate::inventory::workload::Import;
use crate::inventory::{self, Inventory, InventoryError, day};
use crate::report::text::count;
use crate::report::{Style, Threshold};

/// Version of the JSON that programs read.
const VERSION: &str = "1";

/// Runs the command.
pub(super) fn run(arguments: InventoryArguments, stdout: &mut dyn Write) -> ExitStatus {
    let command = arguments.command.unwrap_or(InventoryCommand::List(arguments.list));
    match carry_out(command, stdout) {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn carry_out(command: InventoryCommand, stdout: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        InventoryCommand::List(arguments) => list::run(&arguments, stdout),
        InventoryCommand::Where(arguments) => holders::run(&arguments, stdout),
        InventoryCommand::Plan(arguments) => plan::run(&arguments, stdout),
        InventoryCommand::Import(arguments) => import::run(&arguments, stdout),
        InventoryCommand::Path(place) => {
            let path = inventory::path(&folder(&place)?);
            Ok(output::to(stdout, |out| writeln!(out, "{}", path.display()))?)
        }
        InventoryCommand::Clear(place) => {
            let folder = folder(&place)?;
            let path = inventory::path(&folder).display().to_string();
            let was = inventory::clear(&folder).with_context(|| path.clone())?;
            let done = if was { "removed" } else { "there was none" };
            Ok(output::to(stdout, |out| writeln!(out, "{path}: {done}"))?)
        }
    }
}

fn folder(place: &CacheArguments) -> anyhow::Result<PathBuf> {
    place.folder().context(
        "there is no folder for the inventory (HOME and XDG_CACHE_HOME are unset); name one with --cache-dir",
    )
}

/// The inventory that a command looks into, and what it is told by.
struct Opened {
    key: FingerprintKey,
    folder: PathBuf,
    /// None where nothing is recorded yet.
    inventory: Option<Inventory>,
}

impl Opened {
    fn new(options: &InventoryOptions) -> anyhow::Result<Self> {
        let folder = folder(&options.place)?;
        let key = Self::key(options)?;
        let inventory = Inventory::if_any(&folder, &key)?;
        Ok(Self { key, folder, inventory })
    }

    /// The hashing key.
    fn key(options: &InventoryOptions) -> anyhow::Result<FingerprintKey> {
        let key = fingerprint_key::load(options.fingerprint_key_file.as_deref())?;
        if let Some(note) = key.note() {
            Messages::default().note(note);
        }
        Ok(key)
    }

    fn imports(&self) -> Result<Vec<Import>, InventoryError> {
        self.inventory.as_ref().map_or_else(|| Ok(Vec::new()), Inventory::imports)
    }

    /// What to say where there is no inventory.
    fn nothing(&self) -> String {
        InventoryError::None(inventory::path(&self.folder)).to_string()
    }
}

fn style(options: &InventoryOptions) -> Style {
    terminal::style(options.look.color, Threshold::default())
}

/// What is known of workloads at all, one line.
fn imported(imports: &[Import]) -> String {
    let Some(last) = imports.first() else {
        return "no workloads are imported (keyseam inventory import)".to_owned();
    };
    let names: Vec<String> = imports
        .iter()
        .take(5)
        .map(|import| {
            let workloads = usize::try_from(import.workloads).unwrap_or_default();
            format!("{} ({})", import.name, count(workloads, "container"))
        })
        .collect();
    let more = imports.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("last import on {}: {}{more}", day(last.at), names.join(", "))
}

/// `first to last`, or one day.
fn days(first: i64, last: i64) -> String {
    let (first, last) = (day(first), day(last));
    if first == last { first } else { format!("{first} to {last}") }
}
