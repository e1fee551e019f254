//! The records of a zip: the header in front of each member, the directory of all behind them, and the
//! end. Fields are taken as they stand; nothing here trusts them.

/// What the bytes at hand begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// It takes so many bytes to tell.
    Wants(usize),
    /// No record.
    Nothing,
    /// A whole record, of so many bytes.
    Record(Record<'a>, usize),
}

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// In front of a member's data.
    Local(Header<'a>),
    /// A member in the directory.
    Central(Header<'a>),
    /// The end, with its comment.
    End(&'a [u8]),
}

/// What is recorded of a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) facts: Facts,
    pub(super) name: &'a [u8],
    pub(super) extra: &'a [u8],
    /// Only in the directory.
    pub(super) comment: &'a [u8],
    /// Where its local header lies by the directory, from the archive's beginning.
    pub(super) offset: u64,
}

/// How a member is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) method: u16,
    pub(super) encrypted: bool,
    /// Checksum and sizes stand behind the data, and here only if they are not 0.
    pub(super) described: bool,
    /// lzma data have a mark at their end.
    pub(super) marked: bool,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
}

impl Facts {
    /// Bytes of its data, where they are known in front of it.
    pub(super) fn known(&self) -> Option<u64> {
        (!self.described || self.compressed > 0).then_some(self.compressed)
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.known() == Some(0) && self.size == 0
    }
}

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const END: &[u8] = b"PK\x05\x06";
/// In front of the sizes behind a member's data; many writers leave it out.
pub(super) const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// Fixed parts.
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
pub(super) const END_SIZE: usize = 22;

/// What stands in a field of four bytes whose value stands in the zip64 record.
const ELSEWHERE: u32 = u32::MAX;
/// The extra fields with it, and with what is no text: times, owners, Java's mark, alignment.
const ZIP64: u16 = 0x0001;
const NO_TEXTS: [u16; 10] = [ZIP64, 0x000a, 0x000d, 0x5455, 0x5855, 0x7855, 0x7875, 0x9901, 0xa11e, 0xd935];
const JAVA: u16 = 0xcafe;

/// Tells what `bytes` begin with.
pub(super) fn tell(bytes: &[u8]) -> Told<'_> {
    let Some(magic) = bytes.get(..4) else {
        return if b"PK".starts_with(bytes.get(..2).unwrap_or(bytes)) {
            Told::Wants(4)
        } else {
            Told::Nothing
        };
    };
    let fixed = match magic {
        LOCAL => LOCAL_SIZE,
        CENTRAL => CENTRAL_SIZE,
        END => END_SIZE,
        _ => return Told::Nothing,
    };
    if bytes.len() < fixed {
        return Told::Wants(fixed);
    }
    let told = match magic {
        LOCAL => local(bytes),
        CENTRAL => central(bytes),
        _ => end(bytes),
    };
    told.unwrap_or(Told::Nothing)
}

/// Whether `bytes` begin a member, by the fixed part of its header and the beginning of its name.
pub(super) fn is_member(bytes: &[u8]) -> bool {
    let text = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
    bytes.starts_with(LOCAL)
        && bytes.get(LOCAL_SIZE).is_some_and(text)
        && u16_at(bytes, 26).is_some_and(|name| name <= 512)
        && !matches!(tell(bytes), Told::Nothing)
}

fn local(bytes: &[u8]) -> Option<Told<'_>> {
    let (name, extra) = (u16_at(bytes, 26)?, u16_at(bytes, 28)?);
    let facts = Facts::at(bytes, 6)?;
    if !is_sane(u16_at(bytes, 4)?, &facts) || name == 0 {
        return None;
    }
    let all = LOCAL_SIZE + usize::from(name) + usize::from(extra);
    let Some(rest) = bytes.get(LOCAL_SIZE..all) else { return Some(Told::Wants(all)) };
    let (name, extra) = rest.split_at_checked(usize::from(name))?;
    let mut header = Header { facts, name, extra, comment: b"", offset: 0 };
    header.widen(false);
    Some(Told::Record(Record::Local(header), all))
}

fn central(bytes: &[u8]) -> Option<Told<'_>> {
    let (name, extra, comment) = (u16_at(bytes, 28)?, u16_at(bytes, 30)?, u16_at(bytes, 32)?);
    let facts = Facts::at(bytes, 8)?;
    if !is_sane(u16_at(bytes, 6)?, &facts) {
        return None;
    }
    let all = CENTRAL_SIZE + usize::from(name) + usize::from(extra) + usize::from(comment);
    let Some(rest) = bytes.get(CENTRAL_SIZE..all) else { return Some(Told::Wants(all)) };
    let (name, rest) = rest.split_at_checked(usize::from(name))?;
    let (extra, comment) = rest.split_at_checked(usize::from(extra))?;
    let offset = u32_at(bytes, 42)?;
    let mut header = Header { facts, name, extra, comment, offset: u64::from(offset) };
    header.widen(offset == ELSEWHERE);
    Some(Told::Record(Record::Central(header), all))
}

fn end(bytes: &[u8]) -> Option<Told<'_>> {
    let all = END_SIZE + usize::from(u16_at(bytes, 20)?);
    let Some(comment) = bytes.get(END_SIZE..all) else { return Some(Told::Wants(all)) };
    Some(Told::Record(Record::End(comment), all))
}

/// Whether a header may be one: its version and method are in use.
fn is_sane(version: u16, facts: &Facts) -> bool {
    // The upper byte names a system.
    (version & 0xff) <= 63 && facts.method <= 99
}

impl Facts {
    /// From the bytes of a header, from the flags on.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let flags = u16_at(bytes, at)?;
        Some(Self {
            method: u16_at(bytes, at + 2)?,
            encrypted: flags & 1 != 0,
            described: flags & 8 != 0,
            marked: flags & 2 != 0,
            crc: u32_at(bytes, at + 8)?,
            compressed: u64::from(u32_at(bytes, at + 12)?),
            size: u64::from(u32_at(bytes, at + 16)?),
        })
    }
}

impl<'a> Header<'a> {
    /// Takes what stands in the zip64 record, in this order and only where it is needed.
    fn widen(&mut self, offset: bool) {
        let Some((_, mut record)) = fields(self.extra).find(|(id, _)| *id == ZIP64) else { return };
        let mut next = || {
            let (value, rest) = record.split_first_chunk::<8>()?;
            record = rest;
            Some(u64::from_le_bytes(*value))
        };
        for field in [&mut self.facts.size, &mut self.facts.compressed] {
            if *field == u64::from(ELSEWHERE) {
                *field = next().unwrap_or(*field);
            }
        }
        if offset {
            self.offset = next().unwrap_or(self.offset);
        }
    }

    /// Extra fields that may hold text.
    pub(super) fn extra_texts(&self) -> impl Iterator<Item = &'a [u8]> {
        fields(self.extra)
            .filter(|(id, value)| !value.is_empty() && *id != JAVA && !NO_TEXTS.contains(id))
            .map(|(_, value)| value)
    }
}

/// The fields of an extra record: id and value. What breaks the form ends them.
fn fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (id, length) = (u16_at(extra, 0)?, u16_at(extra, 2)?);
        let (value, rest) = extra.get(4..)?.split_at_checked(usize::from(length))?;
        extra = rest;
        Some((id, value))
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
