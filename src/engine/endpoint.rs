//! Where an engine listens: a socket of this machine, or a host with or without TLS.
//!
//! Addresses are read as the Docker command line reads them. What cannot be reached from here is one
//! line that says what to do instead; no address is repeated, since it may hold a password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Identity, redirect};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::error::{EngineError, cause};

/// Docker's socket where `unix://` names none.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// One address of an engine.
#[derive(Clone, Debug)]
pub struct Endpoint {
    place: Place,
    tls: Option<Tls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Unix(PathBuf),
    /// `http` or `https`, with neither name nor password.
    Tcp(Url),
}

/// How a connection to a host is secured.
#[derive(Clone)]
pub struct Tls {
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and key (PEM), one after the other.
    pub identity: Option<Zeroizing<Vec<u8>>>,
    /// Whether the engine's certificate is checked.
    pub verify: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Tls {{ verify: {}, … }}", self.verify)
    }
}

impl Endpoint {
    /// The socket at `path`.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Unix(path.into()), tls: None }
    }

    /// Reads an address. `origin` is what names it: a variable or a context.
    ///
    /// # Errors
    /// When it cannot be used. The text names `origin`.
    pub fn parse(address: &str, tls: Option<Tls>, origin: &str) -> Result<Self, EngineError> {
        let refused = |why: &str| Err(EngineError::Setup(format!("{origin} {why}")));
        let address = address.trim();
        let (scheme, rest) = address.split_once("://").unwrap_or(("tcp", address));
        let url = match scheme {
            "unix" if rest.is_empty() => return Ok(Self::unix(DOCKER_SOCKET)),
            "unix" => return Ok(Self::unix(rest)),
            "tcp" if tls.is_some() => format!("https://{rest}"),
            "tcp" => format!("http://{rest}"),
            "http" | "https" => address.to_owned(),
            "ssh" => {
                return refused(
                    "leads through ssh, which keyseam does not: run ssh HOST docker save IMAGE | keyseam scan -",
                );
            }
            "npipe" | "fd" => {
                return refused("is of a kind that keyseam does not reach: name a unix:// or tcp:// address");
            }
            _ => return refused("is no address of an engine: write unix:///PATH or tcp://HOST:PORT"),
        };
        let Ok(mut url) = Url::parse(&url) else {
            return refused("is no address of an engine: write unix:///PATH or tcp://HOST:PORT");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refused("holds a name or password, which engines do not take: leave it out");
        }
        if scheme == "tcp" && !names_port(rest) {
            // Both schemes can have a port: an error is not possible.
            let _ = url.set_port(Some(if tls.is_some() { 2376 } else { 2375 }));
        }
        url.set_query(None);
        url.set_fragment(None);
        let tls = tls.filter(|_| url.scheme() == "https");
        Ok(Self { place: Place::Tcp(url), tls })
    }

    /// Whether it is on this machine, so that it may be asked offline.
    pub fn is_local(&self) -> bool {
        let Place::Tcp(url) = &self.place else { return true };
        match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        }
    }

    /// Whether the engine could be anybody: TLS with nothing checked.
    pub fn is_unchecked(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.verify)
    }

    /// What stands in front of the API's paths.
    pub(super) fn base(&self) -> String {
        match &self.place {
            // No name is looked up: the socket is all there is.
            Place::Unix(_) => "http://localhost".to_owned(),
            Place::Tcp(url) => url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// A client for this address alone: one that follows no redirect and uncompresses nothing. Proxies
    /// are for other machines.
    pub(super) fn http(&self, connecting: Duration) -> Result<reqwest::Client, EngineError> {
        let broken = |what: &str, error: &dyn std::error::Error| {
            EngineError::Setup(format!("{what} for {self} cannot be used: {}", cause(error)))
        };
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .connect_timeout(connecting)
            .user_agent(concat!("keyseam/", env!("CARGO_PKG_VERSION")));
        if self.is_local() {
            builder = builder.no_proxy();
        }
        match (&self.place, &self.tls) {
            (Place::Unix(path), _) => builder = builder.unix_socket(path.clone()).tls_certs_only([]),
            (Place::Tcp(url), None) if url.scheme() == "http" => builder = builder.tls_certs_only([]),
            (Place::Tcp(_), None) => {}
            (Place::Tcp(_), Some(tls)) => {
                if let Some(ca) = &tls.ca {
                    let ca = Certificate::from_pem_bundle(ca)
                        .map_err(|error| broken("the CA certificate", &error))?;
                    builder = builder.tls_certs_only(ca);
                }
                if let Some(identity) = &tls.identity {
                    let identity = Identity::from_pem(identity)
                        .map_err(|error| broken("the client's certificate and key", &error))?;
                    builder = builder.identity(identity);
                }
                builder = builder.tls_danger_accept_invalid_certs(!tls.verify);
            }
        }
        builder.build().map_err(|error| broken("what is set up", &error))
    }
}

/// Whether a port stands behind the host, also the one that URLs leave out.
fn names_port(rest: &str) -> bool {
    let host = rest.split('/').next().unwrap_or_default();
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    behind.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(out, "unix://{}", path.display()),
            Place::Tcp(url) => {
                let host = url.host_str().unwrap_or_default();
                write!(out, "tcp://{host}:{}", url.port_or_known_default().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls() -> Tls {
        Tls { ca: None, identity: None, verify: true }
    }

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (address, secured, base, shown) in [
            ("unix:///run/d.sock", false, "http://localhost", "unix:///run/d.sock"),
            ("unix://", false, "http://localhost", "unix:///var/run/docker.sock"),
            ("tcp://host", false, "http://host:2375", "tcp://host:2375"),
            ("tcp://host", true, "https://host:2376", "tcp://host:2376"),
            ("tcp://host:80", false, "http://host", "tcp://host:80"),
            ("tcp://host:443/", true, "https://host", "tcp://host:443"),
            ("tcp://[::1]:4243/api/", false, "http://[::1]:4243/api", "tcp://[::1]:4243"),
            ("tcp://[::1]", false, "http://[::1]:2375", "tcp://[::1]:2375"),
            (" host:2375 ", false, "http://host:2375", "tcp://host:2375"),
            ("https://host", false, "https://host", "tcp://host:443"),
        ] {
            let endpoint = Endpoint::parse(address, secured.then(tls), "X").expect(address);
            assert_eq!((endpoint.base().as_str(), endpoint.to_string().as_str()), (base, shown), "{address}");
        }
    }

    #[test]
    fn what_cannot_be_reached_says_what_to_do_and_repeats_no_password() {
        let password = ["hunter", "2"].concat();
        for (scheme, hint) in [
            ("ssh", "ssh HOST docker save IMAGE | keyseam scan -"),
            ("npipe", "unix://"),
            ("fd", "unix://"),
            ("tcp", "leave it out"),
            ("http", "leave it out"),
            ("ftp", "write unix:///PATH or tcp://HOST:PORT"),
        ] {
            let address = format!("{scheme}://me:{password}@host:1/x");
            let error = Endpoint::parse(&address, None, "DOCKER_HOST").expect_err(scheme).to_string();
            assert!(error.starts_with("DOCKER_HOST ") && error.contains(hint), "{error}");
            assert!(!error.contains(&password), "{error}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (address, local) in [
            ("unix:///x", true),
            ("tcp://127.0.0.2:1", true),
            ("tcp://[::1]:1", true),
            ("tcp://LOCALHOST:1", true),
            ("tcp://localhost.example:1", false),
            ("tcp://10.0.0.1:1", false),
            ("tcp://0.0.0.0:1", false),
        ] {
            assert_eq!(Endpoint::parse(address, None, "X").expect(address).is_local(), local, "{address}");
        }
    }
}
