//! Tokens of several parts of which some decode: Discord, Telegram, Intercom, SendGrid, Artifactory.

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
}
