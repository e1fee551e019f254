//! The steps of a rotation, in the order of doing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::holders::{origin, user_line};
use super::imported;
use crate::advice;
use crate::detect::definition::Definition;
use crate::inventory::holders::{Holder, Holders, Tagged};
use crate::inventory::workload::Import;
use crate::inventory::workloads::{Sure, User};
use crate::inventory::{Inventory, InventoryError, day};
use crate::report::model::Guide;
use crate::report::text::short_digest;

/// Images of which it is looked up which is built on which. They are compared with each other.
const COMPARED: usize = 1_000;

/// A step.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) title: &'static str,
    /// What stands between backticks is code.
    pub(super) entries: Vec<String>,
}

/// Whether a key is revoked before all else.
pub(super) fn is_urgent(holders: &Holders) -> bool {
    holders.key.status == "live" && holders.images.iter().any(Holder::is_public)
}

/// All steps for one key.
pub(super) fn of(
    inventory: &Inventory,
    holders: &Holders,
    definition: Option<&Definition>,
    imports: &[Import],
) -> Result<Vec<Step>, InventoryError> {
    let guide = advice::guide(definition, &holders.key.service);
    let none = || vec![format!("none known; {}", imported(imports))];
    let or_none = |entries: Vec<String>| if entries.is_empty() { none() } else { entries };
    Ok(vec![
        Step { title: "Make the new key", entries: make(&guide, definition) },
        Step { title: "Put it where it is taken from", entries: or_none(stores(&holders.workloads)) },
        Step { title: "Build these images anew without it, in this order", entries: builds(holders) },
        Step {
            title: "Bring these workloads to the new images and the new key",
            entries: or_none(holders.workloads.iter().map(user_line).collect()),
        },
        Step { title: "Revoke the old key", entries: revoke(holders, &guide) },
        Step { title: "Prove that nothing serves it any more", entries: served(inventory, holders)? },
        Step { title: "Look for it elsewhere", entries: elsewhere(holders, &guide) },
    ])
}

fn make(guide: &Guide, definition: Option<&Definition>) -> Vec<String> {
    let console = advice::console(definition).map(|console| format!("Such keys are managed at {console}"));
    console.into_iter().chain(guide.make.iter().cloned()).chain(guide.overlap.clone()).collect()
}

/// Where the new key is put, so that workloads get it.
fn stores(users: &[User]) -> Vec<String> {
    let mut entries = BTreeSet::new();
    for user in users {
        let label = user.workload.whole_label();
        for variable in user.sure.get(&Sure::SameValue).into_iter().flatten() {
            entries.insert(format!(
                "{label} has it as the value of `{variable}`: put the new one into a secret, and refer to that"
            ));
        }
        let named = user.sure.get(&Sure::SameVariable);
        for reference in &user.references {
            let is_named = named.into_iter().flatten().any(|detail| {
                detail.split(" of ").next() == Some(&reference.variable) && !reference.variable.is_empty()
            });
            let entry = if reference.entry.is_empty() {
                String::new()
            } else {
                format!(", entry `{}`", reference.entry)
            };
            let variable = if reference.variable.is_empty() {
                String::new()
            } else {
                format!(" as `{}`", reference.variable)
            };
            let perhaps = if is_named { "" } else { "perhaps " };
            entries.insert(format!(
                "{perhaps}`{}`{entry} ({}), from which {label} takes it{variable}",
                reference.secret, reference.kind
            ));
        }
        for note in &user.workload.notes {
            entries.insert(format!("{label} {note}"));
        }
    }
    // What is sure stands first.
    let (perhaps, sure): (Vec<String>, Vec<String>) =
        entries.into_iter().partition(|entry| entry.starts_with("perhaps "));
    sure.into_iter().chain(perhaps).collect()
}

/// The images by the step that brought the key: those that others are built on first.
fn builds(holders: &Holders) -> Vec<String> {
    // An image that nothing leads to any more is not built again.
    let current = |image: &&Holder| image.tags.is_empty() || image.tags.iter().any(|tag| tag.until == 0);
    let mut images: Vec<&Holder> = holders.images.iter().filter(current).collect();
    if images.is_empty() {
        return vec!["none: no tag that is known leads to an image that holds it".to_owned()];
    }
    images.sort_by_cached_key(|image| (image.layers.len(), name(image)));
    let mut entries: Vec<String> = Vec::new();
    let mut bases: Vec<&Holder> = Vec::new();
    for image in images {
        let is_under = |base: &&&Holder| {
            !base.layers.is_empty()
                && base.layers.len() < image.layers.len()
                && image.layers.starts_with(&base.layers)
        };
        let built_on = bases.iter().rev().find(is_under);
        let place = image.place.and_then(|place| holders.places.get(place));
        let step = place.map(|place| origin(&place.introduced_by));
        let step = step.map(|step| format!(", from `{}`", step.replace('`', "'"))).unwrap_or_default();
        entries.push(match (built_on, &image.base_image) {
            (Some(base), _) => format!("{}, which is built on {}", name(image), name(base)),
            (None, Some(base)) if image.in_base == Some(true) => {
                format!("{}, after its base {base}, which brings it{step}", name(image))
            }
            (None, _) => format!("{}{step}", name(image)),
        });
        if bases.len() < COMPARED {
            bases.push(image);
        }
    }
    entries
}

/// What an image is called: its tags now, or its digest.
fn name(image: &Holder) -> String {
    let now: Vec<String> =
        image.tags.iter().filter(|tag| tag.until == 0 && !tag.tag.is_empty()).map(Tagged::words).collect();
    let platform = image.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
    match now.as_slice() {
        [] => format!("`{}`{platform}", short_digest(&image.digest)),
        [one] => format!("`{one}`{platform}"),
        [one, more @ ..] => format!("`{one}` and {} more tags{platform}", more.len()),
    }
}

