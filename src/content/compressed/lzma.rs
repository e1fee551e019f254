//! LZMA as it was before xz: one stream with a short header and no checksum. Older rpms and some
//! initramfs images hold it.

use liblzma::stream::{Action, Error, Status, Stream};

use super::codec::{Codec, Stepped};
use crate::content::Fault;
use crate::limits::INNER_XZ_MEMORY;

/// Bytes of the header, with the first of the data.
const HEADER: usize = 14;

/// Whether data begin as every usual encoder writes them: there is no magic.
pub(super) fn is_likely(head: &[u8]) -> bool {
    let Some([0x5d, dictionary @ .., 0]) = head.first_chunk::<HEADER>() else { return false };
    let (window, size) = dictionary.split_at(4);
    let window = window.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let size = size.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let is_round = window >= 4096 && (window.is_power_of_two() || (window / 3 * 2).is_power_of_two());
    is_round && (size == u64::MAX || size < 1 << 38)
}

/// An LZMA decoder.
#[derive(Default)]
pub(super) struct Lzma {
    stream: Option<Stream>,
    ended: bool,
}

impl Codec for Lzma {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.ended {
            // What follows the stream is no part of it.
            return Ok(Stepped { taken: input.len(), given: 0 });
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = Stream::new_lzma_decoder(INNER_XZ_MEMORY);
                self.stream.insert(stream.map_err(|_| Fault::LIMIT)?)
            }
        };
        let (read, wrote) = (stream.total_in(), stream.total_out());
        let status = match stream.process(input, output, Action::Run) {
            Ok(status) => status,
            Err(Error::MemLimit | Error::Mem) => return Err(Fault::LIMIT),
            Err(_) => return Err(Fault::CORRUPT),
        };
        self.ended = status == Status::StreamEnd;
        let taken = usize::try_from(stream.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(stream.total_out() - wrote).unwrap_or(output.len());
        Ok(Stepped { taken, given })
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}
