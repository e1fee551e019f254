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
    /// Bytes that the decoder would have next: the rest of a block, and the header of the next one.
    wanted: usize,
    /// Whether it may have more to give.
    full: bool,
}

/// Bytes in front of a block.
const BLOCK_HEADER: usize = 3;

/// Bytes by which a frame is known.
const MAGIC: usize = 4;

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
                // It is too short to give anything.
                self.call(&magic, output)?;
            } else {
                self.state = State::Over;
            }
        }
        Ok(Stepped { taken, given: 0 })
    }

    /// Takes no more than the rest of a block: what the decoder gave in a call that meets a fault is lost, so
    /// the next block must wait until this one is out.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
        if self.full {
            let stepped = self.call(b"", output)?;
            if stepped.given > 0 {
                return Ok(stepped);
            }
        }
        let block = if self.wanted > BLOCK_HEADER { self.wanted - BLOCK_HEADER } else { MAGIC };
        self.call(input.get(..block).unwrap_or(input), output)
    }

    fn call(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, Fault> {
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
        (self.wanted, self.full) = (hint, given > 0 && given == output.len());
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

#[cfg(test)]
mod tests {
    use crate::content::taken::Taken;
    use crate::content::{Fault, Unpack, compressed};

    /// Bytes that a block holds at most.
    const BLOCK: usize = 128 * 1024;

    /// Text that neither repeats nor stays as it is.
    fn text(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 28) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn open(bytes: &[u8]) -> Box<dyn Unpack> {
        compressed::of(bytes).expect("a frame").open()
    }

    /// Where the blocks of a frame begin.
    fn blocks(frame: &[u8]) -> Vec<usize> {
        // Magic, a descriptor without anything but a size of four bytes, the window's log left out.
        let mut at =
            4 + 1 + if frame[4] & 0x20 == 0 { 1 } else { 0 } + [0, 2, 4, 8][usize::from(frame[4] >> 6)];
        let mut starts = Vec::new();
        loop {
            let header = u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], 0]);
            starts.push(at);
            if header & 1 == 1 {
                return starts;
            }
            at += 3 + (header >> 3) as usize;
        }
    }

    #[test]
    fn what_stands_in_front_of_a_broken_block_comes_out_to_the_last_byte() {
        let content = text(3 * BLOCK);
        let frame = zstd::bulk::compress(&content, 1).expect("a frame");
        let starts = blocks(&frame);
        assert!(starts.len() >= 3, "{starts:?}");
        for (block, start) in starts.iter().enumerate().skip(1) {
            let mut broken = frame.clone();
            // A kind of block that there is not.
            broken[*start] |= 0b110;
            for slice in [1, 1000, broken.len()] {
                let (taken, ended) = Taken::of(open(&broken), &broken, slice);
                assert_eq!(ended, Err(Fault::CORRUPT));
                let given = taken.member("(zstd)");
                assert!(content.starts_with(given));
                assert_eq!(given.len(), block * BLOCK, "block {block} in slices of {slice}");
            }
        }
    }

    #[test]
    fn frames_and_what_is_skipped_between_them_come_out_in_slices_of_any_length() {
        let (front, back) = (text(BLOCK + 70_000), text(5));
        let frame = |content: &[u8]| zstd::bulk::compress(content, 1).expect("a frame");
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".as_slice(), b"\x5f\x2a\x4d\x18\0\0\0\0"].concat();
        let bytes = [&skipped[..], &frame(&front), &skipped, &frame(b""), &frame(&back), b"tail"].concat();
        for slice in [1, 2, 3, 7, 4096, bytes.len()] {
            let (taken, ended) = Taken::of(open(&bytes), &bytes, slice);
            assert_eq!(
                (taken.member("(zstd)"), ended),
                (&[&front[..], &back].concat()[..], Ok(())),
                "{slice}"
            );
        }
    }
}
