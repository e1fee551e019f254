//! The image half of the advice: why removing the file again is not enough, what to change, which names still
//! serve the layer, and how they and it are deleted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::registry;
use crate::detect::Place;
use crate::limits::ADVISED;
use crate::report::guide::{self, Part};
use crate::report::model::{Finding, ImageResult, Report, SourceKind};
use crate::report::{describe, text};

/// Names of images that are told one by one.
const NAMES: usize = 5;

/// What no registry can take back.
const COPIES: &str = "Count every copy as out: nodes, build caches, mirrors and pull-through caches keep what was pulled. That is why the key is revoked first.";

/// What is true of every image with a key in it.
pub(crate) fn in_general() -> Option<Part> {
    let entries = [
        "An `rm`, an `unset` or a new value in a later step hides the key and no more: layers and history are only ever added to, and every pull brings all of them.",
        "Change the instruction that brought it: `ENV` and `ARG` become `RUN --mount=type=secret`, a copied file goes into `.dockerignore`, and a running container gets the key when it starts. `keyseam scan --dockerfile Dockerfile -o json` with `keyseam explain -` shows that as a diff.",
        "Build anew and push; then delete every tag and digest that serves the layer, and have the registry collect its garbage: a moved tag leaves the old image where it is, under its digest.",
        COPIES,
    ];
    guide::image(entries.map(str::to_owned).to_vec())
}

/// Gives every finding of the report the steps for its image. It takes all results, as one layer may be in several
/// of them.
pub fn tell(report: &mut Report) {
    let serving = Serving::of(&report.results);
    for result in &mut report.results {
        let mut findings = std::mem::take(&mut result.findings);
        let is_many = findings.len() > ADVISED;
        let mut told: HashSet<String> = HashSet::new();
        for finding in &mut findings {
            if is_many && !told.insert(finding.detector.clone()) {
                finding.remediation.key = None;
                continue;
            }
            finding.remediation.image_steps = steps(result, finding, &serving);
        }
        result.findings = findings;
    }
}

/// Which images hold which blobs: by digest of the layer, the names of the images.
struct Serving(BTreeMap<String, BTreeSet<String>>);

impl Serving {
    fn of(results: &[ImageResult]) -> Self {
        let mut serving: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for result in results.iter().filter(|result| result.source != SourceKind::Context) {
            for digest in
                result.layers.iter().filter_map(|layer| layer.digest.as_ref().or(layer.diff_id.as_ref()))
            {
                serving.entry(digest.clone()).or_default().extend(names(result));
            }
        }
        Self(serving)
    }

    /// The names of all images with that layer.
    fn names(&self, digest: &str) -> Vec<&str> {
        self.0.get(digest).into_iter().flatten().map(String::as_str).collect()
    }
}

/// What an image is pulled or opened by.
fn names(result: &ImageResult) -> Vec<String> {
    let tagged = result.reference.as_ref().unwrap_or(&result.target).clone();
    let repository = describe::repository(result);
    let digests = [&result.index_digest, &result.manifest_digest];
    let pinned = digests.into_iter().flatten().filter(|_| result.source == SourceKind::Registry);
    let pinned: Vec<String> = pinned.map(|digest| format!("{repository}@{digest}")).collect();
    std::iter::once(tagged).chain(pinned).collect()
}

fn steps(result: &ImageResult, finding: &Finding, serving: &Serving) -> Vec<String> {
    if result.source == SourceKind::Context {
        return Vec::new();
    }
    let base = describe::is_of_base(result, finding);
    let mut steps = vec![useless(finding)];
    steps.push(match (base, &finding.introduced_by.dockerfile) {
        (true, _) => describe::sentence(&describe::build(result, finding)),
        (false, Some(line)) => {
            format!(
                "Change {}:{}: {}.",
                line.path,
                line.line,
                finding.remediation.image.trim_end_matches('.')
            )
        }
        (false, None) => describe::sentence(&finding.remediation.image),
    });
    steps.push(
        "Build it anew without the key, and push that. The old image stays where it is, under its digest, whatever its tag says by then."
            .to_owned(),
    );
    steps.push(served(finding, result, serving));
    steps.extend(deleted(result));
    steps.push(COPIES.to_owned());
    steps
}

/// Why a later step does not take it away.
fn useless(finding: &Finding) -> String {
    let removed = finding.locations.iter().find_map(|location| location.removed_by.as_ref());
    let first = finding.locations.first().map(|location| location.kind);
    match (removed, finding.introduced_by.layer, first) {
        (Some(removed), Some(layer), _) => format!(
            "Layer {} {}, and layer {layer} still has it: a layer is only ever added, and all of them are pulled.",
            removed.layer,
            describe::what_was_done(&removed.how)
        ),
        (None, Some(layer), Some(Place::File | Place::FileName | Place::Symlink | Place::Xattr)) => format!(
            "An `rm` in a later step would only hide it: layer {layer} would still be pulled, with the file in it."
        ),
        _ => "It stands in the image's config or history, which every pull brings along: unsetting it in a later step leaves it there."
            .to_owned(),
    }
}

/// What is known to serve the layer, and how to ask for the rest.
fn served(finding: &Finding, result: &ImageResult, serving: &Serving) -> String {
    let origin = &finding.introduced_by;
    let digest = origin.digest.as_ref().or(origin.diff_id.as_ref());
    let own = names(result);
    let mut all: Vec<&str> = digest.map(|digest| serving.names(digest)).unwrap_or_default();
    if all.is_empty() {
        all = own.iter().map(String::as_str).collect();
    }
    let shown = all.iter().take(NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more of this report") } else { String::new() };
    let blob = match (digest, origin.layer) {
        (Some(digest), Some(layer)) => format!("Layer {layer}, `{digest}`, is served by"),
        _ => match &result.config_digest {
            Some(config) => format!("The config, `{config}`, is served by"),
            None => "It is served by".to_owned(),
        },
    };
    let ask = match (result.source, digest) {
        (SourceKind::Registry, Some(digest)) => {
            let repository = describe::repository(result);
            format!(
                ". Other tags and repositories may share it: `skopeo list-tags docker://{repository}` names the tags, and `skopeo inspect --raw` of one with `{}` among its layers serves it as well.",
                text::short_digest(digest)
            )
        }
        _ => ", and by every registry that it was pushed to.".to_owned(),
    };
    format!("{blob} {shown}{more}{ask}")
}

/// How the image is deleted where it lies.
fn deleted(result: &ImageResult) -> Vec<String> {
    let digest = result.index_digest.as_ref().or(result.manifest_digest.as_ref());
    let name = result.reference.as_ref().unwrap_or(&result.target);
    let by_registry = |reference: &str| digest.and_then(|digest| registry::deletion(reference, digest));
    match result.source {
        SourceKind::Registry => by_registry(name).unwrap_or_else(|| {
            vec!["Delete the manifest by its digest in the registry, then have it collect its garbage.".to_owned()]
        }),
        SourceKind::DockerDaemon => vec![format!(
            "Delete it from the engine: `docker image rm {name}`, then `docker builder prune` for the build cache."
        )],
        SourceKind::Podman => {
            vec![format!("Delete it from the engine: `podman image rm {name}`, then `podman image prune --build-cache`.")]
        }
        SourceKind::DockerArchive | SourceKind::OciArchive | SourceKind::OciLayout => vec![
            "Delete the archive, its copies among the CI's artifacts, and the image in whatever it was made from or loaded into.".to_owned(),
        ],
        SourceKind::Context => Vec::new(),
    }
}
