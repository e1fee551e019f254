//! A database that is held whole: its tables from their roots down, then rows of tables that were deleted
//! and whose pages nobody used again.
//!
//! Each page is read once, whatever points to it.

use std::borrow::Cow;

use super::page::{Cell, Page, Shape};
use super::rows::{Rows, decoded};
use super::schema::Table;
use crate::content::gather::be32;
use crate::content::{Fault, Members};

/// Reads the database in `bytes`.
pub(super) fn read(bytes: &[u8], shape: Shape, members: &mut dyn Members) -> Result<(), Fault> {
    let used = vec![false; bytes.len() / shape.page + 1];
    let mut whole = Whole { bytes, shape, used, damaged: false };
    let mut rows = Rows::default();
    let mut tables = Vec::new();
    whole.table(&Table::of_tables(), &mut rows, members, &mut |record| {
        tables.extend(Table::of(record, |text| decoded(text, shape.encoding).into_owned()));
    })?;
    for table in &tables {
        whole.table(table, &mut rows, members, &mut |_| ())?;
    }
    whole.deleted(&mut rows, members)?;
    rows.end(members)?;
    if whole.damaged { Err(Fault::CORRUPT) } else { Ok(()) }
}

struct Whole<'a> {
    bytes: &'a [u8],
    shape: Shape,
    /// Of each page, by its number, whether it was read.
    used: Vec<bool>,
    /// Whether something was not where it should be.
    damaged: bool,
}

impl<'a> Whole<'a> {
    /// Gives the records of a table.
    fn table(
        &mut self,
        table: &Table,
        rows: &mut Rows,
        members: &mut dyn Members,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        rows.start(table.name.clone(), table.columns.clone(), members)?;
        let mut below = vec![table.root];
        while let Some(number) = below.pop() {
            let bytes = self.take(number);
            let Some(page) = bytes.and_then(|bytes| Page::parse(bytes, number, self.shape)) else {
                self.damaged = true;
                continue;
            };
            below.extend(page.children().into_iter().rev());
            for cell in page.cells() {
                let record = self.record(&cell);
                each(&record);
                rows.record(&record, self.shape.encoding, members)?;
            }
        }
        Ok(())
    }

    /// Gives the rows in leaves that belong to no table any more.
    fn deleted(&mut self, rows: &mut Rows, members: &mut dyn Members) -> Result<(), Fault> {
        let damaged = self.damaged;
        for number in 2..u32::try_from(self.used.len()).unwrap_or(u32::MAX) {
            let Some(bytes) = self.page(number).filter(|_| !self.is_used(number)) else { continue };
            let Some(page) = Page::parse(bytes, number, self.shape).filter(Page::has_rows) else { continue };
            self.take(number);
            rows.start(format!("page {number}").into_bytes(), Vec::new(), members)?;
            for cell in page.cells() {
                let record = self.record(&cell);
                rows.record(&record, self.shape.encoding, members)?;
            }
        }
        // They need not be whole.
        self.damaged = damaged;
        Ok(())
    }

    /// A record, put together from the pages over which it runs.
    fn record(&mut self, cell: &Cell<'a>) -> Cow<'a, [u8]> {
        let Some(mut next) = cell.overflow else { return Cow::Borrowed(cell.local) };
        let mut record = cell.local.to_vec();
        while (record.len() as u64) < cell.size {
            let Some(page) = self.take(next) else {
                self.damaged = true;
                break;
            };
            let missing = usize::try_from(cell.size - record.len() as u64).unwrap_or(usize::MAX);
            let part = page.get(4..4 + missing.min(self.shape.overflow())).unwrap_or_default();
            record.extend_from_slice(part);
            next = be32(page, 0).unwrap_or_default();
        }
        Cow::Owned(record)
    }

    fn is_used(&self, number: u32) -> bool {
        self.used.get(number as usize).copied().unwrap_or(true)
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let from = (number as usize).checked_sub(1)?.checked_mul(self.shape.page)?;
        self.bytes.get(from..from.checked_add(self.shape.page)?)
    }

    /// A page that nobody read before.
    fn take(&mut self, number: u32) -> Option<&'a [u8]> {
        let page = self.page(number)?;
        let used = self.used.get_mut(number as usize)?;
        if std::mem::replace(used, true) { None } else { Some(page) }
    }
}
