//! Keys whose end is a checksum of their beginning.
//!
//! Written apart from the checks in `validate`, on other code where there is any (a CRC by table here,
//! the `crc32fast` crate there), so that the one tests the other; both are held to published vectors.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{BASE62, BASE64URL, HEX, Seed};

/// The key called `name`; nothing when there is none of that name or `argument` does not fit.
pub(super) fn generate(name: &str, argument: &str, seed: &mut Seed) -> Option<String> {
    Some(match name {
        "github" | "npm" => format!("{argument}{}", body_and_crc62(seed, 30)),
        "github-refresh" => format!("ghr_{}", body_and_crc62(seed, 70)),
        "github-pat" => github_fine_grained(seed),
        "gitlab-routable" => gitlab_routable(argument, "", seed),
        "gitlab-routable-v1" => gitlab_routable(argument, "01.", seed),
        "grafana" => grafana(seed),
        "zuplo" => zuplo(seed),
        "cloudflare" => cloudflare(argument, seed),
        "vercel" => format!("{argument}{}", body_and_crc62(seed, 50)),
        "polar" => format!("{argument}{}", body_and_crc62(seed, 37)),
        "confluent" => confluent(seed),
        "azure-his64" => azure_identifiable(argument, seed)?,
        "azure-his32" => azure_identifiable(argument, seed)?,
        "azure-his39" => azure_identifiable(argument, seed)?,
        "azure-his40" => azure_identifiable(argument, seed)?,
        "azure-annotated" => azure_annotated(argument, seed)?,
        "entra" => entra(seed),
        "aws-id" => aws_id(argument, seed),
        _ => return None,
    })
}

/// CRC-32 (IEEE) one bit at a time.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// `value` in base `digits.len()`, at least `width` digits.
fn in_base(mut value: u64, digits: &[u8], width: usize) -> String {
    let base = digits.len() as u64;
    let mut text = Vec::new();
    while value > 0 || text.len() < width {
        text.extend(digits.get((value % base) as usize).map(|&digit| char::from(digit)));
        value /= base;
    }
    text.iter().rev().collect()
}

fn body_and_crc62(seed: &mut Seed, length: usize) -> String {
    let body = seed.pick(BASE62, length);
    let check = in_base(u64::from(crc32(body.as_bytes())), BASE62, 6);
    body + &check
}

/// `github_pat_`, 22 characters, `_`, 43 more, 8 of a SHA-256 in base32, 8 that nobody has explained.
fn github_fine_grained(seed: &mut Seed) -> String {
    let front = format!("github_pat_11{}_{}", seed.pick(BASE62, 20), seed.pick(BASE62, 43));
    let digest = Sha256::digest(front.as_bytes());
    let bits = digest.iter().take(5).fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    let check = in_base(bits, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 8);
    format!("{front}{check}{}", seed.pick(BASE62, 8))
}

/// A routable token of GitLab: a payload of `o:` and `u:` lines, random bytes and their number.
fn gitlab_routable(prefix: &str, version: &str, seed: &mut Seed) -> String {
    let base36 = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut payload = seed.bytes::<16>().to_vec();
    payload.extend_from_slice(
        format!("o:{}\nu:{}\n", seed.below(900) + 10, seed.below(90_000) + 1000).as_bytes(),
    );
    payload.push(16);
    let encoded = URL_SAFE_NO_PAD.encode(&payload);
    let length = in_base(encoded.len() as u64, base36, 2);
    let front = format!("{prefix}{encoded}.{version}{length}");
    let check = in_base(u64::from(crc32(front.as_bytes())), base36, 7);
    front + &check
}

fn grafana(seed: &mut Seed) -> String {
    let front = format!("glsa_{}", seed.pick(BASE62, 32));
    let check = crc32(front.as_bytes()).swap_bytes();
    format!("{front}_{check:08x}")
}

