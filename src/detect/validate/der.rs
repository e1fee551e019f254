//! Private keys in DER: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC 1 (RFC 5915), and OpenSSL's DSA.

use sha2::{Digest, Sha256};

use super::bignum::{bits, is_product, trimmed};
use super::encoding::hex;

/// What a private key says about itself.
#[derive(Debug, Default)]
pub(super) struct PrivateKey {
    /// `rsa`, `ec`, `ed25519` …
    pub(super) kind: String,
    /// Of the modulus or the field.
    pub(super) bits: Option<usize>,
    /// SHA-256 of its SubjectPublicKeyInfo, where the public half is there.
    pub(super) spki_sha256: Option<String>,
    /// Whether it is sealed by a passphrase.
    pub(super) encrypted: bool,
}

impl PrivateKey {
    fn of_kind(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const CONTEXT_0: u8 = 0xA0;
const CONTEXT_1: u8 = 0xA1;

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const DSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 1];

/// The algorithms under which PKCS#8 seals a key begin so: PKCS#5 and PKCS#12.
const SEALING: &[&[u8]] =
    &[&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5], &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 12, 1]];

/// Identifier, name, bytes of the secret (RFC 8410).
const EDWARDS: &[(&[u8], &str, usize)] = &[
    (&[0x2B, 0x65, 0x6E], "x25519", 32),
    (&[0x2B, 0x65, 0x6F], "x448", 56),
    (&[0x2B, 0x65, 0x70], "ed25519", 32),
    (&[0x2B, 0x65, 0x71], "ed448", 57),
];

/// Identifier, bits of the field.
const CURVES: &[(&[u8], usize)] = &[
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7], 256),
    (&[0x2B, 0x81, 0x04, 0x00, 0x22], 384),
    (&[0x2B, 0x81, 0x04, 0x00, 0x23], 521),
    (&[0x2B, 0x81, 0x04, 0x00, 0x0A], 256),
    (&[0x2B, 0x81, 0x04, 0x00, 0x21], 224),
];

