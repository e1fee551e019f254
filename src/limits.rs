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

/// Bytes that the names of one layer's entries may take in memory. About four million entries.
pub const ENTRY_LOG: usize = 128 * 1024 * 1024;

/// Symlinks followed for one path, as umoci and containerd have it.
pub const LINKS_FOLLOWED: usize = 255;

/// Longest path that a runtime can open and longest target that a symlink can have: `PATH_MAX` without
/// its NUL.
pub const PATH: usize = 4095;

/// Steps through the targets of symlinks and through folders with opaque whiteouts, while the layers of
/// one image are replayed. Beyond it, all contents count as reachable.
pub const REPLAY_STEPS: u64 = 10_000_000;

/// Bytes that the tree may take in which the layers of one image are replayed: some 300,000 symlinks.
/// Beyond it, all contents count as reachable.
pub const REPLAY_TREE: usize = 64 * 1024 * 1024;
