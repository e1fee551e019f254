//! The digests of files in which something was found, so that they can be compared with what packages
//! record. A file is hashed without a second pass, and only when it holds a key.
//!
//! A file that lies in one buffer is hashed by whoever finds the key there. Of one that does not, or that
//! was opened as an archive, a copy is kept until everything that came out of it was searched: every
//! segment holds a reference to its file ([`HashedFile`]), and the last one to go settles it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::layer::entry_log::EntryIndex;
use crate::limits::{HELD_FILES, MATCHES, PACKAGED_FILE};
use crate::package::FileDigests;

/// Digests by entry of the layer's tar.
pub type Digests = BTreeMap<EntryIndex, FileDigests>;

/// The files of one layer, one after the other, on the side of the reader.
#[derive(Default)]
pub struct Keeper {
    hashed: Arc<Hashed>,
    open: Option<OpenFile>,
    /// The file before; its last segments may still be made.
    ended: Option<Arc<HashedFile>>,
}

struct OpenFile {
    file: Arc<HashedFile>,
    /// Bytes that passed.
    passed: u64,
    /// Where in the present buffer the latest of them lie.
    here: Range<usize>,
}

impl Keeper {
    /// A file of `size` bytes begins. Contents that come out of it carry the link.
    pub fn begin(&mut self, entry: Option<EntryIndex>, size: u64) -> FileLink {
        (self.open, self.ended) = (None, None);
        let Some(entry) = entry.filter(|_| (1..=PACKAGED_FILE).contains(&size)) else {
            return FileLink::default();
        };
        let file = Arc::new(HashedFile {
            entry,
            size,
            found: AtomicBool::new(false),
            state: Mutex::default(),
            hashed: self.hashed.clone(),
        });
        let link = FileLink { file: Arc::downgrade(&file), is_itself: true };
        self.open = Some(OpenFile { file, passed: 0, here: 0..0 });
        link
    }

    /// Bytes of it lie at `range` of the buffer and at `offset` in the file. One with holes is let go.
    pub fn data(&mut self, range: Range<usize>, offset: u64) {
        let Some(open) = self.open.as_mut().filter(|open| open.passed == offset) else {
            self.open = None;
            return;
        };
        open.passed += range.len() as u64;
        open.here = if open.here.end == range.start { open.here.start..range.end } else { range };
    }

    /// The file is over. To be called when all is made of it but the last segment of itself.
    pub fn end(&mut self, buffer: &[u8]) {
        let Some(mut open) = self.open.take() else { return };
        // Nothing came out of it yet: then it lies in this buffer, and so will its only segment.
        let is_alone = Arc::strong_count(&open.file) == 1 && !open.file.found.load(Ordering::Relaxed);
        if !(is_alone && open.here.len() as u64 == open.file.size) {
            open.keep(buffer);
            open.file.complete();
        }
        self.ended = Some(open.file);
    }

    /// The buffer will be given away.
    pub fn turn(&mut self, buffer: &[u8]) {
        self.ended = None;
        if let Some(open) = &mut self.open {
            open.keep(buffer);
        }
    }

    /// Where the digests will be when everything was searched.
    pub fn finish(self) -> Arc<Hashed> {
        self.hashed
    }
}

impl OpenFile {
    /// Copies what lies in the buffer.
    fn keep(&mut self, buffer: &[u8]) {
        let here = std::mem::take(&mut self.here);
        let mut state = lock(&self.file.state);
        if state.content.capacity() == 0 {
            state.content.reserve_exact(usize::try_from(self.file.size).unwrap_or_default());
        }
        state.content.extend_from_slice(buffer.get(here).unwrap_or_default());
    }
}

/// A file of which bytes are being searched.
pub struct HashedFile {
    entry: EntryIndex,
    size: u64,
    /// Whether a key was found in it, at whatever depth.
    found: AtomicBool,
    state: Mutex<State>,
    hashed: Arc<Hashed>,
}

#[derive(Default)]
struct State {
    /// What is kept of it so far.
    content: Vec<u8>,
    /// Whether that is all, and counted as held.
    is_complete: bool,
    digests: Option<FileDigests>,
}

impl HashedFile {
    /// A key was found in bytes of it; they are `whole` where they are all of it.
    pub fn found(&self, whole: Option<&[u8]>) {
        self.found.store(true, Ordering::Relaxed);
        if let Some(content) = whole.filter(|content| content.len() as u64 == self.size) {
            let mut state = lock(&self.state);
            state.digests.get_or_insert_with(|| FileDigests::of(content));
        }
    }

    fn complete(&self) {
        let mut state = lock(&self.state);
        if state.content.len() as u64 != self.size {
            state.content = Vec::new();
            return;
        }
        if self.hashed.held.load(Ordering::Relaxed) >= HELD_FILES {
            let content = std::mem::take(&mut state.content);
            state.digests.get_or_insert_with(|| FileDigests::of(&content));
            return;
        }
        state.is_complete = true;
        self.hashed.held.fetch_add(state.content.len(), Ordering::Relaxed);
    }
}

impl Drop for HashedFile {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.is_complete {
            self.hashed.held.fetch_sub(state.content.len(), Ordering::Relaxed);
        }
        if *self.found.get_mut() {
            let kept = || state.is_complete.then(|| FileDigests::of(&state.content));
            if let Some(digests) = state.digests.or_else(kept) {
                let mut files = lock(&self.hashed.files);
                if files.len() < MATCHES {
                    files.insert(self.entry, digests);
                }
            }
        }
    }
}

