//! Shared access signatures of Azure: parameters of a query, and a MAC over them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::encoding::base64;
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

/// A signature of Azure Storage: a version that is a date, a MAC of 32 bytes, and an expiry or a stored
/// policy that has it. One that has ended is information only.
pub(super) fn azure_sas(candidate: Candidate<'_>) -> Verdict {
    // The key itself may have lost its percent signs: then an `&` in a value would be taken for the next.
    let text = std::str::from_utf8(candidate.matched).unwrap_or_default();
    let text = text.replace("&amp;", "&").replace("\\u0026", "&");
    let parameters: Vec<(&str, String)> = text
        .split(['&', '?'])
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| {
            (name, percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
        .collect();
    let get =
        |wanted: &str| parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let signed = get("sig").and_then(|sig| base64(sig.as_bytes())).is_some_and(|mac| mac.len() == 32);
    let versioned = get("sv").is_some_and(is_date);
    let bounded = get("se").is_some() || get("si").is_some();
    if !signed || !versioned || !bounded {
        return Verdict::Failed;
    }
    let mut facts = Facts::default();
    for (parameter, name) in [("sp", "permissions"), ("sr", "resource"), ("ss", "services"), ("si", "policy")]
    {
        if let Some(value) = get(parameter).filter(|value| value.len() <= 64) {
            facts = facts.with(name, value);
        }
    }
    let Some(expiry) = get("se") else { return Verdict::Plausible(facts) };
    let Some(moment) = moment(expiry) else { return Verdict::Failed };
    if moment < OffsetDateTime::now_utc() {
        facts.severity = Some(Severity::Info);
    }
    Verdict::Proven(facts.with("expires", expiry))
}

/// `2022-11-02`.
fn is_date(text: &str) -> bool {
    time::Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok()
}

/// A moment as Azure writes it: a date, or one with a time, with or without seconds.
fn moment(text: &str) -> Option<OffsetDateTime> {
    let with_seconds = OffsetDateTime::parse(text, &Rfc3339).ok();
    with_seconds
        .or_else(|| {
            text.strip_suffix('Z')
                .and_then(|front| OffsetDateTime::parse(&format!("{front}:00Z"), &Rfc3339).ok())
        })
        .or_else(|| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339).ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn a_signature_tells_its_scope_and_its_end() {
        let text =
            "sv=2022-11-02&ss=b&srt=sco&sp=rl&se=2099-01-01T08%3A00%3A00Z&spr=https&sig={{base64:42}}M%3D";
        let facts = facts(check("azure-sas", &made(text, 1)));
        assert_eq!(handle(&facts, "permissions").as_deref(), Some("rl"));
        assert_eq!(handle(&facts, "expires").as_deref(), Some("2099-01-01T08:00:00Z"));
        assert_eq!(facts.severity, None);
    }

    #[test]
    fn one_that_has_ended_is_information() {
        for end in ["2019-01-01T08:00:00Z", "2019-01-01T08:00Z", "2019-01-01"] {
            let text = made(&format!("sp=r&se={end}&sv=2018-03-28&sr=b&sig={{{{base62:42}}}}M="), 2);
            assert_eq!(facts(check("azure-sas", &text)).severity, Some(Severity::Info), "{end}");
        }
    }

    #[test]
    fn a_stored_policy_has_the_end() {
        let text = made("sv=2021-08-06&si=readers&sr=c&sig={{base62:42}}M%3D", 3);
        assert!(matches!(check("azure-sas", &text), Verdict::Plausible(_)));
    }

    #[test]
    fn other_queries_fail() {
        for text in [
            "sv=2022-11-02&se=2099-01-01&sig={{base62:20}}",
            "sv=7&se=2099-01-01&sig={{base62:42}}M%3D",
            "sv=2022-11-02&sig={{base62:42}}M%3D",
            "sv=2022-11-02&se=soon&sig={{base62:42}}M%3D",
            "se=2099-01-01&sig={{base62:42}}M%3D",
        ] {
            assert_eq!(check("azure-sas", &made(text, 4)), Verdict::Failed, "{text}");
        }
    }
}
