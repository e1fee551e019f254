//! The entries of one layer, kept small: names and kinds for millions of files, no contents.
//!
//! All entries lie behind each other in one byte buffer. Neighbours in a tar share most of their path,
//! so a path is stored as the length that it shares with the one before it and the rest; a link target
//! likewise, against its entry's own path. Every [`RESTART`] entries one is stored whole and its offset
//! kept, so that an entry is found without decoding from the start.

use serde::{Deserialize, Serialize};

use super::tar::{Entry, EntryKind};
use crate::limits;

/// Entries between two that are stored whole.
const RESTART: usize = 64;

/// The bit of an entry's first byte that says that it stands behind the end marker.
const AFTER_END: u8 = 0x80;

/// Position of an entry in its layer's tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryIndex(pub u32);

/// What the log gives back of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// The path as recorded in the tar, not cleaned.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Target of a hard link or symlink, as recorded.
    pub link: Vec<u8>,
    /// Whether it stands behind the end-of-archive marker, where runtimes do not read.
    pub after_end: bool,
}

/// All entries of a layer in tar order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EntryLog {
    /// The encoded entries.
    bytes: Vec<u8>,
    /// Where in `bytes` each entry starts that is stored whole.
    restarts: Vec<u32>,
    /// How many entries there are.
    len: usize,
    /// The path of the last entry, against which the next is stored.
    last_path: Vec<u8>,
    /// Whether all names are hashes of names.
    is_hashed: bool,
}

impl EntryLog {
    /// An empty log, for hashes of names.
    pub(super) fn of_hashed_names() -> Self {
        Self { is_hashed: true, ..Self::default() }
    }

    /// Whether it holds hashes in place of names.
    pub fn is_hashed(&self) -> bool {
        self.is_hashed
    }

    /// Adds the next entry. `None` when [`crate::limits::ENTRIES`] or [`crate::limits::ENTRY_LOG`] is
    /// reached: the entry is not kept and the caller reports it.
    pub fn push(&mut self, entry: &Entry) -> Option<EntryIndex> {
        let room = limits::ENTRY_LOG.checked_sub(self.bytes.len())?;
        // The tag and four lengths of at most ten bytes each come with the names.
        let most = entry.path.len().checked_add(entry.link.len())?.checked_add(41)?;
        if self.len >= limits::ENTRIES || most > room {
            return None;
        }
        let index = EntryIndex(u32::try_from(self.len).ok()?);
        if self.len.is_multiple_of(RESTART) {
            self.restarts.push(u32::try_from(self.bytes.len()).ok()?);
            self.last_path.clear();
        }
        let after_end = if entry.after_end { AFTER_END } else { 0 };
        self.bytes.push(tag(entry.kind) | after_end);
        put_shared(&mut self.bytes, &self.last_path, &entry.path);
        put_shared(&mut self.bytes, &entry.path, &entry.link);
        self.last_path.clone_from(&entry.path);
        self.len += 1;
        Some(index)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.restarts.capacity() * size_of::<u32>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry at `index`.
    pub fn get(&self, index: EntryIndex) -> Option<LoggedEntry> {
        let index = usize::try_from(index.0).ok()?;
        if index >= self.len {
            return None;
        }
        let restart = *self.restarts.get(index / RESTART)?;
        let mut cursor = EntryCursor {
            log: self,
            at: usize::try_from(restart).ok()?,
            index: index - index % RESTART,
            path: Vec::new(),
            link: Vec::new(),
        };
        for _ in 0..index % RESTART {
            cursor.next_entry()?;
        }
        Some(cursor.next_entry()?.to_owned())
    }

    /// All entries in tar order, for a single pass (no decoding from the start at each step).
    pub fn iter(&self) -> impl Iterator<Item = LoggedEntry> + '_ {
        let mut cursor = self.cursor();
        std::iter::from_fn(move || cursor.next_entry().map(|entry| entry.to_owned()))
    }

    /// All entries in tar order, without an allocation for each.
    pub(crate) fn cursor(&self) -> EntryCursor<'_> {
        EntryCursor { log: self, at: 0, index: 0, path: Vec::new(), link: Vec::new() }
    }
}

/// A [`LoggedEntry`] that lies in the buffers of its cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryView<'a> {
    /// Its position.
    pub(crate) index: EntryIndex,
    /// The path as recorded.
    pub(crate) path: &'a [u8],
    /// What it is.
    pub(crate) kind: EntryKind,
    /// The link target as recorded.
    pub(crate) link: &'a [u8],
    /// Whether it stands behind the end marker.
    pub(crate) after_end: bool,
}

impl EntryView<'_> {
    fn to_owned(self) -> LoggedEntry {
        LoggedEntry {
            path: self.path.to_vec(),
            kind: self.kind,
            link: self.link.to_vec(),
            after_end: self.after_end,
        }
    }
}

/// A pass over a log. No iterator, as each entry lies in buffers that the next one reuses.
#[derive(Debug)]
pub(crate) struct EntryCursor<'a> {
    log: &'a EntryLog,
    at: usize,
    index: usize,
    path: Vec<u8>,
    link: Vec<u8>,
}

impl EntryCursor<'_> {
    /// The next entry in tar order.
    pub(crate) fn next_entry(&mut self) -> Option<EntryView<'_>> {
        let index = EntryIndex(u32::try_from(self.index).ok()?);
        let first = *self.log.bytes.get(self.at)?;
        self.at += 1;
        if self.index.is_multiple_of(RESTART) {
            self.path.clear();
        }
        let shared = take_length(&self.log.bytes, &mut self.at)?;
        self.path.truncate(shared);
        take_rest(&self.log.bytes, &mut self.at, &mut self.path)?;
        let shared = take_length(&self.log.bytes, &mut self.at)?;
        self.link.clear();
        self.link.extend_from_slice(self.path.get(..shared)?);
        take_rest(&self.log.bytes, &mut self.at, &mut self.link)?;
        self.index += 1;
        Some(EntryView {
            index,
            path: &self.path,
            kind: kind(first & !AFTER_END),
            link: &self.link,
            after_end: first & AFTER_END != 0,
        })
    }
}

