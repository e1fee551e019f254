//! Compressed files: one content without a name, of several members or frames one after the other.

mod bzip2;
mod codec;
mod gzip;
mod lzma;
mod xz;
mod zstd;

#[allow(unused_imports)]
pub(super) use codec::{Codec, Deflate, Stepped, run};

use super::{Fault, Members, Step, Unpack};
use crate::limits::DECODED_SLICE;

pub(super) fn is_gzip(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b\x08")
}

pub(super) fn is_zstd(head: &[u8], _path: &[u8]) -> bool {
    let skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    head.starts_with(b"\x28\xb5\x2f\xfd") || skippable
}

pub(super) fn is_xz(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"\xfd7zXZ\0")
}

pub(super) fn is_bzip2(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"BZh") && head.get(4..10) == Some(b"1AY&SY")
}

pub(super) fn is_lzma(head: &[u8], _path: &[u8]) -> bool {
    lzma::is_likely(head)
}

/// The decoder of data that begin so; none where they are not compressed.
pub(super) fn codec_of(head: &[u8]) -> Option<Box<dyn Codec>> {
    if is_gzip(head, b"") {
        Some(Box::new(gzip::Gzip::default()))
    } else if is_zstd(head, b"") {
        Some(Box::new(zstd::Zstd::default()))
    } else if is_xz(head, b"") {
        Some(Box::new(xz::Xz::default()))
    } else if is_bzip2(head, b"") {
        Some(Box::new(bzip2::Bzip2::default()))
    } else if is_lzma(head, b"") {
        Some(Box::new(lzma::Lzma::default()))
    } else {
        None
    }
}

pub(super) fn gzip() -> Box<dyn Unpack> {
    Box::new(Compressed::new("gzip", gzip::Gzip::default()))
}

pub(super) fn zstd() -> Box<dyn Unpack> {
    Box::new(Compressed::new("zstd", zstd::Zstd::default()))
}

pub(super) fn xz() -> Box<dyn Unpack> {
    Box::new(Compressed::new("xz", xz::Xz::default()))
}

pub(super) fn bzip2() -> Box<dyn Unpack> {
    Box::new(Compressed::new("bzip2", bzip2::Bzip2::default()))
}

pub(super) fn lzma() -> Box<dyn Unpack> {
    Box::new(Compressed::new("lzma", lzma::Lzma::default()))
}

struct Compressed<C> {
    name: &'static str,
    codec: C,
    begun: bool,
    output: Vec<u8>,
}

impl<C: Codec> Compressed<C> {
    fn new(name: &'static str, codec: C) -> Self {
        Self { name, codec, begun: false, output: vec![0; DECODED_SLICE] }
    }
}

impl<C: Codec> Unpack for Compressed<C> {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        if !self.begun {
            members.begin(Step::Decoded(self.name))?;
            self.begun = true;
        }
        codec::run(&mut self.codec, bytes, &mut self.output, &mut |data| members.data(data)).map(|_| ())?;
        for text in self.codec.take_texts() {
            members.text(crate::detect::Place::ArchiveComment, self.name, &text)?;
        }
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        if self.codec.is_complete() { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}
