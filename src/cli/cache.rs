//! `keyseam cache`: where the layer cache is, how much it holds, and its end.

use std::path::PathBuf;

use anyhow::Context;

use super::args::{CacheArguments, CacheCommand};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::output::to_stdout;
use crate::cache::{self, Size};
use crate::inventory;
use crate::report::text::{count, size};

/// Runs a command.
pub fn run(command: CacheCommand) -> ExitStatus {
    let done = answer(command).and_then(|answer| Ok(to_stdout(|out| writeln!(out, "{answer}"))?));
    match done {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn answer(command: CacheCommand) -> anyhow::Result<String> {
    Ok(match command {
        CacheCommand::Path(arguments) => folder(&arguments)?.display().to_string(),
        CacheCommand::Info(arguments) => {
            let folder = folder(&arguments)?;
            let held = cache::size(&folder).with_context(|| folder.display().to_string())?;
            format!("{}: {}", folder.display(), words(held))
        }
        CacheCommand::Clear(arguments) => {
            let folder = folder(&arguments)?;
            let gone = cache::clear(&folder).with_context(|| folder.display().to_string())?;
            let stays = if inventory::path(&folder).exists() {
                "; the inventory stays (keyseam inventory clear)"
            } else {
                ""
            };
            format!("{}: removed {}{stays}", folder.display(), words(gone))
        }
    })
}

fn folder(arguments: &CacheArguments) -> anyhow::Result<PathBuf> {
    arguments.folder().context(
        "there is no folder for caches (HOME and XDG_CACHE_HOME are unset); name one with --cache-dir",
    )
}

fn words(held: Size) -> String {
    let layers = count(usize::try_from(held.layers).unwrap_or(usize::MAX), "layer");
    format!("{layers}, {}", size(held.bytes))
}
