//! The OCI distribution specification, pull and push: keyseam's own client over reqwest and rustls.
//!
//! ```text
//! Client        manifests, blobs, tags, referrers of a repository           client.rs, list.rs
//!   Transport   one request to its answer: hosts, retries, 401, redirects   transport.rs
//!     Auth      challenges answered with credentials or tokens              auth.rs, challenge.rs
//!     Guard     where requests may go                                       guard.rs
//!   BlobReader  a body that breaks off is resumed                           blob.rs
//!   push        blobs and manifests as they are                             push.rs
//! ```

mod auth;
mod blob;
mod body;
mod challenge;
mod client;
pub mod credentials;
mod endpoint;
mod error;
mod exchange;
mod guard;
mod hosts;
mod link;
mod list;
mod push;
mod retry;
mod throttle;
mod transport;
mod words;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use client::MANIFESTS;
pub use client::{Client, Fetched, Served};
pub use endpoint::Repository;
pub use error::{ErrorKind, RegistryError};
pub use list::Referrers;
pub use push::OpenBlob;
pub(crate) use retry::retry_after;

/// How registries are reached: what the command line decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where credentials come from.
    pub credentials: credentials::Settings,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate (PEM), for registries that ask for one.
    pub cert: Option<PathBuf>,
    /// The key of `cert` (PEM).
    pub key: Option<PathBuf>,
    /// Whether named registries are asked over http.
    pub plain_http: bool,
    /// Whether certificates are left unchecked.
    pub insecure: bool,
    /// A proxy in place of the environment's (`http://`, `https://`, `socks5://`). It may hold a password.
    pub proxy: Option<credentials::Secret>,
    /// How long the other side may be silent: to connect, to answer, between two pieces of a body.
    pub timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// Other registries that are asked first, in order.
    pub mirrors: Vec<Mirror>,
    /// Hosts of token services outside of the registry's own domain that may have its credentials.
    pub trust_realms: Vec<String>,
    /// Whether layers that are kept outside of the registry are fetched from there.
    pub foreign_layers: bool,
    /// Whether what is attached to an image (signatures, SBOMs, attestations) is scanned as well.
    pub referrers: bool,
    /// Whether registries are asked at public addresses alone: others than the user name them.
    pub only_public: bool,
}

/// A registry that is asked in place of another: `REGISTRY=MIRROR[/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The registry that references name (`docker.io`).
    pub registry: String,
    /// The one that is asked first (`host[:port]`).
    pub host: String,
    /// What stands before the repository there; empty for nothing.
    pub prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            credentials: credentials::Settings::default(),
            ca_file: None,
            cert: None,
            key: None,
            plain_http: false,
            insecure: false,
            proxy: None,
            timeout: Duration::from_secs(30),
            retries: 4,
            mirrors: Vec::new(),
            trust_realms: Vec::new(),
            foreign_layers: false,
            referrers: false,
            only_public: false,
        }
    }
}

/// What a user types to be known to a registry.
fn login_command(registry: &str) -> String {
    match registry {
        "docker.io" => "docker login".to_owned(),
        other => format!("docker login {other}"),
    }
}
