//! The documents of attestations, searched by what they say besides as they lie: escapes decoded, values
//! beside their names, files and envelopes in base64 opened.
//!
//! A key is reported at the place that names it best. What the search of the raw bytes found as well is
//! dropped there, and so is what it found inside a string with escapes, where it may be a part of a key.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use super::hashed::FileLink;
use super::matches::{Finder, Match};
use super::segment::{Content, Segment};
use crate::detect::redact::is_secret_name;
use crate::detect::{Key, Place};
use crate::image::statement::{Statement, StatementText, StepLayer};
use crate::limits::{STATEMENT, STATEMENT_SECRETS};

/// The shortest value of a build argument that is masked wherever it stands: a shorter one is a word like
/// any other.
const SHORTEST_SECRET: usize = 8;

/// What is known of a content that is a text of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Where its value begins.
    pub value_offset: u64,
    /// How many times it stood in base64.
    pub decoded: usize,
    /// The layer that its build step made.
    pub layer: Option<Arc<StepLayer>>,
}

/// The stored bytes of a blob that is to be read as a document, kept as they pass.
pub(super) struct Kept {
    wanted: bool,
    bytes: Vec<u8>,
}

impl Kept {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, bytes: Vec::new() }
    }

    /// `body`, of which the bytes are kept as they are read.
    pub(super) fn of<R: Read>(&mut self, body: R) -> impl Read {
        Tee { body, kept: self }
    }

    /// The document, where the bytes are one.
    pub(super) fn statement(self) -> Option<Statement> {
        Statement::read(&self.bytes)
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.wanted && self.bytes.len() + bytes.len() > STATEMENT {
            *self = Self::new(false);
        }
        if self.wanted {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

struct Tee<'k, R> {
    body: R,
    kept: &'k mut Kept,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.kept.add(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// A text as a content of its own, with the next number. A value with a name is one as a variable's is.
pub(super) fn segment(text: StatementText, id: u64) -> Segment {
    let place = if text.value_offset > 0 { Place::Arg } else { Place::Attestation };
    let value_offset = text.value_offset as u64;
    let stated = Stated { value_offset, decoded: text.decoded, layer: text.layer };
    let path = Arc::from(&b""[..]);
    let (stated, file) = (Some(stated), FileLink::default());
    let content = Content { id, entry: None, place, path, name: text.name, stated, inner: None, file };
    Segment::whole(content, text.text)
}

/// The values that no report may show although no detector may know them: those of names that say so.
pub(super) fn secrets(statement: &Statement) -> Vec<Key> {
    let mut left = STATEMENT_SECRETS;
    let mut seen = HashSet::new();
    let mut secrets = Vec::new();
    for (name, value) in &statement.assignments {
        let is_secret = value.len() >= SHORTEST_SECRET && is_secret_name(name);
        if is_secret && value.len() <= left && seen.insert(value) {
            left -= value.len();
            secrets.push(Key::new(value.clone().into_bytes()));
        }
    }
    secrets
}

/// Drops what the raw bytes only repeat. `escaped`: where strings with escapes stand in them.
pub(super) fn settle(matches: &mut Vec<Match>, escaped: &[Range<u64>]) {
    let is_stated = |found: &Match| found.content.stated.is_some();
    let identity = |found: &Match| (found.found.finder, found.found.secret.key().cloned());
    let opened = |found: &Match| found.content.stated.as_ref().map_or(0, |stated| stated.decoded);
    // How often a content was opened in which the key stands.
    let mut stated: HashMap<(Finder, Option<Key>), usize> = HashMap::new();
    for found in matches.iter().filter(|found| is_stated(found)) {
        let deepest = stated.entry(identity(found)).or_default();
        *deepest = opened(found).max(*deepest);
    }
    let in_escaped = |offset: u64| {
        let next = escaped.partition_point(|range| range.end <= offset);
        escaped.get(next).is_some_and(|range| range.contains(&offset))
    };
    matches.retain(|found| {
        let deepest = stated.get(&identity(found)).copied();
        // The base64 that was opened stays in the text around it, and is decoded there as well.
        let is_opened = || !found.found.encodings.is_empty() && deepest > Some(opened(found));
        if is_stated(found) { !is_opened() } else { deepest.is_none() && !in_escaped(found.offset) }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_kept_up_to_the_limit_and_only_when_asked_for() {
        let mut text = br#"{"args":{"a":"b"}}"#.to_vec();
        text.resize(STATEMENT, b' ');
        let read = |wanted: bool, bytes: &[u8]| {
            let mut kept = Kept::new(wanted);
            let passed = io::copy(&mut kept.of(bytes), &mut io::sink()).expect("memory");
            assert_eq!(passed, bytes.len() as u64);
            kept.statement().is_some()
        };
        assert!(read(true, &text) && !read(false, &text));
        text.push(b' ');
        assert!(!read(true, &text));
    }

    #[test]
    fn values_with_secret_names_are_secrets_unless_they_are_any_word() {
        let text = r#"{"args":{"build-arg:DB_PASSWORD":"not a known key","build-arg:MODE":"production",
            "build-arg:AUTH":"none","label:DB_PASSWORD":"not a known key"}}"#;
        let statement = Statement::read(text.as_bytes()).expect("JSON");
        let found = secrets(&statement);
        assert_eq!(found.iter().map(Key::expose).collect::<Vec<_>>(), [b"not a known key"]);
    }
}
