//! Text in UTF-16 of either byte order: whole files, and strings in binaries at any offset.

use std::ops::Range;

use super::pieces::Pieces;

/// From one place that is looked at to the next, and the units that must be ASCII there.
const STEP: usize = 16;
const SAMPLE: usize = 4;

/// Bytes whose places are looked at together.
const BLOCK: usize = 4 * STEP;

/// The shortest text, in code units.
const LEAST: usize = 12;

/// Code units outside of ASCII in a row that do not end a text.
const FOREIGN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// Adds the texts in `text`.
pub(super) fn find(text: &[u8], pieces: &mut Pieces) {
    let mut floor = 0;
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        // Most texts have no NUL at all.
        let Some(nul) = memchr::memchr(0, rest) else { return };
        at += nul.saturating_sub(2 * SAMPLE - 1) / STEP * STEP;
        let rest = text.get(at..).unwrap_or_default();
        at += BLOCK * rest.as_chunks().0.iter().take_while(|block| !may_hold_sample(block)).count();
        let Some(sample) = text.get(at..).and_then(|rest| rest.first_chunk()) else { return };
        let found = if is_sample(sample) { read(text, at, floor, pieces) } else { None };
        match found {
            Some(end) => (at, floor) = (end, end),
            None => at += STEP,
        }
    }
}

/// Whether one of the places in a block that are looked at may be text: that no jump depends on each makes it
/// cost little.
fn may_hold_sample(block: &[u8; BLOCK]) -> bool {
    let (places, _) = block.as_chunks::<STEP>();
    places.iter().fold(false, |any, place| any | place.first_chunk().is_some_and(every_other_is_nul))
}

/// Whether every other byte is NUL, and those between are characters.
fn is_sample(sample: &[u8; 2 * SAMPLE]) -> bool {
    every_other_is_nul(sample) && sample.iter().filter(|byte| is_ascii(byte)).count() == SAMPLE
}

/// Whether every other byte is NUL, and not all of them are.
fn every_other_is_nul(sample: &[u8; 2 * SAMPLE]) -> bool {
    const SECOND: u64 = 0xff00_ff00_ff00_ff00;
    let units = u64::from_le_bytes(*sample);
    (units & SECOND == 0) != (units & !SECOND == 0)
}

