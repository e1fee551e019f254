//! One header block: its checksum, its flavour, its fields. Numbers and names are read as Go's
//! `archive/tar` reads them, because that is what runtimes use.

use super::EntryKind;

/// Bytes of a block: the unit of a tar.
pub const BLOCK_SIZE: usize = 512;

/// One block.
pub(super) type Block = [u8; BLOCK_SIZE];

/// A number that does not fit in 63 bits, or text where digits should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadNumber;

/// Which layout the bytes behind the fields of version 7 have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// No magic: no owner names, no prefix.
    V7,
    /// POSIX: a prefix of 155 bytes.
    Ustar,
    /// Schily's: a prefix of 131 bytes, then times.
    Star,
    /// Old GNU: times and a sparse map where ustar has its prefix.
    Gnu,
}

/// A header whose checksum is right.
#[derive(Debug)]
pub(super) struct Header<'a> {
    block: &'a Block,
    /// Its layout.
    pub(super) flavour: Flavour,
}

impl<'a> Header<'a> {
    /// The header in this block, or none when the checksum is wrong both as a sum of unsigned bytes
    /// (POSIX) and of signed ones (old Sun tar).
    pub(super) fn parse(block: &'a Block) -> Option<Self> {
        let (fields, checksum) = (block.as_slice(), &block[148..156]);
        let recorded = octal(checksum).ok()? - 8 * i64::from(b' ');
        let unsigned = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let signed = |bytes: &[u8]| bytes.iter().map(|byte| i32::from(byte.cast_signed())).sum::<i32>();
        let matches = recorded == i64::from(unsigned(fields)) - i64::from(unsigned(checksum))
            || recorded == i64::from(signed(fields)) - i64::from(signed(checksum));
        matches.then(|| Self { block, flavour: flavour(block) })
    }

    /// All its bytes.
    pub(super) fn block(&self) -> &'a Block {
        self.block
    }

    /// The type flag.
    pub(super) fn flag(&self) -> u8 {
        self.block[156]
    }

    /// The size field: stored bytes, before any pax record.
    pub(super) fn size(&self) -> Result<i64, BadNumber> {
        number(&self.block[124..136])
    }

    /// The path: the prefix, if the layout has one, and the name.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(&self.block[..100]);
        let prefix = self.prefix();
        if prefix.is_empty() {
            return name.to_vec();
        }
        let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
        path.extend_from_slice(prefix);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    fn prefix(&self) -> &'a [u8] {
        match self.flavour {
            Flavour::V7 => &[],
            Flavour::Ustar => text(&self.block[345..500]),
            Flavour::Star => text(&self.block[345..476]),
            Flavour::Gnu => self.mistaken_prefix(),
        }
    }

    /// Go before 1.8 wrote a ustar prefix over the times of GNU headers. Its reader still accepts
    /// that where the bytes are no times and are ASCII.
    fn mistaken_prefix(&self) -> &'a [u8] {
        let is_time = |field: &[u8]| field[0] == 0 || number(field).is_ok();
        if is_time(&self.block[345..357]) && is_time(&self.block[357..369]) {
            return &[];
        }
        let prefix = text(&self.block[345..500]);
        if prefix.is_ascii() { prefix } else { &[] }
    }

    /// The link target field.
    pub(super) fn link(&self) -> &'a [u8] {
        text(&self.block[157..257])
    }

    /// User and group name.
    pub(super) fn owners(&self) -> [(&'static [u8], &'a [u8]); 2] {
        if self.flavour == Flavour::V7 {
            return [(b"uname", &[]), (b"gname", &[])];
        }
        [(b"uname", text(&self.block[265..297])), (b"gname", text(&self.block[297..329]))]
    }

    /// The four sparse fragments of an old GNU header, 24 bytes each, and whether blocks with more follow.
    pub(super) fn sparse_fields(&self) -> (&'a [u8], bool) {
        (&self.block[386..482], self.block[482] != 0)
    }

    /// The size of an old GNU sparse file with its holes.
    pub(super) fn real_size(&self) -> Result<i64, BadNumber> {
        number(&self.block[483..495])
    }

    /// Whether there is anything where a writer puts nothing: behind the NUL that ends a name, in the
    /// fields that a layout does not use, or text in place of a number. Such bytes are nobody's to
    /// read, so the caller has the whole block scanned.
    pub(super) fn has_stray_bytes(&self) -> bool {
        let block = self.block;
        let names = !is_text(&block[..100]) || !is_text(&block[157..257]);
        let numbers = NUMBERS_V7.iter().any(|(start, end)| !is_number(&block[*start..*end]));
        names || numbers || self.has_stray_extension()
    }

    /// Whether a number cannot be read: Go refuses the whole tar then.
    pub(super) fn has_bad_number(&self) -> bool {
        let devices: &[(usize, usize)] =
            if self.flavour == Flavour::V7 { &[] } else { &[(329, 337), (337, 345)] };
        NUMBERS_V7.iter().chain(devices).any(|(start, end)| number(&self.block[*start..*end]).is_err())
    }

    fn has_stray_extension(&self) -> bool {
        let block = self.block;
        if self.flavour == Flavour::V7 {
            return !is_zero(&block[257..]);
        }
        let owners = !is_text(&block[265..297]) || !is_text(&block[297..329]);
        let devices = !is_number(&block[329..337]) || !is_number(&block[337..345]);
        let rest = match self.flavour {
            Flavour::Ustar => !is_text(&block[345..500]) || !is_zero(&block[500..]),
            Flavour::Star => {
                !is_text(&block[345..476])
                    || !is_number(&block[476..488])
                    || !is_number(&block[488..500])
                    || !is_zero(&block[500..508])
            }
            _ if self.flag() == b'S' => {
                !is_number(&block[345..357])
                    || !is_number(&block[357..369])
                    || !is_zero(&block[369..386])
                    || !block[386..482].chunks_exact(12).all(is_number)
                    || block[482] > b'1'
                    || !is_number(&block[483..495])
                    || !is_zero(&block[495..])
            }
            _ => !is_number(&block[345..357]) || !is_number(&block[357..369]) || !is_zero(&block[369..]),
        };
        owners || devices || rest
    }
}

