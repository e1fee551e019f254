//! Where requests may go. A registry names the service that gives tokens, redirects to where blobs lie,
//! and could so make this machine ask any other, or hand over credentials. Named by the user is only the
//! registry itself: everything else must be as public as it, or more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::error::{ErrorKind, RegistryError};

/// From where an address can be reached, the widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// From anywhere.
    Public,
    /// From one organisation's networks (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// From this machine.
    Loopback,
    /// From one network segment, where clouds put their credentials (169.254.169.254).
    LinkLocal,
    /// No place to send anything to.
    Never,
}

impl Reach {
    /// Of an address; of one that wraps another, that of the other.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(inner) => Self::of_v4(inner),
                None => Self::of_v6(address),
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        let is_shared = first == 100 && (64..128).contains(&second);
        match address {
            _ if first == 0 || first >= 240 || address.is_multicast() => Self::Never,
            _ if address.is_loopback() => Self::Loopback,
            _ if address.is_link_local() => Self::LinkLocal,
            _ if address.is_private() || is_shared => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        // The cloud's own service has an address in the private range (fd00:ec2::254).
        let is_metadata = address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        match address {
            _ if address.is_loopback() => Self::Loopback,
            _ if address.is_unspecified() || address.is_multicast() => Self::Never,
            _ if is_metadata || address.is_unicast_link_local() => Self::LinkLocal,
            _ if address.is_unique_local() => Self::Private,
            _ => Self::Public,
        }
    }

    /// Of a host that is an address, or known to be this machine; `None` for a name.
    pub(super) fn of_host(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(address.into())),
            Host::Ipv6(address) => Some(Self::of(address.into())),
            Host::Domain(name) => is_localhost(name).then_some(Self::Loopback),
        }
    }

    /// Whether a registry of this reach may send requests to `other`.
    pub(super) fn may_lead_to(self, other: Self) -> bool {
        other == Self::Public || (other <= self && other != Self::Never)
    }
}

/// An IPv4 address inside an IPv6 one: mapped, compatible, NAT64 (RFC 6052), 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Whether a name is this machine's by definition (RFC 6761).
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Checks an address that the registry at `registry` sent. What its name resolves to is checked when it
/// is connected to.
pub(super) fn check(registry: &Url, reach: Reach, to: &Url) -> Result<(), RegistryError> {
    let refused = |why: &str| {
        let message = format!("{} sends requests to {}, {why}", place(registry), place(to));
        Err(RegistryError::new(ErrorKind::Guarded, message))
    };
    match to.scheme() {
        "https" => {}
        "http" if registry.scheme() == "http" => {}
        "http" => return refused("which is not https: this is not followed"),
        _ => return refused("which is no address of the web: this is not followed"),
    }
    if to.host().is_none() {
        return refused("which names no host");
    }
    match Reach::of_host(to) {
        Some(other) if to.origin() != registry.origin() && !reach.may_lead_to(other) => {
            refused("an address that it has no business with: this is not followed")
        }
        _ => Ok(()),
    }
}

/// Whether a token service may have the credentials of a registry: it is on the same host or in the same
/// owner's domain, and reached in no weaker way.
pub(super) fn may_have_credentials(registry: &Url, realm: &Url, trusted: &[String]) -> bool {
    if realm.scheme() != "https" && registry.scheme() == "https" {
        return false;
    }
    let (Some(own), Some(other)) = (registry.host_str(), realm.host_str()) else { return false };
    let port = realm.port_or_known_default().map(|port| format!("{other}:{port}"));
    let is_trusted = |name: &String| {
        name.eq_ignore_ascii_case(other) || port.as_ref().is_some_and(|port| name.eq_ignore_ascii_case(port))
    };
    if own == other || trusted.iter().any(is_trusted) {
        return true;
    }
    let names = matches!((registry.host(), realm.host()), (Some(Host::Domain(_)), Some(Host::Domain(_))));
    names && have_one_owner(own, other)
}

