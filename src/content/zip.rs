//! The zip family, and what is a zip under another name: jar, war, wheel, apk, nupkg, vsix, office files.
//!
//! Members are read as they pass, by the headers in front of them; what stands between them is passed
//! over to the next header. The directory at the end may know of members that are not to be seen that
//! way. As long as the archive is small it is held, and those are read from what is held.

mod body;
mod directory;
mod record;
#[cfg(test)]
mod tests;
mod unsized_data;

use body::{Body, Passed};
use memchr::memmem;
use record::{Header, Record, Told, tell};

use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;
use crate::limits::{DECODED_SLICE, INNER_MEMBERS, INNER_NAME, ZIP_HELD};

pub(super) fn is_zip(head: &[u8], _path: &[u8]) -> bool {
    // Also an empty one, and the mark of one that was to be in parts.
    head.starts_with(record::LOCAL)
        || head.starts_with(record::END)
        || head.starts_with(b"PK\x07\x08PK\x03\x04")
        || head.starts_with(b"PK00PK\x03\x04")
}

/// Whether a zip may begin here, in the middle of something else.
pub(super) fn begins(bytes: &[u8]) -> bool {
    record::is_member(bytes)
}

/// Bytes by which [`begins`] tells.
pub(super) const BEGINNING: usize = 31;

pub(super) fn zip() -> Box<dyn Unpack> {
    Box::new(Zip::default())
}

#[derive(Default)]
struct Zip {
    state: State,
    /// Bytes taken so far.
    position: u64,
    /// The beginning of a record that is not complete.
    header: Vec<u8>,
    output: Vec<u8>,
    /// The members that were read, as they lie.
    seen: Vec<Seen>,
    /// Where the directory says that members begin, and how many bytes of data they have.
    listed: Vec<(u64, u64)>,
    /// Whether the end was seen.
    ended: bool,
    archive: Archive,
}

/// A member that passed.
#[derive(Clone, Copy)]
struct Seen {
    /// Where it begins.
    at: u64,
    /// Bytes of its data. None where it cannot be read, whatever its length.
    data: Option<u64>,
}

#[derive(Default)]
enum State {
    /// Between records.
    #[default]
    Between,
    Member(Box<Body>),
    /// Behind a member's data: their sizes, as far as they came.
    Described(Box<Body>, Vec<u8>),
    /// In data that are not read.
    Past(u64),
}

/// All bytes of the archive, while they are few.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    lost: bool,
}

