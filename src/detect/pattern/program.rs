//! An expression as a small program that goes back where it went wrong.
//!
//! An automaton has a state for every count: `[0-9a-f]{20,4000}` takes megabytes and milliseconds, and there are
//! hundreds of such expressions. Here it is one step. Going back can take for ever, so a search may take so many
//! turns only; who asks then has the automaton (`regex-automata`) for an answer, which is the same: the first
//! of the alternatives that match, as Perl has it.

use std::ops::Range;

use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::Matched;
use crate::detect::opening::Bytes;

/// Steps of a program at most, and rounds that it counts.
const STEPS: usize = 1 << 12;
const COUNTERS: usize = 16;

/// Turns that a search may take: so many, and so many more for each byte that it may look at.
const TURNS: usize = 1024;
const TURNS_A_BYTE: usize = 4;

/// What may be asked of the bytes around a place.
const LOOKS: [Look; 6] =
    [Look::Start, Look::End, Look::StartLF, Look::EndLF, Look::WordAscii, Look::WordAsciiNegate];

/// Bytes that are compared in a turn.
const BYTES_A_TURN: usize = 16;

/// A program; [`Program::of`] makes it.
#[derive(Default)]
pub(super) struct Program {
    steps: Vec<Step>,
    sets: Vec<Bytes>,
    literals: Vec<u8>,
    counters: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// These of the program's literals.
    Literal {
        from: u32,
        to: u32,
    },
    /// So many bytes of a set, and as many as possible or as few.
    Loop {
        set: u32,
        least: u32,
        most: u32,
        greedy: bool,
    },
    /// What follows, or else what is at a step.
    OrElse(u32),
    Jump(u32),
    /// No rounds so far.
    Enter {
        counter: u32,
    },
    /// Another round, which is the step behind this one, or on at `exit`.
    Rounds {
        counter: u32,
        least: u32,
        most: u32,
        greedy: bool,
        exit: u32,
    },
    /// One round more.
    Round {
        counter: u32,
    },
    Look(Look),
    KeyStart,
    KeyEnd,
    Match,
}

/// Where to go on when it went wrong.
#[derive(Clone, Copy, Debug)]
enum Turn {
    At {
        step: usize,
        place: usize,
    },
    /// With one byte less, down to `least`.
    Fewer {
        step: usize,
        least: usize,
        place: usize,
    },
    /// With one byte more of the set, up to `most`.
    More {
        step: usize,
        set: u32,
        place: usize,
        most: usize,
    },
    KeyStart(Option<usize>),
    KeyEnd(Option<usize>),
    Count {
        counter: u32,
        rounds: u32,
    },
}

/// A search took too many turns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Where a match ends, and its key.
type Match = (usize, Option<Range<usize>>);

/// What a search needs, to be used again.
#[derive(Default)]
pub(super) struct Turns(Vec<Turn>);

/// How far a run has come.
#[derive(Default)]
struct State {
    step: usize,
    place: usize,
    key_start: Option<usize>,
    key_end: Option<usize>,
    counts: [u32; COUNTERS],
}

/// A search that goes on.
struct Search<'a> {
    bytes: &'a [u8],
    end: usize,
    left: usize,
    turns: &'a mut Vec<Turn>,
}

