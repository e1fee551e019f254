//! What others may make of a scan over the network: registries, helpers for their credentials, engines, and the
//! services that are asked about keys.

use std::time::Duration;

/// A file of registry credentials (`auth.json`, `config.json`).
pub const CREDENTIALS_FILE: u64 = 1024 * 1024;

/// Registries and namespaces that one file of credentials may name.
pub const CREDENTIALS_ENTRIES: usize = 10_000;

/// The answer of a credential helper. A longer one is none.
pub const HELPER_OUTPUT: usize = 64 * 1024;

/// What is read of a credential helper's standard error; the rest is dropped.
pub const HELPER_ERRORS: usize = 4 * 1024;

/// Characters of a credential helper's error that are repeated.
pub const HELPER_MESSAGE: usize = 200;

/// How long a credential helper may take; then it is ended.
pub const HELPER_TIME: Duration = Duration::from_secs(30);

/// Text of a registry's refusal.
pub const REGISTRY_ERROR: usize = 64 * 1024;

/// A token service's answer.
pub const REGISTRY_TOKEN: u64 = 1024 * 1024;

/// Redirects followed for one request.
pub const REGISTRY_REDIRECTS: usize = 5;

/// Requests under way to one registry at once.
pub const REGISTRY_CONNECTIONS: usize = 6;

/// To connect to a registry, unless `--timeout` is shorter.
pub const REGISTRY_CONNECT: Duration = Duration::from_secs(10);

/// After a request was given up since a host does not answer: how long others to it are tried once only.
pub const REGISTRY_SILENCE: Duration = Duration::from_secs(30);

/// The longest wait that a registry may ask for with `Retry-After`; a longer one ends the request.
pub const REGISTRY_RETRY_AFTER: Duration = Duration::from_secs(120);

/// How often one blob may break off.
pub const BLOB_BREAKS: u32 = 100;

/// Bytes a second that a blob must bring, over a minute (or twice `--timeout`, where that is shorter).
pub const BLOB_RATE: u64 = 16 * 1024;

/// All waiting for one blob.
pub const BLOB_TIME: Duration = Duration::from_secs(2 * 60 * 60);

/// Tags of one repository.
pub const TAGS: usize = 100_000;

/// Pages of one list.
pub const LIST_PAGES: usize = 10_000;

/// What is attached to one image.
pub const REFERRERS: usize = 1_000;

/// A file with certificates or a client's key.
pub const CERTIFICATES: u64 = 4 * 1024 * 1024;

/// What an engine answers about itself or about one image.
pub const ENGINE_ANSWER: u64 = 16 * 1024 * 1024;

/// What an engine says of an error, as far as it is read.
pub const ENGINE_ERROR: u64 = 64 * 1024;

/// Characters of what an engine says of an error that are shown.
pub const ENGINE_WORDS: usize = 500;

/// From the request for an image to the first byte of it: engines write the whole image to a disk of
/// their own before they send any.
pub const ENGINE_EXPORT: Duration = Duration::from_secs(30 * 60);

/// A file that says how an engine is reached: Docker's settings, a context, a certificate.
pub const ENGINE_FILE: u64 = 1024 * 1024;

/// All looking for a bare reference in the local engines, where something else is asked next.
pub const LOCAL_ENGINES: Duration = Duration::from_secs(2);

/// Distinct keys that one run asks services about (`--verify`).
pub const VERIFIED: usize = 1000;

/// The same of one service: an image full of made-up keys shall not make us a nuisance.
pub const VERIFIED_PER_HOST: usize = 100;

/// Services that are asked at once; of one service, one key after another.
pub const VERIFY_AT_ONCE: usize = 8;

/// Between two requests to one service.
pub const VERIFY_GAP: Duration = Duration::from_millis(200);

/// How long the whole exchange about one key may take, where `--timeout` gives no less.
pub const VERIFY_TIME: Duration = Duration::from_secs(15);

/// Bytes of an answer about a key.
pub const VERIFY_ANSWER: usize = 256 * 1024;

/// Redirects that are followed, all to the very host.
pub const VERIFY_REDIRECTS: usize = 3;

/// Characters of one fact of such an answer.
pub const VERIFY_FACT: usize = 200;

/// Requests in a row to one service that find nobody: after them it is asked no more.
pub const VERIFY_SILENCES: usize = 2;

/// How long a service may make us wait before its next key; when it asks for more, it is asked no more.
pub const VERIFY_RETRY_AFTER: Duration = Duration::from_secs(10);
