//! A text that comes in pieces, cut into lines.

use crate::limits::PACKAGE_LINE;

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// Whether the line is over its limit, and so passed over.
    too_long: bool,
}

impl Lines {
    /// Gives every line that ends in `bytes`, without its line end.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (now, later) = bytes.split_at(end);
            if self.held.is_empty() && !self.too_long && now.len() <= PACKAGE_LINE {
                line(without_return(now));
            } else {
                self.hold(now);
                self.end(&mut line);
            }
            bytes = later.get(1..).unwrap_or_default();
        }
        self.hold(bytes);
    }

    /// Gives the last line, if no line end stands behind it.
    pub(super) fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !std::mem::take(&mut self.too_long) && !self.held.is_empty() {
            line(without_return(&self.held));
        }
        self.held.clear();
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.too_long |= self.held.len() + bytes.len() > PACKAGE_LINE;
        if self.too_long {
            self.held.clear();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        let long = "x".repeat(PACKAGE_LINE + 1);
        let text = format!("one\ntwo\r\n\n{long}\n{}\nlast", &long[1..]);
        for size in [1, 2, 3, 1000, text.len()] {
            let (mut lines, mut given) = (Lines::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                lines.feed(piece, |line| given.push(line.len()));
            }
            lines.end(|line| given.push(line.len()));
            assert_eq!(given, [3, 3, 0, PACKAGE_LINE, 4], "in pieces of {size}");
        }
    }
}
