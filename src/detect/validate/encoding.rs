//! The text encodings that checks need: base64 as lenient as its writers, base62, base36, base32.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 as it stands in keys: padded or not, bits behind the last byte ignored.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

pub(super) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(super) const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The bytes of standard base64.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The bytes of URL-safe base64.
pub(super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok()
}

/// The bytes of base64 in either alphabet.
pub(super) fn base64_any(text: &[u8]) -> Option<Vec<u8>> {
    base64(text).or_else(|| base64url(text))
}

/// Standard base64 with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `value` in the digits of `alphabet`, the highest first, filled to `width` with its zero.
pub(super) fn to_digits(value: u32, alphabet: &[u8], width: usize) -> Vec<u8> {
    let Ok(base) = u32::try_from(alphabet.len()) else { return Vec::new() };
    let mut digits = Vec::with_capacity(width);
    let mut rest = value;
    while base > 1 && (rest > 0 || digits.len() < width) {
        digits.extend(alphabet.get((rest % base) as usize));
        rest /= base;
    }
    digits.reverse();
    digits
}

/// The number that `digits` of `alphabet` stand for; nothing when one is foreign or it is too large.
pub(super) fn from_digits(digits: &[u8], alphabet: &[u8]) -> Option<u32> {
    let base = u32::try_from(alphabet.len()).ok()?;
    digits.iter().try_fold(0u32, |value, digit| {
        let place = alphabet.iter().position(|known| known == digit)?;
        value.checked_mul(base)?.checked_add(u32::try_from(place).ok()?)
    })
}

/// The 5-bit groups of base32 (RFC 4648) as one number, the first highest; at most 25 characters.
pub(super) fn base32_bits(text: &[u8]) -> Option<u128> {
    if text.len() > 25 {
        return None;
    }
    text.iter().try_fold(0u128, |bits, byte| {
        let five = BASE32.iter().position(|known| known == byte)?;
        Some(bits << 5 | five as u128)
    })
}

/// The first `length` characters of base32 (RFC 4648) over `bytes`.
pub(super) fn to_base32(bytes: &[u8], length: usize) -> Vec<u8> {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    (0..length)
        .filter_map(|group| BASE32.get((0..5).fold(0, |five, at| five << 1 | bit(group * 5 + at))))
        .copied()
        .collect()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hexadecimal digits in either case.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_rfc_4648_and_forgives_padding() {
        for (text, bytes) in
            [("Zm9vYmFy", "foobar"), ("Zm9vYmE=", "fooba"), ("Zm9vYmE", "fooba"), ("Zg==", "f")]
        {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(base64_any(b"-_-_"), base64(b"+/+/"));
        assert_eq!(base64(b"Zm9*"), None);
    }

    #[test]
    fn base32_follows_rfc_4648() {
        assert_eq!(to_base32(b"foobar", 10), b"MZXW6YTBOI");
        assert_eq!(base32_bits(b"MZXW6YTB"), Some(0x66_6f_6f_62_61));
        assert_eq!(base32_bits(b"0"), None);
        assert_eq!(base32_bits(&[b'A'; 26]), None);
    }

    #[test]
    fn digits_go_both_ways() {
        assert_eq!(to_digits(0, BASE62, 6), b"000000");
        assert_eq!(to_digits(61, BASE62, 2), b"0z");
        assert_eq!(from_digits(b"10", BASE36), Some(36));
        assert_eq!(from_digits(b"zzzzzzz", BASE36), None);
        assert_eq!(from_digits(b"A", BASE36), None);
    }

    #[test]
    fn hex_is_lower_case() {
        assert_eq!(hex(&[0, 0xAB]), "00ab");
        assert_eq!(from_hex(b"00aB"), Some(vec![0, 0xAB]));
        assert_eq!(from_hex(b"0"), None);
        assert_eq!(from_hex(b"0g"), None);
    }
}
