//! The policy file while it is in force: read again when its bytes change. What is no policy changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Policy, PolicyError};
use crate::cli::input;
use crate::image::digest::Digest;
use crate::limits;
use crate::serve::fault;

/// A policy, and the file that it comes from.
pub struct PolicyFile {
    path: Option<PathBuf>,
    current: RwLock<Arc<Policy>>,
    last: Mutex<Last>,
}

/// What was read last.
#[derive(Default)]
struct Last {
    /// The digest of its bytes, a policy or not.
    digest: Option<Digest>,
    /// Whether it was told that nothing can be read.
    absence_told: bool,
}

impl PolicyFile {
    /// The policy in a file; what holds without one where there is none.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn open(path: Option<&Path>) -> Result<Self, PolicyError> {
        let file = Self {
            path: path.map(Path::to_owned),
            current: RwLock::new(Arc::new(Policy::parse("")?)),
            last: Mutex::default(),
        };
        file.reload_if_changed()?;
        Ok(file)
    }

    /// What is in force.
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, and says whether there is a new policy. By its bytes, not by its time: the files of a
    /// ConfigMap are links that are exchanged.
    ///
    /// # Errors
    /// When it cannot be read or is none: the old one stays in force. It is said once.
    pub fn reload_if_changed(&self) -> Result<bool, PolicyError> {
        let Some(path) = &self.path else { return Ok(false) };
        let named = |message: String| PolicyError::new(format!("{}: {message}", path.display()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match input::file(path, limits::POLICY) {
            Ok(bytes) => bytes,
            Err(_) if last.absence_told => return Ok(false),
            Err(error) => {
                *last = Last { digest: None, absence_told: true };
                return Err(named(error.to_string()));
            }
        };
        last.absence_told = false;
        let digest = Digest::sha256_of(&bytes);
        if last.digest.replace(digest.clone()) == Some(digest) {
            return Ok(false);
        }
        let text = String::from_utf8(bytes).map_err(|_| named("it is no UTF-8 text".to_owned()))?;
        let policy = Policy::parse(&text).map_err(|error| named(error.to_string()))?;
        fault::point("policy-read");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        fault::point("policy-changed");
        Ok(true)
    }
}
