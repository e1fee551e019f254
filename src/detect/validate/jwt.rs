//! JSON web tokens (RFC 7519) and the vendors' tokens that hold one. Signatures cannot be checked here.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::encoding::{base64url, hex};
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

/// SHA-256 of the payload parts of tokens that documentation shows: the sample of jwt.io in its three
/// versions (with and without `admin` and `iat`).
const SAMPLE_PAYLOADS: &[&str] = &[
    "3373cfa8cfd3d25622125d01af103fd4727b8d44648999185b68346ab5f4d59d",
    "9cad21446b79d6b1604a6f3e50d15769c94a1b6ed0f3f49ebf871f7ecca7fdb8",
    "25be1edd45a3a982faa1861a20949eb23625d150d1926403060937ade7f2a1de",
];

/// Issuers of tokens that everybody has.
const SAMPLE_ISSUERS: &[&str] = &["supabase-demo"];

/// Three parts; a header with `alg`, claims that are an object. Expired ones are information only.
pub(super) fn jwt(candidate: Candidate<'_>) -> Verdict {
    match claims(candidate.key) {
        Some(claims) => Verdict::Plausible(facts(&claims)),
        None => Verdict::Failed,
    }
}

/// `ghs_<app id>_<JWT>`.
pub(super) fn github_stateless(candidate: Candidate<'_>) -> Verdict {
    let token = candidate.key.splitn(3, |&byte| byte == b'_').nth(2).unwrap_or_default();
    prefixed(token)
}

/// `glcbt-<JWT>`.
pub(super) fn gitlab_job(candidate: Candidate<'_>) -> Verdict {
    prefixed(candidate.key.strip_prefix(b"glcbt-").unwrap_or_default())
}

/// A token of a service account of Kubernetes: its issuer or its claims say so. Or a bootstrap token, six
/// characters, a dot, sixteen, which nothing in it could prove.
pub(super) fn kubernetes(candidate: Candidate<'_>) -> Verdict {
    if !candidate.key.starts_with(b"eyJ") {
        let right = matches!(candidate.text().split_once('.'), Some((id, secret)) if id.len() == 6 && secret.len() == 16);
        return if right { Verdict::Plausible(Facts::default()) } else { Verdict::Failed };
    }
    let Some(claims) = claims(candidate.key) else { return Verdict::Failed };
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).unwrap_or_default();
    let bound = claims.get("kubernetes.io").and_then(Value::as_object);
    if text("iss") != "kubernetes/serviceaccount" && bound.is_none() {
        return Verdict::Failed;
    }
    let facts = facts(&claims);
    // `system:serviceaccount:NAMESPACE:NAME`
    Verdict::Proven(match text("sub").strip_prefix("system:serviceaccount:") {
        Some(account) if account.len() <= 200 => facts.with("service-account", account),
        _ => facts,
    })
}

/// The key of a project of Supabase that passes its row-level security. The other one is made for browsers.
pub(super) fn supabase_service_role(candidate: Candidate<'_>) -> Verdict {
    let claims = claims(candidate.key).unwrap_or_default();
    let is = |claim: &str, wanted: &str| claims.get(claim).and_then(Value::as_str) == Some(wanted);
    if is("role", "service_role") && (is("iss", "supabase") || claims.contains_key("ref")) {
        return Verdict::Proven(facts(&claims));
    }
    Verdict::Failed
}

/// Behind a vendor's prefix a token that decodes proves the whole.
fn prefixed(token: &[u8]) -> Verdict {
    match claims(token) {
        Some(claims) => Verdict::Proven(facts(&claims)),
        None => Verdict::Failed,
    }
}

/// The claims of a signed token that is no published sample. One without a signature (`alg` is `none`)
/// anybody can write: it is no secret.
fn claims(token: &[u8]) -> Option<Map<String, Value>> {
    let mut parts = token.split(|&byte| byte == b'.');
    let (header, payload) = (parts.next()?, parts.next()?);
    parts.next()?;
    let header = object(header)?;
    if header.get("alg")?.as_str()?.eq_ignore_ascii_case("none") {
        return None;
    }
    let hash = hex(&Sha256::digest(payload));
    if SAMPLE_PAYLOADS.contains(&hash.as_str()) {
        return None;
    }
    let claims = object(payload)?;
    let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    (!SAMPLE_ISSUERS.contains(&issuer)).then_some(claims)
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&base64url(part)?).ok()
}

/// Issuer, role and expiry as handles, as far as they are short texts.
fn facts(claims: &Map<String, Value>) -> Facts {
    let mut facts = Facts::default();
    for (claim, name) in [("iss", "issuer"), ("role", "role"), ("ref", "project")] {
        let value = claims.get(claim).and_then(Value::as_str).filter(|value| value.len() <= 200);
        if let Some(value) = value {
            facts = facts.with(name, value);
        }
    }
    // Supabase hands this role to browsers.
    if claims.get("iss").and_then(Value::as_str) == Some("supabase")
        && claims.get("role") == Some(&"anon".into())
    {
        facts.severity = Some(Severity::Info);
    }
    let Some(expiry) = claims.get("exp").and_then(number) else { return facts };
    let Some(moment) = written(expiry) else { return facts };
    if expiry < now() {
        facts.severity = Some(Severity::Info);
    }
    facts.with("expires", moment)
}