fn zuplo(seed: &mut Seed) -> String {
    let body = seed.pick(b"abcdefghijklmnopqrstuvwxyz0123456789", 32);
    let check = crc32(body.as_bytes());
    format!("zpka_{body}_{check:08x}")
}

fn cloudflare(prefix: &str, seed: &mut Seed) -> String {
    let body = seed.pick(BASE62, 40);
    let check = crc32(body.as_bytes());
    format!("{prefix}{body}{check:08x}")
}

fn confluent(seed: &mut Seed) -> String {
    let body = seed.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 54);
    let check: String = STANDARD.encode(crc32(body.as_bytes()).to_le_bytes()).chars().take(6).collect();
    format!("cflt{body}{check}")
}

/// Marvin32 as .NET publishes it, over whole words and then the padded rest.
fn marvin32(data: &[u8], seed: u64) -> u32 {
    fn mix(state: (u32, u32), word: u32) -> (u32, u32) {
        let low = state.0.wrapping_add(word);
        let high = state.1 ^ low;
        let low = low.rotate_left(20).wrapping_add(high);
        let high = high.rotate_left(9) ^ low;
        let low = low.rotate_left(27).wrapping_add(high);
        (low, high.rotate_left(19))
    }
    let mut padded = data.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(4), 0);
    let words = padded
        .chunks_exact(4)
        .map(|four| four.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
    let start = (seed as u32, (seed >> 32) as u32);
    let (low, high) = mix(words.fold(start, mix), 0);
    low ^ high
}

/// Bytes of a key, the seed of its checksum, and whether it is written in the URL-safe alphabet.
fn azure_layout(signature: &str) -> Option<(usize, &'static [u8; 8], bool)> {
    Some(match signature {
        "+ASt" => (64, b"Default0", false),
        "+ABa" => (64, b"AbAcct00", false),
        "ACDb" => (64, b"MastRW00", false),
        "+AMC" => (64, b"Classic0", false),
        "AzCa" => (32, b"Access00", false),
        "AIoT" => (32, b"IoTHub00", false),
        "+ASb" | "+AEh" | "+ARm" => (32, b"Manage00", false),
        "APIM" => (32, b"Tenant00", false),
        "+ACR" => (39, b"ACRDflt0", false),
        "AzSe" => (39, b"PAdmin00", false),
        "AzFu" => (40, b"Master00", true),
        _ => return None,
    })
}

/// A key of Azure with `signature` before its last bytes, and Marvin32 in the last four.
///
/// The signature ends where the last whole group of four characters before the checksum ends.
fn azure_identifiable(signature: &str, seed: &mut Seed) -> Option<String> {
    let (length, checksum_seed, url_safe) = azure_layout(signature)?;
    // Search keys show base62 only, so draw until no other character is there.
    for _ in 0..10_000 {
        let mut bytes = seed.bytes::<64>().to_vec();
        bytes.truncate(length);
        let coder = if url_safe { URL_SAFE } else { STANDARD };
        let mut text = coder.encode(&bytes).into_bytes();
        let at = match length {
            64 => 76,
            32 => 33,
            39 => 42,
            _ => 44,
        };
        text.get_mut(at..at + 4)?.copy_from_slice(signature.as_bytes());
        let mut bytes = coder.decode(&text).ok()?;
        let (body, check) = bytes.split_at_mut_checked(length - 4)?;
        // The bits between the signature and the checksum are zero.
        if let Some(last) = body.last_mut() {
            *last &= match length {
                32 => 0xFC,
                39 => 0xF0,
                _ => 0xFF,
            };
        }
        check.copy_from_slice(&marvin32(body, u64::from_be_bytes(*checksum_seed)).to_le_bytes());
        let key = coder.encode(&bytes);
        if signature != "AzSe" || !key.contains(['+', '/']) {
            return Some(key);
        }
    }
    None
}

