//! AdmissionReview v1 (`admission.k8s.io/v1`): what an API server asks, and what it is answered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::report::{sanitize, text};
use crate::serve::door::fault_of_json;

/// What an API server asks.
#[derive(Debug)]
pub struct Review {
    /// Names the question; the answer repeats it.
    pub uid: String,
    /// API group of the object; empty for the core's.
    pub group: String,
    /// Kind of the object.
    pub kind: String,
    /// `ephemeralcontainers`, `status`, or nothing.
    pub sub_resource: String,
    /// Namespace of the object; none for what has none.
    pub namespace: Option<String>,
    /// Name of the object, or what its name is to begin with.
    pub name: String,
    /// What is done to it.
    pub operation: Operation,
    /// Whether nothing is to come of it.
    pub dry_run: bool,
    /// As it will be.
    pub object: Value,
    /// As it was.
    pub old_object: Value,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// It goes, or something else that brings no image in.
    Other,
}

/// Why something is no review.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// It is no JSON, or lacks what a review has.
    #[error("it is no AdmissionReview: {0}")]
    Form(String),
    /// It is one of another version.
    #[error("it is an AdmissionReview of another version than admission.k8s.io/v1")]
    Version,
}

/// What an API server is answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// Yes or no.
    pub allowed: bool,
    /// Why not.
    pub message: Option<String>,
    /// What the user is told in any case.
    pub warnings: Vec<String>,
    /// A word for the audit log.
    pub verdict: &'static str,
}

/// Characters of a `uid` and of names.
const NAME: usize = 253;

/// Columns of a warning: `kubectl` and API servers cut longer ones.
const WARNING: usize = 250;

/// Bytes of all warnings: an API server drops what is more than 4 KiB.
const WARNINGS: usize = 4_000;

/// Columns of a message.
const MESSAGE: usize = 1_500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    kind: Kind,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    operation: String,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    kind: String,
}

impl Review {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is no review of version 1.
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let whole: Whole =
            serde_json::from_slice(body).map_err(|error| ReviewError::Form(fault_of_json(&error)))?;
        if whole.api_version != "admission.k8s.io/v1" || whole.kind != "AdmissionReview" {
            return Err(ReviewError::Version);
        }
        let request = whole.request;
        if request.uid.is_empty() || request.uid.len() > NAME {
            return Err(ReviewError::Form(format!("its uid has none or more than {NAME} characters")));
        }
        let generated = request.object.pointer("/metadata/generateName").and_then(Value::as_str);
        let name = request.name.filter(|name| !name.is_empty());
        let name = name.or_else(|| generated.map(str::to_owned)).unwrap_or_default();
        Ok(Self {
            uid: request.uid,
            group: request.kind.group,
            kind: request.kind.kind,
            sub_resource: request.sub_resource.unwrap_or_default(),
            namespace: request.namespace.filter(|namespace| !namespace.is_empty()),
            name,
            operation: match request.operation.as_str() {
                "CREATE" => Operation::Create,
                "UPDATE" => Operation::Update,
                _ => Operation::Other,
            },
            dry_run: request.dry_run.unwrap_or(false),
            object: request.object,
            old_object: request.old_object,
        })
    }

    /// `Deployment shop/web`.
    pub fn title(&self) -> String {
        let namespace = self.namespace.as_ref().map_or_else(String::new, |namespace| format!("{namespace}/"));
        format!("{} {namespace}{}", self.kind, self.name)
    }
}

