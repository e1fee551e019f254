//! All that holds one key: images with their tags, layers, places, and the workloads that use it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::Inventory;
use super::database::{Cells, InventoryError};
use super::schema::{HOLDING, IMAGE, KEY, PLACE, STACK, TAG};
use super::spot::{Origin, Spot};
use super::workloads::User;
use crate::detect::Place as Kind;

/// A key under a detector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFacts {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The detector's id.
    pub detector: String,
    /// What it is called.
    pub name: String,
    /// The service that it opens.
    pub service: String,
    /// By what a leak allows.
    pub severity: String,
    /// What may stand in clear.
    pub handles: BTreeMap<String, String>,
    /// `unverified`, `live`, `dead` or `unknown`.
    pub status: String,
    /// When the service was asked, in seconds since 1970; 0 for never.
    #[serde(serialize_with = "super::moment")]
    pub asked_at: i64,
    /// When it was first found.
    #[serde(serialize_with = "super::moment")]
    pub first_seen: i64,
    /// When it was last found.
    #[serde(serialize_with = "super::moment")]
    pub last_seen: i64,
}

/// A name that leads or led to an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tagged {
    /// Registry and repository; empty for an archive.
    pub repository: String,
    /// The tag, or the archive; empty where only the digest was named.
    pub tag: String,
    /// `registry`, `docker`, `podman` or `archive`.
    pub source: String,
    /// When it was first seen to lead here.
    #[serde(serialize_with = "super::moment")]
    pub first_seen: i64,
    /// When it was last seen to.
    #[serde(serialize_with = "super::moment")]
    pub last_seen: i64,
    /// When it was seen to lead elsewhere; 0 for never.
    #[serde(serialize_with = "super::moment")]
    pub until: i64,
}

/// An image that holds the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    #[serde(skip)]
    pub(super) id: i64,
    /// Digest of its manifest, or of its config where none is known.
    pub digest: String,
    /// Digest of the index that led to it.
    pub index_digest: Option<String>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// The image that it is built on, where that is proven.
    pub base_image: Option<String>,
    /// Who can pull it.
    pub pullable_by: Option<String>,
    /// Whether the last scan read all of it.
    pub complete: bool,
    /// Whether the last scan left keys out.
    pub narrowed: bool,
    /// When the image was last scanned.
    #[serde(serialize_with = "super::moment")]
    pub last_seen: i64,
    /// Whether a container of it holds the key; null where it is not known.
    pub in_final_image: Option<bool>,
    /// Whether the layer that brought it is its base's; null where that is not known.
    pub in_base: Option<bool>,
    /// Whether the last scan suppressed it.
    pub suppressed: bool,
    /// When the key was first found in it.
    #[serde(serialize_with = "super::moment")]
    pub found_first: i64,
    /// When it was last found in it.
    #[serde(serialize_with = "super::moment")]
    pub found_last: i64,
    /// What leads to it.
    pub tags: Vec<Tagged>,
    /// Where it came in and stands: an index into the places of [`Holders`]. None where only a suppressed finding is
    /// known.
    pub place: Option<usize>,
}

/// Where a key came in and where it stands, in one image or many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stand {
    /// The layer and step that brought it.
    pub introduced_by: Origin,
    /// Where it stands.
    pub locations: Vec<Spot>,
    /// Further places that are not kept.
    pub more: i64,
}

/// All that holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// The key.
    #[serde(flatten)]
    pub key: KeyFacts,
    /// Images: those seen last first.
    pub images: Vec<Holder>,
    /// Where it stands in them.
    pub places: Vec<Stand>,
    /// What breaks when it is revoked.
    pub workloads: Vec<User>,
}

