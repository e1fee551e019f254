//! Macaroons of version 2, as the Python package index mints them.

use super::encoding::base64url;
use super::{Candidate, Facts, Verdict};

/// Field types of the format.
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const SIGNATURE: u8 = 6;

/// `pypi-` and a macaroon: version, location, identifier, caveats, a signature of 32 bytes at the end.
pub(super) fn pypi(candidate: Candidate<'_>) -> Verdict {
    let bytes = candidate.key.strip_prefix(b"pypi-").and_then(base64url).unwrap_or_default();
    match parse(&bytes) {
        Some(location) => Verdict::Proven(Facts::default().with("host", location)),
        None => Verdict::Failed,
    }
}

/// The location of a whole macaroon.
fn parse(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(&[2])?;
    let (location, rest) = field(rest, LOCATION)?;
    let (_, rest) = field(rest, IDENTIFIER)?;
    let mut rest = rest.strip_prefix(&[0])?;
    // Each caveat is a section of an identifier and maybe more, closed by a zero; an empty one ends them.
    while let Some((_, behind)) = field(rest, IDENTIFIER) {
        rest = behind.strip_prefix(&[0])?;
    }
    let (signature, rest) = field(rest.strip_prefix(&[0])?, SIGNATURE)?;
    let printable = location.iter().all(u8::is_ascii_graphic);
    (signature.len() == 32 && rest.is_empty() && printable)
        .then(|| String::from_utf8_lossy(location).into_owned())
}

/// A field of the wanted type: type, length as a varint of at most two bytes, content.
fn field(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[wanted])?;
    let (length, rest) = match rest {
        [low, high, rest @ ..] if low & 0x80 != 0 && high & 0x80 == 0 => {
            (usize::from(low & 0x7f) | usize::from(*high) << 7, rest)
        }
        [length, rest @ ..] if length & 0x80 == 0 => (usize::from(*length), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn a_macaroon_names_its_index() {
        let facts = facts(check("pypi-macaroon", &made("{{pypi}}", 1)));
        assert_eq!(handle(&facts, "host").as_deref(), Some(["pypi", ".org"].concat().as_str()));
    }

    #[test]
    fn a_cut_or_longer_one_fails() {
        let key = made("{{pypi}}", 1);
        assert_eq!(check("pypi-macaroon", &key[..key.len() - 4]), Verdict::Failed);
        assert_eq!(check("pypi-macaroon", &format!("{key}AAAA")), Verdict::Failed);
        assert_eq!(
            check("pypi-macaroon", &made("pypi-AgEIcHlwaS5vcmc{{base64url:120}}", 1)),
            Verdict::Failed
        );
    }
}
