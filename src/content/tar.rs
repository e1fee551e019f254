//! A tar inside another content, in any of its forms: the layers' own reader, its entries as members.

use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;
use crate::layer::tar::{Entry, MetaKind, TarEvent, TarReader, looks_like_tar};

pub(super) fn is_tar(head: &[u8], _path: &[u8]) -> bool {
    // Content that begins with NUL bytes is no empty archive here.
    head.first().is_some_and(|byte| *byte != 0) && looks_like_tar(head)
}

pub(super) fn tar() -> Box<dyn Unpack> {
    Box::new(Tar::default())
}

#[derive(Default)]
struct Tar {
    reader: TarReader,
    events: Vec<TarEvent>,
    /// Name of the present member, and where in it its next byte should lie.
    path: Vec<u8>,
    offset: u64,
    fault: Option<Fault>,
}

impl Unpack for Tar {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        self.reader.feed(bytes, &mut self.events);
        self.pass_on(bytes, members)
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        self.reader.finish(&mut self.events);
        self.pass_on(&[], members)?;
        self.fault.map_or(Ok(()), Err)
    }
}

impl Tar {
    fn pass_on(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        for event in self.events.drain(..) {
            match event {
                TarEvent::Entry(entry) => {
                    self.offset = 0;
                    begin(&entry, members)?;
                    self.path = entry.path;
                }
                TarEvent::Data { range, offset } => {
                    let slice = bytes.get(range).unwrap_or_default();
                    if offset != self.offset {
                        // A hole: what lies on its other side is a content of its own. No key spans NUL bytes,
                        // so nothing is lost.
                        members.begin(Step::Member(&self.path))?;
                        self.offset = offset;
                    }
                    self.offset += slice.len() as u64;
                    members.data(slice)?;
                }
                TarEvent::EntryEnd => members.end(),
                TarEvent::Error { reason, .. } => self.fault = self.fault.or(Some(Fault(reason))),
                // Bytes of no member were searched as they lie in the tar.
                TarEvent::Raw { .. } | TarEvent::RawHeld { .. } | TarEvent::Warning(_) => {}
            }
        }
        Ok(())
    }
}

fn begin(entry: &Entry, members: &mut dyn Members) -> Result<(), Fault> {
    members.begin(Step::Member(&entry.path))?;
    if !entry.link.is_empty() {
        members.text(Place::Symlink, "", &entry.link)?;
    }
    for meta in &entry.meta {
        let place = if meta.kind == MetaKind::Xattr { Place::Xattr } else { Place::Pax };
        let text = [&meta.name, &b"="[..], &meta.value].concat();
        members.text(place, &String::from_utf8_lossy(&meta.name), &text)?;
    }
    Ok(())
}
