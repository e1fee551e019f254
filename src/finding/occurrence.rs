//! A key at one place of one image: what the layers' matches and the config's are made into before they
//! are grouped to findings.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::detect::{Confidence, Place};
use crate::image::manifest::{Image, ImageBlob, ImageKind};
use crate::image::rootfs::{EntryAt, Removal, fates};
use crate::image::statement::StepLayer;
use crate::layer::entry_log::{EntryIndex, EntryLog};
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
pub fn of_blobs(image: &Image, blobs: &Blobs) -> Vec<Occurrence> {
    let mut occurrences = Vec::new();
    for (index, layer) in image.layers.iter().enumerate() {
        let Some(scan) = blobs.get(&layer.key) else { continue };
        for found in &scan.matches {
            occurrences.push(in_layer(found, index, layer, scan, image.kind));
        }
    }
    if image.kind == ImageKind::Image {
        settle_fates(image, blobs, &mut occurrences);
    }
    for (index, blob) in image.attestations.iter().enumerate() {
        let Some(scan) = blobs.get(&blob.key) else { continue };
        occurrences.extend(scan.matches.iter().map(|found| in_attestation(found, index, blob, scan, image)));
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
        ..in_layer(found, index, blob, scan, image.kind)
    }
}

/// Index of the layer that a step made: by its digest, or by its place in an image of as many layers.
fn layer_of(step: &StepLayer, image: &Image) -> Option<usize> {
    let is_it = |layer: &ImageBlob| layer.digest.as_ref().is_some_and(|digest| step.digests.contains(digest));
    let by_digest = image.layers.iter().position(is_it);
    let by_place = step.position.filter(|(_, layers)| *layers == image.layers.len()).map(|(index, _)| index);
    by_digest.or(by_place)
}

fn in_layer(found: &Match, index: usize, blob: &ImageBlob, scan: &BlobScan, kind: ImageKind) -> Occurrence {
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
        found: found.found.clone(),
        also: Vec::new(),
    }
}

/// Asks the tree that a runtime builds for each of the entries.
fn settle_fates(image: &Image, blobs: &Blobs, occurrences: &mut [Occurrence]) {
    let empty = EntryLog::default();
    let logs: Vec<&EntryLog> =
        image.layers.iter().map(|layer| blobs.get(&layer.key).map_or(&empty, |scan| &scan.entries)).collect();
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
    let fates: HashMap<EntryAt, _> = wanted.iter().copied().zip(fates(&logs, &wanted)).collect();
    for occurrence in occurrences {
        let Some(fate) = at(occurrence).and_then(|at| fates.get(&at)) else { continue };
        occurrence.in_final_image = fate.in_final_image;
        occurrence.removed_by = fate.removed_by;
    }
}

/// Settles which of several detectors a key belongs to: of hits that overlap, that of a service goes before
/// one of a general form, then the surest; it names the others.
pub fn resolve(occurrences: Vec<Occurrence>, generality: &dyn Fn(Finder) -> u8) -> Vec<Occurrence> {
    let mut by_content: BTreeMap<(ContentOf, u64), Vec<Occurrence>> = BTreeMap::new();
    for occurrence in occurrences {
        by_content.entry(occurrence.content).or_default().push(occurrence);
    }
    by_content.into_values().flat_map(|one| resolve_content(one, generality)).collect()
}

fn resolve_content(mut occurrences: Vec<Occurrence>, generality: &dyn Fn(Finder) -> u8) -> Vec<Occurrence> {
    occurrences.sort_by_key(|occurrence| rank(occurrence, generality));
    let mut kept: Vec<Occurrence> = Vec::new();
    // Kept spans do not overlap, so the neighbours by start are all that can meet a new one.
    let mut spans: BTreeMap<u64, usize> = BTreeMap::new();
    for occurrence in occurrences {
        let end = occurrence.offset + occurrence.length.max(1);
        let before = spans.range(..end).next_back().map(|(_, index)| *index);
        match before.filter(|index| kept[*index].offset + kept[*index].length > occurrence.offset) {
            Some(index) => merge(&mut kept[index], &occurrence, generality),
            None => {
                spans.insert(occurrence.offset, kept.len());
                kept.push(occurrence);
            }
        }
    }
    kept.sort_by_key(|occurrence| occurrence.offset);
    kept
}

/// The generality of guesses by a name.
const GUESS: u8 = 2;

type Rank = (bool, bool, bool, u8, bool, Reverse<Confidence>, Reverse<u64>, usize, u64, Finder);

/// Guesses last, before them what may yet turn out to be no key; named kinds before the team's own values (which say what holds
/// them, not what they are), a service's before general ones, verified before not, surer before less sure,
/// longer before shorter, as it lies before decoded.
fn rank(occurrence: &Occurrence, generality: &dyn Fn(Finder) -> u8) -> Rank {
    let found = &occurrence.found;
    let own = matches!(found.finder, Finder::OwnSecret(_));
    let (confidence, length) = (Reverse(found.confidence), Reverse(occurrence.length));
    let encodings = found.encodings.len();
    let (incomplete, unproven) = (found.incomplete, !found.verified);
    let general = generality(found.finder);
    (
        general >= GUESS,
        incomplete,
        own,
        general,
        unproven,
        confidence,
        length,
        encodings,
        occurrence.offset,
        found.finder,
    )
}

fn merge(kept: &mut Occurrence, other: &Occurrence, generality: &dyn Fn(Finder) -> u8) {
    let (first, second) = (kept.found.finder, other.found.finder);
    // That a name alone would have told it as well is not worth saying.
    let tells = generality(second) < GUESS || generality(first) >= GUESS;
    if first != second && tells && !kept.also.contains(&second) {
        kept.also.push(second);
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
