//! What a scan found, as rows. Writing an image costs what the image holds, however much is recorded already.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::types::Value;

use super::database::{Cells, InventoryError};
use super::schema::{HOLDING, IMAGE, KEY, OLDEST, PLACE, TAG};
use super::spot::{cut, origin, spots};
use super::{Inventory, known};
use crate::detect::catalogue::Catalogue;
use crate::detect::own_secrets;
use crate::report::model::{Finding, ImageResult, PullableBy, SourceKind, Suppressed, VerificationStatus};
use crate::target::reference;

/// How a scan was made.
#[derive(Clone, Copy)]
pub struct Recording<'a> {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Whether keys were left out that an image may hold: nothing is taken for gone then.
    pub narrowed: bool,
    /// The rules: a key that they do not know of any more may be there all the same.
    pub catalogue: &'a Catalogue,
}

/// What the reason of a suppression begins with where everybody knows the key.
const PUBLISHED: &str = "published key: ";

/// A key of an image.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Found(&'a Finding),
    Suppressed(&'a Suppressed),
}

/// What leads to an image.
pub(super) struct Name {
    /// Registry and repository; empty for an archive without a name.
    pub(super) repository: String,
    /// The tag, or the archive.
    pub(super) tag: String,
    source: &'static str,
}

/// A row of an image that there is already.
struct Before {
    place: i64,
    in_final_image: i64,
    in_base: i64,
    first_seen: i64,
    /// Fingerprint and detector; none where the key's own row does not count.
    key: Option<(String, String)>,
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn maybe(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.to_owned()))
}

