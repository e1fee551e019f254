//! Decompression that is pushed: slices in, slices of a bounded size out.

use std::cell::Cell;

use flate2::{Decompress, FlushDecompress, Status};

use crate::content::Fault;
use crate::layer::inflate::Inflate;

/// What one step of a codec did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::content) struct Stepped {
    /// Bytes of the input that it took.
    pub(in crate::content) taken: usize,
    /// Bytes that it gave.
    pub(in crate::content) given: usize,
}

/// A decoder.
pub(in crate::content) trait Codec: Send {
    /// Takes some of `input` and gives some of `output`. When it does neither, it wants more input, or is
    /// over.
    ///
    /// # Errors
    /// When the data break the format's rules.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault>;

    /// Whether nothing is missing if no more input comes.
    fn is_complete(&self) -> bool;

    /// Bytes of memory that it takes, where they depend on the data.
    fn memory(&self) -> u64 {
        0
    }

    /// Texts of its headers since the last call: they may hold a key.
    fn take_texts(&mut self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// A fault behind bytes that came out in the same step: they are given first, then it is told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Broken(Option<Fault>);

impl Broken {
    /// # Errors
    /// When the last step met a fault.
    pub(super) fn or_go_on(self) -> Result<(), Fault> {
        self.0.map_or(Ok(()), Err)
    }

    /// What a step gives that may have met a fault.
    pub(super) fn after(&mut self, stepped: Stepped, fault: Option<Fault>) -> Result<Stepped, Fault> {
        self.0 = fault;
        if stepped.given == 0 { self.or_go_on().map(|()| stepped) } else { Ok(stepped) }
    }
}

/// How a run over some input ended.
#[derive(Debug)]
pub(in crate::content) struct Ran {
    /// Bytes of the input that were taken. Some are left where the codec is over, or cannot go on.
    pub(in crate::content) taken: usize,
    /// What the codec says of the data, or the one who takes what comes out.
    pub(in crate::content) result: Result<(), Fault>,
}

/// Who takes what comes out of a codec, by its last step.
pub(in crate::content) type Sink<'s> = dyn FnMut(&mut dyn Codec, &[u8]) -> Result<(), Fault> + 's;

/// Runs `codec` over all of `input`, or until it is over. `sink` is called after every step with what came
/// out, which may be nothing: memory and texts are to be asked for first.
pub(in crate::content) fn run(
    codec: &mut dyn Codec,
    mut input: &[u8],
    output: &mut [u8],
    sink: &mut Sink<'_>,
) -> Ran {
    let all = input.len();
    loop {
        let stepped = codec.step(input, output);
        let Stepped { taken, given } = *stepped.as_ref().unwrap_or(&Stepped::default());
        input = input.get(taken..).unwrap_or_default();
        let result = stepped.and_then(|_| sink(codec, output.get(..given).unwrap_or_default()));
        // With its output full it may have more to give, without any input; or a fault to tell.
        let again = given > 0 || (!input.is_empty() && taken > 0);
        if !again || result.is_err() {
            return Ran { taken: all - input.len(), result };
        }
    }
}

thread_local! {
    /// A decoder that is not in use: an archive may have a member for every few bytes, and a decoder is large.
    static SPARE: Cell<Option<Box<Inflate>>> = const { Cell::new(None) };
}

/// A bare deflate stream (RFC 1951), as in zip and gzip. It knows its own end.
pub(in crate::content) struct Deflate {
    /// There is one until this is dropped.
    state: Option<Box<Inflate>>,
}

impl Default for Deflate {
    fn default() -> Self {
        let state = SPARE.take().map(|mut spare| {
            spare.restart();
            spare
        });
        Self { state: Some(state.unwrap_or_default()) }
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        // A thread that ends has no use for it.
        let _ = SPARE.try_with(|spare| spare.set(self.state.take()));
    }
}

impl Codec for Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        let Some(state) = &mut self.state else { return Ok(Stepped::default()) };
        let taken = if state.is_drained() && !state.is_over() { state.decode(input) } else { 0 };
        let given = state.give(output);
        match state.fault() {
            Some(_) if given == 0 => Err(Fault::CORRUPT),
            _ => Ok(Stepped { taken, given }),
        }
    }

    fn is_complete(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.is_over() && state.is_drained())
    }
}

/// A deflate stream in zlib's frame (RFC 1950), as in git. It knows its own end.
pub(in crate::content) struct Zlib {
    state: Decompress,
    ended: bool,
    broken: Broken,
}

impl Default for Zlib {
    fn default() -> Self {
        Self { state: Decompress::new(true), ended: false, broken: Broken::default() }
    }
}

impl Codec for Zlib {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.ended {
            return Ok(Stepped::default());
        }
        let (read, wrote) = (self.state.total_in(), self.state.total_out());
        self.broken.or_go_on()?;
        let result = self.state.decompress(input, output, FlushDecompress::None);
        self.ended = matches!(result, Ok(Status::StreamEnd));
        let taken = usize::try_from(self.state.total_in() - read).unwrap_or(input.len());
        let given = usize::try_from(self.state.total_out() - wrote).unwrap_or(output.len());
        self.broken.after(Stepped { taken, given }, result.map_err(|_| Fault::CORRUPT).err())
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}
