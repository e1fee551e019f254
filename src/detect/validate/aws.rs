//! Access key ids of AWS, which hold their account's number, and Bedrock's API keys, which name it.

use super::encoding::{base32_bits, base64_any};
use super::{Candidate, Facts, Verdict};

/// Accounts that issue nothing but canary tokens: whoever uses such a key is reported to its owner.
const CANARY_ACCOUNTS: &[&str] = &["052310077262", "171436882533", "534261010715", "595918472158"];

/// Four characters of kind and 16 of base32. In ids since 2019 the first of 80 bits is set and the next
/// 40 are the account.
pub(super) fn access_key_id(candidate: Candidate<'_>) -> Verdict {
    let bits = candidate
        .key
        .split_at_checked(4)
        .filter(|(_, id)| id.len() == 16)
        .and_then(|(_, id)| base32_bits(id));
    let Some(bits) = bits else { return Verdict::Failed };
    let facts = Facts::default().with("key-id", candidate.text());
    if bits >> 79 == 0 {
        return Verdict::Plausible(facts);
    }
    let account = format!("{:012}", bits >> 39 & 0xFF_FFFF_FFFF);
    // An account has 12 digits; the 40 bits could hold a little more.
    if account.len() != 12 {
        return Verdict::Failed;
    }
    let canary = CANARY_ACCOUNTS.contains(&account.as_str());
    let facts = facts.with("account", account);
    Verdict::Proven(if canary { facts.with("canary", "thinkst") } else { facts })
}

/// `ABSK` and base64 of `BedrockAPIKey-NAME-at-ACCOUNT:SECRET`, or `bedrock-api-key-` and base64 of a
/// presigned URL.
pub(super) fn bedrock_key(candidate: Candidate<'_>) -> Verdict {
    if let Some(body) = candidate.key.strip_prefix(b"bedrock-api-key-") {
        let host = b"bedrock.amazonaws.com";
        return Verdict::hard(
            base64_any(body).is_some_and(|url| url.windows(host.len()).any(|part| part == host)),
        );
    }
    let text = candidate
        .key
        .strip_prefix(b"ABSK")
        .and_then(base64_any)
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text else { return Verdict::Failed };
    let account = text
        .strip_prefix("BedrockAPIKey-")
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(user, _)| user.rsplit_once("-at-"))
        .map(|(_, account)| account)
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
    match account {
        Some(account) => Verdict::Proven(Facts::default().with("account", account)),
        None => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn an_id_names_its_account() {
        // A published canary of Thinkst; joined here so that no scanner of this tree trips over it.
        let facts = facts(check("aws-access-key-id", &["AKIA", "SP2TPHJS", "QH3FJRUX"].concat()));
        assert_eq!(handle(&facts, "account").as_deref(), Some("171436882533"));
        assert_eq!(handle(&facts, "canary").as_deref(), Some("thinkst"));
        let made = made("{{aws-id:ASIA/123456789012}}", 1);
        let facts = super::super::tests::facts(check("aws-access-key-id", &made));
        assert_eq!(handle(&facts, "account").as_deref(), Some("123456789012"));
        assert_eq!(handle(&facts, "canary"), None);
    }

    #[test]
    fn old_ids_name_none_and_foreign_characters_fail() {
        let old = format!("AKIAI{}", made("{{base32:15}}", 1));
        assert!(matches!(check("aws-access-key-id", &old), Verdict::Plausible(_)));
        assert_eq!(
            check("aws-access-key-id", &format!("AKIA0{}", made("{{base32:15}}", 1))),
            Verdict::Failed
        );
        assert_eq!(check("aws-access-key-id", "AKIA"), Verdict::Failed);
    }

    #[test]
    fn bedrock_keys_name_their_account() {
        let facts = facts(check("aws-bedrock", &made("{{aws-bedrock}}", 3)));
        assert!(handle(&facts, "account").is_some());
        let short = made("bedrock-api-key-{{base64of:bedrock.amazonaws.com/?Action=CallWithBearerToken}}", 1);
        assert!(matches!(check("aws-bedrock", &short), Verdict::Proven(_)));
        assert_eq!(check("aws-bedrock", &made("ABSK{{base64:120}}", 1)), Verdict::Failed);
    }
}
