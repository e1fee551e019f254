//! An archive that passes once: standard input, an engine's answer, a file compressed as a whole.
//!
//! Layers may come before the documents that order them. So every member that is no JSON goes to the
//! sink as it passes, JSON documents are kept, and when the archive is over the names are resolved as
//! those of an archive on disk are.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use crate::image::digest::Algorithm;
use crate::image::manifest::{BlobKey, ImageError};
use crate::layer::decompress::Decompressed;
use crate::layer::tar::{Entry, EntryKind, looks_like_tar};
use crate::limits::{CONFIG, DOCUMENTS_TOTAL, JSON_HEAD};
use crate::target::Selector;

use super::documents::digest_of_name;
use super::members::{Members, Reading, Slot, link_target, normalise};
use super::resolve::Resolved;
use super::store::{Member, MemberError, Store};
use super::tape::Tape;
use super::{BlobSink, ImageSource, PassingBlob, SourceError, StreamSource, read_full};

/// The archive before it is read.
pub(super) struct ArchiveStream {
    input: Box<dyn Read + Send>,
    what: String,
    selector: Option<Selector>,
}

impl ArchiveStream {
    pub(super) fn new(input: Box<dyn Read + Send>, what: String, selector: Option<Selector>) -> Self {
        Self { input, what, selector }
    }
}

impl StreamSource for ArchiveStream {
    fn read(self: Box<Self>, sink: &mut dyn BlobSink) -> Result<Box<dyn ImageSource>, SourceError> {
        let Self { input, what, selector } = *self;
        let io = |error| SourceError::Io { what: what.clone(), error };
        let mut input = Decompressed::new(input, None).map_err(io)?;
        let mut head = [0; 512];
        let length = read_full(&mut input, &mut head).map_err(io)?;
        let head = head.get(..length).unwrap_or_default();
        if !looks_like_tar(head) {
            let found = if length == 0 { "it is empty" } else { "it is no tar, compressed or not" };
            return Err(SourceError::Invalid(format!("{what} holds no image: {found}")));
        }
        let mut pass = Pass { members: Members::new(), left: DOCUMENTS_TOTAL, stop: None };
        pass.run(Tape::new(input, head), sink).map_err(io)?;
        let first = Passed { members: Arc::new(pass.members), reading: Reading::Last };
        let other = first.members.is_ambiguous().then(|| Passed { reading: Reading::First, ..first.clone() });
        Ok(Box::new(Resolved::new(what, false, selector, first, other.as_ref())?))
    }
}

/// What is left of a member that passed.
#[derive(Debug)]
struct Kept {
    size: u64,
    /// The bytes, where they were kept.
    document: Option<Arc<[u8]>>,
}

/// One pass over the archive.
struct Pass {
    members: Members<Kept>,
    /// Bytes of documents that may still be kept.
    left: u64,
    /// An error of the sink itself.
    stop: Option<io::Error>,
}

impl Pass {
    /// Reads the archive to its end. A loss of bytes is damage; an error is one of the sink's.
    fn run<R: Read + Send>(&mut self, mut tape: Tape<R>, sink: &mut dyn BlobSink) -> io::Result<()> {
        let mut behind = 0_usize;
        while let Some(entry) = tape.next_entry(&mut self.members) {
            if entry.after_end {
                behind += 1;
                continue;
            }
            self.member(&entry, &mut tape, sink);
            if let Some(error) = self.stop.take() {
                return Err(error);
            }
        }
        if behind > 0 {
            self.members.warn(format!("{behind} members behind the archive's end marker belong to no image"));
        }
        Ok(())
    }

    fn member<R: Read + Send>(&mut self, entry: &Entry, tape: &mut Tape<R>, sink: &mut dyn BlobSink) {
        let name = match normalise(&entry.path) {
            Ok(Some(name)) => name,
            Ok(None) => return,
            Err(why) => {
                let shown: String = String::from_utf8_lossy(&entry.path).chars().take(200).collect();
                return self.members.warn(format!("the name of member '{shown}' {why}: it is not used"));
            }
        };
        let slot = match entry.kind {
            EntryKind::Directory => return,
            EntryKind::File => return self.file(&name, entry.size, tape, sink),
            EntryKind::HardLink => link_target(&name, &entry.link, false),
            EntryKind::Symlink => link_target(&name, &entry.link, true),
            _ => Slot::Unreadable("is not a regular file".to_owned()),
        };
        self.members.add(&name, slot);
    }

