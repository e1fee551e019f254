//! What the extended headers (pax `x`, GNU `L` and `K`) in front of an entry say about it, and which
//! of several names and sizes wins. Go's rules decide; whatever loses is kept for the detectors.

use super::header::{self, BadNumber, Flavour, Header, text};
use super::pax::{self, Record, Records, decimal};
use super::sparse::{BadMap, Fragments, MapBuilder, TextMap, comma_map};
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

/// An entry, and what its body is.
#[derive(Debug)]
pub(super) struct Described {
    /// For the caller to emit.
    pub(super) entry: Box<Entry>,
    /// Stored bytes that follow; an error where no number can be made of it.
    pub(super) stored: Result<u64, BadNumber>,
    /// Bytes behind the header that another reader may take for the body.
    pub(super) second: u64,
    /// The size that is given although the type has no body.
    pub(super) claimed: u64,
    /// How the stored bytes make the content.
    pub(super) map: Map,
    /// What is odd.
    pub(super) notes: Vec<&'static str>,
}

/// Where a sparse map is.
#[derive(Debug)]
pub(super) enum Map {
    /// The file is not sparse.
    None,
    /// In the headers.
    Known(Result<Fragments, BadMap>),
    /// It goes on in the blocks behind an old GNU header.
    Blocks(MapBuilder),
    /// In front of the data.
    Text(TextMap),
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
            _ => return push_record(&mut self.meta, record),
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

    /// Describes the entry of this header, and starts anew.
    pub(super) fn describe(&mut self, header: &Header<'_>, after_end: bool) -> Described {
        let mut notes = Vec::new();
        let mut extended = if self.is_empty() {
            Self { other_size: std::mem::take(&mut self.other_size), ..Self::default() }
        } else {
            std::mem::take(self)
        };
        let sparse = extended.sparse_version(header, &mut notes);
        let path = extended.resolve_path(header, sparse, &mut notes);
        let (kind, known) = header::kind(header.flag(), &path);
        if !known {
            notes.push("the entry is of an unknown type; it is taken for a file");
        }
        let link = extended.resolve_link(header, kind, &mut notes);
        push_stray(&mut extended.meta, header);
        push_owners(&mut extended.meta, header);
        let bodiless = header::is_header_only(header.flag(), kind);
        let (stored, second, claimed) = extended.resolve_size(header, bodiless, &mut notes);
        let mut entry =
            Box::new(Entry { path, kind, link, size: stored.unwrap_or(0), meta: Vec::new(), after_end });
        let map = match stored {
            Ok(stored) if !bodiless => extended.resolve_map(header, sparse, stored, &mut entry.size),
            _ => Map::None,
        };
        entry.meta = extended.meta;
        Described { entry, stored, second, claimed, map, notes }
    }

    fn resolve_path(
        &mut self,
        header: &Header<'_>,
        sparse: Sparse,
        notes: &mut Vec<&'static str>,
    ) -> Vec<u8> {
        let plain = header.path();
        if self.is_empty() {
            return plain;
        }
        let filled = |slot: &mut Option<Vec<u8>>| slot.take().filter(|value| !value.is_empty());
        let (pax, long) = (filled(&mut self.path), filled(&mut self.long_path));
        let of_sparse = filled(&mut self.sparse.name);
        if pax.is_some() && long.is_some() && pax != long {
            notes.push("a pax record and a GNU long name give different paths; the long name counts");
        }
        let (chosen, unused) = match of_sparse {
            Some(name) if sparse.is_pax() => (Some(name), None),
            other => (None, other),
        };
        let mut ranked = [chosen, long, pax, Some(plain), unused].into_iter().flatten();
        let path = ranked.next().unwrap_or_default();
        for loser in ranked {
            push_loser(&mut self.meta, b"path", &loser, &path);
        }
        if let Some(own) = self.name.take().filter(|own| !has_usual_name(own, &path)) {
            push(&mut self.meta, MetaKind::Pax, b"name", &own);
        }
        path
    }

