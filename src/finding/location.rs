//! Where keys stand, and where they came in, as the report says it.

use std::collections::HashMap;

use super::fingerprint::{PlaceFacts, PlaceId};
use super::occurrence::Occurrence;
use super::result::View;
use crate::content;
use crate::detect::Place;
use crate::image::rootfs::RemovedHow;
use crate::report::model;
use crate::scan::segment::InnerStep;

/// What findings are told apart by, and how many there are alike.
pub(super) type Ordinals = HashMap<(String, Place, Vec<u8>, Vec<Vec<u8>>), u64>;

impl View<'_> {
    pub(super) fn origin(&self, first: &Occurrence) -> model::Origin {
        let blob = first.layer.and_then(|layer| self.image.layers.get(layer));
        let scan = first.layer.and_then(|layer| self.scan_of(layer));
        let digest = blob.and_then(|blob| blob.digest.as_ref());
        let diff_id = blob.and_then(|blob| blob.diff_id.as_ref());
        model::Origin {
            layer: first.layer,
            digest: digest.or_else(|| scan.and_then(|scan| scan.digest.as_ref())).map(ToString::to_string),
            diff_id: diff_id.or_else(|| scan.and_then(|scan| scan.diff_id.as_ref())).map(ToString::to_string),
            history_index: first.history_index,
            created_by: first.history_index.and_then(|step| self.created_by(step)),
            dockerfile: first.history_index.and_then(|step| self.dockerfile_line(step)),
        }
    }

    pub(super) fn location(&self, occurrence: &Occurrence) -> model::Location {
        let path = occurrence.path.as_deref();
        let text = path.map(|path| self.clean(&String::from_utf8_lossy(path)));
        model::Location {
            kind: occurrence.place,
            layer: occurrence.layer,
            path_base64: path.and_then(|path| self.path_base64(path)),
            path: text,
            inner: members(occurrence).map(|name| self.clean(&String::from_utf8_lossy(name))).collect(),
            line: occurrence.line,
            column: occurrence.column,
            offset: Some(occurrence.offset),
            name: occurrence.name.as_deref().map(|name| self.clean(name)),
            decoded: encodings(occurrence),
            removed_by: occurrence
                .removed_by
                .map(|removal| model::RemovedBy { layer: removal.layer, how: how(removal.how).into() }),
        }
    }

    /// The bytes of a path that is not UTF-8; none when they hold a key.
    fn path_base64(&self, path: &[u8]) -> Option<String> {
        use base64::Engine;
        if std::str::from_utf8(path).is_ok() {
            return None;
        }
        let lossy = String::from_utf8_lossy(path);
        (self.clean(&lossy) == lossy).then(|| base64::engine::general_purpose::STANDARD.encode(path))
    }
}

/// Where a key came in, whatever the key: of what stands at `shown`, its location in the report.
pub(super) fn place(
    detector: &str,
    first: &Occurrence,
    shown: Option<&model::Location>,
    ordinals: &mut Ordinals,
) -> PlaceId {
    // A place holds no secret, and its hash has no key: a path that holds one could be guessed. So it is
    // made of what may be shown; only a path of which nothing is hidden counts byte by byte.
    let path = first.path.as_deref().map(|path| {
        let clean = shown.and_then(|shown| shown.path.as_deref()).unwrap_or_default();
        if clean == String::from_utf8_lossy(path) { path } else { clean.as_bytes() }
    });
    let name = || shown.and_then(|shown| shown.name.as_deref()).map(str::as_bytes);
    let path_or_name = path.or_else(name).unwrap_or_default().to_vec();
    let inner = shown.iter().flat_map(|shown| &shown.inner);
    let inner: Vec<Vec<u8>> = inner.map(|name| name.clone().into_bytes()).collect();
    let ordinal = ordinals.entry((detector.to_owned(), first.place, path_or_name.clone(), inner.clone()));
    let ordinal = ordinal.or_default();
    let facts = PlaceFacts {
        detector,
        kind: first.place,
        path_or_name: &path_or_name,
        inner: &inner,
        ordinal: *ordinal,
    };
    *ordinal += 1;
    PlaceId::of(&facts)
}

/// The members of nested archives that lead to a key, outermost first.
fn members(occurrence: &Occurrence) -> impl Iterator<Item = &[u8]> {
    occurrence.steps.iter().filter_map(|step| match step {
        InnerStep::Member(name) => Some(&**name),
        InnerStep::Decoded(_) => None,
    })
}

/// In which encodings a key stood, outermost first. The compression of an archive belongs to the archive.
fn encodings(occurrence: &Occurrence) -> Vec<String> {
    let is_compression =
        |step: &InnerStep| matches!(step, InnerStep::Decoded(name) if content::is_compression(name));
    let steps = occurrence.steps.iter().enumerate().filter_map(|(index, step)| {
        let InnerStep::Decoded(name) = step else { return None };
        let next = occurrence.steps.iter().skip(index).find(|step| !is_compression(step));
        let of_archive = is_compression(step) && matches!(next, Some(InnerStep::Member(_)));
        (!of_archive).then_some(*name)
    });
    let outer = std::iter::repeat_n("base64", occurrence.decoded);
    steps.chain(outer).chain(occurrence.found.encodings.iter().copied()).map(str::to_owned).collect()
}

fn how(how: RemovedHow) -> &'static str {
    match how {
        RemovedHow::Whiteout => "whiteout",
        RemovedHow::Opaque => "opaque",
        RemovedHow::Overwritten => "overwritten",
        RemovedHow::Replaced => "replaced",
    }
}