    fn file<R: Read + Send>(&mut self, name: &str, size: u64, tape: &mut Tape<R>, sink: &mut dyn BlobSink) {
        // The body borrows the notes, so they are a table of their own until it is read.
        let mut notes = Members::new();
        let mut body = tape.body(size, &mut notes);
        let head = head_of(&mut body);
        match head {
            Ok(head) if is_json(&head) && size <= CONFIG.min(self.left) => {
                let document = read_document(head, &mut body);
                self.left = self.left.saturating_sub(size);
                let cut = document.as_ref().err().map(ToString::to_string);
                let slot = match document {
                    Ok(document) => Slot::File(Kept { size, document: Some(document) }),
                    Err(error) => Slot::Unreadable(format!("cannot be read: {error}")),
                };
                self.members.add(name, slot);
                if let Some(cut) = cut {
                    self.members.damaged("truncated", format!("member {name}: {cut}"));
                }
            }
            Ok(head) => {
                if let Some(key) = self.members.add(name, Slot::File(Kept { size, document: None })) {
                    self.give(key, size, &mut Cursor::new(head).chain(&mut body), sink);
                }
            }
            Err(error) => {
                self.members.add(name, Slot::Unreadable(format!("cannot be read: {error}")));
                self.members.damaged("truncated", format!("member {name}: {error}"));
            }
        }
        body.skip();
        self.members.take_notes(notes);
    }

    fn give(&mut self, key: BlobKey, size: u64, body: &mut (dyn Read + Send), sink: &mut dyn BlobSink) {
        let digest = digest_of_name(&key.0);
        let name = key.0.clone();
        let algorithm = digest.as_ref().map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let mut watched = Watched { body, failed: false };
        let blob = PassingBlob { key, size: Some(size), algorithm, diff_id: digest.is_none(), body: &mut watched };
        if let Err(error) = sink.blob(blob) {
            if watched.failed {
                self.members.damaged("truncated", format!("member {name}: {error}"));
            } else {
                self.stop = Some(error);
            }
        }
    }
}

/// Tells an error of the stream from one of the sink.
struct Watched<'a> {
    body: &'a mut (dyn Read + Send),
    failed: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.body.read(buffer);
        self.failed |= result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        result
    }
}

fn head_of(body: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; JSON_HEAD];
    let length = read_full(body, &mut head)?;
    head.truncate(length);
    Ok(head)
}

fn is_json(head: &[u8]) -> bool {
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|byte| matches!(byte, b'{' | b'['))
}

fn read_document(head: Vec<u8>, body: &mut dyn Read) -> io::Result<Arc<[u8]>> {
    let mut bytes = head;
    // The member's size was checked against the limit, and the tar reader gives no more than that.
    body.take(CONFIG).read_to_end(&mut bytes)?;
    Ok(Arc::from(bytes))
}

/// An archive that has passed: its documents, and the names of all else.
#[derive(Clone)]
struct Passed {
    members: Arc<Members<Kept>>,
    reading: Reading,
}

impl Store for Passed {
    fn find(&self, name: &str) -> Result<Member, MemberError> {
        let (key, kept) = self.members.find(name, self.reading)?;
        Ok(Member { key, size: kept.size })
    }

    fn open(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, MemberError> {
        let kept = self.members.body(key).ok_or(MemberError::Missing)?;
        match &kept.document {
            Some(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            None => Err(MemberError::Refused("is no JSON document that could be kept, and has passed".to_owned())),
        }
    }

    fn damage(&self) -> Vec<ImageError> {
        self.members.damage().to_vec()
    }

    fn warnings(&self) -> Vec<String> {
        self.members.warnings()
    }
}
