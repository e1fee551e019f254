//! An object in a file of its own: a header and the content, in zlib's frame.

use super::object::{self, HEADER, Hash, Header};
use crate::content::compressed::{Codec, Zlib, run};
use crate::content::{Fault, Members, Step, Unpack};
use crate::limits::{DECODED_SLICE, GIT_OBJECT};

/// The reader of one.
pub(super) struct Loose {
    inflate: Zlib,
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
        Self { inflate: Zlib::default(), output: vec![0; DECODED_SLICE], body: Body::Header(Vec::new()) }
    }
}

impl Unpack for Loose {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self { inflate, output, body } = self;
        let ran = run(inflate, bytes, output, &mut |_, data| body.take(data, members));
        if ran.result.is_err() {
            body.give_as_it_is(members)?;
        }
        ran.result
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        match &self.body {
            Body::Header(_) => return Err(Fault::TRUNCATED),
            Body::Held(header, content) if content.len() as u64 == header.size => {
                object::give(&Hash::Sha1.id(header.kind, content), content, members)?;
            }
            Body::Held(..) => {
                self.body.give_as_it_is(members)?;
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
    /// Gives what there is of an object that is not whole: it has no id.
    fn give_as_it_is(&self, members: &mut dyn Members) -> Result<(), Fault> {
        if let Self::Held(header, content) = self {
            members.begin(Step::Member(header.kind.name().as_bytes()))?;
            members.data(content)?;
            members.end();
        }
        Ok(())
    }

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
                let room = usize::try_from(header.size).unwrap_or(usize::MAX).saturating_sub(content.len());
                content.extend_from_slice(data.get(..room).unwrap_or(data));
                if data.len() > room { Err(Fault::CORRUPT) } else { Ok(()) }
            }
            Self::Passed(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Fault::CORRUPT)?;
                members.data(data)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Loose;
    use crate::content::Fault;
    use crate::content::taken::Taken;

    #[test]
    fn what_was_inflated_of_a_broken_object_comes_out() {
        let content: Vec<u8> =
            (0..9_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(format!("blob {}\0", content.len()).as_bytes()).expect("memory");
        encoder.write_all(&content).expect("memory");
        let right = encoder.finish().expect("memory");
        // A checksum that is wrong says nothing against the content.
        let mut wrong = right.clone();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        for slice in [1, 100, wrong.len()] {
            let (taken, ended) = Taken::of(Box::<Loose>::default(), &wrong, slice);
            assert_eq!(ended, Err(Fault::CORRUPT));
            assert_eq!(taken.members.last().map(|(_, bytes)| bytes.len()), Some(content.len()), "{slice}");
        }
        let (taken, ended) = Taken::of(Box::<Loose>::default(), &right, 100);
        assert_eq!((taken.members.len(), ended), (1, Ok(())));
    }
}
