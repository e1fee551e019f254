//! Tokens that end in a checksum of their beginning: CRC-32 (IEEE 802.3), and SHA-256 in one.

use sha2::{Digest, Sha256};

use super::encoding::{BASE36, BASE62, base64, base64url, from_digits, hex, to_base32, to_base64, to_digits};
use super::{Candidate, Facts, Verdict};

/// Whether the last six characters are the CRC-32 of `body` in base62.
fn ends_in_base62_crc(body_and_check: &[u8]) -> bool {
    let Some((body, check)) =
        body_and_check.len().checked_sub(6).and_then(|at| body_and_check.split_at_checked(at))
    else {
        return false;
    };
    to_digits(crc32fast::hash(body), BASE62, 6) == check
}

/// What stands behind the first `_`.
fn behind_prefix(key: &[u8]) -> &[u8] {
    key.iter().position(|&byte| byte == b'_').and_then(|at| key.get(at + 1..)).unwrap_or_default()
}

/// `ghp_`: the vendor states the checksum, an independent sample confirms it.
pub(super) fn github(candidate: Candidate<'_>) -> Verdict {
    Verdict::hard(ends_in_base62_crc(behind_prefix(candidate.key)))
}

/// `gho_`, `ghu_`, `ghs_`, `ghr_`: said to be as `ghp_`, without a sample that shows it.
pub(super) fn github_soft(candidate: Candidate<'_>) -> Verdict {
    Verdict::soft(ends_in_base62_crc(behind_prefix(candidate.key)))
}

/// `npm_`: said to be as GitHub's, without a sample that shows it.
pub(super) fn npm(candidate: Candidate<'_>) -> Verdict {
    Verdict::soft(ends_in_base62_crc(behind_prefix(candidate.key)))
}

/// `github_pat_`, 22 characters, `_`, 43 of body, 8 of check, 8 more: the check is the SHA-256 of all
/// before it in base32. Nobody but samples says so, hence soft.
pub(super) fn github_fine_grained(candidate: Candidate<'_>) -> Verdict {
    let parts = candidate.key.split_at_checked(77).and_then(|(front, rest)| Some((front, rest.get(..8)?)));
    let right = parts.is_some_and(|(front, check)| to_base32(&Sha256::digest(front), 8) == check);
    Verdict::soft(right)
}

/// `glsa_`, 32 characters, `_`, 8 of hex: as in Grafana's source, over the prefix too, little-endian.
pub(super) fn grafana(candidate: Candidate<'_>) -> Verdict {
    let Some((front, check)) = candidate.key.split_at_checked(37) else { return Verdict::Failed };
    let wanted = hex(&crc32fast::hash(front).to_le_bytes());
    Verdict::hard(check.strip_prefix(b"_") == Some(wanted.as_bytes()))
}

/// `zpka_`, 32 characters, `_`, 8 of hex.
pub(super) fn zuplo(candidate: Candidate<'_>) -> Verdict {
    let Some((body, check)) = behind_prefix(candidate.key).split_at_checked(32) else {
        return Verdict::Failed;
    };
    let wanted = hex(&crc32fast::hash(body).to_be_bytes());
    Verdict::hard(check.strip_prefix(b"_") == Some(wanted.as_bytes()))
}

/// `cfut_`, `cfat_`, `cfk_`, 40 characters, 8 of hex. The vendor speaks of a checksum, not of which.
pub(super) fn cloudflare(candidate: Candidate<'_>) -> Verdict {
    let Some((body, check)) = behind_prefix(candidate.key).split_at_checked(40) else {
        return Verdict::Failed;
    };
    Verdict::soft(check == hex(&crc32fast::hash(body).to_be_bytes()).as_bytes())
}

/// `vcp_` and its kin: 50 characters and 6 of check.
pub(super) fn vercel(candidate: Candidate<'_>) -> Verdict {
    Verdict::soft(ends_in_base62_crc(behind_prefix(candidate.key)))
}

/// `cflt`, 54 characters, 6 of check: the start of the little-endian CRC in base64.
pub(super) fn confluent(candidate: Candidate<'_>) -> Verdict {
    let body = candidate.key.get(4..58).unwrap_or_default();
    let wanted = to_base64(&crc32fast::hash(body).to_le_bytes());
    Verdict::soft(candidate.key.get(58..).is_some_and(|check| wanted.as_bytes().get(..6) == Some(check)))
}

/// `polar_oat_` and its kin: 37 characters and 6 of check, as in Polar's source.
pub(super) fn polar(candidate: Candidate<'_>) -> Verdict {
    let body = candidate.key.rsplit(|&byte| byte == b'_').next().unwrap_or_default();
    Verdict::hard(body.len() == 43 && ends_in_base62_crc(body))
}

/// `essu_` and base64 of a key in base64, four bytes that are zero so far, and the CRC of the key. One
/// published sample shows it, so a wrong one decides nothing.
pub(super) fn elastic_cloud(candidate: Candidate<'_>) -> Verdict {
    let bytes = candidate.key.strip_prefix(b"essu_").and_then(base64);
    let Some((front, check)) = bytes.as_deref().and_then(<[u8]>::split_last_chunk::<4>) else {
        return Verdict::Failed;
    };
    let Some(inner) = front.len().checked_sub(4).and_then(|length| front.get(..length)) else {
        return Verdict::Failed;
    };
    if !inner.is_ascii() {
        return Verdict::Failed;
    }
    Verdict::soft(crc32fast::hash(inner).to_be_bytes() == *check)
}