/// Mode, uid, gid, size, time and checksum.
const NUMBERS_V7: [(usize, usize); 6] =
    [(100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156)];

fn flavour(block: &Block) -> Flavour {
    match &block[257..263] {
        b"ustar\0" if &block[508..] == b"tar\0" => Flavour::Star,
        b"ustar\0" => Flavour::Ustar,
        b"ustar " if &block[263..265] == b" \0" => Flavour::Gnu,
        _ => Flavour::V7,
    }
}

/// The kind that a type flag stands for, and whether it is one that readers know. A path that ends in
/// a slash makes a folder of the type NUL only: so did version 7, and so does Go.
pub(super) fn kind(flag: u8, path: &[u8]) -> (EntryKind, bool) {
    let kind = match flag {
        0 if path.ends_with(b"/") => EntryKind::Directory,
        0 | b'0' | b'7' | b'S' => EntryKind::File,
        b'1' => EntryKind::HardLink,
        b'2' => EntryKind::Symlink,
        b'3' => EntryKind::CharDevice,
        b'4' => EntryKind::BlockDevice,
        // GNU's dump folders carry a list of names as their body.
        b'5' | b'D' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        // Volume label, continuation of another volume, Solaris' extended header.
        b'V' | b'M' | b'X' => EntryKind::Other,
        _ => return (EntryKind::File, false),
    };
    (kind, true)
}

/// Whether an entry of this type has no body, whatever its size field says.
pub(super) fn is_header_only(flag: u8, kind: EntryKind) -> bool {
    matches!(flag, b'1'..=b'6') || (flag == 0 && kind == EntryKind::Directory)
}

/// The bytes up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    &field[..end]
}

/// A number in octal digits or, with the top bit of the first byte set, in base 256 (two's complement,
/// big-endian). It may be negative.
pub(super) fn number(field: &[u8]) -> Result<i64, BadNumber> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Result<i64, BadNumber> {
    let is_fill = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_fill(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_fill(byte)).map_or(start, |last| last + 1);
    text(&field[start..end]).iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8).map(|value| value + i64::from(digit - b'0')).ok_or(BadNumber),
        _ => Err(BadNumber),
    })
}

fn base_256(field: &[u8]) -> Result<i64, BadNumber> {
    let negative = field.first().is_some_and(|first| first & 0x40 != 0);
    let mask = if negative { 0xff } else { 0 };
    let mut value = 0_u64;
    for (index, byte) in field.iter().enumerate() {
        let byte = if index == 0 { (byte ^ mask) & 0x7f } else { byte ^ mask };
        if value >> 56 > 0 {
            return Err(BadNumber);
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).map_err(|_| BadNumber)?;
    Ok(if negative { !value } else { value })
}

/// Whether all bytes are NUL.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    // Most that are not all NUL begin with something else; the rest is quicker without a way out.
    bytes.first().is_none_or(|first| *first == 0) && bytes.iter().fold(0, |any, byte| any | byte) == 0
}

fn is_text(field: &[u8]) -> bool {
    is_zero(&field[text(field).len()..])
}

/// Octal digits and fill, or base 256 small enough to leave no room for text.
fn is_number(field: &[u8]) -> bool {
    match field {
        [0x80, 0, 0, 0, ..] | [0xff, 0xff, 0xff, 0xff, ..] => true,
        _ => field.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ' | 0)),
    }
}
