//! A manifest that is pushed: judged by what is known of its digest, or of what it names, before the registry sees
//! it. What is passed on are the very bytes that were judged.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request};
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::{Gate, error, path};
use crate::image::digest::{Algorithm, Digest, Hasher};
use crate::image::index::{self, Document};
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::registry::{Fetched, Repository, Served};
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
    let Ok(most) = usize::try_from(limits::MANIFEST) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = match door::body(body, most).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let pushed = Pushed::new(repository, reference, &head.headers, body);
    if let Some(refusal) = may_push(gate, &head, &pushed).await {
        return refusal;
    }
    let decision = match judge(gate, &head, &pushed).await {
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
        let manifest = Fetched { bytes, media_type, digest: hasher.finish(), served: Served::ByMirror };
        Self { repository, reference, manifest }
    }

    /// As people name it.
    fn image(&self) -> String {
        let separator = if self.reference.contains(':') { '@' } else { ':' };
        format!("{}{separator}{}", self.repository, self.reference)
    }

    /// What it names and must be there before it: blobs of a manifest, manifests of an index.
    fn parts(&self) -> (&'static str, Vec<Digest>) {
        match index::parse(&self.manifest.bytes, &self.manifest.media_type) {
            Ok(Document::Manifest(manifest)) => {
                let parts = manifest.config.iter().chain(&manifest.layers);
                ("blobs", parts.filter(|part| part.urls.is_empty()).map(|part| part.digest.clone()).collect())
            }
            Ok(Document::Index(index)) => {
                ("manifests", index.manifests.iter().map(|part| part.digest.clone()).collect())
            }
            Err(_) => ("blobs", Vec::new()),
        }
    }
}

/// Asks the registry whether the one who pushes has any business here: nobody else is told what an image holds.
/// A part that is not there is an answer too.
async fn may_push(gate: &Gate, head: &request::Parts, pushed: &Pushed) -> Option<Response> {
    let (kind, parts) = pushed.parts();
    let part = parts.first().unwrap_or(&pushed.manifest.digest);
    let response = head_of(gate, head, pushed, kind, part).await?;
    matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN).then(|| {
        let mut refusal = error(response.status(), "UNAUTHORIZED", "the registry wants to know who pushes");
        if let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) {
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
        }
        refusal
    })
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
    let every = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                 application/vnd.docker.distribution.manifest.v2+json, \
                 application/vnd.docker.distribution.manifest.list.v2+json";
    headers.insert(header::ACCEPT, HeaderValue::from_static(every));
    Some(gate.upstream.send_parts(&Method::HEAD, &uri, &headers, None).await)
}

async fn judge(gate: &Gate, head: &request::Parts, pushed: &Pushed) -> Result<Decision, Response> {
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
    if let Some(facts) = service.store.get(&wanted.name()) {
        return Ok(policy.image(&question, &facts));
    }
    let until = Instant::now() + limits::GATE_VERDICT;
    gate.uploads.settle(until).await;
    let examined = examine(gate, head.headers.get(header::AUTHORIZATION).cloned(), pushed, wanted);
    let deadline = tokio::time::Instant::from_std(until);
    let facts = match tokio::time::timeout_at(deadline, examined).await {
        Ok(Ok(facts)) => facts,
        Ok(Err(failure)) => return Ok(policy.unknown(&question, &failure.message, true)),
        Err(_) => {
            let why = "there is no verdict yet; it is being examined, so push it again in a minute";
            return Ok(policy.unknown(&question, why, true));
        }
    };
    // A manifest that comes before its blobs would bring them in unseen.
    if facts.incomplete.is_some() {
        let (kind, parts) = pushed.parts();
        for part in parts {
            let answered = head_of(gate, head, pushed, kind, &part).await;
            if answered.is_some_and(|answer| answer.status() == StatusCode::NOT_FOUND) {
                let message = format!("keyseam: {part} is not in the registry; push it before the manifest");
                return Err(error(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", &message));
            }
        }
    }
    Ok(policy.image(&question, &facts))
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
    let examined = tokio::task::spawn_blocking(move || {
        fault::point("gate-examines");
        let source = source::with_manifest(wanted.image(), manifest, client, repository);
        let facts = service.examiner.images(&source, &wanted.image(), &PlatformSet::All, &*uploads);
        let facts = facts.map_err(|error| Failure {
            message: service.shown(&error.to_string()).to_string(),
            is_passing: true,
        })?;
        let facts = Arc::new(facts);
        if let Err(error) = service.store.put(&name, &facts) {
            tracing::warn!(%error, "what was found cannot be written to disk");
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