impl Program {
    /// The program of an expression over bytes; none where it would be too long, or may mean something else.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let mut program = Self::default();
        program.add(hir)?;
        program.push(Step::Match)?;
        program.steps.shrink_to_fit();
        Some(program)
    }

    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= STEPS).then(|| self.steps.len() - 1)
    }

    /// Where the next step will be.
    fn here(&self) -> u32 {
        self.steps.len() as u32
    }

    fn add(&mut self, hir: &Hir) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => {
                let from = self.literals.len() as u32;
                self.literals.extend_from_slice(&literal.0);
                self.push(Step::Literal { from, to: self.literals.len() as u32 })?;
            }
            HirKind::Class(class) => {
                let set = self.set(Bytes::of_class(class)?);
                self.push(Step::Loop { set, least: 1, most: 1, greedy: true })?;
            }
            HirKind::Look(look) => {
                LOOKS.contains(look).then(|| self.push(Step::Look(*look)))??;
            }
            HirKind::Repetition(repetition) => self.add_repetition(repetition)?,
            HirKind::Capture(capture) if capture.name.as_deref() == Some("key") => {
                self.push(Step::KeyStart)?;
                self.add(&capture.sub)?;
                self.push(Step::KeyEnd)?;
            }
            HirKind::Capture(capture) => self.add(&capture.sub)?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.add(part))?,
            HirKind::Alternation(parts) => {
                let (last, firsts) = parts.split_last()?;
                let mut ends = Vec::new();
                for part in firsts {
                    let split = self.push(Step::OrElse(0))?;
                    self.add(part)?;
                    ends.push(self.push(Step::Jump(0))?);
                    self.steps[split] = Step::OrElse(self.here());
                }
                self.add(last)?;
                let end = self.here();
                ends.into_iter().for_each(|jump| self.steps[jump] = Step::Jump(end));
            }
        }
        Some(())
    }

    fn add_repetition(&mut self, repetition: &Repetition) -> Option<()> {
        let Repetition { min: least, max, greedy, sub } = repetition;
        let of_bytes = match sub.kind() {
            HirKind::Class(class) => Some(Bytes::of_class(class)?),
            HirKind::Literal(literal) if literal.0.len() == 1 => Some(Bytes::of(literal.0.iter().copied())),
            _ => None,
        };
        if let Some(set) = of_bytes {
            let (set, most) = (self.set(set), max.unwrap_or(u32::MAX));
            self.push(Step::Loop { set, least: *least, most, greedy: *greedy })?;
            return Some(());
        }
        // What may be of no bytes could be repeated for ever.
        sub.properties().minimum_len().filter(|least| *least > 0)?;
        let counter = self.counters as u32;
        self.counters += 1;
        if self.counters > COUNTERS {
            return None;
        }
        self.push(Step::Enter { counter })?;
        let (least, most, greedy) = (*least, max.unwrap_or(u32::MAX), *greedy);
        let head = self.push(Step::Rounds { counter, least, most, greedy, exit: 0 })?;
        self.push(Step::Round { counter })?;
        self.add(sub)?;
        self.push(Step::Jump(head as u32))?;
        self.steps[head] = Step::Rounds { counter, least, most, greedy, exit: self.here() };
        Some(())
    }

    fn set(&mut self, set: Bytes) -> u32 {
        let known = self.sets.iter().position(|known| *known == set);
        known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        }) as u32
    }

    /// The match that begins at `range.start`, or the first one in `range` of those where `may_begin` is true;
    /// and how many turns it took.
    pub(super) fn search(
        &self,
        turns: &mut Turns,
        bytes: &[u8],
        range: Range<usize>,
        anchored: bool,
        may_begin: impl Fn(Range<usize>) -> bool,
    ) -> (Result<Option<Matched>, Exhausted>, usize) {
        let end = range.end.min(bytes.len());
        let most = TURNS + end.saturating_sub(range.start).saturating_mul(TURNS_A_BYTE);
        let mut search = Search { bytes, end, left: most, turns: &mut turns.0 };
        let result = search.first(self, range.start, anchored, may_begin);
        (result, most - search.left)
    }

    fn holds(&self, set: u32, byte: u8) -> bool {
        self.sets.get(set as usize).is_some_and(|set| set.holds(byte))
    }
}

