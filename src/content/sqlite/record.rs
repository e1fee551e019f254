//! Records: a header of types, and the values behind it without anything between them.

/// A value of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a [u8]),
    Blob(&'a [u8]),
    Integer(i64),
    /// Null, or a floating point number.
    Other,
}

/// The values of a record, as far as its bytes reach.
pub(super) fn values(record: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut at = 0;
    let header = varint(record, &mut at).and_then(|length| usize::try_from(length).ok());
    let types = header.and_then(|length| record.get(..length)).unwrap_or_default();
    let mut rest = record.get(types.len()..).unwrap_or_default();
    std::iter::from_fn(move || {
        let kind = varint(types, &mut at)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        // A record that is cut off ends with a part of a value.
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        rest = after;
        Some(match kind {
            1..=6 => Value::Integer(integer(bytes)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            0 | 7 => Value::Other,
            _ if kind % 2 == 0 => Value::Blob(bytes),
            _ => Value::Text(bytes),
        })
    })
}

fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |value, byte| value << 8 | i64::from(*byte))
}

/// The number at `at`, in groups of seven bits, the highest first, nine bytes at most; `at` moves behind it.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if place == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_one_behind_the_other() {
        let record = [&[7, 1, 0, 19, 16, 2, 9][..], &[0xff], b"abc", b"de", &[1, 0]].concat();
        let expected = [
            Value::Integer(-1),
            Value::Other,
            Value::Text(b"abc"),
            Value::Blob(b"de"),
            Value::Integer(256),
            Value::Integer(1),
        ];
        assert_eq!(values(&record).collect::<Vec<_>>(), expected);
        assert_eq!(values(&record[..9]).nth(2), Some(Value::Text(b"a")));
        assert_eq!(values(b"").count(), 0);
        assert_eq!(values(&[0xff; 20]).count(), 0);
    }

    #[test]
    fn numbers_take_nine_bytes_at_most() {
        let (mut at, all) = (0, [0xff; 12]);
        assert_eq!((varint(&all, &mut at), at), (Some(u64::MAX), 9));
        let mut at = 0;
        assert_eq!((varint(&[0x81, 0x00], &mut at), at), (Some(128), 2));
        assert_eq!(varint(&[0x81], &mut 0), None);
    }
}