fn is_ascii(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Reads the text around `at` as a piece; where it ends.
fn read(text: &[u8], at: usize, floor: usize, pieces: &mut Pieces) -> Option<usize> {
    let alternates = |a: usize, b: usize| match (text.get(a), text.get(b)) {
        (Some(0), Some(byte)) | (Some(byte), Some(0)) => is_ascii(byte),
        _ => false,
    };
    let mut start = at;
    while start > floor && alternates(start - 1, start) {
        start -= 1;
    }
    let mut end = at + 1;
    while alternates(end - 1, end) {
        end += 1;
    }
    let first_is_nul = text.get(start) == Some(&0);
    let last_is_nul = text.get(end - 1) == Some(&0);
    // Where it begins and ends alike, a byte at one end is something else's: the NUL in front, because the
    // little end is first nearly always, or else a character, which stays.
    let order = if first_is_nul && !last_is_nul { Order::Big } else { Order::Little };
    start += usize::from(first_is_nul && last_is_nul);
    let mark = pieces.mark();
    let (mut last, ascii) = units(text, start, order, pieces);
    if ascii < LEAST {
        pieces.drop_from(mark);
        return None;
    }
    if order == Order::Little && !last_is_nul && last + 1 == end {
        text.get(last).into_iter().for_each(|byte| pieces.byte(*byte, last..end));
        last = end;
    }
    let word = if order == Order::Little { "utf-16le" } else { "utf-16be" };
    pieces.end(mark, start..last, word, true);
    Some(last)
}

/// Decodes the units from `start` on; where the text ends, and how many of them are ASCII.
fn units(text: &[u8], start: usize, order: Order, pieces: &mut Pieces) -> (usize, usize) {
    let unit = |at: usize| match (order, text.get(at..at + 2)?) {
        (Order::Little, [low, high]) | (Order::Big, [high, low]) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    };
    let ascii = |unit: u16| u8::try_from(unit).ok().filter(is_ascii);
    let (mut at, mut count) = (start, 0);
    loop {
        if let Some(byte) = unit(at).and_then(ascii) {
            pieces.byte(byte, at..at + 2);
            (at, count) = (at + 2, count + 1);
            continue;
        }
        let rest = (1..=FOREIGN).map(|number| at + 2 * number);
        let Some(next) = rest.clone().find(|next| unit(*next).and_then(ascii).is_some()) else {
            return (at, count);
        };
        // A few units of other scripts belong to a text if it goes on behind them.
        let ahead = (0..2 * SAMPLE).filter(|number| unit(next + 2 * number).and_then(ascii).is_some());
        if ahead.count() < SAMPLE {
            return (at, count);
        }
        foreign(at..next, unit, pieces);
        at = next;
    }
}

fn foreign(range: Range<usize>, unit: impl Fn(usize) -> Option<u16>, pieces: &mut Pieces) {
    let units = range.clone().step_by(2).filter_map(unit);
    for char in char::decode_utf16(units) {
        let mut utf8 = [0; 4];
        let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
        char.encode_utf8(&mut utf8).bytes().for_each(|byte| pieces.byte(byte, range.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(String, &'static str, Range<usize>)> {
        let mut pieces = Pieces::of(crate::encoding::Encodings::ALL);
        find(bytes, &mut pieces);
        let text = |piece: &super::super::pieces::Piece| {
            (
                String::from_utf8_lossy(pieces.decoded(piece).0).into_owned(),
                piece.encoding,
                piece.source.clone(),
            )
        };
        pieces.list().iter().map(text).collect()
    }

    fn wide(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn strings_at_any_offset_are_found() {
        let text = "token=abcdefgh";
        for before in 0..40 {
            for (fill, big, word) in
                [(0xff, false, "utf-16le"), (0xff, true, "utf-16be"), (0, false, "utf-16le")]
            {
                let bytes = [vec![fill; before], wide(text, big), vec![0xff; 9]].concat();
                let expected = (text.to_owned(), word, before..before + 2 * text.len());
                assert_eq!(texts(&bytes), [expected], "{before} {fill} {word}");
            }
        }
    }

    #[test]
    fn text_of_other_scripts_goes_on() {
        for big in [false, true] {
            let text = "\u{feff}name of the key: \u{2019}ключ\u{2019} – schlüssel = 1234";
            let found = texts(&wide(text, big));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, text.trim_start_matches('\u{feff}'));
        }
    }

    #[test]
    fn a_sample_is_four_characters_of_either_order() {
        let kinds = [0, b'a', b'~', b'\n', 1, 0x7f, 0x80, 0xff];
        for choice in 0..8_usize.pow(4) {
            for (even, odd) in [(0, choice), (choice, 0), (choice, 1), (choice, choice)] {
                let of = |choice: usize, unit: usize| kinds[choice / 8_usize.pow(unit as u32) % 8];
                let sample: [u8; 8] =
                    std::array::from_fn(|at| of(if at % 2 == 0 { even } else { odd }, at / 2));
                let units = |nul: usize| {
                    (0..8).all(|at| if at % 2 == nul { sample[at] == 0 } else { is_ascii(&sample[at]) })
                };
                assert_eq!(is_sample(&sample), units(0) || units(1), "{sample:?}");
            }
        }
    }

    #[test]
    fn binary_content_is_no_text() {
        assert_eq!(texts(&[0; 4096]), []);
        assert_eq!(texts(&(0..4096_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()), []);
        assert_eq!(texts(b"plain text without any of it, and longer than a few units"), []);
    }
}
