//! The index of an archive on disk: one walk over its headers that seeks past the bodies.
//!
//! The streaming reader of layers would have to be given every byte, and an archive of several
//! gigabytes would be read twice; so this walk knows just what engines and tools write around an image:
//! ustar, GNU long names and pax paths and sizes. What it cannot follow is damage, never silence.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::limits::{ARCHIVE_TRAILER, MEMBER_NAME, PAX_HEADER};

use super::members::{Members, Slot, link_target, normalise};

/// Where a member's bytes are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Of its first byte.
    pub(super) start: u64,
    /// In bytes, as its header says.
    pub(super) size: u64,
}

const BLOCK: u64 = 512;

/// Said of an archive that just ends.
pub(super) const NO_END: &str = "the archive has no end marker: it may be cut";

/// Names and sizes that headers in front of an entry give to it.
#[derive(Default)]
struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// Why the walk stopped before the end marker.
enum Stop {
    Io(io::Error),
    Damage(&'static str, String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Indexes the archive. An error is one of the system; whatever is wrong with the archive itself stands
/// in the damage of the result.
pub(super) fn index(file: &mut File) -> io::Result<Members<Extent>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut walk = Walk { file, length, at: 0, members: Members::new(), next: Overrides::default() };
    match walk.run() {
        Ok(()) => {}
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Damage(reason, message)) => walk.members.damaged(reason, message),
    }
    Ok(walk.members)
}

struct Walk<'a> {
    file: &'a mut File,
    length: u64,
    /// Offset of the next header.
    at: u64,
    members: Members<Extent>,
    next: Overrides,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        while self.at < self.length {
            let header = self.block()?;
            if header.iter().all(|byte| *byte == 0) {
                return self.end();
            }
            if !is_header(&header) {
                return Err(self.corrupt("there is no tar header"));
            }
            self.entry(&header)?;
        }
        // Engines and tools always write the marker, so that a stream that broke off can be told.
        Err(Stop::Damage("truncated", NO_END.to_owned()))
    }

    fn block(&mut self) -> Result<[u8; 512], Stop> {
        let mut block = [0; 512];
        if self.length - self.at < BLOCK {
            return Err(Stop::Damage(
                "truncated",
                format!("the archive is cut in a header, at byte {}", self.length),
            ));
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut block)?;
        self.at += BLOCK;
        Ok(block)
    }

    fn corrupt(&self, what: &str) -> Stop {
        let at = self.at.saturating_sub(BLOCK);
        Stop::Damage("corrupt", format!("the archive cannot be followed: {what} at byte {at}"))
    }

    /// One header and the body behind it.
    fn entry(&mut self, header: &[u8; 512]) -> Result<(), Stop> {
        let recorded = number(&header[124..136]).ok_or_else(|| self.corrupt("a header has no size"))?;
        match header[156] {
            kind @ (b'x' | b'L' | b'K') => {
                let body = self.small_body(recorded)?;
                self.extend(kind, &body)
            }
            b'g' => {
                // Neither Go's reader nor engines apply it.
                self.members.warn("the archive has a global pax header, which readers ignore".to_owned());
                self.small_body(recorded).map(drop)
            }
            kind => {
                let overrides = std::mem::take(&mut self.next);
                self.member(header, kind, recorded, overrides)
            }
        }
    }

    fn member(&mut self, header: &[u8; 512], kind: u8, recorded: u64, next: Overrides) -> Result<(), Stop> {
        // As in Go's reader, links, devices and folders have no body whatever their header says.
        let size = if (b'1'..=b'6').contains(&kind) { 0 } else { next.size.unwrap_or(recorded) };
        if kind == b'S' {
            self.skip_sparse_headers(header)?;
        }
        let sparse = next.sparse || kind == b'S';
        let path = next.path.unwrap_or_else(|| path_of(header));
        let start = self.at;
        let end = start.checked_add(size).ok_or_else(|| self.corrupt("a size is out of range"))?;
        let cut = end > self.length;
        let slot = match kind {
            b'1' | b'2' => {
                let link = next.link.unwrap_or_else(|| until_nul(&header[157..257]).to_vec());
                Some((link, kind == b'2'))
            }
            _ => None,
        };
        self.note(&path, kind, sparse, slot, Extent { start, size });
        if cut {
            let name = String::from_utf8_lossy(&path).into_owned();
            return Err(Stop::Damage(
                "truncated",
                format!("the archive is cut in {name}, at byte {}", self.length),
            ));
        }
        self.at = padded(end).ok_or_else(|| self.corrupt("a size is out of range"))?.min(self.length);
        Ok(())
    }

    fn note(&mut self, path: &[u8], kind: u8, sparse: bool, link: Option<(Vec<u8>, bool)>, extent: Extent) {
        let name = match normalise(path) {
            Ok(Some(name)) => name,
            Ok(None) => return,
            Err(why) => {
                let shown: String = String::from_utf8_lossy(path).chars().take(200).collect();
                return self.members.warn(format!("the name of member '{shown}' {why}: it is not used"));
            }
        };
        let slot = match (kind, link) {
            (b'5', _) => return,
            (0 | b'0', _) if path.ends_with(b"/") => return,
            (_, Some((target, symbolic))) => link_target(&name, &target, symbolic),
            (b'3' | b'4' | b'6', _) => Slot::Unreadable("is not a regular file".to_owned()),
            _ if sparse => {
                Slot::Unreadable("is a sparse file, which no tool writes around an image".to_owned())
            }
            _ => Slot::File(extent),
        };
        self.members.add(&name, slot);
    }

    /// The body of a pax header or long name.
    fn small_body(&mut self, size: u64) -> Result<Vec<u8>, Stop> {
        let length = usize::try_from(size).ok().filter(|length| *length <= PAX_HEADER);
        let Some(length) = length else {
            let message = format!(
                "the archive cannot be followed: a header has {size} bytes, the limit is {PAX_HEADER}"
            );
            return Err(Stop::Damage("limit", message));
        };
        let end = self.at.checked_add(size).and_then(padded).filter(|_| self.at + size <= self.length);
        let Some(end) = end else {
            return Err(Stop::Damage(
                "truncated",
                format!("the archive is cut in a header, at byte {}", self.length),
            ));
        };
        let mut body = vec![0; length];
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut body)?;
        self.at = end.min(self.length);
        Ok(body)
    }

    fn extend(&mut self, kind: u8, body: &[u8]) -> Result<(), Stop> {
        match kind {
            b'L' => self.next.path = Some(until_nul(body).to_vec()),
            b'K' => self.next.link = Some(until_nul(body).to_vec()),
            _ => read_pax(body, &mut self.next).ok_or_else(|| self.corrupt("a pax header is malformed"))?,
        }
        let long = |name: &Option<Vec<u8>>| name.as_ref().is_some_and(|name| name.len() > MEMBER_NAME);
        if long(&self.next.path) || long(&self.next.link) {
            self.members.warn(format!("a member's name is longer than {MEMBER_NAME} bytes"));
        }
        Ok(())
    }

    /// GNU's old sparse files carry blocks of extents in front of their body.
    fn skip_sparse_headers(&mut self, header: &[u8; 512]) -> Result<(), Stop> {
        let mut more = header[482] != 0;
        while more {
            more = self.block()?[504] != 0;
        }
        Ok(())
    }

    /// Behind the first block of NUL: another one, and nothing but fill.
    fn end(&mut self) -> Result<(), Stop> {
        if self.at == self.length {
            return Ok(());
        }
        if self.block()?.iter().any(|byte| *byte != 0) {
            return Err(self.corrupt("data follows half an end marker"));
        }
        let rest = self.length - self.at;
        let mut fill = Vec::new();
        (&mut *self.file).take(ARCHIVE_TRAILER).read_to_end(&mut fill)?;
        if rest > ARCHIVE_TRAILER || fill.iter().any(|byte| *byte != 0) {
            self.members.warn(format!("{rest} bytes behind the archive's end marker belong to no image"));
        }
        Ok(())
    }
}

