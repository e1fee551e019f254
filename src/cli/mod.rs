//! The command line: arguments, settings, exit status. Results go to standard output; progress,
//! warnings and errors to standard error.

pub mod args;
pub mod build_check;
pub mod cache;
pub mod config;
pub mod detectors;
mod docker_plugin;
pub mod exit_status;
mod explain;
pub mod fingerprint_key;
mod gone;
mod habits;
pub mod input;
pub mod interrupt;
mod inventory;
mod manual;
pub mod messages;
pub mod output;
pub mod progress;
pub mod push;
pub mod scan;
pub mod scanner;
mod serve;
pub mod settings;
pub mod terminal;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, FromArgMatches};

use self::args::{Arguments, Command, ConfigCommand, DockerPluginCommand};
use self::exit_status::ExitStatus;
use self::messages::Messages;

/// The parts of the program that commands call.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Scans images.
    pub scan: scan::Scanner,
    /// Compares two images.
    pub diff: scan::Scanner,
    /// Pushes what was scanned.
    pub push: push::Pusher,
    /// Scans an image for made-up values.
    pub canaries: scan::Scanner,
    /// Scans a build context.
    pub context: scan::Scanner,
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
    push: scanner::push,
    canaries: scanner::scan_canaries,
    context: scanner::scan_context,
    fingerprint_key: fingerprint_key::Keyring {
        init: fingerprint_key::init,
        key_id: fingerprint_key::key_id,
    },
};

fn dispatch(line: impl IntoIterator<Item = OsString>, engine: Engine) -> ExitStatus {
    let line: Vec<OsString> = line.into_iter().collect();
    if let Some(status) = docker_plugin::run(&line, &mut io::stdout()) {
        return status;
    }
    let given = match args::command().try_get_matches_from(&line) {
        Ok(given) => given,
        Err(error) => return refuse(&error),
    };
    let completed = match with_configuration(&line, &given) {
        Ok(line) => line.map(|line| args::command().try_get_matches_from(line)).transpose(),
        Err(error) => {
            Messages::default().error(&error.to_string());
            return ExitStatus::Failed;
        }
    };
    let completed = match completed {
        Ok(completed) => completed,
        Err(error) => return refuse(&error),
    };
    let matches = completed.as_ref().unwrap_or(&given);
    let command = match Arguments::from_arg_matches(matches) {
        Ok(arguments) => arguments.command,
        Err(error) => return refuse(&error),
    };
    match command {
        Command::Scan(arguments) => scan::run(*arguments, engine.scan, &mut io::stdout()),
        Command::Diff(arguments) => scan::run_diff(*arguments, engine.diff, &mut io::stdout()),
        Command::Context(arguments) => scan::run_context(*arguments, engine.context, &mut io::stdout()),
        Command::Push(arguments) => push::run(*arguments, engine.scan, engine.push, &mut io::stdout()),
        Command::BuildCheck(arguments) => build_check::run(*arguments, engine.canaries, &mut io::stdout()),
        Command::Explain(arguments) => explain::run(&arguments, &mut io::stdout()),
        Command::Detectors(command) => detectors::run(command, &mut io::stdout()),
        Command::FingerprintKey(command) => fingerprint_key::run(command, engine.fingerprint_key),
        Command::Cache(command) => cache::run(command),
        Command::Inventory(arguments) => inventory::run(*arguments, &mut io::stdout()),
        Command::Gone(arguments) => gone::run(*arguments, engine.scan, &mut io::stdout()),
        Command::Serve(arguments) => serve::run(*arguments, &mut io::stdout()),
        Command::DockerPlugin(DockerPluginCommand::Install) => docker_plugin::install(),
        Command::Completions { shell } => show(Ok(manual::completions(shell))),
        Command::Man => show(manual::page()),
        Command::Config(ConfigCommand::Show(_)) => {
            let [given, matches] = [&given, matches].map(|matches| of_command(matches, &SHOW));
            let text = given.zip(matches).map(|(given, matches)| config::shown(given, matches));
            show(Ok(text.unwrap_or_default().into_bytes()))
        }
    }
}

/// The words of `keyseam config show`.
const SHOW: [&str; 2] = ["config", "show"];

/// The line with the settings of `keyseam.toml`, for a command that has settings.
fn with_configuration(
    line: &[OsString],
    given: &ArgMatches,
) -> Result<Option<Vec<OsString>>, config::ConfigError> {
    let paths: [&[&str]; 5] = [&["scan"], &["diff"], &["push"], &["context"], &SHOW];
    let found = paths.iter().find_map(|path| Some((path, of_command(given, path)?)));
    found.map_or(Ok(None), |(path, matches)| config::complete(line, path, matches))
}

/// What clap made of the part of a command.
fn of_command<'a>(matches: &'a ArgMatches, path: &[&str]) -> Option<&'a ArgMatches> {
    path.iter().try_fold(matches, |matches, word| matches.subcommand_matches(word))
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
