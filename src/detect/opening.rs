//! What all matches of an expression begin with, byte by byte. Most hits of a short literal are no key;
//! a look at the next few bytes spares the expression.

use std::borrow::Cow;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Bytes of a match that are looked at.
const MOST: usize = 64;

/// A set of bytes, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    const NONE: Self = Self([0; 4]);

    /// Those of a class; none of characters that are more than bytes.
    pub(super) fn of_class(class: &Class) -> Option<Self> {
        let class = match class {
            Class::Bytes(class) => Cow::Borrowed(class),
            // What the parser makes of `[ab]|c`.
            Class::Unicode(class) => Cow::Owned(class.to_byte_class()?),
        };
        Some(Self::of(class.ranges().iter().flat_map(|range| range.start()..=range.end())))
    }

    pub(super) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::NONE;
        for byte in bytes {
            if let Some(word) = set.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        set
    }

    pub(super) fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn and_those_of(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }
}

/// The sets that the first bytes of every match are in.
#[derive(Debug)]
pub(super) struct Opening {
    /// A set, and how many bytes in a row are in it.
    runs: Vec<(Bytes, usize)>,
}

impl Opening {
    /// That of an expression.
    pub(super) fn of(hir: &Hir) -> Self {
        let mut sets = Vec::new();
        walk(hir, &mut sets);
        let mut runs: Vec<(Bytes, usize)> = Vec::new();
        for set in sets {
            match runs.last_mut() {
                Some((last, count)) if *last == set => *count += 1,
                _ => runs.push((set, 1)),
            }
        }
        Self { runs }
    }

    /// Whether a match may begin where `bytes` does.
    pub(super) fn fits(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        for (set, count) in &self.runs {
            let Some((run, behind)) = rest.split_at_checked(*count) else { return false };
            if !run.iter().all(|byte| set.holds(*byte)) {
                return false;
            }
            rest = behind;
        }
        true
    }
}

/// The bytes with which a match may begin, where an expression may begin in many ways.
#[derive(Debug)]
pub(super) struct FirstByte(Option<Bytes>);

impl FirstByte {
    /// That of an expression.
    pub(super) fn of(hir: &Hir) -> Self {
        let mut set = Bytes::NONE;
        let may_be_empty = first_bytes(hir, &mut set);
        Self((!may_be_empty).then_some(set))
    }

    /// Whether a match may begin with `byte`, or where there is none.
    pub(super) fn fits(&self, byte: Option<u8>) -> bool {
        self.0.is_none_or(|set| byte.is_some_and(|byte| set.holds(byte)))
    }
}

/// Adds the bytes with which a match of `hir` may begin. Whether it may be empty.
fn first_bytes(hir: &Hir, set: &mut Bytes) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            *set = set.and_those_of(Bytes::of(literal.0.first().copied()));
            false
        }
        HirKind::Class(class) => {
            *set = set.and_those_of(Bytes::of_class(class).unwrap_or_else(|| Bytes::of(0..=255)));
            false
        }
        HirKind::Repetition(repetition) => first_bytes(&repetition.sub, set) || repetition.min == 0,
        HirKind::Capture(capture) => first_bytes(&capture.sub, set),
        HirKind::Concat(parts) => parts.iter().all(|part| first_bytes(part, set)),
        // Every choice adds its own.
        HirKind::Alternation(choices) => {
            choices.iter().fold(false, |any, choice| first_bytes(choice, set) | any)
        }
    }
}

/// Adds what a match of `hir` begins with. Whether that is all of it, so that what follows it may be added.
fn walk(hir: &Hir, sets: &mut Vec<Bytes>) -> bool {
    if sets.len() >= MOST {
        return false;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            sets.extend(literal.0.iter().map(|byte| Bytes::of([*byte])));
            true
        }
        HirKind::Class(class) => {
            let set = Bytes::of_class(class);
            sets.extend(set);
            set.is_some()
        }
        HirKind::Repetition(repetition) => {
            (0..repetition.min).all(|_| walk(&repetition.sub, sets)) && repetition.max == Some(repetition.min)
        }
        HirKind::Capture(capture) => walk(&capture.sub, sets),
        HirKind::Concat(parts) => parts.iter().all(|part| walk(part, sets)),
        HirKind::Alternation(choices) => walk_choices(choices, sets),
    }
}

