//! Contents cut into windows: how a file that runs over many buffers meets the detectors so that the
//! result does not depend on where the buffers end.
//!
//! Every buffer begins with the last [`WINDOW_OVERLAP`] bytes of the stream before it. An anchor is
//! decided in the one window that holds [`CONTEXT_RADIUS`] bytes of its content on either side of it,
//! or the content's beginning or end, as are all anchors of its [`ANCHOR_STRETCH`].

use std::ops::Range;
use std::sync::Arc;

use super::attestation::Stated;
use super::hashed::{FileLink, HashedFile};
use crate::detect::{Place, Window};
use crate::layer::entry_log::EntryIndex;
use crate::layer::tar::RawKind;
use crate::limits::{ANCHOR_STRETCH, CONTEXT_RADIUS, WINDOW_OVERLAP};

/// What a content is and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Number of the content in its blob.
    pub id: u64,
    /// The tar entry that it belongs to.
    pub entry: Option<EntryIndex>,
    /// What kind of place it is.
    pub place: Place,
    /// The entry's path, as recorded.
    pub path: Arc<[u8]>,
    /// Name of the attribute or record, or of the kind of raw bytes.
    pub name: Option<String>,
    /// Where it is a text of an attestation's document: what is known of it.
    pub stated: Option<Stated>,
    /// Where it is inside another content.
    pub inner: Option<Arc<Inner>>,
    /// The file that it is or lies in, to be hashed when something is found.
    pub file: FileLink,
}

impl Content {
    /// A text that lies in no file.
    pub fn of_text(id: u64, place: Place, name: Option<String>) -> Self {
        Self {
            id,
            entry: None,
            place,
            path: Arc::from(&b""[..]),
            name,
            stated: None,
            inner: None,
            file: FileLink::default(),
        }
    }
}

/// How a content lies inside another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The other one.
    pub outer: Arc<Content>,
    /// What leads from there to here; none where it is a text of the other one itself, or has no name.
    pub step: Option<InnerStep>,
}

/// What leads from a content to one that is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InnerStep {
    /// A member of an archive, by its name.
    Member(Arc<[u8]>),
    /// What a compression or encoding holds, by its name.
    Decoded(&'static str),
}

impl Content {
    /// The contents in which it lies, the nearest first.
    pub fn outer(&self) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::successors(self.inner.as_deref().map(|inner| &inner.outer), move |outer| {
            outer.inner.as_deref().map(|inner| &inner.outer)
        })
    }

    /// What leads to it from the file, outermost first.
    pub fn steps(&self) -> Vec<InnerStep> {
        let own = self.inner.as_deref().and_then(|inner| inner.step.clone());
        let outer = self.outer().filter_map(|outer| outer.inner.as_deref()?.step.clone());
        let mut steps: Vec<InnerStep> = own.into_iter().chain(outer).collect();
        steps.reverse();
        steps
    }

    /// The path by which rules for paths know it: of a member its name, of a compressed file the name
    /// without its ending.
    pub fn path_inside(&self) -> &[u8] {
        let Some(inner) = self.inner.as_deref() else { return &self.path };
        match &inner.step {
            Some(InnerStep::Member(name)) => name,
            Some(InnerStep::Decoded(_)) => without_ending(inner.outer.path_inside()),
            None => inner.outer.path_inside(),
        }
    }

    /// The file's path with the members that lead to this content, as the report's texts show it.
    pub fn shown_path(&self) -> Vec<u8> {
        let mut path = self.path.to_vec();
        for step in self.steps() {
            if let InnerStep::Member(name) = step {
                path.push(b'!');
                path.extend_from_slice(name.get(..SHOWN_NAME).unwrap_or(&name));
            }
        }
        path
    }
}

/// Bytes of a member's name that such texts show, at most.
const SHOWN_NAME: usize = 255;

/// A path without the ending of its last part.
fn without_ending(path: &[u8]) -> &[u8] {
    let name = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    match memchr::memrchr(b'.', path.get(name..).unwrap_or_default()) {
        Some(dot) if dot > 0 => path.get(..name + dot).unwrap_or(path),
        _ => path,
    }
}

/// The bytes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentBytes {
    /// A range of the chunk's buffer.
    Buffer(Range<usize>),
    /// Bytes of their own: names and other short strings.
    Own(Vec<u8>),
}

