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

/// Records of one pax header that are interpreted, without those of a sparse map. The others are
/// scanned raw: a record of five bytes takes twenty times as much when it is held apart.
pub const PAX_RECORDS: usize = 16 * 1024;

/// Fragments of one sparse file. The content of a file with more is scanned as it is stored.
pub const SPARSE_FRAGMENTS: usize = 256 * 1024;

/// Warnings that the reader of one tar gives; one more says that there were others.
pub const TAR_WARNINGS: usize = 100;

/// A path in a warning or an error of the tar reader. Of a longer one the length is given.
pub const MESSAGE_PATH: usize = 4096;
