//! Events of zot: CloudEvents 1.0 over HTTP, structured (the event is the body) or binary (it is in the headers).

use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::pushed::{NotifyError, Pushed, is_manifest};

/// An image was pushed or changed.
const UPDATED: &str = "zotregistry.image.updated";

#[derive(Deserialize)]
struct Structured {
    r#type: String,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    name: String,
    reference: String,
    digest: String,
    media_type: String,
}

/// The push of an event; events of other kinds tell of none.
pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Pushed>, NotifyError> {
    let wrong = |error: serde_json::Error| NotifyError::of("zot", &error);
    let (kind, data): (String, Data) = match headers.get("ce-type").and_then(|kind| kind.to_str().ok()) {
        Some(kind) if kind != UPDATED => return Ok(Vec::new()),
        Some(kind) => (kind.to_owned(), serde_json::from_slice(body).map_err(wrong)?),
        None => {
            let Structured { r#type, data } = serde_json::from_slice(body).map_err(wrong)?;
            if r#type != UPDATED {
                return Ok(Vec::new());
            }
            (r#type, serde_json::from_value(data).map_err(wrong)?)
        }
    };
    if kind != UPDATED || !(data.media_type.is_empty() || is_manifest(&data.media_type)) {
        return Ok(Vec::new());
    }
    let tag =
        Some(data.reference.as_str()).filter(|reference| !reference.is_empty() && !reference.contains(':'));
    let digest = if data.digest.is_empty() { &data.reference } else { &data.digest };
    Ok(Pushed::new(&data.name, Some(digest), tag).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_of_an_event_are_read() {
        let digest = format!("sha256:{}", "0c".repeat(32));
        let data = json!({
            "name": "shop/api", "reference": "1.0", "digest": digest,
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifest": "{}"
        });
        let event = |kind: &str| json!({ "specversion": "1.0", "id": "1", "source": "zot", "type": kind, "data": data });
        let structured = parse(&HeaderMap::new(), event(UPDATED).to_string().as_bytes()).expect("an event");
        let headers = |kind: &'static str| {
            HeaderMap::from_iter([("ce-type".parse().expect("a name"), kind.parse().expect("a value"))])
        };
        let binary = parse(&headers(UPDATED), data.to_string().as_bytes()).expect("an event");
        assert_eq!(structured, [Pushed { repository: "shop/api".to_owned(), reference: digest }]);
        assert_eq!(structured, binary);
        let deleted = "zotregistry.image.deleted";
        assert!(parse(&HeaderMap::new(), event(deleted).to_string().as_bytes()).expect("another").is_empty());
        assert!(parse(&headers(deleted), b"no JSON").expect("another").is_empty());
        assert!(parse(&HeaderMap::new(), b"no JSON").is_err());
    }
}
