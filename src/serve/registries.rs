//! The registries that a server asks, and as whom: those that the policy names with its credentials wherever they
//! are, all others at public addresses alone. Whoever may create a pod can name any host there.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits;
use crate::registry::{Client, RegistryError, Settings};

/// Connections, renewed now and then: each set remembers every host and repository that it was asked for, and the
/// credentials and certificates that it began with.
pub struct Registries {
    settings: Settings,
    named: Mutex<Option<Set>>,
    public: Mutex<Option<Set>>,
}

struct Set {
    client: Client,
    since: Instant,
}

impl Registries {
    /// Reached with these settings.
    ///
    /// # Errors
    /// When a file of the settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self, RegistryError> {
        let registries = Self { settings, named: Mutex::default(), public: Mutex::default() };
        registries.client(false)?;
        Ok(registries)
    }

    /// The client for registries that the policy names, or for others, which are to be `only_public`.
    ///
    /// # Errors
    /// When a file of the settings cannot be used any more.
    pub fn client(&self, only_public: bool) -> Result<Client, RegistryError> {
        let place = if only_public { &self.public } else { &self.named };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |set: &&Set| {
            set.since.elapsed() < limits::SERVE_CONNECTIONS_AGE && set.client.hosts() < limits::SERVE_HOSTS
        };
        if let Some(set) = place.as_ref().filter(is_fresh) {
            return Ok(set.client.clone());
        }
        let client = match Client::new(&Settings { only_public, ..self.settings.clone() }) {
            Ok(client) => client,
            // A file that is being written goes on with what it was.
            Err(error) => return place.as_ref().map(|set| set.client.clone()).ok_or(error),
        };
        *place = Some(Set { client: client.clone(), since: Instant::now() });
        Ok(client)
    }
}