fn read_pax(mut body: &[u8], next: &mut Overrides) -> Option<()> {
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(body.get(..space)?).ok()?.parse().ok()?;
        let record = body.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (record.get(..equals)?, record.get(equals + 1..)?);
        // As in Go's reader, an empty value takes the override back.
        let text = (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => next.path = text,
            b"linkpath" => next.link = text,
            b"size" if value.is_empty() => next.size = None,
            b"size" => next.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            key if key.starts_with(b"GNU.sparse.") => next.sparse = true,
            _ => {}
        }
        body = body.get(length..)?;
    }
    Some(())
}

/// Whether the block's checksum is right, in either of the two ways to sum.
pub(super) fn is_header(block: &[u8; 512]) -> bool {
    let Some(recorded) = number(&block[148..156]) else { return false };
    let fields =
        block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let unsigned: u64 = fields.clone().map(u64::from).sum();
    let signed: i64 = fields.map(|byte| i64::from(byte.cast_signed())).sum();
    recorded == unsigned || i64::try_from(recorded) == Ok(signed)
}

/// Octal digits between blanks or NULs, or base 256.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let add = |sum: u64, byte: &u8| sum.checked_mul(256)?.checked_add(u64::from(*byte));
        let sum = rest.iter().try_fold(u64::from(first & 0x3f), add)?;
        return (!negative).then_some(sum);
    }
    let blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let digits = field.get(start..)?;
    let digits = digits.split(|byte| blank(byte)).next()?;
    let add = |sum: u64, digit: &u8| {
        let digit = u64::from(digit.wrapping_sub(b'0'));
        (digit < 8).then_some(())?;
        sum.checked_mul(8)?.checked_add(digit)
    };
    digits.iter().try_fold(0, add)
}

/// The name in the header itself; the prefix field is POSIX's alone.
fn path_of(header: &[u8; 512]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    if &header[257..263] == b"ustar\0" && !prefix.is_empty() {
        return [prefix, b"/", name].concat();
    }
    name.to_vec()
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn padded(end: u64) -> Option<u64> {
    end.checked_next_multiple_of(BLOCK)
}
