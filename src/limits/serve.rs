//! What clients, registries and clusters may make of a server (`keyseam serve`).

use std::time::Duration;

/// Keys of one image that a server keeps by name; further ones are counted.
pub const FACTS_LEAKS: usize = 1_000;

/// Columns of what a server keeps of a key's place.
pub const FACTS_PLACE: usize = 240;

/// Bytes that a server's facts of images take in memory; those that were asked for least go first.
pub const FACTS_MEMORY: u64 = 64 * 1024 * 1024;

/// How long a server takes for true, without a look, that an image could not be read whole.
pub const FACTS_INCOMPLETE_AGE: Duration = Duration::from_secs(5 * 60);

/// Hosts that one set of a server's connections knows; then it begins anew.
pub const SERVE_HOSTS: usize = 256;

/// How long one set of a server's connections lives: credentials and certificates are read again with the next.
pub const SERVE_CONNECTIONS_AGE: Duration = Duration::from_secs(60 * 60);

/// Scans that wait in a server.
pub const SERVE_QUEUE: usize = 10_000;

/// How long a server believes what digest a tag has.
pub const SERVE_TAG_AGE: Duration = Duration::from_secs(5);

/// Tags whose digest a server knows or is asking for.
pub const SERVE_TAGS: usize = 10_000;

/// Bytes of a policy file.
pub const POLICY: u64 = 1024 * 1024;

/// Exemptions, globs and paths in one policy, of each.
pub const POLICY_ENTRIES: usize = 10_000;

/// Steps of a path to where a custom resource names images.
pub const POLICY_PATH_STEPS: usize = 16;

/// Bytes of an AdmissionReview. API servers take objects of 3 MiB at most, and a review may hold two.
pub const REVIEW: usize = 8 * 1024 * 1024;

/// Images of one object that are looked at.
pub const REVIEW_IMAGES: usize = 256;

/// Bytes of text of one object that are looked at.
pub const REVIEW_TEXT: usize = 2 * 1024 * 1024;

/// Bytes of a notification.
pub const NOTIFICATION: usize = 4 * 1024 * 1024;

/// Requests that one door of a server answers at once; others are told to come back.
pub const SERVE_REQUESTS: usize = 512;

/// How long a client may take for the head of a request.
pub const SERVE_HEAD_TIME: Duration = Duration::from_secs(30);

/// Bytes of the head of a request.
pub const SERVE_HEAD: usize = 64 * 1024;

/// Blobs that a gate reads while they are pushed, at once; others are read when their manifest comes.
pub const GATE_UPLOADS: usize = 32;

/// Blobs that a gate has read and whose manifest has not come yet.
pub const GATE_BLOBS: usize = 256;

/// How long an upload may be silent before a gate reads it no further.
pub const GATE_UPLOAD_SILENCE: Duration = Duration::from_secs(5 * 60);

/// How long a push may wait for its verdict.
pub const GATE_VERDICT: Duration = Duration::from_secs(60);