impl Inventory {
    /// Tells each finding what is known of its key, then records the results: both or, with an error, neither.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn tell_and_record(
        &self,
        told: &mut [ImageResult],
        recorded: Option<&[ImageResult]>,
        how: &Recording<'_>,
    ) -> Result<(), InventoryError> {
        let known = self.database.transaction(|| {
            let known = self.known(told)?;
            recorded.unwrap_or(told).iter().try_for_each(|result| self.record_one(result, how))?;
            Ok(known)
        })?;
        known::tell(told, known);
        Ok(())
    }

    /// Records results.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, results: &[ImageResult], how: &Recording<'_>) -> Result<(), InventoryError> {
        self.database.transaction(|| results.iter().try_for_each(|result| self.record_one(result, how)))
    }

    fn record_one(&self, result: &ImageResult, how: &Recording<'_>) -> rusqlite::Result<()> {
        let Some(digest) = digest(result) else { return Ok(()) };
        let image = self.image_id(digest);
        let is_whole = self.record_image(image, digest, result, how)?;
        let name = Name::of(result);
        if let Some(name) = &name {
            self.record_name(image, digest, name, result, how)?;
        }
        let mut before = self.held(image)?;
        let found = result.findings.iter().map(Seen::Found);
        let hidden = result.suppressed.iter().filter(|one| !one.by.starts_with(PUBLISHED));
        let mut done = HashSet::new();
        for seen in found.chain(hidden.map(Seen::Suppressed)) {
            let (fingerprint, detector) = seen.identity();
            // Where the best detector is left out, a lesser one finds the same key.
            let is_same = |row: &Before| {
                row.key.as_ref().is_some_and(|(known, by)| known == fingerprint && by != detector)
            };
            if how.narrowed && before.values().any(is_same) {
                continue;
            }
            let key = self.record_key(seen, how)?;
            if !done.insert(key) {
                continue;
            }
            self.record_holding(key, image, result, seen, before.remove(&key), how)?;
            if let (Some(name), Seen::Found(_)) = (&name, seen) {
                self.record_oldest(key, image, name, how)?;
            }
        }
        if is_whole {
            let is_known = |detector: &str| {
                detector != own_secrets::DETECTOR_ID && how.catalogue.find(detector).is_some()
            };
            let gone = |row: &Before| row.key.as_ref().is_some_and(|(_, detector)| is_known(detector));
            for (key, _) in before.iter().filter(|(_, row)| gone(row)) {
                self.database.remove(&HOLDING, "WHERE secret = ?1 AND image = ?2", &[key, &image])?;
            }
        }
        Ok(())
    }

    /// Whether nothing of the image was left out.
    fn record_image(
        &self,
        image: i64,
        digest: &str,
        result: &ImageResult,
        how: &Recording<'_>,
    ) -> rusqlite::Result<bool> {
        let times = |cells: &Cells<'_>| Some((cells.number(7)?, cells.number(11)?));
        let before = self.database.row(&IMAGE, "WHERE id = ?1", &[&image], times)?;
        let (first_seen, whole_at) = before.unwrap_or((how.at, 0));
        let is_whole = result.complete && !how.narrowed;
        // Engines know by which digest a registry names the image.
        let of_registry = || result.repo_digests.first().and_then(|name| Some(name.split_once('@')?.1));
        let index = result.index_digest.as_deref().or_else(of_registry);
        let base = result.base_image.as_ref().map(|base| cut(&base.name));
        let id = |digest: Option<&str>| digest.map_or(Value::Null, |digest| self.image_id(digest).into());
        let layers = result.layers.iter().flat_map(|layer| {
            let digest = layer.diff_id.as_deref().or(layer.digest.as_deref()).unwrap_or_default();
            self.database.seal.id("layer", &[digest]).to_le_bytes()
        });
        let row = [
            image.into(),
            text(digest),
            id(index),
            maybe(index),
            id(result.config_digest.as_deref()),
            maybe(result.platform.as_deref()),
            maybe(base.as_deref()),
            first_seen.min(how.at).into(),
            how.at.into(),
            i64::from(result.complete).into(),
            i64::from(how.narrowed).into(),
            (if is_whole { how.at } else { whole_at }).into(),
            Value::Blob(layers.collect()),
        ];
        self.database.put(&IMAGE, &row)?;
        Ok(is_whole)
    }

    /// The name leads to this image from now on, and no longer to another.
    fn record_name(
        &self,
        image: i64,
        digest: &str,
        name: &Name,
        result: &ImageResult,
        how: &Recording<'_>,
    ) -> rusqlite::Result<()> {
        let target = result.index_digest.as_deref().unwrap_or(digest);
        let ids = &self.database.seal;
        let ref_id = ids.id("ref", &[&name.repository, &name.tag]);
        let id = ids.id("tag", &[&name.repository, &name.tag, name.source, digest]);
        let row = |cells: &Cells<'_>| {
            let row = (0..TAG.columns.len()).map(|column| match column {
                0 | 1 | 5 | 7..=9 => cells.number(column).map(Value::from),
                10 => cells.maybe(column).map(|text| maybe(text.as_deref())),
                _ => cells.text(column).map(Value::from),
            });
            row.collect::<Option<Vec<Value>>>()
        };
        let current = self.database.rows(&TAG, "WHERE ref_id = ?1 AND until = 0", &[&ref_id], row)?;
        for mut other in current {
            // A digest leads to one image for good.
            if !name.tag.is_empty() && other[4] == text(name.source) && other[6] != text(target) {
                other[9] = how.at.into();
                self.database.put(&TAG, &other)?;
            }
        }
        let own = "WHERE image = ?1 AND id = ?2";
        let first = self.database.row(&TAG, own, &[&image, &id], |cells| cells.number(7))?;
        let row = [
            id.into(),
            ref_id.into(),
            text(&name.repository),
            text(&name.tag),
            text(name.source),
            image.into(),
            text(target),
            first.unwrap_or(how.at).min(how.at).into(),
            how.at.into(),
            0.into(),
            maybe(result.pullable_by.map(PullableBy::word)),
        ];
        self.database.put(&TAG, &row)
    }

    /// What is recorded of the keys of an image.
    fn held(&self, image: i64) -> rusqlite::Result<HashMap<i64, Before>> {
        let held = |cells: &Cells<'_>| {
            let before = Before {
                place: cells.number(2)?,
                in_final_image: cells.number(3)?,
                in_base: cells.number(4)?,
                first_seen: cells.number(6)?,
                key: None,
            };
            Some((cells.number(0)?, before))
        };
        let held = self.database.rows(&HOLDING, "WHERE image = ?1", &[&image], held)?;
        let mut before = HashMap::new();
        for (key, row) in held {
            let names = |cells: &Cells<'_>| Some((cells.text(2)?, cells.text(3)?));
            let names = self.database.row(&KEY, "WHERE id = ?1", &[&key], names)?;
            before.insert(key, Before { key: names, ..row });
        }
        Ok(before)
    }

    fn record_key(&self, seen: Seen<'_>, how: &Recording<'_>) -> rusqlite::Result<i64> {
        let (fingerprint, detector) = seen.identity();
        let id = self.key_id(fingerprint, detector);
        let known = |cells: &Cells<'_>| {
            Some((cells.text(7)?, cells.text(8)?, cells.number(9)?, cells.number(10)?, cells.text(6)?))
        };
        let before = self.database.row(&KEY, "WHERE id = ?1", &[&id], known)?;
        let (mut handles, mut status, mut asked, first_seen, mut severity) =
            before.unwrap_or_else(|| ("{}".to_owned(), "unverified".to_owned(), 0, how.at, String::new()));
        let definition = how.catalogue.find(detector).and_then(|index| how.catalogue.get(index));
        let (mut name, mut service) = definition.map_or_else(
            || (detector.to_owned(), String::new()),
            |known| (known.name.clone(), known.service.clone()),
        );
        if let Seen::Found(finding) = seen {
            (name, service) = (finding.name.clone(), finding.service.clone());
            severity = finding.severity.word().to_owned();
            let public: BTreeMap<&String, String> =
                finding.handles.iter().map(|(name, value)| (name, cut(value))).collect();
            handles = serde_json::to_string(&public).unwrap_or_default();
            let told = finding.verification.status;
            // That an answer said nothing takes nothing away of what an earlier one said.
            let is_news = matches!(told, VerificationStatus::Live | VerificationStatus::Dead)
                || (told == VerificationStatus::Unknown && asked == 0);
            if is_news {
                (status, asked) = (told.word().to_owned(), how.at);
            }
        } else if severity.is_empty() {
            severity = definition.map_or("medium", |known| known.severity.word()).to_owned();
        }
        let row = [
            id.into(),
            self.fingerprint_id(fingerprint).into(),
            text(fingerprint),
            text(detector),
            text(&cut(&name)),
            text(&cut(&service)),
            text(&severity),
            text(&handles),
            text(&status),
            asked.into(),
            first_seen.min(how.at).into(),
            how.at.into(),
        ];
        self.database.put(&KEY, &row)?;
        Ok(id)
    }

    fn record_holding(
        &self,
        key: i64,
        image: i64,
        result: &ImageResult,
        seen: Seen<'_>,
        before: Option<Before>,
        how: &Recording<'_>,
    ) -> rusqlite::Result<()> {
        let (place, in_final_image, in_base) = match seen {
            Seen::Found(finding) => {
                let layer = finding.introduced_by.layer.and_then(|layer| result.layers.get(layer));
                let in_base = layer.and_then(|layer| layer.base).map_or(2, i64::from);
                (self.record_place(result, finding)?, i64::from(finding.in_final_image), in_base)
            }
            // A report says no more of what is suppressed; where it stands may be known from before.
            Seen::Suppressed(_) => before
                .as_ref()
                .map_or((0, 2, 2), |before| (before.place, before.in_final_image, before.in_base)),
        };
        let row = [
            key.into(),
            image.into(),
            place.into(),
            in_final_image.into(),
            in_base.into(),
            i64::from(matches!(seen, Seen::Suppressed(_))).into(),
            before.map_or(how.at, |before| before.first_seen).min(how.at).into(),
            how.at.into(),
        ];
        self.database.put(&HOLDING, &row)
    }

    fn record_place(&self, result: &ImageResult, finding: &Finding) -> rusqlite::Result<i64> {
        let (spots, more) = spots(result, finding);
        let origin = serde_json::to_string(&origin(finding)).unwrap_or_default();
        let spots = serde_json::to_string(&spots).unwrap_or_default();
        let id = self.database.seal.id("place", &[&origin, &spots, &more.to_string()]);
        if self.database.row(&PLACE, "WHERE id = ?1", &[&id], |_| Some(()))?.is_none() {
            let more = i64::try_from(more).unwrap_or(i64::MAX);
            self.database.put(&PLACE, &[id.into(), Value::Text(origin), Value::Text(spots), more.into()])?;
        }
        Ok(id)
    }

    fn record_oldest(&self, key: i64, image: i64, name: &Name, how: &Recording<'_>) -> rusqlite::Result<()> {
        if name.repository.is_empty() || name.tag.is_empty() {
            return Ok(());
        }
        let repository = self.repository_id(&name.repository);
        if self.oldest(key, repository)?.is_none() {
            let row = [key.into(), repository.into(), text(&name.tag), image.into(), how.at.into()];
            self.database.put(&OLDEST, &row)?;
        }
        Ok(())
    }

    /// The first tag of a repository that was seen to hold a key and whose image holds it still: tag, image, time.
    pub(super) fn oldest(&self, key: i64, repository: i64) -> rusqlite::Result<Option<(String, i64, i64)>> {
        let oldest = |cells: &Cells<'_>| Some((cells.text(2)?, cells.number(3)?, cells.number(4)?));
        let condition = "WHERE secret = ?1 AND repository_id = ?2";
        let Some(oldest) = self.database.row(&OLDEST, condition, &[&key, &repository], oldest)? else {
            return Ok(None);
        };
        let holds = "WHERE secret = ?1 AND image = ?2";
        let holds = self.database.row(&HOLDING, holds, &[&key, &oldest.1], |_| Some(()))?;
        Ok(holds.map(|()| oldest))
    }

    pub(super) fn image_id(&self, digest: &str) -> i64 {
        self.database.seal.id("image", &[digest])
    }

    pub(super) fn fingerprint_id(&self, fingerprint: &str) -> i64 {
        self.database.seal.id("fingerprint", &[fingerprint])
    }

    pub(super) fn key_id(&self, fingerprint: &str, detector: &str) -> i64 {
        self.database.seal.id("key", &[fingerprint, detector])
    }

    pub(super) fn repository_id(&self, repository: &str) -> i64 {
        self.database.seal.id("repository", &[repository])
    }
}

