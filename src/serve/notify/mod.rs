//! What registries tell of pushes: it is queued, and examined before anybody asks. Deliveries get lost, so the
//! registry's own lists are gone through now and then. A registry's notifications are a file here that reads them,
//! and a route.

mod distribution;
mod harbor;
mod pushed;
mod reconcile;
mod zot;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tracing::info;

pub use pushed::{NotifyError, Pushed};
pub use reconcile::reconcile;

use super::door::{self, Door, Token};
use super::queue::Refused;
use super::service::Service;
use crate::limits;
use crate::registry::Repository;

/// Whose notifications come in, and how they are known.
#[derive(Clone)]
struct Listener {
    door: Door,
    /// The registry, as references name it: what notifications say of it is not believed.
    registry: Arc<str>,
    token: Option<Token>,
}

/// Reads the body of a notification.
type Reader = fn(&HeaderMap, &[u8]) -> Result<Vec<Pushed>, NotifyError>;

/// The door's routes.
pub fn routes(service: Arc<Service>, registry: &str, token: Option<Token>) -> Router {
    let listener = Listener { door: Door::new("notify", service), registry: registry.into(), token };
    let read = |source: &'static str, reader: Reader| {
        post(move |State(listener): State<Listener>, request: Request| {
            accept(listener, source, reader, request)
        })
    };
    Router::new()
        .route("/notify/distribution", read("distribution", |_, body| distribution::parse(body)))
        .route("/notify/harbor", read("harbor", |_, body| harbor::parse(body)))
        .route("/notify/zot", read("zot", zot::parse))
        .with_state(listener)
}

async fn accept(listener: Listener, source: &'static str, reader: Reader, request: Request) -> Response {
    let Listener { door, registry, token } = listener;
    if token.is_some_and(|token| !token.is_in(request.headers())) {
        return door::unauthorized();
    }
    let Some(_permit) = door.enter() else { return door.busy() };
    let (head, body) = request.into_parts();
    let body = match door::body(body, limits::NOTIFICATION).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let pushes = match reader(&head.headers, &body) {
        Ok(pushes) => pushes,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    door.service.metrics.notified(source, pushes.len());
    let service = Arc::clone(&door.service);
    // Each is on disk before the registry hears that it was accepted.
    let queued = tokio::task::spawn_blocking(move || queue(&service, source, &registry, &pushes)).await;
    match queued {
        Ok(Ok(())) => StatusCode::ACCEPTED.into_response(),
        Ok(Err(refused)) => {
            door.service.metrics.busy("notify");
            door::come_back(30, &refused.to_string())
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn queue(service: &Service, source: &str, registry: &str, pushes: &[Pushed]) -> Result<(), Refused> {
    for push in pushes {
        let repository = Repository { registry: registry.to_owned(), name: push.repository.clone() };
        service.pushed(&repository, &push.reference)?;
        info!(source, image = format!("{}@{}", repository.whole_name(), push.reference), "pushed");
    }
    Ok(())
}
