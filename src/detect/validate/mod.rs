//! Offline checks by name: checksums and structures that tell a real key from text of its shape.
//! A validator is a function here or in a file beside it, and a line in [`VALIDATORS`].

use super::Severity;

/// A key as a pattern cut it out, with what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The key's bytes.
    pub key: &'a [u8],
    /// The whole match of the pattern, the key in it.
    pub matched: &'a [u8],
}

/// What a check learned about a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The canonical secret, where it is not the key as it stands (PEM as DER, say).
    pub canonical: Option<Vec<u8>>,
    /// What may stand in clear: name and value.
    pub handles: Vec<(String, String)>,
    /// A severity that the key itself tells (a private key under a passphrase, an expired token).
    pub severity: Option<Severity>,
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A checksum or a full parse proves that it was minted as such a key.
    Proven(Facts),
    /// The structure fits; nothing in it could have failed for a well-made forgery.
    Plausible(Facts),
    /// It is no such key.
    Failed,
}

/// A check.
pub type Validator = fn(Candidate<'_>) -> Verdict;

/// Every check, by the name that definitions use, sorted.
pub const VALIDATORS: &[(&str, Validator)] = &[];

/// The check called `name`.
pub fn find(name: &str) -> Option<Validator> {
    VALIDATORS.iter().find(|(known, _)| *known == name).map(|(_, validator)| *validator)
}
