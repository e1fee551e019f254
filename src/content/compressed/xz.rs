//! What liblzma reads: xz, lzip, and the older lzma files. Streams, one after the other.

use liblzma::stream::{Action, Error, Status, Stream};

use super::codec::{Broken, Codec, Stepped};
use crate::content::Fault;
use crate::limits::INNER_XZ_MEMORY;

/// Memory that a decoder may take before it has said how much it needs.
const FIRST_MEMORY: u64 = 1024 * 1024;

/// How a stream begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Frame {
    #[default]
    Xz,
    Lzip,
    /// Properties, the content's size, one stream: as `lzma` writes it.
    Alone,
}

/// A decoder of any of the formats.
#[derive(Default)]
pub(in crate::content) struct Xz {
    frame: Frame,
    stream: Option<Stream>,
    /// What the present stream may take. It is raised step by step to what the stream asks for.
    memory: u64,
    /// Whether a stream was just completed.
    between: bool,
    /// Whether it is over with its first stream.
    single: bool,
    broken: Broken,
}

impl Xz {
    /// A decoder of one xz stream, which knows its own end.
    pub(in crate::content) fn single() -> Self {
        Self { single: true, ..Self::default() }
    }

    /// A decoder of lzip members.
    pub(in crate::content) fn lzip() -> Self {
        Self { frame: Frame::Lzip, ..Self::default() }
    }

    /// A decoder of an lzma file.
    pub(in crate::content) fn alone() -> Self {
        Self { frame: Frame::Alone, single: true, ..Self::default() }
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if !self.between {
            return self.process(input, output);
        }
        if self.single {
            return Ok(Stepped::default());
        }
        let first = if self.frame == Frame::Lzip { b'L' } else { 0xfd };
        let next = input.iter().position(|byte| *byte != 0);
        let Some(next) = next.filter(|next| input.get(*next) == Some(&first)) else {
            // What follows the last stream is no stream.
            return Ok(Stepped { taken: input.len(), given: 0 });
        };
        self.stream = None;
        self.between = false;
        let stepped = self.process(input.get(next..).unwrap_or_default(), output)?;
        Ok(Stepped { taken: next + stepped.taken, ..stepped })
    }

    fn is_complete(&self) -> bool {
        self.between
    }

    fn memory(&self) -> u64 {
        self.memory
    }
}

impl Xz {
    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                self.memory = FIRST_MEMORY;
                let stream = match self.frame {
                    Frame::Xz => Stream::new_stream_decoder(self.memory, 0),
                    Frame::Lzip => Stream::new_lzip_decoder(self.memory, 0),
                    Frame::Alone => Stream::new_lzma_decoder(self.memory),
                };
                self.stream.insert(stream.map_err(|_| Fault::LIMIT)?)
            }
        };
        self.broken.or_go_on()?;
        let (read, wrote) = (stream.total_in(), stream.total_out());
        let fault = loop {
            let taken = usize::try_from(stream.total_in() - read).unwrap_or(input.len());
            let given = usize::try_from(stream.total_out() - wrote).unwrap_or(output.len());
            let input = input.get(taken..).unwrap_or_default();
            let output = output.get_mut(given..).unwrap_or_default();
            match stream.process(input, output, Action::Run) {
                Ok(status) => {
                    self.between = status == Status::StreamEnd;
                    break None;
                }
                Err(Error::MemLimit) => match raise(stream, self.memory) {
                    Ok(memory) => self.memory = memory,
                    Err(fault) => break Some(fault),
                },
                Err(Error::Mem) => break Some(Fault::LIMIT),
                Err(_) => break Some(Fault::CORRUPT),
            }
        };
        let taken = usize::try_from(stream.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(stream.total_out() - wrote).unwrap_or(output.len());
        self.broken.after(Stepped { taken, given }, fault)
    }
}

/// Lets the stream have what it asked for, and says how much that is.
fn raise(stream: &mut Stream, from: u64) -> Result<u64, Fault> {
    let mut memory = from;
    while memory < INNER_XZ_MEMORY {
        memory = (memory * 2).min(INNER_XZ_MEMORY);
        if stream.set_memlimit(memory).is_ok() {
            return Ok(memory);
        }
    }
    Err(Fault::LIMIT)
}
