//! SQLite databases and their write-ahead logs: the values of records, which stand next to each other in
//! a page without anything between them, each on a line of its own.
//!
//! A database up to a bound is held whole. Its tables are members by their names, its values have the
//! names of their columns in front (`token=…`), and long values are put together from the pages that they
//! run over. Of a larger one, and of a log, each page is read by itself. What no record holds, such as
//! deleted rows, was searched as it lies.

mod page;
mod record;
mod rows;
mod schema;
mod whole;

use page::{Page, Shape};
use rows::Rows;

use super::gather::{Gather, be32};
use super::{Fault, Members, Unpack};
use crate::limits::{SQLITE_HELD, SQLITE_PAGES};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header of a log, and of each page in it.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

pub(super) fn is_database(head: &[u8], _path: &[u8]) -> bool {
    head.starts_with(MAGIC) && Shape::of(head).is_some()
}

pub(super) fn is_log(head: &[u8], _path: &[u8]) -> bool {
    let magic = matches!(head, [0x37, 0x7f, 0x06, 0x82 | 0x83, ..]);
    magic && be32(head, 4) == Some(3_007_000) && be32(head, 8).and_then(Shape::of_page_size).is_some()
}

pub(super) fn database() -> Box<dyn Unpack> {
    Box::new(Database::Held { bytes: Vec::new(), granted: 0 })
}

pub(super) fn log() -> Box<dyn Unpack> {
    Box::new(Log { shape: None, frame: None, pages: Pages::default(), gather: Gather::default() })
}

/// Memory is asked for in steps of so many bytes.
const STEP: usize = 1024 * 1024;

/// The reader of a database.
enum Database {
    /// All of it so far, for which so much memory was granted.
    Held { bytes: Vec<u8>, granted: usize },
    /// It is too large to be held.
    Passing { shape: Shape, gather: Gather, number: u32, pages: Pages },
}

impl Unpack for Database {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self::Held { bytes: held, granted } = self else { return self.pass(bytes, members) };
        let length = held.len() + bytes.len();
        let mut fits = length <= SQLITE_HELD;
        if fits && length > *granted {
            *granted = length.next_multiple_of(STEP);
            // Once for the database, once for a value that is put together.
            fits = members.hold(2 * *granted as u64).is_ok();
        }
        held.extend_from_slice(bytes);
        if fits { Ok(()) } else { self.give_up_holding(members) }
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        match self {
            Self::Held { bytes, .. } => {
                let shape = Shape::of(bytes).ok_or(Fault::CORRUPT)?;
                whole::read(bytes, shape, members)
            }
            Self::Passing { gather, pages, .. } => {
                pages.finish(members)?;
                if gather.is_empty() { Ok(()) } else { Err(Fault::TRUNCATED) }
            }
        }
    }
}

impl Database {
    fn give_up_holding(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        let Self::Held { bytes, .. } = self else { return Ok(()) };
        let held = std::mem::take(bytes);
        let shape = Shape::of(&held).ok_or(Fault::CORRUPT)?;
        *self = Self::Passing { shape, gather: Gather::default(), number: 0, pages: Pages::default() };
        self.pass(&held, members)?;
        drop(held);
        members.hold(0)
    }

    fn pass(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let Self::Passing { shape, gather, number, pages } = self else { return Ok(()) };
        let mut input = bytes;
        while let Some(page) = gather.take(&mut input, shape.page) {
            let group = *number / SQLITE_PAGES;
            *number = number.checked_add(1).ok_or(Fault::LIMIT)?;
            let (first, last) = (group * SQLITE_PAGES + 1, (group + 1).saturating_mul(SQLITE_PAGES));
            pages.name(format!("pages {first}-{last}"), members)?;
            pages.page(&page, *number, *shape, members)?;
        }
        Ok(())
    }
}

/// The reader of a log: pages as they were written, older states of them included.
struct Log {
    shape: Option<Shape>,
    /// Number of the page that comes next.
    frame: Option<u32>,
    pages: Pages,
    gather: Gather,
}

impl Unpack for Log {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        loop {
            let Some(shape) = self.shape else {
                let Some(header) = self.gather.take(&mut input, LOG_HEADER) else { return Ok(()) };
                let shape = be32(&header, 8).and_then(Shape::of_page_size).ok_or(Fault::CORRUPT)?;
                self.shape = Some(shape);
                continue;
            };
            let Some(number) = self.frame else {
                let Some(header) = self.gather.take(&mut input, FRAME_HEADER) else { return Ok(()) };
                self.frame = be32(&header, 0);
                continue;
            };
            let Some(page) = self.gather.take(&mut input, shape.page) else { return Ok(()) };
            self.frame = None;
            // Only the first page says how texts are written.
            let shape = if number == 1 { Shape::of(&page).unwrap_or(shape) } else { shape };
            self.shape = Some(shape);
            self.pages.name(format!("page {number}"), members)?;
            self.pages.page(&page, number, shape, members)?;
        }
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        self.pages.finish(members)?;
        if self.gather.is_empty() && self.frame.is_none() { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}

/// Pages that are read each by itself.
#[derive(Default)]
struct Pages {
    rows: Rows,
    /// Whether a value ran on in another page.
    cut: bool,
}

impl Pages {
    /// What follows is called so.
    fn name(&mut self, name: String, members: &mut dyn Members) -> Result<(), Fault> {
        if self.rows.is_called(name.as_bytes()) {
            return Ok(());
        }
        self.rows.start(name.into_bytes(), Vec::new(), members)
    }

    fn page(
        &mut self,
        bytes: &[u8],
        number: u32,
        shape: Shape,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        let Some(page) = Page::parse(bytes, number, shape).filter(Page::has_records) else { return Ok(()) };
        for cell in page.cells() {
            self.cut |= cell.overflow.is_some();
            self.rows.record(cell.local, shape.encoding, members)?;
        }
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        self.rows.end(members)?;
        if self.cut { Err(Fault::LIMIT) } else { Ok(()) }
    }
}
