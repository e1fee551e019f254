//! How a scan tells how far it is. It has no say in the result.

/// Hears of a scan's progress, from several threads at once.
pub trait Progress: Sync {
    /// So many layers and other blobs are to be read, of so many stored bytes together. May be called
    /// again as more become known: the numbers add up.
    fn total(&self, blobs: usize, bytes: u64);

    /// A worker begins to read a blob: what to call it, and its stored size where that is known. The
    /// blob is done when what is given back is dropped.
    fn layer(&self, name: &str, bytes: Option<u64>) -> Box<dyn LayerProgress + '_>;

    /// Something worth knowing during the scan that no report holds: one line, redacted.
    fn note(&self, line: &str);
}

/// Hears of one blob.
pub trait LayerProgress: Send + Sync {
    /// So many of its stored bytes were read so far.
    fn advanced(&self, stored: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn total(&self, _blobs: usize, _bytes: u64) {}

    fn layer(&self, _name: &str, _bytes: Option<u64>) -> Box<dyn LayerProgress + '_> {
        Box::new(Silent)
    }

    fn note(&self, _line: &str) {}
}

impl LayerProgress for Silent {
    fn advanced(&self, _stored: u64) {}
}
