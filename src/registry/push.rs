//! The push side of the distribution specification, as far as images go as they are: blobs by one upload each, or
//! not at all where the registry has them, and manifests byte by byte.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::sync::mpsc::{Receiver, channel};
use url::Url;

use super::client::Client;
use super::endpoint::{Endpoint, Endpoints, Repository};
use super::error::{ErrorKind, Failure, RegistryError};
use super::guard;
use super::retry::backoff;
use crate::image::digest::Digest;
use crate::limits::BLOB_TIME;

/// Bytes of a blob that are sent at once.
const PIECE: usize = 256 * 1024;

/// Pieces that wait to be sent.
const WAITING: usize = 4;

/// Opens a blob from its start: once for each attempt.
pub type OpenBlob<'a> = &'a (dyn Fn() -> io::Result<Box<dyn Read + Send>> + Sync);

impl Client {
    /// Pushes a blob, unless the repository has it. From `other`, a repository of the same registry, it is
    /// mounted where that can be done.
    ///
    /// # Errors
    /// When it cannot be read or sent, or the registry does not take it: it holds what comes against the
    /// digest.
    pub fn push_blob(
        &self,
        repository: &Repository,
        (digest, size): (&Digest, u64),
        other: Option<&Repository>,
        open: OpenBlob<'_>,
    ) -> Result<(), RegistryError> {
        let about = |error: RegistryError| error.about(&format!("blob {digest}"));
        let all = &self.endpoints;
        let endpoint = own(all, repository)?;
        self.wait(async {
            if all.has(&endpoint, &format!("blobs/{digest}")).await? {
                return Ok(());
            }
            let mut attempt = 0;
            loop {
                let failure = match upload(all, &endpoint, (digest, size), other, open).await {
                    Ok(()) => return Ok(()),
                    Err(failure) => failure,
                };
                attempt += 1;
                if !failure.is_passing() || attempt > all.transport.retries.min(failure.retries_at_most()) {
                    return Err(failure.error);
                }
                tokio::time::sleep(failure.wait.unwrap_or_else(|| backoff(attempt))).await;
            }
        })
        .map_err(about)
    }

    /// Pushes a manifest or index as it is, under a tag or its digest.
    ///
    /// # Errors
    /// When the registry does not take it, or says that it has another digest.
    pub fn push_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let digest = Digest::sha256_of(bytes);
        let all = &self.endpoints;
        let endpoint = own(all, repository)?;
        let path = format!("v2/{}/manifests/{reference}", endpoint.repository);
        let sent = self.wait(async {
            let url = address(&endpoint, &path).await?;
            let body = Bytes::copy_from_slice(bytes);
            send(all, &endpoint, (Method::PUT, &url), media_type, || Ok(body.clone().into())).await
        });
        let headers = sent.map_err(|failure| failure.error.about(&format!("manifest {reference}")))?;
        let said = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        match said.and_then(|said| said.parse::<Digest>().ok()) {
            Some(said) if said.of_same_algorithm(bytes) != said => {
                let message =
                    format!("the registry says that {digest} is {said}: it did not take it as it is");
                Err(RegistryError::new(ErrorKind::Invalid, message))
            }
            _ => Ok(()),
        }
    }
}

/// The registry itself: nothing is pushed to a mirror.
fn own(all: &Endpoints, repository: &Repository) -> Result<Endpoint, RegistryError> {
    let none = || RegistryError::new(ErrorKind::Settings, "there is no registry to push to");
    all.of(repository)?.pop().ok_or_else(none)
}

