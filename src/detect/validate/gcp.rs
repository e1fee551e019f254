//! The JSON key file of a Google Cloud service account, as a file or escaped inside another string.

use serde_json::{Map, Value};

use super::{Candidate, Facts, Verdict, pem};

/// How often the file's text may have been put into another JSON string.
const ESCAPED: usize = 2;

/// An object whose `type` is `service_account`, with a private key that parses. Canonical: the key's DER.
pub(super) fn service_account(candidate: Candidate<'_>) -> Verdict {
    let Some(object) = object(candidate.text()) else { return Verdict::Failed };
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    if field("type") != "service_account" {
        return Verdict::Failed;
    }
    let private_key = field("private_key").as_bytes();
    let Verdict::Proven(key) = pem::private_key(Candidate { key: private_key, matched: private_key }) else {
        return Verdict::Failed;
    };
    let mut facts = Facts { canonical: key.canonical, ..Facts::default() };
    for (name, handle) in
        [("project_id", "project"), ("client_email", "account"), ("private_key_id", "key-id")]
    {
        let value = field(name);
        if !value.is_empty() && value.len() <= 200 {
            facts = facts.with(handle, value);
        }
    }
    facts.handles.extend(key.handles.into_iter().filter(|(name, _)| name != "type"));
    Verdict::Proven(facts)
}

/// The object in `text`, from which a level or two of backslashes may have to go first.
fn object(text: &str) -> Option<Map<String, Value>> {
    let mut text = text.to_owned();
    for _ in 0..=ESCAPED {
        if let Ok(object) =
            serde_json::from_str(&text).or_else(|_| serde_json::from_str(&with_escapes(&text)))
        {
            return Some(object);
        }
        text = serde_json::from_str::<String>(&format!("\"{}\"", text.replace('\n', "\\n"))).ok()?;
    }
    None
}

/// JSON whose strings hold newlines as such, because somebody undid their escapes: escaped again.
fn with_escapes(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let mut whole = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            '\n' if quoted => {
                whole.push_str("\\n");
                continue;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        whole.push(character);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn the_file_is_read_plain_and_escaped() {
        for template in [
            "{{gcp-service-account}}",
            "{{json-escaped:{{gcp-service-account}}}}",
            "{{json-escaped:{{json-escaped:{{gcp-service-account}}}}}}",
        ] {
            let facts = facts(check("gcp-service-account", &made(template, 6)));
            assert!(
                handle(&facts, "project").is_some_and(|project| project.starts_with("app-")),
                "{template}"
            );
            assert_eq!(handle(&facts, "bits").as_deref(), Some("1128"));
            assert!(facts.canonical.is_some());
        }
    }

    #[test]
    fn a_file_whose_escapes_were_undone_is_read() {
        let file = made("{{gcp-service-account}}", 6).replace("\\n", "\n");
        assert!(matches!(check("gcp-service-account", &file), Verdict::Proven(_)));
    }

    #[test]
    fn a_dummy_key_fails() {
        let dummy = "{\"type\":\"service_account\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\"}";
        assert_eq!(check("gcp-service-account", dummy), Verdict::Failed);
        assert_eq!(check("gcp-service-account", "{\"type\":\"authorized_user\"}"), Verdict::Failed);
    }
}
