//! A program and an automaton of the same expression find the same, or the program says that it does not know.

use proptest::prelude::*;
use regex_automata::{Anchored, Input};

use super::Exhausted;
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Shape;
use crate::detect::pattern::{Caches, Matched, Pattern};
use crate::detect::self_test;

/// What the program says of a range, and what the automaton does.
fn both(
    pattern: &Pattern,
    caches: &mut Caches,
    bytes: &[u8],
    from: usize,
    anchored: Anchored,
) -> (Result<Option<Matched>, Exhausted>, Option<Matched>) {
    let program = pattern.program().expect("a program");
    let range = from..bytes.len();
    let may_begin = |range| pattern.may_begin(bytes, range);
    let (found, _) =
        program.search(&mut caches.turns, bytes, range.clone(), anchored.is_anchored(), may_begin);
    (found, pattern.search_automaton(caches, Input::new(bytes).span(range).anchored(anchored)))
}

fn assert_same(pattern: &Pattern, caches: &mut Caches, bytes: &[u8], what: &str) -> usize {
    let mut exhausted = 0;
    for from in 0..bytes.len() {
        for anchored in [Anchored::Yes, Anchored::No] {
            match both(pattern, caches, bytes, from, anchored) {
                (Ok(found), wanted) => assert_eq!(found, wanted, "{what} from {from}, {anchored:?}"),
                (Err(Exhausted), _) => exhausted += 1,
            }
        }
    }
    exhausted
}

fn same(text: &str, bytes: &[u8]) -> usize {
    assert_same(&Pattern::new(text, 0), &mut Caches::default(), bytes, text)
}

#[test]
fn the_first_of_the_alternatives_that_match_is_found() {
    for text in [
        "a|ab",
        "(?:a|ab)(?P<key>c|bcd)(?:d*)",
        "a{2,3}?b?(?P<key>[ab]{1,4})",
        "(?:a|bb){2,4}?(?P<key>b)",
        "(?:(?P<key>a)|b)+c",
        "(?:ab?){0,3}(?:b|$)",
        "(?:(?:ab?){1,2}?b){2,}(?P<key>c|)",
        "(?:a(?:bc|b){0,2}){2,3}?.",
        r"^a+\b.|\Bb(?m:$)|(?m:^)c",
        r"\Aab|c\z",
        "[^a]{0,3}?a{3}",
        "(?s:.){2}(?-s:.)c",
        "(?i)AB{1,2}C?",
    ] {
        for bytes in
            ["", "a", "ab", "abc", "abcd", "aaab", "bbabb", "aab bbc", "Abc\nabbc\ncabab", "cabbbbabaaac"]
        {
            assert_eq!(same(text, bytes.as_bytes()), 0, "{text}");
        }
    }
}

#[test]
fn what_may_be_repeated_for_ever_or_is_too_long_has_no_program() {
    for text in
        ["(?:a?)*b", "(?:a|b*){2,}c", &"(?:ab){2}".repeat(17), &"a[bc]".repeat(3000), r"(?-u:\b{start})a"]
    {
        assert!(Pattern::new(text, 0).program().is_none(), "{text}");
    }
}

#[test]
fn going_back_and_back_ends() {
    let bytes = [b"a".repeat(3000), b"c".to_vec()].concat();
    for text in ["(?:a+a+){2,8}b", "a*?a*?a*?a*?b", "(?:a|aa){1,300}b"] {
        let (found, wanted) = both(&Pattern::new(text, 0), &mut Caches::default(), &bytes, 0, Anchored::Yes);
        assert_eq!((found, wanted), (Err(Exhausted), None), "{text}");
        assert_eq!(Pattern::new(text, 0).at(&mut Caches::default(), &bytes, 0..bytes.len()), None);
    }
}

#[test]
fn every_detector_has_programs_that_know_its_examples() {
    let catalogue = Catalogue::embedded().expect("valid");
    let (mut all, mut exhausted, mut without) = (0, 0, Vec::new());
    let mut number = 0;
    for definition in catalogue.definitions() {
        for form in &definition.forms {
            let text = match &form.shape {
                Shape::Pattern { pattern, .. } => pattern,
                Shape::Names { value, .. } | Shape::Section { value, .. } => value,
                Shape::Brand { value, .. } | Shape::Host { value, .. } => value,
            };
            number += 1;
            let pattern = Pattern::new(text, number);
            if pattern.program().is_none() {
                without.push(&definition.id);
                continue;
            }
            let mut caches = Caches::default();
            for (seed, example) in (0..).zip(&definition.examples) {
                let made = self_test::make(definition, example, seed).expect("an example");
                for cut in [0, made.text.len() / 3] {
                    let bytes = &made.text[..made.text.len() - cut];
                    let starts: Vec<usize> =
                        (0..bytes.len()).filter(|at| pattern.may_begin(bytes, *at..bytes.len())).collect();
                    for from in starts.into_iter().take(8) {
                        for anchored in [Anchored::Yes, Anchored::No] {
                            all += 1;
                            match both(&pattern, &mut caches, bytes, from, anchored) {
                                (Ok(found), wanted) => assert_eq!(found, wanted, "{} {text}", definition.id),
                                (Err(Exhausted), _) => exhausted += 1,
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(without.is_empty(), "without a program: {without:?}");
    assert!(exhausted * 100 < all, "{exhausted} of {all} took too long");
}

/// Expressions of everything that there is, over three letters.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[abc]{1,3}",
        Just("[ab]".to_owned()),
        Just("[^a]".to_owned()),
        Just(".".to_owned()),
        Just(r"\b".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let counts = prop_oneof![
            Just("?"),
            Just("*"),
            Just("+"),
            Just("{2}"),
            Just("{1,3}"),
            Just("??"),
            Just("*?"),
            Just("+?"),
            Just("{0,2}?")
        ];
        prop_oneof![
            (inner.clone(), counts).prop_map(|(of, count)| format!("(?:{of}){count}")),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            proptest::collection::vec(inner, 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
        ]
    })
}

proptest! {
    #[test]
    fn programs_are_automata(
        (before, key, behind) in (expression(), expression(), expression()),
        bytes in "[abc \n]{0,14}",
    ) {
        let text = format!("{before}(?P<key>{key}){behind}");
        let pattern = Pattern::new(&text, 0);
        if pattern.program().is_some() {
            assert_same(&pattern, &mut Caches::default(), bytes.as_bytes(), &text);
        }
    }
}
