//! cpio archives: what the kernel unpacks at its start, and what an rpm holds.
//!
//! Archives may follow one another, with NUL bytes between them. What follows that is no archive (an
//! initramfs has its second part compressed) is a content of its own, without a name. So is all that comes
//! behind a header that cannot be read: of an rpm's payload nobody has searched it as it lies.

mod header;

pub(super) use header::{Entry, Form, Indexed};

use super::gather::{Gather, split};
use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;
use crate::limits::{CPIO_NAME, CPIO_PADDING, PATH};

/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

pub(super) fn is_cpio(head: &[u8], _path: &[u8]) -> bool {
    Form::of(head).is_some_and(|form| form.is_likely(head))
}

pub(super) fn cpio() -> Box<dyn Unpack> {
    Box::new(Cpio::default())
}

/// A cpio that is being read.
#[derive(Default)]
pub(super) struct Cpio {
    state: State,
    gather: Gather,
    /// Names and sizes of entries that only have a number in the archive.
    indexed: Option<Box<dyn Indexed>>,
    /// Whether an archive was read to its end.
    ended: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Magic,
    Header(Form),
    Name(Form, Entry),
    Link {
        size: usize,
        fill: usize,
    },
    Data {
        left: u64,
        fill: usize,
    },
    Fill(usize),
    /// Behind the end of an archive, with so many NUL bytes so far.
    Between(u64),
    /// In what is no archive any more.
    Rest,
}

impl Unpack for Cpio {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        while self.step(&mut input, members)? {}
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        match self.state {
            State::Between(_) | State::Rest => Ok(()),
            // A few bytes that cannot be anything.
            State::Magic if self.ended => Ok(()),
            _ => Err(Fault::TRUNCATED),
        }
    }
}

impl Cpio {
    /// A reader that can look up the entries which the archive gives by their number.
    pub(super) fn with_index(indexed: Option<Box<dyn Indexed>>) -> Self {
        Self { indexed, ..Self::default() }
    }

    /// Goes on by one structure; whether there may be another in what is left of `input`.
    fn step(&mut self, input: &mut &[u8], members: &mut dyn Members) -> Result<bool, Fault> {
        match &mut self.state {
            State::Magic => return self.magic(input, members),
            State::Header(form) => {
                let form = *form;
                let Some(header) = self.gather.take(input, form.length()) else { return Ok(false) };
                match self.header(form, &header, members) {
                    Err(Fault::CORRUPT) => self.give_rest(&header, Some(Fault::CORRUPT), members)?,
                    read => read?,
                }
            }
            State::Name(form, entry) => {
                let fill = form.fill(form.length() as u64 + entry.name_size);
                let length = usize::try_from(entry.name_size).map_err(|_| Fault::LIMIT)? + fill;
                let Some(name) = self.gather.take(input, length) else { return Ok(false) };
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                let (form, entry) = (*form, *entry);
                self.begin(form, entry, name, members)?;
            }
            State::Link { size, fill } => {
                let Some(target) = self.gather.take(input, *size) else { return Ok(false) };
                self.state = State::Fill(*fill);
                members.text(Place::Symlink, "", &target)?;
                members.end();
            }
            State::Data { left: 0, fill } => {
                self.state = State::Fill(*fill);
                members.end();
            }
            State::Data { left, .. } => {
                if input.is_empty() {
                    return Ok(false);
                }
                let data = split(input, *left);
                *left -= data.len() as u64;
                members.data(data)?;
            }
            State::Fill(fill) => {
                let Some(_) = self.gather.take(input, *fill) else { return Ok(false) };
                self.state = State::Magic;
            }
            State::Between(nulls) => {
                let skipped = input.iter().position(|byte| *byte != 0);
                *nulls += split(input, skipped.unwrap_or(input.len()) as u64).len() as u64;
                if *nulls > CPIO_PADDING {
                    return Err(Fault::LIMIT);
                }
                if skipped.is_none() {
                    return Ok(false);
                }
                self.state = State::Magic;
            }
            State::Rest => {
                members.data(split(input, u64::MAX))?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn magic(&mut self, input: &mut &[u8], members: &mut dyn Members) -> Result<bool, Fault> {
        let Some(magic) = self.gather.take(input, header::MAGIC) else { return Ok(false) };
        if let Some(form) = Form::of(&magic) {
            // The magic is a part of the header.
            let _ = self.gather.take(&mut magic.as_slice(), form.length());
            self.state = State::Header(form);
        } else {
            self.give_rest(&magic, (!self.ended).then_some(Fault::CORRUPT), members)?;
        }
        Ok(true)
    }

    /// What comes from here on is no archive: by right, or by a fault.
    fn give_rest(
        &mut self,
        begin: &[u8],
        fault: Option<Fault>,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        if let Some(fault) = fault {
            members.end();
            members.unread(fault);
        }
        members.begin(Step::Payload)?;
        self.state = State::Rest;
        members.data(begin)
    }

    fn header(&mut self, form: Form, header: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        if let Form::Indexed = form {
            let number = form.number(header).ok_or(Fault::CORRUPT)?;
            let named = self.indexed.as_ref().and_then(|indexed| indexed.entry(number));
            let (entry, name) = named.ok_or(Fault::CORRUPT)?;
            return self.begin(form, entry, &name, members);
        }
        let entry = form.entry(header).ok_or(Fault::CORRUPT)?;
        if entry.name_size == 0 {
            return Err(Fault::CORRUPT);
        }
        if entry.name_size > CPIO_NAME {
            return Err(Fault::LIMIT);
        }
        self.state = State::Name(form, entry);
        Ok(())
    }

    fn begin(
        &mut self,
        form: Form,
        entry: Entry,
        name: &[u8],
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        if name == TRAILER {
            self.ended = true;
            self.state = State::Between(0);
            return Ok(());
        }
        self.ended = false;
        members.begin(Step::Member(name))?;
        let fill = form.fill(entry.size);
        let link = entry.is_symlink().then(|| usize::try_from(entry.size).ok()).flatten();
        self.state = match link.filter(|size| (1..=PATH).contains(size)) {
            Some(size) => State::Link { size, fill },
            None => State::Data { left: entry.size, fill },
        };
        Ok(())
    }
}
