//! Members by the directory at a zip's end, of an archive that is held: only those that were not seen in
//! passing, or not to their end. However they overlap, no byte is read twice for them.

use memchr::memmem;

use super::body::{Body, Passed};
use super::record::{
    CENTRAL, END, END_SIZE, Facts, Header, LOCAL, Record, Told, tell, u16_at, u32_at, u64_at,
};
use super::{Seen, is_seen};
use crate::content::{Fault, Members, Step};

/// In front of the end of an archive that needs larger fields.
const END_WIDE: &[u8] = b"PK\x06\x06";
/// Says where that is.
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;

/// Where the directory lies, and by how much its places are off.
struct Directory {
    start: usize,
    end: usize,
    off: i64,
}

/// A member that was not seen.
struct Unseen {
    /// Where it begins.
    at: usize,
    /// Where its record in the directory is.
    record: usize,
}

/// Reads the members of `archive` that are not among those that were seen.
pub(super) fn read_unseen(
    archive: &[u8],
    seen: &[Seen],
    output: &mut [u8],
    members: &mut dyn Members,
) -> Result<(), Fault> {
    let Some(directory) = find(archive) else { return Ok(()) };
    let mut unseen = Vec::new();
    let mut wrong = false;
    let mut next = directory.start;
    while let Some((header, length)) = central(archive, next).filter(|_| next < directory.end) {
        let at = i64::try_from(header.offset).ok().and_then(|offset| offset.checked_add(directory.off));
        let at = at.and_then(|at| u64::try_from(at).ok()).unwrap_or(u64::MAX);
        if !is_seen(seen, at, header.facts.compressed) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let is_there = archive.get(at..).is_some_and(|bytes| bytes.starts_with(LOCAL));
            wrong |= !is_there;
            unseen.extend(is_there.then_some(Unseen { at, record: next }));
        }
        next += length;
    }
    unseen.sort_by_key(|member| member.at);
    let mut until = 0;
    for member in unseen {
        if member.at < until {
            wrong = true;
            continue;
        }
        let Some((header, _)) = central(archive, member.record) else { continue };
        until = read(archive, member.at, &header, output, members)?;
    }
    if wrong {
        members.unread(Fault::CORRUPT);
    }
    Ok(())
}

/// Reads one member, and says where its data end.
fn read(
    archive: &[u8],
    at: usize,
    header: &Header<'_>,
    output: &mut [u8],
    members: &mut dyn Members,
) -> Result<usize, Fault> {
    let field = |offset: usize| u16_at(archive, at.checked_add(offset)?).map(usize::from);
    let start = at + 30 + field(26).unwrap_or(0) + field(28).unwrap_or(0);
    let length = usize::try_from(header.facts.compressed).unwrap_or(usize::MAX);
    let end = start.saturating_add(length).min(archive.len());
    let data = archive.get(start..end).unwrap_or_default();
    members.begin(Step::Member(header.name))?;
    match Body::new(Facts { described: false, ..header.facts }) {
        Ok(mut body) => {
            body.beside = archive.len() as u64;
            let (_, passed) = body.feed(data, output, members)?;
            match passed {
                Passed::Broken(fault) => members.unread(fault),
                Passed::More if !body.is_complete() => members.unread(Fault::TRUNCATED),
                Passed::More | Passed::Over if !body.is_right() => members.unread(Fault::CORRUPT),
                Passed::More | Passed::Over => {}
            }
        }
        Err(fault) => members.unread(fault),
    }
    members.end();
    Ok(end)
}

fn central(archive: &[u8], at: usize) -> Option<(Header<'_>, usize)> {
    match tell(archive.get(at..)?) {
        Told::Record(Record::Central(header), length) => Some((header, length)),
        _ => None,
    }
}

/// Finds the directory by the end, the last that makes sense.
fn find(archive: &[u8]) -> Option<Directory> {
    let far = archive.len().saturating_sub(END_SIZE + usize::from(u16::MAX));
    let tail = archive.get(far..)?;
    memmem::rfind_iter(tail, END).find_map(|at| at_end(archive, far + at))
}

fn at_end(archive: &[u8], at: usize) -> Option<Directory> {
    let mut size = u64::from(u32_at(archive, at + 12)?);
    let mut offset = u64::from(u32_at(archive, at + 16)?);
    let mut end = at;
    let wide = wide(archive, at);
    if let Some(wide) = wide {
        (size, offset, end) = (u64_at(archive, wide + 40)?, u64_at(archive, wide + 48)?, wide);
    }
    let start = end.checked_sub(usize::try_from(size).ok()?)?;
    if wide.is_none() && offset == u64::from(u32::MAX) {
        // Info-ZIP refers to a wide end here, and writes none.
        offset = start as u64;
    }
    let off = i64::try_from(start).ok()?.checked_sub(i64::try_from(offset).ok()?)?;
    archive.get(start..)?.starts_with(CENTRAL).then_some(Directory { start, end, off })
}

/// Where the wide end is, if there is one in front of the end at `at`.
fn wide(archive: &[u8], at: usize) -> Option<usize> {
    let locator = at.checked_sub(LOCATOR_SIZE)?;
    let before = archive.get(..locator)?;
    if !archive.get(locator..)?.starts_with(LOCATOR) {
        return None;
    }
    // Nothing but its own extensible data stand between: a search of all would be one for every end.
    let near = before.len().saturating_sub(usize::from(u16::MAX));
    memmem::rfind(before.get(near..)?, END_WIDE).map(|at| near + at)
}