impl std::fmt::Debug for HashedFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "HashedFile({})", self.entry.0)
    }
}

impl PartialEq for HashedFile {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
    }
}

impl Eq for HashedFile {}

/// What a content knows of its file: enough to reach it as long as bytes of it are to be searched.
#[derive(Clone, Debug, Default)]
pub struct FileLink {
    file: Weak<HashedFile>,
    /// Whether the content is the file itself, not something in it.
    is_itself: bool,
}

impl FileLink {
    /// The file, while it is kept.
    pub fn file(&self) -> Option<Arc<HashedFile>> {
        self.file.upgrade()
    }

    /// Whether the content is the file itself.
    pub fn is_itself(&self) -> bool {
        self.is_itself
    }

    /// The link of what is inside the content.
    pub fn inside(&self) -> Self {
        Self { file: self.file.clone(), is_itself: false }
    }
}

/// Contents are told apart by their numbers.
impl PartialEq for FileLink {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for FileLink {}

/// What the files of one layer leave behind.
#[derive(Default)]
pub struct Hashed {
    files: Mutex<Digests>,
    /// Bytes of complete files that are kept.
    held: AtomicUsize,
}

impl Hashed {
    /// The digests; to be called when the pool has no more work.
    pub fn take(&self) -> Digests {
        std::mem::take(&mut *lock(&self.files))
    }
}

/// A panic in one worker must not hide the results of the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: EntryIndex = EntryIndex(7);

    fn digests(keeper: Keeper) -> Vec<(EntryIndex, FileDigests)> {
        keeper.finish().take().into_iter().collect()
    }

    #[test]
    fn a_file_in_one_buffer_is_hashed_where_the_key_is_found() {
        let mut keeper = Keeper::default();
        let link = keeper.begin(Some(ENTRY), 4);
        keeper.data(2..6, 0);
        keeper.end(b"..file..");
        let file = link.file().expect("still there for its segment");
        assert!(lock(&file.state).content.is_empty(), "nothing is copied");
        keeper.turn(b"..file..");
        file.found(Some(b"file"));
        drop(file);
        assert_eq!(digests(keeper), [(ENTRY, FileDigests::of(b"file"))]);
    }

    #[test]
    fn a_file_over_two_buffers_is_hashed_when_its_last_segment_goes() {
        let mut keeper = Keeper::default();
        let link = keeper.begin(Some(ENTRY), 6);
        keeper.data(1..3, 0);
        let first = link.file().expect("open");
        keeper.turn(b".ab");
        first.found(Some(b"ab"));
        drop(first);
        keeper.data(0..2, 2);
        keeper.data(2..4, 4);
        keeper.end(b"cdef..");
        let last = link.file();
        keeper.turn(b"cdef..");
        assert!(keeper.hashed.take().is_empty(), "a segment is still to be searched");
        drop(last);
        assert_eq!(keeper.hashed.held.load(Ordering::Relaxed), 0);
        assert_eq!(digests(keeper), [(ENTRY, FileDigests::of(b"abcdef"))]);
    }

    #[test]
    fn what_is_found_inside_an_archive_is_found_in_the_file() {
        let mut keeper = Keeper::default();
        let link = keeper.begin(Some(ENTRY), 3).inside();
        keeper.data(0..3, 0);
        let member = link.file();
        keeper.end(b"zip");
        keeper.turn(b"zip");
        assert!(!link.is_itself());
        member.as_deref().expect("kept").found(None);
        drop(member);
        assert_eq!(digests(keeper), [(ENTRY, FileDigests::of(b"zip"))]);
    }

    #[test]
    fn a_file_without_a_key_with_holes_or_cut_short_has_no_digest() {
        let mut keeper = Keeper::default();
        let clean = keeper.begin(Some(ENTRY), 3).file();
        keeper.data(0..3, 0);
        keeper.end(b"abc");
        let sparse = keeper.begin(Some(ENTRY), 9).file();
        keeper.data(0..3, 0);
        keeper.data(0..3, 6);
        keeper.end(b"abc");
        let cut = keeper.begin(Some(ENTRY), 9).file();
        keeper.data(0..3, 0);
        keeper.turn(b"abc");
        let large = keeper.begin(Some(ENTRY), PACKAGED_FILE + 1).file();
        assert!(large.is_none());
        for file in [sparse, cut] {
            file.expect("a file").found(Some(b"abc"));
        }
        drop(clean);
        assert_eq!(digests(keeper), []);
    }

    #[test]
    fn beyond_what_may_wait_a_file_is_hashed_at_once() {
        let mut keeper = Keeper::default();
        keeper.hashed.held.store(HELD_FILES, Ordering::Relaxed);
        let waiting = keeper.begin(Some(ENTRY), 3).file().expect("a file");
        keeper.data(0..3, 0);
        keeper.end(b"abc");
        assert!(lock(&waiting.state).content.is_empty());
        waiting.found(None);
        drop((waiting, keeper.ended.take()));
        assert_eq!(digests(keeper), [(ENTRY, FileDigests::of(b"abc"))]);
    }
}
