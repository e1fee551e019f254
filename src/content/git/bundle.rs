//! A bundle: lines that name what it needs and what it has, an empty line, a pack.

use super::object::Hash;
use super::pack::Pack;
use crate::content::gather::split;
use crate::content::{Fault, Members, Unpack};
use crate::limits::GIT_BUNDLE_HEADER;

/// The reader of one.
pub(super) enum Bundle {
    /// The lines so far.
    Lines(Vec<u8>),
    Pack(Box<Pack>),
}

impl Default for Bundle {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

impl Unpack for Bundle {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        while let Self::Lines(lines) = self {
            let Some(end) = memchr::memchr(b'\n', input) else {
                lines.extend_from_slice(input);
                return if lines.len() > GIT_BUNDLE_HEADER { Err(Fault::LIMIT) } else { Ok(()) };
            };
            lines.extend_from_slice(split(&mut input, end as u64 + 1));
            if lines.len() > GIT_BUNDLE_HEADER {
                return Err(Fault::LIMIT);
            }
            if lines.ends_with(b"\n\n") {
                let sha256 = memchr::memmem::find(lines, b"\n@object-format=sha256\n").is_some();
                *self = Self::Pack(Box::new(Pack::new(if sha256 { Hash::Sha256 } else { Hash::Sha1 })));
            }
        }
        match self {
            Self::Pack(pack) => pack.feed(input, members),
            Self::Lines(_) => Ok(()),
        }
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        match self {
            Self::Pack(pack) => pack.finish(members),
            Self::Lines(_) => Err(Fault::TRUNCATED),
        }
    }
}
