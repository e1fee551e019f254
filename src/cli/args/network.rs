//! The options that decide how registries and engines are reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::registry::Mirror;
use crate::source::Origin;

/// How registries and engines are reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registries and engines")]
pub struct Network {
    /// Where a bare name is looked for, in order: docker, podman, registry [default: all; a digest in the
    /// registry first]
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true,
        value_name = "WHERE,…",
        env = "KEYSEAM_FROM",
        hide_env = true
    )]
    pub from: Vec<From>,
    /// Also scan what is attached to an image: signatures, SBOMs, attestations
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_REFERRERS", hide_env = true)]
    pub referrers: bool,
    /// Fetch layers that are kept outside of the registry from there
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_FOREIGN_LAYERS", hide_env = true)]
    pub foreign_layers: bool,
    /// Take credentials from FILE alone [default: those of podman login and docker login]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_AUTHFILE", hide_env = true)]
    pub authfile: Option<PathBuf>,
    /// Log in with this name; needs --password-stdin
    #[arg(long, value_name = "NAME", env = "KEYSEAM_USERNAME", hide_env = true)]
    pub username: Option<String>,
    /// Read the password or token from standard input
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_PASSWORD_STDIN", hide_env = true)]
    pub password_stdin: bool,
    /// Trust the certificates (PEM) in FILE too
    #[arg(long, value_name = "FILE", env = "KEYSEAM_CA_FILE", hide_env = true)]
    pub ca_file: Option<PathBuf>,
    /// This client's certificate (PEM), for registries that ask for one
    #[arg(long, value_name = "FILE", requires = "key", env = "KEYSEAM_CERT", hide_env = true)]
    pub cert: Option<PathBuf>,
    /// The key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", env = "KEYSEAM_KEY", hide_env = true)]
    pub key: Option<PathBuf>,
    /// Ask registries over http; those on this machine need no such word
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_PLAIN_HTTP", hide_env = true)]
    pub plain_http: bool,
    /// Check no certificate: whoever sits in between can read and change everything
    #[arg(long)]
    pub insecure: bool,
    /// The proxy (http, https, socks5) [default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY]
    #[arg(long, value_name = "URL", env = "KEYSEAM_PROXY", hide_env = true, hide_env_values = true)]
    pub proxy: Option<Proxy>,
    /// Give up on a registry or engine that is silent for so long (30, 30s, 2m) [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s", hide_default_value = true,
        env = "KEYSEAM_TIMEOUT", hide_env = true)]
    pub timeout: Duration,
    /// Try a request that failed so often again [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=MOST_RETRIES),
        default_value_t = 4, hide_default_value = true, env = "KEYSEAM_RETRIES", hide_env = true)]
    pub retries: u32,
    /// Ask HOST in place of REGISTRY first; repeatable
    #[arg(long, value_name = "REGISTRY=HOST[/PREFIX]", value_parser = mirror, value_delimiter = ',',
        env = "KEYSEAM_MIRROR", hide_env = true)]
    pub mirror: Vec<Mirror>,
    /// A token service outside of the registry's domain that may have its credentials; repeatable
    #[arg(long, value_name = "HOST", value_parser = host, value_delimiter = ',',
        env = "KEYSEAM_TRUST_REALM", hide_env = true)]
    pub trust_realm: Vec<String>,
    /// Use no network
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_OFFLINE", hide_env = true)]
    pub offline: bool,
}

/// More retries than this only hide that a registry is gone.
const MOST_RETRIES: i64 = 100;

/// A longer silence than this is none that anybody waits for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A word of `--from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// The Docker engine.
    Docker,
    /// Podman.
    Podman,
    /// The registry that the name names.
    Registry,
}

impl std::convert::From<From> for Origin {
    fn from(word: From) -> Self {
        match word {
            From::Docker => Self::Docker,
            From::Podman => Self::Podman,
            From::Registry => Self::Registry,
        }
    }
}

/// A proxy's URL, which may hold a password: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(pub String);

impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Proxy(…)")
    }
}

/// Why a text is no value of an option: one clear line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ValueError(&'static str);

impl FromStr for Proxy {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = ValueError("a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT");
        let url = url::Url::parse(text).map_err(|_| wrong.clone())?;
        let known = ["http", "https", "socks5", "socks5h"].contains(&url.scheme());
        if known && url.host_str().is_some() { Ok(Self(text.to_owned())) } else { Err(wrong) }
    }
}

