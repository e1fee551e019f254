//! Values as lines: `column=value`, or the value alone where its column has no name. A blob that is a
//! container is a member of its own.

use std::borrow::Cow;

use super::page::Encoding;
use super::record::{Value, values};
use crate::content::{Fault, Members, Step, is_container};
use crate::limits::{DECODED_SLICE, SQLITE_COLUMN};

/// The lines of one table, or of pages.
#[derive(Default)]
pub(super) struct Rows {
    name: Vec<u8>,
    columns: Vec<Vec<u8>>,
    /// Lines that are not given yet.
    lines: Vec<u8>,
    /// Whether the member is begun.
    open: bool,
}

impl Rows {
    /// What comes now is of `name`, whose columns are called so as far as it is known.
    pub(super) fn start(
        &mut self,
        name: Vec<u8>,
        columns: Vec<Vec<u8>>,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        self.end(members)?;
        (self.name, self.columns) = (name, columns);
        Ok(())
    }

    pub(super) fn is_called(&self, name: &[u8]) -> bool {
        self.name == name
    }

    /// Gives the texts and blobs of a record.
    pub(super) fn record(
        &mut self,
        record: &[u8],
        encoding: Encoding,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        for (number, value) in values(record).enumerate() {
            match value {
                Value::Blob(bytes) if is_container(bytes) => self.container(number, bytes, members)?,
                Value::Text(bytes) => self.line(number, &decoded(bytes, encoding), members)?,
                Value::Blob(bytes) => self.line(number, bytes, members)?,
                Value::Integer(_) | Value::Other => {}
            }
        }
        Ok(())
    }

    fn line(&mut self, column: usize, value: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        if value.is_empty() {
            return Ok(());
        }
        if let Some(column) = self.columns.get(column) {
            self.lines.extend_from_slice(column.get(..SQLITE_COLUMN).unwrap_or(column));
            self.lines.push(b'=');
        }
        if self.lines.len() + value.len() >= DECODED_SLICE {
            self.flush(members)?;
            members.data(value)?;
        } else {
            self.lines.extend_from_slice(value);
        }
        self.lines.push(b'\n');
        Ok(())
    }

    fn container(&mut self, column: usize, blob: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        self.end(members)?;
        let mut name = self.name.clone();
        if let Some(column) = self.columns.get(column) {
            name.push(b'.');
            name.extend_from_slice(column);
        }
        members.begin(Step::Member(&name))?;
        members.data(blob)?;
        members.end();
        Ok(())
    }

    fn flush(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if !self.open {
            members.begin(Step::Member(&self.name))?;
            self.open = true;
        }
        members.data(&self.lines)?;
        self.lines.clear();
        Ok(())
    }

    /// Gives all that is left of what is open.
    pub(super) fn end(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        if !self.lines.is_empty() {
            self.flush(members)?;
        }
        if self.open {
            members.end();
            self.open = false;
        }
        Ok(())
    }
}

/// A text as UTF-8.
pub(super) fn decoded(bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    let of = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?)));
        let text = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        Cow::Owned(text.collect::<String>().into_bytes())
    };
    match encoding {
        Encoding::Utf8 => Cow::Borrowed(bytes),
        Encoding::Utf16Little => of(u16::from_le_bytes),
        Encoding::Utf16Big => of(u16::from_be_bytes),
    }
}