fn revoke(holders: &Holders, guide: &Guide) -> Vec<String> {
    let when = if is_urgent(holders) {
        "Now: it is live, and anyone can pull an image that holds it. What uses it breaks until it has the new key"
    } else if holders.key.status == "dead" {
        "The service said that it is dead already: see that nobody needs it, and make sure"
    } else if holders.workloads.is_empty() {
        "After the steps above: what uses it is not known, and breaks"
    } else {
        "After the steps above: until then, the workloads of step 4 need it"
    };
    let status = match (holders.key.status.as_str(), holders.key.asked_at) {
        ("unverified", _) | (_, 0) => None,
        (status, at) => Some(format!("Its service said `{status}` on {}", day(at))),
    };
    [when.to_owned()]
        .into_iter()
        .chain(status)
        .chain(guide.revoke.iter().cloned())
        .chain(guide.outlives.clone())
        .chain(guide.breaks.iter().cloned())
        .collect()
}

/// What serves the old layers, and how to see that it no longer does.
fn served(inventory: &Inventory, holders: &Holders) -> Result<Vec<String>, InventoryError> {
    let mut entries = Vec::new();
    let of_registry = |tag: &&Tagged| tag.source == "registry";
    for image in &holders.images {
        let layer = image.place.and_then(|place| holders.places.get(place));
        let layer = layer.and_then(|place| place.introduced_by.digest.as_deref());
        let layer = layer.map(|layer| format!(", layer `{}`", short_digest(layer))).unwrap_or_default();
        for tag in image.tags.iter().filter(of_registry) {
            let digest = short_digest(&image.digest);
            entries.push(match tag.until {
                0 => format!("`{}` still serves it: `{digest}`{layer}", tag.words()),
                until => {
                    let now = inventory.now(tag, &holders.key)?.map_or("", |now| match now.holds {
                        Some(true) => " to another image that holds it",
                        Some(false) => " to one without it",
                        None => " to one of which it is not known",
                    });
                    let moved = format!("`{}` moved on{now} on {}", tag.words(), day(until));
                    format!(
                        "{moved}, and `{digest}`{layer} can still be pulled by its digest until it is deleted"
                    )
                }
            });
        }
    }
    let tags = holders.images.iter().flat_map(|image| &image.tags).filter(of_registry);
    let repositories: BTreeSet<&str> =
        tags.map(|tag| tag.repository.as_str()).filter(|name| !name.is_empty()).collect();
    // What proves it stands first: the list above it may be long.
    let mut proofs: Vec<String> = repositories
        .iter()
        .map(|repository| format!("`keyseam gone {} {repository}`", holders.key.fingerprint))
        .collect();
    proofs.append(&mut entries);
    if proofs.is_empty() {
        proofs.push(
            "no registry is known to serve it; delete the archives and local images that hold it".to_owned(),
        );
    }
    Ok(proofs)
}

fn elsewhere(holders: &Holders, guide: &Guide) -> Vec<String> {
    let handles = holders.key.handles.iter();
    let handles = handles.map(|(name, value)| {
        format!(
            "its {name} is public: look for `{}` in code, logs, tickets and other images",
            value.replace('`', "'")
        )
    });
    let value =
        "`keyseam inventory where -` finds every other place of the key itself, as scans recorded them";
    handles.chain([value.to_owned()]).chain(guide.misuse.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::catalogue::Catalogue;
    use crate::finding::fingerprint::{FingerprintKey, KeySettings};
    use crate::inventory::record::Recording;
    use crate::report::fixture;
    use crate::report::model::VerificationStatus;

    /// The steps for the first key of a public image, of which its service said `status`.
    fn steps(status: VerificationStatus) -> Vec<Step> {
        let folder = tempfile::tempdir().expect("a folder");
        let value = Some(zeroize::Zeroizing::new("A".repeat(43)));
        let key = FingerprintKey::load(&KeySettings { value, ..KeySettings::default() }).expect("a key");
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let inventory = Inventory::to_record(folder.path(), &key).expect("opened").expect("an inventory");
        let mut results = fixture::public().results;
        results.iter_mut().flat_map(|result| &mut result.findings).for_each(|finding| {
            finding.verification.status = status;
        });
        let how = Recording { at: 1_000_000, narrowed: false, catalogue: &catalogue };
        inventory.record(&results, &how).expect("recorded");
        let fingerprint = &results[0].findings[0].fingerprint;
        let holders = inventory.holders(fingerprint, usize::MAX).expect("read").remove(0);
        of(&inventory, &holders, None, &[]).expect("steps")
    }

    #[test]
    fn a_live_key_that_anyone_can_pull_is_revoked_at_once() {
        assert!(steps(VerificationStatus::Live)[4].entries[0].starts_with("Now: it is live"));
        assert!(steps(VerificationStatus::Unverified)[4].entries[0].starts_with("After the steps above"));
        assert!(steps(VerificationStatus::Dead)[4].entries[0].contains("dead already"));
    }

    #[test]
    fn the_proof_names_each_repository_and_the_public_ids_are_looked_for() {
        let steps = steps(VerificationStatus::Unverified);
        let titles: Vec<&str> = steps.iter().map(|step| step.title).collect();
        assert!(titles[0].starts_with("Make") && titles[6].starts_with("Look"), "{titles:?}");
        assert!(steps[5].entries[0].ends_with(" registry.example/team/shop`"), "{:?}", steps[5].entries);
        assert!(steps[6].entries[0].contains("account") && steps[6].entries[0].contains("4711"));
        assert_eq!(steps[1].entries, ["none known; no workloads are imported (keyseam inventory import)"]);
    }
}
