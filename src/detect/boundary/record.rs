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

/// Whether a record before `span` has a text that fits. A header must be read to its very last byte, and
/// the sizes of the values in it must lead to the span: other bytes do not do that by chance.
fn holds(context: &Context<'_>, span: &Range<usize>, fits: impl Fn(&Range<usize>) -> bool) -> bool {
    let earliest = span.start.saturating_sub(limits::RECORD_REACH);
    (earliest..span.start).rev().any(|header| {
        let size = context.byte(header).map_or(0, usize::from);
        let values = header + size;
        let types = context.slice(header + 1..values);
        (2..=LONGEST_HEADER).contains(&size) && values <= span.start && reaches(types, values, &fits)
    })
}

/// A header whose size takes one byte.
const LONGEST_HEADER: usize = 127;

/// Whether `types`, to the last byte, describe values from `at` on of which one is a text that fits.
fn reaches(types: &[u8], at: usize, fits: impl Fn(&Range<usize>) -> bool) -> bool {
    let (mut rest, mut at, mut found) = (types, at, false);
    while !rest.is_empty() {
        let Some((kind, behind)) = varint(rest) else { return false };
        let Some(size) = size_of(kind) else { return false };
        let end = at.saturating_add(size);
        found |= kind >= 13 && kind % 2 == 1 && fits(&(at..end));
        (rest, at) = (behind, end);
    }
    found
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
    use super::{reaches, varint};

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
        assert!(reaches(&types, 10, |text| *text == (15..86)));
        assert!(reaches(&types, 10, |text| *text == (11..15)));
        assert!(!reaches(&types, 10, |text| *text == (10..14)));
        assert!(!reaches(&types[..4], 10, |_| true));
        assert!(!reaches(&[10, 21], 10, |_| true), "a type that no file has");
    }
}
