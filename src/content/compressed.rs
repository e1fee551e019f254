//! Compressed files: one content without a name, of several members or frames one after the other.

mod bzip2;
mod codec;
mod gzip;
mod xz;
mod zstd;

pub(super) use bzip2::Bzip2;
pub(super) use codec::{Codec, Deflate, Stepped, run};
pub(super) use xz::Xz;
pub(super) use zstd::Zstd;

use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;
use crate::limits::DECODED_SLICE;

pub(super) fn is_gzip(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b\x08")
}

pub(super) fn is_zstd(head: &[u8], _path: &[u8]) -> bool {
    zstd::is_frame(head)
}

pub(super) fn is_xz(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"\xfd7zXZ\0")
}

pub(super) fn is_bzip2(head: &[u8], _path: &[u8]) -> bool {
    // A block, or the end of an empty stream.
    head.starts_with(b"BZh") && matches!(head.get(4..10), Some(b"1AY&SY" | b"\x17rE8P\x90"))
}

pub(super) fn is_lzip(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"LZIP\x01")
}

/// An lzma file has no magic. Its first bytes are the usual properties, a size of the dictionary as the
/// encoders choose it, and a size of the content that is unknown or sane; the coded data begin with NUL.
pub(super) fn is_lzma(head: &[u8], _path: &[u8]) -> bool {
    let Some((&[0x5d, a, b, c, d, ref size @ ..], [0, ..])) = head.split_first_chunk::<13>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([a, b, c, d]);
    let lowest = dictionary & dictionary.wrapping_neg();
    let usual = dictionary >= 1 << 12 && (dictionary == lowest || dictionary == lowest | lowest << 1);
    let size = u64::from_le_bytes(*size);
    usual && (size == u64::MAX || size < 1 << 38)
}

/// The decoder of data that begin so; none where they are not compressed.
pub(super) fn codec_of(head: &[u8]) -> Option<Box<dyn Codec>> {
    if is_gzip(head, b"") {
        Some(Box::new(gzip::Gzip::default()))
    } else if is_zstd(head, b"") {
        Some(Box::new(Zstd::default()))
    } else if is_xz(head, b"") {
        Some(Box::new(Xz::default()))
    } else if is_bzip2(head, b"") {
        Some(Box::new(Bzip2::default()))
    } else if is_lzma(head, b"") {
        Some(Box::new(Xz::alone()))
    } else {
        None
    }
}

pub(super) fn gzip() -> Box<dyn Unpack> {
    Box::new(Compressed::new("gzip", gzip::Gzip::default()))
}

pub(super) fn zstd() -> Box<dyn Unpack> {
    Box::new(Compressed::new("zstd", Zstd::default()))
}

pub(super) fn xz() -> Box<dyn Unpack> {
    Box::new(Compressed::new("xz", Xz::default()))
}

pub(super) fn bzip2() -> Box<dyn Unpack> {
    Box::new(Compressed::new("bzip2", Bzip2::default()))
}

pub(super) fn lzip() -> Box<dyn Unpack> {
    Box::new(Compressed::new("lzip", Xz::lzip()))
}

pub(super) fn lzma() -> Box<dyn Unpack> {
    Box::new(Compressed::new("lzma", Xz::alone()))
}

struct Compressed<C> {
    name: &'static str,
    codec: C,
    begun: bool,
    /// Memory of the decoder that was asked for.
    held: u64,
    output: Vec<u8>,
}

impl<C: Codec> Compressed<C> {
    fn new(name: &'static str, codec: C) -> Self {
        Self { name, codec, begun: false, held: 0, output: vec![0; DECODED_SLICE] }
    }
}

impl<C: Codec> Compressed<C> {
    /// As [`run`], but nothing is passed on before its memory is granted.
    fn decode(&mut self, mut input: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        loop {
            let Stepped { taken, given } = self.codec.step(input, &mut self.output)?;
            input = input.get(taken..).unwrap_or_default();
            let memory = self.codec.memory();
            if memory != self.held {
                members.hold(memory)?;
                self.held = memory;
            }
            for text in self.codec.take_texts() {
                members.text(Place::ArchiveComment, self.name, &text)?;
            }
            if given > 0 && !self.begun {
                // Behind the first header, whose texts are the file's and not of what is in it.
                members.begin(Step::Decoded(self.name))?;
                self.begun = true;
            }
            if given > 0 {
                members.data(self.output.get(..given).unwrap_or_default())?;
            }
            let again = given > 0 || (!input.is_empty() && taken > 0);
            if !again {
                return if input.is_empty() || self.codec.is_complete() {
                    Ok(())
                } else {
                    Err(Fault::CORRUPT)
                };
            }
        }
    }
}

impl<C: Codec> Unpack for Compressed<C> {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        self.decode(bytes, members)
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        if self.codec.is_complete() { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}