/// Elements of DER, one after the other.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The next element, which must have this tag: its content.
    fn next(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let [tag, rest @ ..] = self.0 else { return None };
        if *tag != wanted {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element if it has this tag.
    fn optional(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let content = ahead.next(wanted)?;
        *self = ahead;
        Some(content)
    }
}

/// A length of DER, definite, of four bytes at most.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let [first, rest @ ..] = bytes else { return None };
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(first & 0x7F);
    if count == 0 || count > 4 {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    Some((digits.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest))
}

/// The first element of `bytes`, a SEQUENCE, without what stands behind it.
pub(super) fn outer(bytes: &[u8]) -> Option<&[u8]> {
    let mut elements = Elements(bytes);
    elements.next(SEQUENCE)?;
    bytes.get(..bytes.len() - elements.0.len())
}

/// What stands in the `[0] EXPLICIT` at the front of `bytes`; of an OCTET STRING in it, its content.
pub(super) fn inside_explicit(bytes: &[u8]) -> Option<&[u8]> {
    let content = Elements(bytes).next(CONTEXT_0)?;
    Some(Elements(content).optional(OCTET_STRING).unwrap_or(content))
}

/// Whether `der` is `{ { identifier … }, OCTET STRING }` with a key's worth of bytes in it, and no more.
pub(super) fn is_sealed_by(der: &[u8], identifier: &[u8]) -> bool {
    let read = || {
        let mut elements = Elements(Elements(der).next(SEQUENCE)?);
        let known = Elements(elements.next(SEQUENCE)?).next(OID)? == identifier;
        let key = elements.next(OCTET_STRING)?;
        Some(known && key.len() >= 40 && !all_equal(key) && elements.0.is_empty())
    };
    read().unwrap_or(false)
}

/// The private key that `der` is.
pub(super) fn private_key(der: &[u8]) -> Option<PrivateKey> {
    let content = Elements(der).next(SEQUENCE)?;
    pkcs8(content)
        .or_else(|| pkcs1(content))
        .or_else(|| sec1(content, None))
        .or_else(|| dsa(content))
        .or_else(|| sealed(content))
}

/// `{ version, { algorithm, parameters }, OCTET STRING { key } … }`
fn pkcs8(content: &[u8]) -> Option<PrivateKey> {
    let mut elements = Elements(content);
    small_integer(elements.next(INTEGER)?)?;
    let mut algorithm = Elements(elements.next(SEQUENCE)?);
    let identifier = algorithm.next(OID)?;
    let key = elements.next(OCTET_STRING)?;
    if let Some((_, name, size)) = EDWARDS.iter().find(|(known, _, _)| *known == identifier) {
        let secret = Elements(key).next(OCTET_STRING)?;
        return (secret.len() == *size && !all_equal(secret)).then(|| PrivateKey::of_kind(name));
    }
    if identifier == RSA || identifier == RSA_PSS {
        return pkcs1(Elements(key).next(SEQUENCE)?);
    }
    if identifier == EC {
        return sec1(Elements(key).next(SEQUENCE)?, algorithm.optional(OID));
    }
    if identifier == DSA {
        return Elements(key).next(INTEGER).map(|_| PrivateKey::of_kind("dsa"));
    }
    // An algorithm of another day: the frame alone has to do.
    (key.len() >= 16 && !all_equal(key)).then(|| PrivateKey::of_kind("other"))
}

/// `{ version, n, e, d, p, q, dp, dq, q^-1 }`
fn pkcs1(content: &[u8]) -> Option<PrivateKey> {
    let mut elements = Elements(content);
    let version = small_integer(elements.next(INTEGER)?)?;
    let mut number = || elements.next(INTEGER);
    let (n, e, _d, p, q) = (number()?, number()?, number()?, number()?, number()?);
    let _crt = (number()?, number()?, number()?);
    // Version 1 has more than two primes.
    let right = version == 1 || is_product(n, p, q).unwrap_or(true);
    if !right || bits(n) < 256 || trimmed(e).is_empty() {
        return None;
    }
    let public = element(SEQUENCE, &[element(INTEGER, n), element(INTEGER, e)].concat());
    let algorithm = element(SEQUENCE, &[element(OID, RSA), vec![5, 0]].concat());
    Some(PrivateKey {
        bits: Some(bits(n)),
        spki_sha256: Some(spki(&algorithm, &[&[0], public.as_slice()].concat())),
        ..PrivateKey::of_kind("rsa")
    })
}

/// `{ 1, OCTET STRING scalar, [0] curve, [1] BIT STRING point }`
fn sec1(content: &[u8], outer_curve: Option<&[u8]>) -> Option<PrivateKey> {
    let mut elements = Elements(content);
    let version = small_integer(elements.next(INTEGER)?)?;
    let scalar = elements.next(OCTET_STRING)?;
    let inner_curve = elements.optional(CONTEXT_0).and_then(|inside| Elements(inside).optional(OID));
    let point = elements.optional(CONTEXT_1).and_then(|inside| Elements(inside).next(BIT_STRING));
    if version != 1 || scalar.len() > 80 || trimmed(scalar).len() < 16 || all_equal(scalar) {
        return None;
    }
    let curve = inner_curve.or(outer_curve);
    let known = CURVES.iter().find(|(known, _)| Some(*known) == curve).map(|(_, bits)| *bits);
    // Some writers leave out leading zeros; none writes more than the field has.
    if known.is_some_and(|bits| scalar.len() > bits.div_ceil(8) || scalar.len() + 4 < bits.div_ceil(8)) {
        return None;
    }
    let spki_sha256 = curve.zip(point).map(|(curve, point)| {
        spki(&element(SEQUENCE, &[element(OID, EC), element(OID, curve)].concat()), point)
    });
    Some(PrivateKey { bits: known, spki_sha256, ..PrivateKey::of_kind("ec") })
}

/// `{ 0, p, q, g, y, x }` and nothing more.
fn dsa(content: &[u8]) -> Option<PrivateKey> {
    let mut elements = Elements(content);
    let version = small_integer(elements.next(INTEGER)?)?;
    let mut number = || elements.next(INTEGER);
    let (p, q, g, y, x) = (number()?, number()?, number()?, number()?, number()?);
    let sizes = bits(p) >= 512
        && (128..=512).contains(&bits(q))
        && bits(x) <= bits(q)
        && bits(y) <= bits(p)
        && bits(g) > 0;
    let whole = version == 0 && elements.0.is_empty();
    (sizes && whole).then(|| PrivateKey { bits: Some(bits(p)), ..PrivateKey::of_kind("dsa") })
}

/// `{ { sealing algorithm … }, OCTET STRING }`
fn sealed(content: &[u8]) -> Option<PrivateKey> {
    let mut elements = Elements(content);
    let identifier = Elements(elements.next(SEQUENCE)?).next(OID)?;
    let sealed = elements.next(OCTET_STRING)?;
    let known = SEALING.iter().any(|known| identifier.starts_with(known));
    (known && sealed.len() >= 16).then(|| PrivateKey { encrypted: true, ..PrivateKey::of_kind("sealed") })
}

/// An integer from 0 to 9.
fn small_integer(content: &[u8]) -> Option<u8> {
    match content {
        [value @ 0..=9] => Some(*value),
        _ => None,
    }
}

/// A "key" of one byte over and over is a dummy.
fn all_equal(bytes: &[u8]) -> bool {
    bytes.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// SHA-256 of the SubjectPublicKeyInfo of an algorithm and the content of its BIT STRING.
fn spki(algorithm: &[u8], key: &[u8]) -> String {
    hex(&Sha256::digest(element(SEQUENCE, &[algorithm, &element(BIT_STRING, key)].concat())))
}

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let digits = content.len().to_be_bytes();
    let digits = trimmed(&digits);
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..=127 => bytes.push(length as u8),
        _ => {
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_der() {
        assert_eq!(length(&[0x7F, 9]), Some((127, [9].as_slice())));
        assert_eq!(length(&[0x82, 1, 0]), Some((256, [].as_slice())));
        assert_eq!(length(&[0x80]), None);
        assert_eq!(length(&[0x85, 1, 1, 1, 1, 1]), None);
        assert_eq!(element(4, &[7; 200]).get(..3), Some([4, 0x81, 200].as_slice()));
    }

    #[test]
    fn the_key_of_rfc_8410_is_read() {
        // Section 10.3, put together from its parts.
        let mut der = vec![0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend((0..32).map(|at: u8| at.wrapping_mul(37) ^ 0xD4));
        assert_eq!(private_key(&der).map(|key| key.kind), Some("ed25519".to_owned()));
        der.truncate(40);
        assert!(private_key(&der).is_none());
    }

    #[test]
    fn sequences_of_small_numbers_are_no_keys() {
        let many = [[2, 1, 0].as_slice(), &[2, 1, 5].repeat(8)].concat();
        for content in [[2, 1, 0].as_slice(), &[], &[2, 1, 1, 4, 1, 5], &many] {
            assert!(private_key(&element(SEQUENCE, content)).is_none());
        }
    }
}
