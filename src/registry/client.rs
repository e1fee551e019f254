//! What a registry has: manifests, blobs, tags and referrers of a repository (OCI distribution
//! specification). The calls wait; connections live on the network's runtime.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use oci_client::Reference;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::runtime::Handle;
use url::Url;

use super::auth::{Auth, Visit};
use super::blob::BlobFetch;
use super::credentials::Credentials;
use super::error::{ErrorKind, RegistryError};
use super::guard::Reach;
use super::hosts::{Host, Shared};
use super::transport::{self, Reply, Request, Transport, accept};
use super::words::Secrets;
use super::{Mirror, Settings};
use crate::image::digest::{Digest, Hasher};
use crate::image::manifest::PullableBy;
use crate::limits::MANIFEST;
use crate::network::{self, Prefetched};

/// Docker Hub as references name it, and where it is.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Every form of manifest and index.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `docker.io` or `host[:port]`.
    pub registry: String,
    /// `library/alpine`.
    pub name: String,
}

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
    pub(super) inner: Arc<Inner>,
    runtime: &'static Handle,
}

/// What the client's tasks share.
pub(super) struct Inner {
    pub(super) transport: Transport,
    shared: Shared,
    mirrors: Vec<Mirror>,
    foreign_layers: bool,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// A registry that has the repository: a mirror, or itself.
pub(super) struct Endpoint {
    pub(super) host: Arc<Host>,
    /// As credentials are looked up.
    pub(super) registry: String,
    /// The repository's name there.
    pub(super) repository: String,
    /// Whether another one follows.
    is_mirror: bool,
}

impl From<&Reference> for Repository {
    fn from(reference: &Reference) -> Self {
        Self { registry: reference.registry().to_owned(), name: reference.repository().to_owned() }
    }
}

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
        let inner = Inner {
            transport,
            shared: Shared::new(settings)?,
            mirrors: settings.mirrors.clone(),
            foreign_layers: settings.foreign_layers,
            hosts: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner), runtime })
    }

    /// The manifest or index behind a tag or digest. Of Docker Hub's tags the digest is asked for first:
    /// that does not count as a pull.
    pub fn manifest(&self, repository: &Repository, reference: &str) -> Result<Fetched, RegistryError> {
        self.runtime.block_on(self.inner.manifest(repository, reference))
    }

    /// A blob, from its start. `size` is in bytes, where a descriptor says it. The bytes are not
    /// verified: whoever reads them hashes them.
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<impl Read + Send + use<>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        let endpoints = inner.endpoints(repository)?;
        let mut fetch = BlobFetch::new(digest.clone(), size, inner.transport.timeout);
        let (tell, told) = std::sync::mpsc::channel();
        let body = Prefetched::start(self.runtime, move |sender| async move {
            match fetch.open(&inner, &endpoints).await {
                Ok(reply) => {
                    let _ = tell.send(Ok(()));
                    fetch.run(&inner, &endpoints, reply, sender).await;
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
        if !self.inner.foreign_layers {
            let message =
                "it is kept elsewhere, and foreign places are not followed without --foreign-layers";
            return Err(RegistryError::new(ErrorKind::NotFound, message));
        }
        let response = self.runtime.block_on(self.inner.foreign(repository, urls))?;
        let timeout = self.inner.transport.timeout;
        let body =
            Prefetched::start(self.runtime, move |sender| super::blob::pass(response, size, timeout, sender));
        Ok(Box::new(body))
    }

    /// Who can pull what was fetched: one more request, as nobody, where it took credentials.
    pub fn pullable_by(&self, repository: &Repository, fetched: &Fetched) -> Option<PullableBy> {
        self.runtime.block_on(self.inner.pullable_by(repository, fetched))
    }

    /// Waits for something that lists what a repository has.
    pub(super) fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        self.runtime.block_on(task)
    }
}

impl Inner {
    /// Who has the repository: mirrors in their order, the registry at last.
    pub(super) fn endpoints(&self, repository: &Repository) -> Result<Vec<Endpoint>, RegistryError> {
        let mirrors = self.mirrors.iter().filter(|mirror| mirror.registry == repository.registry);
        let mut endpoints = Vec::new();
        for mirror in mirrors {
            let prefix = mirror.prefix.trim_matches('/');
            let slash = if prefix.is_empty() { "" } else { "/" };
            endpoints.push(Endpoint {
                host: self.host(&mirror.host)?,
                registry: mirror.host.clone(),
                repository: format!("{prefix}{slash}{}", repository.name),
                is_mirror: true,
            });
        }
        let (hub, at) = DOCKER_HUB;
        let host = if repository.registry == hub { at } else { &repository.registry };
        endpoints.push(Endpoint {
            host: self.host(host)?,
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            is_mirror: false,
        });
        Ok(endpoints)
    }

    fn host(&self, name: &str) -> Result<Arc<Host>, RegistryError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(Arc::clone(host));
        }
        let host = Arc::new(self.shared.host(name)?);
        hosts.insert(name.to_owned(), Arc::clone(&host));
        Ok(host)
    }

    /// Sends a GET. A mirror is tried once more at most: there is somebody else to ask.
    pub(super) async fn get<'e>(
        &self,
        endpoint: &'e Endpoint,
        path: String,
        headers: HeaderMap,
    ) -> Result<Reply<'e>, RegistryError> {
        self.send(endpoint, Method::GET, path, headers, false).await
    }

    /// Sends a GET and reads all of its answer. `limit` is in bytes.
    pub(super) async fn get_whole<'e>(
        &self,
        endpoint: &'e Endpoint,
        path: String,
        headers: HeaderMap,
        limit: u64,
        what: &str,
    ) -> Result<(Vec<u8>, Reply<'e>), RegistryError> {
        let request = self.request(endpoint, Method::GET, path, headers, false);
        self.transport.send_whole(&request, limit, what).await
    }

    async fn send<'e>(
        &self,
        endpoint: &'e Endpoint,
        method: Method,
        path: String,
        headers: HeaderMap,
        anonymous: bool,
    ) -> Result<Reply<'e>, RegistryError> {
        self.transport.send(&self.request(endpoint, method, path, headers, anonymous)).await
    }

    fn request<'e>(
        &self,
        endpoint: &'e Endpoint,
        method: Method,
        path: String,
        headers: HeaderMap,
        anonymous: bool,
    ) -> Request<'e> {
        let retries = self.transport.retries.min(if endpoint.is_mirror { 1 } else { u32::MAX });
        let (registry, repository) = (endpoint.registry.as_str(), endpoint.repository.as_str());
        let visit = Visit { host: &endpoint.host, registry, repository, anonymous };
        Request { visit, method, path, headers, retries }
    }

    /// Asks one endpoint after the other, and tells what the last of them said.
    async fn first<T>(
        &self,
        repository: &Repository,
        ask: impl AsyncFn(&Endpoint) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut last = RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
        for endpoint in self.endpoints(repository)? {
            match ask(&endpoint).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

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
        let host = match self.endpoints(repository)?.pop() {
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
        let call = transport::Call { method: Method::GET, url, authorization: None, body: None };
        let place = super::guard::place(&call.url);
        let response = transport::follow(host, call, self.transport.timeout, &[]).await?;
        match response.status().as_u16() {
            200 => Ok(response),
            status => Err(RegistryError::new(
                ErrorKind::NotFound,
                format!("the foreign place {place} answered {status}"),
            )),
        }
    }

    async fn pullable_by(&self, repository: &Repository, fetched: &Fetched) -> Option<PullableBy> {
        let endpoint = self.endpoints(repository).ok()?.pop()?;
        if fetched.served == Served::ByMirror {
            return None;
        }
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
