//! Tokens that are JSON in base64: Grafana, Sentry, Mapbox, 1Password, Snyk.

use serde_json::{Map, Value};

use super::encoding::{base64_any, base64url};
use super::jwt::{now, written};
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

fn object(base64: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&base64_any(base64)?).ok()
}

/// A handle from a field that is a short text or a number.
fn with_field(facts: Facts, object: &Map<String, Value>, field: &str, name: &str) -> Facts {
    match object.get(field) {
        Some(Value::String(value)) if value.len() <= 200 => facts.with(name, value),
        Some(Value::Number(value)) => facts.with(name, value.to_string()),
        _ => facts,
    }
}

/// `glc_` and `{"o": org, "n": name, "k": key, "m": {"r": region}}`.
pub(super) fn grafana_cloud(candidate: Candidate<'_>) -> Verdict {
    let object = candidate.key.strip_prefix(b"glc_").and_then(object);
    let Some(object) = object.filter(|object| object.contains_key("o") && object.contains_key("k")) else {
        return Verdict::Failed;
    };
    Verdict::Proven(with_field(
        with_field(Facts::default(), &object, "o", "organization"),
        &object,
        "n",
        "token-name",
    ))
}

/// `{"k": key, "n": name, "id": organisation}`.
pub(super) fn grafana_legacy(candidate: Candidate<'_>) -> Verdict {
    let all = |object: &Map<String, Value>| ["k", "n", "id"].iter().all(|field| object.contains_key(*field));
    let Some(object) = object(candidate.key).filter(all) else { return Verdict::Failed };
    Verdict::Proven(with_field(
        with_field(Facts::default(), &object, "id", "organization"),
        &object,
        "n",
        "token-name",
    ))
}

/// `sntrys_`, `{"iat", "url", "region_url", "org"}`, `_`, 43 characters.
pub(super) fn sentry_org(candidate: Candidate<'_>) -> Verdict {
    let body = candidate.key.strip_prefix(b"sntrys_").unwrap_or_default();
    let end = body.iter().rposition(|&byte| byte == b'_').unwrap_or_default();
    let object = body
        .get(..end)
        .and_then(object)
        .filter(|object| object.contains_key("iat") && object.contains_key("org"));
    let Some(object) = object else {
        // Published samples are cut JSON; a real one need not be whole either.
        let plausible = body.starts_with(b"eyJpYXQiO");
        return if plausible { Verdict::Plausible(Facts::default()) } else { Verdict::Failed };
    };
    Verdict::Proven(with_field(
        with_field(Facts::default(), &object, "org", "organization"),
        &object,
        "url",
        "host",
    ))
}

/// `sk.`, `{"u": user, "a": id}`, `.`, 22 characters. `pk.` is made for browsers.
pub(super) fn mapbox(candidate: Candidate<'_>) -> Verdict {
    let mut parts = candidate.key.split(|&byte| byte == b'.');
    let (kind, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let object = base64url(body).and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    let Some(object) = object.filter(|object| object.contains_key("u")) else { return Verdict::Failed };
    let mut facts = with_field(Facts::default(), &object, "u", "user");
    facts.severity = (kind == b"pk").then_some(Severity::Info);
    Verdict::Proven(facts)
}

/// `ops_` and `{"signInAddress", "email", "deviceUuid", …}`: all that a service account signs in with.
pub(super) fn onepassword(candidate: Candidate<'_>) -> Verdict {
    let object = candidate.key.strip_prefix(b"ops_").and_then(object);
    let all = |object: &Map<String, Value>| {
        ["signInAddress", "email", "deviceUuid"].iter().all(|field| object.contains_key(*field))
    };
    let Some(object) = object.filter(all) else { return Verdict::Failed };
    let facts = with_field(Facts::default(), &object, "signInAddress", "host");
    Verdict::Proven(with_field(facts, &object, "email", "account"))
}

/// `snyk_uat.`, an id, `{"e": end, "h": host, …}`, a signature. Snyk's own client reads the host there.
pub(super) fn snyk(candidate: Candidate<'_>) -> Verdict {
    let parts: Vec<&[u8]> = candidate.key.split(|&byte| byte == b'.').collect();
    let [_, _, claims, _] = parts.as_slice() else { return Verdict::Failed };
    let Some(object) = object(claims).filter(|object| object.contains_key("h")) else {
        return Verdict::Failed;
    };
    let mut facts = with_field(Facts::default(), &object, "h", "host");
    let end = object.get("e").and_then(Value::as_i64);
    if end.is_some_and(|end| end < now()) {
        facts.severity = Some(Severity::Info);
    }
    Verdict::Proven(match end.and_then(written) {
        Some(moment) => facts.with("expires", moment),
        None => facts,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn owners_are_named() {
        let of = |validator, template, name| handle(&facts(check(validator, &made(template, 2))), name);
        assert_eq!(of("sentry-org", "{{sentry-org}}", "organization").as_deref(), Some("builders"));
        assert_eq!(of("mapbox", "{{mapbox:sk}}", "user").as_deref(), Some("mapmaker"));
        assert_eq!(of("grafana-cloud", "{{grafana-cloud}}", "token-name").as_deref(), Some("ci-push-token"));
        assert_eq!(of("grafana-legacy", "{{grafana-legacy}}", "organization").as_deref(), Some("1"));
    }

    #[test]
    fn a_service_account_names_its_host_and_itself() {
        let fields = "\"signInAddress\":\"team.1password.com\",\"email\":\"ci@team.io\"";
        let token = format!("ops_{{{{base64urlof:{{{fields},\"deviceUuid\":\"{{{{base32:26}}}}\"}}}}}}");
        let facts = facts(check("onepassword-account", &made(&token, 1)));
        assert_eq!(handle(&facts, "host").as_deref(), Some("team.1password.com"));
        assert_eq!(handle(&facts, "account").as_deref(), Some("ci@team.io"));
        let cut = format!("ops_{{{{base64urlof:{{{fields}}}}}}}");
        assert_eq!(check("onepassword-account", &made(&cut, 1)), Verdict::Failed);
    }

    #[test]
    fn a_token_of_snyk_names_its_host_and_its_end() {
        let token = |end: &str| {
            let claims = format!("{{{{base64urlof:{{\"e\":{end},\"h\":\"snyk.io\"}}}}}}");
            facts(check(
                "snyk-pat",
                &made(&format!("snyk_uat.{{{{hex:8}}}}.{claims}.{{{{base64url:86}}}}"), 1),
            ))
        };
        assert_eq!(handle(&token("4102444800"), "expires").as_deref(), Some("2100-01-01T00:00:00Z"));
        assert_eq!(handle(&token("4102444800"), "host").as_deref(), Some("snyk.io"));
        assert_eq!(token("1500000000").severity, Some(Severity::Info));
        let words = ["snyk_uat.12345678", "abcdefg-hijklmnop", "qrstuvwxyz-123456"].join(".");
        assert_eq!(check("snyk-pat", &words), Verdict::Failed);
    }

    #[test]
    fn base64_without_the_fields_fails() {
        assert_eq!(check("grafana-cloud", &made("glc_{{base64of:{\"a\":1}}}", 1)), Verdict::Failed);
        assert_eq!(check("grafana-legacy", &made("{{base64of:{\"k\":1,\"n\":\"x\"}}}", 1)), Verdict::Failed);
        assert_eq!(check("sentry-org", &made("sntrys_{{base64:80}}_{{base62:43}}", 1)), Verdict::Failed);
        assert_eq!(check("mapbox", &made("sk.{{base64url:60}}.{{base64url:22}}", 1)), Verdict::Failed);
    }
}
