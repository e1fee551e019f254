//! Where in its file the text of an instruction stands, byte by byte: continued lines are one text, and what is
//! changed in it has to be changed in the lines.

use std::ops::Range;

/// Where in the file the text of an instruction stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// By part of the text that stands in one line: where it begins in the text, and where in the file. In order.
    pub(super) parts: Vec<(usize, usize)>,
    /// Where in the text the keyword ends.
    pub(super) keyword_end: usize,
    /// Where in the text the arguments begin.
    pub(super) arguments_at: usize,
    /// Its lines, from the first byte to the one behind the last line's end.
    pub(super) lines: Range<usize>,
    /// The lines of its here-documents.
    pub(super) documents: Range<usize>,
}

impl Source {
    /// Where the byte at `at` of the text stands.
    pub(super) fn of_text(&self, at: usize) -> usize {
        let part = self.parts.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.parts.get(part).map_or(self.lines.start, |(start, file)| file + at.saturating_sub(*start))
    }

    /// Where a stretch of the arguments stands, with all that joins its lines.
    pub(super) fn of_arguments(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.of_text(self.arguments_at + range.start);
        if range.is_empty() {
            return start..start;
        }
        start..self.of_text(self.arguments_at + range.end - 1) + 1
    }

    /// The byte behind the keyword.
    pub(super) fn behind_keyword(&self) -> usize {
        self.keyword_end.checked_sub(1).map_or(self.lines.start, |last| self.of_text(last) + 1)
    }
}