async fn upload(
    all: &Endpoints,
    endpoint: &Endpoint,
    (digest, size): (&Digest, u64),
    other: Option<&Repository>,
    open: OpenBlob<'_>,
) -> Result<(), Failure> {
    let mut path = format!("v2/{}/blobs/uploads/", endpoint.repository);
    if let Some(other) = other {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("mount", &digest.to_string()).append_pair("from", &other.name);
        path = format!("{path}?{}", query.finish());
    }
    let reply = all.send(endpoint, Method::POST, path, HeaderMap::new(), false).await?;
    let mut reply = reply;
    if reply.take().status() == StatusCode::CREATED {
        return Ok(());
    }
    let location = reply.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let invalid = || RegistryError::new(ErrorKind::Invalid, "the registry says no place to upload to");
    let mut url = location.and_then(|location| reply.url.join(location).ok()).ok_or_else(invalid)?;
    drop(reply);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    guard::check(endpoint.host.base().await?, endpoint.host.reach(), &url)?;
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    let body = || Ok(reqwest::Body::wrap(Upload::of(open()?, size)));
    send(all, endpoint, (Method::PUT, &url), "application/octet-stream", body).await?;
    Ok(())
}

async fn address(endpoint: &Endpoint, path: &str) -> Result<Url, RegistryError> {
    let wrong = |_| RegistryError::new(ErrorKind::Invalid, format!("no address for '{path}'"));
    endpoint.host.base().await?.join(path).map_err(wrong)
}

/// Sends something with a body, logged in where that is asked for; the headers of the answer. Redirects are
/// not followed: what is sent has one place to go.
async fn send(
    all: &Endpoints,
    endpoint: &Endpoint,
    (method, url): (Method, &Url),
    media_type: &str,
    body: impl Fn() -> io::Result<reqwest::Body>,
) -> Result<HeaderMap, Failure> {
    let host = &endpoint.host;
    let request = all.request(endpoint, method.clone(), String::new(), HeaderMap::new(), false);
    let is_own = url.origin() == host.base().await?.origin();
    let mut grant = all.transport.auth.grant(&request.visit).await?;
    for is_last in [false, true] {
        let body = body().map_err(|error| RegistryError::new(ErrorKind::Invalid, error.to_string()))?;
        let mut sent = host.client(is_own).request(method.clone(), url.clone());
        sent = sent.header(CONTENT_TYPE, media_type).body(body);
        if let Some(header) = grant.as_ref().and_then(|grant| grant.header.clone()).filter(|_| is_own) {
            sent = sent.header(AUTHORIZATION, header);
        }
        let late =
            |_| RegistryError::new(ErrorKind::TimedOut, format!("{} does not answer in time", host.name));
        let answer = tokio::time::timeout(BLOB_TIME, sent.send()).await.map_err(late)?;
        let broken = |error| host.with_proxy(RegistryError::of_connection(&host.name, &error));
        let response = answer.map_err(broken)?;
        let offered = super::challenge::challenges(response.headers());
        if response.status() == StatusCode::UNAUTHORIZED && !is_last && is_own && !offered.is_empty() {
            grant = Some(all.transport.auth.answer(&request.visit, &offered, grant.as_ref()).await?);
            continue;
        }
        if response.status().is_success() {
            return Ok(response.headers().clone());
        }
        return Err(all.transport.refusal(&request, response, grant.as_ref()).await);
    }
    Err(RegistryError::new(ErrorKind::Denied, format!("{} asks again and again", host.name)).into())
}

/// A blob on its way.
struct Upload {
    pieces: Receiver<io::Result<Bytes>>,
    left: u64,
}

impl Upload {
    /// The bytes of `blob`, which another thread reads.
    fn of(mut blob: Box<dyn Read + Send>, size: u64) -> Self {
        let (sender, pieces) = channel(WAITING);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = blob.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let piece = match read {
                    Ok(0) => return,
                    Ok(_) => Ok(Bytes::from(piece)),
                    Err(error) => Err(error),
                };
                let broken = piece.is_err();
                if sender.blocking_send(piece).is_err() || broken {
                    return;
                }
            }
        });
        Self { pieces, left: size }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = match self.pieces.poll_recv(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(piece) => piece,
        };
        Poll::Ready(match piece {
            None if self.left > 0 => Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
            None => None,
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(bytes)) => match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(Frame::data(bytes)))
                }
                None => Some(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is longer than its descriptor says",
                ))),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
