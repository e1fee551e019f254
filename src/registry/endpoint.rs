//! Who is asked for a repository: mirrors in their order, the registry at last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci_client::Reference;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};

use super::auth::{Auth, Visit};
use super::error::{ErrorKind, RegistryError};
use super::hosts::{Host, Shared};
use super::transport::{Reply, Request, Transport};
use super::{Mirror, Settings};

/// Docker Hub as references name it, and where it is.
pub(super) const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// `docker.io` or `host[:port]`.
    pub registry: String,
    /// `library/alpine`.
    pub name: String,
}

impl Repository {
    /// Registry and repository, as references have them.
    pub fn whole_name(&self) -> String {
        format!("{}/{}", self.registry, self.name)
    }
}

impl From<&Reference> for Repository {
    fn from(reference: &Reference) -> Self {
        Self { registry: reference.registry().to_owned(), name: reference.repository().to_owned() }
    }
}

/// All registries of a run, and the way to them.
pub(super) struct Endpoints {
    pub(super) transport: Transport,
    shared: Arc<Shared>,
    mirrors: Vec<Mirror>,
    pub(super) foreign_layers: bool,
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

/// A registry that has the repository: a mirror, or itself.
pub(super) struct Endpoint {
    pub(super) host: Arc<Host>,
    /// As credentials are looked up.
    pub(super) registry: String,
    /// The repository's name there.
    pub(super) repository: String,
    /// Whether another one follows.
    pub(super) is_mirror: bool,
}

impl Endpoints {
    pub(super) fn new(settings: &Settings, transport: Transport) -> Result<Self, RegistryError> {
        Ok(Self {
            transport,
            shared: Arc::new(Shared::new(settings)?),
            mirrors: settings.mirrors.clone(),
            foreign_layers: settings.foreign_layers,
            hosts: Arc::default(),
        })
    }

    /// The same hosts and connections, asked with `authorization` alone, or as nobody.
    pub(super) fn as_caller(&self, authorization: Option<HeaderValue>) -> Self {
        let Transport { secrets, timeout, retries, .. } = &self.transport;
        let transport = Transport {
            auth: Auth::of_caller(authorization, Arc::clone(secrets), *timeout),
            secrets: Arc::clone(secrets),
            timeout: *timeout,
            retries: *retries,
        };
        Self {
            transport,
            shared: Arc::clone(&self.shared),
            mirrors: self.mirrors.clone(),
            foreign_layers: self.foreign_layers,
            hosts: Arc::clone(&self.hosts),
        }
    }

    /// How many hosts were asked.
    pub(super) fn hosts(&self) -> usize {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Who has the repository: mirrors in their order, the registry at last.
    pub(super) fn of(&self, repository: &Repository) -> Result<Vec<Endpoint>, RegistryError> {
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

    pub(super) async fn send<'e>(
        &self,
        endpoint: &'e Endpoint,
        method: Method,
        path: String,
        headers: HeaderMap,
        anonymous: bool,
    ) -> Result<Reply<'e>, RegistryError> {
        self.transport.send(&self.request(endpoint, method, path, headers, anonymous)).await
    }

    pub(super) fn request<'e>(
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
    pub(super) async fn first<T>(
        &self,
        repository: &Repository,
        ask: impl AsyncFn(&Endpoint) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut last = RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
        for endpoint in self.of(repository)? {
            match ask(&endpoint).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
