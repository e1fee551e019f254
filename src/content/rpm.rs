//! rpm packages: two headers and a payload. The header's scripts and long texts are members that are
//! called as in a spec file (`%post`); the payload is a cpio, and its compression belongs to the package.
//!
//! All other strings of the header were searched as they lie.

mod header;

use header::Header;

use super::compressed::{self, Codec, run};
use super::cpio::Cpio;
use super::gather::{Gather, be32, split};
use super::{Fault, Members, Unpack};
use crate::limits::{DECODED_SLICE, RPM_HEADER};

const LEAD: usize = 96;
/// Magic, version, reserved bytes, the number of entries and the length of what they point to.
const INTRO: usize = 16;
/// Bytes of the payload by which its compression is told.
const PAYLOAD_HEAD: usize = 16;

pub(super) fn is_rpm(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"\xed\xab\xee\xdb")
}

pub(super) fn rpm() -> Box<dyn Unpack> {
    Box::new(Rpm { state: State::Lead, gather: Gather::default(), header: None })
}

struct Rpm {
    state: State,
    gather: Gather,
    /// The main header, where it is not too large.
    header: Option<Header>,
}

enum State {
    Lead,
    /// The beginning of the signature's header, or of the main one.
    Intro {
        signature: bool,
    },
    /// The rest of a header that is not read.
    Skip {
        left: u64,
        signature: bool,
    },
    Header {
        entries: usize,
        length: usize,
    },
    PayloadHead,
    Payload(Box<Payload>),
}

impl Unpack for Rpm {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        while self.step(&mut input, members)? {}
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if matches!(self.state, State::PayloadHead) {
            let head = self.gather.rest();
            self.payload(&head, members)?;
        }
        match &mut self.state {
            State::Payload(payload) => payload.finish(members),
            _ => Err(Fault::TRUNCATED),
        }
    }
}

impl Rpm {
    /// Goes on by one structure; whether there may be another in what is left of `input`.
    fn step(&mut self, input: &mut &[u8], members: &mut dyn Members) -> Result<bool, Fault> {
        match &mut self.state {
            State::Lead => {
                let Some(_) = self.gather.take(input, LEAD) else { return Ok(false) };
                self.state = State::Intro { signature: true };
            }
            State::Intro { signature } => {
                let signature = *signature;
                let Some(intro) = self.gather.take(input, INTRO) else { return Ok(false) };
                self.intro(&intro, signature, members)?;
            }
            State::Skip { left: 0, signature: true } => self.state = State::Intro { signature: false },
            State::Skip { left: 0, signature: false } => self.state = State::PayloadHead,
            State::Skip { left, .. } => {
                *left -= split(input, *left).len() as u64;
                return Ok(*left == 0);
            }
            State::Header { entries, length } => {
                let entries = *entries;
                let Some(bytes) = self.gather.take(input, *length) else { return Ok(false) };
                let header = Header::new(bytes, entries).ok_or(Fault::CORRUPT)?;
                header.give_texts(members)?;
                self.header = Some(header);
                self.state = State::PayloadHead;
            }
            State::PayloadHead => {
                let Some(head) = self.gather.take(input, PAYLOAD_HEAD) else { return Ok(false) };
                self.payload(&head, members)?;
            }
            State::Payload(payload) => {
                payload.feed(split(input, u64::MAX), members)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn intro(&mut self, intro: &[u8], signature: bool, members: &mut dyn Members) -> Result<(), Fault> {
        if !intro.starts_with(b"\x8e\xad\xe8") {
            return Err(Fault::CORRUPT);
        }
        let (Some(entries), Some(store)) = (be32(intro, 8), be32(intro, 12)) else {
            return Err(Fault::CORRUPT);
        };
        let length = u64::from(entries) * 16 + u64::from(store);
        self.state = if signature {
            State::Skip { left: length.next_multiple_of(8), signature }
        } else if length > RPM_HEADER || members.hold(length).is_err() {
            members.unread(Fault::LIMIT);
            State::Skip { left: length, signature }
        } else {
            State::Header { entries: entries as usize, length: length as usize }
        };
        Ok(())
    }

    fn payload(&mut self, head: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let header = self.header.as_ref().map_or(0, Header::size);
        let files = self.header.take().and_then(Header::into_files);
        let mut payload = Box::new(Payload {
            codec: compressed::of(head).map(|compression| (compression.codec)()),
            output: vec![0; DECODED_SLICE],
            cpio: Cpio::with_index(files),
            header,
            memory: 0,
        });
        payload.feed(head, members)?;
        self.state = State::Payload(payload);
        Ok(())
    }
}

struct Payload {
    /// None where it is not compressed.
    codec: Option<Box<dyn Codec>>,
    output: Vec<u8>,
    cpio: Cpio,
    /// Bytes that the package's header takes, and the decoder.
    header: u64,
    memory: u64,
}

impl Payload {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self { codec, output, cpio, header, memory } = self;
        let Some(codec) = codec else { return cpio.feed(bytes, members) };
        let ran = run(&mut **codec, bytes, output, &mut |codec, data| {
            // Nothing is passed on before its memory is granted.
            if codec.memory() != *memory {
                *memory = codec.memory();
                members.hold(memory.saturating_add(*header))?;
            }
            cpio.feed(data, members)
        });
        ran.result
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        let complete = self.codec.as_ref().is_none_or(|codec| codec.is_complete());
        self.cpio.finish(members)?;
        if complete { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}
