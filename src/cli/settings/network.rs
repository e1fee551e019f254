//! How registries and engines are reached, as the command line decides. A password comes from standard
//! input alone and goes to one registry alone.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::cli::args;
use crate::cli::input::{self, InputError};
use crate::engine;
use crate::limits;
use crate::registry;
use crate::registry::credentials::{self, Login, Secret};
use crate::source::{Access, Origin};
use crate::target::{Place, Target};

/// How registries and engines are reached.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Registries.
    pub registry: registry::Settings,
    /// Engines.
    pub engines: engine::Settings,
    /// Where bare references are looked for; none for the usual order.
    pub order: Vec<Origin>,
    /// Whether the network is off limits.
    pub offline: bool,
}

/// Why the options on the network do not go together.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// One of the two is missing.
    #[error("--username needs --password-stdin, and --password-stdin needs --username")]
    HalfALogin,
    /// Basic authentication has no way to say it.
    #[error("--username: a name is not empty and holds neither a colon nor control characters")]
    Username,
    /// Standard input is read once.
    #[error("--password-stdin reads standard input, so no image can come from there (-) as well")]
    StdinTaken,
    /// The password cannot be read.
    #[error("--password-stdin: {0}")]
    Password(#[from] InputError),
    /// There is none.
    #[error("--password-stdin: standard input holds no password")]
    NoPassword,
    /// It is in no form that can be sent.
    #[error("--password-stdin: the password is not one line of UTF-8 text")]
    PasswordForm,
    /// Nobody may have it.
    #[error("--username: none of the images is named in a registry, so nobody may have the password")]
    NoRegistry,
    /// Which of them may have it?
    #[error("--username: the password may go to one registry only, but the images are in {0} and {1}")]
    TwoRegistries(String, String),
    /// The file of credentials cannot be read.
    #[error("--authfile: cannot read {0}: {1}")]
    Authfile(PathBuf, std::io::Error),
}

impl Network {
    /// Decides what `options` say for `targets`, which may be built on `base`. A password is read from `stdin`.
    pub(super) fn new(
        options: args::Network,
        targets: &[String],
        base: Option<&str>,
        stdin: &mut dyn Read,
    ) -> Result<Self, NetworkError> {
        if let Some(path) = &options.authfile {
            readable(path)?;
        }
        if options.password_stdin && (base == Some("-") || targets.iter().any(|target| target == "-")) {
            return Err(NetworkError::StdinTaken);
        }
        let login = login(options.username, options.password_stdin, targets, stdin)?;
        let mut order = Vec::new();
        for origin in options.from.into_iter().map(Origin::from) {
            if !order.contains(&origin) {
                order.push(origin);
            }
        }
        Ok(Self {
            registry: registry::Settings {
                credentials: credentials::Settings { login, authfile: options.authfile },
                ca_file: options.ca_file,
                cert: options.cert,
                key: options.key,
                plain_http: options.plain_http,
                insecure: options.insecure,
                proxy: options.proxy.map(|proxy| Secret::new(proxy.0)),
                timeout: options.timeout,
                retries: options.retries,
                mirrors: options.mirror,
                trust_realms: options.trust_realm,
                foreign_layers: options.foreign_layers,
                referrers: options.referrers,
                only_public: false,
            },
            engines: engine::Settings { timeout: options.timeout, offline: options.offline },
            order,
            offline: options.offline,
        })
    }

    /// What sources are opened with, for one run.
    pub fn access(&self) -> Access {
        Access {
            registry: self.registry.clone(),
            engines: self.engines.clone(),
            order: self.order.clone(),
            offline: self.offline,
            ..Access::default()
        }
    }
}

