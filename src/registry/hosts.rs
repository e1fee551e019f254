//! One registry host: its address, its connections and its manners. Settings are per host, so that what
//! holds for one (a certificate, http, a pause) never holds for another.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, redirect};
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use super::Settings;
use super::credentials::Secret;
use super::error::{ErrorKind, RegistryError, causes};
use super::guard::Reach;
use super::retry::Silence;
use crate::limits::{REGISTRY_CONNECT, REGISTRY_CONNECTIONS};

/// A host that speaks the distribution protocol.
pub(super) struct Host {
    /// `host[:port]`, as in references.
    pub(super) name: String,
    /// How many requests may be under way.
    pub(super) permits: Semaphore,
    /// Connections to the host itself, which the user named.
    own: Client,
    /// Connections to where it leads, which it named.
    elsewhere: Client,
    reach: Arc<OnceLock<Reach>>,
    /// http, https, or to be found out.
    base: OnceCell<Url>,
    pause: Mutex<Option<Instant>>,
    /// Whether it answers at all.
    pub(super) silence: Silence,
    timeout: Duration,
    /// The proxy that connections may go through, for people.
    proxy: Option<String>,
}

/// What all hosts share: files that were read, names of proxies.
pub(super) struct Shared {
    settings: Settings,
    authority: Vec<Certificate>,
    identity: Option<Identity>,
    proxies: Arc<HashSet<String>>,
}

impl Shared {
    pub(super) fn new(settings: &Settings) -> Result<Self, RegistryError> {
        let authority = settings.ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let identity = match (&settings.cert, &settings.key) {
            (Some(cert), Some(key)) => Some(identity(cert, key)?),
            _ => None,
        };
        let proxies = Arc::new(proxy_hosts(settings.proxy.as_ref().map(Secret::expose)));
        Ok(Self { settings: settings.clone(), authority, identity, proxies })
    }

    /// A host by the name that references have for it.
    pub(super) fn host(&self, name: &str) -> Result<Host, RegistryError> {
        let invalid = |_| RegistryError::new(ErrorKind::Settings, format!("'{name}' is no host"));
        let https = Url::parse(&format!("https://{name}/")).map_err(invalid)?;
        let local = Reach::of_host(&https) == Some(Reach::Loopback);
        // A mirror is the operator's own choice.
        let is_mirror = self.settings.mirrors.iter().any(|mirror| mirror.host == name);
        let only_public = self.settings.only_public && !is_mirror;
        if only_public && Reach::of_host(&https).is_some_and(|reach| reach != Reach::Public) {
            return Err(not_public(name));
        }
        let reach = Arc::new(OnceLock::new());
        if let Some(known) = Reach::of_host(&https) {
            let _ = reach.set(known);
        }
        let found = Arc::clone(&reach);
        let proxies = || Arc::clone(&self.proxies);
        let own = Resolver { reach: Arc::clone(&reach), own: !only_public, proxies: proxies() };
        let elsewhere = Resolver { reach, own: false, proxies: proxies() };
        let folders = certificate_folders(name);
        let mut builder = self.builder(local)?.dns_resolver(Arc::new(own));
        // Its token service and storage are often of the same authority.
        let trusted = folder_certificates(&folders)?;
        builder = builder.tls_certs_merge(trusted.clone());
        if let Some(identity) = folder_identity(&folders)?.or_else(|| self.identity.clone()) {
            builder = builder.identity(identity);
        }
        let failed = |error: reqwest::Error| {
            let cause = causes(&error).last().map(ToString::to_string).unwrap_or_default();
            RegistryError::new(ErrorKind::Settings, format!("connections cannot be set up: {cause}"))
        };
        let base = OnceCell::new();
        if self.settings.plain_http || !local {
            let scheme = if self.settings.plain_http { "http" } else { "https" };
            let _ = base.set(Url::parse(&format!("{scheme}://{name}/")).map_err(invalid)?);
        }
        Ok(Host {
            name: name.to_owned(),
            permits: Semaphore::new(REGISTRY_CONNECTIONS),
            own: builder.build().map_err(failed)?,
            elsewhere: {
                let builder = self.builder(local)?.dns_resolver(Arc::new(elsewhere));
                builder.tls_certs_merge(trusted).build().map_err(failed)?
            },
            reach: found,
            base,
            pause: Mutex::new(None),
            silence: Silence::default(),
            timeout: self.settings.timeout,
            proxy: self.proxies.iter().min().filter(|_| !local).cloned(),
        })
    }

