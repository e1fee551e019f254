//! One worker per core. A worker that owns a blob decompresses it into buffers and searches them while
//! they are warm; when another worker has no blob to read, it gives the buffer away instead. So a single
//! large layer keeps every core busy, and many layers never wait for each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::caps::{BlobNumber, Caps, ChunkResults, Lost, SegmentNumber};
use super::kinds::Kinds;
use super::matches::{Search, SegmentResult, Workspace};
use super::segment::Segment;
use super::unsearched::Unsearched;
use crate::limits::WINDOW_OVERLAP;

/// A filled buffer and what to search in it.
pub struct Chunk {
    /// Place in its blob's stream.
    pub sequence: u64,
    /// The bytes.
    pub buffer: Vec<u8>,
    /// The windows.
    pub segments: Vec<Segment>,
    /// Where the results go.
    pub results: Arc<BlobResults>,
}

/// The results of one blob's chunks, as they come in.
#[derive(Default)]
pub struct BlobResults {
    number: BlobNumber,
    /// The segments that count lines, without their keys.
    segments: Mutex<BTreeMap<SegmentNumber, SegmentResult>>,
    /// The keys, in those of all blobs of one pool.
    caps: Arc<Mutex<Caps>>,
    /// What was not searched to its end.
    unsearched: Mutex<Unsearched>,
}

impl BlobResults {
    fn add(&self, sequence: u64, mut results: Vec<SegmentResult>) {
        let keys = ChunkResults::new(sequence, &mut results);
        lock(&self.caps).add(self.number, keys);
        let given_up = results.iter().filter(|result| result.given_up > 0);
        given_up.for_each(|result| lock(&self.unsearched).add(&result.content, result.given_up));
        let numbers = (0..).map(|number| (sequence, number));
        let counting = numbers.zip(results).filter(|(_, segment)| segment.newlines > 0);
        lock(&self.segments).extend(counting);
    }

    /// All results in the order of the stream, what is missing of them, and what was not searched; to be called
    /// when the pool has no more work.
    pub fn take(&self) -> (Vec<SegmentResult>, Lost, Unsearched) {
        let mut segments = std::mem::take(&mut *lock(&self.segments));
        let lost = lock(&self.caps).take(self.number, |number, content, found| {
            let segment = segments.entry(number).or_insert_with(|| SegmentResult::of(content));
            segment.matches.push(found);
        });
        (segments.into_values().collect(), lost, std::mem::take(&mut *lock(&self.unsearched)))
    }
}

/// Buffers that may wait for each worker that only searches. Reading one and searching one take unlike times:
/// without any that wait, a reader would search itself whenever the other is a little late, and the other
/// would then wait for the next one to be read.
const WAITING: usize = 2;

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    buffers: Vec<Vec<u8>>,
    /// Workers that have nothing to do.
    idle: usize,
    /// Workers that only search, idle or not.
    servers: usize,
    owners: usize,
}

/// What the workers share.
pub struct Pool<'a> {
    search: Search<'a>,
    kinds: Kinds,
    fresh: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
    blobs: AtomicU64,
    caps: Arc<Mutex<Caps>>,
}

/// A thread that reads blobs. Dropped in a panic too: nobody waits for chunks that never come.
pub struct Owner<'p, 'a>(&'p Pool<'a>);

impl Drop for Owner<'_, '_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.owners = queue.owners.saturating_sub(1);
        drop(queue);
        self.0.changed.notify_all();
    }
}

/// A panic in one worker must not hide the results of the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Pool<'a> {
    /// A pool without workers yet, with `fresh` bytes to a buffer. `owners` threads will read blobs.
    pub fn new(search: Search<'a>, fresh: usize, owners: usize) -> Self {
        let queue = Mutex::new(Queue { owners, ..Queue::default() });
        let (blobs, caps) = (AtomicU64::new(0), Arc::default());
        let kinds = Kinds::default();
        Self { search, kinds, fresh, queue, changed: Condvar::new(), blobs, caps }
    }

    /// The same, looking into these kinds only.
    pub fn with(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// What is looked into.
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Where the results of one more blob go.
    pub fn results(&self) -> Arc<BlobResults> {
        let number = self.blobs.fetch_add(1, Ordering::Relaxed);
        Arc::new(BlobResults { number, caps: self.caps.clone(), ..BlobResults::default() })
    }

    /// How many fresh bytes a buffer takes.
    pub fn fresh(&self) -> usize {
        self.fresh
    }

    /// A buffer to fill; its first [`WINDOW_OVERLAP`] bytes are for what is carried over.
    pub fn buffer(&self) -> Vec<u8> {
        let used = lock(&self.queue).buffers.pop();
        used.unwrap_or_else(|| vec![0; WINDOW_OVERLAP + self.fresh])
    }

    /// Gives a buffer back that holds nothing to search.
    pub fn give_back(&self, buffer: Vec<u8>) {
        lock(&self.queue).buffers.push(buffer);
    }

    /// Searches the chunk: a worker that only searches does unless it is too far behind, or else the caller.
    pub fn submit(&self, chunk: Chunk, space: &mut Workspace) {
        let mut queue = lock(&self.queue);
        if queue.chunks.len() < queue.idle + WAITING * queue.servers {
            queue.chunks.push_back(chunk);
            drop(queue);
            self.changed.notify_one();
        } else {
            drop(queue);
            self.search_chunk(chunk, space);
        }
    }

    fn search_chunk(&self, chunk: Chunk, space: &mut Workspace) {
        let found: Vec<_> = chunk
            .segments
            .iter()
            .filter_map(|segment| {
                let result = self.search.segment_of(self.kinds.encodings, segment, &chunk.buffer, space)?;
                if !result.matches.is_empty() {
                    segment.found(&chunk.buffer);
                }
                Some(result)
            })
            .collect();
        if !found.is_empty() {
            chunk.results.add(chunk.sequence, found);
        }
        self.give_back(chunk.buffer);
    }

    /// The calling thread as one of the owners; it reads no more blobs when this is dropped.
    pub fn owner(&self) -> Owner<'_, 'a> {
        Owner(self)
    }

    /// Searches the chunks of others until every owner has retired and nothing is left.
    pub fn serve(&self, space: &mut Workspace) {
        let mut queue = lock(&self.queue);
        queue.servers += 1;
        loop {
            if let Some(chunk) = queue.chunks.pop_front() {
                drop(queue);
                self.search_chunk(chunk, space);
                queue = lock(&self.queue);
            } else if queue.owners == 0 {
                return;
            } else {
                queue.idle += 1;
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }
}