/// Two names below one registered domain; in domains that nobody registers (`corp.internal`), two
/// neighbours.
fn have_one_owner(left: &str, right: &str) -> bool {
    let known = |name: &str| psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known());
    if known(left) && known(right) {
        let domain = psl::domain_str(left);
        return domain.is_some() && domain == psl::domain_str(right);
    }
    let parent = |name: &str| name.split_once('.').map(|(_, parent)| parent.to_owned());
    let (left, right) = (parent(left), parent(right));
    left == right && left.is_some_and(|parent| parent.contains('.'))
}

/// `host:port` of an address, for people: no path or query, which may hold a signature.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn allowed(registry: &str, reach: Reach, to: &str) -> bool {
        check(&url(registry), reach, &url(to)).is_ok()
    }

    #[test]
    fn no_public_registry_leads_to_inner_networks() {
        let public = "https://r.example";
        for to in [
            "https://169.254.169.254/latest",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a9fe:a9fe::1]/",
            "https://0.0.0.0/",
            "https://[::]/",
            "https://2852039166/",
            "https://0x7f.1/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://a.localhost./",
            "https://10.0.0.1/",
            "https://100.64.0.1/",
            "https://192.168.1.1/",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "http://cdn.example/",
            "ftp://cdn.example/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(public, Reach::Public, to), "{to}");
        }
        assert!(allowed(public, Reach::Public, "https://cdn.example/x"));
        assert!(allowed(public, Reach::Public, "https://8.8.8.8/x"));
        assert!(allowed(public, Reach::Public, "https://[2001:4860:4860::8888]/x"));
    }

    #[test]
    fn a_private_registry_may_lead_to_its_like() {
        let private = "http://10.1.2.3:5000";
        assert!(allowed(private, Reach::Private, "http://10.9.9.9/"));
        assert!(allowed(private, Reach::Private, "http://cdn.example/"));
        assert!(!allowed(private, Reach::Private, "http://127.0.0.1/"));
        assert!(!allowed(private, Reach::Private, "http://169.254.169.254/"));
        let own = "http://127.0.0.1:5000";
        assert!(allowed(own, Reach::Loopback, "http://127.0.0.1:5001/"));
        assert!(!allowed(own, Reach::Loopback, "http://169.254.169.254/"));
        assert!(!allowed(own, Reach::Loopback, "http://0.0.0.0/"));
        assert!(!allowed("https://localhost:5000", Reach::Loopback, "http://localhost:5001/"));
    }

    #[test]
    fn credentials_go_to_the_registry_and_its_owner() {
        let may = |registry: &str, realm: &str| may_have_credentials(&url(registry), &url(realm), &[]);
        assert!(may("https://registry-1.docker.io", "https://auth.docker.io/token"));
        assert!(may("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"));
        assert!(may("https://r.example:5000", "https://r.example:5001/token"));
        assert!(may("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"));
        assert!(may("https://registry.corp.internal", "https://auth.corp.internal/token"));
        assert!(may("https://registry.shop.co.uk", "https://auth.shop.co.uk/token"));
        for (registry, realm) in [
            ("https://r.example", "https://evil.example/token"),
            ("https://shop.co.uk", "https://evil.co.uk/token"),
            ("https://victim.azurecr.io", "https://evil.azurecr.io.example/token"),
            ("https://victim.github.io", "https://evil.github.io/token"),
            ("https://r.example", "http://r.example/token"),
            ("https://10.0.0.1", "https://10.0.0.2/token"),
            ("https://registry.one.svc.cluster.local", "https://auth.two.svc.cluster.local/"),
            ("https://registry.internal", "https://evil.internal/"),
        ] {
            assert!(!may(registry, realm), "{registry} {realm}");
        }
        let trusted = ["sso.other.example".to_owned()];
        let realm = url("https://sso.other.example/token");
        assert!(may_have_credentials(&url("https://r.example"), &realm, &trusted));
        let plain = url("http://sso.other.example/token");
        assert!(!may_have_credentials(&url("https://r.example"), &plain, &trusted));
    }
}
