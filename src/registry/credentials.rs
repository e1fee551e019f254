//! Who asks: credentials for a repository, from the command line, files and credential helpers.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A password or token: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, to be sent where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where credentials come from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--username` and `--password-stdin`.
    pub login: Option<Login>,
    /// `--authfile`: the only file that is read.
    pub authfile: Option<PathBuf>,
}

/// A name and password for one registry.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry (`docker.io`, `host[:port]`) that may have them, no other.
    pub registry: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What a registry may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing is known for it.
    Anonymous,
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, to be exchanged (Docker's identity token).
    IdentityToken(Secret),
    /// A bearer token, to be sent as it is.
    RegistryToken(Secret),
}

/// What was found for a repository.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Why there may be none although the user set one up (a helper that failed, a file that cannot be
    /// read): one line without secrets, to be said when the registry refuses.
    pub problem: Option<String>,
}

/// Placeholder until the files and helpers are read.
pub struct Credentials;

impl Credentials {
    /// Stub.
    pub fn new(
        _settings: &Settings,
        _env: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Self, std::io::Error> {
        Ok(Self)
    }

    /// Stub.
    pub fn find(&self, _registry: &str, _repository: &str) -> Found {
        Found { credential: Credential::Anonymous, problem: None }
    }
}