    /// What holds for every connection. A proxy is for what is not on this machine.
    fn builder(&self, local: bool) -> Result<ClientBuilder, RegistryError> {
        let builder = Client::builder()
            .user_agent(concat!("keyseam/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.settings.timeout.min(REGISTRY_CONNECT))
            .tls_certs_merge(self.authority.iter().cloned())
            .tls_danger_accept_invalid_certs(self.settings.insecure);
        match &self.settings.proxy {
            _ if local => Ok(builder.no_proxy()),
            None => Ok(builder),
            Some(proxy) => {
                let wrong =
                    |_| RegistryError::new(ErrorKind::Settings, "--proxy: it is no address of a proxy");
                let proxy = Proxy::all(proxy.expose()).map_err(wrong)?;
                Ok(builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_env())))
            }
        }
    }
}

impl Host {
    /// Where its paths begin. A registry on this machine is asked over https, and over http where it
    /// does not speak TLS.
    pub(super) async fn base(&self) -> Result<&Url, RegistryError> {
        self.base.get_or_try_init(|| self.find_scheme()).await
    }

    async fn find_scheme(&self) -> Result<Url, RegistryError> {
        let url = |scheme: &str| {
            let url = Url::parse(&format!("{scheme}://{}/", self.name));
            url.map_err(|_| RegistryError::new(ErrorKind::Settings, format!("'{}' is no host", self.name)))
        };
        let https = url("https")?;
        let probe = self.own.get(https.join("v2/").unwrap_or_else(|_| https.clone())).timeout(self.timeout);
        match probe.send().await {
            Err(error) if speaks_no_tls(&error) => url("http"),
            _ => Ok(https),
        }
    }

    /// Connections for an address: the host's own, or those that may only lead where the guard lets them.
    pub(super) fn client(&self, own: bool) -> &Client {
        if own { &self.own } else { &self.elsewhere }
    }

    /// The error of a connection, with the proxy that may be the reason: its own words rarely name it.
    pub(super) fn with_proxy(&self, error: RegistryError) -> RegistryError {
        match &self.proxy {
            Some(proxy) if error.kind == ErrorKind::Unavailable => {
                RegistryError::new(error.kind, format!("{error}; a proxy is set: {proxy}"))
            }
            _ => error,
        }
    }

    /// From where it can be reached; a name that only a proxy resolves counts as public.
    pub(super) fn reach(&self) -> Reach {
        self.reach.get().copied().unwrap_or(Reach::Public)
    }

    /// Lets every request to this host wait.
    pub(super) fn pause(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = until.max(*pause);
    }

    /// How long a request must wait still.
    pub(super) fn paused_for(&self) -> Duration {
        let pause = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

/// Whether the other side answered in something else than TLS, or ended the connection when it saw TLS.
fn speaks_no_tls(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if !error.is_connect() {
        // What comes later came through TLS.
        return false;
    }
    let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return matches!(tls, rustls::Error::InvalidMessage(_));
    }
    let ended = |kind| matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe);
    causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|io| ended(io.kind()))
}

fn not_public(name: &str) -> RegistryError {
    let message =
        format!("{name} is at no public address, and is not one of the registries that may be asked");
    RegistryError::new(ErrorKind::Guarded, message)
}