    fn resolve_link(
        &mut self,
        header: &Header<'_>,
        kind: EntryKind,
        notes: &mut Vec<&'static str>,
    ) -> Vec<u8> {
        let plain = header.link();
        let filled = |slot: &mut Option<Vec<u8>>| slot.take().filter(|value| !value.is_empty());
        let (pax, long) = (filled(&mut self.link), filled(&mut self.long_link));
        if pax.is_some() && long.is_some() && pax != long {
            notes.push("a pax record and a GNU long name give different link targets; the long name counts");
        }
        let mut ranked = [long, pax].into_iter().flatten().chain([plain.to_vec()]);
        let is_link = matches!(kind, EntryKind::HardLink | EntryKind::Symlink);
        let link = if is_link { ranked.next().unwrap_or_default() } else { Vec::new() };
        for loser in ranked {
            push_loser(&mut self.meta, b"linkpath", &loser, &link);
        }
        link
    }

    /// The stored size, the largest that another reader may see, and what is claimed without a body.
    fn resolve_size(
        &self,
        header: &Header<'_>,
        bodiless: bool,
        notes: &mut Vec<&'static str>,
    ) -> (Result<u64, BadNumber>, u64, u64) {
        let plain = header.size().and_then(|size| u64::try_from(size).map_err(|_| BadNumber));
        let given = self.size.ok_or(BadNumber).or(plain);
        if bodiless {
            if plain.is_err() {
                notes.push("the size is negative or no number; the type has no body, so it is ignored");
            }
            let claimed = given.unwrap_or(0);
            return (Ok(0), claimed.max(self.other_size).max(plain.unwrap_or(0)), claimed);
        }
        let plain = plain.unwrap_or(0);
        // Writers leave 0 or the largest number in a field that is too small for the size.
        let is_clipped = plain == 0 || (matches!(plain, CLIPPED_11 | CLIPPED_12) && self.size > Some(plain));
        let other = if self.size.is_some() && !is_clipped { plain } else { 0 };
        let differs = |size: u64| size != 0 && given != Ok(size);
        let second = [other, self.other_size].into_iter().filter(|size| differs(*size)).max().unwrap_or(0);
        if second > 0 {
            notes.push("readers may see different sizes; both readings are scanned");
        }
        (given, second, 0)
    }

    fn sparse_version(&mut self, header: &Header<'_>, notes: &mut Vec<&'static str>) -> Sparse {
        if header.flag() == b'S' {
            if header.flavour == Flavour::Gnu {
                return Sparse::Old;
            }
            notes.push("a sparse file of an unknown layout; its content is scanned as stored");
            return Sparse::No;
        }
        let sparse = &mut self.sparse;
        if !sparse.pairs.is_empty() || sparse.pairs_broken {
            sparse.map = Some(std::mem::take(&mut sparse.pairs));
        }
        let version = (sparse.major.as_deref().unwrap_or(b""), sparse.minor.as_deref().unwrap_or(b""));
        match version {
            (b"0", b"0" | b"1") => Sparse::Commas,
            (b"1", b"0") => Sparse::Text,
            (b"", b"") if sparse.map.as_ref().is_some_and(|map| !map.is_empty()) => Sparse::Commas,
            (b"", b"") => Sparse::No,
            _ => {
                notes.push("a sparse file of an unknown version; its content is scanned as stored");
                Sparse::No
            }
        }
    }

    fn resolve_map(&self, header: &Header<'_>, sparse: Sparse, stored: u64, size: &mut u64) -> Map {
        let real = match sparse {
            Sparse::No => return Map::None,
            Sparse::Old => header.real_size().ok().and_then(|size| u64::try_from(size).ok()),
            Sparse::Commas | Sparse::Text => self.pax_real_size(stored),
        };
        let Some(real) = real else {
            return Map::Known(Err(BadMap::Invalid));
        };
        *size = real;
        match sparse {
            Sparse::Text => Map::Text(TextMap::new(real)),
            Sparse::Old => old_map(header, real),
            _ if self.sparse.pairs_broken => Map::Known(Err(BadMap::Invalid)),
            _ => {
                let map = self.sparse.map.as_deref().unwrap_or_default();
                Map::Known(comma_map(map, self.sparse.blocks.as_deref().unwrap_or_default(), real))
            }
        }
    }

    fn pax_real_size(&self, stored: u64) -> Option<u64> {
        let given = [&self.sparse.size, &self.sparse.real_size];
        match given.into_iter().flatten().find(|size| !size.is_empty()) {
            Some(size) => decimal(size),
            None => Some(stored),
        }
    }
}

/// Which kind of sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sparse {
    No,
    Old,
    Commas,
    Text,
}

