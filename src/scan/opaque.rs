//! Contents that were searched as they lie because they could not be opened, or not to their end: said, so
//! that nobody takes them for read.

use std::collections::BTreeMap;

use crate::limits::OPAQUE_LISTED;

/// How many contents of a blob could not be opened, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opaque {
    /// How many, by the kind of container.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// The first of their paths, as recorded.
    pub paths: Vec<Vec<u8>>,
}

impl Opaque {
    /// Notes a content that was not read, and why.
    pub fn note(&mut self, reason: &'static str, path: &[u8]) {
        *self.by_reason.entry(reason).or_default() += 1;
        if self.paths.len() < OPAQUE_LISTED {
            self.paths.push(path.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_listed_up_to_the_limit_and_all_are_counted() {
        let mut opaque = Opaque::default();
        for number in 0..OPAQUE_LISTED + 5 {
            opaque.note("rar", number.to_string().as_bytes());
        }
        assert_eq!((opaque.by_reason["rar"], opaque.paths.len()), (OPAQUE_LISTED as u64 + 5, OPAQUE_LISTED));
    }
}
