//! What git stores: loose objects, packs of them, and bundles. An object is a member that is called by
//! its id, which `git cat-file -p` takes.
//!
//! An object is held whole, because its id is the hash of all of it. One that is too large for that is
//! called by its place instead.

mod bases;
mod bundle;
mod delta;
mod loose;
mod object;
mod pack;

use super::Unpack;
use super::compressed::{Codec, Zlib};

/// An object that stands alone: zlib around a header and the content.
pub(super) fn is_object(head: &[u8], _path: &[u8]) -> bool {
    let Some([method, check]) = head.first_chunk::<2>() else { return false };
    let is_zlib = method & 0x0f == 8 && u16::from_be_bytes([*method, *check]) % 31 == 0;
    if !is_zlib {
        return false;
    }
    let mut header = [0; object::HEADER];
    let given = Zlib::default().step(head, &mut header).map_or(0, |stepped| stepped.given);
    let header = header.get(..given).unwrap_or_default();
    let end = memchr::memchr(0, header);
    end.and_then(|end| object::Header::parse(header.get(..end)?)).is_some()
}

pub(super) fn is_pack(head: &[u8], _path: &[u8]) -> bool {
    matches!(head, [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..])
}

pub(super) fn is_bundle(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(b"# v2 git bundle\n") || head.starts_with(b"# v3 git bundle\n")
}

pub(super) fn object() -> Box<dyn Unpack> {
    Box::new(loose::Loose::default())
}

pub(super) fn pack() -> Box<dyn Unpack> {
    Box::new(pack::Pack::new(object::Hash::Sha1))
}

pub(super) fn bundle() -> Box<dyn Unpack> {
    Box::new(bundle::Bundle::default())
}
