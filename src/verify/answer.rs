//! From a service's answer to what it says of the key. Whatever is not documented to say something says
//! nothing: unknown is not dead.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Verdict;
use super::request::Request;
use crate::detect::definition::verify::{Condition, Verify};
use crate::limits;
use crate::report::model::{Verification, VerificationStatus};

/// An answer, all of it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// In lower case.
    body: String,
    json: Option<Value>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: HeaderMap, body: Vec<u8>) -> Self {
        let json = serde_json::from_slice(&body).ok();
        Self { status, headers, body: String::from_utf8_lossy(&body).to_lowercase(), json }
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.json.as_ref()?.pointer(pointer)
    }

    /// Whether it is as a condition says.
    fn is(&self, condition: &Condition) -> bool {
        let is_given = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            _ => true,
        };
        condition.status.contains(&self.status)
            && condition.has.iter().all(|pointer| self.at(pointer).is_some_and(is_given))
            && condition.lacks.iter().all(|pointer| self.at(pointer).is_none())
            && condition.is.iter().all(|(pointer, value)| self.at(pointer) == Some(value))
            && condition.header.iter().all(|name| self.headers.contains_key(name.as_str()))
            && (condition.text.is_empty()
                || condition.text.iter().any(|text| self.body.contains(&text.to_lowercase())))
    }
}

/// What `answer` says of the key of `request`.
pub(super) fn verdict(request: &Request, answer: &Answer) -> Verdict {
    let verify = &request.verify;
    let is = |conditions: &[Condition]| conditions.iter().any(|condition| answer.is(condition));
    let (status, reason) = match (is(&verify.live), is(&verify.dead)) {
        (true, false) => (VerificationStatus::Live, None),
        (false, true) => (VerificationStatus::Dead, None),
        (true, true) => (VerificationStatus::Unknown, Some("its answer says both live and dead")),
        (false, false) => {
            (VerificationStatus::Unknown, Some("its answer is none that is documented for this"))
        }
    };
    let reason = match (reason, answer.status) {
        (None, _) if status == VerificationStatus::Dead => caveat(verify),
        (None, _) => None,
        (_, 429) => Some(format!("{} asks for fewer requests (429)", verify.host())),
        (_, 500..) => Some(format!("{} has trouble of its own ({})", verify.host(), answer.status)),
        (Some(reason), status) => Some(format!("{reason} ({status})")),
    };
    let is_known = status != VerificationStatus::Unknown;
    let facts = if is_known { facts(verify, answer) } else { BTreeMap::new() };
    let verification = Verification { status, reason, request: Some(request.shown.clone()), facts };
    Verdict { verification, asked: true }
}

/// Why a key that is refused may work all the same.
fn caveat(verify: &Verify) -> Option<String> {
    let is_paired = verify.templates().any(|template| template.contains("{{companion."));
    let pair = is_paired.then(|| "what was found beside it may belong to another one".to_owned());
    verify.caveat.clone().or(pair).map(|caveat| format!("but {caveat}"))
}

/// What is worth showing of it.
fn facts(verify: &Verify, answer: &Answer) -> BTreeMap<String, String> {
    let found = verify.facts.iter().filter_map(|(name, place)| {
        let text = match place.strip_prefix("header:") {
            Some(header) => answer.headers.get(header)?.to_str().ok()?.to_owned(),
            None => shown(answer.at(place)?)?,
        };
        let short: String = text.chars().take(limits::VERIFY_FACT).collect();
        (!short.trim().is_empty()).then(|| (name.clone(), short))
    });
    found.collect()
}

/// A value in words: lists of them too, and no objects, which nobody looked at.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Array(list) => {
            let words: Vec<String> =
                list.iter().filter(|entry| !entry.is_array()).filter_map(shown).collect();
            (!words.is_empty()).then(|| words.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}