impl Sparse {
    fn is_pax(self) -> bool {
        matches!(self, Self::Commas | Self::Text)
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

/// The largest numbers of eleven and twelve octal digits.
const CLIPPED_11: u64 = 0o77_777_777_777;
const CLIPPED_12: u64 = 0o777_777_777_777;

/// No key is shorter: owner names and the like that are, need no scan.
const MIN_KEY: usize = 8;

fn old_map(header: &Header<'_>, real: u64) -> Map {
    let mut builder = MapBuilder::new(real);
    let (fields, more) = header.sparse_fields();
    match builder.push_fields(fields) {
        Err(bad) => Map::Known(Err(bad)),
        Ok(()) if more => Map::Blocks(builder),
        Ok(()) => Map::Known(Ok(builder.finish())),
    }
}

/// The records of a global header, as strings, and the size that it sets. Runtimes do not apply them.
pub(super) fn global(body: &[u8], meta: &mut Vec<MetaString>) -> (Parsed, Option<u64>, bool) {
    let mut size = None;
    let mut is_applied_elsewhere = false;
    let mut records = Records::new(body);
    for record in records.by_ref().take(limits::PAX_RECORDS) {
        if record.keyword == b"size" {
            size = decimal(record.value);
        }
        is_applied_elsewhere |= matches!(record.keyword, b"path" | b"linkpath" | b"size")
            || record.keyword.starts_with(b"GNU.sparse.");
        push_record(meta, record);
    }
    let rest = records.rest();
    let parsed = match rest.len() {
        0 => Parsed::Whole,
        left if Records::new(rest).next().is_some() => Parsed::TooMany(left),
        left => Parsed::Malformed(left),
    };
    (parsed, size, is_applied_elsewhere)
}

fn push_record(meta: &mut Vec<MetaString>, record: Record<'_>) {
    let Record { keyword, value } = record;
    if value.is_empty() && keyword.len() >= MIN_KEY {
        // The keyword itself may be the key.
        meta.push(MetaString { kind: MetaKind::Pax, name: keyword.to_vec(), value: Vec::new() });
    } else if let Some(name) = keyword.strip_prefix(b"SCHILY.xattr.") {
        push(meta, MetaKind::Xattr, name, value);
    } else if let Some(name) = keyword.strip_prefix(b"LIBARCHIVE.xattr.") {
        let (name, decoded) = pax::libarchive_attribute(name, value);
        push(meta, MetaKind::Xattr, &name, value);
        if let Some(decoded) = decoded {
            push(meta, MetaKind::Xattr, &name, &decoded);
        }
    } else if matches!(keyword, b"uname" | b"gname") {
        push_owner(meta, keyword, value);
    } else if !(pax::is_numeric(keyword) && pax::is_number(value)) {
        push(meta, MetaKind::Pax, keyword, value);
    }
}

fn push_owners(meta: &mut Vec<MetaString>, header: &Header<'_>) {
    for (name, value) in header.owners() {
        push_owner(meta, name, value);
    }
}

fn push_owner(meta: &mut Vec<MetaString>, name: &[u8], value: &[u8]) {
    if value.len() >= MIN_KEY {
        push(meta, MetaKind::Owner, name, value);
    }
}

fn push_stray(meta: &mut Vec<MetaString>, header: &Header<'_>) {
    if header.has_stray_bytes() {
        push(meta, MetaKind::Pax, b"header", header.block());
    }
}

/// Whether the path of an extended header is one that writers make: a fixed one, or one that ends in
/// the last part, perhaps shortened, of the path that the header is for.
fn has_usual_name(own: &[u8], path: &[u8]) -> bool {
    let last = own.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or_default();
    own.len() < MIN_KEY || matches!(last, b"@LongLink" | b"@PaxHeader") || memchr::memmem::find(path, last).is_some()
}

/// A value that another one overrides. A shortened copy of the winner, as writers put it in the plain
/// header, has nothing new.
fn push_loser(meta: &mut Vec<MetaString>, name: &[u8], loser: &[u8], winner: &[u8]) {
    if !winner.starts_with(loser) {
        push(meta, MetaKind::Pax, name, loser);
    }
}

fn push(meta: &mut Vec<MetaString>, kind: MetaKind, name: &[u8], value: &[u8]) {
    if !value.is_empty() {
        meta.push(MetaString { kind, name: name.to_vec(), value: value.to_vec() });
    }
}
