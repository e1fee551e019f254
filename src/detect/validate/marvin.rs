//! Azure's identifiable keys: a fixed signature near the end, then Marvin32 of all before it.
//!
//! The layouts and seeds are those of Microsoft's published security utilities. A seed is the ASCII
//! name of the key's kind, so a check also tells which kind a key is.

use super::encoding::{BASE62, base64, base64_any, to_base64, to_digits};
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

/// Marvin32 with its 64 bits folded into 32.
fn marvin32(data: &[u8], seed: u64) -> u32 {
    let mut state = ((seed & 0xFFFF_FFFF) as u32, (seed >> 32) as u32);
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        state = block(state.0.wrapping_add(u32::from_le_bytes(*word)), state.1);
    }
    let last = match *rest {
        [] => 0x80,
        [a] => 0x8000 | u32::from(a),
        [a, b] => 0x0080_0000 | u32::from(b) << 8 | u32::from(a),
        [a, b, c, ..] => 0x8000_0000 | u32::from(c) << 16 | u32::from(b) << 8 | u32::from(a),
    };
    state = block(state.0.wrapping_add(last), state.1);
    state = block(state.0, state.1);
    state.0 ^ state.1
}

/// One round of mixing.
fn block(mut low: u32, mut high: u32) -> (u32, u32) {
    high ^= low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    high = high.rotate_left(19);
    (low, high)
}

