//! Stretches of a blob that were not searched to their end, because their anchors made too much work.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::segment::Content;
use crate::layer::entry_log::EntryIndex;
use crate::limits::{ANCHOR_STRETCH, ERRORS_LISTED};

/// By file, the first of them in the blob, and how many stretches others have: whichever came in first.
#[derive(Debug, Default)]
pub struct Unsearched {
    files: BTreeMap<Option<EntryIndex>, (Arc<[u8]>, u64)>,
    others: u64,
}

impl Unsearched {
    /// Notes stretches of a content.
    pub fn add(&mut self, content: &Content, stretches: u64) {
        self.files.entry(content.entry).or_insert_with(|| (content.path.clone(), 0)).1 += stretches;
        if self.files.len() > ERRORS_LISTED {
            self.drop_last();
        }
    }

    /// By file, or by none: so many files at most, and the sum of the others.
    pub fn by_file(mut self, most: usize) -> Vec<(Option<Arc<[u8]>>, u64)> {
        while self.files.len() > most {
            self.drop_last();
        }
        let listed = self.files.into_values().map(|(path, stretches)| (Some(path), stretches));
        listed.chain((self.others > 0).then_some((None, self.others))).collect()
    }

    fn drop_last(&mut self) {
        self.others += self.files.pop_last().map_or(0, |(_, (_, stretches))| stretches);
    }
}

/// One clear line about so many stretches.
pub fn message(stretches: u64) -> String {
    let size = ANCHOR_STRETCH / 1024;
    format!(
        "{stretches} of its stretches of {size} KiB are so full of what keys begin with that they were not searched \
         to their end"
    )
}

#[cfg(test)]
mod tests {
    use super::Unsearched;
    use crate::detect::Place;
    use crate::layer::entry_log::EntryIndex;
    use crate::limits::ERRORS_LISTED;
    use crate::scan::segment::Content;

    #[test]
    fn the_first_files_are_listed_whichever_came_first() {
        let number = ERRORS_LISTED as u32 + 5;
        let listed = |entries: &[u32]| {
            let mut unsearched = Unsearched::default();
            for entry in entries {
                let mut content = Content::of_text(0, Place::File, None);
                content.entry = Some(EntryIndex(*entry));
                content.path = entry.to_string().into_bytes().into();
                unsearched.add(&content, 2);
            }
            unsearched.by_file(ERRORS_LISTED)
        };
        let mut entries: Vec<u32> = (0..number).chain(0..number).collect();
        let forwards = listed(&entries);
        entries.reverse();
        assert_eq!(forwards, listed(&entries));
        assert_eq!(forwards.len(), ERRORS_LISTED + 1);
        assert_eq!(forwards[0], (Some(b"0".to_vec().into()), 4));
        assert_eq!(forwards[ERRORS_LISTED], (None, 20));
    }
}
