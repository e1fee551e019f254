//! What the extended headers (pax `x`, GNU `L` and `K`) in front of an entry say about it, and which
//! of several names and sizes wins. Go's rules decide; whatever loses is kept for the detectors.

mod describe;

pub(super) use describe::{Described, Map};

use super::header::{self, Header, text};
use super::meta::{has_usual_name, push, push_owners, push_record, push_stray};
use super::pax::{self, Record, Records, decimal};
use super::{Entry, EntryKind, MetaKind, MetaString};
use crate::limits;

/// The extended headers read since the last entry.
#[derive(Debug, Default)]
pub(super) struct Extended {
    /// Path of the first of them, for a report when no entry follows.
    name: Option<Vec<u8>>,
    /// Whether a pax header is among them.
    has_records: bool,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: SparseRecords,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    meta: Vec<MetaString>,
    /// The largest size that some other reader may give the entry.
    other_size: u64,
}

#[derive(Debug, Default)]
struct SparseRecords {
    major: Option<Vec<u8>>,
    minor: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    size: Option<Vec<u8>>,
    real_size: Option<Vec<u8>>,
    blocks: Option<Vec<u8>>,
    map: Option<Vec<u8>>,
    /// Version 0.0 repeats two keywords instead of giving a map.
    pairs: Vec<u8>,
    pair_open: bool,
    pairs_broken: bool,
}

/// How much of a pax body was interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// All of it.
    Whole,
    /// Not the last so many bytes, which are no records.
    Malformed(usize),
    /// Not the last so many bytes, which hold more than [`limits::PAX_RECORDS`] records.
    TooMany(usize),
}