impl Unpack for Zip {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let decoder = if let State::Member(body) = &self.state { body.memory() } else { 0 };
        self.archive.keep(bytes, decoder, members);
        let mut rest = bytes;
        // A member may be over without taking anything.
        while !rest.is_empty() {
            let taken = match std::mem::take(&mut self.state) {
                State::Between => self.between(rest, members)?,
                State::Member(body) => self.member(body, rest, members)?,
                State::Described(body, sizes) => self.described(body, sizes, rest, members)?,
                State::Past(left) => {
                    let taken = left.min(rest.len() as u64);
                    if taken < left {
                        self.state = State::Past(left - taken);
                    }
                    taken as usize
                }
            };
            self.position += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if let State::Between = self.state {
            self.between(b"", members)?;
        }
        match std::mem::take(&mut self.state) {
            State::Between | State::Past(_) => {}
            State::Member(mut body) => self.cut(&mut body, members)?,
            State::Described(body, sizes) => self.settle(body.described_by(&sizes).is_some(), members),
        }
        self.unseen(members)?;
        if self.ended { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}

impl Zip {
    /// Looks for the next records, up to the data of a member.
    fn between(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<usize, Fault> {
        let mut rest = bytes;
        if self.header.is_empty() {
            let end = rest.len() - usize::from(rest.ends_with(b"P"));
            rest = rest.get(memmem::find(rest, b"PK").unwrap_or(end)..).unwrap_or_default();
        }
        while matches!(self.state, State::Between) {
            match tell(&self.header) {
                Told::Wants(_) if rest.is_empty() => break,
                Told::Wants(all) => {
                    let taken = all.saturating_sub(self.header.len()).min(rest.len());
                    let (header, later) = rest.split_at(taken);
                    self.header.extend_from_slice(header);
                    rest = later;
                }
                Told::Record(..) => {
                    let end = self.position + (bytes.len() - rest.len()) as u64;
                    self.record(end - self.header.len() as u64, members)?;
                    if self.header.is_empty() {
                        break;
                    }
                }
                Told::Nothing => {
                    let behind = self.header.get(1..).unwrap_or_default();
                    let next = memchr::memchr(b'P', behind).unwrap_or(behind.len());
                    self.header.drain(..=next);
                    if self.header.is_empty() {
                        break;
                    }
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Takes up the record that is complete, and begins at `start`.
    fn record(&mut self, start: u64, members: &mut dyn Members) -> Result<(), Fault> {
        let bytes = std::mem::take(&mut self.header);
        let Told::Record(record, length) = tell(&bytes) else { return Ok(()) };
        self.header = bytes.get(length..).unwrap_or_default().to_vec();
        match record {
            Record::Local(header) => self.begin(&header, start, members),
            Record::Central(header) => self.listing(&header, members),
            Record::End(comment) => {
                self.ended = true;
                if comment.is_empty() { Ok(()) } else { members.text(Place::ArchiveComment, "zip", comment) }
            }
        }
    }

    fn begin(&mut self, header: &Header<'_>, start: u64, members: &mut dyn Members) -> Result<(), Fault> {
        self.ended = false;
        self.seen.push(Seen { at: start, data: None });
        members.begin(Step::Member(header.name))?;
        extra(header, members)?;
        match Body::new(header.facts) {
            // One without data is over already.
            Ok(body) if header.facts.known() == Some(0) => {
                self.member(Box::new(body), b"", members)?;
            }
            Ok(body) => self.state = State::Member(Box::new(body)),
            Err(fault) => {
                members.unread(fault);
                members.end();
                self.state = State::Past(header.facts.known().unwrap_or(0));
            }
        }
        Ok(())
    }

    /// A member in the directory: only its comment is new.
    fn listing(&mut self, header: &Header<'_>, members: &mut dyn Members) -> Result<(), Fault> {
        if (self.listed.len() as u64) < INNER_MEMBERS {
            self.listed.push((header.offset, header.facts.compressed));
        }
        comment(header, members)
    }

    fn member(
        &mut self,
        mut body: Box<Body>,
        rest: &[u8],
        members: &mut dyn Members,
    ) -> Result<usize, Fault> {
        self.output.resize(DECODED_SLICE, 0);
        body.beside = self.archive.bytes.len() as u64;
        let (taken, passed) = body.feed(rest, &mut self.output, members)?;
        match passed {
            Passed::More => self.state = State::Member(body),
            Passed::Broken(fault) => {
                self.note_length(body.facts.known());
                members.unread(fault);
                self.settle(true, members);
                self.state = State::Past(body.rest());
            }
            Passed::Over => {
                self.note_length(Some(body.length()));
                if let Some(surplus) = body.measured() {
                    members.end();
                    self.header = surplus;
                } else if body.facts.described {
                    self.state = State::Described(body, Vec::new());
                } else {
                    // Where the data end before their size says so, the next record is looked for there.
                    self.settle(body.is_right(), members);
                }
            }
        }
        Ok(taken)
    }

    /// Collects the sizes behind a member's data.
    fn described(
        &mut self,
        body: Box<Body>,
        mut sizes: Vec<u8>,
        rest: &[u8],
        members: &mut dyn Members,
    ) -> Result<usize, Fault> {
        let taken = (body::DESCRIPTOR_SIZE - sizes.len()).min(rest.len());
        sizes.extend_from_slice(rest.get(..taken).unwrap_or_default());
        if sizes.len() < body::DESCRIPTOR_SIZE {
            self.state = State::Described(body, sizes);
            return Ok(taken);
        }
        let length = body.described_by(&sizes);
        self.settle(length.is_some() || body.is_right(), members);
        // The rest begins the next record, or has it somewhere.
        self.header = sizes.split_off(length.unwrap_or(0));
        Ok(taken)
    }

    /// How many bytes of data the member had that passed last, by the header in front of it or by what was
    /// read.
    fn note_length(&mut self, data: Option<u64>) {
        self.seen.last_mut().into_iter().for_each(|seen| seen.data = data);
    }

    /// Ends a member that was read to its end, right or not.
    fn settle(&mut self, right: bool, members: &mut dyn Members) {
        if !right {
            members.unread(Fault::CORRUPT);
        }
        members.end();
        // The memory of its decoder is free again, so this is less than was granted.
        let _ = members.hold(self.archive.bytes.len() as u64);
    }

    /// The archive ends in a member.
    fn cut(&mut self, body: &mut Body, members: &mut dyn Members) -> Result<(), Fault> {
        let complete = body.is_complete();
        body.cut(members)?;
        if !complete {
            members.unread(Fault::TRUNCATED);
        }
        members.end();
        Ok(())
    }

    /// Reads the members that the directory lists and that were not seen in passing.
    fn unseen(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if !self.archive.lost {
            let bytes = std::mem::take(&mut self.archive.bytes);
            self.output.resize(DECODED_SLICE, 0);
            return directory::read_unseen(&bytes, &self.seen, &mut self.output, members);
        }
        // By how much all places are off where something stands in front of the archive.
        let first = self.listed.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let off = self.seen.first().map_or(0, |seen| seen.at.wrapping_sub(first));
        let has = |(at, data): &(u64, u64)| is_seen(&self.seen, at.wrapping_add(off), *data);
        if !self.listed.iter().all(has) {
            members.unread(Fault::LIMIT);
        }
        Ok(())
    }
}

/// Whether the member at `at` passed with all of its data, as many as the directory says. The header in
/// front of it may say less, and then its data were not read to their end.
fn is_seen(seen: &[Seen], at: u64, data: u64) -> bool {
    let found = seen.binary_search_by_key(&at, |seen| seen.at).ok().and_then(|found| seen.get(found));
    found.is_some_and(|seen| seen.data.is_none_or(|read| read >= data))
}

impl Archive {
    fn keep(&mut self, bytes: &[u8], decoder: u64, members: &mut dyn Members) {
        if self.lost {
            return;
        }
        let all = self.bytes.len() + bytes.len();
        if all <= ZIP_HELD && members.hold(all as u64 + decoder).is_ok() {
            self.bytes.extend_from_slice(bytes);
        } else {
            *self = Self { bytes: Vec::new(), lost: true };
            let _ = members.hold(decoder);
        }
    }
}

fn extra(header: &Header<'_>, members: &mut dyn Members) -> Result<(), Fault> {
    header.extra_texts().try_for_each(|text| members.text(Place::ArchiveComment, "extra field", text))
}

fn comment(header: &Header<'_>, members: &mut dyn Members) -> Result<(), Fault> {
    if header.comment.is_empty() {
        return Ok(());
    }
    let name = header.name.get(..INNER_NAME).unwrap_or(header.name);
    let whose = format!("comment of {}", String::from_utf8_lossy(name));
    members.text(Place::ArchiveComment, &whose, header.comment)
}
