//! The headers of cpio's entries, in each of the forms that are in use.

use crate::limits::CPIO_NAME;

/// Bytes by which the form is told.
pub(super) const MAGIC: usize = 6;

/// How headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::content) enum Form {
    /// Hexadecimal digits, filled to four bytes; with checksums or without.
    New,
    /// Octal digits (POSIX).
    Octal,
    /// Numbers of two bytes, the low one first, filled to two.
    OldLittle,
    /// The same with the high byte first.
    OldBig,
    /// rpm's: the number of a file in its header.
    Indexed,
}

/// What a header says of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::content) struct Entry {
    /// Bytes of its name, with the NUL.
    pub(in crate::content) name_size: u64,
    /// Bytes of its content.
    pub(in crate::content) size: u64,
    /// Kind and permissions.
    pub(in crate::content) mode: u64,
}

/// Entries that are known by their number.
pub(in crate::content) trait Indexed: Send {
    /// The entry of a number, with its name.
    fn entry(&self, number: u64) -> Option<(Entry, Vec<u8>)>;
}

impl Entry {
    pub(super) fn is_symlink(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }
}

impl Form {
    /// The form of a header that begins so.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head.get(..MAGIC)? {
            b"070701" | b"070702" => Some(Self::New),
            b"070707" => Some(Self::Octal),
            b"07070X" => Some(Self::Indexed),
            [0xc7, 0x71, ..] => Some(Self::OldLittle),
            [0x71, 0xc7, ..] => Some(Self::OldBig),
            _ => None,
        }
    }

    /// Bytes of a header.
    pub(super) fn length(self) -> usize {
        match self {
            Self::New => 110,
            Self::Octal => 76,
            Self::OldLittle | Self::OldBig => 26,
            // With what fills it up.
            Self::Indexed => 16,
        }
    }

    /// Bytes behind so many that fill them up.
    pub(super) fn fill(self, length: u64) -> usize {
        let unit = match self {
            Self::New | Self::Indexed => 4,
            Self::Octal => 1,
            Self::OldLittle | Self::OldBig => 2,
        };
        ((unit - length % unit) % unit) as usize
    }

    /// Whether a content that begins so is an archive of this form. Two bytes alone tell little.
    pub(super) fn is_likely(self, head: &[u8]) -> bool {
        let Some(entry) = self.entry(head) else { return false };
        let name = usize::try_from(entry.name_size).ok().and_then(|size| {
            let end = self.length().checked_add(size)?;
            head.get(self.length()..end.min(head.len()))
        });
        let Some(name) = name.filter(|_| (1..=CPIO_NAME).contains(&entry.name_size)) else { return false };
        let whole = name.len() as u64 == entry.name_size;
        let ends = !whole || name.last() == Some(&0);
        let kind = entry.mode >> 12;
        ends && matches!(kind, 0 | 1 | 2 | 4 | 6 | 8 | 9 | 10 | 12) && (name.first() != Some(&0) || kind == 0)
    }

    /// What a header says.
    pub(super) fn entry(self, header: &[u8]) -> Option<Entry> {
        let hex = |field: usize| number(header, 6 + 8 * field, 8, 16);
        let short = |field: usize| {
            let two = [*header.get(2 * field)?, *header.get(2 * field + 1)?];
            let little = self == Self::OldLittle;
            Some(u64::from(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) }))
        };
        Some(match self {
            Self::New => Entry { mode: hex(1)?, size: hex(6)?, name_size: hex(11)? },
            Self::Octal => Entry {
                mode: number(header, 18, 6, 8)?,
                name_size: number(header, 59, 6, 8)?,
                size: number(header, 65, 11, 8)?,
            },
            Self::OldLittle | Self::OldBig => {
                Entry { mode: short(3)?, name_size: short(10)?, size: short(11)? << 16 | short(12)? }
            }
            Self::Indexed => return None,
        })
    }

    /// The number in the header of an entry that has no more.
    pub(super) fn number(self, header: &[u8]) -> Option<u64> {
        number(header, MAGIC, 8, 16)
    }
}

/// The number in `length` digits at `at`.
fn number(header: &[u8], at: usize, length: usize, radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(header.get(at..at.checked_add(length)?)?).ok()?;
    // `from_str_radix` would take a sign.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bytes_alone_are_no_archive() {
        let text = [b"\xc7\x71".as_slice(), &[b'x'; 510]].concat();
        assert_eq!(Form::of(&text), Some(Form::OldLittle));
        assert!(!Form::OldLittle.is_likely(&text));
        assert!(!Form::New.is_likely(b"070701 is the beginning of a phone number"));
    }

    #[test]
    fn digits_are_digits() {
        assert_eq!(number(b"000001A4", 0, 8, 16), Some(0x1a4));
        assert_eq!(number(b"+00001A4", 0, 8, 16), None);
        assert_eq!(number(b"0000", 0, 8, 16), None);
        assert_eq!(number(b"9999", 0, 4, 8), None);
    }

    #[test]
    fn contents_are_filled_as_their_form_says() {
        assert_eq!([0, 1, 2, 3, 4].map(|length| Form::New.fill(length)), [0, 3, 2, 1, 0]);
        assert_eq!([0, 1, 2].map(|length| Form::OldBig.fill(length)), [0, 1, 0]);
        assert_eq!(Form::Octal.fill(3), 0);
    }
}