/// Of several, what stands at a place in any of them, as far as all of them go.
fn walk_choices(choices: &[Hir], sets: &mut Vec<Bytes>) -> bool {
    let of_each: Vec<(bool, Vec<Bytes>)> = choices
        .iter()
        .map(|choice| {
            let mut sets = Vec::new();
            (walk(choice, &mut sets), sets)
        })
        .collect();
    let least = of_each.iter().map(|(_, sets)| sets.len()).min().unwrap_or(0);
    sets.extend((0..least).map(|at| {
        let there = of_each.iter().filter_map(|(_, sets)| sets.get(at));
        there.fold(Bytes::NONE, |all, set| all.and_those_of(*set))
    }));
    of_each.iter().all(|(whole, sets)| *whole && sets.len() == least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta::Regex;
    use regex_automata::util::syntax::{Config, parse_with};
    use regex_automata::{Anchored, Input};

    use super::{FirstByte, Opening};

    fn dialect() -> Config {
        Config::new().unicode(false).utf8(false)
    }

    fn opening(text: &str) -> Opening {
        Opening::of(&parse_with(text, &dialect()).expect("valid"))
    }

    #[test]
    fn it_goes_as_far_as_every_match_does() {
        let length = |text: &str| opening(text).runs.iter().map(|(_, count)| count).sum::<usize>();
        assert_eq!(length("ab[0-9]{3}x+y"), 6);
        assert_eq!(length("(?P<key>ab|cd)e"), 3);
        assert_eq!(length("(?:ab|cde)f"), 2);
        assert_eq!(length("a?b"), 0);
        assert_eq!(length("(?:ab){2,3}c"), 4);
        assert!((64..80).contains(&length("[a-z]{900}")));
        assert!(opening("(?i)ab[0-9]").fits(b"Ab7.") && !opening("(?i)ab[0-9]").fits(b"Ab"));
        assert!(opening("a?").fits(b""));
    }

    #[test]
    fn the_first_byte_is_that_of_any_way_to_begin() {
        for (pattern, first) in [
            ("ab", "a"),
            ("a?b", "ab"),
            (r#"\\*["']?\s{0,4},"#, "\\\"'\t\n\x0b\x0c\r ,"),
            ("(?:a|b*|c)d", "abcd"),
            ("(?:a?){3}x|y+", "axy"),
            (r"\bfoo", "f"),
        ] {
            let of = FirstByte::of(&parse_with(pattern, &dialect()).expect("valid"));
            for byte in 0..=255 {
                assert_eq!(of.fits(Some(byte)), first.as_bytes().contains(&byte), "{pattern} {byte}");
            }
            assert!(!of.fits(None), "{pattern}");
        }
        let empty = FirstByte::of(&parse_with("a*", &dialect()).expect("valid"));
        assert!(empty.fits(None) && empty.fits(Some(b'x')));
    }

    proptest! {
        #[test]
        fn it_refuses_no_match(text in "[a-dX\n]{0,12}") {
            for pattern in ["a(?:b|cd)?[ab]{2}", "(?i)(?:ab|cda?)x{1,3}", "(?:(?:a|bc){2}|ccc)d", r"(?:^a|\bb)+\n?", "[^a]b.c*"] {
                let regex = Regex::builder().syntax(dialect()).build(pattern).expect("valid");
                for at in 0..=text.len() {
                    let matched = regex.find(Input::new(&text).span(at..text.len()).anchored(Anchored::Yes));
                    let first = FirstByte::of(&parse_with(pattern, &dialect()).expect("valid"));
                    prop_assert!(matched.is_none() || first.fits(text.as_bytes().get(at).copied()));
                    prop_assert!(matched.is_none() || opening(pattern).fits(&text.as_bytes()[at..]), "{} in {:?}", pattern, text);
                }
            }
        }
    }
}