/// Seconds since 1970 as a moment is written.
pub(super) fn written(seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

/// A JSON number as whole seconds.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

/// Seconds since 1970; a clock before that counts as 1970.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn an_expired_token_is_information() {
        let expired = facts(check("jwt", &made("{{jwt:{\"iss\":\"ci\",\"exp\":1500000000}}}", 1)));
        assert_eq!(expired.severity, Some(Severity::Info));
        assert_eq!(handle(&expired, "expires").as_deref(), Some("2017-07-14T02:40:00Z"));
        assert_eq!(handle(&expired, "issuer").as_deref(), Some("ci"));
        let lasting = facts(check("jwt", &made("{{jwt:{\"exp\":4102444800}}}", 1)));
        assert_eq!(lasting.severity, None);
        assert_eq!(facts(check("jwt", &made("{{jwt:{\"exp\":1e300}}}", 1))).severity, None);
    }

    #[test]
    fn the_sample_of_the_documentation_is_no_key() {
        let sample = made("{{jwt:{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}}}", 1);
        assert_eq!(check("jwt", &sample), Verdict::Failed);
    }

    #[test]
    fn other_dotted_text_is_no_token() {
        for text in [
            "{{base64url:20}}.{{base64url:20}}.{{base64url:20}}",
            "{{base64urlof:{\"typ\":1}}}.e30.",
            "a.b.c",
            "",
        ] {
            assert_eq!(check("jwt", &made(text, 1)), Verdict::Failed, "{text}");
        }
    }

    #[test]
    fn an_unsigned_token_is_no_secret() {
        let claims = "{{base64urlof:{\"sub\":\"{{base62:9}}\"}}}";
        for (alg, fails) in [("none", true), ("None", true), ("HS256", false)] {
            let header = format!("{{{{base64urlof:{{\"alg\":\"{alg}\"}}}}}}");
            let token = made(&format!("{header}.{claims}.{{{{base64url:43}}}}"), 1);
            assert_eq!(check("jwt", &token) == Verdict::Failed, fails, "{alg}");
        }
    }

    #[test]
    fn a_service_account_of_kubernetes_is_named() {
        let old = "{\"iss\":\"kubernetes/serviceaccount\",\"sub\":\"system:serviceaccount:shop:deployer\"}";
        let bound = "{\"iss\":\"https://oidc.team.io\",\"kubernetes.io\":{\"namespace\":\"shop\"},\"exp\":4102444800}";
        let verdict = |claims: &str| check("kubernetes-token", &made(&format!("{{{{jwt:{claims}}}}}"), 1));
        assert_eq!(handle(&facts(verdict(old)), "service-account").as_deref(), Some("shop:deployer"));
        assert!(matches!(verdict(bound), Verdict::Proven(_)));
        assert_eq!(verdict("{\"iss\":\"https://oidc.team.io\"}"), Verdict::Failed);
        assert!(matches!(
            check("kubernetes-token", &made("{{alnum:6}}.{{alnum:16}}", 1)),
            Verdict::Plausible(_)
        ));
        assert_eq!(check("kubernetes-token", &made("{{alnum:6}}.{{alnum:15}}", 1)), Verdict::Failed);
    }

    #[test]
    fn only_the_service_role_of_supabase_is_a_secret() {
        let verdict = |iss: &str, role: &str| {
            let claims = format!("{{\"iss\":\"{iss}\",\"ref\":\"{{{{lower:20}}}}\",\"role\":\"{role}\"}}");
            check("supabase-service-role", &made(&format!("{{{{jwt:{claims}}}}}"), 1))
        };
        assert!(handle(&facts(verdict("supabase", "service_role")), "project").is_some());
        assert_eq!(verdict("supabase", "anon"), Verdict::Failed);
        // Every project on somebody's own machine has the same one.
        assert_eq!(verdict("supabase-demo", "service_role"), Verdict::Failed);
    }

    #[test]
    fn vendors_tokens_are_proven_by_the_token_inside() {
        let token = "{{jwt:{\"iss\":\"gitlab\",\"exp\":4102444800}}}";
        assert!(matches!(check("gitlab-job-jwt", &made(&format!("glcbt-{token}"), 1)), Verdict::Proven(_)));
        assert!(matches!(
            check("github-stateless", &made(&format!("ghs_1234567_{token}"), 1)),
            Verdict::Proven(_)
        ));
        assert_eq!(check("github-stateless", &made("ghs_{{base62:36}}", 1)), Verdict::Failed);
    }
}
