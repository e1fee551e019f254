//! Keys that everybody knows: those of self-tests, documentation and test suites of published packages.
//! They are listed by hash, never by path, and reported as suppressed, never dropped: a key of this list
//! that guards something real is a mistake of its own.
//!
//! `benches/known_public.sh` rebuilds the list from the packages.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::detect::Key;
use crate::image::digest::Digest;

/// A line a key: SHA-256 of the canonical secret in hex, a tab, where it was published.
const LIST: &str = include_str!("known_public.tsv");

static KNOWN: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| LIST.lines().filter_map(|line| line.split_once('\t')).collect());

/// Where a key was published, as the reason of its suppression.
pub fn published(key: &Key) -> Option<&'static str> {
    KNOWN.get(Digest::sha256_of(key.expose()).hex()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_line_names_a_hash_and_a_place() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.is_sorted_by(|a, b| a[..64] < b[..64]), "sort it; a hash stands there twice");
        for line in lines {
            let (hash, place) = line.split_once('\t').expect("a tab");
            assert!(format!("sha256:{hash}").parse::<Digest>().is_ok(), "{line}");
            assert!(place.starts_with("published key: "), "{line}");
        }
    }
}