/// A file that the user named and that is not there is a mistake, whether a registry asks for it or not.
fn readable(path: &Path) -> Result<(), NetworkError> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_dir() => {
            Err(NetworkError::Authfile(path.to_owned(), std::io::ErrorKind::IsADirectory.into()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(NetworkError::Authfile(path.to_owned(), error)),
    }
}

fn login(
    username: Option<String>,
    password_stdin: bool,
    targets: &[String],
    stdin: &mut dyn Read,
) -> Result<Option<Login>, NetworkError> {
    let username = match (username, password_stdin) {
        (None, false) => return Ok(None),
        (Some(username), true) => username,
        _ => return Err(NetworkError::HalfALogin),
    };
    if username.is_empty() || username.contains(|c: char| c == ':' || c.is_control()) {
        return Err(NetworkError::Username);
    }
    let registry = only_registry(targets)?;
    let password = password(stdin)?;
    Ok(Some(Login { registry, username, password }))
}

/// The registry of all targets that name one.
fn only_registry(targets: &[String]) -> Result<String, NetworkError> {
    let mut only: Option<String> = None;
    for registry in targets.iter().filter_map(|target| registry_of(target)) {
        match &only {
            Some(first) if *first != registry => {
                return Err(NetworkError::TwoRegistries(first.clone(), registry));
            }
            _ => only = Some(registry),
        }
    }
    only.ok_or(NetworkError::NoRegistry)
}

/// The registry that a target names; what is wrong with a target is said where it is scanned.
fn registry_of(target: &str) -> Option<String> {
    match Target::parse(target).ok()?.place {
        Place::Registry(reference) | Place::Reference(reference) => Some(reference.registry().to_owned()),
        _ => None,
    }
}

fn password(stdin: &mut dyn Read) -> Result<Secret, NetworkError> {
    let bytes = Zeroizing::new(input::read(stdin, limits::PASSWORD)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| NetworkError::PasswordForm)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(NetworkError::NoPassword),
        line if line.contains(char::is_control) => Err(NetworkError::PasswordForm),
        line => Ok(Secret::new(line.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::args::{Arguments, Command, command};
    use clap::FromArgMatches;

    fn network(line: &[&str], mut stdin: &[u8]) -> Result<Network, String> {
        let line = ["keyseam", "scan"].iter().chain(line);
        let matches = command().try_get_matches_from(line).map_err(|error| error.to_string())?;
        match Arguments::from_arg_matches(&matches).map_err(|error| error.to_string())?.command {
            Command::Scan(arguments) => {
                let targets = arguments.images.images;
                let network = Network::new(arguments.options.network, &targets, None, &mut stdin);
                network.map_err(|error| error.to_string())
            }
            other => Err(format!("not a scan: {other:?}")),
        }
    }

    /// The login of a line, as registry, name and password.
    fn login(line: &[&str], stdin: &[u8]) -> Result<[String; 3], String> {
        let options = ["--username", "me", "--password-stdin"];
        let line: Vec<&str> = options.iter().chain(line).copied().collect();
        let login = network(&line, stdin)?.registry.credentials.login.ok_or("no login")?;
        Ok([login.registry, login.username, login.password.expose().to_owned()])
    }

    #[test]
    fn the_defaults_are_those_of_a_scan_that_says_nothing() {
        let network = network(&["a"], b"").expect("good");
        let registry = network.registry;
        assert_eq!((registry.timeout, registry.retries), (Duration::from_secs(30), 4));
        assert!(
            !registry.insecure && !registry.plain_http && !registry.referrers && !registry.foreign_layers
        );
        assert!(registry.credentials.login.is_none() && registry.proxy.is_none() && !network.offline);
        assert!(network.order.is_empty());
    }

    #[test]
    fn what_is_asked_for_arrives() {
        let line = [
            "a",
            "--from",
            "registry,podman,registry",
            "--timeout",
            "2m",
            "--retries",
            "0",
            "--mirror",
            "docker.io=m.example/hub",
            "--trust-realm",
            "auth.example",
            "--offline",
            "--insecure",
            "--plain-http",
            "--proxy",
            "http://p:1",
            "--referrers",
            "--foreign-layers",
            "--cert",
            "c",
            "--key",
            "k",
        ];
        let network = network(&line, b"").expect("good");
        assert_eq!(network.order, [Origin::Registry, Origin::Podman]);
        let registry = &network.registry;
        assert_eq!((registry.timeout, registry.retries), (Duration::from_secs(120), 0));
        assert_eq!(network.engines.timeout, registry.timeout);
        assert_eq!((registry.mirrors.len(), registry.trust_realms.len()), (1, 1));
        assert!(registry.insecure && registry.plain_http && registry.referrers && registry.foreign_layers);
        assert!(network.offline && network.engines.offline && network.access().offline);
        assert_eq!(registry.proxy.as_ref().map(Secret::expose), Some("http://p:1"));
        assert!(registry.cert.is_some() && registry.key.is_some());
    }

    #[test]
    fn a_password_is_the_line_on_standard_input() {
        let expected = |password: &str| Ok(["docker.io", "me", password].map(str::to_owned));
        for stdin in ["pass word", "pass word\n", "pass word\r\n"] {
            assert_eq!(login(&["docker://app", "app:2"], stdin.as_bytes()), expected("pass word"));
        }
        assert_eq!(login(&["docker://app"], b"  p \n"), expected("  p "));
        for stdin in [&b""[..], b"\n", b"a\nb\n", b"a\n\n", b"\xff", &[b'a'; 20_000]] {
            assert!(login(&["docker://app"], stdin).is_err_and(|text| text.starts_with("--password-stdin")));
        }
    }

    #[test]
    fn a_password_goes_to_one_registry() {
        let (one, other) = ("docker://ghcr.io/a/b", "ghcr.io/c/d:1");
        assert_eq!(login(&[one, other], b"p").map(|login| login[0].clone()), Ok("ghcr.io".to_owned()));
        let two = login(&[one, "docker://quay.io/a/b"], b"p").expect_err("two");
        assert!(two.contains("ghcr.io") && two.contains("quay.io"), "{two}");
        assert!(login(&["docker-daemon:app"], b"p").expect_err("none").contains("none of the images"));
        assert!(login(&["-", one], b"p").expect_err("stdin").contains("standard input"));
    }

    #[test]
    fn halves_are_refused() {
        for line in [
            &["a", "--username", "me"][..],
            &["a", "--password-stdin"],
            &["a", "--cert", "c"],
            &["a", "--key", "k"],
            &["a", "--username", "a:b", "--password-stdin"],
            &["a", "--username", "", "--password-stdin"],
            &["a", "--from", "nowhere"],
            &["a", "--retries", "101"],
            &["a", "--authfile", "/no/such/file"],
            &["a", "--authfile", "/"],
        ] {
            assert!(network(line, b"p").is_err(), "{line:?}");
        }
    }
}
