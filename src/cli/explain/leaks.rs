//! The findings of a JSON report. A report may come from anywhere: of what it says nothing is believed but that it is
//! text, and all of it is cleaned of keys before it is shown.

use std::io;

use serde::Deserialize;

use crate::cli::input;
use crate::cli::messages::without_keys;
use crate::limits::EXPLAINED_REPORT;
use crate::report::describe;
use crate::report::model::{Evidence, Location, Origin, Remediation, Verification};
use crate::report::words;

/// Requests that are told of a key.
const REQUESTS: usize = 10;

/// A report, as far as it is needed.
#[derive(Deserialize)]
struct ReportText {
    version: String,
    results: Vec<ResultText>,
}

#[derive(Deserialize)]
struct ResultText {
    target: String,
    reference: Option<String>,
    platform: Option<String>,
    findings: Vec<FindingText>,
    #[serde(default)]
    evidence: Vec<Evidence>,
}

/// A finding, as far as it is needed.
#[derive(Clone, Deserialize)]
pub(super) struct FindingText {
    pub(super) fingerprint: String,
    pub(super) detector: String,
    pub(super) name: String,
    pub(super) service: String,
    introduced_by: Origin,
    locations: Vec<Location>,
    pub(super) remediation: Remediation,
    #[serde(default)]
    verification: Verification,
}

/// A finding and the image that it stands in.
#[derive(Clone)]
pub(super) struct Leak {
    pub(super) image: String,
    pub(super) finding: FindingText,
    /// Where the key was seen in use.
    pub(super) used: Vec<String>,
}

impl Leak {
    /// Layer and first place.
    pub(super) fn place(&self) -> String {
        let layer = self.finding.introduced_by.layer.map(|layer| format!("layer {layer}, "));
        let place = self.finding.locations.first().map_or_else(|| "the image".to_owned(), describe::place);
        without_keys(&format!("{}{place}", layer.unwrap_or_default()))
    }

    /// What its service said of the key.
    pub(super) fn works(&self) -> Option<String> {
        let said = words::verification(&self.finding.verification, &self.finding.service);
        said.map(|said| without_keys(&said))
    }

    /// What to change in the build, and where.
    pub(super) fn build(&self) -> String {
        let line = self.finding.introduced_by.dockerfile.as_ref();
        let line = line.map(|line| without_keys(&format!("{}:{}: ", line.path, line.line)));
        format!("{}{}", line.unwrap_or_default(), self.finding.remediation.image)
    }
}

/// The findings of a report, in its order.
pub(super) struct Leaks(Vec<Leak>);

impl Leaks {
    /// Reads a report; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read, or is no JSON report of version 1.
    pub(super) fn read(name: &str) -> anyhow::Result<Self> {
        let bytes = match name {
            "-" => input::read(&mut io::stdin(), EXPLAINED_REPORT),
            path => input::file(path.as_ref(), EXPLAINED_REPORT),
        };
        let bytes = bytes.map_err(|error| anyhow::anyhow!("cannot read {name}: {error}"))?;
        let report: ReportText = serde_json::from_slice(&bytes).map_err(|error| {
            anyhow::anyhow!("{name} is no JSON report of keyseam (keyseam scan -o json): {error}")
        })?;
        anyhow::ensure!(report.version == "1", "{name} is a report of version {}, not 1", report.version);
        Ok(Self(report.results.into_iter().flat_map(leaks).collect()))
    }

    /// All of them.
    pub(super) fn all(self) -> Vec<Leak> {
        self.0
    }

    /// Those of one key.
    pub(super) fn of(self, fingerprint: &str) -> Vec<Leak> {
        self.0.into_iter().filter(|leak| leak.finding.fingerprint == fingerprint).collect()
    }
}

fn leaks(result: ResultText) -> Vec<Leak> {
    let name = result.reference.unwrap_or(result.target);
    let image = result.platform.map_or_else(|| name.clone(), |platform| format!("{name} ({platform})"));
    let image = without_keys(&image);
    let leak = |mut finding: FindingText| {
        clean(&mut finding.remediation);
        finding.name = without_keys(&finding.name);
        let used = used(&result.evidence, &finding.service);
        Leak { image: image.clone(), finding, used }
    };
    result.findings.into_iter().map(leak).collect()
}

/// Where requests with a key of `service` are shown, and where they stand in the image.
fn used(evidence: &[Evidence], service: &str) -> Vec<String> {
    let all: Vec<&Evidence> = evidence.iter().filter(|used| used.service == service).collect();
    let told = all.iter().take(REQUESTS).map(|used| {
        let place =
            used.locations.first().map_or_else(String::new, |at| format!(" (in {})", describe::place(at)));
        without_keys(&format!("{}{place}", used.url))
    });
    let more = all.len().saturating_sub(REQUESTS);
    told.chain((more > 0).then(|| format!("and {more} more requests; the report lists them"))).collect()
}

/// Cleans what an image or a Dockerfile had a part in. A report made with `--show-secrets` holds keys.
fn clean(remediation: &mut Remediation) {
    let Remediation { next, image, image_steps, rewrite, .. } = remediation;
    for text in [next, image].into_iter().chain(image_steps).chain(rewrite) {
        *text = without_keys(text);
    }
}
