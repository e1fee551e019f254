//! What a registry says of a refusal: its own words, bounded, on one line, without any credential that it
//! repeats.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;

use super::credentials::Secret;
use super::error::one_line;
use crate::limits::REGISTRY_ERROR;

/// Every credential and token of the run: none is repeated, whoever sends it back.
#[derive(Debug, Default)]
pub(super) struct Secrets(Mutex<Vec<Secret>>);

impl Secrets {
    /// Adds what must not be shown. What is too short to be told from other text is not looked for.
    pub(super) fn add(&self, text: &str) {
        const SHORTEST: usize = 4;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() >= SHORTEST && !known.iter().any(|secret| secret.expose() == text) {
            known.push(Secret::new(text.to_owned()));
        }
    }

    /// `text` without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "…"))
    }
}

/// The body of a refusal, as a line; empty where it says nothing that people read.
pub(super) async fn read(mut response: Response, limit: Duration, secrets: &Secrets) -> String {
    let mut body = Vec::new();
    let gather = async {
        while let Ok(Some(piece)) = response.chunk().await {
            let room = REGISTRY_ERROR.saturating_sub(body.len());
            body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            if body.len() >= REGISTRY_ERROR {
                break;
            }
        }
    };
    // What came in time is enough to tell.
    let _ = tokio::time::timeout(limit, gather).await;
    one_line(&secrets.hide(&of(&body)))
}

/// The forms of the distribution specification, of token services and of plain text.
fn of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        let is_page = text.trim_start().starts_with(['<', '{', '[']);
        return if is_page { String::new() } else { text.into_owned() };
    };
    let listed: Vec<String> = document.errors.iter().flatten().map(Entry::line).collect();
    if !listed.is_empty() {
        return listed.join("; ");
    }
    let word = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let all = [word(&document.error), word(&document.error_description), word(&document.message)];
    let details = word(&document.details).or_else(|| word(&document.detail));
    all.into_iter().flatten().chain(details).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

#[derive(Deserialize)]
struct Document {
    errors: Option<Vec<Entry>>,
    error: Option<Value>,
    error_description: Option<Value>,
    message: Option<Value>,
    detail: Option<Value>,
    details: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    code: Option<Value>,
    message: Option<Value>,
    detail: Option<Value>,
}

impl Entry {
    fn line(&self) -> String {
        let word = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        let parts = [word(&self.code), word(&self.message), word(&self.detail)];
        parts.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_refusal() {
        let oci =
            br#"{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}},{"code":"X","detail":"y"}]}"#;
        assert_eq!(of(oci), "DENIED: no; X: y");
        assert_eq!(of(br#"{"error":"invalid_grant","error_description":"old"}"#), "invalid_grant: old");
        assert_eq!(of(br#"{"details":"incorrect username or password"}"#), "incorrect username or password");
        assert_eq!(of(b"<html>long</html>"), "");
        assert_eq!(of(b"plain words\n"), "plain words\n");
        assert_eq!(of(b"{\"errors\":[{\"code\":"), "");
        assert_eq!(of(b"null"), "null");
    }

    #[test]
    fn repeats_no_secret() {
        let secrets = Secrets::default();
        secrets.add("hunter2-and-more");
        secrets.add("a");
        assert_eq!(secrets.hide("wrong: hunter2-and-more, a"), "wrong: …, a");
    }
}
