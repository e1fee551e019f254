//! The way of a blob's windows to whoever searches them.

use std::sync::Arc;

use crate::scan::matches::Workspace;
use crate::scan::pool::{BlobResults, Chunk, Pool};
use crate::scan::segment::Segment;

/// Where the windows of a blob go.
pub(in crate::scan) struct Output<'p, 's, 'a> {
    pool: &'p Pool<'a>,
    space: &'s mut Workspace,
    results: Arc<BlobResults>,
    sequence: u64,
    contents: u64,
}

impl<'p, 's, 'a> Output<'p, 's, 'a> {
    /// Of one more blob.
    pub(super) fn new(pool: &'p Pool<'a>, space: &'s mut Workspace) -> Self {
        Self { pool, space, results: pool.results(), sequence: 0, contents: 0 }
    }

    /// The results, when everything is given out.
    pub(super) fn into_results(self) -> Arc<BlobResults> {
        self.results
    }

    /// How many fresh bytes a buffer takes.
    pub(super) fn fresh(&self) -> usize {
        self.pool.fresh()
    }

    /// The number of one more content.
    pub(in crate::scan) fn number(&mut self) -> u64 {
        self.contents += 1;
        self.contents
    }

    /// A buffer to fill behind its first [`WINDOW_OVERLAP`] bytes.
    pub(in crate::scan) fn buffer(&self) -> Vec<u8> {
        self.pool.buffer()
    }

    /// Has the windows searched.
    pub(in crate::scan) fn submit(&mut self, buffer: Vec<u8>, segments: Vec<Segment>) {
        if segments.is_empty() {
            self.pool.give_back(buffer);
            return;
        }
        let chunk = Chunk { sequence: self.sequence, buffer, segments, results: self.results.clone() };
        self.sequence += 1;
        self.pool.submit(chunk, self.space);
    }
}
