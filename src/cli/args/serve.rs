//! The arguments of `keyseam serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};

use super::network::{Proxy, duration, host, mirror};
use crate::registry::Mirror;
use crate::target::reference;

const AFTER: &str = "\
Examples:
  keyseam serve --gate 127.0.0.1:5001 --upstream http://127.0.0.1:5000
  keyseam serve manifest --image registry.example.com/keyseam:1 | kubectl apply -f -
  keyseam serve --notify 127.0.0.1:8080 --registry registry.example.com --policy policy.toml

docs/serve.md describes the doors, docs/policy.md the policy.";

/// Let images into a registry or a cluster, or refuse those that hold keys
///
/// Runs until it is stopped. Each door is opened by its option: a gate before a registry, a webhook of Kubernetes,
/// an ear for what registries tell.
#[derive(Debug, Args)]
#[command(after_help = AFTER, args_conflicts_with_subcommands = true)]
pub struct ServeArguments {
    /// Something else than serving.
    #[command(subcommand)]
    pub command: Option<ServeCommand>,
    /// The doors.
    #[command(flatten)]
    pub doors: Doors,
    /// Who may come in.
    #[command(flatten)]
    pub access: Access,
    /// What is decided, and by which rules.
    #[command(flatten)]
    pub rules: Rules,
    /// How registries are reached.
    #[command(flatten)]
    pub network: Reach,
}

/// Something around serving.
#[derive(Debug, Subcommand)]
pub enum ServeCommand {
    /// Write all that the webhook needs in a cluster, with certificates of its own: for kubectl apply -f -
    Manifest(ManifestArguments),
    /// Ask a server whether it is ready: exits with 0 if it is, for health checks of containers
    Health {
        /// Where it tells how it is
        #[arg(
            long,
            value_name = "ADDRESS",
            default_value = "127.0.0.1:9464",
            env = "KEYSEAM_SERVE_STATUS",
            hide_env = true
        )]
        status: SocketAddr,
    },
}

/// What a cluster is to have.
#[derive(Debug, Args)]
pub struct ManifestArguments {
    /// The namespace of the webhook, which it does not judge
    #[arg(long, value_name = "NAME", default_value = "keyseam", value_parser = namespace)]
    pub namespace: String,
    /// The image of keyseam
    #[arg(long, value_name = "REF", value_parser = image)]
    pub image: String,
    /// Refuse what cannot be asked about (failurePolicy Fail): while no webhook runs, no pod starts
    #[arg(long)]
    pub fail: bool,
}

/// The doors.
#[derive(Debug, Args)]
#[command(next_help_heading = "Doors")]
pub struct Doors {
    /// Listen here as a gate before a registry: what is pushed through it is judged
    #[arg(long, value_name = "ADDRESS", requires = "upstream", env = "KEYSEAM_SERVE_GATE", hide_env = true)]
    pub gate: Option<SocketAddr>,
    /// The registry behind the gate (http://HOST:PORT or https://HOST)
    #[arg(long, value_name = "URL", requires = "gate", env = "KEYSEAM_SERVE_UPSTREAM", hide_env = true)]
    pub upstream: Option<String>,
    /// Also pass what begins with PATH as it is, beside /v2/; repeatable
    #[arg(
        long,
        value_name = "PATH",
        value_delimiter = ',',
        requires = "gate",
        env = "KEYSEAM_SERVE_GATE_ALSO",
        hide_env = true
    )]
    pub gate_also: Vec<String>,
    /// Speak http at the gate also where others can listen in
    #[arg(long, requires = "gate", value_parser = BoolishValueParser::new(), env = "KEYSEAM_SERVE_GATE_PLAIN_HTTP", hide_env = true)]
    pub gate_plain_http: bool,
    /// Listen here as a webhook of Kubernetes, at /admission
    #[arg(long, value_name = "ADDRESS", env = "KEYSEAM_SERVE_ADMISSION", hide_env = true)]
    pub admission: Option<SocketAddr>,
    /// Listen here to what a registry tells of pushes, at /notify/distribution, /notify/harbor, /notify/zot
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "registry",
        env = "KEYSEAM_SERVE_NOTIFY",
        hide_env = true
    )]
    pub notify: Option<SocketAddr>,
    /// Which registry that is, as images name it
    #[arg(long, value_name = "HOST", requires = "notify", value_parser = host, env = "KEYSEAM_SERVE_REGISTRY", hide_env = true)]
    pub registry: Option<String>,
    /// Go through the lists of that registry so often: deliveries get lost [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h", hide_default_value = true,
        env = "KEYSEAM_SERVE_RECONCILE", hide_env = true)]
    pub reconcile: Duration,
    /// Tell here how the server is: /healthz, /readyz, /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9464",
        env = "KEYSEAM_SERVE_STATUS",
        hide_env = true
    )]
    pub status: SocketAddr,
}

