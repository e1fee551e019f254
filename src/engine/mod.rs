//! The local container engines: Docker's API, podman's in the form of Docker's, and podman's command
//! where it has no socket.
//!
//! ```text
//! Engine      one of them, found without asking it      docker.rs, podman.rs, endpoint.rs
//!   find      does it have the image                    client.rs, command.rs, inspect.rs
//! Found       an image that an engine has
//!   export    its archive, passed on as it comes
//! ```

mod client;
mod command;
mod docker;
mod endpoint;
mod error;
mod inspect;
mod podman;
mod version;

use std::io::Read;
use std::time::Duration;

pub use client::{Client, Export, Patience};
pub use command::{Podman, Saving};
pub use docker::Variables;
pub(crate) use docker::docker_folder;
pub use endpoint::{Endpoint, Tls};
pub use error::EngineError;
pub use inspect::Inspection;

use crate::network;

/// How engines are reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an engine may be silent.
    pub timeout: Duration,
    /// Whether engines beyond this machine are off limits.
    pub offline: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), offline: false }
    }
}

/// An engine that there are signs of.
pub struct Engine {
    kind: &'static str,
    way: podman::Way,
}

impl Engine {
    /// Docker's engine, as the Docker command line would find it.
    ///
    /// # Errors
    /// When there is no sign of one, or what names one cannot be used.
    pub fn docker(variables: Variables<'_>) -> Result<Self, EngineError> {
        let endpoints = docker::endpoints(variables)?;
        if endpoints.is_empty() {
            let sockets = docker::sockets(variables);
            let sockets: Vec<String> = sockets.iter().map(|path| path.display().to_string()).collect();
            let looked = format!(
                "no socket at {} (start Docker, or name its socket with DOCKER_HOST)",
                sockets.join(" or ")
            );
            return Err(EngineError::Absent { engine: "Docker", looked, short: "no socket" });
        }
        Ok(Self { kind: "Docker", way: podman::Way::Api(endpoints) })
    }

    /// Podman: its socket, or else its command.
    ///
    /// # Errors
    /// When there is neither, or what names one cannot be used.
    pub fn podman(variables: Variables<'_>) -> Result<Self, EngineError> {
        Ok(Self { kind: "Podman", way: podman::find(variables)? })
    }

    /// Looks for an image by name or id. Takes `limit` at most.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] when the engine has none of that name.
    pub fn find(&self, name: &str, settings: &Settings, limit: Duration) -> Result<Found, EngineError> {
        check_name(name)?;
        let patience = Patience::from(settings);
        match &self.way {
            podman::Way::Api(endpoints) => self.find_by_api(endpoints, name, settings, limit),
            podman::Way::Command(podman) => {
                let image = podman.inspect(name, limit)?;
                Ok(Found { image, way: FoundBy::Command(podman.clone(), patience), is_unchecked: false })
            }
        }
    }

    fn find_by_api(
        &self,
        endpoints: &[Endpoint],
        name: &str,
        settings: &Settings,
        limit: Duration,
    ) -> Result<Found, EngineError> {
        let asking = async {
            let mut first_error = None;
            for endpoint in endpoints {
                if settings.offline && !endpoint.is_local() {
                    return Err(EngineError::Setup(format!(
                        "{} ({endpoint}) is on another machine, which --offline keeps keyseam from asking",
                        self.kind
                    )));
                }
                match Client::connect(self.kind, endpoint, settings.into()).await {
                    Ok(client) => {
                        let image = client.inspect(name).await?;
                        let is_unchecked = endpoint.is_unchecked();
                        return Ok(Found { image, way: FoundBy::Api(client), is_unchecked });
                    }
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            Err(first_error.unwrap_or(EngineError::Setup(format!("{} has no address", self.kind))))
        };
        let silent = || {
            let address = endpoints.first().map(|endpoint| format!(" ({endpoint})")).unwrap_or_default();
            EngineError::Silent { engine: format!("{}{address}", self.kind), limit }
        };
        let waiting = async { tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(silent())) };
        runtime()?.block_on(waiting)
    }
}

/// An image that an engine has.
#[derive(Debug)]
pub struct Found {
    /// What the engine knows of it.
    pub image: Inspection,
    way: FoundBy,
    is_unchecked: bool,
}

#[derive(Debug)]
enum FoundBy {
    Api(Client),
    Command(Podman, Patience),
}

/// An image that an engine is sending.
pub struct Exported {
    /// The archive. What breaks off is an error of reading.
    pub archive: Box<dyn Read + Send>,
    /// Whether the engine could give one platform only, without what belongs to all of them.
    pub one_platform: bool,
}

impl Found {
    /// Whether it comes over a connection on which anybody could have answered.
    pub fn is_unchecked(&self) -> bool {
        self.is_unchecked
    }

    /// Has the engine export it, and waits until that begins.
    ///
    /// # Errors
    /// When the engine refuses, or does not begin.
    pub fn export(&self) -> Result<Exported, EngineError> {
        match &self.way {
            FoundBy::Api(client) => {
                let runtime = runtime()?;
                let export = runtime.block_on(client.export(&self.image))?;
                let one_platform = export.one_platform;
                Ok(Exported { archive: Box::new(export.body(runtime)), one_platform })
            }
            FoundBy::Command(podman, patience) => {
                let archive = Box::new(podman.export(&self.image, *patience)?);
                Ok(Exported { archive, one_platform: false })
            }
        }
    }
}

fn runtime() -> Result<&'static tokio::runtime::Handle, EngineError> {
    network::runtime().map_err(|error| EngineError::Setup(error.to_string()))
}

/// Refuses what is neither a name nor an id: names become parts of paths and of command lines.
///
/// # Errors
/// When it is neither.
pub fn check_name(name: &str) -> Result<(), EngineError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@[]+".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    if name.starts_with('-') || !name.bytes().all(is_allowed) || !name.split('/').all(is_part) {
        return Err(EngineError::Setup(format!("'{name}' is neither the name nor the id of an image")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["app", "app:1", "0123abcd", "localhost:5000/team/app@sha256:12", "[::1]:5000/a", "a--b"]
        {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-o", "--help", "../containers/x", "a/../b", "a//b", "/a", "a/", "a?b", "a#b", "a b"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["a%2e", "a\nb", "é"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
