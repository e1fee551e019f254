//! An object in a file of its own: a header and the content, in zlib's frame.

use super::object::{self, HEADER, Hash, Header};
use crate::content::compressed::{Codec, Deflate, run};
use crate::content::{Fault, Members, Step, Unpack};
use crate::limits::{DECODED_SLICE, GIT_OBJECT};

/// The reader of one.
pub(super) struct Loose {
    inflate: Deflate,
    output: Vec<u8>,
    body: Body,
}

/// What was inflated.
enum Body {
    Header(Vec<u8>),
    Held(Header, Vec<u8>),
    /// Given as it came, with so many bytes to come.
    Passed(u64),
}

impl Default for Loose {
    fn default() -> Self {
        Self { inflate: Deflate::zlib(), output: vec![0; DECODED_SLICE], body: Body::Header(Vec::new()) }
    }
}

impl Unpack for Loose {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self { inflate, output, body } = self;
        run(inflate, bytes, output, &mut |data| body.take(data, members)).map(|_| ())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        match &self.body {
            Body::Header(_) => return Err(Fault::TRUNCATED),
            Body::Held(header, content) if content.len() as u64 == header.size => {
                object::give(&Hash::Sha1.id(header.kind, content), content, members)?;
            }
            // What there is of it has no id.
            Body::Held(header, content) => {
                members.begin(Step::Member(header.kind.name().as_bytes()))?;
                members.data(content)?;
                members.end();
                return Err(Fault::TRUNCATED);
            }
            Body::Passed(left) => {
                members.end();
                if *left > 0 {
                    return Err(Fault::TRUNCATED);
                }
            }
        }
        if self.inflate.is_complete() { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}

impl Body {
    fn take(&mut self, data: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        match self {
            Self::Header(held) => {
                held.extend_from_slice(data);
                let Some(end) = memchr::memchr(0, held) else {
                    return if held.len() < HEADER { Ok(()) } else { Err(Fault::CORRUPT) };
                };
                let held = std::mem::take(held);
                let (header, content) = held.split_at(end);
                let header = Header::parse(header).ok_or(Fault::CORRUPT)?;
                *self = if header.size > GIT_OBJECT as u64 || members.hold(header.size).is_err() {
                    members.begin(Step::Member(header.kind.name().as_bytes()))?;
                    Self::Passed(header.size)
                } else {
                    Self::Held(header, Vec::new())
                };
                self.take(content.get(1..).unwrap_or_default(), members)
            }
            Self::Held(header, content) => {
                if content.len() as u64 + data.len() as u64 > header.size {
                    return Err(Fault::CORRUPT);
                }
                content.extend_from_slice(data);
                Ok(())
            }
            Self::Passed(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Fault::CORRUPT)?;
                members.data(data)
            }
        }
    }
}
