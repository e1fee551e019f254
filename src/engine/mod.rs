//! The local container engines, over their API sockets: Docker Engine API and podman's Docker-compatible
//! one.

use std::time::Duration;

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
