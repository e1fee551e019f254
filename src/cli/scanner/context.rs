//! `keyseam context`: what a COPY would bring into an image, and what the Dockerfile itself leaves in it.

use std::collections::BTreeSet;
use std::time::Instant;

use time::OffsetDateTime;

use super::rules::Rules;
use crate::cli::settings::{ContextChoice, Settings};
use crate::dockerfile::advice::{advice, rewrite};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::finding::result::{Judge, Target};
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::report::model::{DockerfileLine, Finding, ImageResult, Report, SourceKind};
use crate::scan::progress::Progress;
use crate::scan::{Blobs, Proofs, ScanOptions, Scanning};
use crate::source::ImageSource;
use crate::source::context::Context;

/// Scans the build context of the settings.
///
/// # Errors
/// As of [`super::scan_targets`], and where the folder or its Dockerfile cannot be read.
pub fn scan_context(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Report> {
    let (start, started) = (Instant::now(), OffsetDateTime::now_utc());
    let choice = settings.context.clone().unwrap_or_default();
    let rules = Rules::load(settings, progress)?;
    let is_selected = |index| rules.is_selected(index);
    let mut redactor = rules.redactor();
    let (context, dockerfile) = open(&choice)?;
    let name_in = context.dockerfile_name();
    let path = context.dockerfile().map(|path| path.display().to_string()).unwrap_or_default();
    let known = (path, dockerfile);
    let judge = rules.judge(&is_selected, settings, None);
    let judge = Judge { dockerfile: Some(&known), dockerfile_in: name_in.as_deref(), ..judge };
    let options = ScanOptions {
        jobs: settings.jobs.get(),
        max_layer_bytes: settings.max_layer_bytes,
        ..ScanOptions::default()
    };
    let scanning = Scanning { options: &options, search: judge.search, known: None, progress };
    let images = context.resolve(&PlatformSet::Default)?;
    let mut blobs = Blobs::new();
    scanning.blobs(&context, &images, &Proofs::new(), &mut blobs);
    let target = Target { text: choice.folder.display().to_string(), source: SourceKind::Context };
    let mut results = Vec::new();
    for image in &images {
        let mut result = judge.judge(&target, image, &blobs, &mut redactor);
        result.kind = "context";
        let name = context.dockerfile_name().map(|name| String::from_utf8_lossy(&name).into_owned());
        let name = name.map(|name| redactor.clean(&name));
        let path = context.dockerfile().map(|path| redactor.clean(&path.display().to_string()));
        tell(&mut result, (name.as_deref(), path.as_deref()), &known.1);
        result.stats.seconds = start.elapsed().as_secs_f64();
        results.push(result);
    }
    let mut report = super::report(&rules, results, Vec::new(), &redactor, started);
    super::renew_baseline(&mut report, &rules, settings);
    Ok(report)
}

fn open(choice: &ContextChoice) -> anyhow::Result<(Context, Dockerfile)> {
    let mut context = Context::open(&choice.folder, choice.dockerfile.as_deref())?;
    let dockerfile = match context.dockerfile() {
        Some(path) => {
            let bytes = crate::cli::input::file(path, limits::DOCKERFILE)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            Dockerfile::parse(&bytes)
        }
        None => Dockerfile::default(),
    };
    let name = context.dockerfile_name().unwrap_or_default();
    for one in advice(&dockerfile) {
        context.warn(format!("{}:{}: {}", String::from_utf8_lossy(&name), one.line, one.text));
    }
    Ok((context, dockerfile))
}

/// Says of each finding what keeps it out. Nothing has leaked yet.
fn tell(result: &mut ImageResult, (name, path): (Option<&str>, Option<&str>), dockerfile: &Dockerfile) {
    for finding in &mut result.findings {
        let in_dockerfile = finding.locations.iter().find_map(|location| {
            let line =
                location.line.filter(|_| location.path.as_deref() == name && location.inner.is_empty())?;
            Some((line, instruction_at(dockerfile, line)?))
        });
        match (in_dockerfile, name.zip(path)) {
            (Some((_, instruction)), Some((name, path))) => {
                let line = *instruction.lines.start() as u64;
                let path = path.strip_prefix("./").unwrap_or(path).to_owned();
                finding.introduced_by.dockerfile = Some(DockerfileLine { path, line });
                let others = files(finding, name);
                let others = if others.is_empty() { others } else { format!("; and {}", ignored(&others)) };
                finding.remediation.next = format!("{name}:{line}: {}{others}", rewrite(instruction));
                finding.remediation.image =
                    "what stands in a Dockerfile stands in the history of its image, for everyone who can pull it"
                        .to_owned();
            }
            _ => keep_out(finding),
        }
    }
}

/// The advice for a key in a file of the context.
fn keep_out(finding: &mut Finding) {
    finding.remediation.next = format!("{}, so that no COPY brings it in", ignored(&files(finding, "")));
    finding.remediation.image =
        "a step that needs it reads it from RUN --mount=type=secret; a container gets it when it starts"
            .to_owned();
}

/// The files that a key stands in, but for the Dockerfile.
fn files(finding: &Finding, dockerfile: &str) -> String {
    /// More are not told one by one.
    const SHOWN: usize = 3;
    let paths = finding.locations.iter().filter_map(|location| location.path.as_deref());
    let paths: BTreeSet<&str> = paths.filter(|path| *path != dockerfile).collect();
    let shown: Vec<&str> = paths.iter().copied().take(SHOWN).collect();
    match paths.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn ignored(files: &str) -> String {
    format!("add {files} to .dockerignore")
}

fn instruction_at(dockerfile: &Dockerfile, line: u64) -> Option<&Instruction> {
    let line = usize::try_from(line).ok()?;
    dockerfile.instructions.iter().find(|instruction| instruction.lines.contains(&line))
}
