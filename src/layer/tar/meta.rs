//! Strings of headers that are not path or link, and which of them are worth a scan.

use super::extended::Parsed;
use super::header::Header;
use super::pax::{self, Record, Records, decimal};
use super::{MetaKind, MetaString};
use crate::limits;

/// No key is shorter: owner names and the like that are, need no scan.
const MIN_KEY: usize = 8;

/// Whether the path of an extended header is one that writers make: its parts are fixed ones, or parts,
/// perhaps shortened, of the path that the header is for.
pub(super) fn has_usual_name(own: &[u8], path: &[u8]) -> bool {
    own.split(|byte| *byte == b'/')
        .all(|part| part.len() < MIN_KEY || is_fixed_part(part) || memchr::memmem::find(path, part).is_some())
}

/// `@LongLink`, `PaxHeaders.<process id>` and their kin.
fn is_fixed_part(part: &[u8]) -> bool {
    let end = part.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
    let stem = part.get(..end).unwrap_or_default();
    matches!(stem, b"@LongLink" | b"@PaxHeader" | b"PaxHeader" | b"PaxHeaders" | b"PaxHeaders.")
        && part.len() - end < MIN_KEY
}

/// A value that another one overrides. A shortened copy of the winner, as writers put it in the plain
/// header, has nothing new.
pub(super) fn push_loser(meta: &mut Vec<MetaString>, name: &[u8], loser: &[u8], winner: &[u8]) {
    if !winner.starts_with(loser) {
        push(meta, MetaKind::Pax, name, loser);
    }
}

/// Adds a string that is not empty.
pub(super) fn push(meta: &mut Vec<MetaString>, kind: MetaKind, name: &[u8], value: &[u8]) {
    if !value.is_empty() {
        meta.push(MetaString { kind, name: name.to_vec(), value: value.to_vec() });
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

/// Adds a record, unless it is a number or short and of no use.
pub(super) fn push_record(meta: &mut Vec<MetaString>, record: Record<'_>) {
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

/// Adds the owner names that are long enough to be of interest.
pub(super) fn push_owners(meta: &mut Vec<MetaString>, header: &Header<'_>) {
    for (name, value) in header.owners() {
        push_owner(meta, name, value);
    }
}

fn push_owner(meta: &mut Vec<MetaString>, name: &[u8], value: &[u8]) {
    if value.len() >= MIN_KEY {
        push(meta, MetaKind::Owner, name, value);
    }
}

/// The whole block, if there is anything in it that no field accounts for.
pub(super) fn push_stray(meta: &mut Vec<MetaString>, header: &Header<'_>) -> bool {
    let is_odd = header.has_stray_bytes();
    if is_odd {
        push(meta, MetaKind::Pax, b"header", header.block());
    }
    is_odd
}
