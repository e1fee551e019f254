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

/// A list of images for `--images-from`.
pub const IMAGE_LIST: u64 = 4 * 1024 * 1024;

/// A text for `detectors test`.
pub const TRIED_TEXT: u64 = 64 * 1024 * 1024;
/// A file of detector definitions.
pub const RULES_FILE: usize = 4 * 1024 * 1024;

/// Bytes in front of an anchor at which a match may begin, at most.
pub const PATTERN_BEFORE: usize = 4 * 1024;

/// What may be added to a variable's name, on either side.
pub const NAME_AFFIX: usize = 64;

/// From the end of a name to the start of its value.
pub const ASSIGNMENT: usize = 256;

/// A value beside a name, quotes excluded.
pub const VALUE: usize = 4 * 1024;

/// How far below its brand a name of a section may stand.
pub const SECTION: usize = 400;

/// How far from a key `near` words and companions are looked for, on either side, whatever the lines.
pub const NEARBY: usize = 4 * 1024;

/// How far from a key a NUL makes its surroundings binary.
pub const BINARY_SIGN: usize = 256;
/// The modulus of an RSA key whose factors are checked. A larger one is taken at its structure.
pub const RSA_MODULUS: usize = 2 * 1024;