/// Signature, seed, and what a key of both is.
type Kind = (&'static [u8], &'static [u8; 8], &'static str);

const KINDS_64: &[Kind] = &[
    (b"+ASt", b"Default0", "storage account"),
    (b"+ABa", b"AbAcct00", "batch account"),
    (b"+AMC", b"Classic0", "machine learning"),
    (b"ACDb", b"MastRW00", "master read-write"),
    (b"ACDb", b"MastRO00", "master read-only"),
    (b"ACDb", b"SystRW00", "system read-write"),
    (b"ACDb", b"SystRO00", "system read-only"),
    (b"ACDb", b"SysAll00", "system"),
    (b"ACDb", b"Resour00", "resource"),
    (b"ACDb", b"Encryp00", "data encryption"),
];

const KINDS_32: &[Kind] = &[
    (b"AzCa", b"Access00", "cache for redis"),
    (b"AIoT", b"IoTHub00", "iot hub"),
    (b"AIoT", b"DpsKey00", "device provisioning"),
    (b"AIoT", b"Device00", "device"),
    (b"+ASb", b"Send0000", "send"),
    (b"+ASb", b"Manage00", "manage"),
    (b"+ASb", b"Listen00", "listen"),
    (b"+ASb", b"System00", "system"),
    (b"+AEh", b"Send0000", "send"),
    (b"+AEh", b"Manage00", "manage"),
    (b"+AEh", b"Listen00", "listen"),
    (b"+AEh", b"System00", "system"),
    (b"+ARm", b"Send0000", "send"),
    (b"+ARm", b"Manage00", "manage"),
    (b"+ARm", b"Listen00", "listen"),
    (b"+ARm", b"System00", "system"),
    (b"APIM", b"IoTHub00", "direct management"),
    (b"APIM", b"Gatewy00", "gateway"),
    (b"APIM", b"GitKey00", "git"),
    (b"APIM", b"Tenant00", "tenant"),
];

const KINDS_39: &[Kind] =
    &[(b"+ACR", b"ACRDflt0", "registry"), (b"AzSe", b"PAdmin00", "admin"), (b"AzSe", b"Query000", "query")];

const KINDS_40: &[Kind] =
    &[(b"AzFu", b"Master00", "master"), (b"AzFu", b"System00", "system"), (b"AzFu", b"Functi00", "function")];

/// Whether a key of `length` bytes, its signature at character `at`, is one of `kinds`.
fn identifiable(key: &[u8], length: usize, at: usize, kinds: &[Kind]) -> Verdict {
    let Some((body, check)) = base64_any(key)
        .filter(|bytes| bytes.len() == length)
        .and_then(|bytes| Some((bytes.get(..length - 4)?.to_vec(), bytes.get(length - 4..)?.to_vec())))
    else {
        return Verdict::Failed;
    };
    let signature = key.get(at..at + 4).unwrap_or_default();
    let fits = |(known, seed, _): &&Kind| {
        *known == signature && marvin32(&body, u64::from_be_bytes(**seed)).to_le_bytes() == check.as_slice()
    };
    match kinds.iter().find(fits) {
        Some((_, _, kind)) => {
            // Who can only ask can change nothing.
            let severity = (*kind == "query").then_some(Severity::Medium);
            Verdict::Proven(Facts { severity, ..Facts::default() }.with("kind", *kind))
        }
        None => Verdict::Failed,
    }
}

/// 64 bytes, 88 characters: storage, Cosmos DB, Batch, ML.
pub(super) fn his64(candidate: Candidate<'_>) -> Verdict {
    identifiable(candidate.key, 64, 76, KINDS_64)
}

/// 32 bytes, 44 characters: Redis, IoT, Service Bus, Event Hubs, Relay, API Management.
pub(super) fn his32(candidate: Candidate<'_>) -> Verdict {
    identifiable(candidate.key, 32, 33, KINDS_32)
}

/// 39 bytes, 52 characters: Container Registry, AI Search.
pub(super) fn his39(candidate: Candidate<'_>) -> Verdict {
    identifiable(candidate.key, 39, 42, KINDS_39)
}

/// 40 bytes, 56 characters, URL-safe: Functions.
pub(super) fn his40(candidate: Candidate<'_>) -> Verdict {
    identifiable(candidate.key, 40, 44, KINDS_40)
}

/// 64 bytes beside the right name: identifiable where it has a signature, else a key of before those.
pub(super) fn legacy64(candidate: Candidate<'_>) -> Verdict {
    let signature = candidate.key.get(76..80).unwrap_or_default();
    let signed = KINDS_64.iter().any(|(known, _, _)| *known == signature);
    match his64(candidate) {
        Verdict::Failed if !signed && base64(candidate.key).is_some_and(|bytes| bytes.len() == 64) => {
            Verdict::Plausible(Facts::default())
        }
        verdict => verdict,
    }
}

/// The secret of an App Configuration store: 32 bytes, or a common annotated key.
pub(super) fn app_configuration(candidate: Candidate<'_>) -> Verdict {
    if candidate.key.len() == 84 {
        return annotated(candidate);
    }
    match base64(candidate.key) {
        Some(bytes) if bytes.len() == 32 => Verdict::Plausible(Facts::default()),
        _ => Verdict::Failed,
    }
}

/// A common annotated key: 60 bytes in 80 characters, then four characters of check, in the long form
/// two more and padding.
pub(super) fn annotated(candidate: Candidate<'_>) -> Verdict {
    let Some((front, tail)) = candidate.key.split_at_checked(80) else { return Verdict::Failed };
    let Some(bytes) = base64(front) else { return Verdict::Failed };
    let check = marvin32(&bytes, u64::from_be_bytes(*b"Default0")).to_le_bytes();
    let zeros = check.iter().take(3).take_while(|&&byte| byte == 0).count();
    let mut digits = vec![b'0'; zeros];
    digits.extend(to_digits(u32::from_be_bytes(check), BASE62, 1));
    digits.resize(digits.len().max(6), b'0');
    // Keys of the scheme's first months carried the check in base64.
    let early = to_base64(&check);
    let right =
        tail.get(..4).is_some_and(|tail| digits.starts_with(tail) || early.as_bytes().starts_with(tail));
    if !right {
        return Verdict::Failed;
    }
    let provider = String::from_utf8_lossy(front.get(76..80).unwrap_or_default()).into_owned();
    Verdict::Proven(Facts::default().with("provider", provider))
}

/// `xxx8Q~…`: the last three characters are Marvin32 of the others in base 66. One sample shows it, so
/// a wrong one decides nothing.
pub(super) fn entra_secret(candidate: Candidate<'_>) -> Verdict {
    let alphabet = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    let cut = candidate.key.len().checked_sub(3).and_then(|at| candidate.key.split_at_checked(at));
    let right = cut.is_some_and(|(body, check)| {
        let mut digits = to_digits(marvin32(body, u64::from_be_bytes(*b"AadPwd00")), alphabet, 1);
        digits.resize(digits.len().max(3), b'a');
        digits.starts_with(check)
    });
    Verdict::soft(right)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn marvin_has_the_published_values() {
        // From the tests of the .NET runtime, the halves of its 64-bit results folded.
        let fold = |wide: u64| (wide >> 32) as u32 ^ (wide & 0xFFFF_FFFF) as u32;
        let seed = 0x004F_B61A_001B_DBCC;
        assert_eq!(marvin32(&[], seed), fold(0x30ED_35C1_00CD_3C7D));
        assert_eq!(marvin32(&[0xAF], seed), fold(0x48E7_3FC7_7D75_DDC1));
        assert_eq!(marvin32(&[0xE7, 0x0F], seed), fold(0xB5F6_E1FC_485D_BFF8));
        assert_eq!(marvin32(&[0x37, 0xF4, 0x95], seed), fold(0xF0B0_7C78_9B8C_F7E8));
        assert_eq!(marvin32(&[0x86, 0x42, 0xDC, 0x59], seed), fold(0x7008_F2E8_7E9C_F556));
        assert_eq!(marvin32(&[0x15, 0x3F, 0xB7, 0x98, 0x26], seed), fold(0xE6C0_8C6D_A2AF_A997));
        assert_eq!(marvin32(&[0x09, 0x32, 0xE6, 0x24, 0x6C, 0x47], seed), fold(0x6F04_BF1A_5EA2_4060));
        assert_eq!(marvin32(&[0xAB, 0x42, 0x7E, 0xA8, 0xD1, 0x0F, 0xC7], seed), fold(0xE118_47E4_F067_8C41));
    }

    #[test]
    fn the_seed_tells_the_kind() {
        let of = |validator, template| handle(&facts(check(validator, &made(template, 4))), "kind");
        assert_eq!(of("azure-his39", "{{azure-his39:AzSe}}").as_deref(), Some("admin"));
        assert_eq!(of("azure-his64", "{{azure-his64:ACDb}}").as_deref(), Some("master read-write"));
        let provider =
            handle(&facts(check("azure-annotated", &made("{{azure-annotated:AZDO}}", 4))), "provider");
        assert_eq!(provider.as_deref(), Some("AZDO"));
    }

    #[test]
    fn a_secret_of_app_configuration_is_32_bytes_or_annotated() {
        assert!(matches!(check("azure-app-config", &made("{{base64:42}}M=", 1)), Verdict::Plausible(_)));
        assert!(matches!(
            check("azure-app-config", &made("{{azure-annotated:AZAC}}", 1)),
            Verdict::Proven(_)
        ));
        assert_eq!(check("azure-app-config", &made("{{base62:84}}", 1)), Verdict::Failed);
        assert_eq!(check("azure-app-config", &made("{{base64:40}}", 1)), Verdict::Failed);
    }

    #[test]
    fn an_unsigned_key_is_plausible_beside_its_name_and_nothing_else() {
        let unsigned = made("{{base64:85}}Q==", 2);
        assert_eq!(check("azure-his64", &unsigned), Verdict::Failed);
        assert!(matches!(check("azure-legacy64", &unsigned), Verdict::Plausible(_)));
        assert_eq!(check("azure-legacy64", &made("{{base64:80}}", 2)), Verdict::Failed);
    }
}