/// Resolves names, and gives only addresses that may be connected to. Whoever connects uses just these,
/// so a name cannot point elsewhere a moment later.
struct Resolver {
    reach: Arc<OnceLock<Reach>>,
    own: bool,
    proxies: Arc<HashSet<String>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let is_proxy = self.proxies.contains(&name.to_ascii_lowercase());
        let (reach, own) = (Arc::clone(&self.reach), self.own);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if is_proxy {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let reaches = |address: &SocketAddr| Reach::of(address.ip());
            if own {
                // With several addresses it counts as the widest: a mix opens nothing.
                if let Some(widest) = found.iter().map(reaches).min() {
                    let _ = reach.set(widest);
                }
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            // Of a registry that others name nothing is known before: it counts as public, and has to be.
            let registry = reach.get().copied().unwrap_or(Reach::Public);
            let allowed: Vec<_> =
                found.into_iter().filter(|address| registry.may_lead_to(reaches(address))).collect();
            if allowed.is_empty() {
                let message = format!("{name} has only addresses that the registry has no business with");
                return Err(Box::new(RegistryError::new(ErrorKind::Guarded, message)) as _);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Hosts of proxies, which may be anywhere: the user named them.
fn proxy_hosts(option: Option<&str>) -> HashSet<String> {
    let names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let variables = names.into_iter().filter_map(|name| std::env::var(name).ok());
    let texts = variables.chain(option.map(str::to_owned));
    let host = |text: String| {
        let with_scheme = if text.contains("://") { text } else { format!("http://{text}") };
        Url::parse(&with_scheme).ok()?.host_str().map(str::to_ascii_lowercase)
    };
    texts.filter_map(host).collect()
}

/// Where Docker and podman keep certificates for one host.
fn certificate_folders(name: &str) -> Vec<PathBuf> {
    // A name from a reference is no path: it has no separator.
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config/containers/certs.d"));
    let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
    home.into_iter().chain(system).map(|folder| folder.join(name)).filter(|folder| folder.is_dir()).collect()
}

fn files(folders: &[PathBuf], ending: &str) -> Vec<PathBuf> {
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    files.sort();
    files
}

fn folder_certificates(folders: &[PathBuf]) -> Result<Vec<Certificate>, RegistryError> {
    files(folders, "crt")
        .iter()
        .map(|file| certificates(file))
        .collect::<Result<Vec<_>, _>>()
        .map(|all| all.concat())
}

/// The first `*.cert` that has its `*.key` beside it.
fn folder_identity(folders: &[PathBuf]) -> Result<Option<Identity>, RegistryError> {
    let pairs = files(folders, "cert").into_iter().map(|cert| (cert.with_extension("key"), cert));
    let mut pairs = pairs.filter(|(key, _)| key.is_file());
    pairs.next().map(|(key, cert)| identity(&cert, &key)).transpose()
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, RegistryError> {
    let wrong = |cause: String| {
        RegistryError::new(
            ErrorKind::Settings,
            format!("cannot use the certificates in {}: {cause}", path.display()),
        )
    };
    let bytes = pem(path)?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|_| wrong("it is no PEM".to_owned()))?;
    if found.is_empty() {
        return Err(wrong("there is none in it".to_owned()));
    }
    Ok(found)
}

fn identity(cert: &Path, key: &Path) -> Result<Identity, RegistryError> {
    let mut both = zeroize::Zeroizing::new(pem(key)?);
    both.push(b'\n');
    both.extend(pem(cert)?);
    let wrong = |_| {
        let files = format!("{} and {}", cert.display(), key.display());
        RegistryError::new(
            ErrorKind::Settings,
            format!("cannot use the client certificate in {files}: both must be PEM"),
        )
    };
    Identity::from_pem(&both).map_err(wrong)
}

fn pem(path: &Path) -> Result<Vec<u8>, RegistryError> {
    use std::io::Read;
    let failed =
        |error| RegistryError::new(ErrorKind::Settings, format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(crate::limits::CERTIFICATES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
