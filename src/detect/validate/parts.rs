//! Tokens of several parts of which some decode: Discord, Telegram, Intercom, SendGrid, Artifactory,
//! PubNub, Elasticsearch, Atlassian Data Center, Salesforce.

use super::encoding::{base64_any, base64url};
use super::{Candidate, Facts, Verdict};

/// Milliseconds of 2015-01-01, the zero of Discord's time.
const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// The largest sane moment of a snowflake: the year 2100.
const DISCORD_LATEST: u64 = 4_102_444_800_000;

/// User id in base64, time stamp, MAC. The id is a snowflake, so it holds a moment.
pub(super) fn discord_bot(candidate: Candidate<'_>) -> Verdict {
    let id = candidate.key.split(|&byte| byte == b'.').next().unwrap_or_default();
    let digits = base64_any(id).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let right_form = (17..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(snowflake) = digits.parse::<u64>().ok().filter(|_| right_form) else { return Verdict::Failed };
    let moment = (snowflake >> 22) + DISCORD_EPOCH;
    if moment > DISCORD_LATEST {
        return Verdict::Failed;
    }
    Verdict::Proven(Facts::default().with("bot-id", digits))
}

/// `<bot id>:AA…`. Nothing in it could fail, but the prefix of the second part is nearly always there.
pub(super) fn telegram_bot(candidate: Candidate<'_>) -> Verdict {
    let Some((id, secret)) = candidate.text().split_once(':') else { return Verdict::Failed };
    let numeric =
        (8..=10).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    if !numeric || secret.len() != 35 {
        return Verdict::Failed;
    }
    Verdict::Plausible(Facts::default().with("bot-id", id))
}

/// Base64 of `tok:…:1:0`.
pub(super) fn intercom(candidate: Candidate<'_>) -> Verdict {
    let decoded = base64_any(candidate.key).unwrap_or_default();
    Verdict::hard(decoded.starts_with(b"tok:") && decoded.iter().all(u8::is_ascii_graphic))
}

/// `SG.`, 16 bytes, `.`, 32 bytes; the first part is the key's id.
pub(super) fn sendgrid(candidate: Candidate<'_>) -> Verdict {
    let mut parts = candidate.text().split('.').skip(1);
    let (id, secret) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let length = |part: &str| base64url(part.as_bytes()).map_or(0, |bytes| bytes.len());
    if length(id) != 16 || length(secret) != 32 {
        return Verdict::Failed;
    }
    let facts = Facts::default().with("key-id", id);
    // The bits behind the last byte are zero in a key as it was minted: 1 in 64 for chance.
    let whole = id.ends_with(['A', 'Q', 'g', 'w'])
        && secret.ends_with(['A', 'E', 'I', 'M', 'Q', 'U', 'Y', 'c'])
        || id.ends_with(['A', 'Q', 'g', 'w']) && secret.ends_with(['g', 'k', 'o', 's', 'w', '0', '4', '8']);
    if whole { Verdict::Proven(facts) } else { Verdict::Plausible(facts) }
}

/// Base64 of `reftkn:01:<expiry>:<secret>`.
pub(super) fn artifactory_reference(candidate: Candidate<'_>) -> Verdict {
    let decoded =
        base64_any(candidate.key).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut fields = decoded.split(':');
    let known = fields.next() == Some("reftkn");
    let (version, expiry) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    let numeric = |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
    if !known || !numeric(version) || !numeric(expiry) || fields.next().is_none() {
        return Verdict::Failed;
    }
    Verdict::Proven(Facts::default())
}

/// `sec-c-` and base64 of a UUID as text.
pub(super) fn pubnub(candidate: Candidate<'_>) -> Verdict {
    let decoded = candidate.key.strip_prefix(b"sec-c-").and_then(base64_any).unwrap_or_default();
    let is_uuid = decoded.len() == 36
        && decoded.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    Verdict::hard(is_uuid)
}

/// Base64 of an id of 20 characters, a colon and a secret of 22.
pub(super) fn elasticsearch(candidate: Candidate<'_>) -> Verdict {
    let decoded =
        base64_any(candidate.key).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let fits = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match decoded.split_once(':') {
        Some((id, secret)) if fits(id, 20) && fits(secret, 22) => {
            Verdict::Proven(Facts::default().with("key-id", id))
        }
        _ => Verdict::Failed,
    }
}

/// A token of Atlassian's own servers, perhaps with a product's prefix: base64 of an id of twelve digits, a
/// colon and 20 bytes. The vendor does not say so.
pub(super) fn atlassian_data_center(candidate: Candidate<'_>) -> Verdict {
    let body = candidate.key.strip_prefix(b"BBDC-").unwrap_or(candidate.key);
    let Some(bytes) = base64_any(body).filter(|bytes| bytes.len() == 33) else { return Verdict::Failed };
    match bytes.split_at_checked(12) {
        Some((id, [b':', ..])) if id.iter().all(u8::is_ascii_digit) => {
            Verdict::Proven(Facts::default().with("token-id", String::from_utf8_lossy(id)))
        }
        _ => Verdict::Plausible(Facts::default()),
    }
}

/// `ORGANISATION!SESSION`. An id of 18 characters ends in three that say which of the others are capitals.
pub(super) fn salesforce_session(candidate: Candidate<'_>) -> Verdict {
    let Some((organization, _)) = candidate.text().split_once('!') else { return Verdict::Failed };
    let facts = Facts::default().with("organization", organization);
    match organization.as_bytes() {
        id if id.len() == 15 => Verdict::Plausible(facts),
        id if id.len() == 18 => match id.split_at_checked(15) {
            Some((id, suffix)) if case_suffix(id) == suffix => Verdict::Proven(facts),
            _ => Verdict::Failed,
        },
        _ => Verdict::Failed,
    }
}

/// A character for each five: bit by bit, the first lowest, whether one is a capital.
fn case_suffix(id: &[u8]) -> Vec<u8> {
    let capitals = |five: &[u8]| {
        five.iter()
            .enumerate()
            .map(|(bit, byte)| usize::from(byte.is_ascii_uppercase()) << bit)
            .sum::<usize>()
    };
    id.chunks(5).filter_map(|five| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".get(capitals(five))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn a_bot_token_names_its_bot() {
        let telegram = facts(check("telegram-bot", &made("{{telegram}}", 1)));
        assert!(handle(&telegram, "bot-id").is_some_and(|id| id.len() == 10));
        let discord = facts(check("discord-bot", &made("{{discord}}", 1)));
        assert!(handle(&discord, "bot-id").is_some_and(|id| id.len() == 18));
    }

    #[test]
    fn dotted_names_and_odd_ids_fail() {
        assert_eq!(
            check("discord-bot", &made("{{base64url:24}}.{{base64url:6}}.{{base64url:38}}", 1)),
            Verdict::Failed
        );
        let future = made("{{base64of:99999999999999999999}}.{{base64url:6}}.{{base64url:38}}", 1);
        assert_eq!(check("discord-bot", &future), Verdict::Failed);
        assert_eq!(check("telegram-bot", &made("0{{digits:8}}:AA{{base64url:33}}", 1)), Verdict::Failed);
    }

    #[test]
    fn sendgrid_parts_have_their_bytes() {
        assert_eq!(check("sendgrid", &made("SG.{{base64url:21}}.{{base64url:43}}", 1)), Verdict::Failed);
        let loose = made("SG.{{base64url:21}}B.{{base64url:43}}", 1);
        assert!(matches!(check("sendgrid", &loose), Verdict::Plausible(_)));
    }

    #[test]
    fn a_reference_token_has_an_expiry() {
        assert_eq!(
            check("artifactory-reference", &made("{{base64of:reftkn:01:soon:{{base62:30}}}}", 1)),
            Verdict::Failed
        );
        assert_eq!(check("intercom", &made("{{base64:60}}", 1)), Verdict::Failed);
    }

    #[test]
    fn a_secret_of_pubnub_is_a_uuid_in_base64() {
        assert!(matches!(
            check("pubnub-secret", &made("sec-c-{{base64of:{{uuid}}}}", 1)),
            Verdict::Proven(_)
        ));
        assert_eq!(check("pubnub-secret", &made("sec-c-{{base64:48}}", 1)), Verdict::Failed);
    }

    #[test]
    fn a_key_of_elasticsearch_is_an_id_and_a_secret() {
        let key = made("{{base64of:{{base64url:20}}:{{base64url:22}}}}", 1);
        assert_eq!(key.len(), 60);
        let id = handle(&facts(check("elasticsearch-key", &key)), "key-id");
        assert_eq!(id.map(|id| id.len()), Some(20));
        assert_eq!(
            check("elasticsearch-key", &made("{{base64of:{{base64url:21}}:{{base64url:22}}}}", 1)),
            Verdict::Failed
        );
        assert_eq!(check("elasticsearch-key", &made("{{base64:58}}==", 1)), Verdict::Failed);
    }

    #[test]
    fn a_token_of_a_server_of_atlassian_holds_its_id() {
        let token = made("{{base64of:{{digits:12}}:{{base62:20}}}}", 1);
        assert!(matches!(check("atlassian-dc", &format!("BBDC-{token}")), Verdict::Proven(_)));
        assert!(matches!(check("atlassian-dc", &made("BBDC-{{base64:44}}", 1)), Verdict::Plausible(_)));
        assert_eq!(check("atlassian-dc", &made("BBDC-{{base64:40}}", 1)), Verdict::Failed);
    }

    #[test]
    fn the_long_id_of_salesforce_repeats_its_capitals() {
        // From the vendor's description of its identity URL.
        assert_eq!(case_suffix(b"00D50000000IZ3Z"), b"EAW");
        assert_eq!(case_suffix(b"00550000001fg5O"), b"AAQ");
        let session = made("{{base62:96}}", 1);
        let of = |organization: &str| check("salesforce-session", &format!("{organization}!{session}"));
        let organization = ["00D", "50000000", "IZ3Z"].concat();
        assert!(matches!(of(&organization), Verdict::Plausible(_)));
        assert!(matches!(of(&format!("{organization}EAW")), Verdict::Proven(_)));
        assert_eq!(of(&format!("{organization}AAA")), Verdict::Failed);
        assert_eq!(of("00D50"), Verdict::Failed);
    }
}
