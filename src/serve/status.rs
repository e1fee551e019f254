//! How the server is: for those who run it, not for those who ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::door::{Token, unauthorized};
use super::service::Service;

/// What the API of the server is, for tools.
const OPENAPI: &str = include_str!("openapi.json");

#[derive(Clone)]
struct Status {
    service: Arc<Service>,
    stopping: Arc<AtomicBool>,
    token: Option<Token>,
}

/// The routes; `/metrics` needs the token, where there is one.
pub fn routes(service: Arc<Service>, stopping: Arc<AtomicBool>, token: Option<Token>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .with_state(Status { service, stopping, token })
}

async fn ready(State(status): State<Status>) -> Response {
    let unready = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    match () {
        () if status.stopping.load(Ordering::Relaxed) => unready("stopping\n"),
        () if status.service.queue.is_full() => unready("the queue is full\n"),
        () => "ready\n".into_response(),
    }
}

async fn metrics(State(status): State<Status>, headers: HeaderMap) -> Response {
    if status.token.is_some_and(|token| !token.is_in(&headers)) {
        return unauthorized();
    }
    let text = status.service.metrics.text(status.service.queue.len(), status.service.store.len());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
