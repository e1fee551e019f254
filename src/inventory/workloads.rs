//! Which workloads break when a key is revoked, and how sure that is.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::Inventory;
use super::database::Cells;
use super::schema::{HOLDING, IMAGE, IMPORT, REFERENCE, TAG, VALUE, WORKLOAD};
use super::workload::{Reference, Workload};
use crate::limits::INVENTORY_VARIABLES;

/// How sure it is that a workload uses a key, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Sure {
    /// It runs an image that holds it.
    #[serde(rename = "same digest")]
    SameDigest,
    /// One of its variables has it as its value.
    #[serde(rename = "same value")]
    SameValue,
    /// It names a tag that led to an image that holds it.
    #[serde(rename = "same tag")]
    SameTag,
    /// A variable of this name comes from a secret; which value it has is not known.
    #[serde(rename = "same variable")]
    SameVariable,
}

impl Sure {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::SameDigest => "same digest",
            Self::SameValue => "same value",
            Self::SameTag => "same tag",
            Self::SameVariable => "same variable",
        }
    }
}

/// A workload that may use a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The workload.
    #[serde(flatten)]
    pub workload: Workload,
    /// How that is known, the surest first.
    pub sure: BTreeMap<Sure, Vec<String>>,
    /// Where it takes its secrets from.
    pub references: Vec<Reference>,
}

/// Workloads by their ids, with how that is known.
type Users = BTreeMap<i64, (Workload, BTreeMap<Sure, Vec<String>>)>;

impl Inventory {
    /// Workloads that use a key: `key` is its row, `images` how many hold it, `variables` the names of those that hold it
    /// in images.
    pub(super) fn users(
        &self,
        fingerprint: &str,
        key: i64,
        images: usize,
        variables: &HashSet<String>,
    ) -> rusqlite::Result<Vec<User>> {
        let mut users = Users::new();
        let workloads = self.database.rows(&IMPORT, "", &[], |cells| cells.number(4))?;
        let workloads = workloads.iter().fold(0_i64, |all, import| all.saturating_add(*import));
        // Each of the fewer is looked up among the more.
        let by_image = i64::try_from(images).is_ok_and(|images| images < workloads);
        if workloads > 0 {
            self.by_digest(key, by_image, &mut users)?;
            self.by_tag(key, by_image, &mut users)?;
        }
        self.by_value(fingerprint, &mut users)?;
        let valued = users.values().filter_map(|(_, sure)| sure.get(&Sure::SameValue)).flatten();
        let mut names: Vec<String> = valued.chain(variables).cloned().collect();
        names.sort();
        names.dedup();
        for variable in names.into_iter().take(INVENTORY_VARIABLES) {
            self.by_variable(&variable, &mut users)?;
        }
        let mut all = Vec::new();
        for (id, (workload, mut sure)) in users {
            sure.values_mut().for_each(|details| {
                details.sort();
                details.dedup();
            });
            let mut references = self.database.rows(&REFERENCE, "WHERE workload = ?1", &[&id], reference)?;
            references.sort();
            references.dedup();
            all.push(User { workload, sure, references });
        }
        all.sort_by(|a, b| (a.sure.keys().next(), &a.workload).cmp(&(b.sure.keys().next(), &b.workload)));
        Ok(all)
    }

    fn by_digest(&self, key: i64, by_image: bool, users: &mut Users) -> rusqlite::Result<()> {
        for column in ["id", "index_id", "config_id"] {
            let from = if by_image {
                format!(
                    "holding CROSS JOIN image ON image.id = holding.image \
                     CROSS JOIN workload ON workload.image_id = image.{column} WHERE holding.secret = ?1"
                )
            } else {
                format!(
                    "workload CROSS JOIN image ON image.{column} = workload.image_id \
                     CROSS JOIN holding ON holding.secret = ?1 AND holding.image = image.id"
                )
            };
            self.database.joined(&[&WORKLOAD, &IMAGE, &HOLDING], &from, &[&key], |cells| {
                let Some([workload, image]) = cells.first_chunk::<2>() else { return };
                add(users, workload, Sure::SameDigest, image.text(1).unwrap_or_default());
            })?;
        }
        Ok(())
    }

    fn by_tag(&self, key: i64, by_image: bool, users: &mut Users) -> rusqlite::Result<()> {
        let from = if by_image {
            "holding CROSS JOIN tag ON tag.image = holding.image \
             CROSS JOIN workload ON workload.ref_id = tag.ref_id WHERE holding.secret = ?1"
        } else {
            "workload CROSS JOIN tag ON tag.ref_id = workload.ref_id \
             CROSS JOIN holding ON holding.secret = ?1 AND holding.image = tag.image"
        };
        self.database.joined(&[&WORKLOAD, &TAG, &HOLDING], from, &[&key], |cells| {
            let Some([workload, tag]) = cells.first_chunk::<2>() else { return };
            let (Some(repository), Some(name), Some(until)) = (tag.text(2), tag.text(3), tag.number(9))
            else {
                return;
            };
            let moved = if until == 0 { "" } else { ", which has moved on" };
            add(users, workload, Sure::SameTag, format!("{repository}:{name}{moved}"));
        })
    }

    fn by_value(&self, fingerprint: &str, users: &mut Users) -> rusqlite::Result<()> {
        let from =
            "value CROSS JOIN workload ON workload.id = value.workload WHERE value.fingerprint_id = ?1";
        let id = self.fingerprint_id(fingerprint);
        self.database.joined(&[&VALUE, &WORKLOAD], from, &[&id], |cells| {
            let Some([value, workload]) = cells.first_chunk::<2>() else { return };
            add(users, workload, Sure::SameValue, value.text(2).unwrap_or_default());
        })
    }

    fn by_variable(&self, variable: &str, users: &mut Users) -> rusqlite::Result<()> {
        let from = "reference CROSS JOIN workload ON workload.id = reference.workload WHERE reference.variable_id = ?1";
        let id = self.variable_id(variable);
        self.database.joined(&[&REFERENCE, &WORKLOAD], from, &[&id], |cells| {
            let Some([from, workload]) = cells.first_chunk::<2>() else { return };
            if let Some(Reference { variable, kind, secret, entry }) = reference(from) {
                let entry = if entry.is_empty() { String::new() } else { format!(", entry {entry}") };
                let detail = format!("{variable} of {kind} {secret}{entry}");
                add(users, workload, Sure::SameVariable, detail);
            }
        })
    }
}

fn add(users: &mut Users, cells: &Cells<'_>, sure: Sure, detail: String) {
    let (Some(id), Some(workload)) = (cells.number(0), Workload::of(cells)) else { return };
    users.entry(id).or_insert_with(|| (workload, BTreeMap::new())).1.entry(sure).or_default().push(detail);
}

fn reference(cells: &Cells<'_>) -> Option<Reference> {
    Some(Reference {
        variable: cells.text(2)?,
        kind: cells.text(3)?,
        secret: cells.text(4)?,
        entry: cells.text(5)?,
    })
}
