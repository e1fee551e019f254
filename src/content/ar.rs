//! `ar` archives: Debian's packages, and others whose first member is no symbol table.
//!
//! A library of object files (`.a`) is not opened: its members lie in it as they are, and its symbols
//! would be read twice for nothing but a name.

use super::gather::{Gather, split};
use super::{Fault, Members, Step, Unpack};
use crate::limits::AR_NAMES;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// What the first member of a library is called: symbol tables, and Go's description of a package.
const LIBRARY: [&[u8]; 5] = [b"/ ", b"/SYM64/", b"__.SYMDEF", b"__.PKGDEF", b"__.GOSYMDEF"];

pub(super) fn is_ar(head: &[u8], _path: &[u8]) -> bool {
    let Some(first) = head.strip_prefix(MAGIC).filter(|rest| rest.len() >= HEADER) else { return false };
    // BSD writes a longer name behind the header.
    let name = if first.starts_with(b"#1/") { first.get(HEADER..) } else { Some(first) };
    name.is_some_and(|name| !LIBRARY.iter().any(|library| name.starts_with(library)))
}

pub(super) fn ar() -> Box<dyn Unpack> {
    Box::new(Ar::default())
}

#[derive(Default)]
struct Ar {
    state: State,
    gather: Gather,
    /// GNU's table of names that are too long for a header.
    names: Vec<u8>,
}

#[derive(Default)]
enum State {
    #[default]
    Magic,
    Header,
    /// GNU's table of names.
    Names {
        size: u64,
    },
    /// BSD's name, in front of the content.
    Name {
        length: usize,
        size: u64,
    },
    Data {
        left: u64,
        odd: bool,
    },
    /// Contents are filled up to even lengths.
    Fill {
        odd: bool,
    },
}

impl Unpack for Ar {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        while self.step(&mut input, members)? {}
        Ok(())
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        match self.state {
            State::Header if self.gather.is_empty() => Ok(()),
            State::Fill { .. } | State::Data { left: 0, .. } => Ok(()),
            _ => Err(Fault::TRUNCATED),
        }
    }
}

impl Ar {
    /// Goes on by one structure; whether there may be another in what is left of `input`.
    fn step(&mut self, input: &mut &[u8], members: &mut dyn Members) -> Result<bool, Fault> {
        match self.state {
            State::Magic => {
                let Some(_) = self.gather.take(input, MAGIC.len()) else { return Ok(false) };
                self.state = State::Header;
            }
            State::Header => {
                let Some(header) = self.gather.take(input, HEADER) else { return Ok(false) };
                self.header(&header, members)?;
            }
            State::Names { size } => {
                let length = usize::try_from(size).map_err(|_| Fault::LIMIT)?;
                let Some(names) = self.gather.take(input, length) else { return Ok(false) };
                self.names = names;
                self.state = State::Fill { odd: size % 2 == 1 };
            }
            State::Name { length, size } => {
                let Some(name) = self.gather.take(input, length) else { return Ok(false) };
                let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                members.begin(Step::Member(name.get(..end).unwrap_or_default()))?;
                self.state = State::Data { left: size - (length as u64).min(size), odd: size % 2 == 1 };
            }
            State::Data { left: 0, odd } => {
                members.end();
                self.state = State::Fill { odd };
            }
            State::Data { left, odd } => {
                if input.is_empty() {
                    return Ok(false);
                }
                let data = split(input, left);
                self.state = State::Data { left: left - data.len() as u64, odd };
                members.data(data)?;
            }
            State::Fill { odd } => {
                let Some(_) = self.gather.take(input, usize::from(odd)) else { return Ok(false) };
                self.state = State::Header;
            }
        }
        Ok(true)
    }

    fn header(&mut self, header: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        if !header.ends_with(b"`\n") {
            return Err(Fault::CORRUPT);
        }
        let size = decimal(header.get(48..58).unwrap_or_default()).ok_or(Fault::CORRUPT)?;
        let name = header.get(..16).unwrap_or_default().trim_ascii_end();
        if name == b"//" {
            if size > AR_NAMES {
                return Err(Fault::LIMIT);
            }
            self.state = State::Names { size };
        } else if let Some(length) = name.strip_prefix(b"#1/").and_then(decimal) {
            if length > size || length > AR_NAMES {
                return Err(Fault::CORRUPT);
            }
            self.state = State::Name { length: length as usize, size };
        } else {
            let long = name.strip_prefix(b"/").and_then(decimal).and_then(|at| self.long_name(at));
            let short = name.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(name);
            members.begin(Step::Member(long.unwrap_or(short)))?;
            self.state = State::Data { left: size, odd: size % 2 == 1 };
        }
        Ok(())
    }

    /// The name at `at` in GNU's table: up to a line break, with a slash in front of it.
    fn long_name(&self, at: u64) -> Option<&[u8]> {
        let name = self.names.get(usize::try_from(at).ok()?..)?;
        let name = name.split(|byte| *byte == b'\n' || *byte == 0).next()?;
        Some(name.strip_suffix(b"/").unwrap_or(name)).filter(|name| !name.is_empty())
    }
}

/// A number in decimal digits, filled up with spaces.
fn decimal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if is_number { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_packages() {
        let archive = |name: &str| format!("!<arch>\n{name:<16}{:<44}", "0").into_bytes();
        for (name, opened) in [
            ("debian-binary", true),
            ("debian-binary/", true),
            ("//", true),
            ("/", false),
            ("/SYM64/", false),
            ("__.PKGDEF", false),
            ("__.SYMDEF SORTED", false),
        ] {
            assert_eq!(is_ar(&archive(name), b""), opened, "{name}");
        }
        let mut bsd = archive("#1/20");
        bsd.extend_from_slice(b"__.SYMDEF SORTED\0\0\0\0");
        assert!(!is_ar(&bsd, b""));
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(decimal(b"12        "), Some(12));
        assert_eq!(decimal(b"9999999999"), Some(9_999_999_999));
        for bad in [b"".as_slice(), b"   ", b"+1", b"-1", b"0x1", b"99999999999999999999"] {
            assert_eq!(decimal(bad), None);
        }
    }
}
