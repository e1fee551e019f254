//! What the detectors found in one blob, with exact places, independent of how the blob was cut.

use std::collections::HashMap;
use std::sync::Arc;

use super::segment::{Content, Segment};
use crate::detect::own_secrets::{self, OwnHit, OwnSecrets};
use crate::detect::{Confidence, DetectorIndex, DetectorSet, Hit, Key, Scratch, Severity};
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
    /// The canonical secret.
    pub key: Key,
    /// The bytes as they stand there: what every output must be kept free of.
    pub raw: Key,
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
    /// The encoding it stood in, for `decoded`.
    pub encoding: Option<&'static str>,
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
    content: Arc<Content>,
    newlines: u64,
    matches: Vec<SegmentMatch>,
}

impl SegmentResult {
    /// How many keys were found.
    pub fn matches(&self) -> usize {
        self.matches.len()
    }
}

#[derive(Debug)]
struct SegmentMatch {
    offset: u64,
    length: u64,
    /// Line breaks between the segment's fresh bytes and the key; negative in front of them.
    line: i64,
    column: Option<u64>,
    found: Found,
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
}

impl Search<'_> {
    /// Runs the detectors over a segment; `None` where there is nothing to keep of it.
    pub fn segment(&self, segment: &Segment, buffer: &[u8], space: &mut Workspace) -> Option<SegmentResult> {
        let window = segment.window(buffer);
        self.detectors.scan_with_halves(&window, &mut space.scratch, &mut space.hits);
        let mut matches: Vec<_> =
            space.hits.drain(..).map(|hit| from_hit(hit, window.bytes, segment)).collect();
        if let Some(own_secrets) = self.own_secrets {
            own_secrets.scan(&window, &mut space.own_hits);
            for hit in space.own_hits.drain(..) {
                matches.push(from_own_hit(&hit, own_secrets, window.bytes, segment));
            }
        }
        if matches.is_empty() && !segment.counts_lines {
            return None;
        }
        let fresh = window.bytes.get(segment.fresh..).unwrap_or_default();
        let newlines = if segment.counts_lines { count_newlines(fresh) } else { 0 };
        Some(SegmentResult { content: segment.content.clone(), newlines, matches })
    }
}

fn from_hit(hit: Hit, bytes: &[u8], segment: &Segment) -> SegmentMatch {
    let raw = Key::new(bytes.get(hit.span.clone()).unwrap_or_default().to_vec());
    let found = Found {
        finder: Finder::Detector(hit.detector),
        key: hit.key,
        raw,
        severity: hit.severity,
        confidence: hit.confidence,
        verified: hit.verified,
        handles: hit.handles,
        companions: hit.companions,
        incomplete: hit.incomplete,
        encoding: None,
    };
    place(hit.span.start, hit.span.len(), bytes, segment, found)
}

fn from_own_hit(hit: &OwnHit, own: &OwnSecrets, bytes: &[u8], segment: &Segment) -> SegmentMatch {
    let raw = Key::new(bytes.get(hit.span.clone()).unwrap_or_default().to_vec());
    let found = Found {
        finder: Finder::OwnSecret(hit.secret),
        key: own.key(hit.secret).cloned().unwrap_or_else(|| raw.clone()),
        raw,
        severity: own_secrets::SEVERITY,
        confidence: own_secrets::CONFIDENCE,
        verified: true,
        handles: Vec::new(),
        companions: Vec::new(),
        incomplete: false,
        encoding: (hit.encoding != "raw").then_some(hit.encoding),
    };
    place(hit.span.start, hit.span.len(), bytes, segment, found)
}

fn place(start: usize, length: usize, bytes: &[u8], segment: &Segment, found: Found) -> SegmentMatch {
    let before = &bytes[..start.min(bytes.len())];
    let line = if start >= segment.fresh {
        count_newlines(before.get(segment.fresh..).unwrap_or_default()) as i64
    } else {
        -(count_newlines(bytes.get(start..segment.fresh).unwrap_or_default()) as i64)
    };
    // Looking no further than every window of this content would.
    let near = &before[before.len().saturating_sub(CONTEXT_RADIUS / 2)..];
    let column = match memchr::memrchr(b'\n', near) {
        Some(newline) => Some((near.len() - newline) as u64),
        None if near.len() == before.len() && segment.starts => Some(near.len() as u64 + 1),
        None => None,
    };
    let offset = segment.offset + start as u64;
    SegmentMatch { offset, length: length as u64, line, column, found }
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

/// Of two windows' views of the same key the one that saw more is kept, whichever came first.
fn weight(found: &Match) -> (bool, bool, Confidence, Severity, &[(String, String)]) {
    let found = &found.found;
    (!found.incomplete, found.verified, found.confidence, found.severity, &found.companions)
}

fn order(found: &Match) -> (u64, u64, Finder, u64) {
    (found.content.id, found.offset, found.found.finder, found.length)
}