/// `30`, `30s`, `2m`, `1h`: seconds where no unit is named.
pub(super) fn duration(text: &str) -> Result<Duration, ValueError> {
    let units = [("s", 1), ("m", 60), ("h", 60 * 60)];
    let (number, unit) =
        units.iter().find_map(|(end, unit)| Some((text.strip_suffix(end)?, *unit))).unwrap_or((text, 1));
    let whole = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| whole).and_then(|number| number.checked_mul(unit));
    match seconds.map(Duration::from_secs) {
        Some(Duration::ZERO) | None => {
            Err(ValueError("a duration is a number of seconds, as 30 or 30s, or of minutes, as 2m"))
        }
        Some(long) if long > LONGEST_TIMEOUT => Err(ValueError("nobody waits longer than a day (24h)")),
        Some(duration) => Ok(duration),
    }
}

/// `REGISTRY=HOST[/PREFIX]`.
pub(super) fn mirror(text: &str) -> Result<Mirror, ValueError> {
    let form = ValueError("a mirror is REGISTRY=HOST[:PORT][/PREFIX], as docker.io=mirror.example.com/hub");
    if text.contains("://") {
        return Err(ValueError("a mirror is named without https://, as docker.io=mirror.example.com"));
    }
    let (registry, place) = text.split_once('=').ok_or_else(|| form.clone())?;
    let (mirror, prefix) = place.split_once('/').unwrap_or((place, ""));
    let registry = match host(registry).map_err(|_| form.clone())?.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        other => other.to_owned(),
    };
    let prefix = prefix.trim_matches('/');
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !prefix.chars().all(fits) || prefix.split('/').any(|part| part == "." || part == "..") {
        return Err(form);
    }
    Ok(Mirror { registry, host: host(mirror).map_err(|_| form)?, prefix: prefix.to_owned() })
}

/// `HOST[:PORT]`, in lower case.
pub(super) fn host(text: &str) -> Result<String, ValueError> {
    let wrong = ValueError("a host is NAME or NAME:PORT, without https:// and without a path");
    let url = url::Url::parse(&format!("https://{text}/")).map_err(|_| wrong.clone())?;
    let alone = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none() && !text.contains('@');
    let plain = !text.contains(['/', '\\', '?', '#']) && !text.chars().any(char::is_whitespace);
    if alone && nobody && plain { Ok(text.to_ascii_lowercase()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_unless_it_says_otherwise() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        for (text, expected) in [("30", 30), ("30s", 30), ("2m", 120), ("1h", 3600), ("24h", 86_400)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "s", "0", "0m", "-1", "+1", "1.5", "1d", "25h", "99999999999999999999", "1 s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mirror_is_a_registry_a_host_and_perhaps_a_prefix() {
        let parts = |text| mirror(text).map(|mirror| (mirror.registry, mirror.host, mirror.prefix));
        let owned = |parts: [&str; 3]| (parts[0].to_owned(), parts[1].to_owned(), parts[2].to_owned());
        for (text, expected) in [
            ("docker.io=mirror.example", ["docker.io", "mirror.example", ""]),
            ("index.docker.io=localhost:5000/hub/", ["docker.io", "localhost:5000", "hub"]),
            ("ghcr.io=[::1]:5000/a/b", ["ghcr.io", "[::1]:5000", "a/b"]),
        ] {
            assert_eq!(parts(text), Ok(owned(expected)), "{text}");
        }
        for wrong in ["mirror", "=a", "a=", "a=https://b", "a=b/../c", "a=u:p@b", "a=b?c", "a b=c", "a=b/c d"]
        {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_realm_is_a_host_alone() {
        assert_eq!(host("Auth.Example.com:8443").as_deref(), Ok("auth.example.com:8443"));
        for wrong in ["https://auth.example", "auth.example/token", "", "a@b", "a:b:c", "a:99999"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_that_is_never_shown() {
        let password = "not-to-be-shown";
        let proxy: Proxy = format!("http://me:{password}@proxy.example:3128").parse().expect("good");
        assert!(!format!("{proxy:?}").contains(password));
        assert!("socks5://localhost:1080".parse::<Proxy>().is_ok());
        for wrong in ["proxy:3128", "ftp://proxy", "http://", "proxy.example"] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
    }
}
