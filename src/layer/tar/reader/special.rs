//! Extended headers: their bodies are held while they are within the limit, then interpreted.

use super::content::{begin_padding, padding};
use super::{Piece, State, TarReader};
use crate::layer::tar::extended::{LongName, Parsed};
use crate::layer::tar::header::BLOCK_SIZE;
use crate::layer::tar::meta;
use crate::layer::tar::{RawKind, TarEvent};
use crate::limits;

#[derive(Debug)]
pub(super) struct Special {
    pub(super) kind: SpecialKind,
    pub(super) left: u64,
    pub(super) padding: u64,
    /// Too large to be held.
    pub(super) oversize: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpecialKind {
    Pax,
    Global,
    Long(LongName),
}

impl TarReader {
    /// Go keeps one extended header of each kind, and none over a global one. What is dropped is given
    /// as an entry of its own, so that nothing piles up.
    pub(super) fn make_room(&mut self, kind: SpecialKind, events: &mut Vec<TarEvent>) {
        let dropped = match kind {
            SpecialKind::Pax => self.extended.drop_records(self.ended),
            SpecialKind::Global => self.extended.drop_all(self.ended),
            SpecialKind::Long(long) => self.extended.drop_long_name(long, self.ended),
        };
        self.emit_orphan(dropped, events);
    }

    pub(super) fn begin_special(
        &mut self,
        kind: SpecialKind,
        size: u64,
        events: &mut Vec<TarEvent>,
    ) -> State {
        let oversize = size > limits::PAX_HEADER as u64;
        if oversize {
            let at = self.position - BLOCK_SIZE as u64;
            let limit = limits::PAX_HEADER;
            let message = format!("the extended header at byte {at} has {size} bytes, over {limit}");
            self.fault("limit", message, events);
        }
        self.held.clear();
        let special = Special { kind, left: size, padding: padding(size), oversize };
        if size == 0 { self.end_special(&special, events) } else { State::Special(special) }
    }

    pub(super) fn take_special(
        &mut self,
        mut special: Special,
        piece: Piece<'_>,
        events: &mut Vec<TarEvent>,
    ) -> State {
        special.left -= piece.len();
        if special.oversize {
            self.emit_raw(RawKind::Header, &piece, events);
        } else {
            self.held.extend_from_slice(piece.bytes());
        }
        if special.left > 0 {
            return State::Special(special);
        }
        self.end_special(&special, events)
    }

    fn end_special(&mut self, special: &Special, events: &mut Vec<TarEvent>) -> State {
        let body = std::mem::take(&mut self.held);
        match special.kind {
            SpecialKind::Pax => {
                let mut notes = Vec::new();
                let parsed = self.extended.add_records(&body, &mut notes);
                notes.iter().for_each(|note| self.warn(events, note));
                self.not_interpreted(parsed, &body, events);
            }
            SpecialKind::Global => self.end_global(&body, events),
            SpecialKind::Long(long) if !special.oversize => self.extended.add_long_name(long, &body),
            SpecialKind::Long(_) => {}
        }
        self.held = body;
        self.held.clear();
        begin_padding(special.padding)
    }

    /// Runtimes do not apply a global header to the entries behind it, other readers do.
    fn end_global(&mut self, body: &[u8], events: &mut Vec<TarEvent>) {
        let Some(mut entry) = self.extended.drop_all(self.ended) else { return };
        let (parsed, size, is_applied_elsewhere) = meta::global(body, &mut entry.meta);
        self.global_size = size.or(self.global_size);
        if is_applied_elsewhere {
            self.warn(events, "a global header sets paths or sizes, which not all readers apply");
        }
        events.push(TarEvent::Entry(entry));
        events.push(TarEvent::EntryEnd);
        self.not_interpreted(parsed, body, events);
    }

    fn not_interpreted(&mut self, parsed: Parsed, body: &[u8], events: &mut Vec<TarEvent>) {
        let length = match parsed {
            Parsed::Whole => return,
            Parsed::Malformed(length) => {
                self.warn(events, "a pax header holds a malformed record; some readers refuse it");
                length
            }
            Parsed::TooMany(length) => {
                let message = format!("a pax header holds more than {} records", limits::PAX_RECORDS);
                self.fault("limit", message, events);
                length
            }
        };
        let rest = body.get(body.len().saturating_sub(length)..).unwrap_or_default();
        self.raw.held(RawKind::Header, self.position - rest.len() as u64, rest, events);
    }
}