impl Search<'_> {
    fn first(
        &mut self,
        program: &Program,
        start: usize,
        anchored: bool,
        may_begin: impl Fn(Range<usize>) -> bool,
    ) -> Result<Option<Matched>, Exhausted> {
        let end = self.end;
        let last = if anchored { start } else { end };
        for start in start..=last {
            if anchored || may_begin(start..end) {
                if let Some((end, key)) = self.run(program, start)? {
                    return Ok(key.map(|key| Matched { whole: start..end, key }));
                }
            } else {
                self.take(1)?;
            }
        }
        Ok(None)
    }

    fn take(&mut self, turns: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(turns).ok_or(Exhausted)?;
        Ok(())
    }

    /// Where the match ends that begins at `start`, and the key in it, if it has one.
    fn run(&mut self, program: &Program, start: usize) -> Result<Option<Match>, Exhausted> {
        self.turns.clear();
        let mut at = State { place: start, ..State::default() };
        self.take(1)?;
        // What is taken turns for is what may be done again and again: a step back, a round, a run of bytes.
        loop {
            let goes_on = match program.steps.get(at.step).copied().unwrap_or(Step::Match) {
                Step::Literal { from, to } => {
                    let literal = program.literals.get(from as usize..to as usize).unwrap_or_default();
                    let fits = self.rest(at.place).starts_with(literal);
                    at.place += literal.len();
                    fits
                }
                Step::Loop { set, least, most, greedy } => {
                    let limit = self.end.min(at.place.saturating_add(most as usize));
                    let until =
                        if greedy { limit } else { limit.min(at.place.saturating_add(least as usize)) };
                    let run = self.bytes.get(at.place..until).unwrap_or_default();
                    let run = run.iter().take_while(|byte| program.holds(set, **byte)).count();
                    self.take(run / BYTES_A_TURN)?;
                    let (least, stop) = (at.place.saturating_add(least as usize), at.place + run);
                    if greedy && stop > least {
                        self.turns.push(Turn::Fewer { step: at.step + 1, least, place: stop - 1 });
                    } else if !greedy && stop == least && stop < limit {
                        self.turns.push(Turn::More { step: at.step + 1, set, place: stop, most: limit });
                    }
                    at.place = stop;
                    stop >= least
                }
                Step::OrElse(other) => {
                    self.turns.push(Turn::At { step: other as usize, place: at.place });
                    true
                }
                Step::Jump(to) => {
                    at.step = to as usize;
                    continue;
                }
                Step::Enter { counter } => {
                    self.count(&mut at, counter, |_| 0);
                    true
                }
                Step::Rounds { counter, least, most, greedy, exit } => {
                    let rounds = at.counts[counter as usize];
                    let (round, exit) = (at.step + 1, exit as usize);
                    if rounds >= least {
                        let other = if greedy { exit } else { round };
                        if rounds < most {
                            self.turns.push(Turn::At { step: other, place: at.place });
                        }
                        if rounds >= most || !greedy {
                            at.step = exit;
                            continue;
                        }
                    }
                    true
                }
                Step::Round { counter } => {
                    self.take(1)?;
                    self.count(&mut at, counter, |rounds| rounds.saturating_add(1));
                    true
                }
                Step::Look(look) => self.looks(look, at.place),
                Step::KeyStart => {
                    self.turns.push(Turn::KeyStart(at.key_start.replace(at.place)));
                    true
                }
                Step::KeyEnd => {
                    self.turns.push(Turn::KeyEnd(at.key_end.replace(at.place)));
                    true
                }
                Step::Match => {
                    let key = at.key_start.zip(at.key_end).map(|(from, to)| from..to);
                    return Ok(Some((at.place, key)));
                }
            };
            at.step += 1;
            if !goes_on && !self.go_back(program, &mut at)? {
                return Ok(None);
            }
        }
    }

    /// Goes back to where there is another way; false if there is none.
    fn go_back(&mut self, program: &Program, at: &mut State) -> Result<bool, Exhausted> {
        loop {
            self.take(1)?;
            let Some(turn) = self.turns.pop() else { return Ok(false) };
            match turn {
                Turn::At { step, place } => {
                    (at.step, at.place) = (step, place);
                    return Ok(true);
                }
                Turn::Fewer { step, least, place: most } => {
                    let Some(place) = self.last_place(program, step, least..most + 1)? else { continue };
                    if place > least {
                        self.turns.push(Turn::Fewer { step, least, place: place - 1 });
                    }
                    (at.step, at.place) = (step, place);
                    return Ok(true);
                }
                Turn::More { step, set, place, most } => {
                    if !self.bytes.get(place).is_some_and(|byte| program.holds(set, *byte)) {
                        continue;
                    }
                    if place + 1 < most {
                        self.turns.push(Turn::More { step, set, place: place + 1, most });
                    }
                    (at.step, at.place) = (step, place + 1);
                    return Ok(true);
                }
                Turn::KeyStart(before) => at.key_start = before,
                Turn::KeyEnd(before) => at.key_end = before,
                Turn::Count { counter, rounds } => at.counts[counter as usize] = rounds,
            }
        }
    }

    /// Changes a counter, and notes what it was.
    fn count(&mut self, at: &mut State, counter: u32, change: impl FnOnce(u32) -> u32) {
        let count = &mut at.counts[counter as usize];
        self.turns.push(Turn::Count { counter, rounds: *count });
        *count = change(*count);
    }

    /// The last of these places at which what is at `step` may go on: a literal says where.
    fn last_place(
        &mut self,
        program: &Program,
        step: usize,
        places: Range<usize>,
    ) -> Result<Option<usize>, Exhausted> {
        let Some(Step::Literal { from, .. }) = program.steps.get(step) else {
            return Ok(Some(places.end - 1));
        };
        let Some(first) = program.literals.get(*from as usize) else { return Ok(Some(places.end - 1)) };
        self.take(places.len() / BYTES_A_TURN)?;
        let bytes = self.bytes.get(places.start..places.end.min(self.end)).unwrap_or_default();
        Ok(memchr::memrchr(*first, bytes).map(|at| places.start + at))
    }

    fn rest(&self, place: usize) -> &[u8] {
        self.bytes.get(place..self.end).unwrap_or_default()
    }

    /// Whether the bytes around a place, also those outside of the range, are as they should be.
    fn looks(&self, look: Look, place: usize) -> bool {
        let before = place.checked_sub(1).and_then(|at| self.bytes.get(at));
        let after = self.bytes.get(place);
        let is_word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        match look {
            Look::Start => before.is_none(),
            Look::End => after.is_none(),
            Look::StartLF => before.is_none_or(|byte| *byte == b'\n'),
            Look::EndLF => after.is_none_or(|byte| *byte == b'\n'),
            Look::WordAscii => is_word(before) != is_word(after),
            Look::WordAsciiNegate => is_word(before) == is_word(after),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
