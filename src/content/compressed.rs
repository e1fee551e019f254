//! Compressed files: one content without a name, of several members or frames one after the other.

mod bzip2;
mod codec;
mod gzip;
mod xz;
mod zstd;

pub(super) use bzip2::Bzip2;
pub(super) use codec::{Codec, Deflate, Ran, Stepped, Zlib, run};
pub(super) use xz::Xz;
pub(super) use zstd::Zstd;

use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;
use crate::limits::DECODED_SLICE;

/// A compression.
pub(super) struct Compression {
    /// What the report calls it.
    pub(super) name: &'static str,
    /// Whether data that begin so are compressed by it.
    is: fn(head: &[u8]) -> bool,
    /// A decoder of them.
    pub(super) codec: fn() -> Box<dyn Codec>,
}

/// All that are read.
pub(super) const COMPRESSIONS: [Compression; 6] = [
    Compression {
        name: "gzip",
        is: |head| head.starts_with(b"\x1f\x8b\x08"),
        codec: || Box::<gzip::Gzip>::default(),
    },
    Compression { name: "zstd", is: zstd::is_frame, codec: || Box::<Zstd>::default() },
    Compression { name: "xz", is: |head| head.starts_with(b"\xfd7zXZ\0"), codec: || Box::<Xz>::default() },
    Compression { name: "bzip2", is: is_bzip2, codec: || Box::<Bzip2>::default() },
    Compression { name: "lzip", is: |head| head.starts_with(b"LZIP\x01"), codec: || Box::new(Xz::lzip()) },
    Compression { name: "lzma", is: is_lzma, codec: || Box::new(Xz::alone()) },
];

/// How data are compressed that begin so, if they are.
pub(super) fn of(head: &[u8]) -> Option<&'static Compression> {
    COMPRESSIONS.iter().find(|compression| (compression.is)(head))
}

fn is_bzip2(head: &[u8]) -> bool {
    // A block, or the end of an empty stream.
    head.starts_with(b"BZh") && matches!(head.get(4..10), Some(b"1AY&SY" | b"\x17rE8P\x90"))
}

/// An lzma file has no magic. Its first bytes are the usual properties, a size of the dictionary as the
/// encoders choose it, and a size of the content that is unknown or sane; the coded data begin with NUL.
fn is_lzma(head: &[u8]) -> bool {
    let Some((&[0x5d, a, b, c, d, ref size @ ..], [0, ..])) = head.split_first_chunk::<13>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([a, b, c, d]);
    let lowest = dictionary & dictionary.wrapping_neg();
    let usual = dictionary >= 1 << 12 && (dictionary == lowest || dictionary == lowest | lowest << 1);
    let size = u64::from_le_bytes(*size);
    usual && (size == u64::MAX || size < 1 << 38)
}

struct Compressed {
    name: &'static str,
    codec: Box<dyn Codec>,
    begun: bool,
    /// Memory of the decoder that was asked for.
    held: u64,
    output: Vec<u8>,
}

impl Compression {
    /// A reader of a file that is compressed so.
    pub(super) fn open(&self) -> Box<dyn Unpack> {
        let (name, codec) = (self.name, (self.codec)());
        Box::new(Compressed { name, codec, begun: false, held: 0, output: vec![0; DECODED_SLICE] })
    }
}

impl Unpack for Compressed {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self { name, codec, begun, held, output } = self;
        let Ran { taken, result } = run(&mut **codec, bytes, output, &mut |codec, data| {
            // Nothing is passed on before its memory is granted.
            let memory = codec.memory();
            if memory != *held {
                members.hold(memory)?;
                *held = memory;
            }
            for text in codec.take_texts() {
                members.text(Place::ArchiveComment, name, &text)?;
            }
            if data.is_empty() {
                return Ok(());
            }
            if !std::mem::replace(begun, true) {
                // Behind the first header, whose texts are the file's and not of what is in it.
                members.begin(Step::Decoded(name))?;
            }
            members.data(data)
        });
        result?;
        if taken == bytes.len() || codec.is_complete() { Ok(()) } else { Err(Fault::CORRUPT) }
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        if self.codec.is_complete() { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}
