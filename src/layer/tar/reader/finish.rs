//! The end of the input, wherever it comes.

use super::{State, TarReader, shown};
use crate::layer::tar::header;
use crate::layer::tar::{RawKind, TarEvent};

impl TarReader {
    /// The tar is over: a body or header that is not complete is an error event.
    pub fn finish(&mut self, events: &mut Vec<TarEvent>) {
        match std::mem::take(&mut self.state) {
            State::Header if self.held.is_empty() => self.finish_at_header(events),
            State::Header => self.finish_in_header(events),
            State::Special(_) => {
                self.truncated("an extended header", events);
                let held = std::mem::take(&mut self.held);
                self.raw.held(RawKind::Header, self.position - held.len() as u64, &held, events);
                self.orphan(events);
            }
            State::MapBlocks { .. } | State::MapText { .. } | State::Body(_) => {
                let name = shown(&self.current);
                self.truncated(&name, events);
            }
            // All content is there, and Go says nothing either.
            State::Padding { .. } => {
                self.warn(events, "the tar is cut within fill bytes");
                self.orphan(events);
            }
            State::Unparsed => {}
        }
    }

    fn finish_at_header(&mut self, events: &mut Vec<TarEvent>) {
        if !self.ended && !self.lone_zero {
            self.warn(events, "the tar has no end-of-archive marker");
        }
        self.orphan(events);
    }

    /// The last block is not complete.
    fn finish_in_header(&mut self, events: &mut Vec<TarEvent>) {
        self.orphan(events);
        let held = std::mem::take(&mut self.held);
        let start = self.position - held.len() as u64;
        let is_zero = header::is_zero(&held);
        if self.ended || self.lone_zero {
            if !is_zero {
                self.warn(events, "there are bytes behind the end-of-archive marker");
                self.raw.held(RawKind::Trailing, start, &held, events);
            }
            return;
        }
        if self.begun {
            self.truncated("a header", events);
        } else {
            let message = "it is too short for a tar; it is scanned as it is".to_owned();
            events.push(TarEvent::Error { reason: "not-a-tar", message });
        }
        if !is_zero {
            self.raw.held(RawKind::Unparsed, start, &held, events);
        }
    }
}
