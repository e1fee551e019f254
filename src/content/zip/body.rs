//! The data of one member: decoded as they pass, counted and summed up, so that what the archive says of
//! them can be checked.

use super::record::Facts;
use super::unsized_data::Unsized;
use crate::content::compressed::{Bzip2, Codec, Deflate, Ran, Stepped, Xz, Zstd, run};
use crate::content::{Fault, Members};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const BZIP2: u16 = 12;
const LZMA: u16 = 14;
const ZSTD: u16 = 93;
const XZ: u16 = 95;

/// The longest form of the sizes behind a member's data.
pub(super) const DESCRIPTOR_SIZE: usize = 24;

/// A member whose data come in.
pub(super) struct Body {
    pub(super) facts: Facts,
    coding: Coding,
    sum: Sum,
    /// Bytes of its data that came, and those that are still to come where that is known.
    taken: u64,
    left: Option<u64>,
    /// Memory that the archive takes besides.
    pub(super) beside: u64,
}

enum Coding {
    Stored,
    /// Stored, and nobody knows yet how long.
    Unsized(Box<Unsized>),
    Codec(Box<dyn Codec>),
}

/// What came out of a member.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) crc: crc32fast::Hasher,
    pub(super) size: u64,
}

impl Sum {
    pub(super) fn give(&mut self, data: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        self.crc.update(data);
        self.size += data.len() as u64;
        members.data(data)
    }
}

/// Where a member stands after more of its data.
pub(super) enum Passed {
    /// There is more to come.
    More,
    /// It is over, as far as it can tell.
    Over,
    /// It cannot be decoded any further.
    Broken(Fault),
}

impl Body {
    /// Begins to read a member; a fault where it cannot be.
    pub(super) fn new(facts: Facts) -> Result<Self, Fault> {
        if facts.encrypted {
            return Err(Fault::ENCRYPTED);
        }
        let known = facts.known();
        let coding = match (facts.method, known) {
            (STORED, Some(_)) => Coding::Stored,
            (STORED, None) => Coding::Unsized(Box::default()),
            (DEFLATED, _) => Coding::Codec(Box::<Deflate>::default()),
            (BZIP2, Some(_)) => Coding::Codec(Box::<Bzip2>::default()),
            (BZIP2, None) => Coding::Codec(Box::new(Bzip2::single())),
            (ZSTD, Some(_)) => Coding::Codec(Box::<Zstd>::default()),
            (ZSTD, None) => Coding::Codec(Box::new(Zstd::single())),
            (XZ, Some(_)) => Coding::Codec(Box::<Xz>::default()),
            (XZ, None) => Coding::Codec(Box::new(Xz::single())),
            (LZMA, _) => Coding::Codec(Box::new(Lzma::of(&facts))),
            _ => return Err(Fault("unsupported")),
        };
        let coding = if facts.is_empty() { Coding::Stored } else { coding };
        Ok(Self { facts, coding, sum: Sum::default(), taken: 0, left: known, beside: 0 })
    }

