//! For tests: what a reader gives out, in the order in which it does.

use super::{Fault, Members, Step, Unpack};
use crate::detect::Place;

/// All that came out of a container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Name and content of each member.
    pub(super) members: Vec<(String, Vec<u8>)>,
    /// What each text is, and the text.
    pub(super) texts: Vec<(String, Vec<u8>)>,
    /// What was said to be unread, with the member in which it was said.
    pub(super) unread: Vec<(Option<String>, Fault)>,
    /// Memory that readers may take; none is no bound.
    pub(super) memory: Option<u64>,
    pub(super) open: bool,
}

impl Members for Taken {
    fn begin(&mut self, step: Step<'_>) -> Result<(), Fault> {
        let name = match step {
            Step::Member(name) => String::from_utf8_lossy(name).into_owned(),
            Step::Decoded(name) => format!("({name})"),
            Step::Payload => "()".to_owned(),
        };
        self.members.push((name, Vec::new()));
        self.open = true;
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        assert!(self.open, "data of no member");
        self.members.last_mut().expect("a member").1.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) {
        self.open = false;
    }

    fn text(&mut self, _place: Place, name: &str, text: &[u8]) -> Result<(), Fault> {
        self.texts.push((name.to_owned(), text.to_vec()));
        Ok(())
    }

    fn unread(&mut self, fault: Fault) {
        let member = self.members.last().filter(|_| self.open).map(|(name, _)| name.clone());
        self.unread.push((member, fault));
    }

    fn hold(&mut self, bytes: u64) -> Result<(), Fault> {
        if self.memory.is_some_and(|most| bytes > most) { Err(Fault::LIMIT) } else { Ok(()) }
    }
}

impl Taken {
    /// Everything that `reader` gives of `bytes`, in slices of so many, and how it ended.
    pub(super) fn of(mut reader: Box<dyn Unpack>, bytes: &[u8], slice: usize) -> (Self, Result<(), Fault>) {
        let mut taken = Self::default();
        let ended = taken.take(&mut *reader, bytes, slice);
        (taken, ended)
    }

    /// The same, once more or within a bound.
    pub(super) fn take(&mut self, reader: &mut dyn Unpack, bytes: &[u8], slice: usize) -> Result<(), Fault> {
        bytes.chunks(slice.max(1)).try_for_each(|slice| reader.feed(slice, self))?;
        reader.finish(self)
    }

    /// The content of a member.
    #[track_caller]
    pub(super) fn member(&self, name: &str) -> &[u8] {
        &self.members.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    /// The names of all members.
    pub(super) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(name, _)| name.as_str()).collect()
    }
}
