//! A manifest that is pushed: judged by what is known of its digest, or of what it names, before the registry sees
//! it. What is passed on are the very bytes that were judged.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request};
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::{Gate, error, path};
use crate::image::digest::{Algorithm, Digest, Hasher};
use crate::image::index::{self, Document, DocumentError};
use crate::image::media_type;
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::registry::{Fetched, MANIFESTS, Repository, Served};
use crate::serve::door;
use crate::serve::facts::Facts;
use crate::serve::fault;
use crate::serve::policy::{Decision, Question, Verdict};
use crate::serve::queue::{Failure, Wanted};
use crate::serve::service::today;
use crate::source;

/// Columns of a `Warning` header's text.
const WARNING: usize = 1_000;

/// Answers a PUT.
pub(super) async fn put(gate: &Gate, repository: String, reference: String, request: Request) -> Response {
    let start = Instant::now();
    let (head, body) = request.into_parts();
    if path::is_ambiguous(head.uri.path()) || !path::is_reference(&reference) {
        return error(StatusCode::BAD_REQUEST, "TAG_INVALID", "a manifest has a tag or a digest");
    }
    // The registry could take another of them than the gate.
    if head.headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "a manifest has one media type");
    }
    let Ok(most) = usize::try_from(limits::MANIFEST) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = match door::body(body, most).await {
        Ok(body) => body,
        Err(failed) => return error(failed.status(), "SIZE_INVALID", &failed.to_string()),
    };
    let pushed = Pushed::new(repository, reference, &head.headers, body);
    let until = start + limits::GATE_VERDICT;
    match before(until, may_push(gate, &head, &pushed)).await {
        Some(Ok(())) => {}
        Some(Err(refusal)) => return refusal,
        None => return no_answer(),
    }
    let decision = match judge(gate, &head, &pushed, until).await {
        Ok(decision) => decision,
        Err(response) => return response,
    };
    gate.door.service.metrics.decided("gate", decision.verdict.word(), decision.admitted, start.elapsed());
    if let Some(line) = &decision.line {
        let verdict = decision.verdict.word();
        info!(image = pushed.image(), verdict, admitted = decision.admitted, why = line, "push");
    }
    fault::point("gate-judged");
    let line = decision.line.as_ref().map(|line| format!("keyseam: {line}"));
    match (decision.admitted, line) {
        (true, line) => {
            let body = reqwest::Body::from(pushed.manifest.bytes);
            let response = gate.upstream.send_parts(&Method::PUT, &head.uri, &head.headers, Some(body)).await;
            fault::point("gate-passed");
            with_warning(response, line.as_deref())
        }
        // Another attempt finds a verdict.
        (false, line) if decision.verdict == Verdict::Unknown => {
            let message = line.unwrap_or_default();
            let wait = [(header::RETRY_AFTER, "10")];
            (wait, error(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", &message)).into_response()
        }
        (false, line) => error(StatusCode::FORBIDDEN, "DENIED", &line.unwrap_or_default()),
    }
}

/// What is pushed.
struct Pushed {
    repository: String,
    reference: String,
    manifest: Fetched,
    /// What it names and must be there before it, or why that cannot be told.
    parts: Result<Parts, DocumentError>,
}

/// Blobs of a manifest, or manifests of an index.
struct Parts {
    /// The word for them in addresses.
    kind: &'static str,
    digests: Vec<Digest>,
}

impl Pushed {
    fn new(repository: String, reference: String, headers: &HeaderMap, bytes: Vec<u8>) -> Self {
        let algorithm = reference.parse::<Digest>().map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // Parameters are no part of the type.
        let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        let parts = index::parse(&bytes, &media_type).map(|document| Parts::of(&document));
        let manifest = Fetched { bytes, media_type, digest: hasher.finish(), served: Served::ByMirror };
        Self { repository, reference, manifest, parts }
    }

    /// As people name it.
    fn image(&self) -> String {
        let separator = if self.reference.contains(':') { '@' } else { ':' };
        format!("{}{separator}{}", self.repository, self.reference)
    }
}

impl Parts {
    /// Addresses elsewhere are no reason to do without a blob, unless its type says that registries do not have it:
    /// clients take it from the registry.
    fn of(document: &Document) -> Self {
        match document {
            Document::Manifest(manifest) => {
                let parts = manifest.config.iter().chain(&manifest.layers);
                let parts = parts.filter(|part| !media_type::is_foreign(&part.media_type));
                Self { kind: "blobs", digests: parts.map(|part| part.digest.clone()).collect() }
            }
            Document::Index(index) => {
                let digests = index.manifests.iter().map(|part| part.digest.clone()).collect();
                Self { kind: "manifests", digests }
            }
        }
    }
}

/// What comes of it, unless it takes longer.
async fn before<T>(until: Instant, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(until.into(), future).await.ok()
}

fn no_answer() -> Response {
    error(StatusCode::BAD_GATEWAY, "UNAVAILABLE", "the registry behind the gate does not answer")
}

/// Asks the registry whether the one who pushes has any business here: nobody else is told what an image holds.
/// A part that is not there is an answer too.
async fn may_push(gate: &Gate, head: &request::Parts, pushed: &Pushed) -> Result<(), Response> {
    let first = pushed.parts.as_ref().ok().and_then(|parts| Some((parts.kind, parts.digests.first()?)));
    let (kind, part) = first.unwrap_or(("blobs", &pushed.manifest.digest));
    let Some(response) = head_of(gate, head, pushed, kind, part).await else { return Ok(()) };
    let code = match response.status() {
        StatusCode::BAD_GATEWAY => return Err(no_answer()),
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "DENIED",
        _ => return Ok(()),
    };
    let mut refusal = error(response.status(), code, "the registry wants to know who pushes");
    for challenge in response.headers().get_all(header::WWW_AUTHENTICATE) {
        refusal.headers_mut().append(header::WWW_AUTHENTICATE, challenge.clone());
    }
    Err(refusal)
}

async fn head_of(
    gate: &Gate,
    head: &request::Parts,
    pushed: &Pushed,
    kind: &str,
    part: &Digest,
) -> Option<Response> {
    let uri: Uri = format!("/v2/{}/{kind}/{part}", pushed.repository).parse().ok()?;
    let mut headers = HeaderMap::new();
    for name in [header::AUTHORIZATION, header::USER_AGENT] {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static(MANIFESTS));
    Some(gate.upstream.send_parts(&Method::HEAD, &uri, &headers, None).await)
}

async fn judge(
    gate: &Gate,
    head: &request::Parts,
    pushed: &Pushed,
    until: Instant,
) -> Result<Decision, Response> {
    let service = &gate.door.service;
    let policy = service.policy.current();
    let image = service.shown(&pushed.image());
    let repository = format!("{}/{}", gate.upstream.registry(), pushed.repository);
    let question = Question { image: &image, repository: Some(&repository), namespace: None, today: today() };
    let wanted = Wanted {
        registry: gate.upstream.registry().to_owned(),
        repository: pushed.repository.clone(),
        reference: pushed.manifest.digest.to_string(),
        platforms: Vec::new(),
    };
    // A registry may read it otherwise, and let in what nobody has seen.
    if let Err(why) = &pushed.parts {
        let why = service.shown(&format!("it is no manifest or index that can be examined: {why}"));
        return Ok(policy.forbidden(&question, &why));
    }
    if let Some(facts) = known(gate, &wanted.name()) {
        return Ok(policy.image(&question, &facts));
    }
    gate.uploads.settle(until).await;
    let examined = examine(gate, head.headers.get(header::AUTHORIZATION).cloned(), pushed, wanted);
    let Some(examined) = before(until, examined).await else {
        let why = "there is no verdict yet; it is being examined, so push it again in a minute";
        return Ok(policy.unknown(&question, why, true));
    };
    let is_whole = examined.as_ref().is_ok_and(|facts| facts.incomplete.is_none());
    if !is_whole && let Some(part) = before(until, missing(gate, head, pushed)).await.flatten() {
        let message = format!("keyseam: {part} is not in the registry; push it before the manifest");
        return Err(error(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", &message));
    }
    Ok(match examined {
        Ok(facts) => policy.image(&question, &facts),
        Err(failure) => policy.unknown(&question, &failure.message, true),
    })
}

/// The first part that is not there. A manifest that comes before its blobs would bring them in unseen.
async fn missing(gate: &Gate, head: &request::Parts, pushed: &Pushed) -> Option<Digest> {
    let parts = pushed.parts.as_ref().ok()?;
    for part in &parts.digests {
        let answered = head_of(gate, head, pushed, parts.kind, part).await;
        if answered.is_some_and(|answer| answer.status() == StatusCode::NOT_FOUND) {
            return Some(part.clone());
        }
    }
    None
}

/// What is known of a manifest. One that was not whole may have got its blobs since.
fn known(gate: &Gate, name: &str) -> Option<Arc<Facts>> {
    gate.door.service.store.get(name).filter(|facts| facts.incomplete.is_none())
}

/// Examines what is pushed, on a thread of its own that goes on when nobody waits any more: a second attempt finds
/// what it has found.
async fn examine(
    gate: &Gate,
    authorization: Option<HeaderValue>,
    pushed: &Pushed,
    wanted: Wanted,
) -> Result<Arc<Facts>, Failure> {
    let service = Arc::clone(&gate.door.service);
    let client = gate.upstream.as_caller(authorization);
    let repository = Repository { registry: wanted.registry.clone(), name: wanted.repository.clone() };
    let (manifest, uploads) = (pushed.manifest.clone(), Arc::clone(&gate.uploads));
    let name = wanted.name();
    let turn = {
        let mut turns = gate.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(name.clone()).or_default())
    };
    let turn = turn.lock_owned().await;
    if let Some(facts) = known(gate, &name) {
        return Ok(facts);
    }
    let room = Arc::clone(&gate.room).acquire_owned().await;
    let examined = tokio::task::spawn_blocking(move || {
        let _held = (turn, room);
        fault::point("gate-examines");
        let source = source::with_manifest(wanted.image(), manifest, client, repository);
        let facts = service.facts(&source, &wanted.image(), &PlatformSet::All, &*uploads)?;
        // Others would take an image that is half there for one that cannot be read.
        if facts.incomplete.is_none() {
            service.keep(&name, &facts);
        }
        Ok(facts)
    });
    let crashed = |_| Failure {
        message: "it could not be examined, for an error of the program".to_owned(),
        is_passing: false,
    };
    examined.await.map_err(crashed)?
}

/// The answer with a warning that clients should show (RFC 7234, section 5.5).
fn with_warning(mut response: Response, line: Option<&str>) -> Response {
    let Some(line) = line else { return response };
    let fits = |c: char| c.is_ascii() && !c.is_ascii_control() && c != '"' && c != '\\';
    let text: String = line.chars().map(|c| if fits(c) { c } else { '.' }).take(WARNING).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
        response.headers_mut().insert(header::WARNING, value);
    }
    response
}
