//! What is inside the files of a layer: archives opened as they pass, their members searched and opened
//! in turn, within bounds.
//!
//! Contents at one depth come one after the other, so each depth has one [`Lane`]: a stream of its own
//! that is cut into windows just as the layer is. A file's own bytes are searched by whoever reads the
//! layer; what is in them is searched here.

mod budget;
mod lane;
mod node;

use std::sync::Arc;

use budget::Budget;
use lane::Lane;
use node::Node;

use super::blob::Output;
use super::opaque::Opaque;
use super::segment::Content;
use crate::content::Fault;

/// The files of one layer, one after the other, looked into.
#[derive(Default)]
pub(super) struct Inside {
    /// By depth.
    lanes: Vec<Lane>,
    file: Option<Box<Node>>,
    budget: Budget,
}

/// What the contents of one file need while they are read.
struct Reading<'r, 'p, 's, 'a> {
    lanes: &'r mut Vec<Lane>,
    budget: &'r mut Budget,
    output: &'r mut Output<'p, 's, 'a>,
    opaque: &'r mut Opaque,
}

impl<'p, 's, 'a> Reading<'_, 'p, 's, 'a> {
    /// The lane of a depth, and where its windows go.
    fn lane(&mut self, depth: usize) -> (&mut Lane, &mut Output<'p, 's, 'a>) {
        if self.lanes.len() <= depth {
            self.lanes.resize_with(depth + 1, Lane::default);
        }
        (&mut self.lanes[depth], self.output)
    }
}

impl Inside {
    /// A file begins.
    pub(super) fn begin(&mut self, file: &Arc<Content>) {
        self.budget.next_file();
        self.file = Some(Box::new(Node::new(file.clone())));
    }

    /// Bytes of the file at `offset` in it. What lies behind a hole is not looked into.
    pub(super) fn data(
        &mut self,
        bytes: &[u8],
        offset: u64,
        output: &mut Output<'_, '_, '_>,
        opaque: &mut Opaque,
    ) {
        let Some(mut file) = self.file.take() else { return };
        self.budget.stored(bytes.len());
        let reading = &mut Reading { lanes: &mut self.lanes, budget: &mut self.budget, output, opaque };
        if offset == file.offset {
            file.look(bytes, 0, reading);
            self.file = Some(file);
        } else {
            file.give_up(Fault("sparse"), 0, reading);
        }
    }

    /// The file is over.
    pub(super) fn end(&mut self, output: &mut Output<'_, '_, '_>, opaque: &mut Opaque) {
        let Some(mut file) = self.file.take() else { return };
        let reading = &mut Reading { lanes: &mut self.lanes, budget: &mut self.budget, output, opaque };
        file.finish(0, reading);
    }

    /// The layer is over: what is not searched yet is given out.
    pub(super) fn finish(&mut self, output: &mut Output<'_, '_, '_>, opaque: &mut Opaque) {
        self.end(output, opaque);
        for lane in &mut self.lanes {
            lane.flush(output);
        }
    }
}
