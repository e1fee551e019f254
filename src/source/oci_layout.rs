//! OCI image layouts (OCI image specification, image-layout.md): from `index.json` to groups of images.
//! Index inside index is followed; attestations are joined to the image that they describe.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document, StoredIndex};
use crate::image::manifest::{Image, ImageError, ImageKind};
use crate::image::media_type::{ManifestKind, manifest_kind};
use crate::limits::{INDEX_DEPTH, INDEX_MANIFESTS, MANIFEST};

use super::SourceError;
use super::documents::Documents;
use super::oci_manifest::{self, Leaf};

/// The name that the OCI specification gives to an image in a layout; often just its tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd and Docker write it.
const IMAGE_NAME: &str = "io.containerd.image.name";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// Images among which a platform chooses: one name.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The names of all of them.
    pub(super) names: Vec<String>,
    /// Digests of descriptors that stand for the whole group.
    pub(super) digests: Vec<Digest>,
    /// One a platform.
    pub(super) images: Vec<Image>,
}

/// What was found on the way down from one descriptor of `index.json`.
#[derive(Default)]
struct Found {
    leaves: Vec<Leaf>,
    attestations: Vec<Leaf>,
    errors: Vec<ImageError>,
}

/// All images of the layout, and what is odd about it.
pub(super) fn groups(
    documents: &Documents<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Group>, SourceError> {
    check_version(documents, warnings);
    let invalid = |text: String| SourceError::Invalid(format!("index.json {text}"));
    let bytes = documents.named("index.json", MANIFEST).map_err(|error| invalid(error.to_string()))?;
    let parsed = index::parse(&bytes, "").map_err(|error| invalid(format!("cannot be used: {error}")))?;
    let Document::Index(top) = parsed else { return Err(invalid("is no index".to_owned())) };
    if top.manifests.is_empty() {
        return Err(invalid("names no image".to_owned()));
    }
    if top.manifests.len() > INDEX_MANIFESTS {
        return Err(invalid(format!(
            "names {} manifests, the limit is {INDEX_MANIFESTS}",
            top.manifests.len()
        )));
    }
    let mut walk = Walk { documents, left: INDEX_MANIFESTS };
    let mut groups: Vec<Group> = Vec::new();
    for entries in by_name(&top) {
        let mut found = Found::default();
        let mut group = Group::default();
        for entry in entries {
            group
                .names
                .extend(names_of(entry).filter(|name| !group.names.contains(name)).collect::<Vec<_>>());
            group.digests.push(entry.digest.clone());
            walk.descend(entry, &top.annotations, None, 0, &mut found);
        }
        group.images = images(documents, found);
        match groups.iter_mut().find(|other| is_same(other, &group)) {
            Some(other) => other.names.append(&mut group.names),
            None => groups.push(group),
        }
    }
    Ok(groups)
}

fn check_version(documents: &Documents<'_>, warnings: &mut Vec<String>) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Layout {
        image_layout_version: String,
    }
    match documents.named("oci-layout", MANIFEST) {
        Err(error) => warnings.push(format!("oci-layout {error}")),
        Ok(bytes) => match serde_json::from_slice::<Layout>(&bytes) {
            Ok(layout) if layout.image_layout_version.starts_with("1.") => {}
            _ => warnings.push("oci-layout does not name a version of OCI layouts that is known".to_owned()),
        },
    }
}

fn names_of(entry: &Descriptor) -> impl Iterator<Item = String> {
    [IMAGE_NAME, REF_NAME].into_iter().filter_map(|key| entry.annotations.get(key).cloned())
}

/// The entries of `index.json` as groups: entries of one name that differ in platform are one image for
/// several platforms, and so are nameless ones; all others stand for themselves. Attestations go with
/// the group of the image that they describe.
fn by_name(top: &StoredIndex) -> Vec<Vec<&Descriptor>> {
    let (attestations, entries): (Vec<&Descriptor>, Vec<&Descriptor>) =
        top.manifests.iter().partition(|entry| is_attestation(entry));
    let mut named: Vec<(Vec<String>, Vec<&Descriptor>)> = Vec::new();
    for entry in entries {
        let names: Vec<String> = names_of(entry).collect();
        match named.iter_mut().find(|(other, _)| *other == names) {
            Some((_, group)) => group.push(entry),
            None => named.push((names, vec![entry])),
        }
    }
    let mut groups: Vec<Vec<&Descriptor>> = Vec::new();
    for (_, entries) in named {
        let platforms: BTreeSet<String> = entries
            .iter()
            .filter_map(|entry| Some(entry.platform.as_ref()?.normalised().to_string()))
            .collect();
        if platforms.len() == entries.len() {
            groups.push(entries);
        } else {
            groups.extend(entries.into_iter().map(|entry| vec![entry]));
        }
    }
    for attestation in attestations {
        let described = attestation.annotations.get(REFERENCE_DIGEST);
        let describes = |group: &&mut Vec<&Descriptor>| {
            group.iter().any(|entry| described.is_some_and(|digest| *digest == entry.digest.to_string()))
        };
        match groups.iter_mut().find(describes) {
            Some(group) => group.push(attestation),
            None => match groups.first_mut() {
                Some(group) => group.push(attestation),
                None => groups.push(vec![attestation]),
            },
        }
    }
    groups
}

