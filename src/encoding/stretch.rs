//! Text in a run of characters that each hold some bits: where it begins at any character, because the
//! run was cut or holds something else in front, it is found by trying.
//!
//! Bytes that are no text end a stretch. So a run of random characters gives nothing, and whatever a
//! detector finds in a stretch was text before it was encoded.

use std::ops::Range;

use super::pieces::Pieces;

/// The shortest stretch of text, in bytes.
const LEAST: usize = 15;

/// Bytes that must be nothing but text where one begins.
pub(super) const SAMPLE: usize = 9;

/// Characters from one trial to the next, and the length of a run from which on there is more than one.
pub(super) const STEP: usize = 16;
pub(super) const LONG: usize = 64;

/// How characters hold bytes.
pub(super) trait Alphabet {
    /// Characters that hold whole bytes together.
    const CHARACTERS: usize;
    /// The bytes that they hold.
    const BYTES: usize;
    /// What a character holds; over 127 for none.
    fn value(byte: u8) -> u8;
    /// Whether text may begin with a group that begins with a character that holds this.
    fn may_begin(value: u8) -> bool;
    /// The bytes of a group, or of the front of one at the end of a text, and how many they are.
    fn decode(group: &[u8]) -> ([u8; 3], usize);
    /// The characters of a group that hold the byte of this number.
    fn holders(byte: usize) -> Range<usize>;
}

/// The characters of a run.
pub(super) struct Run<'t> {
    text: &'t [u8],
    lines: &'t [Range<usize>],
    values: Vec<u8>,
}

/// A stretch of text in a run.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Its characters, by number.
    pub(super) characters: Range<usize>,
    bytes: Vec<u8>,
    /// Number of the character with which the first group begins.
    group: usize,
    /// Bytes of that group that are no text.
    skipped: usize,
}

/// What the bytes of a stretch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    /// Code units of two bytes, of which this one is NUL.
    Wide(usize),
}

impl<'t> Run<'t> {
    /// The characters in `lines` of `text`.
    pub(super) fn new<A: Alphabet>(text: &'t [u8], lines: &'t [Range<usize>]) -> Self {
        let characters = lines.iter().filter_map(|line| text.get(line.clone())).flatten();
        Self { text, lines, values: characters.map(|byte| A::value(*byte)).collect() }
    }

    /// Calls `found` with each stretch of text. `cut`: whether the run may go on in front.
    pub(super) fn each<A: Alphabet>(&self, cut: bool, mut found: impl FnMut(&Self, &Stretch)) {
        let (mut from, mut floor) = (0, 0);
        loop {
            let start = start::<A>(self.values.get(from..).unwrap_or_default(), from == 0);
            match start.map(|(at, form)| self.stretch::<A>(from + at, floor, form)) {
                Some(stretch) if stretch.bytes.len() >= LEAST => {
                    found(self, &stretch);
                    floor = stretch.characters.end;
                    from = floor.max(from + 1);
                }
                _ => from += STEP,
            }
            let is_short = self.values.len() < LONG && self.lines.len() == 1;
            if from >= self.values.len() || (is_short && !cut) {
                return;
            }
        }
    }

    /// The stretch around the group that begins at `at`, from character `floor` on.
    fn stretch<A: Alphabet>(&self, at: usize, floor: usize, form: Form) -> Stretch {
        let mut group = at;
        let mut skipped = 0;
        while let Some(before) = group.checked_sub(A::CHARACTERS).filter(|before| *before >= floor) {
            let (bytes, count) = A::decode(self.values.get(before..group).unwrap_or_default());
            let offset = (at - before) / A::CHARACTERS * A::BYTES;
            let fits = |number: usize| is_text(form, offset.wrapping_sub(number), bytes.get(number));
            let text = (0..A::BYTES).rev().take_while(|number| count == A::BYTES && fits(*number)).count();
            if text > 0 {
                group = before;
                skipped = A::BYTES - text;
            }
            if text < A::BYTES {
                break;
            }
        }
        let mut stretch = Stretch { characters: group..group, bytes: Vec::new(), group, skipped };
        let parity = (at - group) / A::CHARACTERS * A::BYTES;
        self.extend::<A>(&mut stretch, form, parity);
        stretch
    }