/// Who may come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may come in")]
pub struct Access {
    /// The certificate of the doors (PEM, with its chain); read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "KEYSEAM_SERVE_TLS_CERT", hide_env = true)]
    pub tls_cert: Option<PathBuf>,
    /// The key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "KEYSEAM_SERVE_TLS_KEY", hide_env = true)]
    pub tls_key: Option<PathBuf>,
    /// At the webhook, answer only to who has a certificate of this authority (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "KEYSEAM_SERVE_CLIENT_CA",
        hide_env = true
    )]
    pub client_ca: Option<PathBuf>,
    /// At the webhook, answer to anybody: a network policy decides who reaches it
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_SERVE_OPEN_ADMISSION", hide_env = true)]
    pub open_admission: bool,
    /// The token in FILE lets a registry tell of pushes, and read the metrics
    #[arg(long, value_name = "FILE", env = "KEYSEAM_SERVE_TOKEN_FILE", hide_env = true)]
    pub token_file: Option<PathBuf>,
    /// Show the metrics to anybody
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_SERVE_OPEN_METRICS", hide_env = true)]
    pub open_metrics: bool,
}

/// What is decided, and by which rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is decided")]
pub struct Rules {
    /// The policy (docs/policy.md); read again when it changes
    #[arg(long, value_name = "FILE", env = "KEYSEAM_SERVE_POLICY", hide_env = true)]
    pub policy: Option<PathBuf>,
    /// Where verdicts, layers and the queue are kept [default: the cache folder]
    #[arg(long, value_name = "FOLDER", env = "KEYSEAM_SERVE_STORE", hide_env = true)]
    pub store: Option<PathBuf>,
    /// Images that are examined at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64),
        env = "KEYSEAM_SERVE_SCANS", hide_env = true)]
    pub scans: u8,
    /// The team's hashing key for fingerprints [default: one in the data folder]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_FINGERPRINT_KEY_FILE", hide_env = true)]
    pub fingerprint_key_file: Option<PathBuf>,
    /// Also take the detectors in FILE; repeatable
    #[arg(long, value_name = "FILE", env = "KEYSEAM_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
}

/// How registries are reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registries")]
pub struct Reach {
    /// Take credentials from FILE alone [default: those of podman login and docker login]
    #[arg(long, value_name = "FILE", env = "KEYSEAM_AUTHFILE", hide_env = true)]
    pub authfile: Option<PathBuf>,
    /// Trust the certificates (PEM) in FILE too
    #[arg(long, value_name = "FILE", env = "KEYSEAM_CA_FILE", hide_env = true)]
    pub ca_file: Option<PathBuf>,
    /// Ask registries over http; those on this machine need no such word
    #[arg(long, value_parser = BoolishValueParser::new(), env = "KEYSEAM_PLAIN_HTTP", hide_env = true)]
    pub plain_http: bool,
    /// The proxy (http, https, socks5) [default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY]
    #[arg(long, value_name = "URL", env = "KEYSEAM_PROXY", hide_env = true, hide_env_values = true)]
    pub proxy: Option<Proxy>,
    /// Give up on a registry that is silent for so long [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s", hide_default_value = true,
        env = "KEYSEAM_SERVE_TIMEOUT", hide_env = true)]
    pub timeout: Duration,
    /// Ask HOST in place of REGISTRY first; repeatable
    #[arg(long, value_name = "REGISTRY=HOST[/PREFIX]", value_parser = mirror, value_delimiter = ',',
        env = "KEYSEAM_MIRROR", hide_env = true)]
    pub mirror: Vec<Mirror>,
    /// A token service outside of the registry's domain that may have its credentials; repeatable
    #[arg(long, value_name = "HOST", value_parser = host, value_delimiter = ',',
        env = "KEYSEAM_TRUST_REALM", hide_env = true)]
    pub trust_realm: Vec<String>,
}

/// An image's name: nothing else goes into the manifest.
fn image(text: &str) -> Result<String, reference::ReferenceError> {
    reference::parse(text).map(|_| text.to_owned())
}

/// A namespace's name (RFC 1123 label).
fn namespace(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = (1..=63).contains(&text.len()) && text.bytes().all(fits);
    if is_label && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err("a namespace has lowercase letters, digits and -")
    }
}
