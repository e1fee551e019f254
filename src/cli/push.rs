//! `keyseam push`: scans an image and, only on a pass, pushes it as it is.

use std::io::{self, Write};

use oci_client::Reference;

use super::args::PushArguments;
use super::exit_status::ExitStatus;
use super::messages::without_keys;
use super::scan::{self, Scanner};
use super::settings::Settings;
use crate::report::Report;
use crate::target::reference;

/// Pushes what a report is of, and says what it pushed: the destination with its digest.
pub type Pusher = fn(&Settings, &Report, &Reference) -> anyhow::Result<String>;

/// Runs `keyseam push`. The report for standard output goes to `stdout`.
pub fn run(arguments: PushArguments, scanner: Scanner, pusher: Pusher, stdout: &mut dyn Write) -> ExitStatus {
    let messages = scan::messages(&arguments.options.general);
    let failed = |problem: &str| {
        messages.error(problem);
        ExitStatus::Failed
    };
    let destination = match destination(&arguments.destination) {
        Ok(destination) => destination,
        Err(problem) => return failed(&problem),
    };
    let settings = match Settings::of_push(arguments, &destination, &mut io::stdin()) {
        Ok(settings) => settings,
        Err(error) => return failed(&error.to_string()),
    };
    let report = match scan::read(&settings, &messages, scanner) {
        Ok(report) => report,
        Err(error) => return failed(&format!("{error:#}")),
    };
    let status = scan::tell(&settings, &report, &messages, stdout);
    let why = match status {
        ExitStatus::Clean => None,
        ExitStatus::Found => Some("it holds keys"),
        ExitStatus::Incomplete => Some("not everything could be scanned"),
        ExitStatus::Failed => Some("the scan failed"),
    };
    if let Some(why) = why {
        messages.error(&format!("not pushed: {why}"));
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
