//! `keyseam fingerprint-key`: the team's hashing key, made and identified. The key itself is never shown.

use std::path::{Path, PathBuf};

use super::args::FingerprintKeyCommand;
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::output::to_stdout;
use crate::finding::fingerprint::{FingerprintKey, FingerprintKeyError, KeySettings};

/// What makes and reads hashing keys. Without a file, it is the one in the data folder, or that of
/// `KEYSEAM_FINGERPRINT_KEY`.
#[derive(Clone, Copy)]
pub struct Keyring {
    /// Makes a new key, mode 0600, and gives its file and its id; an error where there is one already.
    pub init: fn(Option<&Path>) -> anyhow::Result<(PathBuf, String)>,
    /// The id of the key that scans use.
    pub key_id: fn(Option<&Path>) -> anyhow::Result<String>,
}

/// Makes the key of `file`, or of the data folder.
pub fn init(file: Option<&Path>) -> anyhow::Result<(PathBuf, String)> {
    let (path, key) = FingerprintKey::init(&settings(file))?;
    Ok((path, key.id().to_owned()))
}

/// The id of the key that scans use.
pub fn key_id(file: Option<&Path>) -> anyhow::Result<String> {
    Ok(load(file)?.id().to_owned())
}

/// The key that scans use.
///
/// # Errors
/// When it cannot be read or made.
pub(super) fn load(file: Option<&Path>) -> Result<FingerprintKey, FingerprintKeyError> {
    FingerprintKey::load(&settings(file))
}

fn settings(file: Option<&Path>) -> KeySettings {
    KeySettings::from_environment(file.map(Path::to_owned), |name| std::env::var_os(name))
}

/// Runs a command.
pub fn run(command: FingerprintKeyCommand, keyring: Keyring) -> ExitStatus {
    match carry_out(command, keyring) {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn carry_out(command: FingerprintKeyCommand, keyring: Keyring) -> anyhow::Result<()> {
    let id = match command {
        FingerprintKeyCommand::Init(arguments) => {
            let (path, id) = (keyring.init)(arguments.file.as_deref())?;
            let note = format!("wrote {}; share it with your team as you share a password", path.display());
            Messages::default().note(&note);
            id
        }
        FingerprintKeyCommand::ShowId(arguments) => (keyring.key_id)(arguments.file.as_deref())?,
    };
    Ok(to_stdout(|out| writeln!(out, "{id}"))?)
}
