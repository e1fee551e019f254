//! The command line: arguments, settings, exit status. Results go to standard output; progress,
//! warnings and errors to standard error.

pub mod args;
pub mod cache;
pub mod detectors;
pub mod exit_status;
pub mod fingerprint_key;
mod habits;
pub mod input;
pub mod interrupt;
mod manual;
pub mod messages;
pub mod output;
pub mod progress;
pub mod scan;
pub mod scanner;
pub mod settings;
pub mod terminal;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::args::{Arguments, Command};
use self::exit_status::ExitStatus;
use self::messages::Messages;

/// The parts of the program that commands call.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Scans images.
    pub scan: scan::Scanner,
    /// Compares two images.
    pub diff: scan::Scanner,
    /// Makes and identifies hashing keys.
    pub fingerprint_key: fingerprint_key::Keyring,
}

/// Runs the program with this process' arguments.
pub fn run() -> ExitCode {
    messages::silence_panics();
    if let Err(error) = interrupt::watch() {
        Messages::default().note(&format!("signals end this run without cleaning up: {error}"));
    }
    let status = std::panic::catch_unwind(|| dispatch(std::env::args_os(), ENGINE));
    status.unwrap_or(ExitStatus::Failed).into()
}

/// What is built into this program.
const ENGINE: Engine = Engine {
    scan: scanner::scan_targets,
    diff: scanner::diff_targets,
    fingerprint_key: fingerprint_key::Keyring {
        init: fingerprint_key::init,
        key_id: fingerprint_key::key_id,
    },
};

fn dispatch(line: impl IntoIterator<Item = OsString>, engine: Engine) -> ExitStatus {
    let matches = args::command().try_get_matches_from(line);
    let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    match arguments.map(|arguments| arguments.command) {
        Ok(Command::Scan(arguments)) => scan::run(*arguments, engine.scan, &mut io::stdout()),
        Ok(Command::Diff(arguments)) => scan::run_diff(*arguments, engine.diff, &mut io::stdout()),
        Ok(Command::Detectors(command)) => detectors::run(command, &mut io::stdout()),
        Ok(Command::FingerprintKey(command)) => fingerprint_key::run(command, engine.fingerprint_key),
        Ok(Command::Cache(command)) => cache::run(command),
        Ok(Command::Completions { shell }) => show(Ok(manual::completions(shell))),
        Ok(Command::Man) => show(manual::page()),
        Err(error) => refuse(&error),
    }
}

fn show(text: io::Result<Vec<u8>>) -> ExitStatus {
    match text.and_then(|text| output::to_stdout(|out| out.write_all(&text))) {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("cannot write to standard output: {error}"));
            ExitStatus::Failed
        }
    }
}

/// Answers a command line that cannot be carried out; help and version are such answers too.
fn refuse(error: &clap::Error) -> ExitStatus {
    let habit = match (error.kind(), unknown_word(error)) {
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(word)) => habits::answer(word),
        _ => None,
    };
    if let Some(answer) = habit {
        Messages::default().error(&answer);
        return ExitStatus::Failed;
    }
    let text = error.render().to_string();
    let clean = if error.use_stderr() { messages::without_keys(&text) } else { text.clone() };
    // Nobody can be told when the stream is closed; the status says it.
    let _ = if clean == text { error.print() } else { io::stderr().lock().write_all(clean.as_bytes()) };
    if error.use_stderr() { ExitStatus::Failed } else { ExitStatus::Clean }
}

/// The option or command that clap does not know.
fn unknown_word(error: &clap::Error) -> Option<&str> {
    let kinds = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    })
}
