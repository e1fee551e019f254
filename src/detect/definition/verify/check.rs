//! What must be right in a table before a key is sent by it. The tables are part of the program, so that tests are the place for it.

use serde_json::Value;
use url::Url;

use super::{Condition, Method, Part, Verify, parts};

impl Condition {
    /// Whether it asks for more than a status, which anything between us and the service may send.
    fn proves(&self) -> bool {
        !(self.has.is_empty() && self.is.is_empty() && self.text.is_empty() && self.header.is_empty())
    }
}

impl Verify {
    /// What is wrong with it. `roles` are the companions of a detector of its file; none where it has no such detector.
    pub(in crate::detect) fn check<'a>(
        &self,
        roles: &dyn Fn(&str) -> Option<Vec<&'a str>>,
    ) -> Result<(), String> {
        let url = Url::parse(&self.url).map_err(|error| format!("'{}': {error}", self.url))?;
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if url.scheme() != "https" || !self.host().contains('.') || !self.host().bytes().all(is_host) {
            return Err(format!("'{}' is no https address of a fixed host", self.url));
        }
        if self.url.split_once('?').is_some_and(|(_, query)| query.contains("{{")) {
            return Err("placeholders of the query stand in 'query', which is encoded".to_owned());
        }
        let has_body = self.json.is_some() || !self.form.is_empty();
        if has_body && self.method != Method::Post || (self.json.is_some() && !self.form.is_empty()) {
            return Err("a 'form' or a 'json' goes with POST, and not both".to_owned());
        }
        if self.json.as_ref().is_some_and(|json| serde_json::from_str::<Value>(json).is_err()) {
            return Err("'json' is no JSON".to_owned());
        }
        let mut is_sent = self.sign.is_some();
        for template in self.templates() {
            for part in parts(template)? {
                is_sent |= matches!(part, Part::Secret | Part::Handle(_));
                let Part::Companion(role) = part else { continue };
                for id in &self.detectors {
                    if roles(id).is_some_and(|roles| !roles.contains(&role)) {
                        return Err(format!("'{id}' has no companion '{role}'"));
                    }
                }
            }
        }
        if !is_sent {
            return Err("the key is nowhere in it".to_owned());
        }
        if let Some(id) = self.detectors.iter().find(|id| roles(id).is_none()) {
            return Err(format!("'{id}' is no detector of its file"));
        }
        let pointers = self.facts.values().filter(|place| !place.starts_with("header:"));
        let conditions = self.live.iter().chain(&self.dead);
        let in_conditions = conditions.flat_map(|one| one.has.iter().chain(&one.lacks).chain(one.is.keys()));
        if let Some(wrong) = pointers.chain(in_conditions).find(|pointer| !pointer.starts_with('/')) {
            return Err(format!("'{wrong}' is no JSON pointer"));
        }
        if self.detectors.is_empty() || self.live.is_empty() {
            return Err("it needs detectors and live".to_owned());
        }
        self.live.iter().try_for_each(|condition| of_status(condition, 204, "live"))?;
        self.dead.iter().try_for_each(|condition| of_status(condition, 401, "dead"))
    }
}

/// A status says something of a key where it is `alone`, or where more proves that the service itself sent it.
fn of_status(condition: &Condition, alone: u16, what: &str) -> Result<(), String> {
    if condition.status.is_empty() {
        return Err(format!("a condition of '{what}' names no status"));
    }
    match condition.status.iter().find(|status| {
        let says_nothing = matches!(status, 300..=399 | 407 | 429 | 500..);
        says_nothing || (**status != alone && !condition.proves())
    }) {
        Some(status) => Err(format!("{status} alone does not say that a key is {what}")),
        None => Ok(()),
    }
}
