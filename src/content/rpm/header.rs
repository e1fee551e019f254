//! An rpm's header: an index of tags, and a store to which its entries point.

use crate::content::cpio::{Entry, Indexed};
use crate::content::gather::{be16, be32};
use crate::content::{Fault, Members, Step};

/// Texts that are given as members, by tag, with the name that a spec file has for them.
const TEXTS: [(u32, &str); 14] = [
    (1023, "%pre"),
    (1024, "%post"),
    (1025, "%preun"),
    (1026, "%postun"),
    (1151, "%pretrans"),
    (1152, "%posttrans"),
    (5104, "%preuntrans"),
    (5105, "%postuntrans"),
    (1079, "%verifyscript"),
    (1065, "%trigger"),
    (5066, "%filetrigger"),
    (5076, "%transfiletrigger"),
    (1005, "%description"),
    (1082, "%changelog"),
];

const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

const FILE_SIZES: u32 = 1028;
const FILE_MODES: u32 = 1030;
const FILE_DEVICES: u32 = 1095;
const FILE_INODES: u32 = 1096;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
const LONG_FILE_SIZES: u32 = 5008;

/// The least that a file takes in a header: its size, mode, time, names and so on.
const FILE: usize = 32;

/// A header, held whole.
pub(super) struct Header {
    bytes: Vec<u8>,
    /// Where the store begins.
    store: usize,
}

/// Where a tag's values lie in the store.
#[derive(Clone, Copy)]
struct Values {
    kind: u32,
    offset: usize,
    count: usize,
}

impl Header {
    /// A header of so many index entries.
    pub(super) fn new(bytes: Vec<u8>, entries: usize) -> Option<Self> {
        let store = entries.checked_mul(16).filter(|store| *store <= bytes.len())?;
        Some(Self { bytes, store })
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Gives the scripts and the long texts.
    pub(super) fn give_texts(&self, members: &mut dyn Members) -> Result<(), Fault> {
        for (tag, name) in TEXTS {
            for text in self.strings(tag).filter(|text| !text.is_empty()) {
                members.begin(Step::Member(name.as_bytes()))?;
                members.data(text)?;
                members.end();
            }
        }
        Ok(())
    }

    /// The files by their number, for payloads without names and sizes of their own.
    pub(super) fn into_files(self) -> Option<Box<dyn Indexed>> {
        let values = |tag| self.values(tag);
        let long = values(LONG_FILE_SIZES);
        let sizes = long.or_else(|| values(FILE_SIZES))?.offset;
        let (modes, directories) = (values(FILE_MODES)?.offset, values(DIRECTORY_INDEXES)?.offset);
        let base_names = self.positions(BASE_NAMES);
        let is_last = self.last_of_each(base_names.len());
        let directory_names = self.positions(DIRECTORY_NAMES);
        let is_long = long.is_some();
        let files =
            Files { base_names, directory_names, sizes, is_long, modes, directories, is_last, header: self };
        Some(Box::new(files))
    }

    /// Of each of so many files whether it is the last name of its inode.
    fn last_of_each(&self, files: usize) -> Vec<bool> {
        let (Some(devices), Some(inodes)) = (self.values(FILE_DEVICES), self.values(FILE_INODES)) else {
            return vec![true; files];
        };
        let at = |values: Values, file: usize| be32(self.stored(), values.offset.checked_add(file * 4)?);
        let mut by_inode: Vec<_> =
            (0..files).map(|file| (at(devices, file), at(inodes, file), file)).collect();
        by_inode.sort_unstable();
        let mut is_last = vec![false; files];
        for of_one in by_inode.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if let Some(last) = of_one.last().and_then(|last| is_last.get_mut(last.2)) {
                *last = true;
            }
        }
        is_last
    }

    fn stored(&self) -> &[u8] {
        self.bytes.get(self.store..).unwrap_or_default()
    }

    fn values(&self, tag: u32) -> Option<Values> {
        let index = self.bytes.get(..self.store)?;
        let entry = index.chunks_exact(16).find(|entry| be32(entry, 0) == Some(tag))?;
        let kind = be32(entry, 4)?;
        Some(Values { kind, offset: be32(entry, 8)? as usize, count: be32(entry, 12)? as usize })
    }

    /// The strings of a tag, without the NULs that end them.
    fn strings(&self, tag: u32) -> impl Iterator<Item = &[u8]> {
        let values =
            self.values(tag).filter(|values| matches!(values.kind, STRING | STRING_ARRAY | I18N_STRING));
        let stored = values.and_then(|values| self.stored().get(values.offset..)).unwrap_or_default();
        let count = values.map_or(0, |values| values.count);
        stored.split(|byte| *byte == 0).take(count)
    }

    /// Where in the store the strings of a tag begin.
    fn positions(&self, tag: u32) -> Vec<u32> {
        let mut at = self.values(tag).map_or(0, |values| values.offset);
        let mut positions = Vec::new();
        for string in self.strings(tag).take(self.bytes.len() / FILE) {
            positions.extend(u32::try_from(at));
            at += string.len() + 1;
        }
        positions
    }

    /// The string at a place of the store.
    fn string_at(&self, position: u32) -> Option<&[u8]> {
        self.stored().get(position as usize..)?.split(|byte| *byte == 0).next()
    }
}

/// The files of a header.
struct Files {
    header: Header,
    base_names: Vec<u32>,
    directory_names: Vec<u32>,
    sizes: usize,
    /// Whether sizes take eight bytes.
    is_long: bool,
    modes: usize,
    directories: usize,
    /// Of the names of one file only the last one has its content.
    is_last: Vec<bool>,
}

impl Indexed for Files {
    fn entry(&self, number: u64) -> Option<(Entry, Vec<u8>)> {
        let number = usize::try_from(number).ok()?;
        let stored = self.header.stored();
        let directory = be32(stored, self.directories.checked_add(number.checked_mul(4)?)?)? as usize;
        let directory = self.header.string_at(*self.directory_names.get(directory)?)?;
        let base = self.header.string_at(*self.base_names.get(number)?)?;
        let mode = u64::from(be16(stored, self.modes.checked_add(number.checked_mul(2)?)?)?);
        let size = if self.is_long {
            let at = self.sizes.checked_add(number.checked_mul(8)?)?;
            u64::from(be32(stored, at)?) << 32 | u64::from(be32(stored, at.checked_add(4)?)?)
        } else {
            u64::from(be32(stored, self.sizes.checked_add(number.checked_mul(4)?)?)?)
        };
        let has_content = match mode >> 12 {
            0o10 => self.is_last.get(number).copied().unwrap_or(true),
            0o12 => true,
            _ => false,
        };
        let entry = Entry { name_size: 0, size: if has_content { size } else { 0 }, mode };
        Some((entry, [b".".as_slice(), directory, base].concat()))
    }
}
