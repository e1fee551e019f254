//! What a registry has: manifests, blobs, tags and referrers of a repository (OCI distribution
//! specification). The calls wait; connections live on the network's runtime.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::runtime::Handle;
use url::Url;

use super::Settings;
use super::auth::Auth;
use super::blob::BlobFetch;
use super::body;
use super::credentials::Credentials;
use super::endpoint::{DOCKER_HUB, Endpoint, Endpoints, Repository};
use super::error::{ErrorKind, RegistryError};
use super::exchange::{self, Call};
use super::guard::Reach;
use super::hosts::Host;
use super::transport::{Transport, accept};
use super::words::Secrets;
use crate::image::digest::{Digest, Hasher};
use crate::image::manifest::PullableBy;
use crate::limits::MANIFEST;
use crate::network::{self, Prefetched};

/// Every form of manifest and index.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or index as it was sent, verified by its digest.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The very bytes.
    pub bytes: Vec<u8>,
    /// What the registry calls it; empty where that says nothing.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Who gave it, and to whom.
    pub served: Served,
}

/// Who gave a manifest, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The registry itself, to anybody.
    Openly,
    /// The registry itself, to who has credentials.
    WithCredentials,
    /// A mirror, which says nothing of the registry.
    ByMirror,
}

/// A client for all registries of a run.
#[derive(Clone)]
pub struct Client {
    pub(super) endpoints: Arc<Endpoints>,
    runtime: &'static Handle,
    /// Who can pull, by repository, as far as it was asked.
    pullable: Arc<Mutex<HashMap<Repository, Answered>>>,
}

/// Who can pull a repository, once somebody has asked.
type Answered = Arc<OnceLock<Option<PullableBy>>>;

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Client")
    }
}

