//! xz: streams, one after the other, with NUL bytes between them.

use liblzma::stream::{Action, Error, Status, Stream};

use super::codec::{Codec, Stepped};
use crate::content::Fault;
use crate::limits::INNER_XZ_MEMORY;

/// An xz decoder.
#[derive(Default)]
pub(super) struct Xz {
    stream: Option<Stream>,
    /// Whether a stream was just completed.
    between: bool,
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.between {
            let Some(next) = input.iter().position(|byte| *byte != 0) else {
                return Ok(Stepped { taken: input.len(), given: 0 });
            };
            if input.get(next) != Some(&0xfd) {
                // What follows the last stream is no stream.
                return Ok(Stepped { taken: input.len(), given: 0 });
            }
            self.stream = None;
            self.between = false;
            let stepped = self.process(input.get(next..).unwrap_or_default(), output)?;
            return Ok(Stepped { taken: next + stepped.taken, ..stepped });
        }
        self.process(input, output)
    }

    fn is_complete(&self) -> bool {
        self.between
    }
}

impl Xz {
    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = Stream::new_stream_decoder(INNER_XZ_MEMORY, 0);
                self.stream.insert(stream.map_err(|_| Fault::LIMIT)?)
            }
        };
        let (read, wrote) = (stream.total_in(), stream.total_out());
        let status = match stream.process(input, output, Action::Run) {
            Ok(status) => status,
            Err(Error::MemLimit | Error::Mem) => return Err(Fault::LIMIT),
            Err(_) => return Err(Fault::CORRUPT),
        };
        self.between = status == Status::StreamEnd;
        let taken = usize::try_from(stream.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(stream.total_out() - wrote).unwrap_or(output.len());
        Ok(Stepped { taken, given })
    }
}
