//! What is inside the files of a layer: archives opened as they pass, their members searched and opened
//! in turn, within bounds.
//!
//! Contents at one depth come one after the other, so each depth has one [`Lane`]: a stream of its own
//! that is cut into windows just as the layer is. A file's own bytes are searched by whoever reads the
//! layer; what is in them is searched here.

mod lane;
mod node;

use std::sync::Arc;

use lane::Lane;
use node::Node;

use super::blob::Output;
use super::opaque::Opaque;
use super::segment::Content;
use crate::content::Fault;
use crate::limits;

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
        let Some(file) = &mut self.file else { return };
        self.budget.stored(bytes.len());
        let reading = &mut Reading { lanes: &mut self.lanes, budget: &mut self.budget, output, opaque };
        if offset == file.offset {
            file.look(bytes, 0, reading);
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

/// How much may still come out of a file, and of the layer.
#[derive(Debug, Default)]
struct Budget {
    file_stored: u64,
    file_given: u64,
    file_members: u64,
    layer_stored: u64,
    layer_given: u64,
    /// Memory that the readers of the file's contents take, by depth.
    held: Vec<u64>,
}

impl Budget {
    fn next_file(&mut self) {
        (self.file_stored, self.file_given, self.file_members) = (0, 0, 0);
        self.held.clear();
    }

    fn stored(&mut self, bytes: usize) {
        self.file_stored += bytes as u64;
        self.layer_stored += bytes as u64;
    }

    fn give(&mut self, bytes: usize) -> Result<(), Fault> {
        self.file_given += bytes as u64;
        self.layer_given += bytes as u64;
        let file =
            limits::INNER_FILE.saturating_add(self.file_stored.saturating_mul(limits::INNER_FILE_RATIO));
        let layer =
            limits::INNER_LAYER.saturating_add(self.layer_stored.saturating_mul(limits::INNER_LAYER_RATIO));
        if self.file_given > file || self.layer_given > layer { Err(Fault::LIMIT) } else { Ok(()) }
    }

    fn member(&mut self) -> Result<(), Fault> {
        self.file_members += 1;
        if self.file_members > limits::INNER_MEMBERS { Err(Fault::LIMIT) } else { Ok(()) }
    }

    /// The reader at `depth` takes so many bytes of memory now.
    fn hold(&mut self, depth: usize, bytes: u64) -> Result<(), Fault> {
        if self.held.len() <= depth {
            self.held.resize(depth + 1, 0);
        }
        if let Some(held) = self.held.get_mut(depth) {
            *held = bytes;
        }
        if self.held.iter().sum::<u64>() > limits::INNER_MEMORY { Err(Fault::LIMIT) } else { Ok(()) }
    }

    /// No reader at `depth` or deeper takes any.
    fn release(&mut self, depth: usize) {
        self.held.truncate(depth);
    }
}
