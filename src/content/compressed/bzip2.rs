//! bzip2: streams, one after the other.

use ::bzip2::{Decompress, Status};

use super::codec::{Codec, Stepped};
use crate::content::Fault;

/// A bzip2 decoder.
pub(super) struct Bzip2 {
    stream: Decompress,
    /// Whether a stream was just completed.
    between: bool,
}

impl Default for Bzip2 {
    fn default() -> Self {
        Self { stream: Decompress::new(false), between: false }
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.between {
            if input.first() != Some(&b'B') {
                // What follows the last stream is no stream.
                return Ok(Stepped { taken: input.len(), given: 0 });
            }
            *self = Self::default();
        }
        let (read, wrote) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output).map_err(|_| Fault::CORRUPT)?;
        self.between = status == Status::StreamEnd;
        let taken = usize::try_from(self.stream.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(self.stream.total_out() - wrote).unwrap_or(output.len());
        Ok(Stepped { taken, given })
    }

    fn is_complete(&self) -> bool {
        self.between
    }
}
