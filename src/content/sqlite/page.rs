//! Pages of b-trees and the cells in them, as SQLite's file format describes them.

use super::record::varint;
use crate::content::gather::{be16, be32};

/// The header of a database, in front of its first page's own.
pub(super) const FILE_HEADER: usize = 100;

const INTERIOR_INDEX: u8 = 0x02;
const INTERIOR_TABLE: u8 = 0x05;
const LEAF_INDEX: u8 = 0x0a;
const LEAF_TABLE: u8 = 0x0d;

/// How a database is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes of a page.
    pub(super) page: usize,
    /// Bytes of a page that SQLite uses.
    usable: usize,
    pub(super) encoding: Encoding,
}

/// How texts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

impl Shape {
    /// The shape of a database that begins so; none where it is out of bounds.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let page = match be16(head, 16)? {
            1 => 65_536,
            size => u32::from(size),
        };
        let reserved = usize::from(*head.get(20)?);
        let encoding = match be32(head, 56)? {
            2 => Encoding::Utf16Little,
            3 => Encoding::Utf16Big,
            _ => Encoding::Utf8,
        };
        let shape = Self::of_page_size(page)?;
        // At least 480 bytes are usable.
        let usable = shape.page.checked_sub(reserved).filter(|usable| *usable >= 480)?;
        Some(Self { usable, encoding, ..shape })
    }

    /// The usual shape with pages of this size.
    pub(super) fn of_page_size(size: u32) -> Option<Self> {
        let fits = size.is_power_of_two() && (512..=65_536).contains(&size);
        fits.then_some(Self { page: size as usize, usable: size as usize, encoding: Encoding::Utf8 })
    }

    /// Bytes of a value in each page that it runs on in.
    pub(super) fn overflow(self) -> usize {
        self.usable - 4
    }
}

/// A page of a b-tree.
pub(super) struct Page<'a> {
    bytes: &'a [u8],
    kind: u8,
    /// Where its header begins.
    header: usize,
    cells: usize,
    shape: Shape,
}

/// A record in a page, or the beginning of one.
pub(super) struct Cell<'a> {
    /// Bytes of the whole record.
    pub(super) size: u64,
    /// Those in this page.
    pub(super) local: &'a [u8],
    /// The page in which it goes on.
    pub(super) overflow: Option<u32>,
}

impl<'a> Page<'a> {
    /// The page of a number; none where it is none of a b-tree.
    pub(super) fn parse(bytes: &'a [u8], number: u32, shape: Shape) -> Option<Self> {
        let header = if number == 1 { FILE_HEADER } else { 0 };
        let kind = *bytes.get(header)?;
        if !matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE | LEAF_INDEX | LEAF_TABLE) {
            return None;
        }
        let cells = usize::from(be16(bytes, header + 3)?);
        let page = Self { bytes, kind, header, cells, shape };
        (page.pointers() + 2 * cells <= bytes.len()).then_some(page)
    }

    /// Where the places of the cells stand.
    fn pointers(&self) -> usize {
        self.header + if self.is_leaf() { 8 } else { 12 }
    }

    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.kind, LEAF_INDEX | LEAF_TABLE)
    }

    /// Whether it is a leaf of a table, and not an empty one.
    pub(super) fn has_rows(&self) -> bool {
        self.kind == LEAF_TABLE && self.cells > 0
    }

    /// Whether its cells hold records.
    pub(super) fn has_records(&self) -> bool {
        self.kind != INTERIOR_TABLE
    }

    /// The bytes from each cell to the end of the page, in order.
    fn cell_bytes(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, pointers) = (self.bytes, self.pointers());
        (0..self.cells).filter_map(move |cell| bytes.get(usize::from(be16(bytes, pointers + 2 * cell)?)..))
    }

    /// The pages below it, in order.
    pub(super) fn children(&self) -> Vec<u32> {
        if self.is_leaf() {
            return Vec::new();
        }
        let right = be32(self.bytes, self.header + 8);
        self.cell_bytes().map(|cell| be32(cell, 0)).chain([right]).flatten().collect()
    }

    /// The records in it. They never lie over one another, so together they are no more than the page:
    /// where they would be more, the rest of them is none.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell<'a>> {
        let mut room = self.bytes.len();
        let cells = self.cell_bytes().map(|bytes| self.cell(bytes));
        let cells: Vec<_> = if self.has_records() { cells.collect() } else { Vec::new() };
        cells
            .into_iter()
            .map_while(move |cell| {
                let Some(cell) = cell else { return Some(None) };
                room = room.checked_sub(cell.local.len())?;
                Some(Some(cell))
            })
            .flatten()
    }

    fn cell(&self, bytes: &'a [u8]) -> Option<Cell<'a>> {
        // In front of the record stands the page below an interior cell.
        let mut at = if self.is_leaf() { 0 } else { 4 };
        let size = varint(bytes, &mut at)?;
        if self.kind == LEAF_TABLE {
            // The row's number.
            varint(bytes, &mut at)?;
        }
        let local = self.local(size);
        let end = at.checked_add(local)?;
        let overflow = if size > local as u64 { Some(be32(bytes, end)?) } else { None };
        Some(Cell { size, local: bytes.get(at..end)?, overflow })
    }

    /// How many bytes of a record lie in the page itself.
    fn local(&self, size: u64) -> usize {
        let usable = self.shape.usable;
        let most = if self.kind == LEAF_TABLE { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        let least = (usable - 12) * 32 / 255 - 23;
        if size <= most as u64 {
            return size as usize;
        }
        let unit = self.shape.overflow() as u64;
        let fitting = least + ((size - least as u64) % unit) as usize;
        if fitting <= most { fitting } else { least }
    }
}
