//! All that holds one key: images with their tags, layers, places, and the workloads that use it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::Inventory;
use super::database::{Cells, InventoryError};
use super::schema::{HOLDING, IMAGE, KEY, OLDEST, PLACE, TAG};
use super::spot::{Origin, Spot};
use super::workloads::User;
use crate::detect::{Place as Kind, Severity};

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
    pub severity: Severity,
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
    /// Who can pull it there: `anyone`, `network` or `credentials`.
    pub pullable_by: Option<String>,
}

/// An image that holds the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its layers, eight bytes of a hash each.
    #[serde(skip)]
    pub layers: Vec<u8>,
    /// Digest of its manifest, or of its config where none is known.
    pub digest: String,
    /// Digest of the index that led to it.
    pub index_digest: Option<String>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// The image that it is built on, where that is proven.
    pub base_image: Option<String>,
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
    /// How many images hold it.
    pub images_total: usize,
    /// How many repositories these are in.
    pub repositories: usize,
    /// The images: those at the place that most of them share first, and then those seen last.
    pub images: Vec<Holder>,
    /// Where it stands in them.
    pub places: Vec<Stand>,
    /// What breaks when it is revoked.
    pub workloads: Vec<User>,
}

impl Inventory {
    /// All that holds the key of a fingerprint, one entry a detector, with `most` of its images; none where it is not
    /// known.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn holders(&self, fingerprint: &str, most: usize) -> Result<Vec<Holders>, InventoryError> {
        self.all_holders(fingerprint, most).map_err(|error| self.database.fault(&error))
    }

    fn all_holders(&self, fingerprint: &str, most: usize) -> rusqlite::Result<Vec<Holders>> {
        let id = self.fingerprint_id(fingerprint);
        let row = |cells: &Cells<'_>| Some((cells.number(0)?, KeyFacts::of(cells)?));
        let mut keys = self.database.rows(&KEY, "WHERE fingerprint_id = ?1", &[&id], row)?;
        keys.retain(|(_, key)| key.fingerprint == fingerprint);
        keys.sort_by(|a, b| a.1.detector.cmp(&b.1.detector));
        let mut all = Vec::new();
        for (id, key) in keys {
            all.push(self.holders_of(id, key, most)?);
        }
        // What no image holds any more was no key: a better rule says so.
        all.retain(|holders| !holders.images.is_empty());
        if all.is_empty() {
            let workloads = self.users(fingerprint, 0, 0, &HashSet::new())?;
            let key = KeyFacts::of_workloads(fingerprint);
            all.extend((!workloads.is_empty()).then(|| Holders {
                key,
                images_total: 0,
                repositories: 0,
                images: Vec::new(),
                places: Vec::new(),
                workloads,
            }));
        }
        Ok(all)
    }

    /// A key may stand in very many images: of those that are not told, nothing but the holding is read.
    fn holders_of(&self, id: i64, key: KeyFacts, most: usize) -> rusqlite::Result<Holders> {
        let mut holdings = self.database.rows(&HOLDING, "WHERE secret = ?1", &[&id], Holding::of)?;
        let images_total = holdings.len();
        let mut sizes: HashMap<i64, usize> = HashMap::new();
        for holding in &holdings {
            *sizes.entry(holding.place).or_default() += 1;
        }
        holdings.sort_by_cached_key(|holding| {
            let size = sizes.get(&holding.place).copied().unwrap_or_default();
            (Reverse(size), holding.place, Reverse(holding.last_seen), holding.image)
        });
        // In the order in which they lie in the file, which is read once then.
        let mut told: Vec<(usize, &Holding)> = holdings.iter().take(most).enumerate().collect();
        told.sort_by_key(|(_, holding)| holding.image);
        let mut images: Vec<(usize, i64, Holder)> = Vec::with_capacity(told.len());
        for (rank, holding) in told {
            let image = |cells: &Cells<'_>| Holder::of(holding, cells);
            let Some(mut holder) = self.database.row(&IMAGE, "WHERE id = ?1", &[&holding.image], image)?
            else {
                continue;
            };
            holder.tags = self.database.rows(&TAG, "WHERE image = ?1", &[&holding.image], Tagged::of)?;
            holder.tags.sort();
            images.push((rank, holding.place, holder));
        }
        images.sort_by_key(|(rank, ..)| *rank);
        let mut places: Vec<Stand> = Vec::new();
        let mut known: HashMap<i64, Option<usize>> = HashMap::new();
        for (_, place, holder) in &mut images {
            if !known.contains_key(place) {
                let stand = self.database.row(&PLACE, "WHERE id = ?1", &[&*place], Stand::of)?;
                known.insert(*place, stand.as_ref().map(|_| places.len()));
                places.extend(stand);
            }
            holder.place = known.get(place).copied().flatten();
        }
        let images: Vec<Holder> = images.into_iter().map(|(.., holder)| holder).collect();
        let repositories = self.database.rows(&OLDEST, "WHERE secret = ?1", &[&id], |_| Some(()))?.len();
        let workloads = self.users(&key.fingerprint, id, images_total, &variables(&places))?;
        Ok(Holders { key, images_total, repositories, images, places, workloads })
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
            let whole = cells.number(11)? > 0;
            Some(Now {
                digest: cells.text(1)?,
                holds: if holds { Some(true) } else { whole.then_some(false) },
            })
        })
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
    /// How many names lead to its images now; none where not all of them are told.
    pub fn tags(&self) -> Option<usize> {
        let now = self.images.iter().flat_map(|image| &image.tags).filter(|tag| tag.until == 0);
        (self.images.len() == self.images_total).then(|| now.count())
    }
}

