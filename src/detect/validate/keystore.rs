//! Private keys in keystores: the bags of PKCS#12 (RFC 7292), the entries of Java's JKS and JCEKS. Stores
//! of certificates alone hold neither.

use super::{Candidate, Facts, Verdict, der};

/// Bytes of the identifier of a bag, with which a match begins.
const BAG_IDENTIFIER: usize = 11;

/// Sun's own ways to seal a key, in JKS and in JCEKS.
const SUN: [&[u8]; 2] = [
    &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x2A, 0x02, 0x11, 0x01, 0x01],
    &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x2A, 0x02, 0x13, 0x01],
];

/// The content of a bag of PKCS#12: a private key, sealed or not. Canonical: the key's DER.
pub(super) fn pkcs12_bag(candidate: Candidate<'_>) -> Verdict {
    let inside = candidate.matched.get(BAG_IDENTIFIER..).and_then(der::inside_explicit);
    let Some(der) = inside.and_then(der::outer) else { return Verdict::Failed };
    let Some(key) = der::private_key(der) else { return Verdict::Failed };
    let facts = Facts { canonical: Some(der.to_vec()), ..Facts::default() }.with("format", "pkcs12");
    if key.encrypted {
        return Verdict::Proven(facts.with("passphrase", "yes"));
    }
    let facts = facts.with("passphrase", "no").with("type", key.kind);
    Verdict::Proven(match key.spki_sha256 {
        Some(hash) => facts.with("spki-sha256", hash),
        None => facts,
    })
}

/// The private key of an entry of a Java keystore, sealed in Sun's own way. Canonical: its DER.
pub(super) fn java_entry(candidate: Candidate<'_>) -> Verdict {
    let Some(der) = der::outer(candidate.matched) else { return Verdict::Failed };
    let formats = SUN.iter().zip(["jks", "jceks"]);
    let Some((_, format)) = formats.into_iter().find(|(known, _)| der::is_sealed_by(der, known)) else {
        return Verdict::Failed;
    };
    let facts = Facts { canonical: Some(der.to_vec()), ..Facts::default() };
    Verdict::Proven(facts.with("format", format).with("passphrase", "yes"))
}
