//! One content on the way in: its first bytes tell what it is, and what it holds is a content in turn.

use std::sync::Arc;

use super::Reading;
use crate::content::{self, Fault, Members, Recognised, Step, Unpack};
use crate::detect::Place;
use crate::limits::{CONTENT_HEAD, INNER_DEPTH, INNER_NAME};
use crate::scan::segment::{Content, Inner, InnerStep};

/// A content whose bytes come in.
pub(super) struct Node {
    content: Arc<Content>,
    /// Bytes so far.
    pub(super) offset: u64,
    state: State,
    /// The member that is being read.
    child: Option<Box<Node>>,
}

enum State {
    /// Its first bytes are not complete.
    Head(Vec<u8>),
    Open(Box<dyn Unpack>),
    /// There is nothing in it, or no way on.
    Shut,
}

impl Node {
    pub(super) fn new(content: Arc<Content>) -> Self {
        Self { content, offset: 0, state: State::Head(Vec::new()), child: None }
    }

    /// Looks into the next bytes of the content.
    pub(super) fn look(&mut self, bytes: &[u8], depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        self.offset += bytes.len() as u64;
        match &mut self.state {
            State::Head(head) if head.len() + bytes.len() < CONTENT_HEAD => head.extend_from_slice(bytes),
            State::Head(head) if head.is_empty() => {
                self.recognise(bytes, depth, reading);
                self.unpack(bytes, depth, reading);
            }
            State::Head(head) => {
                let mut whole = std::mem::take(head);
                whole.extend_from_slice(bytes);
                self.recognise(&whole, depth, reading);
                self.unpack(&whole, depth, reading);
            }
            State::Open(_) => self.unpack(bytes, depth, reading),
            State::Shut => {}
        }
    }

    /// The content is over.
    pub(super) fn finish(&mut self, depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        if let State::Head(head) = &mut self.state {
            let head = std::mem::take(head);
            self.recognise(&head, depth, reading);
            self.unpack(&head, depth, reading);
        }
        if let State::Open(mut open) = std::mem::replace(&mut self.state, State::Shut) {
            let taken = open.finish(&mut self.members(depth, reading));
            if let Err(fault) = taken {
                self.give_up(fault, depth, reading);
            }
        }
        self.end_child(depth, reading);
    }

    /// Nothing more is read of what is in it.
    pub(super) fn give_up(&mut self, fault: Fault, depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        reading.opaque.note(fault.0, &self.content.shown_path());
        self.state = State::Shut;
        self.end_child(depth, reading);
        reading.budget.release(depth);
    }

    fn recognise(&mut self, head: &[u8], depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        self.state = match content::recognise(head, self.content.path_inside()) {
            Some(Recognised::Opens(open)) => State::Open(open),
            Some(Recognised::Closed(name)) => {
                self.give_up(Fault(name), depth, reading);
                State::Shut
            }
            None => State::Open(content::embedded()),
        };
    }

    fn unpack(&mut self, bytes: &[u8], depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        let State::Open(mut open) = std::mem::replace(&mut self.state, State::Shut) else { return };
        match open.feed(bytes, &mut self.members(depth, reading)) {
            Ok(()) => self.state = State::Open(open),
            Err(fault) => {
                self.state = State::Open(open);
                self.give_up(fault, depth, reading);
            }
        }
    }

    fn members<'n, 'r, 'p, 's, 'a>(
        &'n mut self,
        depth: usize,
        reading: &'n mut Reading<'r, 'p, 's, 'a>,
    ) -> Inward<'n, 'r, 'p, 's, 'a> {
        Inward { content: &self.content, child: &mut self.child, depth, reading }
    }

    fn end_child(&mut self, depth: usize, reading: &mut Reading<'_, '_, '_, '_>) {
        self.members(depth, reading).end();
    }
}

/// Takes the members of one content.
struct Inward<'n, 'r, 'p, 's, 'a> {
    content: &'n Arc<Content>,
    child: &'n mut Option<Box<Node>>,
    depth: usize,
    reading: &'n mut Reading<'r, 'p, 's, 'a>,
}

impl Inward<'_, '_, '_, '_, '_> {
    fn text_of(&mut self, content: Content, text: &[u8]) {
        let (lane, output) = self.reading.lane(self.depth);
        lane.text(content, text, output);
    }

    fn content(&mut self, place: Place, name: Option<String>, step: Option<InnerStep>) -> Content {
        let inner = Inner { outer: self.content.clone(), step };
        Content {
            id: self.reading.output.number(),
            entry: self.content.entry,
            place,
            path: self.content.path.clone(),
            name,
            stated: None,
            inner: Some(Arc::new(inner)),
            file: self.content.file.inside(),
        }
    }
}

impl Members for Inward<'_, '_, '_, '_, '_> {
    fn begin(&mut self, step: Step<'_>) -> Result<(), Fault> {
        self.end();
        if self.depth >= INNER_DEPTH {
            return Err(Fault::TOO_DEEP);
        }
        self.reading.budget.member()?;
        let step = match step {
            Step::Member(name) => Some(InnerStep::Member(Arc::from(name.get(..INNER_NAME).unwrap_or(name)))),
            Step::Decoded(name) => Some(InnerStep::Decoded(name)),
            Step::Payload => None,
        };
        if let Some(InnerStep::Member(name)) = &step {
            let name = name.clone();
            let content = self.content(Place::FileName, None, step.clone());
            self.text_of(content, &name);
        }
        let content = Arc::new(self.content(Place::File, None, step));
        *self.child = Some(Box::new(Node::new(content)));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.reading.budget.give(bytes.len())?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let (lane, output) = self.reading.lane(self.depth);
        lane.add(&child.content, bytes, child.offset, output);
        child.look(bytes, self.depth + 1, self.reading);
        *self.child = Some(child);
        Ok(())
    }

    fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.finish(self.depth + 1, self.reading);
        self.reading.budget.release(self.depth + 1);
        let (lane, output) = self.reading.lane(self.depth);
        lane.end(output);
    }

    fn text(&mut self, place: Place, name: &str, text: &[u8]) -> Result<(), Fault> {
        self.reading.budget.member()?;
        self.reading.budget.give(text.len())?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        // A text of a member lies where the member does, yet is no part of what is in it.
        let step = self.child.as_ref().and_then(|child| child.content.inner.as_ref()?.step.clone());
        let content = self.content(place, name, step);
        self.text_of(content, text);
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> Result<(), Fault> {
        self.reading.budget.hold(self.depth, bytes)
    }

    fn unread(&mut self, fault: Fault) {
        let shown =
            self.child.as_ref().map_or_else(|| self.content.shown_path(), |child| child.content.shown_path());
        self.reading.opaque.note(fault.0, &shown);
    }
}
