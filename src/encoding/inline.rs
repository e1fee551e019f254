//! Pieces of a character each: escapes, URL-encoding, entities, and the joints of split strings.
//!
//! They are everywhere, so one is reason to read a text decoded only where it stands among characters of
//! keys, in a row that is as long as a key.

use super::mask::{self, BLOCK, Masks, Words};
use super::pieces::Pieces;
use super::{Encodings, entity, escape, joint, percent};

/// The shortest row of characters, decoded, that may hold a key.
const LEAST: usize = 16;

/// How far a row is followed on either side of its pieces, and between two of them.
const ROW: usize = 4 * 1024;

/// An encoded character.
#[derive(Debug)]
pub(super) struct Token {
    /// Bytes that it takes.
    pub(super) length: usize,
    pub(super) kind: Kind,
    decoded: ([u8; 4], usize),
    encoding: &'static str,
}

/// What an encoded character is in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One that may belong to a key, or stand between its name and it.
    Character,
    /// Nothing: what stands on either side belongs together, if it does belong to a key.
    Joint,
    /// One that detectors know how to read, such as an escaped quote.
    Weak,
}

impl Kind {
    /// The kind of an encoded byte.
    pub(super) fn of(byte: u8) -> Self {
        if byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            Self::Character
        } else {
            Self::Weak
        }
    }
}

impl Token {
    /// A token of four decoded bytes at most.
    pub(super) fn new(length: usize, decoded: &[u8], encoding: &'static str, kind: Kind) -> Self {
        let mut bytes = [0; 4];
        bytes.iter_mut().zip(decoded).for_each(|(to, from)| *to = *from);
        Self { length, kind, decoded: (bytes, decoded.len().min(4)), encoding }
    }

    pub(super) fn decoded(&self) -> &[u8] {
        self.decoded.0.get(..self.decoded.1).unwrap_or_default()
    }
}

/// Whether a byte may be one of a key.
pub(super) fn is_token(byte: u8) -> bool {
    mask::is(byte, mask::Kind::Token)
}

/// A row of characters in the making.
struct Row {
    /// The first of its pieces.
    first: usize,
    /// Where the last one ends.
    end: usize,
    /// Decoded characters up to there.
    length: usize,
}

/// Adds the pieces of `text`, whose kinds of bytes `masks` are; those that are no reason to decode it only if `weak_too`.
pub(super) fn find(text: &[u8], masks: &Masks, weak_too: bool, pieces: &mut Pieces) {
    let mut row: Option<Row> = None;
    let mut from = 0;
    let kinds = pieces.kinds();
    if !kinds.has(Encodings::CHARACTERS) {
        return;
    }
    let mut marks = Marks::new(masks);
    while let Some(at) = marks.next(from) {
        let token = match text.get(at) {
            Some(b'\\') => escape::at(text, at).filter(|_| kinds.has(Encodings::ESCAPES)),
            Some(b'%') => percent::at(text, at).filter(|_| kinds.has(Encodings::URL)),
            Some(b'&') => entity::at(text, at).filter(|_| kinds.has(Encodings::ENTITIES)),
            _ => joint::at(text, at).filter(|_| kinds.has(Encodings::SPLIT)),
        };
        let Some(token) = token.filter(|token| token.kind != Kind::Joint || joins(text, at, token.length))
        else {
            from = at + 1;
            continue;
        };
        let end = at + token.length;
        if token.kind == Kind::Weak {
            if weak_too {
                pieces.whole(at..end, token.decoded(), token.encoding, false);
            }
        } else {
            row = Some(extend(row.take(), text, at, &token, pieces));
            pieces.whole(at..end, token.decoded(), token.encoding, false);
        }
        from = end;
    }
    finish(row, text, pieces);
}

/// The row that a token belongs to; one that ends before it is settled.
fn extend(row: Option<Row>, text: &[u8], at: usize, token: &Token, pieces: &mut Pieces) -> Row {
    let decoded = token.decoded().len();
    let end = at + token.length;
    if let Some(row) = &row {
        let between = text.get(row.end..at).unwrap_or_default();
        if between.len() <= ROW && between.iter().all(|byte| is_token(*byte)) {
            return Row { first: row.first, end, length: row.length + between.len() + decoded };
        }
    }
    let floor = row.as_ref().map_or(0, |row| row.end);
    finish(row, text, pieces);
    let before = text.get(floor..at).unwrap_or_default();
    let front = before.iter().rev().take(ROW).take_while(|byte| is_token(**byte)).count();
    Row { first: pieces.list().len(), end, length: front + decoded }
}

/// Decides about a row that is over.
fn finish(row: Option<Row>, text: &[u8], pieces: &mut Pieces) {
    let Some(row) = row else { return };
    let behind = text.get(row.end..).unwrap_or_default();
    let back = behind.iter().take(LEAST).take_while(|byte| is_token(**byte)).count();
    if row.length + back >= LEAST {
        let list = pieces.list_mut();
        list.iter_mut().skip(row.first).take_while(|piece| piece.source.end <= row.end).for_each(|piece| {
            piece.strong = true;
        });
    }
}

