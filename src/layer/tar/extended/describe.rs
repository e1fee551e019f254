//! The entry that a header and the extended headers before it make together: which name, which size
//! and which map count.

use super::Extended;
use crate::layer::tar::header::{self, BadNumber, Flavour, Header};
use crate::layer::tar::meta::{has_usual_name, push, push_loser, push_owners, push_stray};
use crate::layer::tar::pax::decimal;
use crate::layer::tar::sparse::{BadMap, Fragments, MapBuilder, TextMap, comma_map};
use crate::layer::tar::{Entry, EntryKind, MetaKind};

/// An entry, and what its body is.
#[derive(Debug)]
pub(in crate::layer::tar) struct Described {
    /// For the caller to emit.
    pub(in crate::layer::tar) entry: Box<Entry>,
    /// Stored bytes that follow; an error where no number can be made of it.
    pub(in crate::layer::tar) stored: Result<u64, BadNumber>,
    /// Bytes behind the header that another reader may take for the body.
    pub(in crate::layer::tar) second: u64,
    /// The size that is given although the type has no body.
    pub(in crate::layer::tar) claimed: u64,
    /// How the stored bytes make the content.
    pub(in crate::layer::tar) map: Map,
    /// What is odd.
    pub(in crate::layer::tar) notes: Vec<&'static str>,
}

/// Where a sparse map is.
#[derive(Debug)]
pub(in crate::layer::tar) enum Map {
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
    /// Describes the entry of this header, and starts anew.
    pub(in crate::layer::tar) fn describe(&mut self, header: &Header<'_>, after_end: bool) -> Described {
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
        if push_stray(&mut extended.meta, header) && header.has_bad_number() {
            notes.push("a field of the header holds no number; some readers refuse that");
        }
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

/// The largest numbers of eleven and twelve octal digits.
const CLIPPED_11: u64 = 0o77_777_777_777;
const CLIPPED_12: u64 = 0o777_777_777_777;

fn old_map(header: &Header<'_>, real: u64) -> Map {
    let mut builder = MapBuilder::new(real);
    let (fields, more) = header.sparse_fields();
    match builder.push_fields(fields) {
        Err(bad) => Map::Known(Err(bad)),
        Ok(()) if more => Map::Blocks(builder),
        Ok(()) => Map::Known(Ok(builder.finish())),
    }
}
