//! A definition's regular expression, compiled when it is first needed: to a program, and where that takes too
//! long for some bytes, to an automaton.

mod program;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::meta::{BuildError, Cache, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};
use regex_syntax::hir::Hir;

use self::program::{Program, Turns};
use super::effort::Effort;
use super::opening::Opening;

/// What a lazily built automaton of one expression may take, in each thread. With too little it is made again and
/// again, and where it gives up what takes its place is 500 times as slow: some expressions of ours need 800 KiB on
/// bytes that somebody made for it.
const LAZY_STATES: usize = 2 * 1024 * 1024;

/// So many automata a thread keeps.
const AUTOMATA: usize = 64;

/// Two for the whole match, two for each group up to `key`.
const SLOTS: usize = 32;

/// An expression over bytes: classes are ASCII, `.` is any byte but a line feed.
pub(super) struct Pattern {
    text: String,
    /// Its number among the patterns of a set, by which [`Caches`] are kept.
    number: usize,
    program: OnceLock<Option<Program>>,
    compiled: OnceLock<Option<Compiled>>,
    one_length: OnceLock<bool>,
    opening: OnceLock<Option<Opening>>,
}

struct Compiled {
    regex: Regex,
    /// The slot in which the key begins.
    key_slot: usize,
}

/// Where an expression matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    /// All of it.
    pub(super) whole: Range<usize>,
    /// The key in it.
    pub(super) key: Range<usize>,
}

/// A thread's working memory for the patterns of one set.
#[derive(Default)]
pub(super) struct Caches {
    /// What the searches of a window may still take.
    pub(super) effort: Effort,
    turns: Turns,
    /// Of automata, by the pattern's number.
    automata: HashMap<usize, Cache>,
}

impl Caches {
    /// Forgets everything: the caches of one set do not fit another's patterns.
    pub(super) fn clear(&mut self) {
        self.automata.clear();
    }
}

impl Pattern {
    /// A pattern that is searched.
    pub(super) fn new(text: &str, number: usize) -> Self {
        let has_key = text.contains("(?P<key>") || text.contains("(?<key>");
        let text = if has_key { text.to_owned() } else { format!("(?P<key>{text})") };
        Self {
            text,
            number,
            program: OnceLock::new(),
            compiled: OnceLock::new(),
            one_length: OnceLock::new(),
            opening: OnceLock::new(),
        }
    }

    /// A pattern that must match all that it is given.
    pub(super) fn of_whole(text: &str, number: usize) -> Self {
        let mut pattern = Self::new(text, number);
        pattern.text = format!(r"(?:{})\z", pattern.text);
        pattern
    }

    /// Compiles it now; for the check of definitions.
    pub(super) fn check(&self) -> Result<(), String> {
        let hir = syntax::parse_with(&self.text, &dialect()).map_err(|error| {
            // The last line says what is wrong; those before it show the expression.
            let text = error.to_string();
            let problem = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("it is no regex: {problem}")
        })?;
        if hir.properties().minimum_len().unwrap_or(0) == 0 {
            return Err("it matches nothing at all; let it match a byte at least".to_owned());
        }
        let compiled = self.build().map_err(|error| match error.size_limit() {
            Some(_) => "it makes too large a program; use smaller counts".to_owned(),
            None => error.to_string(),
        })?;
        if compiled.key_slot + 2 > SLOTS {
            return Err(format!("group 'key' is not among its first {} groups", SLOTS / 2 - 1));
        }
        Ok(())
    }

    /// Whether all its matches have the same length.
    pub(super) fn has_one_length(&self) -> bool {
        *self.one_length.get_or_init(|| {
            let Some(hir) = self.parse() else { return false };
            let lengths = hir.properties();
            lengths.minimum_len().is_some() && lengths.minimum_len() == lengths.maximum_len()
        })
    }

    /// The match that begins at `range.start`, looking no further than `range.end`.
    pub(super) fn at(&self, caches: &mut Caches, bytes: &[u8], range: Range<usize>) -> Option<Matched> {
        if !self.may_begin(bytes, range.clone()) {
            return None;
        }
        self.search(caches, bytes, range, Anchored::Yes)
    }

