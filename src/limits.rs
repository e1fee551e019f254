//! Every bound on input that others control. A bound that is met makes the scan incomplete or is
//! counted; it never passes in silence. Sizes are bytes unless the name says otherwise.

/// Bytes on either side of an anchor that a detector may look at. A key with its context must fit in
/// it; in return, results do not depend on how content was cut into windows.
pub const CONTEXT_RADIUS: usize = 32 * 1024;

/// Bytes that a window carries over from the one before it in the same content.
pub const WINDOW_OVERLAP: usize = 2 * CONTEXT_RADIUS;

/// Fresh bytes of one window: what is decompressed before the detectors run over it.
pub const WINDOW_FRESH: usize = 512 * 1024;

/// An image manifest or index.
pub const MANIFEST: u64 = 4 * 1024 * 1024;

/// An image config.
pub const CONFIG: u64 = 8 * 1024 * 1024;

/// All JSON documents of one archive that are held in memory, together.
pub const DOCUMENTS_TOTAL: u64 = 64 * 1024 * 1024;

/// The records of one pax header, or one GNU long name. A larger one is scanned raw, not interpreted.
pub const PAX_HEADER: usize = 1024 * 1024;

/// Indexes inside indexes.
pub const INDEX_DEPTH: usize = 4;

/// Entries of one layer or archive whose names are kept.
pub const ENTRIES: usize = 4_000_000;

/// Errors listed for one image; the rest is a count.
pub const ERRORS_LISTED: usize = 1_000;

/// Paths listed in `opaque` for one image.
pub const OPAQUE_LISTED: usize = 100;

/// A file that holds a fingerprint key.
pub const FINGERPRINT_KEY_FILE: u64 = 4 * 1024;

/// Bytes of a JSON member's name, or of the path to it, that are repeated for what stands below it.
pub const JSON_NAME: usize = 256;

/// A value of the config that is looked for in the history's lists of assignments. A longer one is
/// read up to the next name instead.
pub const KNOWN_VALUE: usize = 4 * 1024;

/// A file of ignore rules.
pub const IGNORE_FILE: usize = 1024 * 1024;

/// Rules in one file of ignore rules.
pub const IGNORE_RULES: usize = 1_000;

/// Bytes of one of the team's own secrets that are searched for; of a longer one, these first ones.
/// Every encoding of it, six characters a byte at most, stays within the context radius.
pub const OWN_SECRET: usize = 4 * 1024;

/// The team's own secrets that are searched for at once.
pub const OWN_SECRETS: usize = 2_000;

/// Bytes of all of them together, as far as they are searched for.
pub const OWN_SECRETS_TOTAL: usize = 512 * 1024;

/// Bytes of all encoded forms of the team's own secrets up to which the search may be one table.
pub const OWN_SECRETS_TABLE: usize = 16 * 1024;

/// Values in one JSON document that are read as such; a document with more is searched as text.
pub const JSON_VALUES: usize = 200_000;

/// Names with values that are read out of one image's history; the text of every step is searched in
/// any case.
pub const ASSIGNMENTS: usize = 100_000;
