//! Webhooks of Harbor: `PUSH_ARTIFACT` and what the same was called before.

use serde::Deserialize;
use serde_json::Value;

use super::pushed::{NotifyError, Pushed};

/// Artifacts of one notification.
const RESOURCES: usize = 1_000;

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    #[serde(default)]
    event_data: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventData {
    resources: Vec<Resource>,
    repository: Repository,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    digest: String,
    tag: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Repository {
    repo_full_name: String,
}

/// The pushes; events of other kinds are none.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Pushed>, NotifyError> {
    let Envelope { r#type, event_data } =
        serde_json::from_slice(body).map_err(|error| NotifyError::of("Harbor", &error))?;
    if !matches!(r#type.as_str(), "PUSH_ARTIFACT" | "pushImage") {
        return Ok(Vec::new());
    }
    let event_data: EventData =
        serde_json::from_value(event_data).map_err(|error| NotifyError::of("Harbor", &error))?;
    if event_data.resources.len() > RESOURCES {
        return Err(NotifyError::TooMany(RESOURCES));
    }
    let name = &event_data.repository.repo_full_name;
    let pushed = |resource: &Resource| {
        // A push by digest has the digest in place of the tag.
        let tag = Some(resource.tag.as_str()).filter(|tag| !tag.is_empty() && !tag.contains(':'));
        Pushed::new(name, Some(&resource.digest), tag)
    };
    Ok(event_data.resources.iter().filter_map(pushed).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_push_is_told_with_its_digest() {
        let digest = format!("sha256:{}", "0b".repeat(32));
        let body = |kind: &str| {
            json!({
                "type": kind, "occur_at": 1_680_501_893, "operator": "harbor-jobservice",
                "event_data": {
                    "resources": [
                        { "digest": digest, "tag": "1.0", "resource_url": "harbor.example/shop/api:1.0" },
                        { "digest": "none", "tag": "2.0" },
                        { "digest": digest, "tag": digest },
                    ],
                    "repository": { "name": "api", "namespace": "shop", "repo_full_name": "shop/api", "repo_type": "private" }
                }
            })
            .to_string()
        };
        let pushed = parse(body("PUSH_ARTIFACT").as_bytes()).expect("a push");
        let references: Vec<&str> = pushed.iter().map(|push| push.reference.as_str()).collect();
        assert_eq!(references, [&digest, "2.0", &digest]);
        assert!(pushed.iter().all(|push| push.repository == "shop/api"));
        assert!(parse(body("PULL_ARTIFACT").as_bytes()).expect("another").is_empty());
        assert!(parse(b"{\"event_data\": {}}").is_err());
    }
}
