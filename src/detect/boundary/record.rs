//! Records of SQLite: values stand next to each other, and only the record's header says where one ends
//! (sqlite.org/fileformat2.html, section 2.1).

use std::ops::Range;

use super::Context;
use crate::limits;

/// Whether a text of a record begins where `span` does and reaches as far.
pub(super) fn begins(context: &Context<'_>, span: &Range<usize>) -> bool {
    holds(context, span, |text| text.start == span.start && text.end >= span.end)
}

/// Whether a text of a record ends where `span` does and reaches as far back.
pub(super) fn ends(context: &Context<'_>, span: &Range<usize>) -> bool {
    holds(context, span, |text| text.end == span.end && text.start <= span.start)
}

/// Whether a record before `span` has a text that fits. A header must be read to its very last byte, the
/// sizes in it must lead to the span, and their sum must be what stands before the header: other bytes do
/// not do that by chance.
fn holds(context: &Context<'_>, span: &Range<usize>, fits: impl Fn(&Range<usize>) -> bool) -> bool {
    let earliest = span.start.saturating_sub(limits::RECORD_REACH);
    (earliest..span.start).rev().any(|header| {
        let size = context.byte(header).map_or(0, usize::from);
        let values = header + size;
        let types = context.slice(header + 1..values);
        (2..=LONGEST_HEADER).contains(&size)
            && values <= span.start
            && reaches(types, values, span.start, &fits)
                .is_some_and(|sum| is_payload(context.slice(0..header), size.saturating_add(sum)))
    })
}

/// Whether the record that begins behind `before` is announced there with `size` bytes: in a number, and
/// behind it perhaps another one, the row's.
fn is_payload(before: &[u8], size: usize) -> bool {
    let announced = |rest: &[u8]| {
        let from = rest.len().saturating_sub(4);
        (from..rest.len()).any(|at| {
            let number = rest.get(at..).and_then(varint);
            number.is_some_and(|(number, behind)| behind.is_empty() && usize::try_from(number) == Ok(size))
        })
    };
    let is_row = |row: &[u8]| {
        row.split_last()
            .is_none_or(|(last, front)| last & 0x80 == 0 && front.iter().all(|byte| byte & 0x80 != 0))
    };
    (0..=LONGEST_ROW.min(before.len())).any(|row| {
        let (front, row) = before.split_at(before.len() - row);
        is_row(row) && announced(front)
    })
}

/// Bytes of a row's number.
const LONGEST_ROW: usize = 9;

/// A header whose size takes one byte.
const LONGEST_HEADER: usize = 127;

/// The bytes of the values that `types`, to the last byte, describe from `start` on, if one is a text that
/// fits. None that begins behind `latest` does: that ends most of what is no header after a few bytes.
fn reaches(types: &[u8], start: usize, latest: usize, fits: impl Fn(&Range<usize>) -> bool) -> Option<usize> {
    let (mut rest, mut at, mut found) = (types, start, false);
    while !rest.is_empty() {
        if at > latest && !found {
            return None;
        }
        let (kind, behind) = varint(rest)?;
        let end = at.saturating_add(size_of(kind)?);
        found |= kind >= 13 && kind % 2 == 1 && fits(&(at..end));
        (rest, at) = (behind, end);
    }
    found.then(|| at - start)
}

/// Bytes of a value by its serial type.
fn size_of(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    })
}

/// A number of SQLite's, of four bytes at most here: seven bits a byte, the highest first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        number = number << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{is_payload, reaches, varint};

    #[test]
    fn numbers_have_seven_bits_a_byte() {
        assert_eq!(varint(&[0x7F, 1]), Some((127, [1].as_slice())));
        assert_eq!(varint(&[0x81, 0x1B]), Some((155, [].as_slice())));
        assert_eq!(varint(&[0x81]), None);
        assert_eq!(varint(&[0xFF; 9]), None);
    }

    #[test]
    fn a_header_is_read_to_its_last_byte() {
        // An integer of one byte, a text of four, nothing, a text of seventy-one.
        let types = [1, 21, 0, 0x81, 0x1B];
        assert_eq!(reaches(&types, 10, 15, |text| *text == (15..86)), Some(76));
        assert_eq!(reaches(&types, 10, 15, |text| *text == (11..15)), Some(76));
        assert_eq!(reaches(&types, 10, 15, |text| *text == (10..14)), None);
        assert_eq!(reaches(&types, 10, 14, |text| *text == (15..86)), None, "it begins too late");
        assert_eq!(reaches(&types[..4], 10, 15, |_| true), None);
        assert_eq!(reaches(&[10, 21], 10, 15, |_| true), None, "a type that no file has");
    }

    #[test]
    fn a_record_is_announced_with_its_size() {
        assert!(is_payload(&[9, 9, 82], 82) && is_payload(&[9, 82, 5], 82));
        assert!(is_payload(&[0x81, 0x1B, 0x82, 0x01], 155) && is_payload(&[0x81, 0x1B], 155));
        assert!(!is_payload(&[82, 5, 6], 82) && !is_payload(&[], 82));
    }
}
