//! `Packages.db`: pages of slots in front, each with the place of a package's header. All numbers are
//! little-endian. The format stands in rpm's `lib/backend/ndb/rpmpkg.c`.
//!
//! ```text
//! file   "RpmP" version generation slot-pages next-package …32 bytes, then slots up to slot-pages × 4096
//! slot   "Slot" package block-offset block-count         (blocks of 16 bytes; package 0: free)
//! blob   "BlbS" package generation length, the header, …
//! ```

use super::RpmError;

const PAGE: usize = 4096;
const BLOCK: usize = 16;
const FILE_HEAD: usize = 32;
const SLOT: usize = 16;
const BLOB_HEAD: usize = 16;

/// Gives the header of every package.
pub(super) fn each_package(database: &[u8], package: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
    let damaged = RpmError::Damaged;
    if database.get(..4) != Some(b"RpmP") || u32_le(database, 4) != Some(0) {
        return Err(damaged("it is no ndb of version 0"));
    }
    let pages = u32_le(database, 12).ok_or(damaged("it is cut short"))?;
    let slots = usize::try_from(pages).ok().and_then(|pages| pages.checked_mul(PAGE));
    let slots = slots.and_then(|end| database.get(FILE_HEAD..end));
    let slots = slots.ok_or(damaged("its slots are cut short"))?;
    // Blobs do not overlap. Those of a forged database may: together they are no larger than it.
    let mut room = database.len();
    for slot in slots.chunks_exact(SLOT) {
        let number = u32_le(slot, 4).unwrap_or_default();
        if slot.get(..4) != Some(b"Slot") || number == 0 {
            continue;
        }
        let blob = blob(database, slot, number).ok_or(damaged("a slot leads nowhere"))?;
        room = room.checked_sub(blob.len()).ok_or(damaged("its packages overlap"))?;
        package(blob);
    }
    Ok(())
}

fn blob<'a>(database: &'a [u8], slot: &[u8], number: u32) -> Option<&'a [u8]> {
    let at = usize::try_from(u32_le(slot, 8)?).ok()?.checked_mul(BLOCK)?;
    let blob = database.get(at..)?;
    if blob.get(..4)? != b"BlbS" || u32_le(blob, 4)? != number {
        return None;
    }
    let length = usize::try_from(u32_le(blob, 12)?).ok()?;
    blob.get(BLOB_HEAD..BLOB_HEAD.checked_add(length)?)
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
