//! Paths of the distribution API that the gate knows. A path that a registry might read otherwise than the gate
//! is not let through.

use axum::http::Method;

use crate::image::digest::Digest;
use crate::target::reference;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A manifest.
    Manifest {
        /// Its repository.
        repository: String,
        /// A tag or a digest.
        reference: String,
    },
    /// A blob on its way up.
    Upload,
}

/// What a request is for, where the gate has a part in it.
pub(super) fn route(method: &Method, path: &str) -> Option<Route> {
    let rest = path.strip_prefix("/v2/")?;
    if let Some((name, reference)) = rest.rsplit_once("/manifests/")
        && is_name(name)
        && !reference.contains('/')
    {
        return Some(Route::Manifest { repository: name.to_owned(), reference: reference.to_owned() });
    }
    let (name, _) = rest.rsplit_once("/blobs/uploads")?;
    let is_write = matches!(*method, Method::POST | Method::PATCH | Method::PUT);
    (is_write && is_name(name)).then_some(Route::Upload)
}

/// Whether a request would change something by a path that the gate does not read as the registry may: encoded
/// characters, empty and dotted parts.
pub(super) fn is_ambiguous(path: &str) -> bool {
    path.contains(['%', '\\', ';'])
        || path.split('/').skip(1).any(|part| matches!(part, "." | ".."))
        || path.contains("//")
}

/// Whether a text is a repository's name.
fn is_name(text: &str) -> bool {
    reference::parse(&format!("localhost/{text}")).is_ok() && !text.contains([':', '@'])
}

/// Whether a text is a tag or a digest.
pub(super) fn is_reference(text: &str) -> bool {
    text.parse::<Digest>().is_ok() || reference::parse(&format!("localhost/a:{text}")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_uploads_are_known_in_every_repository() {
        let manifest = |repository: &str, reference: &str| {
            Some(Route::Manifest { repository: repository.to_owned(), reference: reference.to_owned() })
        };
        assert_eq!(route(&Method::PUT, "/v2/a/manifests/1"), manifest("a", "1"));
        assert_eq!(route(&Method::PUT, "/v2/a/b/c/manifests/sha256:00"), manifest("a/b/c", "sha256:00"));
        assert_eq!(route(&Method::PUT, "/v2/a/manifests/manifests/1"), manifest("a/manifests", "1"));
        for path in ["/v2/a/blobs/uploads/", "/v2/a/b/blobs/uploads/7b-1", "/v2/a/blobs/uploads"] {
            assert_eq!(route(&Method::POST, path), Some(Route::Upload), "{path}");
            assert_eq!(route(&Method::GET, path), None, "{path}");
        }
        for path in [
            "/v2/",
            "/",
            "/v2/a/tags/list",
            "/v1/a/manifests/1",
            "/v2/A/manifests/1",
            "/v2/a/blobs/sha256:00",
        ] {
            assert_eq!(route(&Method::PUT, path), None, "{path}");
        }
    }

    #[test]
    fn what_may_be_read_otherwise_is_ambiguous() {
        for path in [
            "/v2/a/manifest%73/1",
            "/v2//a/manifests/1",
            "/v2/a/../b/manifests/1",
            "/v2/a/./manifests/1",
            "/v2/a\\b",
        ] {
            assert!(is_ambiguous(path), "{path}");
        }
        assert!(!is_ambiguous("/v2/a/manifests/1.0") && !is_ambiguous("/v2/") && !is_ambiguous("/"));
    }
}