/// What an image is recorded by: the digest of its manifest, or of its config where none is known.
pub(super) fn digest(result: &ImageResult) -> Option<&str> {
    result.manifest_digest.as_deref().or(result.config_digest.as_deref())
}

impl<'a> Seen<'a> {
    fn identity(self) -> (&'a str, &'a str) {
        match self {
            Self::Found(finding) => (&finding.fingerprint, &finding.detector),
            Self::Suppressed(one) => (&one.fingerprint, &one.detector),
        }
    }
}

impl Name {
    /// What leads to the image of a result; none for one that came through a pipe without a name.
    pub(super) fn of(result: &ImageResult) -> Option<Self> {
        let source = match result.source {
            SourceKind::Registry => "registry",
            SourceKind::DockerDaemon => "docker",
            SourceKind::Podman => "podman",
            SourceKind::DockerArchive | SourceKind::OciArchive | SourceKind::OciLayout => "archive",
            SourceKind::Context => return None,
        };
        // In a layout, a name may be a tag alone, which names no repository.
        let is_full = |name: &&String| source != "archive" || name.contains(['/', ':']);
        let parsed = result.reference.as_ref().filter(is_full).and_then(|name| reference::parse(name).ok());
        if let Some(parsed) = parsed {
            let repository = format!("{}/{}", parsed.registry(), parsed.repository());
            return Some(Self { repository, tag: parsed.tag().unwrap_or_default().to_owned(), source });
        }
        let is_named = result.target != "-";
        is_named.then(|| Self { repository: String::new(), tag: cut(&result.target), source })
    }
}
