//! Which package owns the file that a key stands in, and what that makes of a guess.
//!
//! Ownership is a fact for the report and never proof of innocence: pip records the hash of the user's
//! own wheel, and whoever builds an image can forge its records. It counts against guesses only: a file
//! that is as packaged is the same for everybody who has the package, so what merely looks like a
//! password in it seldom is one.

use super::occurrence::{ContentOf, Occurrence};
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::{Category, Definition};
use crate::detect::{Confidence, Place, Severity};
use crate::image::manifest::Image;
use crate::package::{FileDigests, Manager, Packages, Recorded};
use crate::report::model;
use crate::scan::Blobs;
use crate::scan::blob::BlobScan;
use crate::scan::matches::{Finder, Found};
use crate::scan::secret::Secret;

/// The records of all layers of one image.
pub struct Owners<'a> {
    layers: Vec<Option<&'a BlobScan>>,
}

impl<'a> Owners<'a> {
    /// Those of an image whose layers were read.
    pub fn new(image: &Image, blobs: &'a Blobs) -> Self {
        let scan = |key| blobs.get(key).map(|scan| &**scan);
        Self { layers: image.layers.iter().map(|layer| scan(&layer.key)).collect() }
    }

    /// The package that owns the file of an occurrence, by its outer path if it lies in an archive.
    pub fn of(&self, occurrence: &Occurrence) -> Option<model::Owner> {
        let (recorded, verified, layer) = self.record_of(occurrence)?;
        Some(model::Owner {
            manager: recorded.manager.word().to_owned(),
            package: recorded.package.to_owned(),
            version: self.version(&recorded, layer).unwrap_or_default().to_owned(),
            verified,
        })
    }

    /// Lowers every guess that stands in a file that is as packaged: one step less sure, or, where it
    /// cannot be less sure, only worth knowing.
    pub fn weigh(&self, occurrences: &mut [Occurrence], catalogue: &Catalogue) {
        if self.layers.iter().flatten().all(|scan| scan.packages.is_empty()) {
            return;
        }
        for occurrence in occurrences {
            if is_guess(occurrence, catalogue)
                && self.record_of(occurrence).is_some_and(|(_, verified, _)| verified)
            {
                lower(&mut occurrence.found);
            }
        }
    }

    /// The record of an occurrence's file, whether the file is as it says, and in which layer it stands.
    /// One that fits goes before one that does not.
    fn record_of(&self, occurrence: &Occurrence) -> Option<(Recorded<'a>, bool, usize)> {
        let in_file = matches!(occurrence.content.0, ContentOf::Layer(_)) && occurrence.place == Place::File;
        let (layer, entry) = occurrence.layer.zip(occurrence.entry).filter(|_| in_file)?;
        let path = occurrence.path.as_deref()?;
        let digests: Option<&FileDigests> = self.layers.get(layer).copied().flatten()?.digests.get(&entry);
        let mut first = None;
        for (layer, packages) in self.from(layer) {
            for recorded in packages.owners(path) {
                if digests.is_some_and(|digests| recorded.fits(digests)) {
                    return Some((recorded, true, layer));
                }
                first = first.or(Some((recorded, false, layer)));
            }
        }
        first
    }

    fn version(&self, recorded: &Recorded<'a>, layer: usize) -> Option<&'a str> {
        let elsewhere = || {
            let of_dpkg = recorded.manager == Manager::Dpkg;
            self.from(layer)
                .filter(|_| of_dpkg)
                .find_map(|(_, packages)| packages.dpkg_version(recorded.package))
        };
        recorded.version.or_else(elsewhere)
    }

    /// The records as seen from a layer: its own, those of later ones, those of earlier ones from the
    /// nearest. In distroless and multi-stage images the record lies in another layer than the file.
    fn from(&self, layer: usize) -> impl Iterator<Item = (usize, &'a Packages)> {
        let order = (layer..self.layers.len()).chain((0..layer).rev());
        order.filter_map(|layer| Some((layer, &self.layers.get(layer).copied().flatten()?.packages)))
    }
}

/// Whether nothing but its look speaks for it: no check, no prefix that only such keys have, and none of
/// the team's own values.
fn is_guess(occurrence: &Occurrence, catalogue: &Catalogue) -> bool {
    let found = &occurrence.found;
    let Finder::Detector(index) = found.finder else { return false };
    let is_own = occurrence.also.iter().any(|finder| matches!(finder, Finder::OwnSecret(_)));
    let Some(definition) = catalogue.get(index).filter(|_| !is_own && !found.verified) else { return false };
    let is_weak = definition.category == Category::Generic || found.confidence == Confidence::Low;
    is_weak && !has_prefix(found, definition)
}

fn has_prefix(found: &Found, definition: &Definition) -> bool {
    match &found.secret {
        Secret::Read { key, .. } => definition.is_prefixed(key),
        Secret::Kept(kept) => kept.has_prefix,
    }
}

fn lower(found: &mut Found) {
    match found.confidence {
        Confidence::High => found.confidence = Confidence::Medium,
        Confidence::Medium => found.confidence = Confidence::Low,
        Confidence::Low => found.severity = Severity::Info,
    }
}
