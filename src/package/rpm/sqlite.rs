//! `rpmdb.sqlite`: of SQLite just so much as it takes to read the rows of one table in order. All numbers
//! are big-endian. See <https://www.sqlite.org/fileformat2.html>.
//!
//! Every page is read once at most, so a forged file cannot send this in circles.

use super::{RpmError, size_be};

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Bytes of the file's header, on its first page in front of the page's own.
const FILE_HEAD: usize = 100;

const TABLE: &[u8] = b"Packages";

const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// Gives the header of every package.
pub(super) fn each_package(database: &[u8], package: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
    let mut pages = Pages::new(database)?;
    let mut root = None;
    pages.each_row(1, &mut |row| {
        if let [_, Value::Bytes(TABLE), _, Value::Number(page), ..] = values(row)[..] {
            root = Some(page);
        }
    })?;
    let Some(root) = root else { return Err(RpmError::Damaged("it has no table of packages")) };
    let root = usize::try_from(root).map_err(|_| DAMAGED)?;
    // The first column repeats the number of the row, so it is stored as NULL.
    pages.each_row(root, &mut |row| {
        if let [_, Value::Bytes(header), ..] = values(row)[..] {
            package(header);
        }
    })
}

const DAMAGED: RpmError = RpmError::Damaged("a page is damaged");

struct Pages<'a> {
    database: &'a [u8],
    size: usize,
    /// Bytes of a page that are in use.
    usable: usize,
    /// Which were read, by number.
    seen: Vec<bool>,
}

impl<'a> Pages<'a> {
    fn new(database: &'a [u8]) -> Result<Self, RpmError> {
        let not_sqlite = RpmError::Damaged("it is no SQLite database");
        if !database.starts_with(MAGIC) {
            return Err(not_sqlite);
        }
        let size = match u16_be(database, 16) {
            Some(1) => 65_536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err(not_sqlite),
        };
        let unused = database.get(20).copied().map_or(0, usize::from);
        let usable = size - unused;
        if usable < 480 {
            return Err(not_sqlite);
        }
        Ok(Self { database, size, usable, seen: vec![false; database.len() / size + 1] })
    }

    /// The page with this number, counted from 1.
    fn page(&mut self, number: usize) -> Result<&'a [u8], RpmError> {
        let index = number.checked_sub(1).ok_or(DAMAGED)?;
        let seen = self.seen.get_mut(index).ok_or(DAMAGED)?;
        if std::mem::replace(seen, true) {
            return Err(DAMAGED);
        }
        let start = index.checked_mul(self.size).ok_or(DAMAGED)?;
        let end = start.checked_add(self.usable).ok_or(DAMAGED)?;
        self.database.get(start..end).ok_or(RpmError::Damaged("it is cut short"))
    }

    /// Gives the records of all rows of the table whose tree begins at page `root`.
    fn each_row(&mut self, root: usize, row: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let page = self.page(number)?;
            let head = if number == 1 { FILE_HEAD } else { 0 };
            let kind = *page.get(head).ok_or(DAMAGED)?;
            let cells = u16_be(page, head + 3).map(usize::from).ok_or(DAMAGED)?;
            let cell = |pointers: usize, number: usize| {
                u16_be(page, head + pointers + 2 * number).and_then(|at| page.get(usize::from(at)..))
            };
            match kind {
                LEAF => {
                    for number in 0..cells {
                        self.row(cell(8, number).ok_or(DAMAGED)?, row)?;
                    }
                }
                INTERIOR => {
                    waiting.push(size_be(page, head + 8).ok_or(DAMAGED)?);
                    // The last in is the first out: the rows come in order.
                    for number in (0..cells).rev() {
                        let child = cell(12, number).and_then(|cell| size_be(cell, 0));
                        waiting.push(child.ok_or(DAMAGED)?);
                    }
                }
                _ => return Err(DAMAGED),
            }
        }
        Ok(())
    }

    /// One cell of a leaf: length, row number, the record, of a long one the beginning.
    fn row(&mut self, cell: &'a [u8], row: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
        let (length, cell) = varint(cell).ok_or(DAMAGED)?;
        let (_, cell) = varint(cell).ok_or(DAMAGED)?;
        let length = usize::try_from(length).map_err(|_| DAMAGED)?;
        let local = self.local(length);
        let here = cell.get(..local).ok_or(DAMAGED)?;
        if local == length {
            row(here);
            return Ok(());
        }
        let mut next = size_be(cell, local).ok_or(DAMAGED)?;
        let mut record = here.to_vec();
        while record.len() < length {
            let page = self.page(next)?;
            let rest = page.get(4..).unwrap_or_default();
            record.extend_from_slice(rest.get(..length - record.len()).unwrap_or(rest));
            next = size_be(page, 0).ok_or(DAMAGED)?;
        }
        row(&record);
        Ok(())
    }

    /// Bytes of a record of this length that lie in its cell.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= most { fitting } else { least }
    }
}

/// A column's value, as far as it is needed.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The first columns of a record.
fn values(record: &[u8]) -> Vec<Value<'_>> {
    const COLUMNS: usize = 4;
    let mut values = Vec::with_capacity(COLUMNS);
    let header = varint(record).and_then(|(length, rest)| {
        let types = usize::try_from(length).ok()?.checked_sub(record.len() - rest.len())?;
        rest.split_at_checked(types)
    });
    let Some((mut types, mut body)) = header else { return values };
    while values.len() < COLUMNS
        && let Some((kind, more)) = varint(types)
        && let Some((value, rest)) = value(kind, body)
    {
        values.push(value);
        (types, body) = (more, rest);
    }
    values
}

/// The value of this serial type, and what follows it.
fn value(kind: u64, body: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        _ => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    let value = match kind {
        1..=6 => Value::Number(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
        8 => Value::Number(0),
        9 => Value::Number(1),
        12.. => Value::Bytes(bytes),
        _ => Value::Other,
    };
    Some((value, rest))
}

/// Groups of seven bits, the highest first; of a ninth byte all bits count.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((number << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}
