//! Why a registry gave nothing: one clear line, and what it was for those who decide what comes next.

use std::error::Error;
use std::io;
use std::time::Duration;

/// Why a request failed. The text names the object and the host, and holds no credential.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RegistryError {
    /// What it was.
    pub kind: ErrorKind,
    message: String,
}

/// What kept a request from its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such thing (404).
    NotFound,
    /// Credentials are missing or wrong (401), or do not suffice (403).
    Denied,
    /// Too many requests (429).
    Throttled,
    /// The host cannot be reached, broke the connection, or is in trouble (5xx).
    Unavailable,
    /// Nothing came within the time limit.
    TimedOut,
    /// The range is not there (416).
    Range,
    /// The registry does not know the request (400, 405, 501 …).
    Unsupported,
    /// A place where requests may not go.
    Guarded,
    /// An answer that is wrong: a digest, a length, a form.
    Invalid,
    /// More than a limit allows.
    Limit,
    /// The settings cannot be used.
    Settings,
}

/// What one attempt ended in.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: RegistryError,
    /// How long the host asks to wait, where it does.
    pub(super) wait: Option<Duration>,
}

impl RegistryError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The same with what it is about in front.
    #[must_use]
    pub fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// What a connection ended in. Addresses may hold signatures, so only causes are told.
    pub(super) fn of_connection(host: &str, error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::new(ErrorKind::TimedOut, format!("{host} does not answer in time"));
        }
        if let Some(guarded) = causes(error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return guarded.clone();
        }
        if let Some(cause) = certificate_error(error) {
            let message = format!(
                "the certificate of {host} is not trusted ({cause}): --ca-file names a CA, --insecure skips the check"
            );
            return Self::new(ErrorKind::Settings, message);
        }
        let cause = causes(error).last().map_or_else(|| "no connection".to_owned(), ToString::to_string);
        let what = if error.is_connect() { "cannot be reached" } else { "broke the connection" };
        // In TLS 1.3 a server that misses the client's certificate ends the connection when it is used.
        let is_tls = error.url().is_some_and(|url| url.scheme() == "https");
        let hint = match is_tls && error.is_request() && !error.is_connect() {
            true => "; if it asks for a client certificate, --cert and --key name one",
            false => "",
        };
        Self::new(ErrorKind::Unavailable, format!("{host} {what}: {}{hint}", one_line(&cause)))
    }
}

impl Failure {
    /// Whether another attempt may do better.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.error.kind, ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::TimedOut)
    }

    /// Silence took its time already.
    pub(super) fn retries_at_most(&self) -> u32 {
        if self.error.kind == ErrorKind::TimedOut { 1 } else { u32::MAX }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self { error, wait: None }
    }
}

/// A registry's error as one of reading, so that it passes through decompression as it is.
impl From<RegistryError> for io::Error {
    fn from(error: RegistryError) -> Self {
        let kind = match error.kind {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Denied => io::ErrorKind::PermissionDenied,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Invalid => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// An error and what caused it, the first cause last.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause_of(*error))
}

fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // An input error shows its inner error's causes, not the inner error itself.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn certificate_error(error: &reqwest::Error) -> Option<String> {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(cause) => Some(match cause {
            UnknownIssuer => "nobody known has signed it".to_owned(),
            Expired | ExpiredContext { .. } => "it has expired".to_owned(),
            NotValidForName | NotValidForNameContext { .. } => "it is for another name".to_owned(),
            other => one_line(&format!("{other:?}")),
        }),
        _ => None,
    })
}

/// Text of others on one line, bounded.
pub(super) fn one_line(text: &str) -> String {
    const SHOWN: usize = 300;
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