impl KeyFacts {
    /// Of a key that was seen as the value of workloads' variables alone.
    fn of_workloads(fingerprint: &str) -> Self {
        Self {
            fingerprint: fingerprint.to_owned(),
            detector: String::new(),
            name: "Key that no image is known to hold".to_owned(),
            service: String::new(),
            severity: Severity::Medium,
            handles: BTreeMap::new(),
            status: "unverified".to_owned(),
            asked_at: 0,
            first_seen: 0,
            last_seen: 0,
        }
    }

    pub(super) fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            fingerprint: cells.text(2)?,
            detector: cells.text(3)?,
            name: cells.text(4)?,
            service: cells.text(5)?,
            severity: serde_json::from_value(cells.text(6)?.into()).ok()?,
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
            pullable_by: cells.maybe(10)?,
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

/// That an image holds a key.
struct Holding {
    image: i64,
    place: i64,
    in_final_image: i64,
    in_base: i64,
    suppressed: bool,
    first_seen: i64,
    last_seen: i64,
}

impl Holding {
    fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            image: cells.number(1)?,
            place: cells.number(2)?,
            in_final_image: cells.number(3)?,
            in_base: cells.number(4)?,
            suppressed: cells.number(5)? == 1,
            first_seen: cells.number(6)?,
            last_seen: cells.number(7)?,
        })
    }
}

impl Holder {
    /// Whether anyone on the internet can pull it: a digest also when the tag has moved on.
    pub fn is_public(&self) -> bool {
        self.tags.iter().any(|tag| tag.pullable_by.as_deref() == Some("anyone"))
    }

    fn of(holding: &Holding, image: &Cells<'_>) -> Option<Self> {
        let known = |number: i64| (number < 2).then_some(number == 1);
        Some(Self {
            digest: image.text(1)?,
            index_digest: image.maybe(3)?,
            platform: image.maybe(5)?,
            base_image: image.maybe(6)?,
            last_seen: image.number(8)?,
            complete: image.number(9)? == 1,
            narrowed: image.number(10)? == 1,
            layers: image.bytes(12)?,
            in_final_image: known(holding.in_final_image),
            in_base: known(holding.in_base),
            suppressed: holding.suppressed,
            found_first: holding.first_seen,
            found_last: holding.last_seen,
            tags: Vec::new(),
            place: None,
        })
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