/// One window of one content, ready for the detectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whose bytes.
    pub content: Arc<Content>,
    /// The file that they come from, kept until they are searched.
    pub file: Option<Arc<HashedFile>>,
    /// Where they are.
    pub bytes: SegmentBytes,
    /// Anchors that start here are this segment's to decide.
    pub owned: Range<usize>,
    /// From here on the bytes were in no earlier segment of the content.
    pub fresh: usize,
    /// Where in the content the first byte lies.
    pub offset: u64,
    /// Whether the content begins with the first byte.
    pub starts: bool,
    /// Whether the content ends with the last byte.
    pub ends: bool,
    /// Whether the content has other segments: then lines are counted over all of them.
    pub counts_lines: bool,
}

impl Segment {
    /// A short content of its own.
    pub fn whole(content: Content, bytes: Vec<u8>) -> Self {
        Self {
            owned: 0..bytes.len(),
            bytes: SegmentBytes::Own(bytes),
            file: content.file.file(),
            content: Arc::new(content),
            fresh: 0,
            offset: 0,
            starts: true,
            ends: true,
            counts_lines: false,
        }
    }

    /// The bytes, given the chunk's buffer.
    pub fn slice<'a>(&'a self, buffer: &'a [u8]) -> &'a [u8] {
        match &self.bytes {
            SegmentBytes::Buffer(range) => buffer.get(range.clone()).unwrap_or_default(),
            SegmentBytes::Own(bytes) => bytes,
        }
    }

    /// Notes that a key was found.
    pub fn found(&self, buffer: &[u8]) {
        if let Some(file) = &self.file {
            let is_whole = self.content.file.is_itself() && self.starts && self.ends && self.offset == 0;
            file.found(is_whole.then(|| self.slice(buffer)));
        }
    }

    /// The window that the detectors see.
    pub fn window<'a>(&'a self, buffer: &'a [u8]) -> Window<'a> {
        Window {
            bytes: self.slice(buffer),
            owned: self.owned.clone(),
            starts: self.starts,
            ends: self.ends,
            place: self.content.place,
            path: self.content.path_inside(),
        }
    }
}

/// A contiguous stretch of the stream that is one content, or a part of one between two holes.
#[derive(Debug)]
struct Run {
    content: Arc<Content>,
    /// Positions in the stream.
    start: u64,
    end: u64,
    owned_until: u64,
    /// How far segments reached that were given out.
    given_until: u64,
    /// Where in the content `start` lies.
    offset: u64,
    /// Whether a segment of the content was given out before.
    begun: bool,
}

/// Where the fresh bytes of the present buffer lie in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    /// Stream position of the first fresh byte.
    pub position: u64,
    /// Index of it in the buffer.
    pub index: usize,
    /// How many bytes in front of it were carried over.
    pub carried: usize,
}

impl Fresh {
    /// Index in the buffer of a position of the stream, if it lies there or was carried over.
    pub fn index_of(&self, position: u64) -> Option<usize> {
        if position >= self.position {
            return usize::try_from(position - self.position).ok()?.checked_add(self.index);
        }
        self.index.checked_sub(usize::try_from(self.position - position).ok()?)
    }

    /// Position in the stream of an index in the buffer.
    fn position_of(&self, index: usize) -> u64 {
        (self.position + index as u64).saturating_sub(self.index as u64)
    }
}

/// Bytes at the end of a buffer of which it may not be clear yet whose they are: a block of the tar.
const BLOCK: u64 = 512;

/// The contents that may be open at a time: a file's, and beside it raw bytes, of each kind one stretch.
#[derive(Debug, Default)]
pub struct Runs {
    data: Option<Run>,
    raw: Vec<(RawKind, Run)>,
}

impl Runs {
    /// More bytes of the file `content` at `offset` in it, at `range` of the buffer.
    pub fn data(
        &mut self,
        content: &Arc<Content>,
        range: Range<usize>,
        offset: u64,
        fresh: Fresh,
        out: &mut Vec<Segment>,
    ) {
        let start = fresh.position_of(range.start);
        let length = range.len() as u64;
        let mut begun = false;
        if let Some(run) = &mut self.data {
            let follows = run.end == start && run.offset + (run.end - run.start) == offset;
            if run.content.id == content.id && follows {
                run.end += length;
                return;
            }
            begun = run.content.id == content.id;
            close(self.data.take(), fresh, begun, out);
        }
        let end = start + length;
        let content = content.clone();
        self.data = Some(Run { content, start, end, owned_until: start, given_until: start, offset, begun });
    }

    /// What passed of a content was none, as far as it was not given out.
    pub fn forget_data(&mut self) {
        self.data = None;
    }

