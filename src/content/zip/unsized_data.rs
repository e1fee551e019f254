//! Stored data whose length is not known in front of them: they end where the sizes and the checksum
//! behind them fit what came before.

use memchr::memmem;

use super::body::Sum;
use super::record::{CENTRAL, DESCRIPTOR, LOCAL, u32_at, u64_at};
use crate::content::{Fault, Members};

/// Bytes that are held back: the longest form of what may stand behind the data, and a signature that is
/// not complete.
const HELD: usize = 27;

/// Stored data of unknown length.
#[derive(Default)]
pub(super) struct Unsized {
    /// The last bytes, of which it is not clear whether they are data.
    held: Vec<u8>,
}

/// What may stand behind the data: its place, and where it ends.
struct Candidate {
    cut: usize,
    end: usize,
}

impl Unsized {
    /// Takes more bytes. Once the end is found: how many of them belong to the member, with the sizes
    /// behind it, and in [`Self::surplus`] what it took too many before.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        sum: &mut Sum,
        members: &mut dyn Members,
    ) -> Result<Option<usize>, Fault> {
        let before = self.held.len();
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let mut given = 0;
        for at in memmem::find_iter(&all, b"PK") {
            for Candidate { cut, end } in candidates(&all, at, sum.size - given as u64) {
                // Data are given out up to the candidate, so that all candidates together cost one pass.
                let Some(data) = all.get(given..cut) else { continue };
                sum.give(data, members)?;
                given = cut;
                let at_crc =
                    if all.get(cut..).unwrap_or_default().starts_with(DESCRIPTOR) { cut + 4 } else { cut };
                if u32_at(&all, at_crc) == Some(sum.crc.clone().finalize()) {
                    self.held = all.get(end..before).unwrap_or_default().to_vec();
                    return Ok(Some(end.saturating_sub(before)));
                }
            }
        }
        let keep = all.len().saturating_sub(HELD).max(given);
        sum.give(all.get(given..keep).unwrap_or_default(), members)?;
        self.held = all.split_off(keep);
        Ok(None)
    }

    /// Once the end is found: bytes behind it that were taken before it was.
    pub(super) fn surplus(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// No more bytes come: what was held back belongs to the data.
    pub(super) fn cut(&mut self, sum: &mut Sum, members: &mut dyn Members) -> Result<(), Fault> {
        let held = std::mem::take(&mut self.held);
        sum.give(&held, members)
    }
}

/// The ways in which the signature at `at` may stand behind the data, of which `before` bytes were given
/// out in front of `all`: only where the sizes say so.
fn candidates(all: &[u8], at: usize, before: u64) -> impl Iterator<Item = Candidate> {
    let rest = all.get(at..).unwrap_or_default();
    // A signature, or none; where the crc stands; whether the sizes have eight bytes.
    let forms: &[(usize, usize, bool)] = if rest.starts_with(DESCRIPTOR) {
        &[(0, 4, false), (0, 4, true)]
    } else if rest.starts_with(LOCAL) || rest.starts_with(CENTRAL) {
        &[(20, 0, true), (12, 0, false)]
    } else {
        &[]
    };
    forms.iter().filter_map(move |&(back, crc, wide)| {
        let cut = at.checked_sub(back)?;
        let sizes = cut + crc + 4;
        let length = before.checked_add(cut as u64)?;
        let (fits, end) = if wide {
            (u64_at(all, sizes)? == length && u64_at(all, sizes + 8)? == length, sizes + 16)
        } else {
            let short = length as u32;
            (u32_at(all, sizes)? == short && u32_at(all, sizes + 4)? == short, sizes + 8)
        };
        fits.then_some(Candidate { cut, end })
    })
}
