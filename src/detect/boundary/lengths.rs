//! Lengths in front of strings, as binary formats write them: a byte of one may be a letter, and the end
//! that it tells may lie in front of one.

use std::ops::Range;

use super::Context;

/// Whether what stands before `span` is the length of a string that begins there.
pub(super) fn begins(context: &Context<'_>, span: &Range<usize>) -> bool {
    is_exact(context, span)
        || marshal_length(context, span.start).is_some_and(|length| length >= span.len())
        || class_length(context, span.start).is_some_and(|length| length >= span.len())
}

/// Whether a string, `span` in it, ends where `span` ends.
pub(super) fn ends(context: &Context<'_>, span: &Range<usize>) -> bool {
    let earliest = span.end.saturating_sub(usize::from(u8::MAX));
    is_exact(context, span)
        || (earliest..=span.start)
            .any(|start| marshal_length(context, start).is_some_and(|length| start + length == span.end))
}

/// Whether the byte before `span` is its very length: alone, or the lower half of a longer one (protobuf,
/// MessagePack, Thrift), or in the head of a short text (CBOR, MessagePack). By chance it is so once in
/// a hundred times; what stands there has the form of a key besides.
fn is_exact(context: &Context<'_>, span: &Range<usize>) -> bool {
    let Some(before) = span.start.checked_sub(1).and_then(|at| context.byte(at)) else { return false };
    let length = span.len();
    let is_short = (length < 24 && usize::from(before) == 0x60 + length)
        || (length < 32 && usize::from(before) == 0xA0 + length);
    is_short || (length <= usize::from(u8::MAX) && usize::from(before) == length)
}

/// The tags of a class file's constants (JVM specification, section 4.4).
const CONSTANT_TAGS: std::ops::RangeInclusive<u8> = 1..=20;

/// The length of the constant of a class file that begins at `at`, if another one, or the class, follows it.
fn class_length(context: &Context<'_>, at: usize) -> Option<usize> {
    let [1, high, low] = context.slice(at.checked_sub(3)?..at) else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let next = context.byte(at.checked_add(length)?)?;
    (CONSTANT_TAGS.contains(&next) || next == 0).then_some(length)
}

/// Types of a string whose length stands in one byte, in Python's marshal format.
const SHORT_STRINGS: [u8; 2] = *b"zZ";

/// Types of a string whose length stands in four bytes.
const LONG_STRINGS: [u8; 5] = *b"stuaA";

/// The highest bit of a type marks an object that is referred to again.
const REFERENCED: u8 = 0x80;

/// The length of the marshalled string that begins at `at`.
fn marshal_length(context: &Context<'_>, at: usize) -> Option<usize> {
    let head = context.slice(at.saturating_sub(5)..at);
    match head {
        [kind, length @ ..] if LONG_STRINGS.contains(&(kind & !REFERENCED)) && length.last() == Some(&0) => {
            let length: [u8; 4] = length.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(length)).ok()
        }
        [.., kind, length] if SHORT_STRINGS.contains(&(kind & !REFERENCED)) => Some(usize::from(*length)),
        _ => None,
    }
}
