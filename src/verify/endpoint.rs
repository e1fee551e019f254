//! `--verify-endpoint HOST=URL`: what is asked in place of a service's host, a proxy of the company or a
//! server of a test.

use std::str::FromStr;

use url::{Host, Url};

/// What is asked in place of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The service's host.
    host: String,
    /// What is asked in its place; the path of a request is put behind its own.
    url: Url,
}

/// Why a text is no endpoint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "it is HOST=URL, where URL is https, or http on this machine, and has neither a password nor a query"
)]
pub struct EndpointError;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (host, url) = text.split_once('=').ok_or(EndpointError)?;
        let url = Url::parse(url).map_err(|_| EndpointError)?;
        let is_safe = match url.scheme() {
            "https" => url.has_host(),
            "http" => is_loopback(&url),
            _ => false,
        };
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        if !(is_safe && is_plain && is_host) {
            return Err(EndpointError);
        }
        Ok(Self { host: host.to_ascii_lowercase(), url })
    }
}

impl Endpoint {
    /// The service's host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The address in place of one of the service's.
    pub(super) fn instead_of(&self, url: &Url) -> Url {
        let mut other = self.url.clone();
        let front = self.url.path().trim_end_matches('/');
        other.set_path(&format!("{front}{}", url.path()));
        other.set_query(url.query());
        other
    }
}

/// Names other than `localhost` may resolve to anything.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_service_lead_to_it() {
        let endpoint: Endpoint = "API.acme.example=https://proxy.corp:8443/out/".parse().expect("good");
        assert_eq!((endpoint.host(), endpoint.is_local()), ("api.acme.example", false));
        let url = Url::parse("https://api.acme.example/v1/me?fields=a%20b").expect("good");
        assert_eq!(endpoint.instead_of(&url).as_str(), "https://proxy.corp:8443/out/v1/me?fields=a%20b");
        let local: Endpoint = "a.example=http://127.0.0.1:9".parse().expect("good");
        assert!(local.is_local());
        assert_eq!(local.instead_of(&url).as_str(), "http://127.0.0.1:9/v1/me?fields=a%20b");
    }

    #[test]
    fn a_key_is_not_sent_in_clear_over_a_network() {
        let password = ["hunter", "2"].concat();
        for wrong in [
            "api.acme.example",
            "a.example=http://proxy.corp/",
            "a.example=http://127.0.0.1.evil.example/",
            "a.example=http://localhost.evil.example/",
            "a.example=http://10.0.0.1/",
            "a.example=ftp://localhost/",
            "a.example=localhost:1",
            "=https://a.example",
            "a.example/x=https://b.example",
            "a.example=https://b.example/?q=1",
            &format!("a.example=https://me:{password}@b.example/"),
        ] {
            assert_eq!(wrong.parse::<Endpoint>(), Err(EndpointError), "{wrong}");
        }
        for good in
            ["a.example=http://localhost:8", "a.example=http://[::1]:8/x", "a.example=https://b.example"]
        {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
    }
}
