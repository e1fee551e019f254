//! gzip (RFC 1952): members with a header, a deflate stream and a checksum each.

use super::codec::{Codec, Deflate, Stepped};
use crate::content::Fault;
use crate::limits::GZIP_HEADER;

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;

/// Bytes by which what is held of a header grows.
const HEADER_STEP: usize = 512;

/// A gzip decoder.
#[derive(Default)]
pub(super) struct Gzip {
    state: State,
    /// The beginning of a header or a trailer that is not complete.
    held: Vec<u8>,
    crc: crc32fast::Hasher,
    length: u32,
    members: u64,
    texts: Vec<Vec<u8>>,
}

#[derive(Default)]
enum State {
    #[default]
    Header,
    Body(Deflate),
    Trailer,
    /// What follows is no member: padding, or bytes that belong to nothing.
    Over,
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        match &mut self.state {
            State::Header => self.header(input),
            State::Body(deflate) => {
                let stepped = deflate.step(input, output)?;
                let given = output.get(..stepped.given).unwrap_or_default();
                self.crc.update(given);
                self.length = self.length.wrapping_add(given.len() as u32);
                if deflate.is_complete() {
                    self.state = State::Trailer;
                }
                Ok(stepped)
            }
            State::Trailer => self.trailer(input),
            State::Over => Ok(Stepped { taken: input.len(), given: 0 }),
        }
    }

    fn is_complete(&self) -> bool {
        match self.state {
            State::Header => self.held.is_empty() && self.members > 0,
            State::Over => true,
            State::Body(_) | State::Trailer => false,
        }
    }

    fn take_texts(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.texts)
    }
}

impl Gzip {
    fn header(&mut self, input: &[u8]) -> Result<Stepped, Fault> {
        let before = self.held.len();
        // A few bytes at a time: most headers are short, and a file may have millions of members.
        let room = GZIP_HEADER.saturating_sub(before).min(HEADER_STEP);
        self.held.extend_from_slice(input.get(..room.min(input.len())).unwrap_or(input));
        if self.members > 0
            && !b"\x1f\x8b\x08".starts_with(self.held.get(..3.min(self.held.len())).unwrap_or_default())
        {
            self.held.clear();
            self.state = State::Over;
            return Ok(Stepped { taken: input.len(), given: 0 });
        }
        match parse(&self.held) {
            Some((length, texts)) => {
                self.held.clear();
                self.texts.extend(texts);
                self.state = State::Body(Deflate::default());
                Ok(Stepped { taken: length.saturating_sub(before), given: 0 })
            }
            None if self.held.len() >= GZIP_HEADER => Err(Fault::CORRUPT),
            None => Ok(Stepped { taken: self.held.len() - before, given: 0 }),
        }
    }

    fn trailer(&mut self, input: &[u8]) -> Result<Stepped, Fault> {
        let taken = (8 - self.held.len().min(8)).min(input.len());
        self.held.extend_from_slice(input.get(..taken).unwrap_or_default());
        if let Ok(trailer) = <[u8; 8]>::try_from(self.held.as_slice()) {
            let [a, b, c, d, e, f, g, h] = trailer;
            let crc = std::mem::take(&mut self.crc).finalize();
            if u32::from_le_bytes([a, b, c, d]) != crc || u32::from_le_bytes([e, f, g, h]) != self.length {
                return Err(Fault::CORRUPT);
            }
            self.held.clear();
            self.length = 0;
            self.members += 1;
            self.state = State::Header;
        }
        Ok(Stepped { taken, given: 0 })
    }
}

/// Length of the header that `bytes` begin with, and its texts; none while it is not complete.
fn parse(bytes: &[u8]) -> Option<(usize, Vec<Vec<u8>>)> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    let mut texts = Vec::new();
    if flags & FEXTRA != 0 {
        let length = usize::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        texts.push(bytes.get(at + 2..at + 2 + length)?.to_vec());
        at += 2 + length;
    }
    for _ in 0..(flags & (FNAME | FCOMMENT)).count_ones() {
        let rest = bytes.get(at..)?;
        let end = memchr::memchr(0, rest)?;
        texts.push(rest.get(..end)?.to_vec());
        at += end + 1;
    }
    if flags & FHCRC != 0 {
        at += 2;
    }
    texts.retain(|text| !text.is_empty());
    (bytes.len() >= at).then_some((at, texts))
}
