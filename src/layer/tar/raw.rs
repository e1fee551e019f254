//! Raw pieces: where each kind's last one ended, so that a piece that does not continue it says so.

use std::ops::Range;

use super::{RawKind, TarEvent};

/// Positions in the tar where the last piece of each kind ended.
#[derive(Debug, Default)]
pub(super) struct RawLog {
    ends: [Option<u64>; 5],
}

impl RawLog {
    fn is_fresh(&mut self, kind: RawKind, start: u64, length: usize) -> bool {
        let slot = match kind {
            RawKind::Trailing => &mut self.ends[0],
            RawKind::Padding => &mut self.ends[1],
            RawKind::Header => &mut self.ends[2],
            RawKind::Unparsed => &mut self.ends[3],
            RawKind::Ambiguous => &mut self.ends[4],
        };
        let before = slot.replace(start + length as u64);
        before != Some(start)
    }

    /// Emits the bytes of `range` in the fed slice, which stand at `start` in the tar.
    pub(super) fn slice(
        &mut self,
        kind: RawKind,
        start: u64,
        range: Range<usize>,
        events: &mut Vec<TarEvent>,
    ) {
        if !range.is_empty() {
            let fresh = self.is_fresh(kind, start, range.len());
            events.push(TarEvent::Raw { kind, range, fresh });
        }
    }

    /// Emits bytes that were held, which stand at `start` in the tar.
    pub(super) fn held(&mut self, kind: RawKind, start: u64, bytes: &[u8], events: &mut Vec<TarEvent>) {
        if !bytes.is_empty() {
            let fresh = self.is_fresh(kind, start, bytes.len());
            events.push(TarEvent::RawHeld { kind, bytes: bytes.to_vec(), at: start, fresh });
        }
    }
}
