//! Tokens of HashiCorp Vault: a signed message in protobuf, or one sealed by the barrier.

use super::encoding::base64url;
use super::{Candidate, Verdict};

/// Bytes of the signature of a service token: an HMAC of SHA-256.
const SIGNATURE: usize = 32;

/// The highest term of a barrier's key that is believed: it is one more with each rotation.
const HIGHEST_TERM: u32 = 1 << 20;

/// `hvs.` and 24 characters, or base64url of version, signature and token; `hvb.` and a sealed message:
/// the key's term, the version of the format, nonce and text. A tail behind a dot names the namespace.
///
/// Vault's own source shows both, but says that they may change: what does not parse stays plausible.
pub(super) fn token(candidate: Candidate<'_>) -> Verdict {
    let text = candidate.text();
    let whole = match text.split_once('.') {
        Some(("hvs", body)) => base64url(untailed(body)).is_some_and(|bytes| is_signed(&bytes)),
        Some(("hvb", body)) => base64url(untailed(body)).is_some_and(|bytes| is_sealed(&bytes)),
        _ => return Verdict::Failed,
    };
    Verdict::soft(whole)
}

/// The token without the id of its namespace.
fn untailed(body: &str) -> &[u8] {
    body.split('.').next().unwrap_or_default().as_bytes()
}

/// Fields 1 (a version), 2 (the signature) and 3 (the token), and no more.
fn is_signed(bytes: &[u8]) -> bool {
    let rest = match bytes {
        [0x08, version, 0x12, length, rest @ ..] if (1..0x80).contains(version) => {
            rest.split_at_checked(SIGNATURE).filter(|_| usize::from(*length) == SIGNATURE)
        }
        _ => None,
    };
    let Some((_, [0x1A, length, token @ ..])) = rest else { return false };
    *length < 0x80 && usize::from(*length) == token.len() && token.first() == Some(&0x0A)
}

fn is_sealed(bytes: &[u8]) -> bool {
    let Some((term, rest)) = bytes.split_first_chunk::<4>() else { return false };
    (1..HIGHEST_TERM).contains(&u32::from_be_bytes(*term)) && matches!(rest.first(), Some(1 | 2))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::super::tests::{check, made};
    use super::*;
    use crate::detect::template::Seed;

    /// A token as Vault marshals it, from parts.
    fn service_token(token_length: u8) -> String {
        let mut bytes = vec![0x08, 0x01, 0x12, 0x20];
        bytes.extend(Seed(3).bytes::<32>());
        bytes.extend([0x1A, token_length, 0x0A, 0x18]);
        bytes.extend(Seed(4).bytes::<24>());
        bytes.extend([0x10, 0x05, 0x18, 0x02]);
        format!("hvs.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn a_marshalled_token_is_proven_and_has_the_front_that_everybody_knows() {
        let token = service_token(30);
        assert!(token.starts_with("hvs.CAES"));
        assert!(matches!(check("vault-token", &token), Verdict::Proven(_)));
        assert!(matches!(check("vault-token", &format!("{token}.a1B2c")), Verdict::Proven(_)));
        assert!(matches!(check("vault-token", &service_token(31)), Verdict::Plausible(_)));
    }

    #[test]
    fn a_sealed_token_has_a_term_and_a_version() {
        let sealed = |front: [u8; 5]| {
            let mut bytes = front.to_vec();
            bytes.extend(Seed(5).bytes::<120>());
            check("vault-token", &format!("hvb.{}", URL_SAFE_NO_PAD.encode(bytes)))
        };
        assert!(matches!(sealed([0, 0, 0, 1, 2]), Verdict::Proven(_)));
        assert!(matches!(sealed([0, 0, 0, 0, 2]), Verdict::Plausible(_)));
        assert!(matches!(sealed([0, 0, 0, 1, 9]), Verdict::Plausible(_)));
    }

    #[test]
    fn a_short_token_is_plausible_and_another_prefix_fails() {
        assert!(matches!(check("vault-token", &made("hvs.{{base62:24}}", 1)), Verdict::Plausible(_)));
        assert_eq!(check("vault-token", &made("s.{{base62:24}}", 1)), Verdict::Failed);
    }
}
