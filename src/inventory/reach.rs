//! All keys by their reach: how many images, tags, repositories and workloads hold each.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::Inventory;
use super::database::{Cells, InventoryError};
use super::holders::KeyFacts;
use super::schema::{HOLDING, IMAGE, KEY, TAG, VALUE, WORKLOAD};

/// A key and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The key.
    #[serde(flatten)]
    pub key: KeyFacts,
    /// Images that hold it.
    pub images: usize,
    /// Names that lead to them now.
    pub tags: usize,
    /// Repositories that these are in.
    pub repositories: usize,
    /// Workloads that run one of the images or have it as a value.
    pub workloads: usize,
    /// Whether every scan suppressed it.
    pub suppressed: bool,
}

/// What is known of an image, as numbers.
#[derive(Default)]
struct Led {
    tags: usize,
    repositories: Vec<usize>,
    workloads: Vec<i64>,
}

/// What a key reaches.
#[derive(Default)]
struct Counts {
    images: usize,
    tags: usize,
    repositories: HashSet<usize>,
    workloads: HashSet<i64>,
    shown: bool,
}

impl Inventory {
    /// All keys that an image or a workload holds, those of most reach first.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn reach(&self) -> Result<Vec<Reach>, InventoryError> {
        self.all_reach().map_err(|error| self.database.fault(&error))
    }

    fn all_reach(&self) -> rusqlite::Result<Vec<Reach>> {
        let led = self.led()?;
        let mut counts: HashMap<i64, Counts> = HashMap::new();
        let holding = |cells: &Cells<'_>| Some((cells.number(0)?, cells.number(1)?, cells.number(5)?));
        for (key, image, suppressed) in self.database.rows(&HOLDING, "", &[], holding)? {
            let count = counts.entry(key).or_default();
            count.images += 1;
            count.shown |= suppressed == 0;
            if let Some(led) = led.get(&image) {
                count.tags += led.tags;
                count.repositories.extend(&led.repositories);
                count.workloads.extend(&led.workloads);
            }
        }
        let mut having: HashMap<i64, Vec<i64>> = HashMap::new();
        let value = |cells: &Cells<'_>| Some((cells.number(0)?, cells.number(1)?));
        for (fingerprint, workload) in self.database.rows(&VALUE, "", &[], value)? {
            having.entry(fingerprint).or_default().push(workload);
        }
        let row = |cells: &Cells<'_>| Some((cells.number(0)?, cells.number(1)?, KeyFacts::of(cells)?));
        let mut all = Vec::new();
        for (id, fingerprint, key) in self.database.rows(&KEY, "", &[], row)? {
            let mut count = counts.remove(&id).unwrap_or_default();
            count.workloads.extend(having.get(&fingerprint).into_iter().flatten());
            // What no image holds any more was no key: a better rule says so.
            if count.images > 0 {
                all.push(Reach {
                    key,
                    images: count.images,
                    tags: count.tags,
                    repositories: count.repositories.len(),
                    workloads: count.workloads.len(),
                    suppressed: !count.shown,
                });
            }
        }
        all.sort_by(|a, b| {
            let reach =
                |one: &Reach| (one.images, one.tags, one.repositories, one.workloads, one.key.severity);
            reach(b).cmp(&reach(a)).then_with(|| a.key.fingerprint.cmp(&b.key.fingerprint))
        });
        Ok(all)
    }

    /// What leads to each image, and what runs it.
    fn led(&self) -> rusqlite::Result<HashMap<i64, Led>> {
        let mut led: HashMap<i64, Led> = HashMap::new();
        let mut repositories: HashMap<String, usize> = HashMap::new();
        let mut images_of: HashMap<i64, Vec<i64>> = HashMap::new();
        let tag =
            |cells: &Cells<'_>| Some((cells.number(1)?, cells.text(2)?, cells.number(5)?, cells.number(9)?));
        for (ref_id, repository, image, until) in self.database.rows(&TAG, "", &[], tag)? {
            let of_image = led.entry(image).or_default();
            of_image.tags += usize::from(until == 0);
            images_of.entry(ref_id).or_default().push(image);
            if !repository.is_empty() {
                let next = repositories.len();
                of_image.repositories.push(*repositories.entry(repository).or_insert(next));
            }
        }
        let workload = |cells: &Cells<'_>| Some((cells.number(0)?, cells.number(8), cells.number(9)));
        let workloads = self.database.rows(&WORKLOAD, "", &[], workload)?;
        let mut other_ids: HashMap<i64, Vec<i64>> = HashMap::new();
        if !workloads.is_empty() {
            let ids = |cells: &Cells<'_>| Some((cells.number(0)?, cells.number(2), cells.number(4)));
            for (image, index, config) in self.database.rows(&IMAGE, "", &[], ids)? {
                for id in [Some(image), index, config].into_iter().flatten() {
                    other_ids.entry(id).or_default().push(image);
                }
            }
        }
        for (id, ref_id, image_id) in workloads {
            let by_digest = image_id.and_then(|image| other_ids.get(&image));
            let by_tag = ref_id.and_then(|name| images_of.get(&name));
            for image in by_digest.into_iter().chain(by_tag).flatten() {
                led.entry(*image).or_default().workloads.push(id);
            }
        }
        Ok(led)
    }
}
