//! The registry behind the gate: requests and answers pass as they are, but for what belongs to one connection
//! alone (RFC 9110, section 7.6.1), and for addresses of the registry in answers, which become the gate's.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use reqwest::Client as Connections;
use tracing::warn;
use url::Url;

use super::{error, path};
use crate::registry::{Client, RegistryError, Settings};

/// How long the registry may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may be silent. It may have much to do before it answers to the last piece of a large blob.
const SILENCE: Duration = Duration::from_secs(300);

/// What is a connection's own.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The registry.
pub struct Upstream {
    base: Url,
    connections: Connections,
    client: Client,
    /// As references name it.
    registry: String,
}

/// Why there is no way to the registry.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address is none.
    #[error(
        "--upstream: the registry's address is http://HOST[:PORT] or https://HOST[:PORT], and nothing more"
    )]
    Address,
    /// The settings cannot be used.
    #[error("--upstream: {0}")]
    Settings(String),
}

impl From<RegistryError> for UpstreamError {
    fn from(error: RegistryError) -> Self {
        Self::Settings(error.to_string())
    }
}

impl Upstream {
    /// The registry at this address, reached with these settings.
    ///
    /// # Errors
    /// When it is no address, or a file of the settings cannot be used.
    pub fn new(address: &str, settings: &Settings) -> Result<Self, UpstreamError> {
        let base = Url::parse(address).map_err(|_| UpstreamError::Address)?;
        let host = base.host_str().filter(|_| matches!(base.scheme(), "http" | "https"));
        let is_plain = base.path() == "/" && base.query().is_none() && base.username().is_empty();
        let host = host.filter(|_| is_plain && base.password().is_none()).ok_or(UpstreamError::Address)?;
        let registry = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        // Loopback registries are asked over https first; here the operator has said how.
        let plain_http = base.scheme() == "http";
        let settings = Settings { plain_http, mirrors: Vec::new(), only_public: false, ..settings.clone() };
        let client = Client::new(&settings)?;
        let mut builder = Connections::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .http1_only()
            .tls_danger_accept_invalid_certs(settings.insecure);
        if let Some(file) = &settings.ca_file {
            let failed = |error: &dyn std::fmt::Display| {
                UpstreamError::Settings(format!("cannot use the certificates in {}: {error}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|error| failed(&error))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| failed(&"it is no PEM"))?;
            builder = builder.tls_certs_merge(found);
        }
        let wrong = |error: reqwest::Error| UpstreamError::Settings(error.to_string());
        Ok(Self { base, connections: builder.build().map_err(wrong)?, client, registry })
    }

    /// The registry's name in references.
    pub(super) fn registry(&self) -> &str {
        &self.registry
    }

    /// The registry as one asks it who sent this as `Authorization`: nobody sees more through the gate than
    /// without it.
    pub(super) fn as_caller(&self, authorization: Option<HeaderValue>) -> Client {
        self.client.as_caller(authorization)
    }

    /// Passes a request on, and its answer back.
    pub(super) async fn send(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let is_empty = !head.headers.contains_key(header::CONTENT_LENGTH)
            && !head.headers.contains_key(header::TRANSFER_ENCODING);
        let body = if is_empty { None } else { Some(reqwest::Body::wrap(OneAtATime::new(body))) };
        self.send_parts(&head.method, &head.uri, &head.headers, body).await
    }

    /// Passes a request on that has this body.
    pub(super) async fn send_parts(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<reqwest::Body>,
    ) -> Response {
        if *method != Method::GET && *method != Method::HEAD && path::is_ambiguous(uri.path()) {
            return error(
                StatusCode::BAD_REQUEST,
                "NAME_INVALID",
                "the path has characters that no name has",
            );
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let Ok(url) = Url::parse(&format!("{}{target}", self.base.as_str().trim_end_matches('/'))) else {
            return error(StatusCode::BAD_REQUEST, "NAME_INVALID", "the address is none");
        };
        let mut request = self.connections.request(method.clone(), url).headers(passing(headers));
        if let Some(body) = body {
            request = request.body(body);
        }
        match request.send().await {
            Ok(answer) => self.answer(answer),
            Err(cause) => {
                warn!(registry = self.registry, why = %cause.without_url(), "the registry behind the gate does not answer");
                let message = "the registry behind the gate does not answer";
                (StatusCode::BAD_GATEWAY, error(StatusCode::BAD_GATEWAY, "UNAVAILABLE", message))
                    .into_response()
            }
        }
    }

    fn answer(&self, answer: reqwest::Response) -> Response {
        let (head, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = head.status;
        *response.headers_mut() = passing(&head.headers);
        if let Some(length) = head.headers.get(header::CONTENT_LENGTH) {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.clone());
        }
        let places = [header::LOCATION, header::LINK];
        for name in places {
            let own = response.headers().get(&name).and_then(|value| self.without_host(value));
            if let Some(own) = own {
                response.headers_mut().insert(name, own);
            }
        }
        response
    }

    /// An address of the registry as one of whoever is asked: without scheme and host.
    fn without_host(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let text = value.to_str().ok()?;
        let front = self.base.as_str().trim_end_matches('/');
        // `Link` has its address in angle brackets.
        let (bracket, address) = match text.strip_prefix('<') {
            Some(rest) => ("<", rest),
            None => ("", text),
        };
        let rest = address.strip_prefix(front)?;
        rest.starts_with('/').then(|| HeaderValue::from_str(&format!("{bracket}{rest}")).ok())?
    }
}

/// A body that several threads may know of, of which one at a time has it in hand.
pub(super) struct OneAtATime<B>(Mutex<B>);

impl<B> OneAtATime<B> {
    /// This body.
    pub(super) fn new(body: B) -> Self {
        Self(Mutex::new(body))
    }
}

impl<B: http_body::Body + Unpin> http_body::Body for OneAtATime<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(self.0.get_mut().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// The headers that pass.
fn passing(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let passes = |name: &HeaderName| {
        let name = name.as_str();
        !HOP_BY_HOP.contains(&name) && name != "host" && !named.iter().any(|other| other == name)
    };
    headers
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(address: &str) -> Result<Upstream, UpstreamError> {
        Upstream::new(address, &Settings::default())
    }

    #[test]
    fn the_address_is_a_host_and_nothing_more() {
        for right in ["http://localhost:5000", "https://registry.example/", "http://[::1]:5000"] {
            assert!(upstream(right).is_ok(), "{right}");
        }
        for wrong in ["registry:5000", "ftp://r", "http://r/v2", "http://u:p@r", "http://r?x", ""] {
            assert!(matches!(upstream(wrong), Err(UpstreamError::Address)), "{wrong}");
        }
    }

    #[test]
    fn the_registrys_addresses_become_the_gates() {
        let upstream = upstream("http://localhost:5000").expect("a registry");
        let own = |text: &'static str| {
            let value = upstream.without_host(&HeaderValue::from_static(text))?;
            value.to_str().map(str::to_owned).ok()
        };
        assert_eq!(
            own("http://localhost:5000/v2/a/blobs/uploads/1?_state=x").as_deref(),
            Some("/v2/a/blobs/uploads/1?_state=x")
        );
        assert_eq!(
            own("<http://localhost:5000/v2/_catalog?n=1>; rel=\"next\"").as_deref(),
            Some("</v2/_catalog?n=1>; rel=\"next\"")
        );
        for other in ["http://localhost:50001/v2/", "https://storage.example/x", "/v2/a"] {
            assert_eq!(own(other), None, "{other}");
        }
    }

    #[test]
    fn what_belongs_to_one_connection_does_not_pass() {
        let pairs = [
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("host", "gate"),
            ("accept", "a/b"),
        ];
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let left: Vec<String> = passing(&headers).keys().map(ToString::to_string).collect();
        assert_eq!(left, ["accept"]);
    }
}
