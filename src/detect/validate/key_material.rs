//! Keys of programs: so many bytes in an encoding, by which one is told from any other text.

use sha2::{Digest, Sha256};

use super::encoding::{base64, base64_any};
use super::{Candidate, Facts, Verdict, pem};

/// A PEM private key in base64, as a kubeconfig holds it.
pub(super) fn base64_pem(candidate: Candidate<'_>) -> Verdict {
    match base64(candidate.key) {
        Some(text) => pem::private_key(Candidate { key: &text, matched: &text }),
        None => Verdict::Failed,
    }
}

/// `base64:` and 16 or 32 bytes, as Laravel writes its key.
pub(super) fn laravel(candidate: Candidate<'_>) -> Verdict {
    let bytes = candidate.key.strip_prefix(b"base64:").and_then(base64);
    let fits = bytes.is_some_and(|bytes| matches!(bytes.len(), 16 | 32) && !is_constant(&bytes));
    if fits { Verdict::Plausible(Facts::default()) } else { Verdict::Failed }
}

/// 32 bytes; a private key of WireGuard is clamped as Curve25519 asks (RFC 7748, section 5).
pub(super) fn wireguard(candidate: Candidate<'_>) -> Verdict {
    let Some(bytes) = base64(candidate.key) else { return Verdict::Failed };
    let (Ok(bytes), false) = (<[u8; 32]>::try_from(bytes.as_slice()), is_constant(&bytes)) else {
        return Verdict::Failed;
    };
    let is_shared = candidate.matched.to_ascii_lowercase().starts_with(b"preshared");
    let [first, .., last] = bytes;
    if is_shared || (first & 7 == 0 && last & 0xC0 == 0x40) {
        Verdict::Plausible(Facts::default())
    } else {
        Verdict::Failed
    }
}

/// Fifty characters of Django's own alphabet: one that has none of its marks was not drawn from it.
pub(super) fn django(candidate: Candidate<'_>) -> Verdict {
    let key = candidate.key.strip_prefix(b"django-insecure-").unwrap_or(candidate.key);
    let has = |of: fn(&u8) -> bool| key.iter().any(of);
    if has(u8::is_ascii_punctuation) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit) {
        Verdict::Plausible(Facts::default())
    } else {
        Verdict::Failed
    }
}

/// Base64 of at least 16 bytes that are not all alike: a key that says nothing more of itself.
pub(super) fn base64_key(candidate: Candidate<'_>) -> Verdict {
    let bytes = base64_any(candidate.key);
    let fits = bytes.is_some_and(|bytes| bytes.len() >= 16 && !is_constant(&bytes));
    if fits { Verdict::Plausible(Facts::default()) } else { Verdict::Failed }
}

/// SHA-256 of secrets that projects on Symfony publish as their default: whoever kept one has none.
const SYMFONY_DEFAULTS: &[&str] = &[
    "519e3ece10ca70b6627a96452aa2145231822d1dca281eb6a4a29a85aea71b3e",
    "c5155a3b1cdf4cb95d80e68d1d99451f67490e86306ebef8129212f209391389",
    "3b688ec9200ffde46db6016c3efb1421f5e82229123222966fb4f3a8da80fea5",
    "0437d31027fe0eda4867fb79bb6d2cfb3adf4cdf3e06a17d91c63f8be44fdf15",
    "60ed83d1b67e5b3b153f3244d2c11aa1770739339775e53a2d661e9793a5da61",
];

/// Exactly one of the published defaults.
pub(super) fn symfony_default(candidate: Candidate<'_>) -> Verdict {
    let digest = super::encoding::hex(&Sha256::digest(candidate.key));
    Verdict::hard(SYMFONY_DEFAULTS.contains(&digest.as_str()))
}

fn is_constant(bytes: &[u8]) -> bool {
    bytes.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::super::tests::{check, made};
    use super::super::{Candidate, Verdict, find};
    use crate::detect::template::Seed;

    fn is_plausible(validator: &str, key: &str) -> bool {
        matches!(check(validator, key), Verdict::Plausible(_))
    }

    #[test]
    fn a_wireguard_key_is_clamped_and_a_shared_one_is_not() {
        let mut bytes = Seed(4).bytes::<32>();
        bytes[0] &= 0xF8;
        bytes[31] = bytes[31] & 0x3F | 0x40;
        assert!(is_plausible("wireguard-key", &STANDARD.encode(bytes)));
        bytes[0] |= 1;
        let key = STANDARD.encode(bytes);
        assert!(!is_plausible("wireguard-key", &key));
        let matched = format!("PresharedKey = {key}");
        let shared = Candidate { key: key.as_bytes(), matched: matched.as_bytes() };
        assert!(matches!(find("wireguard-key").expect("known")(shared), Verdict::Plausible(_)));
        assert!(!is_plausible("wireguard-key", &STANDARD.encode([0x40; 32])));
    }

    #[test]
    fn keys_of_frameworks_have_their_lengths() {
        assert!(is_plausible("laravel-key", &format!("base64:{}", STANDARD.encode(Seed(1).bytes::<32>()))));
        assert!(is_plausible("laravel-key", &format!("base64:{}", STANDARD.encode(Seed(1).bytes::<16>()))));
        assert!(!is_plausible("laravel-key", &format!("base64:{}", STANDARD.encode(Seed(1).bytes::<24>()))));
        assert!(is_plausible("django-secret-key", "a(1-b"));
        assert!(!is_plausible("django-secret-key", &made("{{alnum:50}}", 1)));
    }

    #[test]
    fn a_private_key_in_base64_is_proven() {
        let pem = made("{{pem:ec}}", 1);
        let direct = super::super::tests::facts(check("private-key", &pem)).canonical;
        assert!(direct.is_some());
        match check("base64-private-key", &STANDARD.encode(&pem)) {
            Verdict::Proven(facts) => assert_eq!(facts.canonical, direct),
            _ => panic!("not proven"),
        }
        assert_eq!(check("base64-private-key", &STANDARD.encode("text")), Verdict::Failed);
    }

    #[test]
    fn only_a_published_default_of_symfony_counts() {
        let standard = ["ThisTokenIs", "NotSoSecretChangeIt"].concat();
        assert!(matches!(check("symfony-default", &standard), Verdict::Proven(_)));
        assert_eq!(check("symfony-default", &format!("{standard}!")), Verdict::Failed);
        assert_eq!(check("symfony-default", &made("{{hex:32}}", 1)), Verdict::Failed);
    }
}
