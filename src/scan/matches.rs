//! What the detectors found in one blob, with exact places, independent of how the blob was cut.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::secret::Secret;
use super::segment::{Content, Segment};
use crate::detect::own_secrets::{self, OwnHit, OwnSecrets};
use crate::detect::{Confidence, DetectorIndex, DetectorSet, Hit, Key, Scratch, Severity, Window};
use crate::encoding::{self, Encoded, Encodings};
use crate::limits::CONTEXT_RADIUS;

/// Which rule found a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Finder {
    /// A detector of the catalogue.
    Detector(DetectorIndex),
    /// A value of `--secrets-from`, by its number.
    OwnSecret(usize),
}

/// A key that was found, wherever it was.
#[derive(Clone, Debug)]
pub struct Found {
    /// What found it.
    pub finder: Finder,
    /// Its value.
    pub secret: Secret,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Whether an offline check proved it.
    pub verified: bool,
    /// What may stand in clear.
    pub handles: Vec<(String, String)>,
    /// Ids and other halves beside it.
    pub companions: Vec<(String, String)>,
    /// Whether a companion without which it opens nothing was not beside it.
    pub incomplete: bool,
    /// The encodings it stood in, outermost first, for `decoded`.
    pub encodings: Vec<&'static str>,
}

/// A key at its place in a blob.
#[derive(Clone, Debug)]
pub struct Match {
    /// In which content.
    pub content: Arc<Content>,
    /// Where in it, in bytes.
    pub offset: u64,
    /// Length of the key as it stands there, in bytes.
    pub length: u64,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1, in bytes; unknown far from the last line break.
    pub column: Option<u64>,
    /// What was found.
    pub found: Found,
}

/// What one segment gave.
#[derive(Debug)]
pub struct SegmentResult {
    pub(super) content: Arc<Content>,
    pub(super) newlines: u64,
    pub(super) matches: Vec<SegmentMatch>,
    /// Stretches that were not searched to their end.
    pub(super) given_up: u64,
}

impl SegmentResult {
    /// A segment of `content` with nothing in it.
    pub(super) fn of(content: Arc<Content>) -> Self {
        Self { content, newlines: 0, matches: Vec::new(), given_up: 0 }
    }

    /// Stretches of the segment, or of texts decoded of it, whose anchors made too much work to follow them all.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// A key of one segment.
#[derive(Debug)]
pub struct SegmentMatch {
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Line breaks between the segment's fresh bytes and the key; negative in front of them.
    pub(super) line: i64,
    pub(super) column: Option<u64>,
    pub(super) found: Found,
}

/// The rules of a scan, shared by all workers.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The catalogue.
    pub detectors: &'a DetectorSet,
    /// The team's own secret values.
    pub own_secrets: Option<&'a OwnSecrets>,
}

/// Buffers that a worker uses again.
#[derive(Default)]
pub struct Workspace {
    scratch: Scratch,
    hits: Vec<Hit>,
    own_hits: Vec<OwnHit>,
    encodings: encoding::Reader,
}

impl Search<'_> {
    /// Runs the detectors over a segment and over what stands encoded in it; `None` where there is nothing
    /// to keep of it.
    pub fn segment(&self, segment: &Segment, buffer: &[u8], space: &mut Workspace) -> Option<SegmentResult> {
        self.segment_of(Encodings::ALL, segment, buffer, space)
    }

    /// The same, with some encodings only.
    pub fn segment_of(
        &self,
        encodings: Encodings,
        segment: &Segment,
        buffer: &[u8],
        space: &mut Workspace,
    ) -> Option<SegmentResult> {
        let window = segment.window(buffer);
        let mut matches = Vec::new();
        let mut places = Places::new(segment, window.bytes);
        self.find(&window, space, |span, found| matches.push(places.put(span, found)));
        // Taken out, as the rest of the space is lent to the search of what it reads.
        let mut reader = std::mem::take(&mut space.encodings);
        reader.each(encodings, &window, segment.offset, |text| {
            let bytes = text.bytes();
            let decoded = Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, ..window.clone() };
            self.find(&decoded, space, |span, mut found| {
                let Some(Encoded { span, mut encodings }) = text.locate(&span) else { return };
                encodings.append(&mut found.encodings);
                matches.push(places.put(span, Found { encodings, ..found }));
            });
        });
        space.encodings = reader;
        let given_up = space.scratch.take_given_up();
        if matches.is_empty() && given_up == 0 && !segment.counts_lines {
            return None;
        }
        let fresh = window.bytes.get(segment.fresh..).unwrap_or_default();
        let newlines = if segment.counts_lines { count_newlines(fresh) } else { 0 };
        Some(SegmentResult { content: segment.content.clone(), newlines, matches, given_up })
    }

    /// Runs the detectors over one text. What is found has no `raw` yet.
    fn find(&self, window: &Window<'_>, space: &mut Workspace, mut each: impl FnMut(Range<usize>, Found)) {
        self.detectors.scan_with_halves(window, &mut space.scratch, &mut space.hits);
        for hit in space.hits.drain(..) {
            each(hit.span.clone(), from_hit(hit));
        }
        if let Some(own_secrets) = self.own_secrets {
            own_secrets.scan(window, &mut space.own_hits);
            for hit in space.own_hits.drain(..) {
                let as_found = || Key::new(window.bytes.get(hit.span.clone()).unwrap_or_default().to_vec());
                let key = own_secrets.key(hit.secret).cloned().unwrap_or_else(as_found);
                each(hit.span.clone(), from_own_hit(&hit, key));
            }
        }
    }
}

