//! The options and commands of the layer cache.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};

use crate::cache::default_folder;

/// What is not read again.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is not read again")]
pub struct Cache {
    /// Read every layer, and keep nothing of it
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_NO_CACHE", hide_env = true)]
    pub no_cache: bool,
    /// Do not record what is found in the inventory (docs/inventory.md)
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_NO_INVENTORY", hide_env = true)]
    pub no_inventory: bool,
    /// Where layers that were read are kept
    #[command(flatten)]
    pub place: CacheArguments,
}

/// Where the layer cache is.
#[derive(Clone, Debug, Args)]
pub struct CacheArguments {
    /// The layer cache [default: keyseam in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "KEYSEAM_CACHE_DIR", hide_env = true)]
    pub cache_dir: Option<PathBuf>,
}

/// A command on the layer cache.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Show where it is
    Path(CacheArguments),
    /// Show where it is, and how much it holds
    Info(CacheArguments),
    /// Remove all layers that it holds; the inventory stays
    Clear(CacheArguments),
}

impl Cache {
    /// The folder, if there is to be one.
    pub fn folder(&self) -> Option<PathBuf> {
        if self.no_cache { None } else { self.place.folder() }
    }

    /// The folder of the inventory, if this scan is to be recorded.
    pub fn inventory_folder(&self) -> Option<PathBuf> {
        self.folder().filter(|_| !self.no_inventory)
    }
}

impl CacheArguments {
    /// The folder; none where the user has no folder for caches.
    pub fn folder(&self) -> Option<PathBuf> {
        self.cache_dir.clone().or_else(|| default_folder(|name| std::env::var_os(name)))
    }
}