/// Appends `text` as the length that it shares with `base`, the length of the rest, and the rest.
fn put_shared(bytes: &mut Vec<u8>, base: &[u8], text: &[u8]) {
    let shared = base.iter().zip(text).take_while(|(a, b)| a == b).count();
    let rest = text.get(shared..).unwrap_or_default();
    put_length(bytes, shared);
    put_length(bytes, rest.len());
    bytes.extend_from_slice(rest);
}

/// Appends a length in groups of seven bits, the lowest first.
fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

fn take_length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut length = 0usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// Appends to `text` the rest that stands at `at`.
fn take_rest(bytes: &[u8], at: &mut usize, text: &mut Vec<u8>) -> Option<()> {
    let length = take_length(bytes, at)?;
    let end = at.checked_add(length)?;
    text.extend_from_slice(bytes.get(*at..end)?);
    *at = end;
    Some(())
}

fn tag(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => 0,
        EntryKind::HardLink => 1,
        EntryKind::Symlink => 2,
        EntryKind::Directory => 3,
        EntryKind::CharDevice => 4,
        EntryKind::BlockDevice => 5,
        EntryKind::Fifo => 6,
        EntryKind::Other => 7,
    }
}

fn kind(tag: u8) -> EntryKind {
    match tag {
        0 => EntryKind::File,
        1 => EntryKind::HardLink,
        2 => EntryKind::Symlink,
        3 => EntryKind::Directory,
        4 => EntryKind::CharDevice,
        5 => EntryKind::BlockDevice,
        6 => EntryKind::Fifo,
        _ => EntryKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[u8], kind: EntryKind, link: &[u8], after_end: bool) -> Entry {
        Entry { path: path.to_vec(), kind, link: link.to_vec(), size: 3, meta: Vec::new(), after_end }
    }

    fn logged(entry: &Entry) -> LoggedEntry {
        LoggedEntry {
            path: entry.path.clone(),
            kind: entry.kind,
            link: entry.link.clone(),
            after_end: entry.after_end,
        }
    }

    /// Every kind, paths that share much or nothing, lengths that need more than one byte, any bytes.
    fn sample() -> Vec<Entry> {
        let kinds = [
            EntryKind::File,
            EntryKind::HardLink,
            EntryKind::Symlink,
            EntryKind::Directory,
            EntryKind::CharDevice,
            EntryKind::BlockDevice,
            EntryKind::Fifo,
            EntryKind::Other,
        ];
        let mut entries = vec![
            entry(b"", EntryKind::File, b"", false),
            entry(&[0xff, 0, b'/'], EntryKind::Symlink, &[0xff, 0, 1], true),
            entry(&[b'x'; 20_000], EntryKind::File, b"", false),
            entry(&[b'x'; 20_001], EntryKind::HardLink, &[b'x'; 300], false),
        ];
        for i in 0..400usize {
            let path = format!("usr/lib/{}/{i}", "d".repeat(i % 150));
            let link = if i % 3 == 0 { format!("usr/lib/{}", i / 2) } else { String::new() };
            entries.push(entry(path.as_bytes(), kinds[i % 8], link.as_bytes(), i % 7 == 0));
        }
        entries
    }

    #[test]
    fn gives_back_what_was_pushed_in_order_and_by_index() {
        let entries = sample();
        let mut log = EntryLog::default();
        assert!(log.is_empty());
        for (i, entry) in entries.iter().enumerate() {
            assert_eq!(log.push(entry), Some(EntryIndex(i as u32)));
        }
        assert_eq!(log.len(), entries.len());
        let expected: Vec<_> = entries.iter().map(logged).collect();
        assert_eq!(log.iter().collect::<Vec<_>>(), expected);
        for (i, expected) in expected.iter().enumerate().rev() {
            assert_eq!(log.get(EntryIndex(i as u32)).as_ref(), Some(expected), "entry {i}");
        }
        assert_eq!(log.get(EntryIndex(entries.len() as u32)), None);
        assert_eq!(log.get(EntryIndex(u32::MAX)), None);
    }

    #[test]
    fn a_million_entries_take_about_thirty_megabytes() {
        let mut log = EntryLog::default();
        for i in 0..200_000u32 {
            let path = format!("usr/lib/node_modules/package-{:05}/dist/module-{i:07}.js", i / 40);
            assert!(log.push(&entry(path.as_bytes(), EntryKind::File, b"", false)).is_some());
        }
        let per_entry = (log.bytes.capacity() + log.restarts.capacity() * 4) / log.len();
        assert!(per_entry <= 30, "{per_entry} bytes an entry");
    }

    #[test]
    fn an_entry_that_has_no_room_is_refused_and_the_rest_stays() {
        let mut log = EntryLog::default();
        // Names of half the limit: one fits, the second, sharing nothing with it, does not.
        let half = limits::ENTRY_LOG / 2;
        assert!(log.push(&entry(&vec![b'a'; half], EntryKind::File, b"", false)).is_some());
        assert_eq!(log.push(&entry(&vec![b'b'; half], EntryKind::File, b"", false)), None);
        assert!(log.push(&entry(b"c", EntryKind::File, b"", false)).is_some());
        assert_eq!(log.iter().map(|entry| entry.path.len()).collect::<Vec<_>>(), [half, 1]);
    }
}
