//! The one pass over every byte: finds the literals that detectors are anchored at.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, Input};

/// Literals to look for, in any ASCII case.
pub(super) struct Literals {
    automaton: AhoCorasick,
    longest: usize,
}

impl Literals {
    /// Compiles them. A literal's number in [`Literals::each`] is its place in `literals`.
    pub(super) fn new(literals: &[Vec<u8>]) -> Result<Self, BuildError> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)?;
        Ok(Self { automaton, longest: literals.iter().map(Vec::len).max().unwrap_or(0) })
    }

    /// Calls `found` with the number and the start of every literal that starts in `range`. It may end
    /// behind it.
    pub(super) fn each(&self, bytes: &[u8], range: Range<usize>, mut found: impl FnMut(usize, usize)) {
        let start = range.start.min(bytes.len());
        let end = range.end.saturating_add(self.longest.saturating_sub(1)).min(bytes.len());
        if start >= end {
            return;
        }
        for hit in self.automaton.find_overlapping_iter(Input::new(bytes).span(start..end)) {
            if range.contains(&hit.start()) {
                found(hit.pattern().as_usize(), hit.start());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Literals;

    fn hits(literals: &[&str], text: &str, range: std::ops::Range<usize>) -> Vec<(usize, usize)> {
        let literals: Vec<Vec<u8>> = literals.iter().map(|l| l.as_bytes().to_vec()).collect();
        let mut hits = Vec::new();
        Literals::new(&literals)
            .expect("valid")
            .each(text.as_bytes(), range, |number, at| hits.push((number, at)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn finds_overlapping_literals_in_any_case() {
        assert_eq!(hits(&["bird", "MessageBird", "geb"], "xMESSAGEBIRDx", 0..13), [(0, 8), (1, 1), (2, 6)]);
    }

    #[test]
    fn a_literal_belongs_to_the_range_in_which_it_starts() {
        let text = "..key.key";
        assert_eq!(hits(&["key"], text, 0..3), [(0, 2)]);
        assert_eq!(hits(&["key"], text, 3..9), [(0, 6)]);
        assert_eq!(hits(&["key"], text, 3..6), []);
    }

    #[test]
    fn no_literals_and_no_bytes_are_fine() {
        assert_eq!(hits(&[], "abc", 0..3), []);
        assert_eq!(hits(&["abc"], "", 0..0), []);
    }
}
