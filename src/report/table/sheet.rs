//! Lines on a page of fixed width: labelled rows, wrapped texts, headings.

use std::io::{self, Write};

use super::{BOLD, DIM};
use crate::report::{Style, text};

/// Columns before the label of a row.
pub(super) const INDENT: usize = 4;

/// Columns of a label, the gap behind it included.
pub(super) const LABEL: usize = 10;

/// A page that is written line by line.
pub(super) struct Sheet<'a> {
    pub(super) style: &'a Style,
    out: &'a mut dyn Write,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(style: &'a Style, out: &'a mut dyn Write) -> Self {
        Self { style, out }
    }

    /// A line as it is: its parts are clean and fit.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", line.trim_end())
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A line across the page, between images.
    pub(super) fn rule(&mut self) -> io::Result<()> {
        let rule = self.style.glyph("━", "=").repeat(self.style.width);
        writeln!(self.out, "\n{}\n", self.style.paint(DIM, rule))
    }

    /// The title of a section, and a note behind it.
    pub(super) fn title(&mut self, title: &str, note: &str) -> io::Result<()> {
        self.blank()?;
        let line = format!("{}  {}", self.style.paint(BOLD, title), self.style.paint(DIM, note));
        self.line(if note.is_empty() { line.trim_end() } else { &line })
    }

    /// `label` and a text of any length beside it.
    pub(super) fn row(&mut self, label: &str, text: &str) -> io::Result<()> {
        let text = self.style.clean(text).into_owned();
        for (position, line) in text::wrap(&text, self.row_room()).iter().enumerate() {
            self.row_line(if position == 0 { label } else { "" }, line)?;
        }
        Ok(())
    }

    /// `label` and a text that is clean and fits beside it.
    pub(super) fn row_line(&mut self, label: &str, line: &str) -> io::Result<()> {
        let label = format!("{label:<LABEL$}");
        let label = if label.trim().is_empty() { label } else { self.style.paint(DIM, label) };
        self.line(&format!("{:INDENT$}{label}{line}", ""))
    }

    /// A text of any length, set in by `indent` columns.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) -> io::Result<()> {
        let text = self.style.clean(text).into_owned();
        for line in text::wrap(&text, self.style.width.saturating_sub(indent)) {
            self.line(&format!("{:indent$}{line}", ""))?;
        }
        Ok(())
    }

    /// Columns beside a label.
    pub(super) fn row_room(&self) -> usize {
        self.style.width.saturating_sub(INDENT + LABEL)
    }

    /// A clean text, shortened in its middle.
    pub(super) fn middle(&self, text: &str, room: usize) -> String {
        text::middle(&self.style.clean(text), room, self.style.glyph("…", "..."))
    }

    /// A clean text, shortened at its end.
    pub(super) fn start(&self, text: &str, room: usize) -> String {
        text::start(&self.style.clean(text), room, self.style.glyph("…", "..."))
    }
}
