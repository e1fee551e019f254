//! `keyseam gone`: whether anything in a repository still serves a key. The tags are scanned, which costs their
//! manifests and the layers that no cache knows; what no tag names is asked for by its digest, as far as the
//! inventory knows that it held the key.

mod answer;

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::bail;

use self::answer::{Answer, Place, Stored, Tag};
use super::args::{GoneArguments, PlanFormat};
use super::exit_status::ExitStatus;
use super::messages::{Messages, without_keys};
use super::scan::{self, Scanner};
use super::settings::Settings;
use super::{detectors, fingerprint_key, output, terminal};
use crate::finding::fingerprint::{Fingerprint, FingerprintKey};
use crate::image::digest::Digest;
use crate::inventory::Inventory;
use crate::inventory::holders::{Holders, Tagged};
use crate::registry::{Client, ErrorKind, Repository};
use crate::report::model::{Finding, ImageResult};
use crate::report::{Threshold, describe};
use crate::target::{Place as TargetPlace, Target};

/// Runs the command.
pub(super) fn run(arguments: GoneArguments, scanner: Scanner, stdout: &mut dyn Write) -> ExitStatus {
    match carry_out(arguments, scanner, stdout) {
        Ok(status) => status,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn carry_out(
    arguments: GoneArguments,
    scanner: Scanner,
    stdout: &mut dyn Write,
) -> anyhow::Result<ExitStatus> {
    let (format, color) = (arguments.format, arguments.common.look.color);
    let fingerprint: Fingerprint =
        arguments.fingerprint.parse().map_err(|error| anyhow::anyhow!("no fingerprint: {error}"))?;
    let key = hashing_key(&arguments, &fingerprint)?;
    let repository = repository(&arguments.repository)?;
    let catalogue = detectors::catalogue(&arguments.common.rules)?;
    let settings = Settings::of_gone(arguments, &mut io::stdin())?;
    // Before the scan tells the inventory what the tags lead to now.
    let held = held(&settings, &key, &fingerprint, &repository)?;
    let access = settings.network.access();
    let client = access.client()?;
    let mut answer = Answer::new(fingerprint.as_str(), &repository.whole_name());
    answer.name = held.iter().map(|holders| holders.key.name.clone()).next();
    let mut results = Vec::new();
    if !is_empty(client, &repository, &held) {
        let report = scan::read(&settings, &Messages::default(), scanner)?;
        let failed = report.errors.iter().map(|error| format!("{}: {}", error.target, error.message));
        answer.failed.extend(failed);
        results = report.results;
    }
    tags(&results, &mut answer);
    untagged(client, &repository, &held, &results, &mut answer);
    if answer.name.is_none() {
        let detector =
            answer.tags.iter().flat_map(|tag| &tag.places).map(|place| place.detector.as_str()).next();
        let definition = detector.and_then(|id| catalogue.get(catalogue.find(id)?));
        answer.name = definition.map(|definition| definition.name.clone());
    }
    let status = answer.status();
    match format {
        PlanFormat::Json => output::write_json(&answer, stdout)?,
        PlanFormat::Text => {
            let style = terminal::style(color, Threshold::default());
            output::to(stdout, |out| answer.page().write_text(&style, out))?;
        }
        PlanFormat::Markdown => output::to(stdout, |out| answer.page().write_markdown(out))?,
    }
    Ok(status)
}

/// The hashing key, if it is that of the fingerprint: under another one everything would seem to be gone.
fn hashing_key(arguments: &GoneArguments, fingerprint: &Fingerprint) -> anyhow::Result<FingerprintKey> {
    let key = fingerprint_key::load(arguments.fingerprint_key_file.as_deref())?;
    if key.id() != fingerprint.key_id() {
        bail!(
            "this fingerprint was made under the hashing key {}, and yours is {}: name its key with --fingerprint-key-file",
            fingerprint.key_id(),
            key.id()
        );
    }
    Ok(key)
}

fn repository(text: &str) -> anyhow::Result<Repository> {
    match Target::parse(text)?.place {
        TargetPlace::Registry(reference) | TargetPlace::Reference(reference) => {
            Ok(Repository::from(&reference))
        }
        _ => bail!("{} is no repository in a registry; name it as HOST/REPOSITORY", without_keys(text)),
    }
}

/// What the inventory knows of the key in this repository.
fn held(
    settings: &Settings,
    key: &FingerprintKey,
    fingerprint: &Fingerprint,
    repository: &Repository,
) -> anyhow::Result<Vec<Holders>> {
    let Some(folder) = &settings.inventory_folder else { return Ok(Vec::new()) };
    let Some(inventory) = Inventory::if_any(folder, key)? else { return Ok(Vec::new()) };
    let mut held = inventory.holders(fingerprint.as_str(), usize::MAX)?;
    // Of a key that only workloads are known to have, nothing is known.
    held.retain(|holders| !holders.images.is_empty());
    let name = repository.whole_name();
    for holders in &mut held {
        // Engines and archives know images by other digests than the registry does.
        let is_here = |tag: &Tagged| tag.repository == name && tag.source == "registry";
        holders.images.retain(|image| image.tags.iter().any(is_here));
    }
    Ok(held)
}

/// Whether a repository has no tags, which a registry may say by not knowing it any more.
fn is_empty(client: &Client, repository: &Repository, held: &[Holders]) -> bool {
    match client.tags(repository) {
        Ok(tags) => tags.is_empty(),
        // One that held the key was no slip of the pen.
        Err(error) => {
            error.kind == ErrorKind::NotFound && held.iter().any(|holders| !holders.images.is_empty())
        }
    }
}

/// What each tag leads to.
fn tags(results: &[ImageResult], answer: &mut Answer) {
    for result in results {
        let mut places: Vec<Place> =
            result.findings.iter().filter(|one| one.fingerprint == answer.fingerprint).map(place).collect();
        let set_aside = result.suppressed.iter().filter(|one| one.fingerprint == answer.fingerprint);
        places.extend(set_aside.map(|one| Place { detector: one.detector.clone(), ..Place::default() }));
        answer.tags.push(Tag {
            name: result.target.clone(),
            platform: result.platform.clone(),
            digest: result.manifest_digest.clone(),
            complete: result.complete,
            places,
        });
    }
}

fn place(finding: &Finding) -> Place {
    Place {
        detector: finding.detector.clone(),
        layer: finding.introduced_by.layer,
        layer_digest: finding.introduced_by.digest.clone(),
        place: describe::first_place(finding),
        more: finding.locations.len().saturating_sub(1),
    }
}

/// Images and layers that held the key, and that no tag leads to any more: whether the registry still has them.
fn untagged(
    client: &Client,
    repository: &Repository,
    held: &[Holders],
    results: &[ImageResult],
    answer: &mut Answer,
) {
    let named: BTreeSet<&String> =
        results.iter().flat_map(|result| result.manifest_digest.iter().chain(&result.index_digest)).collect();
    let served: BTreeSet<String> = answer
        .tags
        .iter()
        .flat_map(|tag| &tag.places)
        .filter_map(|place| place.layer_digest.clone())
        .collect();
    let (mut manifests, mut blobs) = (BTreeSet::new(), BTreeSet::new());
    for holders in held {
        for image in &holders.images {
            manifests.extend(
                [&image.digest].into_iter().chain(&image.index_digest).filter(|one| !named.contains(one)),
            );
            let stand = image.place.and_then(|place| holders.places.get(place));
            let layers = stand.into_iter().flat_map(|stand| {
                stand
                    .introduced_by
                    .digest
                    .iter()
                    .chain(stand.locations.iter().filter_map(|spot| spot.layer.as_ref()))
            });
            blobs.extend(layers.filter(|layer| !served.contains(*layer)));
        }
    }
    for digest in manifests {
        match client.manifest(repository, digest) {
            Ok(_) => answer.stored.push(Stored { kind: "manifest", digest: digest.clone() }),
            Err(error) if error.kind == ErrorKind::NotFound => answer.asked += 1,
            Err(error) => answer.failed.push(without_keys(&format!("{digest}: {error}"))),
        }
    }
    for digest in blobs {
        let Ok(parsed) = digest.parse::<Digest>() else { continue };
        match client.has_blob(repository, &parsed) {
            Ok(true) => answer.stored.push(Stored { kind: "layer", digest: digest.clone() }),
            Ok(false) => answer.asked += 1,
            Err(error) => answer.failed.push(without_keys(&format!("{digest}: {error}"))),
        }
    }
}

impl Settings {
    /// A scan of every tag of a repository and every platform, in which every key counts.
    ///
    /// # Errors
    /// When the options do not go together.
    fn of_gone(arguments: GoneArguments, stdin: &mut dyn io::Read) -> anyhow::Result<Self> {
        use super::args::{CatalogueArguments, Options};
        let GoneArguments { repository, network, cache, fingerprint_key_file, common, .. } = arguments;
        let CatalogueArguments { rules, .. } = common;
        let mut options = Options { network, cache, ..Options::default() };
        (options.keys.rules, options.keys.fingerprint_key_file) = (rules, fingerprint_key_file);
        Ok(Self::of_every_tag(repository, options, stdin)?)
    }
}
