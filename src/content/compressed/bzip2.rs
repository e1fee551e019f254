//! bzip2: streams, one after the other.

use ::bzip2::{Decompress, Status};

use super::codec::{Broken, Codec, Stepped};
use crate::content::Fault;

/// A bzip2 decoder.
pub(in crate::content) struct Bzip2 {
    stream: Decompress,
    /// Whether a stream was just completed.
    between: bool,
    /// Whether it is over with its first stream.
    single: bool,
    broken: Broken,
}

impl Default for Bzip2 {
    fn default() -> Self {
        Self { stream: Decompress::new(false), between: false, single: false, broken: Broken::default() }
    }
}

impl Bzip2 {
    /// A decoder of one stream, which knows its own end.
    pub(in crate::content) fn single() -> Self {
        Self { single: true, ..Self::default() }
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.between {
            match input.first() {
                _ if self.single => return Ok(Stepped::default()),
                Some(b'B') => *self = Self::default(),
                // What follows the last stream is no stream.
                _ => return Ok(Stepped { taken: input.len(), given: 0 }),
            }
        }
        let (read, wrote) = (self.stream.total_in(), self.stream.total_out());
        self.broken.or_go_on()?;
        let result = self.stream.decompress(input, output);
        self.between = matches!(result, Ok(Status::StreamEnd));
        let taken = usize::try_from(self.stream.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(self.stream.total_out() - wrote).unwrap_or(output.len());
        self.broken.after(Stepped { taken, given }, result.map_err(|_| Fault::CORRUPT).err())
    }

    fn is_complete(&self) -> bool {
        self.between
    }
}
