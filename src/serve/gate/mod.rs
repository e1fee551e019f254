//! The registry's door: a reverse proxy that judges a manifest when it is pushed. Everything else passes as it is;
//! blobs are read on their way, so that the verdict is there when the manifest comes. What comes without bytes (a
//! mounted blob, one that is there already) is known from before or read from the registry.
//!
//! ```text
//! PUT …/manifests/REF        manifest.rs   judged, then passed on or answered with 403 DENIED
//! …/blobs/uploads/…          upload.rs     passed on, and read
//! all else                   upstream.rs   passed on
//! ```

mod manifest;
mod path;
mod upload;
mod upstream;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use self::path::Route;
use self::upload::Uploads;
pub use self::upstream::{Upstream, UpstreamError};
use super::door::Door;
use super::service::Service;

/// What the gate's handlers know.
#[derive(Clone)]
struct Gate {
    door: Door,
    upstream: Arc<Upstream>,
    uploads: Arc<Uploads>,
    /// Further paths that pass as they are.
    also: Arc<[String]>,
}

/// The door's routes: every path of the distribution API, and those that begin with one of `also`.
pub fn routes(service: Arc<Service>, upstream: Upstream, also: &[String]) -> Router {
    let uploads = Arc::new(Uploads::new(Arc::clone(&service)));
    let (upstream, also) = (Arc::new(upstream), also.into());
    let gate = Gate { door: Door::new("gate", service), upstream, uploads, also };
    Router::new().fallback(pass).with_state(gate)
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let Some(permit) = gate.door.enter() else {
        gate.door.service.metrics.busy("gate");
        let wait = [(header::RETRY_AFTER, "1")];
        return (wait, error(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many requests at once"))
            .into_response();
    };
    let route = path::route(request.method(), request.uri().path());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS);
    let path = request.uri().path();
    let is_passed =
        path == "/v2" || path.starts_with("/v2/") || gate.also.iter().any(|front| path.starts_with(front));
    let response = match route {
        Some(Route::Manifest { repository, reference }) if request.method() == Method::PUT => {
            manifest::put(&gate, repository, reference, request).await
        }
        Some(Route::Upload) => upload::pass(&gate, request).await,
        // Whatever else a registry would let in, it lets it in unseen.
        _ if !is_passed => error(StatusCode::NOT_FOUND, "UNSUPPORTED", "the gate serves /v2/ alone"),
        _ if !reads && path.starts_with("/v2") => {
            error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the gate knows no such way to push")
        }
        _ => gate.upstream.send(request).await,
    };
    drop(permit);
    response
}

/// An error in the form of the distribution specification. Clients print the message, so it says all.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
