//! From a store to the images that were asked for: what an OCI layout names, what `manifest.json` names
//! beside it, then the reference, then the platforms.

use std::collections::BTreeSet;
use std::io::Read;

use crate::image::digest::Digest;
use crate::image::manifest::{Image, ImageBlob, ImageKind};
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::report::model::SourceKind;
use crate::target::{Selector, normalise_reference};

use super::documents::{Documents, Embedded, embedded_body};
use super::oci_layout::{self, Group};
use super::store::{MemberError, Store, blob_name};
use super::{ImageSource, SourceError, docker_archive};

/// An [`ImageSource`] over stores: one, or one for each reading of an archive that readers may read
/// differently.
pub(super) struct Resolved<S> {
    /// What the user knows it by.
    what: String,
    kind: SourceKind,
    images: Vec<Group>,
    selector: Option<Selector>,
    store: S,
    embedded: Embedded,
}

impl<S: Store> Resolved<S> {
    /// Reads all that the store names. `other` is its second reading, where it has one.
    pub(super) fn new(
        what: String,
        folder: bool,
        selector: Option<Selector>,
        store: S,
        other: Option<&S>,
    ) -> Result<Self, SourceError> {
        let named = |error: SourceError| match error {
            SourceError::Invalid(text) => SourceError::Invalid(format!("{what}: {text}")),
            io => io,
        };
        let (mut images, mut embedded) = all_groups(&store).map_err(named)?;
        if let Some((others, more)) = other.and_then(|other| all_groups(other).ok()) {
            let known: BTreeSet<Identity> =
                images.iter().flat_map(|group| &group.images).map(identity).collect();
            let news = others
                .into_iter()
                .filter(|group| group.images.iter().any(|image| !known.contains(&identity(image))));
            images.extend(news.collect::<Vec<_>>());
            embedded.extend(more);
        }
        let kind = match folder {
            true => SourceKind::OciLayout,
            false if store.find(docker_archive::MANIFEST_JSON).is_ok() => SourceKind::DockerArchive,
            false => SourceKind::OciArchive,
        };
        Ok(Self { what, kind, images, selector, store, embedded })
    }
}

impl<S: Store> ImageSource for Resolved<S> {
    fn kind(&self) -> SourceKind {
        self.kind
    }

    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        let named = |error: MemberError| SourceError::Invalid(format!("{}: {digest} {error}", self.what));
        self.store.document(&blob_name(digest), limits::MANIFEST).map_err(named)
    }

    fn blob(&self, digest: &Digest, _size: u64) -> Result<Box<dyn Read + Send>, SourceError> {
        let named = |error: MemberError| SourceError::Invalid(format!("{}: {digest} {error}", self.what));
        let member = self.store.find(&blob_name(digest)).map_err(named)?;
        self.store.open(&member.key).map_err(named)
    }

    fn resolve(&self, platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
        let named = |text: String| SourceError::Invalid(format!("{}: {text}", self.what));
        let groups = select(&self.images, self.selector.as_ref()).map_err(named)?;
        let mut images = Vec::new();
        for (name, group) in groups {
            let chosen = choose(&group, platforms).map_err(|text| match &name {
                Some(name) => named(format!("{name}: {text}")),
                None => named(text),
            })?;
            images.extend(chosen.into_iter().map(|image| Image { name: name.clone(), ..image }));
        }
        for image in &mut images {
            image.errors.extend(self.store.damage());
            image.warnings.extend(self.store.warnings());
        }
        if images.iter().all(is_empty) {
            let mut texts: Vec<&str> =
                images.iter().flat_map(|image| &image.errors).map(|error| error.message.as_str()).collect();
            texts.dedup();
            let shown = texts.get(..3).unwrap_or(&texts).join("; ");
            return Err(named(if shown.is_empty() { "names no image".to_owned() } else { shown }));
        }
        Ok(images)
    }

    fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
        if let Some(bytes) = self.embedded.get(&blob.key) {
            return Ok(embedded_body(bytes));
        }
        self.store.open(&blob.key).map_err(|error| match error {
            MemberError::Io(error) => SourceError::Io { what: blob.key.0.clone(), error },
            other => SourceError::Invalid(format!("{} {other}", blob.key.0)),
        })
    }
}

/// Nothing of it could be read.
fn is_empty(image: &Image) -> bool {
    image.layers.is_empty() && image.config_json.is_none() && !image.errors.is_empty()
}

/// What makes two images the same to scan.
type Identity = (Vec<String>, Option<Vec<u8>>, Option<Vec<u8>>);

fn identity(image: &Image) -> Identity {
    let keys = image.layers.iter().map(|layer| layer.key.0.clone()).collect();
    (keys, image.config_json.clone(), image.manifest_json.clone())
}

