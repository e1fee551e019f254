//! The package databases of one layer, taken up while its tar passes. Texts are read line by line and
//! never held; an rpm database is held whole, up to a limit, because it cannot be read in order.

use super::index::{Builder, Packages};
use super::lines::Lines;
use super::path::clean;
use super::pip::Record;
use super::{apk, dpkg, rpm};
use crate::limits::{PACKAGE_DATABASE, PACKAGE_FILES, PACKAGES};

/// A record whose lines come one after the other.
pub(super) trait LineRecords: Send {
    /// Takes up a line, without its end.
    fn line(&mut self, line: &[u8], index: &mut Builder);

    /// The record is over.
    fn end(&mut self, _index: &mut Builder) {}
}

/// What was read of the layer so far.
#[derive(Default)]
pub struct Databases {
    index: Builder,
    open: Option<Open>,
    /// Bytes of the open one so far.
    offset: u64,
    /// What cannot be read, in words. There are only a few different ones.
    notes: Vec<String>,
}

/// The database that is passing.
enum Open {
    Text(Lines, Box<dyn LineRecords>),
    Rpm(rpm::Format, Vec<u8>),
    /// rpm's of old.
    BerkeleyDb,
}

impl Databases {
    /// A file begins.
    pub fn begin(&mut self, path: &[u8]) {
        self.offset = 0;
        self.open = open(&clean(path));
    }

    /// Bytes of the file that lie at `offset` in it.
    pub fn data(&mut self, bytes: &[u8], offset: u64) {
        match &mut self.open {
            None => return,
            // Nobody writes a database with holes.
            _ if offset != self.offset => self.open = None,
            Some(Open::Text(lines, records)) => lines.feed(bytes, |line| records.line(line, &mut self.index)),
            Some(Open::Rpm(_, held)) if held.len() + bytes.len() <= PACKAGE_DATABASE => {
                held.extend_from_slice(bytes);
            }
            Some(Open::BerkeleyDb) => {
                self.note(
                    "its rpm database is a Berkeley DB (rpm before 4.16), which is not read".to_owned(),
                );
                self.open = None;
            }
            Some(Open::Rpm(..)) => {
                self.note(format!("its rpm database has more than {PACKAGE_DATABASE} bytes"));
                self.open = None;
            }
        }
        self.offset += bytes.len() as u64;
    }

    /// The file is complete.
    pub fn end(&mut self) {
        match self.open.take() {
            None | Some(Open::BerkeleyDb) => {}
            Some(Open::Text(mut lines, mut records)) => {
                lines.end(|line| records.line(line, &mut self.index));
                records.end(&mut self.index);
            }
            Some(Open::Rpm(format, held)) => {
                if let Err(error) = rpm::read(format, &held, &mut self.index) {
                    self.note(format!("its rpm database {error}"));
                }
            }
        }
    }

    /// The index, and what could not be read, in words.
    pub fn finish(mut self) -> (Packages, Vec<String>) {
        if self.index.full {
            self.note(format!(
                "its package databases name more than {PACKAGE_FILES} files or {PACKAGES} packages"
            ));
        }
        (self.index.finish(), self.notes)
    }

    fn note(&mut self, what: String) {
        let note = format!("{what}: which packages own files is not told, or not of all");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The database at this cleaned path.
fn open(path: &[u8]) -> Option<Open> {
    let text = |records: Box<dyn LineRecords>| Open::Text(Lines::default(), records);
    if let Some(rest) = path.strip_prefix(b"var/lib/dpkg/") {
        return dpkg::records(rest).map(text);
    }
    if matches!(path, b"lib/apk/db/installed" | b"usr/lib/apk/db/installed") {
        return Some(text(Box::<apk::Installed>::default()));
    }
    if let Some(format) = rpm::format(path) {
        return Some(format.map_or(Open::BerkeleyDb, |format| Open::Rpm(format, Vec::new())));
    }
    let record = path.ends_with(b".dist-info/RECORD").then(|| Record::at(path)).flatten()?;
    Some(text(Box::new(record)))
}