fn from_hit(hit: Hit) -> Found {
    Found {
        finder: Finder::Detector(hit.detector),
        secret: Secret::Read { key: hit.key, raw: Key::new(Vec::new()) },
        severity: hit.severity,
        confidence: hit.confidence,
        verified: hit.verified,
        handles: hit.handles,
        companions: hit.companions,
        incomplete: hit.incomplete,
        encodings: Vec::new(),
    }
}

fn from_own_hit(hit: &OwnHit, key: Key) -> Found {
    Found {
        finder: Finder::OwnSecret(hit.secret),
        secret: Secret::Read { key, raw: Key::new(Vec::new()) },
        severity: own_secrets::SEVERITY,
        confidence: own_secrets::CONFIDENCE,
        verified: true,
        handles: Vec::new(),
        companions: Vec::new(),
        incomplete: false,
        encodings: (hit.encoding != "raw").then_some(hit.encoding).into_iter().collect(),
    }
}

/// Puts what was found at its place in a segment. Lines are counted from the place before, as a segment
/// may hold a key on each of its lines.
struct Places<'s> {
    segment: &'s Segment,
    bytes: &'s [u8],
    at: usize,
    /// Line breaks between the fresh bytes and `at`; negative in front of them.
    line: i64,
}

impl<'s> Places<'s> {
    fn new(segment: &'s Segment, bytes: &'s [u8]) -> Self {
        Self { segment, bytes, at: segment.fresh.min(bytes.len()), line: 0 }
    }

    fn put(&mut self, span: Range<usize>, mut found: Found) -> SegmentMatch {
        if let Secret::Read { raw, .. } = &mut found.secret {
            *raw = Key::new(self.bytes.get(span.clone()).unwrap_or_default().to_vec());
        }
        let line = self.line_of(span.start);
        let before = self.bytes.get(..span.start).unwrap_or(self.bytes);
        // Looking no further than every window of this content would.
        let near = before.get(before.len().saturating_sub(CONTEXT_RADIUS / 2)..).unwrap_or_default();
        let column = match memchr::memrchr(b'\n', near) {
            Some(newline) => Some((near.len() - newline) as u64),
            None if near.len() == before.len() && self.segment.starts => Some(near.len() as u64 + 1),
            None => None,
        };
        let (offset, length) = (self.segment.offset + span.start as u64, span.len() as u64);
        SegmentMatch { offset, length, line, column, found }
    }

    fn line_of(&mut self, at: usize) -> i64 {
        let at = at.min(self.bytes.len());
        let between = |range: Range<usize>| count_newlines(self.bytes.get(range).unwrap_or_default()) as i64;
        self.line += if at < self.at { -between(at..self.at) } else { between(self.at..at) };
        self.at = at;
        self.line
    }
}

fn count_newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Puts the results of a blob's segments, in the order of its stream, together: exact lines, each key
/// once at its place, in the order of the contents.
pub fn join(results: impl IntoIterator<Item = SegmentResult>) -> Vec<Match> {
    let mut newlines: HashMap<u64, u64> = HashMap::new();
    let mut matches = Vec::new();
    for result in results {
        let before = newlines.entry(result.content.id).or_default();
        for found in result.matches {
            matches.push(Match {
                content: result.content.clone(),
                offset: found.offset,
                length: found.length,
                line: before.saturating_add_signed(found.line) + 1,
                column: found.column,
                found: found.found,
            });
        }
        *before += result.newlines;
    }
    matches.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| weight(b).cmp(&weight(a))));
    matches.dedup_by(|a, b| order(a) == order(b));
    matches
}

/// Drops what the bytes of a container only repeat of what is inside it.
pub fn drop_repeated(matches: &mut Vec<Match>) {
    let identity = |id: u64, found: &Found| (id, found.finder, found.secret.key().cloned());
    let mut inside: HashSet<(u64, Finder, Option<Key>)> = HashSet::new();
    for found in matches.iter() {
        for outer in found.content.outer() {
            inside.insert(identity(outer.id, &found.found));
        }
    }
    if inside.is_empty() {
        return;
    }
    matches.retain(|found| !inside.contains(&identity(found.content.id, &found.found)));
}

/// What is compared of two matches at one place.
type Weight<'m> = (bool, bool, Confidence, Severity, &'m [(String, String)], Reverse<&'m [&'static str]>);

/// Of two views of the same key, by two windows or with more and less decoded, the one that saw more is
/// kept, whichever came first; of equals, the one that had less to decode.
fn weight(found: &Match) -> Weight<'_> {
    let found = &found.found;
    (
        !found.incomplete,
        found.verified,
        found.confidence,
        found.severity,
        &found.companions,
        Reverse(&found.encodings),
    )
}

fn order(found: &Match) -> (u64, u64, Finder, u64) {
    (found.content.id, found.offset, found.found.finder, found.length)
}
