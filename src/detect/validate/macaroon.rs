//! Macaroons: those of version 2, as the Python package index mints them, and Fly's in MessagePack.

use serde_json::Value;

use super::encoding::{base64, base64url};
use super::jwt::written;
use super::{Candidate, Facts, Verdict};

/// Field types of the format.
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const SIGNATURE: u8 = 6;

/// `pypi-` and a macaroon: version, location, identifier, caveats, a signature of 32 bytes at the end.
pub(super) fn pypi(candidate: Candidate<'_>) -> Verdict {
    let bytes = candidate.key.strip_prefix(b"pypi-").and_then(base64url).unwrap_or_default();
    parse(&bytes).map_or(Verdict::Failed, Verdict::Proven)
}

/// What a whole macaroon says of itself.
fn parse(bytes: &[u8]) -> Option<Facts> {
    let rest = bytes.strip_prefix(&[2])?;
    let (location, rest) = field(rest, LOCATION)?;
    let (identifier, rest) = field(rest, IDENTIFIER)?;
    let mut rest = rest.strip_prefix(&[0])?;
    let mut facts = Facts::default().with("host", String::from_utf8_lossy(location));
    if identifier.len() <= 64 && identifier.iter().all(u8::is_ascii_graphic) {
        facts = facts.with("token-id", String::from_utf8_lossy(identifier));
    }
    // Each caveat is a section of an identifier and maybe more, closed by a zero; an empty one ends them.
    while let Some((caveat, behind)) = field(rest, IDENTIFIER) {
        facts = with_caveat(facts, caveat);
        rest = behind.strip_prefix(&[0])?;
    }
    let (signature, rest) = field(rest.strip_prefix(&[0])?, SIGNATURE)?;
    let printable = location.iter().all(u8::is_ascii_graphic);
    (signature.len() == 32 && rest.is_empty() && printable).then_some(facts)
}

/// Caveats that the index writes: `[0, end, begin]`, `[1, [projects]]`, `[2, [ids of projects]]`, `[3, user]`;
/// before, `{"permissions": {"projects": […]}}`.
fn with_caveat(facts: Facts, caveat: &[u8]) -> Facts {
    let projects = |names: &Value| {
        let names: Vec<&str> = names.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(names.join(", ")).filter(|names| !names.is_empty() && names.len() <= 200)
    };
    let shown = match serde_json::from_slice::<Value>(caveat) {
        Ok(Value::Array(fields)) => match fields.as_slice() {
            [kind, end, ..] if *kind == 0 => end.as_i64().and_then(written).map(|end| ("expires", end)),
            [kind, names] if *kind == 1 => projects(names).map(|names| ("projects", names)),
            _ => None,
        },
        Ok(Value::Object(fields)) => fields
            .get("permissions")
            .and_then(|permissions| permissions.get("projects"))
            .and_then(projects)
            .map(|names| ("projects", names)),
        _ => None,
    };
    match shown {
        Some((name, value)) => facts.with(name, value),
        None => facts,
    }
}

/// One or several of `fm2_` and base64 of an array of four: nonce, location, caveats, a tail of 32 bytes.
/// Fly's own source shows it; what does not parse stays plausible.
pub(super) fn fly(candidate: Candidate<'_>) -> Verdict {
    let first = candidate.text().split(',').next().unwrap_or_default();
    let bytes = first.split_once('_').and_then(|(_, body)| base64(body.as_bytes())).unwrap_or_default();
    // An array of four, in it one of two or three; the tail behind its type and length at the end.
    let array = matches!(bytes.as_slice(), [0x94, 0x92 | 0x93, ..]);
    let tail = bytes.len().checked_sub(34).and_then(|at| bytes.get(at..at + 2)) == Some(&[0xC4, 32]);
    let host = b"https://api.fly.io";
    let located = bytes.windows(host.len()).any(|part| part == host);
    Verdict::soft(array && tail && located)
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

    #[test]
    fn a_caveat_tells_projects_and_the_end() {
        let shown = |caveat: &str, name| handle(&with_caveat(Facts::default(), caveat.as_bytes()), name);
        assert_eq!(shown("[1, [\"app\", \"lib\"]]", "projects").as_deref(), Some("app, lib"));
        assert_eq!(shown("[0, 4102444800, 0]", "expires").as_deref(), Some("2100-01-01T00:00:00Z"));
        let before = "{\"version\": 1, \"permissions\": {\"projects\": [\"app\"]}}";
        assert_eq!(shown(before, "projects").as_deref(), Some("app"));
        for other in ["[3, \"user\"]", "{\"version\": 1, \"permissions\": \"user\"}", "[]", "no json"] {
            assert_eq!(with_caveat(Facts::default(), other.as_bytes()), Facts::default(), "{other}");
        }
    }

    #[test]
    fn a_macaroon_of_fly_is_an_array_with_a_tail() {
        use crate::detect::template::Seed;
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let token = |tail: u8| {
            let mut bytes = vec![0x94, 0x93, 0xC4, 0x08, 0, 0, 0, 0, 0, 0, 2, 0x8E, 0xC4, 0x10];
            bytes.extend(Seed(1).bytes::<16>());
            bytes.extend([0xC2, 0xB5]);
            bytes.extend(b"https://api.fly.io/v1");
            bytes.extend([0x90, 0xC4, tail]);
            bytes.extend(Seed(2).bytes::<32>());
            check("fly-macaroon", &format!("fm2_{},fm2_{}", STANDARD.encode(&bytes), STANDARD.encode(&bytes)))
        };
        assert!(matches!(token(32), Verdict::Proven(_)));
        assert!(matches!(token(31), Verdict::Plausible(_)));
    }
}
