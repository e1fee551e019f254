//! `keyseam scan`, `keyseam diff` and `keyseam context`: settings in, reports and an exit status out. The scan itself is a
//! [`Scanner`].

use std::io::{self, Write};

use super::args::{ContextArguments, DiffArguments, General, ScanArguments};
use super::exit_status::{ExitStatus, Outcome};
use super::messages::Messages;
use super::progress::{self, Bars, Notes};
use super::settings::{Settings, SettingsError};
use super::terminal;
use crate::report::Report;
use crate::report::file::{self, FileError};
use crate::scan::progress::Progress;

/// Scans every target of the settings. A target that gives no result is in the report's errors; an
/// error is something that keeps the whole scan from being done (a rule file that is wrong, say).
pub type Scanner = fn(&Settings, &dyn Progress) -> anyhow::Result<Report>;

/// Runs `keyseam scan`. The report for standard output goes to `stdout`.
pub fn run(arguments: ScanArguments, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    let messages = messages(&arguments.options.general);
    carry_out(Settings::new(arguments, &mut io::stdin()), &messages, scanner, stdout)
}

/// Runs `keyseam diff`. The report for standard output goes to `stdout`.
pub fn run_diff(arguments: DiffArguments, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    let messages = messages(&arguments.options.general);
    carry_out(Settings::of_diff(arguments, &mut io::stdin()), &messages, scanner, stdout)
}

/// Runs `keyseam context`. The report for standard output goes to `stdout`.
pub fn run_context(arguments: ContextArguments, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    let messages = messages(&arguments.general);
    carry_out(Settings::of_context(arguments), &messages, scanner, stdout)
}

/// Where a command of these options says what is no result.
pub(super) fn messages(general: &General) -> Messages {
    Messages::new(general.quiet, general.verbose)
}

fn carry_out(
    settings: Result<Settings, SettingsError>,
    messages: &Messages,
    scanner: Scanner,
    stdout: &mut dyn Write,
) -> ExitStatus {
    match settings {
        Ok(settings) => scan(&settings, messages, scanner, stdout),
        Err(error) => {
            messages.error(&error.to_string());
            ExitStatus::Failed
        }
    }
}

fn scan(settings: &Settings, messages: &Messages, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    if settings.show_secrets {
        messages.note("--show-secrets: the reports of this run hold keys in clear; treat them as keys");
    }
    match read(settings, messages, scanner) {
        Ok(report) => tell(settings, &report, messages, stdout),
        Err(error) => {
            messages.error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

/// Writes the reports, and says how the run ends.
pub(super) fn tell(
    settings: &Settings,
    report: &Report,
    messages: &Messages,
    stdout: &mut dyn Write,
) -> ExitStatus {
    let shown = settings.outputs.shows_table() && terminal::shows_both_streams();
    for error in report.errors.iter().filter(|_| !shown) {
        messages.error(&format!("{}: {}", error.target, error.message));
    }
    let mut outcome = Outcome::of(report, &settings.threshold, settings.strict);
    let style = terminal::style(settings.color, settings.threshold);
    for error in settings.outputs.write(report, &style, stdout) {
        outcome.failed = true;
        messages.error(&error.to_string());
    }
    if let Err(error) = write_baseline(settings, report, messages) {
        outcome.failed = true;
        messages.error(&error.to_string());
    }
    outcome.status(settings.exit_zero)
}

/// Writes the baseline of this run, where one is wanted.
fn write_baseline(settings: &Settings, report: &Report, messages: &Messages) -> Result<(), FileError> {
    let Some((path, bytes)) = settings.write_baseline.as_ref().zip(report.baseline.as_ref()) else {
        return Ok(());
    };
    file::write(path, bytes)?;
    if !report.summary.complete {
        messages.note(&format!("not everything was scanned: {} may lack keys", path.display()));
    }
    messages
        .note(&format!("wrote {}: scan with --baseline {0} to be told of new keys alone", path.display()));
    Ok(())
}

/// Scans, with bars where somebody looks. They are gone before a report is written.
pub(super) fn read(settings: &Settings, messages: &Messages, scanner: Scanner) -> anyhow::Result<Report> {
    if progress::is_wanted(settings.progress, messages) {
        scanner(settings, &Bars::new(messages, terminal::unicode()))
    } else {
        scanner(settings, &Notes(messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Arguments, Command, command};
    use crate::report::fixture;
    use clap::FromArgMatches;

    fn status(options: &[&str], scanner: Scanner) -> u8 {
        let line = ["keyseam", "scan", "-q", "-o", "csv", "app.tar"];
        let matches = command().try_get_matches_from(line.iter().chain(options)).expect("a good line");
        match Arguments::from_arg_matches(&matches).expect("good arguments").command {
            Command::Scan(arguments) => run(*arguments, scanner, &mut Vec::new()).code(),
            other => panic!("not a scan: {other:?}"),
        }
    }

    #[test]
    fn the_status_is_that_of_the_report() {
        assert_eq!(status(&[], |_, _| Ok(fixture::clean())), 0);
        assert_eq!(status(&[], |_, _| Ok(fixture::nothing())), 2);
        assert_eq!(status(&[], |_, _| Ok(fixture::rich())), 1);
        assert_eq!(status(&["--exit-zero"], |_, _| Ok(fixture::rich())), 2);
        assert_eq!(status(&["--fail-on", "never"], |_, _| Ok(fixture::rich())), 2);
        assert_eq!(status(&[], |_, _| anyhow::bail!("the rules are wrong")), 2);
    }
}
