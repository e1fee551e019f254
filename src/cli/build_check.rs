//! `keyseam build-check`: runs a build with canaries, and scans its image for them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::args::BuildCheckArguments;
use super::exit_status::ExitStatus;
use super::interrupt::UNFINISHED;
use super::messages::Messages;
use super::scan::{self, Scanner};
use super::settings::Settings;
use crate::canary::{Built, Canary, Kind, Plan, Store};
use crate::detect::own_secrets::DETECTOR_ID;
use crate::report::Report;

/// Bytes that a canary is made of: nothing else in an image is the same.
const CANARY: usize = 24;

/// Runs `keyseam build-check`. The report for standard output goes to `stdout`.
pub fn run(arguments: BuildCheckArguments, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    let messages = scan::messages(&arguments.general);
    match check(arguments, scanner, &messages, stdout) {
        Ok(status) => status,
        Err(error) => {
            messages.error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn check(
    arguments: BuildCheckArguments,
    scanner: Scanner,
    messages: &Messages,
    stdout: &mut dyn Write,
) -> anyhow::Result<ExitStatus> {
    let run = random(8)?;
    let file = |name: &str| std::env::temp_dir().join(format!("keyseam-{run}-{name}"));
    // No more of them are needed than the command has words.
    let values = arguments.command.iter().map(|_| random(CANARY)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut values = values.into_iter();
    let mut value = || values.next().unwrap_or_default();
    let plan = Plan::of(&arguments.command, &arguments.keep, &file, &mut value)?;
    let settings = Settings::of_build_check(arguments, &plan)?;
    for option in &plan.left_out {
        messages.note(&format!("{option} is left out: nobody is to use an image with made-up values in it"));
    }
    let _files = write_files(&plan)?;
    build(&plan)?;
    let (target, id) = built(&plan)?;
    let settings = Settings { targets: vec![target], ..settings };
    let report = scan::read(&settings, messages, scanner);
    remove(&plan, id.as_deref(), messages);
    let report = report?;
    for canary in &plan.canaries {
        messages.note(&told(canary, &report));
    }
    Ok(scan::tell(&settings, &report, messages, stdout))
}

/// Bytes nobody can guess, as a word.
fn random(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    // A value that begins with a dash might be taken for an option.
    Ok(format!("k{}", URL_SAFE_NO_PAD.encode(random).replace(['-', '_'], "x")))
}

/// Files that are removed when this is dropped, or by a signal.
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
            UNFINISHED.forget(path);
        }
    }
}

fn write_files(plan: &Plan) -> anyhow::Result<Files> {
    let mut files = Files(Vec::new());
    let all = plan.files.iter().map(|(path, value)| (path, value.as_str()));
    for (path, value) in all.chain([(&plan.result, "")]) {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = UNFINISHED.make(path, || options.open(path)).and_then(|mut file| {
            files.0.push(path.clone());
            file.write_all(value.as_bytes())
        });
        written.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    }
    Ok(files)
}

/// Runs the build; what it says goes to standard error.
fn build(plan: &Plan) -> anyhow::Result<()> {
    let Some((program, arguments)) = plan.words.split_first() else { return Ok(()) };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|error| anyhow::anyhow!("{program}: {error}"))?;
    if !status.success() {
        anyhow::bail!(
            "the build failed ({status}); where an argument has to have its real value, --keep NAME leaves it"
        );
    }
    Ok(())
}

/// The image as a target, and its id where it is in a store.
fn built(plan: &Plan) -> anyhow::Result<(String, Option<String>)> {
    let transport = match plan.built {
        Built::Archive => return Ok((plan.result.display().to_string(), None)),
        Built::Id(Store::Docker) => "docker-daemon",
        Built::Id(Store::Podman) => "podman",
    };
    let id = fs::read_to_string(&plan.result).unwrap_or_default().trim().to_owned();
    if id.is_empty() {
        anyhow::bail!(
            "the build left no image in the engine; with buildx, add --load, or --output type=oci,dest=FILE"
        );
    }
    Ok((format!("{transport}:{id}"), Some(id)))
}

/// Removes the image from its store.
fn remove(plan: &Plan, id: Option<&str>, messages: &Messages) {
    let (Some(program), Some(id)) = (plan.words.first(), id) else { return };
    let words: &[&str] = if program.ends_with("buildah") { &["rmi", id] } else { &["image", "rm", id] };
    let removed = Command::new(program).args(words).stdin(Stdio::null()).output();
    if !removed.is_ok_and(|output| output.status.success()) {
        messages.note(&format!("the image {id} could not be removed; it holds made-up values only"));
    }
}

/// What became of a canary, in one line.
fn told(canary: &Canary, report: &Report) -> String {
    let findings = report.results.iter().flat_map(|result| &result.findings);
    let own = findings.filter(|one| one.detector == DETECTOR_ID && one.service == canary.name);
    let places: usize = own.map(|finding| finding.locations.len()).sum();
    let what = match canary.kind {
        Kind::Argument => format!("build argument {}", canary.name),
        Kind::Secret => format!("secret {}", canary.name),
    };
    match places {
        0 => format!("{what}: nowhere in the image"),
        1 => format!("{what}: stays in the image, in 1 place"),
        places => format!("{what}: stays in the image, in {places} places"),
    }
}