impl Client {
    /// A client that has asked nobody yet.
    ///
    /// # Errors
    /// When a file of the settings cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, RegistryError> {
        let wrong = |text: String| RegistryError::new(ErrorKind::Settings, text);
        let runtime = network::runtime().map_err(|error| wrong(error.to_string()))?;
        let credentials = Credentials::new(&settings.credentials, super::credentials::environment)
            .map_err(|error| wrong(error.to_string()))?;
        let secrets = Arc::<Secrets>::default();
        let trusted = settings.trust_realms.clone();
        let transport = Transport {
            auth: Auth::new(credentials, trusted, Arc::clone(&secrets), settings.timeout),
            secrets,
            timeout: settings.timeout,
            retries: settings.retries,
        };
        let endpoints = Arc::new(Endpoints::new(settings, transport)?);
        Ok(Self { endpoints, runtime, pullable: Arc::default() })
    }

    /// The manifest or index behind a tag or digest. Of Docker Hub's tags the digest is asked for first:
    /// that does not count as a pull.
    pub fn manifest(&self, repository: &Repository, reference: &str) -> Result<Fetched, RegistryError> {
        self.runtime.block_on(self.endpoints.manifest(repository, reference))
    }

    /// A blob, from its start. `size` is in bytes, where a descriptor says it. The bytes are not
    /// verified: whoever reads them hashes them.
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<impl Read + Send + use<>, RegistryError> {
        let all = Arc::clone(&self.endpoints);
        let asked = all.of(repository)?;
        let mut fetch = BlobFetch::new(digest.clone(), size, all.transport.timeout);
        let (tell, told) = std::sync::mpsc::channel();
        let body = Prefetched::start(self.runtime, move |sender| async move {
            match fetch.open(&all, &asked).await {
                Ok(reply) => {
                    let _ = tell.send(Ok(()));
                    fetch.run(&all, &asked, reply, sender).await;
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            }
        });
        let closed = |_| RegistryError::new(ErrorKind::Unavailable, "the network thread has ended");
        told.recv().map_err(closed)??;
        Ok(body)
    }

    /// A layer that is kept outside of the registry, from one of its addresses, as nobody in particular.
    /// It ends at `size` bytes, where a descriptor says it, whatever is sent.
    pub fn foreign(
        &self,
        repository: &Repository,
        urls: &[String],
        size: Option<u64>,
    ) -> Result<Box<dyn Read + Send>, RegistryError> {
        if !self.endpoints.foreign_layers {
            let message =
                "it is kept elsewhere, and foreign places are not followed without --foreign-layers";
            return Err(RegistryError::new(ErrorKind::NotFound, message));
        }
        let response = self.runtime.block_on(self.endpoints.foreign(repository, urls))?;
        let timeout = self.endpoints.transport.timeout;
        let reader =
            Prefetched::start(self.runtime, move |sender| body::pass(response, size, timeout, sender));
        Ok(Box::new(reader))
    }

    /// Who can pull what was fetched: one more request for a repository, as nobody, where it took
    /// credentials.
    pub fn pullable_by(&self, repository: &Repository, fetched: &Fetched) -> Option<PullableBy> {
        if fetched.served == Served::ByMirror {
            return None;
        }
        let answered = {
            let mut pullable = self.pullable.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pullable.entry(repository.clone()).or_default())
        };
        // Others that want to know wait for the one who asks.
        *answered.get_or_init(|| self.runtime.block_on(self.endpoints.pullable_by(repository, fetched)))
    }

    /// The same registries, asked with what a caller sent as `Authorization`, or as nobody.
    pub fn as_caller(&self, authorization: Option<HeaderValue>) -> Self {
        let endpoints = Arc::new(self.endpoints.as_caller(authorization));
        Self { endpoints, runtime: self.runtime, pullable: Arc::default() }
    }

    /// How many hosts were asked so far; each is remembered.
    pub fn hosts(&self) -> usize {
        self.endpoints.hosts()
    }

    /// The digest that a tag leads to now: by a HEAD, which transfers no manifest, or by the manifest where the
    /// registry does not say it.
    ///
    /// # Errors
    /// When the registry gives none.
    pub fn digest_of_tag(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> impl Future<Output = Result<Digest, RegistryError>> + Send + use<> {
        let (all, repository, tag) = (Arc::clone(&self.endpoints), repository.clone(), tag.to_owned());
        let task = self.runtime.spawn(async move {
            let mut last = RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
            for endpoint in all.of(&repository)? {
                let digest = match all.digest_of_tag(&endpoint, &tag).await {
                    Ok(Some(digest)) => return Ok(digest),
                    Ok(None) => all.manifest_at(&endpoint, &tag, None).await.map(|fetched| fetched.digest),
                    Err(error) => Err(error),
                };
                match digest {
                    Ok(digest) => return Ok(digest),
                    Err(error) => last = error,
                }
            }
            Err(last)
        });
        async move {
            let ended = |_| RegistryError::new(ErrorKind::Unavailable, "the network thread has ended");
            task.await.map_err(ended)?
        }
    }

    /// As [`Self::digest_of_tag`], waited for.
    ///
    /// # Errors
    /// When the registry gives none.
    pub fn wait_for_digest(&self, repository: &Repository, tag: &str) -> Result<Digest, RegistryError> {
        self.runtime.block_on(self.digest_of_tag(repository, tag))
    }

    /// Waits for something that lists what a repository has.
    pub(super) fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        self.runtime.block_on(task)
    }
}

impl Endpoints {
    pub(super) async fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Fetched, RegistryError> {
        let hub = repository.registry == DOCKER_HUB.0;
        self.first(repository, async |endpoint| {
            let wanted = match (reference.parse::<Digest>(), hub) {
                (Err(_), true) => self.digest_of_tag(endpoint, reference).await?,
                (digest, _) => digest.ok(),
            };
            let reference = wanted.as_ref().map_or_else(|| reference.to_owned(), ToString::to_string);
            self.manifest_at(endpoint, &reference, wanted.as_ref()).await
        })
        .await
    }

