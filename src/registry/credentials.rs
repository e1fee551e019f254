//! Who asks: credentials for a repository, from the command line, files and credential helpers.
//!
//! A registry gets what was meant for it, or nothing. What goes wrong on the way is told in one line when
//! the registry refuses, and neither errors nor `Debug` hold anything of a secret. `docs/registries.md`
//! describes it for users.
//!
//! ```text
//! Credentials    the order in which all is asked      credentials.rs
//!   places       which files there are                places.rs
//!   AuthFile     what one file holds                  file.rs, scope.rs
//!   Helpers      docker-credential-NAME               helper.rs, process.rs
//! ```

mod file;
mod helper;
mod places;
mod process;
mod scope;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::limits;
use file::{AuthFile, Entry, FileFault, Shape};
use helper::Helpers;
use places::{Place, places};

/// All credentials of a run: files are read once, helpers are asked when they are needed.
pub struct Credentials {
    login: Option<Login>,
    /// Each with its name in messages, or why it cannot be used.
    files: Vec<Result<(String, AuthFile), String>>,
    helpers: Helpers,
}

/// A file of credentials that the user named and that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the credentials file '{}' of {named_by}: {fault}", path.display())]
pub struct CredentialsError {
    named_by: &'static str,
    path: PathBuf,
    fault: FileFault,
}

/// A password or token: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
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

/// Where credentials come from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--username` and `--password-stdin`.
    pub login: Option<Login>,
    /// `--authfile`: the only file that is read.
    pub authfile: Option<PathBuf>,
}

/// A name and password for one registry.
#[derive(Clone)]
pub struct Login {
    /// The registry (`docker.io`, `host[:port]`) that may have them, no other.
    pub registry: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What a registry may be told.
#[derive(Clone, PartialEq, Eq)]
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

impl Credentials {
    /// None at all.
    pub(super) fn nobody() -> Self {
        Self { login: None, files: Vec::new(), helpers: Helpers::new(OsStr::new(""), Duration::ZERO) }
    }

    /// Reads the files that `settings` and the environment name, or those in the usual places. `env` reads
    /// a variable: [`environment`], but for tests.
    ///
    /// # Errors
    /// When a file that the user named cannot be read or is no file of credentials. In the usual places
    /// that is only a [`Found::problem`].
    pub fn new(
        settings: &Settings,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, CredentialsError> {
        let mut files = Vec::new();
        for place in places(settings.authfile.as_ref(), &env) {
            let file = match place {
                Place::Named(named_by, path) => match AuthFile::read(&path, Shape::Containers) {
                    Ok(file) => Ok((path.display().to_string(), file)),
                    Err(fault) => return Err(CredentialsError { named_by, path, fault }),
                },
                Place::Usual(path, shape) => match AuthFile::read(&path, shape) {
                    Ok(file) => Ok((path.display().to_string(), file)),
                    Err(fault) if fault.is_missing() => continue,
                    Err(fault) => Err(format!("cannot use '{}': {fault}", path.display())),
                },
                Place::Text => read_text(env("DOCKER_AUTH_CONFIG").unwrap_or_default()),
                Place::Relative(name) => Err(format!("{name} is not followed: it is no absolute path")),
            };
            files.push(file);
        }
        let helpers = Helpers::new(&env("PATH").unwrap_or_default(), limits::HELPER_TIME);
        Ok(Self { login: settings.login.clone(), files, helpers })
    }

    /// Changes how long a credential helper may take.
    #[must_use]
    pub fn helper_time(mut self, time: Duration) -> Self {
        self.helpers.set_time(time);
        self
    }

    /// What to tell `registry` (`docker.io`, or `host[:port]`) to read `repository` (`library/alpine`).
    /// Credential helpers may take seconds; their answers are kept for some minutes.
    pub fn find(&self, registry: &str, repository: &str) -> Found {
        let registry = scope::of_registry(registry);
        if let Some(login) =
            self.login.as_ref().filter(|login| scope::of_registry(&login.registry) == registry)
        {
            let Login { username, password, .. } = login.clone();
            return Found { credential: Credential::Basic { username, password }, problem: None };
        }
        let mut problems = Vec::new();
        let credential = self.files.iter().find_map(|file| match file {
            Ok((name, file)) => {
                let mut faults = Vec::new();
                let found = self.find_in(file, &registry, repository, &mut faults);
                problems.extend(faults.into_iter().map(|fault| format!("'{name}': {fault}")));
                found
            }
            Err(problem) => {
                problems.push(problem.clone());
                None
            }
        });
        Found {
            credential: credential.unwrap_or(Credential::Anonymous),
            problem: (!problems.is_empty()).then(|| problems.join("; ")),
        }
    }

    /// The registry's own helper, as both Docker and podman have it; then podman's namespaces, of which
    /// Docker knows nothing; then Docker's store before the registry's entry, as `docker pull` has it:
    /// `docker login` empties the entry when it writes to the store.
    fn find_in(
        &self,
        file: &AuthFile,
        registry: &str,
        repository: &str,
        faults: &mut Vec<String>,
    ) -> Option<Credential> {
        let own = file.helper(registry);
        if let Some(own) = own.filter(|own| !own.name.is_empty()) {
            let mut servers = vec![own.key.as_str()];
            if registry == scope::HUB {
                servers.insert(0, scope::docker_server(registry));
            }
            servers.dedup();
            if let Some(credential) = self.ask(&own.name, &servers, faults) {
                return Some(credential);
            }
        }
        for namespace in scope::namespaces(registry, repository) {
            if let Some(credential) = entry(file, &namespace, faults) {
                return Some(credential);
            }
        }
        // A registry with a helper of its own has no business with the store.
        if let Some(store) = file.store().filter(|_| own.is_none())
            && let Some(credential) = self.ask(store, &[scope::docker_server(registry)], faults)
        {
            return Some(credential);
        }
        entry(file, registry, faults)
    }

    /// What a helper knows of the first of `servers` that it knows.
    fn ask(&self, helper: &str, servers: &[&str], faults: &mut Vec<String>) -> Option<Credential> {
        for server in servers {
            match self.helpers.get(helper, server) {
                Ok(Some(credential)) => return Some(credential),
                Ok(None) => {}
                Err(fault) => {
                    faults.push(fault);
                    return None;
                }
            }
        }
        None
    }
}

/// A variable of this process; the home folder also where `HOME` is unset, as Docker and podman have it.
pub fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).or_else(|| {
        let home = (name == "HOME").then(std::env::home_dir).flatten();
        home.map(PathBuf::into_os_string)
    })
}

fn entry(file: &AuthFile, scope: &str, faults: &mut Vec<String>) -> Option<Credential> {
    match file.entry(scope)? {
        Entry::Known(credential) => Some(credential.clone()),
        Entry::Malformed => {
            faults.push(format!("the auth of {scope} is no base64 of name:password"));
            None
        }
    }
}

fn read_text(text: OsString) -> Result<(String, AuthFile), String> {
    let text = Zeroizing::new(text.into_encoded_bytes());
    let file = AuthFile::parse(&text, Shape::Docker);
    file.map(|file| ("DOCKER_AUTH_CONFIG".to_owned(), file))
        .map_err(|fault| format!("cannot use DOCKER_AUTH_CONFIG: {fault}"))
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Some registries take a token for the name.
impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(…)",
            Self::IdentityToken(_) => "IdentityToken(…)",
            Self::RegistryToken(_) => "RegistryToken(…)",
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}