/// Every image that the store names, for every platform.
fn all_groups(store: &dyn Store) -> Result<(Vec<Group>, Embedded), SourceError> {
    let documents = Documents::new(store);
    let has = |name: &str| !matches!(store.find(name), Err(MemberError::Missing));
    let (index, list) = (has("index.json"), has(docker_archive::MANIFEST_JSON));
    let mut warnings = Vec::new();
    let mut groups = match (index, list) {
        (false, false) => return Err(SourceError::Invalid(nothing_there(store, has("repositories")))),
        (false, true) => docker_archive::groups(&documents)?,
        (true, false) => oci_layout::groups(&documents, &mut warnings)?,
        (true, true) => {
            // Docker reads the one or the other, by version and by setting: what they disagree on is
            // scanned in both readings.
            let mut groups = oci_layout::groups(&documents, &mut warnings)?;
            for listed in docker_archive::groups(&documents)? {
                join(&mut groups, listed);
            }
            groups
        }
    };
    for image in groups.iter_mut().flat_map(|group| &mut group.images) {
        image.warnings.extend(warnings.iter().cloned());
    }
    Ok((groups, documents.into_embedded()))
}

fn nothing_there(store: &dyn Store, old: bool) -> String {
    if let Some(damage) = store.damage().first() {
        return damage.message.clone();
    }
    match old {
        true => "it is an archive of Docker before 1.10, which has no manifest: docker load and docker save it again",
        false => "there is no image in it (neither manifest.json nor index.json)",
    }
    .to_owned()
}

/// Gives the images of a layout the names that `manifest.json` has for them. One that the layout does
/// not have is one more image.
fn join(groups: &mut Vec<Group>, listed: Group) {
    let same = |image: &Image| {
        listed.images.first().is_some_and(|other| {
            let (own, others) = (image.layers.iter(), other.layers.iter());
            image.config_digest == other.config_digest
                && own.map(|layer| &layer.key).eq(others.map(|layer| &layer.key))
        })
    };
    match groups.iter_mut().find(|group| group.images.iter().any(same)) {
        Some(group) => {
            let mut names = listed.names;
            names.retain(|name| !group.names.contains(name));
            group.names.splice(0..0, names);
        }
        None => groups.push(listed),
    }
}

type Named = (Option<String>, Vec<Image>);

/// The groups that the reference picks, each with the name to report.
fn select(groups: &[Group], selector: Option<&Selector>) -> Result<Vec<Named>, String> {
    let whole = |group: &Group| (group.names.first().cloned(), group.images.clone());
    match selector {
        None => Ok(groups.iter().map(whole).collect()),
        Some(Selector::Position(at)) => {
            let group = groups.get(*at).map(whole);
            group
                .map(|group| vec![group])
                .ok_or_else(|| format!("there is no image @{at}: there are {}", groups.len()))
        }
        Some(Selector::Digest(digest)) => {
            let found: Vec<Named> = groups
                .iter()
                .filter_map(|group| {
                    let (name, mut images) = whole(group);
                    if !group.digests.contains(digest) || group.digests.len() > 1 {
                        let digests = |image: &Image| {
                            [
                                image.manifest_digest.clone(),
                                image.config_digest.clone(),
                                image.index_digest.clone(),
                            ]
                        };
                        images.retain(|image| digests(image).contains(&Some(digest.clone())));
                    }
                    (!images.is_empty()).then_some((name, images))
                })
                .collect();
            if found.is_empty() { Err(format!("there is no image {digest}")) } else { Ok(found) }
        }
        Some(Selector::Name(wanted)) => by_name(groups, wanted),
    }
}

/// A name fits as it stands, else in its normalised form, else as a tag.
fn by_name(groups: &[Group], wanted: &str) -> Result<Vec<Named>, String> {
    let normal = normalise_reference;
    let tag = |name: &str| name.rsplit_once(':').map(|(_, tag)| tag.to_owned());
    let exact = |name: &str| name == wanted;
    let normalised = |name: &str| normal(name).is_some() && normal(name) == normal(wanted);
    let tagged = |name: &str| tag(name).as_deref() == Some(wanted);
    let ways: [&dyn Fn(&str) -> bool; 3] = [&exact, &normalised, &tagged];
    for way in ways {
        let pick = |group: &Group| {
            let name = group.names.iter().find(|name| way(name))?;
            Some((Some(name.clone()), group.images.clone()))
        };
        let found: Vec<Named> = groups.iter().filter_map(pick).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    const NAMED: usize = 20;
    let names: Vec<&str> =
        groups.iter().flat_map(|group| &group.names).map(String::as_str).take(NAMED).collect();
    let there = if names.is_empty() {
        "its images have no name".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    Err(format!("there is no image {wanted}: {there}"))
}

/// The images of a group for the platforms asked for. Artifacts have none, and what cannot be read
/// cannot be told apart: both are always taken.
pub(super) fn choose(images: &[Image], platforms: &PlatformSet) -> Result<Vec<Image>, String> {
    let always =
        |image: &Image| image.platform.is_none() && (image.kind == ImageKind::Artifact || is_empty(image));
    let (rest, mut chosen): (Vec<&Image>, Vec<&Image>) = images.iter().partition(|image| !always(image));
    let mut note = None;
    if !rest.is_empty() {
        let there: Vec<_> = rest.iter().map(|image| image.platform.clone()).collect();
        let choice = platforms.choose(&there)?;
        note = choice.note;
        chosen.splice(0..0, choice.positions.iter().filter_map(|at| rest.get(*at).copied()));
    }
    let mut chosen: Vec<Image> = chosen.into_iter().cloned().collect();
    for image in &mut chosen {
        image.warnings.extend(note.clone());
    }
    Ok(chosen)
}
