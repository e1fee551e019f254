//! Secrets and ids that take turns in one content, as in a file of several profiles: each id is that of
//! the secret it takes turns with, whichever of them comes first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::finding::group::Group;
use crate::finding::occurrence::ContentOf;

/// A half in its content: where it stands, whether it is a secret, its group.
type Half = (u64, bool, usize);

/// By secret: the id that it takes turns with, if there is but one in all contents.
pub(super) fn of(groups: &[Group], secrets: &[usize], ids: &[usize]) -> HashMap<usize, usize> {
    let mut contents: BTreeMap<(ContentOf, u64), Vec<Half>> = BTreeMap::new();
    for (members, is_secret) in [(secrets, true), (ids, false)] {
        for member in members {
            for occurrence in groups.get(*member).into_iter().flat_map(|group| &group.occurrences) {
                let row = contents.entry(occurrence.content).or_default();
                row.push((occurrence.offset, is_secret, *member));
            }
        }
    }
    let mut found: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    for row in contents.values_mut() {
        row.sort_unstable();
        for (secret, id) in taking_turns(row) {
            found.entry(secret).or_default().insert(id);
        }
    }
    let only = |ids: BTreeSet<usize>| ids.first().copied().filter(|_| ids.len() == 1);
    found.into_iter().filter_map(|(secret, ids)| Some((secret, only(ids)?))).collect()
}

/// The pairs of a row in which neither kind ever stands twice in a row and none is left over.
fn taking_turns(row: &[Half]) -> Vec<(usize, usize)> {
    let is_pair = |two: &[Half]| matches!(two, [(_, a, _), (_, b, _)] if a != b);
    if !row.len().is_multiple_of(2) || !row.windows(2).all(is_pair) {
        return Vec::new();
    }
    let pair = |two: &[Half]| match two {
        [(_, true, secret), (_, false, id)] | [(_, false, id), (_, true, secret)] => Some((*secret, *id)),
        _ => None,
    };
    row.chunks(2).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::{Half, taking_turns};

    fn row(kinds: &str) -> Vec<Half> {
        let kind = |(at, kind): (usize, char)| (at as u64, kind == 's', at);
        kinds.chars().enumerate().map(kind).collect()
    }

    #[test]
    fn each_half_belongs_to_the_one_it_takes_turns_with() {
        assert_eq!(taking_turns(&row("isis")), [(1, 0), (3, 2)]);
        assert_eq!(taking_turns(&row("sisi")), [(0, 1), (2, 3)]);
        assert_eq!(taking_turns(&row("si")), [(0, 1)]);
    }

    #[test]
    fn what_does_not_take_turns_is_not_guessed() {
        for kinds in ["", "s", "isi", "iiss", "issi", "is i"] {
            assert!(taking_turns(&row(kinds)).is_empty(), "{kinds}");
        }
    }
}