/// A routable token: `prefix payload . [01.] length checksum`, in base64url and base36 (2 and 7 digits).
///
/// The payload's lines name the organisation, user, group or project: handles. The CRC's input is
/// known from a design text alone, so a wrong one decides nothing; a wrong length does.
pub(super) fn gitlab_routable(candidate: Candidate<'_>) -> Verdict {
    let Some((front, tail)) =
        candidate.key.len().checked_sub(9).and_then(|at| candidate.key.split_at_checked(at))
    else {
        return Verdict::Failed;
    };
    let (length, check) = tail.split_at_checked(2).unwrap_or_default();
    let unversioned = front.strip_suffix(b".01.").map_or(front.strip_suffix(b"."), Some);
    let Some(payload) = unversioned.and_then(routable_payload) else { return Verdict::Failed };
    let known_length = from_digits(length, BASE36).map(|length| length as usize);
    let Some(decoded) = base64url(payload) else { return Verdict::Failed };
    if known_length != Some(payload.len()) && known_length != Some(decoded.len()) {
        return Verdict::Plausible(Facts::default());
    }
    let facts = routing_handles(&decoded);
    let crc = candidate.key.get(..candidate.key.len() - 7).map(crc32fast::hash);
    if crc.is_some_and(|crc| to_digits(crc, BASE36, 7) == check) {
        return Verdict::Proven(facts);
    }
    Verdict::Plausible(facts)
}

/// The part behind `glpat-`, `glrt-t1_` and the like.
fn routable_payload(front: &[u8]) -> Option<&[u8]> {
    let mark = front.windows(2).position(|pair| pair == b"gl")?;
    let rest = front.get(mark..)?;
    let dash = rest.iter().position(|&byte| byte == b'-')?;
    let payload = rest.get(dash + 1..)?;
    Some(match payload {
        [b't', digit, b'_', payload @ ..] if digit.is_ascii_digit() => payload,
        payload => payload,
    })
}

/// `o:1\nu:4f` and so on, as handles; the numbers are in base36.
fn routing_handles(payload: &[u8]) -> Facts {
    let names = [("c", "cell"), ("o", "organization"), ("g", "group"), ("p", "project"), ("u", "user")];
    payload.split(|&byte| byte == b'\n').fold(Facts::default(), |facts, line| {
        let known = names.iter().find_map(|(letter, name)| {
            // Random bytes may stand before the first line.
            let text = String::from_utf8_lossy(line);
            let (_, value) = text.rsplit_once(&format!("{letter}:"))?;
            let short = !value.is_empty()
                && value.len() <= 13
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
            short.then(|| (*name, value.to_owned()))
        });
        match known {
            Some((name, value)) => facts.with(name, value),
            None => facts,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn crc_has_the_published_check_value() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_wrong_check_fails_where_it_is_hard_and_not_where_it_is_soft() {
        let wrong = made("{{chars:b-y:36}}", 1);
        assert_eq!(check("github-crc32", &format!("ghp_{wrong}")), Verdict::Failed);
        assert!(matches!(check("github-crc32-soft", &format!("gho_{wrong}")), Verdict::Plausible(_)));
        assert!(matches!(check("npm-crc32", &format!("npm_{wrong}")), Verdict::Plausible(_)));
        assert_eq!(check("grafana-crc32", &made("glsa_{{base62:32}}_{{hex:8}}", 1)), Verdict::Failed);
    }

    #[test]
    fn a_sample_of_elastic_has_its_check() {
        // Published with a scanner of Google's as the key of a test; in pieces, so that none finds it here.
        let sample = [
            "essu_VWtSQlNXNWFjMEpWWVZsbFVUZDBO",
            "RmRQTldJNmNuWnVYMU5yY1ZGdlJ6aHVlR",
            "E5rWmxGelIyUk9kdz09AAAAANx5Zs4=",
        ];
        assert!(matches!(check("elastic-cloud", &sample.concat()), Verdict::Proven(_)));
        let other = sample.concat().replace("ANx5", "ANx6");
        assert!(matches!(check("elastic-cloud", &other), Verdict::Plausible(_)));
        assert_eq!(check("elastic-cloud", "essu_AAAA"), Verdict::Failed);
    }

    #[test]
    fn a_token_of_polar_has_one_length_and_its_check() {
        assert_eq!(check("polar-crc32", &made("polar_rt_{{base62:43}}", 1)), Verdict::Failed);
        assert_eq!(check("polar-crc32", &made("polar_rt_{{polar:}}a", 1)), Verdict::Failed);
    }

    #[test]
    fn a_routable_token_names_its_owner() {
        let facts = facts(check("gitlab-routable", &made("{{gitlab-routable:glpat-}}", 5)));
        assert!(handle(&facts, "user").is_some_and(|user| user.len() >= 4));
        assert!(handle(&facts, "organization").is_some());
    }
}
