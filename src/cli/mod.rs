//! The command line: arguments, settings, exit status.

pub mod interrupt;

/// Runs the program with this process' arguments.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
