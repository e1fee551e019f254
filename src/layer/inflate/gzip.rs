//! gzip (RFC 1952): a member is a header, a deflate stream and a checksum.

use std::io::{self, BufRead, Read};

use super::{Fault, Inflate};

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// The longest name or comment that is read.
const FIELD: usize = 65_535;

/// What comes next of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Start,
    ExtraLength,
    Extra(usize),
    Name,
    Comment,
    Check,
    Body,
    Trailer,
    Nothing,
}

/// A decoder of gzip members, one at a time.
pub struct GzDecoder<R> {
    inner: R,
    part: Part,
    /// What was read of a part that is not complete.
    held: Vec<u8>,
    flags: u8,
    name: Vec<u8>,
    comment: Vec<u8>,
    extra: Vec<u8>,
    header_crc: crc32fast::Hasher,
    inflate: Box<Inflate>,
    crc: crc32fast::Hasher,
    length: u32,
    fault: Option<Fault>,
}

impl<R: BufRead> GzDecoder<R> {
    /// Reads the member that `inner` begins with.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            part: Part::Start,
            held: Vec::new(),
            flags: 0,
            name: Vec::new(),
            comment: Vec::new(),
            extra: Vec::new(),
            header_crc: crc32fast::Hasher::new(),
            inflate: Box::new(Inflate::default()),
            crc: crc32fast::Hasher::new(),
            length: 0,
            fault: None,
        }
    }

    /// Begins with the member that the reader goes on with.
    pub fn restart(&mut self) {
        self.part = Part::Start;
        self.held.clear();
        for field in [&mut self.name, &mut self.comment, &mut self.extra] {
            field.clear();
        }
        self.header_crc = crc32fast::Hasher::new();
        self.inflate.restart();
        self.crc = crc32fast::Hasher::new();
        self.length = 0;
        self.fault = None;
    }

    /// Reads what is left of the header.
    fn header(&mut self) -> io::Result<()> {
        loop {
            match self.part {
                Part::Start => {
                    self.hold(10)?;
                    let [0x1f, 0x8b, 8, flags, ..] = self.held[..] else {
                        return self.fail("no gzip header");
                    };
                    if flags & RESERVED != 0 {
                        return self.fail("a gzip header with unknown flags");
                    }
                    self.flags = flags;
                    self.next(Part::ExtraLength);
                }
                Part::ExtraLength if self.flags & FEXTRA == 0 => self.next(Part::Name),
                Part::ExtraLength => {
                    self.hold(2)?;
                    let length = self.held.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte));
                    self.next(Part::Extra(length));
                }
                Part::Extra(length) => {
                    self.hold(length)?;
                    self.extra = std::mem::take(&mut self.held);
                    self.header_crc.update(&self.extra);
                    self.part = Part::Name;
                }
                Part::Name => {
                    if self.flags & FNAME != 0 {
                        self.name = self.text()?;
                    }
                    self.part = Part::Comment;
                }
                Part::Comment => {
                    if self.flags & FCOMMENT != 0 {
                        self.comment = self.text()?;
                    }
                    self.part = Part::Check;
                }
                Part::Check if self.flags & FHCRC == 0 => self.next(Part::Body),
                Part::Check => {
                    self.hold(2)?;
                    let crc = self.header_crc.clone().finalize() as u16;
                    if self.held[..] != crc.to_le_bytes() {
                        return self.fail("a gzip header with a wrong checksum");
                    }
                    self.next(Part::Body);
                }
                Part::Body | Part::Trailer | Part::Nothing => return Ok(()),
            }
        }
    }

    /// Goes on behind what is held.
    fn next(&mut self, part: Part) {
        self.header_crc.update(&self.held);
        self.held.clear();
        self.part = part;
    }

    fn fail<T>(&mut self, what: &'static str) -> io::Result<T> {
        self.fault = Some(Fault(what));
        Err(Fault(what).into())
    }

    /// Reads on until `count` bytes are held.
    fn hold(&mut self, count: usize) -> io::Result<()> {
        while self.held.len() < count {
            let bytes = input(&mut self.inner)?;
            let taken = bytes.len().min(count - self.held.len());
            self.held.extend_from_slice(&bytes[..taken]);
            self.inner.consume(taken);
        }
        Ok(())
    }

    /// Reads a text that a NUL byte ends.
    fn text(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let bytes = input(&mut self.inner)?;
            let end = memchr::memchr(0, bytes);
            let text = &bytes[..end.unwrap_or(bytes.len())];
            if self.held.len() + text.len() > FIELD {
                return self.fail("a gzip header with too long a field");
            }
            self.held.extend_from_slice(text);
            let taken = text.len() + usize::from(end.is_some());
            self.inner.consume(taken);
            if end.is_some() {
                let text = std::mem::take(&mut self.held);
                self.header_crc.update(&text);
                self.header_crc.update(&[0]);
                return Ok(text);
            }
        }
    }

    /// Gives decoded bytes, none when the stream is over.
    fn body(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let given = self.inflate.give(out);
            if given > 0 {
                self.crc.update(&out[..given]);
                self.length = self.length.wrapping_add(given as u32);
                return Ok(given);
            }
            if self.inflate.is_over() {
                return Ok(0);
            }
            if let Some(fault) = self.inflate.fault() {
                return Err(fault.into());
            }
            let bytes = input(&mut self.inner)?;
            let taken = self.inflate.decode(bytes);
            self.inner.consume(taken);
        }
    }

    fn trailer(&mut self) -> io::Result<()> {
        self.hold(8)?;
        let crc = self.crc.clone().finalize().to_le_bytes();
        if self.held[..] != [crc, self.length.to_le_bytes()].concat() {
            return self.fail("gzip data with a wrong checksum");
        }
        self.part = Part::Nothing;
        Ok(())
    }
}

impl<R> GzDecoder<R> {
    /// File name, comment and extra field of the header, once it was read, as far as they are there.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let known = matches!(self.part, Part::Body | Part::Trailer | Part::Nothing);
        let fields = [&self.name, &self.comment, &self.extra];
        fields.into_iter().map(Vec::as_slice).filter(move |field| known && !field.is_empty())
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader: it may be read on where the member is over.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader, at the first byte that was not used.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// The next bytes; an error when there are none.
fn input<R: BufRead>(inner: &mut R) -> io::Result<&[u8]> {
    let bytes = inner.fill_buf()?;
    if bytes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "gzip data that are cut off"));
    }
    Ok(bytes)
}

impl<R: BufRead> Read for GzDecoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        if out.is_empty() {
            return Ok(0);
        }
        self.header()?;
        if self.part == Part::Body {
            let given = self.body(out)?;
            if given > 0 {
                return Ok(given);
            }
            self.part = Part::Trailer;
        }
        if self.part == Part::Trailer {
            self.trailer()?;
        }
        Ok(0)
    }
}