/// A common annotated key; `argument` is the provider's signature, four characters.
fn azure_annotated(provider: &str, seed: &mut Seed) -> Option<String> {
    if provider.len() != 4 {
        return None;
    }
    let (random, platform) = (seed.pick(BASE62, 52), seed.pick(BASE62, 12));
    let front = format!("{random}JQQJ99BC{platform}AAAA{provider}");
    let bytes = STANDARD.decode(&front).ok()?;
    let check = marvin32(&bytes, u64::from_be_bytes(*b"Default0")).to_le_bytes();
    // A leading zero byte is a leading zero digit there.
    let zeros = check.iter().take(3).take_while(|&&byte| byte == 0).count();
    let mut digits = "0".repeat(zeros) + &in_base(u64::from(u32::from_be_bytes(check)), BASE62, 1);
    digits.push_str("000000");
    digits.truncate(4);
    Some(front + &digits)
}

/// A client secret of Entra: `8Q~` at the fourth character, three check characters at the end.
fn entra(seed: &mut Seed) -> String {
    let alphabet = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    let front = format!("{}8Q~{}", seed.pick(BASE62, 3), seed.pick(alphabet, 31));
    let digits = in_base(u64::from(marvin32(front.as_bytes(), 0x4161_6450_7764_3030)), alphabet, 1);
    let check: String = digits.chars().chain("aaa".chars()).take(3).collect();
    front + &check
}

/// An access key id of the account `PREFIX/ACCOUNT`, or of a random one.
fn aws_id(argument: &str, seed: &mut Seed) -> String {
    let (prefix, account) = argument.split_once('/').unwrap_or((argument, ""));
    let account = account.parse().unwrap_or_else(|_| 100_000_000_000 + seed.next_u64() % 800_000_000_000);
    // Of 80 bits the first is set in ids of this generation, the next 40 are the account.
    let head = 1u64 << 47 | (account << 7) | (seed.next_u64() & 0x7f);
    let bits = u128::from(head) << 32 | u128::from(seed.next_u64() >> 32);
    let id: String = (0..16)
        .rev()
        .map(|digit| (bits >> (5 * digit) & 31) as usize)
        .filter_map(|digit| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(digit))
        .map(|&digit| char::from(digit))
        .collect();
    format!("{prefix}{id}")
}

/// Random characters of the URL-safe alphabet, for the parts of a key that carry no check.
pub(super) fn url_safe(seed: &mut Seed, length: usize) -> String {
    seed.pick(BASE64URL, length)
}

/// Random lower-case hexadecimal digits.
pub(super) fn hex(seed: &mut Seed, length: usize) -> String {
    seed.pick(HEX, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn digits_are_big_endian_and_padded() {
        assert_eq!(in_base(61, BASE62, 6), "00000z");
        assert_eq!(in_base(62, BASE62, 2), "10");
    }

    #[test]
    fn marvin_has_the_published_values() {
        // From the tests of the .NET runtime, the halves of its 64-bit results folded.
        let fold = |wide: u64| (wide >> 32) as u32 ^ wide as u32;
        let seed = 0x004F_B61A_001B_DBCC;
        assert_eq!(marvin32(&[], seed), fold(0x30ED_35C1_00CD_3C7D));
        assert_eq!(marvin32(&[0xAF], seed), fold(0x48E7_3FC7_7D75_DDC1));
        assert_eq!(marvin32(&[0xE7, 0x0F], seed), fold(0xB5F6_E1FC_485D_BFF8));
        assert_eq!(marvin32(&[0x37, 0xF4, 0x95], seed), fold(0xF0B0_7C78_9B8C_F7E8));
        assert_eq!(marvin32(&[0x86, 0x42, 0xDC, 0x59], seed), fold(0x7008_F2E8_7E9C_F556));
        assert_eq!(marvin32(&[0x15, 0x3F, 0xB7, 0x98, 0x26], seed), fold(0xE6C0_8C6D_A2AF_A997));
    }
}
