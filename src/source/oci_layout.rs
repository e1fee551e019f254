//! OCI image layouts (OCI image specification, image-layout.md): from `index.json` to groups of images.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document, StoredIndex};
use crate::image::manifest::Image;
use crate::limits::{INDEX_MANIFESTS, MANIFEST};

use super::SourceError;
use super::documents::Documents;
use super::oci_index::{Found, REFERENCE_DIGEST, Walk, is_attestation};

/// The name that the OCI specification gives to an image in a layout; often just its tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd and Docker write it.
const IMAGE_NAME: &str = "io.containerd.image.name";

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
    let mut walk = Walk::new(documents);
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
        group.images = found.images(documents);
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

/// The same manifests under another name, with no annotation that differs but the name.
fn is_same(left: &Group, right: &Group) -> bool {
    fn identity(image: &Image) -> (Option<&Digest>, Option<&Digest>, Vec<(&String, &String)>) {
        let own = |(key, _): &(&String, &String)| key.as_str() != REF_NAME && key.as_str() != IMAGE_NAME;
        let annotations = image.annotations.iter().filter(own).collect();
        (image.manifest_digest.as_ref(), image.index_digest.as_ref(), annotations)
    }
    left.digests == right.digests && left.images.iter().map(identity).eq(right.images.iter().map(identity))
}
