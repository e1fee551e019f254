//! The Kubernetes door: a ValidatingAdmissionWebhook (`admission.k8s.io/v1`). It answers before the deadline that
//! the API server names, every time: by what is known, or by policy.

pub mod review;
pub mod workload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tracing::info;

use self::review::{Answer, Review};
use self::workload::{NamedImage, Workload, workload};
use super::door::{self, Door};
use super::policy::{Decision, Question, Verdict};
use super::service::{Asking, Service, today};
use crate::limits;

/// How long an API server waits where it does not say so: the default of `timeoutSeconds`.
const DEFAULT: Duration = Duration::from_secs(10);

/// What is left of its time for the answer's way.
const MARGIN: Duration = Duration::from_millis(300);

/// The door's routes.
pub fn routes(service: Arc<Service>) -> Router {
    Router::new().route("/admission", post(answer)).with_state(Door::new("admission", service))
}

async fn answer(State(door): State<Door>, request: Request) -> Response {
    let start = Instant::now();
    let Some(_permit) = door.enter() else { return door.busy() };
    let until = start + deadline(request.uri().query().unwrap_or_default());
    let body = match door::body(request.into_body(), limits::REVIEW).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let review = match Review::parse(&body) {
        Ok(review) => review,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    drop(body);
    let answer = judge(&door.service, &review, until).await;
    door.service.metrics.decided("admission", answer.verdict, answer.allowed, start.elapsed());
    if !answer.allowed || !answer.warnings.is_empty() {
        let why = answer.message.as_ref().or(answer.warnings.first());
        info!(
            object = review.title(),
            allowed = answer.allowed,
            verdict = answer.verdict,
            dry_run = review.dry_run,
            why,
            "admission"
        );
    }
    let body = Body::from(answer.body(&review.uid));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// How long there is: what the API server says (`?timeout=10s`), less the way back.
fn deadline(query: &str) -> Duration {
    let said = query.split('&').find_map(|pair| pair.strip_prefix("timeout="));
    let seconds = said.and_then(|text| match text.strip_suffix("ms") {
        Some(text) => text.parse::<u64>().ok().map(Duration::from_millis),
        None => text.strip_suffix('s').unwrap_or(text).parse::<u64>().ok().map(Duration::from_secs),
    });
    let whole = seconds.unwrap_or(DEFAULT).clamp(Duration::from_millis(100), Duration::from_secs(30));
    // Of one second, a fifth is kept; an API server that waits for less gets what there is.
    whole.saturating_sub(MARGIN.min(whole / 5))
}

async fn judge(service: &Arc<Service>, review: &Review, until: Instant) -> Answer {
    let policy = service.policy.current();
    let namespace = review.namespace.as_deref();
    let admitted = |verdict: Verdict| Answer { allowed: true, verdict: verdict.word(), ..Answer::default() };
    if namespace.is_some_and(|namespace| policy.is_excluded(namespace)) {
        return admitted(Verdict::Unseen);
    }
    let Workload { images, texts, cut, .. } = workload(review, &policy.image_paths);
    let mut decisions = Vec::new();
    if cut.is_some() || !texts.is_empty() {
        let title = service.shown(&review.title());
        let question = Question { image: &title, repository: None, namespace, today: today() };
        decisions.extend(cut.map(|why| policy.forbidden(&question, why)));
        if !texts.is_empty() {
            let facts = service.literals(texts).await;
            decisions.push(policy.literals(&question, &facts));
        }
    }
    decisions.extend(of_images(service, images, namespace, until, !review.dry_run).await);
    combined(&decisions)
}

/// What becomes of each image. What is known is decided at once, the rest together.
async fn of_images(
    service: &Arc<Service>,
    images: Vec<NamedImage>,
    namespace: Option<&str>,
    until: Instant,
    may_queue: bool,
) -> Vec<Decision> {
    if let [image] = images.as_slice() {
        let asking = Asking { namespace, until, may_queue };
        return vec![service.image(&image.reference, &asking).await];
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (number, image) in images.into_iter().enumerate() {
        let (service, namespace) = (Arc::clone(service), namespace.map(str::to_owned));
        tasks.spawn(async move {
            let asking = Asking { namespace: namespace.as_deref(), until, may_queue };
            (number, service.image(&image.reference, &asking).await)
        });
    }
    let mut decisions = tasks.join_all().await;
    decisions.sort_by_key(|(number, _)| *number);
    decisions.into_iter().map(|(_, decision)| decision).collect()
}

/// One answer for all that an object brings in.
fn combined(decisions: &[Decision]) -> Answer {
    let lines = |admitted: bool| {
        decisions
            .iter()
            .filter(move |decision| decision.admitted == admitted)
            .filter_map(|decision| decision.line.clone())
            .map(|line| format!("keyseam: {line}"))
    };
    let refused: Vec<String> = lines(false).collect();
    let verdict = decisions.iter().map(|decision| decision.verdict).max().unwrap_or(Verdict::Clean);
    let worst = decisions.iter().filter(|decision| !decision.admitted).map(|decision| decision.verdict).max();
    Answer {
        allowed: decisions.iter().all(|decision| decision.admitted),
        message: (!refused.is_empty()).then(|| refused.join("; ")),
        warnings: lines(true).collect(),
        verdict: worst.unwrap_or(verdict).word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_the_api_servers_less_the_way_back() {
        for (query, milliseconds) in [
            ("timeout=10s", 9_700),
            ("timeout=1s", 800),
            ("timeout=30s", 29_700),
            ("timeout=500ms", 400),
            ("a=b&timeout=2s", 1_700),
            ("", 9_700),
            ("timeout=0s", 80),
            ("timeout=99999999999s", 29_700),
            ("timeout=soon", 9_700),
        ] {
            assert_eq!(deadline(query).as_millis(), milliseconds, "{query}");
        }
    }

    #[test]
    fn one_refusal_refuses_the_object_and_tells_the_rest() {
        let decision = |verdict, admitted, line: &str| Decision {
            verdict,
            admitted,
            line: (!line.is_empty()).then(|| line.to_owned()),
        };
        let answer = combined(&[
            decision(Verdict::Clean, true, ""),
            decision(Verdict::Leaks, false, "a leaks"),
            decision(Verdict::Unknown, true, "b is not known"),
        ]);
        assert!(!answer.allowed);
        assert_eq!(answer.message.as_deref(), Some("keyseam: a leaks"));
        assert_eq!(answer.warnings, ["keyseam: b is not known"]);
        assert_eq!(answer.verdict, "leaks");
        assert!(combined(&[]).allowed);
    }
}
