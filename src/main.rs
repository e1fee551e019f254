//! The `keyseam` binary: arguments in, exit status out. Everything else is in the library.

fn main() -> std::process::ExitCode {
    keyseam::cli::run()
}
