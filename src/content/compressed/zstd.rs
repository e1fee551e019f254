//! Zstandard (RFC 8878): frames, also skippable ones.

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::codec::{Codec, Stepped};
use crate::content::Fault;
use crate::limits::INNER_ZSTD_WINDOW_LOG;

/// A zstd decoder.
#[derive(Default)]
pub(super) struct Zstd {
    decoder: Option<Decoder<'static>>,
    /// Whether a frame was just completed.
    between: bool,
    over: bool,
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.over {
            return Ok(Stepped { taken: input.len(), given: 0 });
        }
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => {
                let mut decoder = Decoder::new().map_err(|_| Fault::LIMIT)?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(INNER_ZSTD_WINDOW_LOG))
                    .map_err(|_| Fault::LIMIT)?;
                self.decoder.insert(decoder)
            }
        };
        if self.between && input.is_empty() {
            return Ok(Stepped::default());
        }
        match decoder.run_on_buffers(input, output) {
            Ok(status) => {
                self.between = status.remaining == 0;
                Ok(Stepped { taken: status.bytes_read, given: status.bytes_written })
            }
            Err(_) if self.between => {
                // What follows the last frame is no frame.
                self.over = true;
                Ok(Stepped { taken: input.len(), given: 0 })
            }
            Err(error) if error.to_string().contains("memory") => Err(Fault::LIMIT),
            Err(_) => Err(Fault::CORRUPT),
        }
    }

    fn is_complete(&self) -> bool {
        self.between || self.over
    }
}
