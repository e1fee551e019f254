//! One request to its answer: sent where the guard lets it go, with what the registry asked for, and
//! again where that may help. Bodies are read elsewhere.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use time::OffsetDateTime;
use tokio::sync::SemaphorePermit;
use url::Url;

use super::auth::{Auth, Grant, Visit};
use super::body;
use super::challenge::challenges;
use super::error::{ErrorKind, Failure, RegistryError};
use super::exchange::{self, Call};
use super::retry::{backoff, retry_after};
use super::throttle;
use super::words::{self, Secrets};
use crate::limits::REGISTRY_RETRY_AFTER;

/// What requests have in common.
pub(super) struct Transport {
    pub(super) auth: Auth,
    pub(super) secrets: Arc<Secrets>,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
}

/// What is asked of a registry.
pub(super) struct Request<'a> {
    pub(super) visit: Visit<'a>,
    pub(super) method: Method,
    /// Behind the registry's address: `v2/…`, or a whole address of a further page.
    pub(super) path: String,
    /// Beside what every request has.
    pub(super) headers: HeaderMap,
    /// How often to try again.
    pub(super) retries: u32,
}

/// An answer, and the right to read it: the host's other requests may have to wait for its end.
pub(super) struct Reply<'a> {
    response: Option<Response>,
    headers: HeaderMap,
    /// What was asked, before redirects.
    pub(super) url: Url,
    /// Whether it took credentials of the user.
    pub(super) with_credentials: bool,
    _permit: SemaphorePermit<'a>,
}

impl Reply<'_> {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The answer itself, once; an empty one after that.
    pub(super) fn take(&mut self) -> Response {
        self.response.take().unwrap_or_else(|| Response::from(http::Response::new("")))
    }
}

impl Transport {
    /// Sends a request until it has an answer of success, or none is to be had.
    pub(super) async fn send<'a>(&self, request: &Request<'a>) -> Result<Reply<'a>, RegistryError> {
        let host = request.visit.host;
        let retries = if host.silence.is_expected() { 0 } else { request.retries };
        let mut attempt = 0;
        loop {
            let failure = match self.attempt(request).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            attempt += 1;
            if !failure.is_passing() || attempt > retries.min(failure.retries_at_most()) {
                host.silence.give_up(attempt);
                return Err(failure.error);
            }
            match failure.wait {
                Some(wait) if wait > REGISTRY_RETRY_AFTER => return Err(failure.error),
                Some(wait) => host.pause(wait),
                None => tokio::time::sleep(backoff(attempt)).await,
            }
        }
    }

    /// Sends a request and reads all of its answer, as often as that may help.
    pub(super) async fn send_whole<'a>(
        &self,
        request: &Request<'a>,
        limit: u64,
        what: &str,
    ) -> Result<(Vec<u8>, Reply<'a>), RegistryError> {
        let mut attempt = 0;
        loop {
            let mut reply = self.send(request).await?;
            let failure = match body::whole(reply.take(), limit, self.timeout, what).await {
                Ok(bytes) => return Ok((bytes, reply)),
                Err(error) => Failure::from(error),
            };
            attempt += 1;
            if !failure.is_passing() || attempt > request.retries.min(failure.retries_at_most()) {
                return Err(failure.error);
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }

    async fn attempt<'a>(&self, request: &Request<'a>) -> Result<Reply<'a>, Failure> {
        let host = request.visit.host;
        let closed = |_| RegistryError::new(ErrorKind::Unavailable, "the client is closed");
        let permit = host.permits.acquire().await.map_err(closed)?;
        loop {
            let wait = host.paused_for();
            if wait.is_zero() {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        let base = host.base().await?;
        let url = base.join(&request.path).map_err(|_| {
            RegistryError::new(
                ErrorKind::Invalid,
                format!("{}: no address for '{}'", host.name, request.path),
            )
        })?;
        let mut used = self.auth.grant(&request.visit).await.map_err(|error| error.about(&host.name))?;
        let mut response = self.exchange(request, &url, used.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let offered = challenges(response.headers());
            if offered.is_empty() {
                return Err(self.refusal(request, response, used.as_ref()).await);
            }
            let answer = self.auth.answer(&request.visit, &offered, used.as_ref()).await;
            let grant = answer.map_err(|error| error.about(&host.name))?;
            response = self.exchange(request, &url, Some(&grant)).await?;
            used = Some(grant);
        }
        if response.status().is_success() {
            let with_credentials = used.is_some_and(|grant| grant.with_credentials);
            let headers = response.headers().clone();
            Ok(Reply { response: Some(response), headers, url, with_credentials, _permit: permit })
        } else {
            Err(self.refusal(request, response, used.as_ref()).await)
        }
    }

    async fn exchange(
        &self,
        request: &Request<'_>,
        url: &Url,
        grant: Option<&Grant>,
    ) -> Result<Response, RegistryError> {
        let authorization = grant.and_then(|grant| grant.header.clone());
        let call = Call { method: request.method.clone(), url: url.clone(), authorization, body: None };
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        exchange::follow(request.visit.host, call, self.timeout, &headers).await
    }

    /// What an answer without success means.
    pub(super) async fn refusal(
        &self,
        request: &Request<'_>,
        response: Response,
        grant: Option<&Grant>,
    ) -> Failure {
        let (status, headers) = (response.status(), response.headers().clone());
        let host = &request.visit.host.name;
        let words = words::read(response, self.timeout, &self.secrets).await;
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        let with_credentials = grant.is_some_and(|grant| grant.with_credentials);
        let problem = grant.and_then(|grant| grant.problem.as_ref());
        let problem = problem.map_or_else(String::new, |problem| format!(" ({problem})"));
        let kind = match status {
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
            StatusCode::RANGE_NOT_SATISFIABLE => ErrorKind::Range,
            StatusCode::REQUEST_TIMEOUT => ErrorKind::Unavailable,
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ErrorKind::Unavailable,
            _ => ErrorKind::Unsupported,
        };
        let wait = retry_after(&headers, OffsetDateTime::now_utc());
        let message = match kind {
            ErrorKind::NotFound => format!("{host} has no such thing (404{said})"),
            ErrorKind::Denied if with_credentials => {
                format!("{host} does not let these credentials in ({}{said})", status.as_u16())
            }
            ErrorKind::Denied => format!(
                "{host} asks for credentials ({}{said}): {}{problem}",
                status.as_u16(),
                super::login_command(request.visit.registry)
            ),
            ErrorKind::Throttled => {
                throttle::message(request.visit.registry, &headers, wait, with_credentials, &said)
            }
            _ => format!("{host} answered {}{said}", status.as_u16()),
        };
        Failure { error: RegistryError::new(kind, message), wait }
    }
}

/// A header for what is wanted.
pub(super) fn accept(media_types: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(media_types))])
}