/// BuildKit's attestation manifests. One that names a real platform would be run, so it is an image.
fn is_attestation(entry: &Descriptor) -> bool {
    match &entry.platform {
        Some(platform) => platform.is_unknown(),
        None => entry.annotations.get(REFERENCE_TYPE).is_some_and(|kind| kind == "attestation-manifest"),
    }
}

/// The same manifests under another name, with no annotation that differs but the name.
fn is_same(left: &Group, right: &Group) -> bool {
    fn identity(image: &Image) -> (Option<&Digest>, Option<&Digest>, Vec<(&String, &String)>) {
        let own = |(key, _): &(&String, &String)| key.as_str() != REF_NAME && key.as_str() != IMAGE_NAME;
        let annotations = image.annotations.iter().filter(own).collect();
        (image.manifest_digest.as_ref(), image.index_digest.as_ref(), annotations)
    }
    left.digests == right.digests && left.images.iter().map(identity).eq(right.images.iter().map(identity))
}

struct Walk<'a> {
    documents: &'a Documents<'a>,
    left: usize,
}

impl Walk<'_> {
    fn descend(
        &mut self,
        entry: &Descriptor,
        above: &BTreeMap<String, String>,
        index_digest: Option<&Digest>,
        depth: usize,
        found: &mut Found,
    ) {
        let Some(left) = self.left.checked_sub(1) else {
            let message = format!("the index names more than {INDEX_MANIFESTS} manifests");
            if found.errors.iter().all(|error| error.message != message) {
                found.errors.push(ImageError { layer: None, reason: "limit", message });
            }
            return;
        };
        self.left = left;
        let annotations = merged(above, &entry.annotations);
        if let Some(nested) = self.nested(entry, found) {
            if depth >= INDEX_DEPTH {
                let message = format!("index {} is nested more than {INDEX_DEPTH} deep", entry.digest);
                found.errors.push(ImageError { layer: None, reason: "limit", message });
                return;
            }
            let annotations = merged(&annotations, &nested.annotations);
            for entry in &nested.manifests {
                self.descend(entry, &annotations, Some(&nested.digest), depth + 1, found);
            }
            return;
        }
        let leaf = Leaf { descriptor: entry.clone(), annotations, index_digest: index_digest.cloned() };
        if is_attestation(entry) { found.attestations.push(leaf) } else { found.leaves.push(leaf) }
    }

    /// The index behind the entry, if it is one. An index that cannot be read is an error of the group;
    /// what is no index is read, and judged, as a manifest.
    fn nested(&self, entry: &Descriptor, found: &mut Found) -> Option<NestedIndex> {
        let kind = manifest_kind(&entry.media_type);
        if !matches!(kind, Some(ManifestKind::Index)) && !entry.media_type.is_empty() {
            return None;
        }
        let document = self.documents.manifest(entry);
        let parsed = document.bytes.as_deref().map(|bytes| index::parse(bytes, &entry.media_type));
        match parsed {
            Some(Ok(Document::Index(index))) => {
                found.errors.extend(document.errors);
                Some(NestedIndex {
                    digest: entry.digest.clone(),
                    manifests: index.manifests,
                    annotations: index.annotations,
                })
            }
            Some(Ok(Document::Manifest(_))) | Some(Err(_)) | None => None,
        }
    }
}

struct NestedIndex {
    digest: Digest,
    manifests: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

/// Both maps; where they differ in a value, both values stay.
fn merged(above: &BTreeMap<String, String>, below: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = above.clone();
    for (key, value) in below {
        let mut key = key.clone();
        while all.get(&key).is_some_and(|other| other != value) {
            key.push_str(" (below)");
        }
        all.insert(key, value.clone());
    }
    all
}

/// Reads the images of a group and joins the attestations. What went wrong above them concerns each.
fn images(documents: &Documents<'_>, mut found: Found) -> Vec<Image> {
    if found.leaves.is_empty() {
        // Whatever an index calls them, manifests that stand alone are what is there to scan.
        found.leaves = std::mem::take(&mut found.attestations);
    }
    let mut images: Vec<Image> =
        found.leaves.iter().map(|leaf| oci_manifest::image(documents, leaf)).collect();
    if images.is_empty() && !found.errors.is_empty() {
        images.push(Image::new(ImageKind::Image));
    }
    for leaf in &found.attestations {
        let described =
            leaf.descriptor.annotations.get(REFERENCE_DIGEST).and_then(|text| text.parse::<Digest>().ok());
        let position =
            images.iter().position(|image| described.is_some() && image.manifest_digest == described);
        // One that describes nothing here goes with the first image rather than with none.
        let Some(image) = images.get_mut(position.unwrap_or(0)) else { continue };
        if position.is_none() {
            image
                .warnings
                .push(format!("attestation {} describes no image of its index", leaf.descriptor.digest));
        }
        let blobs = oci_manifest::attestation(documents, leaf, &mut image.errors);
        image.attestations.extend(blobs);
    }
    for image in &mut images {
        image.errors.extend(found.errors.iter().cloned());
    }
    images
}