    /// Reads on from the first group as long as there is text.
    fn extend<A: Alphabet>(&self, stretch: &mut Stretch, form: Form, parity: usize) {
        let groups = self.values.get(stretch.group..).unwrap_or_default().chunks(A::CHARACTERS);
        // Bytes of a character outside of ASCII that are still to come, and how many there were.
        let (mut pending, mut begun) = (0, 0);
        let mut read = 0;
        'all: for group in groups {
            let (bytes, count) = A::decode(group);
            for byte in bytes.iter().take(count) {
                read += 1;
                if read <= stretch.skipped {
                    continue;
                }
                if pending > 0 && byte & 0xc0 == 0x80 {
                    (pending, begun) = (pending - 1, begun + 1);
                } else if pending == 0 && form == Form::Text && (0xc2..=0xf4).contains(byte) {
                    (pending, begun) = (byte.leading_ones() as usize - 1, 1);
                } else if pending == 0 && is_text(form, parity + read - 1, Some(byte)) {
                    begun = 0;
                } else {
                    break 'all;
                }
                stretch.bytes.push(*byte);
            }
            if count < A::BYTES {
                break;
            }
        }
        let broken = if pending > 0 { begun } else { 0 };
        stretch.bytes.truncate(stretch.bytes.len().saturating_sub(broken));
        let first = self.holders::<A>(stretch, 0).start;
        let last = stretch.bytes.len().checked_sub(1).map_or(first, |l| self.holders::<A>(stretch, l).end);
        stretch.characters = first..last;
    }

    /// The characters that hold the byte of a stretch with this number.
    fn holders<A: Alphabet>(&self, stretch: &Stretch, number: usize) -> Range<usize> {
        let number = number + stretch.skipped;
        let group = stretch.group + number / A::BYTES * A::CHARACTERS;
        let holders = A::holders(number % A::BYTES);
        group + holders.start..group + holders.end
    }

    /// Where in the text characters of the run stand.
    fn source(&self, characters: Range<usize>) -> Range<usize> {
        let place = |mut number: usize| {
            for line in self.lines {
                if number < line.len() {
                    return line.start + number;
                }
                number -= line.len();
            }
            self.lines.last().map_or(0, |line| line.end)
        };
        place(characters.start)..place(characters.end.saturating_sub(1)) + 1
    }

    /// Adds a stretch to `pieces`. What stands around it in the run is kept apart from it by a NUL.
    pub(super) fn push<A: Alphabet>(
        &self,
        stretch: &Stretch,
        pieces: &mut Pieces,
        word: fn(&[u8]) -> &'static str,
    ) {
        let mut source = self.source(stretch.characters.clone());
        let mark = pieces.mark();
        if stretch.characters.start > 0 {
            pieces.byte(0, source.start..source.start);
        }
        let mut places = Places::new(self.lines);
        for (number, byte) in stretch.bytes.iter().enumerate() {
            let holders = self.holders::<A>(stretch, number);
            pieces.byte(*byte, places.of(holders.start)..places.of(holders.end - 1) + 1);
        }
        let word = word(self.text.get(source.clone()).unwrap_or_default());
        if self.values.len().saturating_sub(stretch.characters.end) >= 2 {
            pieces.byte(0, source.end..source.end);
        } else {
            // The bits that are left over, and the padding, belong to it.
            source.end = self.lines.last().map_or(source.end, |line| line.end.max(source.end));
            let behind = self.text.get(source.end..).unwrap_or_default();
            source.end += behind.iter().take(2).take_while(|byte| **byte == b'=').count();
        }
        pieces.end(mark, source, word, true);
    }
}

/// The places of characters that are asked for in nearly rising order.
struct Places<'t> {
    lines: &'t [Range<usize>],
    /// The line looked at last, and the number of its first character.
    line: usize,
    first: usize,
}

impl<'t> Places<'t> {
    fn new(lines: &'t [Range<usize>]) -> Self {
        Self { lines, line: 0, first: 0 }
    }

    fn of(&mut self, number: usize) -> usize {
        while number < self.first && self.line > 0 {
            self.line -= 1;
            self.first -= self.lines.get(self.line).map_or(0, Range::len);
        }
        while let Some(line) = self.lines.get(self.line) {
            if number < self.first + line.len() {
                return line.start + (number - self.first);
            }
            (self.line, self.first) = (self.line + 1, self.first + line.len());
        }
        self.lines.last().map_or(0, |line| line.end)
    }
}

/// Characters of base64 that tell whether text begins with them.
pub(super) const TRIAL: usize = SAMPLE / 3 * 4;

/// Whether text begins with these characters.
pub(super) fn is_text_at<A: Alphabet>(characters: &[u8]) -> bool {
    let mut values = [0; 2 * SAMPLE];
    let Some(values) = values.get_mut(..characters.len()) else { return false };
    values.iter_mut().zip(characters).for_each(|(value, character)| *value = A::value(*character));
    sampled::<A>(values).is_some()
}

/// The first group of text near the front of `values`.
fn start<A: Alphabet>(values: &[u8], is_front: bool) -> Option<(usize, Form)> {
    let mut trials = trials::<A>(values, |value| value, is_front);
    trials.find_map(|at| Some((at, sampled::<A>(values.get(at..)?)?)))
}

/// Where text may begin near the front. `is_front`: also behind a byte order mark, and behind what may as
/// well be the parts of a path or a name.
fn trials<A: Alphabet>(
    characters: &[u8],
    value: impl Fn(u8) -> u8,
    is_front: bool,
) -> impl Iterator<Item = usize> {
    let first = if is_front { 2 * A::CHARACTERS } else { A::CHARACTERS };
    let all = characters.iter().take(if is_front { LONG } else { first }).enumerate();
    let mut is_behind_mark = false;
    all.filter_map(move |(at, character)| {
        let value = value(*character);
        let is_trial = (at < first || is_behind_mark) && A::may_begin(value);
        is_behind_mark = matches!(value, 62 | 63);
        is_trial.then_some(at)
    })
}

/// What begins with `values`, if it is text.
fn sampled<A: Alphabet>(values: &[u8]) -> Option<Form> {
    let mut sample = [0; SAMPLE];
    let mut groups = values.chunks_exact(A::CHARACTERS);
    let mut is_text_only = true;
    for slot in sample.chunks_mut(A::BYTES) {
        let (bytes, _) = A::decode(groups.next()?);
        for (slot, byte) in slot.iter_mut().zip(bytes) {
            *slot = byte;
            is_text_only &= is_ascii(byte);
            // Of most runs the first group says that there is no text.
            if byte != 0 && !is_ascii(byte) {
                return None;
            }
        }
    }
    if is_text_only {
        return Some(Form::Text);
    }
    let fits = |form: &Form| sample.iter().enumerate().all(|(at, byte)| is_text(*form, at, Some(byte)));
    [Form::Wide(0), Form::Wide(1)].into_iter().find(fits)
}

fn is_ascii(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Whether the byte at `at` of a stretch belongs to it.
fn is_text(form: Form, at: usize, byte: Option<&u8>) -> bool {
    let Some(byte) = byte else { return false };
    match form {
        Form::Wide(nul) if at % 2 == nul => *byte == 0,
        _ => is_ascii(*byte),
    }
}
