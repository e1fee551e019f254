//! Evidence that a key was used where the image was made: the error objects that a service's answers leave in logs. It
//! is no key, and no finding.

use std::collections::BTreeMap;

use super::occurrence::Occurrence;
use super::result::View;
use crate::limits::EVIDENCE;
use crate::report::model;
use crate::scan::matches::Finder;
use crate::scan::secret::Secret;

/// What `occurrences` show, by request; and how many requests were left out.
pub(super) fn of(view: &View<'_>, occurrences: &[Occurrence]) -> (Vec<model::Evidence>, usize) {
    let mut requests: BTreeMap<(Finder, String), Vec<&Occurrence>> = BTreeMap::new();
    let mut left_out = 0;
    for occurrence in occurrences {
        let request = (occurrence.found.finder, address(&occurrence.found.secret));
        let known = requests.len();
        match requests.entry(request) {
            std::collections::btree_map::Entry::Vacant(_) if known >= EVIDENCE => left_out += 1,
            entry => entry.or_default().push(occurrence),
        }
    }
    let told = requests.into_iter().map(|((finder, url), places)| {
        let rule = view.rule(finder);
        model::Evidence {
            detector: rule.id,
            name: rule.name,
            service: rule.service,
            url: view.clean(&url),
            locations: places.iter().take(EVIDENCE).map(|place| view.location(place)).collect(),
        }
    });
    (told.collect(), left_out)
}

/// The address, without the backslashes that some writers of JSON put before a slash.
fn address(secret: &Secret) -> String {
    let text = match secret {
        Secret::Read { key, .. } => String::from_utf8_lossy(key.expose()).into_owned(),
        Secret::Kept(kept) => kept.id.clone().unwrap_or_default(),
    };
    text.replace('\\', "")
}
