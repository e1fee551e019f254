//! Bech32 (BIP-173), in which age writes its identities.

use super::{Candidate, Facts, Verdict};

const SYMBOLS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// `AGE-SECRET-KEY-1…`: 32 bytes and a checksum of 30 bits.
pub(super) fn age_identity(candidate: Candidate<'_>) -> Verdict {
    let lower = candidate.key.to_ascii_lowercase();
    let one_case = candidate.key.iter().all(|byte| !byte.is_ascii_lowercase()) || lower == candidate.key;
    let bytes = decode(&lower, b"age-secret-key-").filter(|bytes| one_case && bytes.len() == 32);
    match bytes {
        // Either case is the same identity.
        Some(bytes) => Verdict::Proven(Facts { canonical: Some(bytes), ..Facts::default() }),
        None => Verdict::Failed,
    }
}

/// The bytes of a lower-case bech32 string with the human-readable part `human`.
fn decode(text: &[u8], human: &[u8]) -> Option<Vec<u8>> {
    let data = text.strip_prefix(human)?.strip_prefix(b"1")?;
    let fives: Vec<u8> = data.iter().map(|byte| symbol(*byte)).collect::<Option<_>>()?;
    let expanded = human.iter().map(|byte| byte >> 5).chain([0]).chain(human.iter().map(|byte| byte & 31));
    if polymod(expanded.chain(fives.iter().copied())) != 1 {
        return None;
    }
    let payload = fives.get(..fives.len().checked_sub(6)?)?;
    let mut bytes = Vec::with_capacity(payload.len());
    let (mut bits, mut count) = (0u32, 0);
    for &five in payload {
        bits = bits << 5 | u32::from(five);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn symbol(byte: u8) -> Option<u8> {
    SYMBOLS.iter().position(|&known| known == byte).and_then(|place| u8::try_from(place).ok())
}

/// The remainder of BIP-173's checksum; 1 for a right string.
fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let mut check = 1u32;
    for value in values {
        let top = check >> 25;
        check = (check & 0x01FF_FFFF) << 5 ^ u32::from(value);
        for (bit, tap) in GENERATOR.iter().enumerate() {
            if top >> bit & 1 == 1 {
                check ^= tap;
            }
        }
    }
    check
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, made};
    use super::*;

    #[test]
    fn the_published_strings_are_right() {
        assert_eq!(decode(b"a12uel5l", b"a").as_deref(), Some([].as_slice()));
        let text = b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw";
        // The data are the numbers 0 to 31 in groups of five bits.
        assert_eq!(
            decode(text, b"abcdef").and_then(|bytes| bytes.get(..5).map(<[u8]>::to_vec)),
            Some(vec![0x00, 0x44, 0x32, 0x14, 0xC7])
        );
        assert_eq!(decode(b"a12uel5q", b"a"), None);
        assert_eq!(decode(b"a1", b"a"), None);
    }

    #[test]
    fn both_cases_are_one_identity_and_mixed_case_is_none() {
        let key = made("{{age}}", 1);
        assert_eq!(check("age-identity", &key), check("age-identity", &key.to_ascii_lowercase()));
        let mixed = key.replacen("AGE", "Age", 1);
        assert_eq!(check("age-identity", &mixed), Verdict::Failed);
    }
}
