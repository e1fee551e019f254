//! A key at one place of one image: what the layers' matches and the config's are made into before they
//! are grouped to findings.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::fingerprint::{Fingerprint, FingerprintKey};
use super::precedence::{Claim, Stated, settle};
use crate::detect::{Confidence, Place};
use crate::image::manifest::{Image, ImageBlob, ImageKind};
use crate::image::rootfs::{EntryAt, Removal, fates};
use crate::image::statement::StepLayer;
use crate::layer::entry_log::{EntryIndex, EntryLog};
use crate::layer::hashed_names::NameHasher;
use crate::scan::Blobs;
use crate::scan::blob::BlobScan;
use crate::scan::matches::{Finder, Found, Match};
use crate::scan::segment::InnerStep;

/// A key at one place.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The kind of place.
    pub place: Place,
    /// Index of the layer.
    pub layer: Option<usize>,
    /// The tar entry in the layer.
    pub entry: Option<EntryIndex>,
    /// Tells contents of one image apart: matches that overlap in equal contents are the same bytes.
    pub content: (ContentOf, u64),
    /// Path of the file, as recorded.
    pub path: Option<Arc<[u8]>>,
    /// Name of the variable, label, attribute.
    pub name: Option<String>,
    /// Of the key in its content, in bytes.
    pub offset: u64,
    /// Bytes that the key takes there.
    pub length: u64,
    /// From 1.
    pub line: Option<u64>,
    /// From 1, in bytes.
    pub column: Option<u64>,
    /// Index of the build step.
    pub history_index: Option<usize>,
    /// Whether a container of the image holds it.
    pub in_final_image: bool,
    /// What took it away.
    pub removed_by: Option<Removal>,
    /// How many times its content stood in base64.
    pub decoded: usize,
    /// What leads to its content from the file, outermost first.
    pub steps: Vec<InnerStep>,
    /// The key.
    pub found: Found,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What else finds the same bytes.
    pub also: Vec<Finder>,
}

/// Whose content it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentOf {
    /// Of the layer with this index.
    Layer(usize),
    /// Of the attestation blob with this index.
    Attestation(usize),
    /// Of the config or the manifest.
    Config,
}

/// The occurrences in all layers and attestations of `image`, in order, with what became of them.
pub fn of_blobs(
    image: &Image,
    blobs: &Blobs,
    fingerprints: &FingerprintKey,
    names: Option<&NameHasher>,
) -> Vec<Occurrence> {
    let mut occurrences = Vec::new();
    for (index, layer) in image.layers.iter().enumerate() {
        let Some(scan) = blobs.get(&layer.key) else { continue };
        for found in &scan.matches {
            occurrences.push(in_layer(found, index, layer, scan, image.kind, fingerprints));
        }
    }
    if image.kind == ImageKind::Image {
        settle_fates(image, blobs, names, &mut occurrences);
    }
    for (index, blob) in image.attestations.iter().enumerate() {
        let Some(scan) = blobs.get(&blob.key) else { continue };
        for found in &scan.matches {
            occurrences.push(in_attestation(found, index, blob, scan, image, fingerprints));
        }
    }
    occurrences
}

/// A key in an attestation: where its document says that it stands, and in the layer of whose build step
/// it is a part.
fn in_attestation(
    found: &Match,
    index: usize,
    blob: &ImageBlob,
    scan: &BlobScan,
    image: &Image,
    fingerprints: &FingerprintKey,
) -> Occurrence {
    let predicate = || blob.annotations.get("in-toto.io/predicate-type").cloned();
    let step = found.content.stated.as_ref().and_then(|stated| stated.layer.as_deref());
    Occurrence {
        place: Place::Attestation,
        layer: step.and_then(|step| layer_of(step, image)),
        entry: None,
        content: (ContentOf::Attestation(index), found.content.id),
        name: found.content.name.clone().or_else(predicate),
        in_final_image: false,
        ..in_layer(found, index, blob, scan, image.kind, fingerprints)
    }
}

/// Index of the layer that a step made: by its digest, or by its place in an image of as many layers.
fn layer_of(step: &StepLayer, image: &Image) -> Option<usize> {
    let is_it = |layer: &ImageBlob| layer.digest.as_ref().is_some_and(|digest| step.digests.contains(digest));
    let by_digest = image.layers.iter().position(is_it);
    let by_place = step.position.filter(|(_, layers)| *layers == image.layers.len()).map(|(index, _)| index);
    by_digest.or(by_place)
}