/// Whether characters of keys stand on both sides.
fn joins(text: &[u8], at: usize, length: usize) -> bool {
    let is_token = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| is_token(*byte));
    is_token(at.checked_sub(1)) && is_token(Some(at + length))
}

/// The places where a piece may begin.
struct Marks<'m> {
    masks: &'m Masks,
    /// The block whose marks are known.
    block: usize,
    marks: u64,
}

impl<'m> Marks<'m> {
    fn new(masks: &'m Masks) -> Self {
        Self { masks, block: 0, marks: marks(masks, 0) }
    }

    /// The first at `from` or behind it.
    fn next(&mut self, from: usize) -> Option<usize> {
        if from / BLOCK > self.block {
            self.turn(from / BLOCK);
        }
        if from / BLOCK == self.block {
            self.marks &= u64::MAX << (from % BLOCK);
        }
        while self.marks == 0 {
            let from = self.block + 1;
            let empty = self.masks.from(from).iter().take_while(|words| !may_hold_marks(words)).count();
            if from + empty >= self.masks.blocks() {
                return None;
            }
            self.turn(from + empty);
        }
        Some(self.block * BLOCK + self.marks.trailing_zeros() as usize)
    }

    fn turn(&mut self, block: usize) {
        (self.block, self.marks) = (block, marks(self.masks, block));
    }
}

/// Whether a piece may begin in the block of which these are the kinds.
fn may_hold_marks(words: &Words) -> bool {
    use mask::Kind;
    [Kind::Mark, Kind::Quote, Kind::Percent].iter().any(|kind| words[*kind as usize] != 0)
}

/// Where in a block a piece may begin. Behind nearly every percent sign and every quote stands something by
/// which none does.
fn marks(masks: &Masks, block: usize) -> u64 {
    use mask::Kind;
    let mut marks = masks.at(block, Kind::Mark);
    let quotes = masks.at(block, Kind::Quote);
    if quotes != 0 {
        marks |= quotes & masks.before(block, Kind::Joint) & masks.behind(block, Kind::Token);
    }
    let percents = masks.at(block, Kind::Percent);
    if percents != 0 {
        marks |= percents & masks.before(block, Kind::Hex);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoded text, and whether anything in it was reason to decode it.
    fn read(text: &str) -> (String, bool) {
        let mut pieces = Pieces::of(Encodings::ALL);
        find(text.as_bytes(), &Masks::of(text.as_bytes()), true, &mut pieces);
        let (mut out, mut at) = (String::new(), 0);
        for piece in pieces.list() {
            out.push_str(&text[at..piece.source.start]);
            out.push_str(&String::from_utf8_lossy(pieces.decoded(piece).0));
            at = piece.source.end;
        }
        out.push_str(&text[at..]);
        (out, pieces.any_strong())
    }

    #[test]
    fn marks_are_found_from_any_place_on() {
        let bytes = b"ab\"c' \\%&\"+\"x'd~ \0\xff";
        let text: Vec<u8> = (0..700_u32)
            .map(|n| bytes[(n.wrapping_mul(2_654_435_761) >> 24) as usize % bytes.len()])
            .collect();
        let is = |at: &usize| match text[*at] {
            b'\\' | b'&' => true,
            b'%' => text.get(*at + 1).is_some_and(u8::is_ascii_hexdigit),
            b'"' | b'\'' => joint::may_begin(&text, *at),
            _ => false,
        };
        for step in [1, 2, 7, 63, 64, 65, 130] {
            let masks = Masks::of(&text);
            let mut marks = Marks::new(&masks);
            for from in (0..text.len() + step).step_by(step) {
                assert_eq!(marks.next(from), (from..text.len()).find(is), "from {from}");
            }
        }
    }

    #[test]
    fn a_row_as_long_as_a_key_is_decoded() {
        for (text, decoded) in [
            (r"abcdefgh\/ijklmnop", "abcdefgh/ijklmnop"),
            (r"\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f\x70", "abcdefghijklmnop"),
            ("a='abcde' + 'fghijk' + 'lmnop'", "a='abcdefghijklmnop'"),
            ("abcdefgh%2Fijklmnop", "abcdefgh/ijklmnop"),
            ("k=abcdefgh&#x2F;&#105;jklmnop", "k=abcdefgh/ijklmnop"),
            ("abcdefgh\\\n    ijklmnop", "abcdefghijklmnop"),
        ] {
            assert_eq!(read(text), (decoded.to_owned(), true), "{text}");
        }
    }

    #[test]
    fn what_is_everywhere_is_no_reason() {
        for text in [
            r#"printf(\"%d\n\", x);"#,
            r"a\/b c\/d",
            "if (a && b) { return 100%20; }",
            "'a' + 'b'",
            "don't 'and' \"so\" on",
            "cc -o a \\\n    b.c \\\n    c.c",
        ] {
            assert!(!read(text).1, "{text}");
        }
    }
}
