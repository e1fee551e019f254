//! Notifications of distribution (Docker's registry), versions 1 and 2, and of what sends the like. Their URLs are
//! never used: where an image is, the operator says.

use serde::Deserialize;
use serde_json::Value;

use super::pushed::{NotifyError, Pushed, is_manifest};

/// Events of one notification.
const EVENTS: usize = 1_000;

#[derive(Deserialize)]
struct Envelope {
    events: Vec<Value>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    request: Option<Request>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    media_type: String,
    digest: String,
    repository: String,
    tag: String,
}

#[derive(Deserialize, Default)]
struct Request {
    #[serde(default)]
    useragent: String,
}

/// The pushes of manifests, without those of keyseam's own.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Pushed>, NotifyError> {
    let Envelope { events } =
        serde_json::from_slice(body).map_err(|error| NotifyError::of("distribution", &error))?;
    if events.len() > EVENTS {
        return Err(NotifyError::TooMany(EVENTS));
    }
    // An event that cannot be read is none of a push; the others of its batch count all the same.
    let events = events.into_iter().filter_map(|event| serde_json::from_value::<Event>(event).ok());
    Ok(events.filter_map(|event| pushed(&event)).collect())
}

fn pushed(event: &Event) -> Option<Pushed> {
    let Target { media_type, digest, repository, tag } = event.target.as_ref()?;
    let is_push = matches!(event.action.as_deref(), Some("push" | "mount")) && is_manifest(media_type);
    let own = event.request.as_ref().is_some_and(|request| request.useragent.starts_with("keyseam/"));
    let tag = Some(tag.as_str()).filter(|tag| !tag.is_empty());
    if is_push && !own { Pushed::new(repository, Some(digest), tag) } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(action: &str, media_type: &str, tag: &str, agent: &str) -> Value {
        json!({
            "id": "1", "timestamp": "2026-11-30T00:00:00Z", "action": action,
            "target": {
                "mediaType": media_type, "size": 524, "digest": format!("sha256:{}", "0a".repeat(32)), "length": 524,
                "repository": "shop/api", "url": "http://169.254.169.254/v2/", "tag": tag
            },
            "request": { "id": "2", "addr": "10.0.0.1", "host": "evil.example", "method": "PUT", "useragent": agent },
            "actor": {}, "source": { "addr": "r:5000", "instanceID": "3" }
        })
    }

    #[test]
    fn only_pushes_of_images_by_others_count() {
        let manifest = "application/vnd.docker.distribution.manifest.v2+json";
        let index = "application/vnd.oci.image.index.v1+json";
        let events = json!({ "events": [
            event("push", manifest, "1", "docker/28"),
            event("mount", index, "", "skopeo/1.9"),
            event("pull", manifest, "1", "docker/28"),
            event("delete", manifest, "1", "docker/28"),
            event("push", "application/octet-stream", "", "docker/28"),
            event("push", manifest, "1", "keyseam/0.1.0"),
            event("push", index, &format!("sha256-{}", "0a".repeat(32)), "oras"),
        ]});
        let pushed = parse(events.to_string().as_bytes()).expect("events");
        let digest = format!("sha256:{}", "0a".repeat(32));
        let expected = Pushed { repository: "shop/api".to_owned(), reference: digest };
        assert_eq!(pushed, [expected.clone(), expected]);
    }

    #[test]
    fn what_is_none_is_refused_or_left_out() {
        for wrong in ["", "[]", "{}", "{\"events\": 1}"] {
            let error = parse(wrong.as_bytes()).expect_err(wrong).to_string();
            assert!(error.starts_with("it is no notification of distribution: "), "{error}");
        }
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let mut odd = event("push", manifest, "1", "x");
        odd["target"]["repository"] = "../../etc".into();
        let digest = format!("sha256:{}", "0a".repeat(32));
        for hidden in ["shop/api:1".to_owned(), format!("shop/api@{digest}")] {
            let mut event = event("push", manifest, "", "x");
            event["target"]["repository"] = hidden.into();
            let body = json!({ "events": [event] }).to_string();
            assert!(parse(body.as_bytes()).expect("events").is_empty());
        }
        let mut other = event("push", manifest, "", "x");
        other["target"]["digest"] = "sha256:short".into();
        let mut bare = event("push", manifest, "1", "x");
        bare["request"] = Value::Null;
        let body = json!({ "events": [{ "target": null }, 7, bare] }).to_string();
        assert_eq!(parse(body.as_bytes()).expect("events").len(), 1, "one odd event hides no other");
        let body = json!({ "events": [odd, other] }).to_string();
        assert!(parse(body.as_bytes()).expect("events").is_empty());
        let many = json!({ "events": vec![event("push", manifest, "1", "x"); EVENTS + 1] }).to_string();
        assert!(matches!(parse(many.as_bytes()), Err(NotifyError::TooMany(_))));
    }
}