fn in_layer(
    found: &Match,
    index: usize,
    blob: &ImageBlob,
    scan: &BlobScan,
    kind: ImageKind,
    fingerprints: &FingerprintKey,
) -> Occurrence {
    let content = &found.content;
    let mut path = (!content.path.is_empty()).then(|| content.path.clone());
    if !scan.is_tar && kind == ImageKind::Artifact {
        let title = blob.annotations.get("org.opencontainers.image.title");
        path = title.map(|title| Arc::from(title.as_bytes()));
    }
    let stated = content.stated.as_ref();
    let place = if stated.is_some() { Place::Attestation } else { content.place };
    // A decoded file has lines; so has what is no document.
    let has_lines =
        stated.map_or(place == Place::File, |stated| stated.decoded > 0 && stated.value_offset == 0);
    Occurrence {
        place,
        layer: Some(index),
        entry: content.entry,
        content: (ContentOf::Layer(index), content.id),
        path,
        name: content.name.clone(),
        offset: found.offset.saturating_sub(stated.map_or(0, |stated| stated.value_offset)),
        length: found.length,
        line: has_lines.then_some(found.line),
        column: found.column.filter(|_| has_lines),
        history_index: None,
        in_final_image: kind == ImageKind::Artifact,
        removed_by: None,
        decoded: stated.map_or(0, |stated| stated.decoded),
        steps: content.steps(),
        fingerprint: fingerprints.of(&found.found.secret),
        found: found.found.clone(),
        also: Vec::new(),
    }
}

/// The entries of all layers, with hashed names where those of any of them are. None where one has too many
/// to be hashed.
fn logs_of<'b>(
    image: &Image,
    blobs: &'b Blobs,
    names: Option<&NameHasher>,
) -> Option<Vec<Cow<'b, EntryLog>>> {
    let logs = image.layers.iter().map(|layer| blobs.get(&layer.key).map(|scan| &scan.entries));
    let logs: Vec<Option<&EntryLog>> = logs.collect();
    let hasher = if logs.iter().flatten().any(|log| log.is_hashed()) { Some(names?) } else { None };
    let log = |log: Option<&'b EntryLog>| match (log, hasher) {
        (None, _) => Some(Cow::Owned(EntryLog::default())),
        (Some(log), Some(hasher)) if !log.is_hashed() => hasher.hashed(log).map(Cow::Owned),
        (Some(log), _) => Some(Cow::Borrowed(log)),
    };
    logs.into_iter().map(log).collect()
}

/// Asks the tree that a runtime builds for each of the entries.
fn settle_fates(image: &Image, blobs: &Blobs, names: Option<&NameHasher>, occurrences: &mut [Occurrence]) {
    let at = |occurrence: &Occurrence| {
        let (Some(layer), Some(entry)) = (occurrence.layer, occurrence.entry) else { return None };
        Some(EntryAt { layer, entry })
    };
    let mut wanted: Vec<EntryAt> = occurrences.iter().filter_map(at).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return;
    }
    let Some(logs) = logs_of(image, blobs, names) else {
        occurrences.iter_mut().for_each(|occurrence| occurrence.in_final_image = true);
        return;
    };
    let logs: Vec<&EntryLog> = logs.iter().map(|log| &**log).collect();
    let fates: HashMap<EntryAt, _> = wanted.iter().copied().zip(fates(&logs, &wanted)).collect();
    for occurrence in occurrences {
        let Some(fate) = at(occurrence).and_then(|at| fates.get(&at)) else { continue };
        occurrence.in_final_image = fate.in_final_image;
        occurrence.removed_by = fate.removed_by;
    }
}

/// Settles which of several detectors a key belongs to ([`settle`]); it names the others.
pub fn resolve(occurrences: Vec<Occurrence>, generality: &dyn Fn(Finder) -> u8) -> Vec<Occurrence> {
    let mut by_content: BTreeMap<(ContentOf, u64), Vec<Occurrence>> = BTreeMap::new();
    for occurrence in occurrences {
        by_content.entry(occurrence.content).or_default().push(occurrence);
    }
    by_content.into_values().flat_map(|one| resolve_content(one, generality)).collect()
}

fn resolve_content(occurrences: Vec<Occurrence>, generality: &dyn Fn(Finder) -> u8) -> Vec<Occurrence> {
    let claimed = occurrences.into_iter().map(|occurrence| (claim(&occurrence, generality), occurrence));
    let settled =
        settle(claimed.collect(), |(first, kept), (second, other)| merge(kept, other, second.adds_to(first)));
    settled.into_iter().map(|(_, occurrence)| occurrence).collect()
}

fn claim(occurrence: &Occurrence, generality: &dyn Fn(Finder) -> u8) -> Claim {
    let found = &occurrence.found;
    let stated = Stated {
        finder: found.finder,
        incomplete: found.incomplete,
        verified: found.verified,
        confidence: found.confidence,
        encodings: found.encodings.len(),
    };
    let bytes = occurrence.offset..occurrence.offset + occurrence.length;
    Claim::new(stated, bytes, generality(found.finder))
}

fn merge(kept: &mut Occurrence, other: &Occurrence, adds: bool) {
    if adds && !kept.also.contains(&other.found.finder) {
        kept.also.push(other.found.finder);
    }
    if !other.found.incomplete {
        // That it is a key is as sure as the surest of them says; whose it is, the first says.
        kept.found.confidence = kept.found.confidence.max(other.found.confidence);
    }
    if matches!(other.found.finder, Finder::OwnSecret(_)) {
        // The value is in use: whatever the shape alone would have said.
        kept.found.confidence = Confidence::High;
    }
}
