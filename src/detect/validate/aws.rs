//! Access key ids of AWS, which hold their account's number, and Bedrock's API keys, which name it.

use super::encoding::{base32_bits, base64_any};
use super::{Candidate, Facts, Verdict};

/// Accounts of canarytokens.org, which issue nothing but canaries: whoever uses one is reported to its owner.
const THINKST: &[&str] = &[
    "052310077262",
    "171436882533",
    "266735846894",
    "534261010715",
    "595918472158",
    "717712589309",
    "730335385048",
    "819147034852",
    "893192397702",
    "992382622183",
];

/// Accounts of other issuers of canaries.
const OTHERS: &[&str] = &[
    "044858866125",
    "251535659677",
    "344043088457",
    "351906852752",
    "390477818340",
    "426127672474",
    "427150556519",
    "439872796651",
    "445142720921",
    "465867158099",
    "637958123769",
    "693412236332",
    "732624840810",
    "735421457923",
    "959235150393",
    "982842642351",
];

/// Who issues nothing but canaries in an account.
fn canary(account: &str) -> Option<&'static str> {
    if THINKST.contains(&account) {
        return Some("thinkst");
    }
    OTHERS.contains(&account).then_some("another issuer of canaries")
}

/// Whose canary a key is, by its access key id.
pub(super) fn canary_of(id: &str) -> Option<&'static str> {
    let (kind, rest) = id.split_at_checked(4)?;
    let is_id = matches!(kind, "AKIA" | "ASIA" | "ABIA" | "ACCA") && rest.len() == 16;
    canary(&account(base32_bits(rest.as_bytes()).filter(|_| is_id)?)?)
}

/// The account in an id's bits; ids from before 2019 hold none.
fn account(bits: u128) -> Option<String> {
    (bits >> 79 != 0).then(|| format!("{:012}", bits >> 39 & 0xFF_FFFF_FFFF))
}

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
    let Some(account) = account(bits) else { return Verdict::Plausible(facts) };
    // An account has 12 digits; the 40 bits could hold a little more.
    if account.len() != 12 {
        return Verdict::Failed;
    }
    let issuer = canary(&account);
    let facts = facts.with("account", account);
    Verdict::Proven(match issuer {
        Some(issuer) => facts.with("canary", issuer),
        None => facts,
    })
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
