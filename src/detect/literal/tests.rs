use std::ops::Range;

use proptest::prelude::*;

use super::{Literal, Literals};

type Hits = Vec<(usize, usize)>;

/// What a plain search finds.
fn plain(literals: &[Literal], bytes: &[u8], range: Range<usize>) -> Hits {
    let mut hits = Vec::new();
    for (number, literal) in literals.iter().enumerate() {
        for (at, text) in bytes.windows(literal.text.len()).enumerate().filter(|(at, _)| range.contains(at)) {
            let equal = if literal.any_case {
                text.eq_ignore_ascii_case(&literal.text)
            } else {
                text == literal.text.as_slice()
            };
            if equal {
                hits.push((number, at));
            }
        }
    }
    hits.sort_unstable();
    hits
}

/// What is found, with the processor's vectors and without: the same in the same order.
fn hits(literals: &[Literal], bytes: &[u8], range: Range<usize>) -> Hits {
    let found = |literals: &Literals| {
        let mut hits = Vec::new();
        literals.each(bytes, range.clone(), |number, at| hits.push((number, at)));
        hits
    };
    let literals = Literals::new(literals.to_vec()).expect("valid");
    let with = found(&literals);
    let mut without = found(&literals.without_vectors());
    assert_eq!(with, without);
    without.sort_unstable();
    without
}

fn any_case(texts: &[&str]) -> Vec<Literal> {
    texts.iter().map(|text| Literal { text: text.as_bytes().to_vec(), any_case: true }).collect()
}

/// Bytes that meet again and again, letters in both cases and their neighbours without bit 5.
fn bytes_of_few(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    let few = prop::sample::select(b"aAabBc_@`1\0\xE9\xC9[{".to_vec());
    prop::collection::vec(few, length)
}

fn literals() -> impl Strategy<Value = Vec<Literal>> {
    let text = prop_oneof![bytes_of_few(3..5), bytes_of_few(3..12), bytes_of_few(60..80)];
    let literal = (text, any::<bool>()).prop_map(|(text, any_case)| Literal { text, any_case });
    prop::collection::vec(literal, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn all_is_found_that_a_plain_search_finds(
        mut literals in literals(),
        filler in bytes_of_few(0..300),
        placed in prop::collection::vec((0..400_usize, any::<prop::sample::Index>(), any::<bool>()), 0..12),
        (from, to) in (0..450_usize, 0..450_usize),
        prefix in bytes_of_few(3..6),
    ) {
        // Some share their beginnings.
        for literal in literals.iter_mut().step_by(3) {
            literal.text.splice(0..0, prefix.iter().copied());
        }
        let mut bytes = filler;
        for (at, which, upper) in placed {
            if let Some(literal) = literals.get(which.index(literals.len().max(1))) {
                let text = if upper { literal.text.to_ascii_uppercase() } else { literal.text.clone() };
                let at = at.min(bytes.len());
                bytes.splice(at..at, text);
            }
        }
        prop_assert_eq!(hits(&literals, &bytes, from..to), plain(&literals, &bytes, from..to));
        let whole = 0..bytes.len();
        prop_assert_eq!(hits(&literals, &bytes, whole.clone()), plain(&literals, &bytes, whole));
    }

    #[test]
    fn a_content_of_many_blocks_is_searched_to_its_end(
        literals in literals(),
        bytes in bytes_of_few(1..700),
        before in 1900..2200_usize,
        behind in 0..100_usize,
    ) {
        let content = [vec![b'.'; before], bytes, vec![b'.'; behind]].concat();
        let whole = 0..content.len();
        prop_assert_eq!(hits(&literals, &content, whole.clone()), plain(&literals, &content, whole));
    }

    #[test]
    fn ranges_that_meet_find_each_once(literals in literals(), bytes in bytes_of_few(0..200), cut in 0..200_usize) {
        let mut both = hits(&literals, &bytes, 0..cut);
        both.extend(hits(&literals, &bytes, cut..bytes.len()));
        both.sort_unstable();
        prop_assert_eq!(both, plain(&literals, &bytes, 0..bytes.len()));
    }
}

#[test]
fn finds_overlapping_literals_in_any_case() {
    let literals = any_case(&["bird", "MessageBird", "geb"]);
    assert_eq!(hits(&literals, b"xMESSAGEBIRDx", 0..13), [(0, 8), (1, 1), (2, 6)]);
}

#[test]
fn case_counts_where_it_should() {
    let one = |any_case| [Literal { text: b"MTA".to_vec(), any_case }];
    assert_eq!(hits(&one(true), b"mta MTA mTA", 0..11), [(0, 0), (0, 4), (0, 8)]);
    assert_eq!(hits(&one(false), b"mta MTA mTA", 0..11), [(0, 4)]);
}

#[test]
fn a_literal_belongs_to_the_range_in_which_it_starts() {
    let (literals, text) = (any_case(&["key"]), b"..key.key");
    assert_eq!(hits(&literals, text, 0..3), [(0, 2)]);
    assert_eq!(hits(&literals, text, 3..9), [(0, 6)]);
    assert_eq!(hits(&literals, text, 3..6), []);
    assert_eq!(hits(&literals, text, 6..usize::MAX), [(0, 6)]);
}

#[test]
fn no_literals_and_no_bytes_are_fine() {
    assert_eq!(hits(&[], b"abc", 0..3), []);
    assert_eq!(hits(&any_case(&["abc"]), b"", 0..0), []);
    assert_eq!(hits(&any_case(&["abc"]), b"ab", 0..2), []);
    assert!(Literals::new(any_case(&["ab"])).is_err());
}
