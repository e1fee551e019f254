//! What somebody may have meant by an id that there is not.

/// Characters of an id that are compared.
const LONGEST: usize = 64;

/// Up to `most` of `known` that are nearest to `word`: those that hold it, then those that are few changes
/// away.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let word: String = word.to_ascii_lowercase().chars().take(LONGEST).collect();
    let few = (word.chars().count() / 3).clamp(1, 4);
    let rank = |id: &str| {
        let changes = distance(&word, id);
        let holds = word.len() >= 3 && id.contains(&word);
        (holds || changes <= few).then_some((!holds, changes))
    };
    let mut near: Vec<_> = known.filter_map(|id| Some((rank(id)?, id))).collect();
    near.sort();
    near.dedup();
    near.into_iter().map(|(_, id)| id).take(most).collect()
}

/// Changes that make one of the other: a character more, less or another, or two that change places.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(LONGEST).collect();
    let to: Vec<char> = to.chars().take(LONGEST).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(a != b);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let twisted =
                row > 0 && column > 0 && from.get(row - 1) == Some(b) && to.get(column - 1) == Some(a);
            if twisted {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn changes_are_counted() {
        for (from, to, changes) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("pat", "path", 1),
        ] {
            assert_eq!((distance(from, to), distance(to, from)), (changes, changes), "{from} {to}");
        }
    }

    #[test]
    fn what_was_meant_comes_first() {
        let known = ["github-pat", "github-pat-classic", "gitlab-pat", "stripe-key"];
        assert_eq!(nearest("gitub-pat", known.into_iter(), 2), ["github-pat", "gitlab-pat"]);
        assert_eq!(nearest("stripe", known.into_iter(), 5), ["stripe-key"]);
        assert!(nearest("nothing-like-it", known.into_iter(), 5).is_empty());
    }
}