    async fn digest_of_tag(&self, endpoint: &Endpoint, tag: &str) -> Result<Option<Digest>, RegistryError> {
        let path = format!("v2/{}/manifests/{tag}", endpoint.repository);
        let reply = self.send(endpoint, Method::HEAD, path, accept(MANIFESTS), false).await?;
        Ok(content_digest(reply.headers()))
    }

    async fn manifest_at(
        &self,
        endpoint: &Endpoint,
        reference: &str,
        wanted: Option<&Digest>,
    ) -> Result<Fetched, RegistryError> {
        let path = format!("v2/{}/manifests/{reference}", endpoint.repository);
        let what = format!("manifest {reference} of {}/{}", endpoint.registry, endpoint.repository);
        let (bytes, reply) = self.get_whole(endpoint, path, accept(MANIFESTS), MANIFEST, &what).await?;
        let (media_type, said) = (media_type(reply.headers()), content_digest(reply.headers()));
        let expected = wanted.or(said.as_ref());
        let mut hasher =
            Hasher::new(expected.map_or(crate::image::digest::Algorithm::Sha256, Digest::algorithm));
        hasher.update(&bytes);
        let digest = hasher.finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            let message = format!("{what} is not what its digest says: {expected}, its bytes are {digest}");
            return Err(RegistryError::new(ErrorKind::Invalid, message));
        }
        let served = match (endpoint.is_mirror, reply.with_credentials) {
            (true, _) => Served::ByMirror,
            (false, true) => Served::WithCredentials,
            (false, false) => Served::Openly,
        };
        Ok(Fetched { bytes, media_type, digest, served })
    }

    async fn foreign(
        &self,
        repository: &Repository,
        urls: &[String],
    ) -> Result<reqwest::Response, RegistryError> {
        let mut last = RegistryError::new(ErrorKind::NotFound, "it is kept elsewhere, at no address");
        let host = match self.of(repository)?.pop() {
            Some(endpoint) => endpoint.host,
            None => return Err(last),
        };
        for text in urls {
            match self.foreign_at(&host, text).await {
                Ok(response) => return Ok(response),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn foreign_at(&self, host: &Host, text: &str) -> Result<reqwest::Response, RegistryError> {
        let wrong = |_| RegistryError::new(ErrorKind::Invalid, "its foreign place is no address");
        let mut url = Url::parse(text).map_err(wrong)?;
        let _ = url.set_username("");
        let _ = url.set_password(None);
        super::guard::check(host.base().await?, host.reach(), &url)?;
        let call = Call { method: Method::GET, url, authorization: None, body: None };
        let place = super::guard::place(&call.url);
        let response = exchange::follow(host, call, self.transport.timeout, &[]).await?;
        match response.status().as_u16() {
            200 => Ok(response),
            status => Err(RegistryError::new(
                ErrorKind::NotFound,
                format!("the foreign place {place} answered {status}"),
            )),
        }
    }

    async fn pullable_by(&self, repository: &Repository, fetched: &Fetched) -> Option<PullableBy> {
        let endpoint = self.of(repository).ok()?.pop()?;
        if fetched.served == Served::WithCredentials {
            let path = format!("v2/{}/manifests/{}", endpoint.repository, fetched.digest);
            match self.send(&endpoint, Method::HEAD, path, accept(MANIFESTS), true).await {
                Ok(_) => {}
                Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) => {
                    return Some(PullableBy::Credentials);
                }
                Err(_) => return None,
            }
        }
        Some(if endpoint.host.reach() == Reach::Public { PullableBy::Anyone } else { PullableBy::Network })
    }
}

/// The media type of a body; empty for those that servers give to anything.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Types are the same in any case (RFC 9110, section 8.3.1).
    let bare = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match bare.as_str() {
        "application/json" | "application/octet-stream" | "binary/octet-stream" | "text/plain" => {
            String::new()
        }
        _ => bare,
    }
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}
