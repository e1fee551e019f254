//! `keyseam push`: scans an image and, only on a pass, pushes it as it is.

use std::io::{self, Write};

use oci_client::Reference;

use super::args::PushArguments;
use super::exit_status::{ExitStatus, Outcome};
use super::messages::{Messages, without_keys};
use super::scan::{self, Scanner};
use super::settings::{Settings, SettingsError};
use crate::report::Report;
use crate::target::reference;

/// Pushes what a report is of, and says what it pushed: the destination with its digest.
pub type Pusher = fn(&Settings, &Report, &Reference) -> anyhow::Result<String>;

/// Runs `keyseam push`. The report for standard output goes to `stdout`.
pub fn run(arguments: PushArguments, scanner: Scanner, pusher: Pusher, stdout: &mut dyn Write) -> ExitStatus {
    let messages = Messages::new(arguments.options.general.quiet, arguments.options.general.verbose);
    let failed = |problem: &str| {
        messages.error(problem);
        ExitStatus::Failed
    };
    let destination = match destination(&arguments.destination) {
        Ok(destination) => destination,
        Err(problem) => return failed(&problem),
    };
    let settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(error) => return failed(&error.to_string()),
    };
    let report = match scan::read(&settings, &messages, scanner) {
        Ok(report) => report,
        Err(error) => return failed(&format!("{error:#}")),
    };
    let status = scan::tell(&settings, &report, &messages, stdout);
    let outcome = Outcome::of(&report, &settings.threshold, settings.strict);
    if status != ExitStatus::Clean || outcome != Outcome::default() {
        messages.error(&format!("not pushed: {}", why(outcome)));
        return status;
    }
    match pusher(&settings, &report, &destination) {
        Ok(pushed) => {
            messages.note(&format!("pushed {pushed}"));
            status
        }
        Err(error) => failed(&without_keys(&format!("not pushed: {error:#}"))),
    }
}

fn why(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome { found: true, .. } => "it holds keys",
        Outcome { incomplete: true, .. } => "not everything could be scanned",
        _ => "the scan failed",
    }
}

/// Where it goes.
fn destination(text: &str) -> Result<Reference, String> {
    let bare = text.strip_prefix("docker://").unwrap_or(text);
    let wrong = |problem: &dyn std::fmt::Display| without_keys(&format!("{text}: {problem}"));
    let reference = reference::parse(bare).map_err(|error| wrong(&error))?;
    match reference.digest() {
        Some(_) => Err(wrong(&"name a tag to push to, or nothing for latest: the digest is the image's own")),
        None => Ok(reference),
    }
}

fn settings(arguments: PushArguments) -> Result<Settings, SettingsError> {
    Settings::of_push(arguments, &mut io::stdin())
}