    /// Whether the first bytes of `range` may be those of a match: it costs next to nothing.
    pub(super) fn may_begin(&self, bytes: &[u8], range: Range<usize>) -> bool {
        let opening = self.opening.get_or_init(|| self.parse().map(|hir| Opening::of(&hir)));
        opening.as_ref().is_none_or(|opening| bytes.get(range).is_some_and(|bytes| opening.fits(bytes)))
    }

    /// The first match in `range`.
    pub(super) fn first(&self, caches: &mut Caches, bytes: &[u8], range: Range<usize>) -> Option<Matched> {
        self.search(caches, bytes, range, Anchored::No)
    }

    fn search(
        &self,
        caches: &mut Caches,
        bytes: &[u8],
        range: Range<usize>,
        anchored: Anchored,
    ) -> Option<Matched> {
        let matched = self.program().and_then(|program| {
            let may_begin = |range| self.may_begin(bytes, range);
            let (result, turns) =
                program.search(&mut caches.turns, bytes, range.clone(), anchored.is_anchored(), may_begin);
            caches.effort.take(turns);
            result.ok()
        });
        matched.unwrap_or_else(|| {
            self.search_automaton(caches, Input::new(bytes).span(range).anchored(anchored))
        })
    }

    fn program(&self) -> Option<&Program> {
        self.program.get_or_init(|| Program::of(&self.parse()?)).as_ref()
    }

    fn search_automaton(&self, caches: &mut Caches, input: Input<'_>) -> Option<Matched> {
        // Expressions that do not compile are refused when a definition is loaded or, of the embedded
        // ones, by a test.
        let compiled = self.compiled.get_or_init(|| self.build().ok()).as_ref()?;
        caches.effort.take(input.get_span().len());
        if caches.automata.len() >= AUTOMATA && !caches.automata.contains_key(&self.number) {
            caches.automata.clear();
        }
        let cache = caches.automata.entry(self.number).or_insert_with(|| compiled.regex.create_cache());
        let mut slots = [None; SLOTS];
        let slots = slots.get_mut(..compiled.key_slot + 2)?;
        compiled.regex.search_slots_with(cache, &input, slots)?;
        let range =
            |slot: usize| Some(slots.get(slot).copied()??.get()..slots.get(slot + 1).copied()??.get());
        Some(Matched { whole: range(0)?, key: range(compiled.key_slot)? })
    }

    fn parse(&self) -> Option<Hir> {
        syntax::parse_with(&self.text, &dialect()).ok()
    }

    fn build(&self) -> Result<Compiled, Box<BuildError>> {
        let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(LAZY_STATES);
        let regex = Regex::builder().syntax(dialect()).configure(config).build(&self.text)?;
        // Every text has the group: `new` adds it where a definition has none.
        let group = regex.group_info().to_index(PatternID::ZERO, "key").unwrap_or(0);
        Ok(Compiled { regex, key_slot: 2 * group })
    }
}

pub(super) fn dialect() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

#[cfg(test)]
mod tests {
    use super::{Caches, Matched, Pattern};

    #[test]
    fn the_key_is_its_group_or_the_whole_match() {
        let mut caches = Caches::default();
        let bytes = b"..id=abc;";
        let grouped = Pattern::new("id=(?P<key>[a-z]+)", 0);
        assert_eq!(grouped.at(&mut caches, bytes, 2..9), Some(Matched { whole: 2..8, key: 5..8 }));
        let plain = Pattern::new("[a-z]{3}", 1);
        assert_eq!(plain.at(&mut caches, bytes, 2..9), None);
        assert_eq!(plain.first(&mut caches, bytes, 2..9), Some(Matched { whole: 5..8, key: 5..8 }));
        assert_eq!(plain.first(&mut caches, bytes, 2..7), None);
    }

    #[test]
    fn of_whole_takes_alternatives_that_fit_the_end() {
        let mut caches = Caches::default();
        let pattern = Pattern::of_whole("a|ab", 0);
        assert_eq!(pattern.at(&mut caches, b"ab", 0..2), Some(Matched { whole: 0..2, key: 0..2 }));
        assert_eq!(pattern.at(&mut caches, b"abc", 0..3), None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Pattern::new("(", 0).check().is_err());
        assert!(Pattern::new("a*", 0).check().is_err());
        assert!(Pattern::new("[a-z]+", 0).check().is_ok());
    }
}