impl Extended {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.name.is_none()
    }

    /// Takes note of the header itself.
    pub(super) fn add_header(&mut self, header: &Header<'_>, is_pax: bool) {
        self.has_records |= is_pax;
        push_stray(&mut self.meta, header);
        push_owners(&mut self.meta, header);
        push(&mut self.meta, MetaKind::Pax, b"linkname", header.link());
        let path = header.path();
        match &self.name {
            Some(first) if !has_usual_name(&path, first) => {
                push(&mut self.meta, MetaKind::Pax, b"name", &path)
            }
            Some(_) => {}
            None => self.name = Some(path),
        }
    }

    /// A size that other readers apply to the entry.
    pub(super) fn add_other_size(&mut self, size: u64) {
        self.other_size = self.other_size.max(size);
    }

    /// Takes the body of a GNU long name, which ends at its first NUL.
    pub(super) fn add_long_name(&mut self, long: LongName, body: &[u8]) {
        let name = text(body);
        if !header::is_zero(&body[name.len()..]) {
            push(&mut self.meta, MetaKind::Pax, b"longname", body);
        }
        let slot = match long {
            LongName::Path => &mut self.long_path,
            LongName::Link => &mut self.long_link,
        };
        *slot = Some(name.to_vec());
    }

    /// Takes the records of a pax header that is for the next entry alone.
    pub(super) fn add_records(&mut self, body: &[u8], notes: &mut Vec<&'static str>) -> Parsed {
        let mut records = Records::new(body);
        let mut count = 0;
        while count < limits::PAX_RECORDS {
            let Some(record) = records.next() else {
                let rest = records.rest().len();
                return if rest == 0 { Parsed::Whole } else { Parsed::Malformed(rest) };
            };
            if !self.add_sparse_pair(record) {
                count += 1;
                self.add_record(record, notes);
            }
        }
        match records.rest().len() {
            0 => Parsed::Whole,
            rest => Parsed::TooMany(rest),
        }
    }

    fn add_record(&mut self, record: Record<'_>, notes: &mut Vec<&'static str>) {
        let slot = match record.keyword {
            b"path" => &mut self.path,
            b"linkpath" => &mut self.link,
            b"size" => return self.add_size(record, notes),
            b"GNU.sparse.major" => &mut self.sparse.major,
            b"GNU.sparse.minor" => &mut self.sparse.minor,
            b"GNU.sparse.name" => &mut self.sparse.name,
            b"GNU.sparse.size" => &mut self.sparse.size,
            b"GNU.sparse.realsize" => &mut self.sparse.real_size,
            b"GNU.sparse.numblocks" => &mut self.sparse.blocks,
            b"GNU.sparse.map" => &mut self.sparse.map,
            keyword => {
                if keyword.contains(&0) {
                    notes.push("the keyword of a pax record holds a NUL; some readers refuse that");
                }
                return push_record(&mut self.meta, record);
            }
        };
        let value = text(record.value);
        if value.len() < record.value.len() {
            notes.push("a pax record holds a NUL; readers cut it there, or refuse it");
            push(&mut self.meta, MetaKind::Pax, record.keyword, record.value);
        }
        if pax::is_numeric(record.keyword) {
            push_record(&mut self.meta, record);
        }
        let before = slot.replace(value.to_vec());
        if let Some(before) = before.filter(|before| before != value) {
            notes.push("a pax record is given twice with different values; the last one counts");
            push_record(&mut self.meta, Record { keyword: record.keyword, value: &before });
        }
    }

    fn add_size(&mut self, record: Record<'_>, notes: &mut Vec<&'static str>) {
        let size = decimal(record.value);
        if size.is_none() && !record.value.is_empty() {
            notes.push("the size in a pax record is no number of bytes; the header's is taken");
            push_record(&mut self.meta, record);
        }
        let before = std::mem::replace(&mut self.size, size);
        if let Some(before) = before.filter(|_| before != size) {
            notes.push("a pax record is given twice with different values; the last one counts");
            self.add_other_size(before);
        }
    }

    /// Takes an offset or a length of a sparse map in version 0.0, where they come in turn.
    fn add_sparse_pair(&mut self, record: Record<'_>) -> bool {
        let is_offset = record.keyword == b"GNU.sparse.offset";
        if !is_offset && record.keyword != b"GNU.sparse.numbytes" {
            return false;
        }
        let sparse = &mut self.sparse;
        if decimal(record.value).is_none() || is_offset == sparse.pair_open {
            // A value that is no number is kept apart, as any other record.
            sparse.pairs_broken = true;
            return decimal(record.value).is_some();
        }
        sparse.pair_open = is_offset;
        if !sparse.pairs.is_empty() {
            sparse.pairs.push(b',');
        }
        sparse.pairs.extend_from_slice(record.value);
        true
    }

    /// Drops all of them, since no entry follows that Go would apply them to. Their strings are given as
    /// an entry that makes no file; the size stays behind, since other readers may still use it.
    pub(super) fn drop_all(&mut self, after_end: bool) -> Option<Box<Entry>> {
        let mut lost = std::mem::take(self);
        self.other_size = lost.other_size.max(lost.size.unwrap_or(0));
        let path = lost.name.take()?;
        let strings = [(&b"longname"[..], lost.long_path.take()), (b"longlink", lost.long_link.take())];
        for (name, value) in strings {
            push(&mut lost.meta, MetaKind::Pax, name, value.as_deref().unwrap_or_default());
        }
        Some(lost.into_orphan(path, after_end))
    }

    /// Drops the records, since a second pax header follows the first.
    pub(super) fn drop_records(&mut self, after_end: bool) -> Option<Box<Entry>> {
        if !self.has_records {
            return None;
        }
        let path = self.name.clone()?;
        let lost = std::mem::take(self);
        self.other_size = lost.other_size.max(lost.size.unwrap_or(0));
        self.name = lost.name.clone().filter(|_| lost.long_path.is_some() || lost.long_link.is_some());
        let mut lost = lost;
        (self.long_path, self.long_link) = (lost.long_path.take(), lost.long_link.take());
        Some(lost.into_orphan(path, after_end))
    }

    /// Drops a GNU long name, since a second one for the same follows it.
    pub(super) fn drop_long_name(&mut self, long: LongName, after_end: bool) -> Option<Box<Entry>> {
        let lost = match long {
            LongName::Path => self.long_path.take(),
            LongName::Link => self.long_link.take(),
        }?;
        let mut orphan = Self::default();
        push(&mut orphan.meta, MetaKind::Pax, b"longname", &lost);
        Some(orphan.into_orphan(self.name.clone()?, after_end))
    }

    fn into_orphan(mut self, path: Vec<u8>, after_end: bool) -> Box<Entry> {
        let strings: [(&[u8], Option<Vec<u8>>); 3] =
            [(b"path", self.path), (b"linkpath", self.link), (b"GNU.sparse.name", self.sparse.name)];
        for (name, value) in strings {
            push(&mut self.meta, MetaKind::Pax, name, value.as_deref().unwrap_or_default());
        }
        let (kind, meta) = (EntryKind::Other, self.meta);
        Box::new(Entry { path, kind, link: Vec::new(), size: 0, meta, after_end })
    }
}

/// What a GNU long name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LongName {
    /// `L`.
    Path,
    /// `K`.
    Link,
}