impl Answer {
    /// The body of the answer.
    pub fn body(&self, uid: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Whole {
            #[serde(rename = "apiVersion")]
            api_version: &'static str,
            kind: &'static str,
            response: Value,
        }
        let mut response = json!({ "uid": uid, "allowed": self.allowed });
        if !self.allowed {
            let message = self.message.as_deref().unwrap_or("the image may not come in");
            let message = text::start(&sanitize::inline(message), MESSAGE, "…");
            // Marks that combine take no column.
            let message: String = message.chars().take(MESSAGE).collect();
            response["status"] = json!({ "code": 403, "reason": "Forbidden", "message": message });
        }
        let warnings = self.bounded_warnings();
        if !warnings.is_empty() {
            response["warnings"] = warnings.into();
        }
        if !self.verdict.is_empty() {
            response["auditAnnotations"] = json!({ "verdict": self.verdict });
        }
        let whole = Whole { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
        serde_json::to_vec(&whole).unwrap_or_default()
    }

    fn bounded_warnings(&self) -> Vec<String> {
        let mut left = WARNINGS;
        let mut warnings = Vec::new();
        for warning in &self.warnings {
            let warning = text::start(&sanitize::inline(warning), WARNING, "…");
            if warning.len() > left {
                break;
            }
            left -= warning.len();
            warnings.push(warning);
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(version: &str, request: &Value) -> Vec<u8> {
        json!({ "apiVersion": version, "kind": "AdmissionReview", "request": request })
            .to_string()
            .into_bytes()
    }

    fn request() -> Value {
        json!({
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
            "namespace": "shop", "operation": "UPDATE", "userInfo": { "username": "admin" },
            "object": { "metadata": { "generateName": "web-" } }, "oldObject": null, "dryRun": true,
            "options": { "kind": "UpdateOptions" }
        })
    }

    #[test]
    fn reads_version_one_alone() {
        let review = Review::parse(&body("admission.k8s.io/v1", &request())).expect("a review");
        assert_eq!(review.title(), "Deployment shop/web-");
        assert!(review.dry_run && review.operation == Operation::Update && review.old_object.is_null());
        let beta = Review::parse(&body("admission.k8s.io/v1beta1", &request()));
        assert!(matches!(beta, Err(ReviewError::Version)));
        let mut long = request();
        long["uid"] = "x".repeat(254).into();
        for wrong in [
            &b"{"[..],
            b"[]",
            b"{}",
            &body("admission.k8s.io/v1", &json!({})),
            &body("admission.k8s.io/v1", &long),
        ] {
            assert!(matches!(Review::parse(wrong), Err(ReviewError::Form(_))));
        }
        let error =
            Review::parse(b"{\"apiVersion\": 1, \"x\": \"word-of-the-body\"}").expect_err("none").to_string();
        assert!(!error.contains("word-of-the-body"), "{error}");
    }

    #[test]
    fn answers_repeat_the_uid_and_stay_within_what_servers_take() {
        let refused = Answer {
            allowed: false,
            message: Some("no\nway".to_owned()),
            warnings: (0..100).map(|number| format!("{number} {}", "é".repeat(300))).collect(),
            verdict: "leaks",
        };
        let answer: Value = serde_json::from_slice(&refused.body("u1")).expect("JSON");
        assert_eq!(answer["response"]["uid"], "u1");
        assert_eq!(answer["response"]["allowed"], false);
        assert_eq!(answer["response"]["status"]["code"], 403);
        assert_eq!(answer["response"]["status"]["message"], "no\\nway");
        assert_eq!(answer["response"]["auditAnnotations"]["verdict"], "leaks");
        let warnings = answer["response"]["warnings"].as_array().expect("warnings");
        let bytes: usize = warnings.iter().filter_map(Value::as_str).map(str::len).sum();
        assert!(!warnings.is_empty() && bytes <= 4_096);
        let marks = Answer { message: Some(format!("a{}", "\u{301}".repeat(10_000))), ..Answer::default() };
        let answer: Value = serde_json::from_slice(&marks.body("u3")).expect("JSON");
        let message = answer["response"]["status"]["message"].as_str().expect("a message");
        assert!(message.chars().count() <= MESSAGE);
        let admitted = Answer { allowed: true, ..Answer::default() };
        let answer: Value = serde_json::from_slice(&admitted.body("u2")).expect("JSON");
        assert_eq!(answer["response"], json!({ "uid": "u2", "allowed": true }));
    }
}
