//! Zstandard (RFC 8878): frames, also skippable ones.

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::codec::{Codec, Stepped};
use crate::content::Fault;
use crate::limits::INNER_ZSTD_WINDOW_LOG;

/// A zstd decoder.
#[derive(Default)]
pub(in crate::content) struct Zstd {
    context: Option<DCtx<'static>>,
    state: State,
    /// The first bytes of what may be one more frame.
    held: Vec<u8>,
    /// Whether it is over with its first frame.
    single: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    First,
    Frame,
    Between,
    Over,
}

/// Whether these bytes begin a frame: Zstandard's own, or a skippable one.
pub(super) fn is_frame(head: &[u8]) -> bool {
    head.starts_with(b"\x28\xb5\x2f\xfd") || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl Zstd {
    /// A decoder of one frame, which knows its own end.
    pub(in crate::content) fn single() -> Self {
        Self { single: true, ..Self::default() }
    }

    /// Tells by its first four bytes whether another frame follows.
    fn between(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.single {
            self.state = State::Over;
            return Ok(Stepped::default());
        }
        let taken = (4 - self.held.len().min(4)).min(input.len());
        self.held.extend_from_slice(input.get(..taken).unwrap_or_default());
        if self.held.len() == 4 {
            let magic = std::mem::take(&mut self.held);
            if is_frame(&magic) {
                self.state = State::Frame;
                self.decode(&magic, output)?;
            } else {
                self.state = State::Over;
            }
        }
        Ok(Stepped { taken, given: 0 })
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        let context = match &mut self.context {
            Some(context) => context,
            None => {
                let mut context = DCtx::try_create().ok_or(Fault::LIMIT)?;
                context
                    .set_parameter(DParameter::WindowLogMax(INNER_ZSTD_WINDOW_LOG))
                    .map_err(|_| Fault::LIMIT)?;
                self.context.insert(context)
            }
        };
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let hint = context.decompress_stream(&mut target, &mut source).map_err(fault)?;
        let (taken, given) = (source.pos(), target.pos());
        self.state = if hint == 0 { State::Between } else { State::Frame };
        Ok(Stepped { taken, given })
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        match self.state {
            State::First | State::Frame => self.decode(input, output),
            State::Between if input.is_empty() => Ok(Stepped::default()),
            State::Between => self.between(input, output),
            State::Over if self.single => Ok(Stepped::default()),
            State::Over => Ok(Stepped { taken: input.len(), given: 0 }),
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self.state, State::Between | State::Over)
    }

    fn memory(&self) -> u64 {
        self.context.as_ref().map_or(0, |context| context.sizeof() as u64)
    }
}

fn fault(code: usize) -> Fault {
    if get_error_name(code).contains("memory") { Fault::LIMIT } else { Fault::CORRUPT }
}
