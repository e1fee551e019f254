//! OpenSSH's own form of private keys, `openssh-key-v1`, and the fingerprints of SSH.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use super::Facts;
use super::bignum::is_product;
use crate::detect::Severity;

/// The fields of SSH's wire form (RFC 4251).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u32> {
        let (digits, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*digits))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (content, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

/// What a whole key says: its facts, with the decoded bytes as canonical form.
pub(super) fn private_key(bytes: &[u8]) -> Option<Facts> {
    let mut fields = Fields(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let cipher = fields.string()?;
    let (_kdf, _options) = (fields.string()?, fields.string()?);
    let count = fields.number()?;
    let (public, private) = (fields.string()?, fields.string()?);
    let kind = printable(Fields(public).string()?)?;
    if count != 1 || private.len() < 16 {
        return None;
    }
    let whole = bytes.get(..bytes.len() - fields.0.len())?.to_vec();
    let facts = Facts { canonical: Some(whole), ..Facts::default() }
        .with("type", kind)
        .with("ssh-fingerprint", fingerprint(public));
    if cipher != b"none" {
        let facts = facts.with("passphrase", "yes");
        return Some(Facts { severity: Some(Severity::Medium), ..facts });
    }
    open_half_fits(public, private).then_some(facts)
}

/// Whether the private half, in clear, belongs to the public one.
fn open_half_fits(public: &[u8], private: &[u8]) -> bool {
    let mut fields = Fields(private);
    let (first, second) = (fields.number(), fields.number());
    let kind = fields.string().unwrap_or_default();
    if first != second || Fields(public).string() != Some(kind) {
        return false;
    }
    match kind {
        b"ssh-ed25519" => ed25519_fits(fields).unwrap_or(false),
        b"ssh-rsa" => rsa_fits(fields).unwrap_or(false),
        _ => true,
    }
}

/// The 64 bytes of the secret end in the public key.
fn ed25519_fits(mut fields: Fields<'_>) -> Option<bool> {
    let (public, secret) = (fields.string()?, fields.string()?);
    Some(public.len() == 32 && secret.len() == 64 && secret.ends_with(public))
}

/// `n, e, d, q^-1, p, q`
fn rsa_fits(mut fields: Fields<'_>) -> Option<bool> {
    let (n, _e, _d, _inverse) = (fields.string()?, fields.string()?, fields.string()?, fields.string()?);
    let (p, q) = (fields.string()?, fields.string()?);
    Some(is_product(n, p, q).unwrap_or(true))
}

/// As `ssh-keygen -l` shows it.
pub(super) fn fingerprint(public: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(public)))
}

/// A name of SSH: printable, short.
fn printable(name: &[u8]) -> Option<String> {
    let right = !name.is_empty() && name.len() <= 64 && name.iter().all(u8::is_ascii_graphic);
    right.then(|| String::from_utf8_lossy(name).into_owned())
}