    /// Takes data of the member; how much of them, and where it stands.
    ///
    /// # Errors
    /// When `members` want no more.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        output: &mut [u8],
        members: &mut dyn Members,
    ) -> Result<(usize, Passed), Fault> {
        let most = self.left.map_or(bytes.len(), |left| left.min(bytes.len() as u64) as usize);
        let bytes = bytes.get(..most).unwrap_or(bytes);
        let (taken, passed) = match &mut self.coding {
            Coding::Stored => {
                self.sum.give(bytes, members)?;
                (bytes.len(), Passed::More)
            }
            Coding::Unsized(data) => {
                let end = data.feed(bytes, &mut self.sum, members)?;
                (end.unwrap_or(bytes.len()), if end.is_some() { Passed::Over } else { Passed::More })
            }
            Coding::Codec(codec) => decode(&mut **codec, bytes, output, &mut self.sum, self.beside, members)?,
        };
        self.taken += taken as u64;
        let Some(left) = &mut self.left else { return Ok((taken, passed)) };
        *left -= taken as u64;
        let complete = match &self.coding {
            Coding::Codec(codec) => codec.is_complete(),
            Coding::Stored | Coding::Unsized(_) => true,
        };
        let passed = match passed {
            Passed::More if *left == 0 && complete => Passed::Over,
            Passed::More if *left == 0 => Passed::Broken(Fault::CORRUPT),
            passed => passed,
        };
        Ok((taken, passed))
    }

    /// Bytes of its data that are still to come, as far as its header says.
    pub(super) fn rest(&self) -> u64 {
        self.facts.known().unwrap_or(0).saturating_sub(self.taken)
    }

    /// Bytes of its data, once it is over.
    pub(super) fn length(&self) -> u64 {
        // Of stored data without a known length more was taken than belongs to them.
        let read = if let Coding::Unsized(_) = &self.coding { self.sum.size } else { self.taken };
        self.facts.known().unwrap_or(read)
    }

    /// Memory of its decoder.
    pub(super) fn memory(&self) -> u64 {
        if let Coding::Codec(codec) = &self.coding { codec.memory() } else { 0 }
    }

    /// The archive ends in the member: gives out what was held back.
    pub(super) fn cut(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if let Coding::Unsized(data) = &mut self.coding { data.cut(&mut self.sum, members) } else { Ok(()) }
    }

    /// Whether the sizes behind its data were read with them: by them it found its end. What it took
    /// beyond them is then no longer its own.
    pub(super) fn measured(&mut self) -> Option<Vec<u8>> {
        if let Coding::Unsized(data) = &mut self.coding { Some(data.surplus()) } else { None }
    }

    /// Whether nothing is missing if the archive ends here.
    pub(super) fn is_complete(&self) -> bool {
        match &self.coding {
            Coding::Stored => self.left == Some(0),
            Coding::Unsized(_) => false,
            Coding::Codec(codec) => codec.is_complete(),
        }
    }

    /// Whether what came out is what its header says.
    pub(super) fn is_right(&self) -> bool {
        self.sum.crc.clone().finalize() == self.facts.crc
            && self.sum.size == self.facts.size
            && self.taken == self.facts.compressed
    }

    /// Length of the sizes behind its data, in any of the forms in use; none where they are wrong.
    pub(super) fn described_by(&self, bytes: &[u8]) -> Option<usize> {
        let crc = self.sum.crc.clone().finalize().to_le_bytes();
        let wide = [self.taken.to_le_bytes(), self.sum.size.to_le_bytes()].concat();
        let narrow = [(self.taken as u32).to_le_bytes(), (self.sum.size as u32).to_le_bytes()].concat();
        let forms = [(true, &narrow), (true, &wide), (false, &narrow), (false, &wide)];
        forms.into_iter().find_map(|(signed, sizes)| {
            let signature = if signed { super::record::DESCRIPTOR } else { b"" };
            let expected = [signature, &crc, sizes].concat();
            bytes.starts_with(&expected).then_some(expected.len())
        })
    }
}

fn decode(
    codec: &mut dyn Codec,
    input: &[u8],
    output: &mut [u8],
    sum: &mut Sum,
    beside: u64,
    members: &mut dyn Members,
) -> Result<(usize, Passed), Fault> {
    let mut memory = codec.memory();
    // A member that takes too much memory is left, and so is one that is broken. Who takes what is in them
    // may want no more at all.
    let mut refused = None;
    let Ran { taken, result } = run(codec, input, output, &mut |codec, data| {
        if codec.memory() != memory {
            memory = codec.memory();
            members.hold(beside + memory)?;
        }
        if data.is_empty() {
            return Ok(());
        }
        sum.give(data, members).inspect_err(|fault| refused = Some(*fault))
    });
    if let Some(fault) = refused {
        return Err(fault);
    }
    let passed = match result {
        Err(fault) => Passed::Broken(fault),
        Ok(()) if taken == input.len() => Passed::More,
        Ok(()) if codec.is_complete() => Passed::Over,
        Ok(()) => Passed::Broken(Fault::CORRUPT),
    };
    Ok((taken, passed))
}

/// lzma as zip has it: a version, the properties, then the coded data of an lzma file.
struct Lzma {
    header: Vec<u8>,
    /// The content's size, as an lzma file says it.
    size: u64,
    stream: Xz,
}

impl Lzma {
    /// Version, length of the properties, properties.
    const HEADER: usize = 9;

    fn of(facts: &Facts) -> Self {
        let size = if facts.known().is_none() || facts.marked { u64::MAX } else { facts.size };
        Self { header: Vec::new(), size, stream: Xz::alone() }
    }
}

impl Codec for Lzma {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.header.len() == Self::HEADER {
            return self.stream.step(input, output);
        }
        let taken = (Self::HEADER - self.header.len()).min(input.len());
        self.header.extend_from_slice(input.get(..taken).unwrap_or_default());
        if self.header.len() == Self::HEADER {
            let properties = self.header.get(4..).unwrap_or_default();
            let header = [properties, &self.size.to_le_bytes()].concat();
            self.stream.step(&header, output)?;
        }
        Ok(Stepped { taken, given: 0 })
    }

    fn is_complete(&self) -> bool {
        self.stream.is_complete()
    }

    fn memory(&self) -> u64 {
        self.stream.memory()
    }
}