impl Inventory {
    /// All that holds the key of a fingerprint, one entry a detector; none where it is not known.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn holders(&self, fingerprint: &str) -> Result<Vec<Holders>, InventoryError> {
        self.all_holders(fingerprint).map_err(|error| self.database.fault(&error))
    }

    fn all_holders(&self, fingerprint: &str) -> rusqlite::Result<Vec<Holders>> {
        let id = self.fingerprint_id(fingerprint);
        let row = |cells: &Cells<'_>| Some((cells.number(0)?, KeyFacts::of(cells)?));
        let mut keys = self.database.rows(&KEY, "WHERE fingerprint_id = ?1", &[&id], row)?;
        keys.retain(|(_, key)| key.fingerprint == fingerprint);
        keys.sort_by(|a, b| a.1.detector.cmp(&b.1.detector));
        keys.into_iter().map(|(id, key)| self.holders_of(id, key)).collect()
    }

    fn holders_of(&self, id: i64, key: KeyFacts) -> rusqlite::Result<Holders> {
        let (mut images, mut places) = (Vec::new(), Vec::new());
        let mut known: HashMap<i64, Option<usize>> = HashMap::new();
        let mut at = HashMap::new();
        let from = "holding JOIN image ON image.id = holding.image WHERE holding.secret = ?1";
        self.database.joined(&[&HOLDING, &IMAGE], from, &[&id], |cells| {
            let [holding, image] = cells else { return };
            if let Some((place, holder)) = Holder::of(holding, image) {
                at.insert(holder.id, images.len());
                known.insert(place, None);
                images.push((place, holder));
            }
        })?;
        let mut wanted: Vec<i64> = known.keys().copied().collect();
        wanted.sort_unstable();
        for place in wanted {
            if let Some(stand) = self.database.row(&PLACE, "WHERE id = ?1", &[&place], Stand::of)? {
                known.insert(place, Some(places.len()));
                places.push(stand);
            }
        }
        let from = "holding JOIN tag ON tag.image = holding.image WHERE holding.secret = ?1";
        self.database.joined(&[&HOLDING, &TAG], from, &[&id], |cells| {
            let [_, tag] = cells else { return };
            let image = tag.number(5).and_then(|image| at.get(&image)).and_then(|at| images.get_mut(*at));
            if let (Some((_, holder)), Some(tag)) = (image, Tagged::of(tag)) {
                holder.tags.push(tag);
            }
        })?;
        let mut images: Vec<Holder> = images
            .into_iter()
            .map(|(place, holder)| Holder { place: known.get(&place).copied().flatten(), ..holder })
            .collect();
        images.iter_mut().for_each(|holder| holder.tags.sort());
        images.sort_by(|a, b| (b.last_seen, &a.tags, &a.digest).cmp(&(a.last_seen, &b.tags, &b.digest)));
        let workloads = self.users(&key.fingerprint, &[id], &variables(&places))?;
        Ok(Holders { key, images, places, workloads })
    }

    /// What a name leads to now, as far as it was seen: the digest, and whether it is known to hold the key. None
    /// where it leads nowhere that is recorded.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn now(&self, tag: &Tagged, key: &KeyFacts) -> Result<Option<Now>, InventoryError> {
        self.leads_to(tag, key).map_err(|error| self.database.fault(&error))
    }

    fn leads_to(&self, tag: &Tagged, key: &KeyFacts) -> rusqlite::Result<Option<Now>> {
        let ref_id = self.database.seal.id("ref", &[&tag.repository, &tag.tag]);
        let current = |cells: &Cells<'_>| (cells.text(4)? == tag.source).then(|| cells.number(5)).flatten();
        let images = self.database.rows(&TAG, "WHERE ref_id = ?1 AND until = 0", &[&ref_id], current)?;
        let Some(image) = images.first() else { return Ok(None) };
        let key = self.key_id(&key.fingerprint, &key.detector);
        let holds = "WHERE secret = ?1 AND image = ?2";
        let holds = self.database.row(&HOLDING, holds, &[&key, image], |_| Some(()))?.is_some();
        self.database.row(&IMAGE, "WHERE id = ?1", &[image], |cells| {
            let whole = cells.number(12)? > 0;
            Some(Now {
                digest: cells.text(1)?,
                holds: if holds { Some(true) } else { whole.then_some(false) },
            })
        })
    }

    /// The layers of an image as hashes of eight bytes; empty where they are not known.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn stack(&self, image: &Holder) -> Result<Vec<u8>, InventoryError> {
        let stack = self.database.row(&STACK, "WHERE image = ?1", &[&image.id], |cells| cells.bytes(1));
        stack.map(Option::unwrap_or_default).map_err(|error| self.database.fault(&error))
    }
}

/// What a name leads to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// The image.
    pub digest: String,
    /// Whether it holds the key; none where no scan of it was whole.
    pub holds: Option<bool>,
}

/// The names of variables that hold a key in images.
fn variables(places: &[Stand]) -> HashSet<String> {
    let spots = places.iter().flat_map(|place| &place.locations);
    let named = spots.filter(|spot| matches!(spot.kind, Kind::Env | Kind::Arg));
    named.filter_map(|spot| spot.name.clone()).collect()
}

impl Holders {
    /// Distinct names of repositories.
    pub fn repositories(&self) -> BTreeSet<&str> {
        let tags = self.images.iter().flat_map(|image| &image.tags);
        tags.map(|tag| tag.repository.as_str()).filter(|name| !name.is_empty()).collect()
    }

    /// How many names lead to its images now.
    pub fn tags(&self) -> usize {
        self.images.iter().flat_map(|image| &image.tags).filter(|tag| tag.until == 0).count()
    }
}

impl KeyFacts {
    pub(super) fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            fingerprint: cells.text(2)?,
            detector: cells.text(3)?,
            name: cells.text(4)?,
            service: cells.text(5)?,
            severity: cells.text(6)?,
            handles: serde_json::from_str(&cells.text(7)?).unwrap_or_default(),
            status: cells.text(8)?,
            asked_at: cells.number(9)?,
            first_seen: cells.number(10)?,
            last_seen: cells.number(11)?,
        })
    }
}

impl Tagged {
    pub(super) fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            repository: cells.text(2)?,
            tag: cells.text(3)?,
            source: cells.text(4)?,
            first_seen: cells.number(7)?,
            last_seen: cells.number(8)?,
            until: cells.number(9)?,
        })
    }

    /// The name as it is written.
    pub fn words(&self) -> String {
        match (self.repository.as_str(), self.tag.as_str()) {
            ("", tag) => tag.to_owned(),
            (repository, "") => repository.to_owned(),
            (repository, tag) => format!("{repository}:{tag}"),
        }
    }
}

impl Holder {
    fn of(holding: &Cells<'_>, image: &Cells<'_>) -> Option<(i64, Self)> {
        let known = |number: i64| (number < 2).then_some(number == 1);
        let holder = Self {
            id: image.number(0)?,
            digest: image.text(1)?,
            index_digest: image.maybe(3)?,
            platform: image.maybe(5)?,
            base_image: image.maybe(6)?,
            pullable_by: image.maybe(7)?,
            complete: image.number(10)? == 1,
            narrowed: image.number(11)? == 1,
            last_seen: image.number(9)?,
            in_final_image: known(holding.number(3)?),
            in_base: known(holding.number(4)?),
            suppressed: holding.number(5)? == 1,
            found_first: holding.number(6)?,
            found_last: holding.number(7)?,
            tags: Vec::new(),
            place: None,
        };
        Some((holding.number(2)?, holder))
    }
}

impl Stand {
    fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            introduced_by: serde_json::from_str(&cells.text(1)?).ok()?,
            locations: serde_json::from_str(&cells.text(2)?).ok()?,
            more: cells.number(3)?,
        })
    }
}
