//! The records of a pax extended header: `"<length> <keyword>=<value>\n"`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// What it sets.
    pub(super) keyword: &'a [u8],
    /// To what; empty takes an earlier value back.
    pub(super) value: &'a [u8],
}

/// Iterates over the records of a body. It ends at the first that is malformed: what lies behind cannot
/// be told apart any more, and stands in [`Records::rest`].
#[derive(Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of this body.
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// The bytes not yet parsed; after the iteration, those that cannot be.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let space = self.rest.iter().take(MAX_LENGTH_DIGITS + 1).position(|byte| *byte == b' ')?;
        let length = usize::try_from(decimal(&self.rest[..space])?).ok()?;
        let (record, rest) = self.rest.split_at_checked(length)?;
        let (line, content) = (record.split_last()?, record.get(space + 1..length.checked_sub(1)?)?);
        if *line.0 != b'\n' {
            return None;
        }
        let equals = memchr::memchr(b'=', content)?;
        self.rest = rest;
        Some(Record { keyword: &content[..equals], value: &content[equals + 1..] })
    }
}

/// Digits of a record's length, leading zeros included.
const MAX_LENGTH_DIGITS: usize = 20;

/// A number of decimal digits alone that fits in 63 bits.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let value = text.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })?;
    (value <= i64::MAX.unsigned_abs()).then_some(value)
}

/// Whether a keyword is one whose value is a number, a time or a list of numbers.
pub(super) fn is_numeric(keyword: &[u8]) -> bool {
    matches!(keyword, b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" | b"size" | b"LIBARCHIVE.creationtime")
        || NUMERIC_SCHILY.contains(&keyword)
        || NUMERIC_SPARSE.contains(&keyword)
}

const NUMERIC_SCHILY: [&[u8]; 6] = [
    b"SCHILY.dev",
    b"SCHILY.ino",
    b"SCHILY.nlink",
    b"SCHILY.devmajor",
    b"SCHILY.devminor",
    b"SCHILY.realsize",
];

const NUMERIC_SPARSE: [&[u8]; 8] = [
    b"GNU.sparse.major",
    b"GNU.sparse.minor",
    b"GNU.sparse.size",
    b"GNU.sparse.realsize",
    b"GNU.sparse.numblocks",
    b"GNU.sparse.offset",
    b"GNU.sparse.numbytes",
    b"GNU.sparse.map",
];

/// Whether a value is digits, with the signs, points and commas of times and lists.
pub(super) fn is_number(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b',' | b'-'))
}

/// The attribute that a `LIBARCHIVE.xattr.` record holds: its name is URL-encoded, its value is base64
/// without padding. No value where that is not so.
pub(super) fn libarchive_attribute(name: &[u8], value: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    (percent_decode(name).collect(), LENIENT.decode(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn read(body: &[u8]) -> (Pairs<'_>, &[u8]) {
        let mut records = Records::new(body);
        let list = records.by_ref().map(|record| (record.keyword, record.value)).collect();
        (list, records.rest())
    }

    #[test]
    fn records_are_cut_at_their_length() {
        let (records, rest) = read(b"11 path=ab\n18 comment=a\nb=c\x00\n0013 path=cd\n");
        let want: [(&[u8], &[u8]); 3] = [(b"path", b"ab"), (b"comment", b"a\nb=c\x00"), (b"path", b"cd")];
        assert_eq!(records, want);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_malformed_record_ends_the_iteration_and_stays_in_the_rest() {
        for bad in [
            &b"12 path=ab\n"[..],
            b"10 path=ab\n",
            b"7 path\n",
            b"path=ab\n",
            b"x1 path=ab\n",
            b"-1 path=ab\n",
            b"0 path=ab\n",
            b"2 \n",
            b"99999999999999999999999 path=ab\n",
            b"18446744073709551615 path=ab\n",
            b"\0\0\0",
        ] {
            let body = [b"11 path=ab\n", bad].concat();
            let (records, rest) = read(&body);
            assert_eq!(records.len(), 1, "{bad:?}");
            assert_eq!(rest, bad);
        }
    }

    #[test]
    fn decimals_are_digits_that_fit_in_63_bits() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"9223372036854775807"), Some(i64::MAX.unsigned_abs()));
        for bad in [&b""[..], b"9223372036854775808", b"18446744073709551616", b"-1", b"+1", b"1 ", b"0x1"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn libarchive_attributes_are_decoded_or_have_no_value() {
        let (name, value) = libarchive_attribute(b"user.a%3db", b"aGVsbG8");
        assert_eq!((name.as_slice(), value.as_deref()), (&b"user.a=b"[..], Some(&b"hello"[..])));
        assert_eq!(libarchive_attribute(b"user.a", b"a*").1, None);
    }
}