    /// The file's content is over.
    pub fn end_data(&mut self, fresh: Fresh, out: &mut Vec<Segment>) {
        close(self.data.take(), fresh, false, out);
    }

    /// Whether raw bytes of `kind` would continue what is open.
    pub fn continues_raw(&self, kind: RawKind, at: usize, fresh: Fresh) -> bool {
        let start = fresh.position_of(at);
        self.raw.iter().any(|(open, run)| *open == kind && run.end == start)
    }

    /// Raw bytes that begin a new run. They may have been carried over.
    pub fn raw(
        &mut self,
        kind: RawKind,
        content: Content,
        range: Range<usize>,
        fresh: Fresh,
        out: &mut Vec<Segment>,
    ) {
        self.end_raw(kind, fresh, out);
        let start = fresh.position_of(range.start);
        let end = start + range.len() as u64;
        let content = Arc::new(content);
        let run =
            Run { content, start, end, owned_until: start, given_until: start, offset: 0, begun: false };
        self.raw.push((kind, run));
    }

    /// More bytes of the open raw run of `kind`.
    pub fn extend_raw(&mut self, kind: RawKind, range: Range<usize>) {
        for (_, run) in self.raw.iter_mut().filter(|(open, _)| *open == kind) {
            run.end += range.len() as u64;
        }
    }

    /// The raw bytes of `kind` are over.
    pub fn end_raw(&mut self, kind: RawKind, fresh: Fresh, out: &mut Vec<Segment>) {
        for (_, run) in self.raw.extract_if(.., |(open, _)| *open == kind) {
            close(Some(run), fresh, false, out);
        }
    }

    /// All raw bytes are over.
    pub fn end_all_raw(&mut self, fresh: Fresh, out: &mut Vec<Segment>) {
        for (_, run) in self.raw.drain(..) {
            close(Some(run), fresh, false, out);
        }
    }

    /// The buffer, with so many fresh bytes, is full: gives out what of the open contents can be decided.
    pub fn end_buffer(&mut self, length: usize, fresh: Fresh, out: &mut Vec<Segment>) {
        // Raw bytes that ended before that go on no more, and the buffer after the next holds none of them.
        let reach = (fresh.position + length as u64).saturating_sub(BLOCK);
        for (_, run) in self.raw.extract_if(.., |(_, run)| run.end < reach) {
            close(Some(run), fresh, false, out);
        }
        for run in self.data.iter_mut().chain(self.raw.iter_mut().map(|(_, run)| run)) {
            let until = run.end.saturating_sub(CONTEXT_RADIUS as u64).max(run.owned_until);
            // A stretch is searched in one window.
            let stretches = (until - run.start) / ANCHOR_STRETCH as u64;
            let until = (run.start + stretches * ANCHOR_STRETCH as u64).max(run.owned_until);
            out.extend(segment(run, until, false, true, fresh));
            run.owned_until = until;
            run.given_until = run.end;
            run.begun = true;
        }
    }
}

fn close(run: Option<Run>, fresh: Fresh, more: bool, out: &mut Vec<Segment>) {
    if let Some(run) = run {
        out.extend(segment(&run, run.end, true, run.begun || more, fresh));
    }
}

/// The part of `run` that this buffer holds, deciding anchors up to `until`.
fn segment(run: &Run, until: u64, ends: bool, counts_lines: bool, fresh: Fresh) -> Option<Segment> {
    let carried = fresh.position - fresh.carried as u64;
    let begin = run.start.max(carried).max(run.owned_until.saturating_sub(CONTEXT_RADIUS as u64));
    let from = fresh.index_of(begin)?;
    let to = fresh.index_of(run.end)?;
    Some(Segment {
        content: run.content.clone(),
        file: run.content.file.file(),
        bytes: SegmentBytes::Buffer(from..to),
        owned: (run.owned_until - begin) as usize..(until - begin) as usize,
        fresh: (run.given_until.max(begin) - begin) as usize,
        offset: run.offset + (begin - run.start),
        starts: begin == run.start,
        ends,
        counts_lines,
    })
}

/// Moves the last bytes of `buffer[..filled]` in front of where the next fresh bytes go, and says how
/// many they are.
pub fn carry_over(from: &[u8], filled: usize, carried: usize, to: &mut [u8]) -> usize {
    let available = filled - (WINDOW_OVERLAP - carried);
    let keep = available.min(WINDOW_OVERLAP);
    to[WINDOW_OVERLAP - keep..WINDOW_OVERLAP].copy_from_slice(&from[filled - keep..filled]);
    keep
}
