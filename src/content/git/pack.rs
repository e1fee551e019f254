//! A pack: objects one behind the other, whole or as deltas against another one of them.
//!
//! A delta is put together with its base, so that a key of which only a few characters changed is found
//! as a whole. Where its base is not at hand any more, or never was (a bundle of changes), the bytes that
//! the delta adds are given, and the report says so.

use super::bases::{BaseOf, Bases};
use super::delta::Delta;
use super::object::{self, Hash, Kind};
use crate::content::compressed::{Codec, Ran, Zlib, run};
use crate::content::gather::{Gather, be32, split};
use crate::content::{Fault, Members, Step, Unpack};
use crate::limits::{DECODED_SLICE, GIT_OBJECT, INNER_FILE, INNER_FILE_RATIO};

const HEADER: usize = 12;

/// A delta whose base is not at hand.
const NO_BASE: Fault = Fault("no-base");

/// The reader of one.
pub(super) struct Pack {
    hash: Hash,
    state: State,
    gather: Gather,
    /// Bytes of the pack so far.
    position: u64,
    /// Objects to come.
    left: u32,
    bases: Bases,
    output: Vec<u8>,
    /// Bytes that were inflated and not given.
    unseen: u64,
}

enum State {
    Header,
    /// The kind and the size of an object, of which `shift` bits are there.
    Size {
        at: u64,
        kind: u8,
        size: u64,
        shift: u32,
    },
    /// How far in front of it the base of a delta begins.
    Distance {
        at: u64,
        size: u64,
        distance: u64,
        begun: bool,
    },
    Id {
        at: u64,
        size: u64,
    },
    Data(Box<Inflating>),
    Trailer,
    Over,
}

struct Inflating {
    at: u64,
    what: What,
    size: u64,
    inflate: Zlib,
    body: Body,
}

enum What {
    Whole(Kind),
    Delta(BaseOf),
}

enum Body {
    Held(Vec<u8>),
    /// Given as it came: so many bytes.
    Passed(u64),
    /// Too large to be of use.
    Dropped(u64),
}

impl Unpack for Pack {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let mut input = bytes;
        loop {
            let before = input.len();
            let more = self.step(&mut input, members)?;
            self.position += (before - input.len()) as u64;
            if !more {
                return Ok(());
            }
        }
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        members.end();
        if let State::Data(inflating) = &self.state {
            inflating.give_as_it_is(members)?;
        }
        if matches!(self.state, State::Over) { Ok(()) } else { Err(Fault::TRUNCATED) }
    }
}

impl Pack {
    /// A pack of a repository with such ids.
    pub(super) fn new(hash: Hash) -> Self {
        Self {
            hash,
            state: State::Header,
            gather: Gather::default(),
            position: 0,
            left: 0,
            bases: Bases::default(),
            output: vec![0; DECODED_SLICE],
            unseen: 0,
        }
    }

    /// Goes on by one structure; whether there may be another in what is left of `input`.
    fn step(&mut self, input: &mut &[u8], members: &mut dyn Members) -> Result<bool, Fault> {
        match &mut self.state {
            State::Header => {
                let Some(header) = self.gather.take(input, HEADER) else { return Ok(false) };
                if !super::is_pack(&header, b"") {
                    return Err(Fault::CORRUPT);
                }
                self.left = be32(&header, 8).ok_or(Fault::CORRUPT)?;
                // The position is counted when the step is done.
                self.state = self.next(HEADER as u64);
            }
            State::Size { .. } | State::Distance { .. } => {
                let Some(byte) = split(input, 1).first() else { return Ok(false) };
                self.number(*byte, members)?;
            }
            State::Id { at, size } => {
                let (at, size) = (*at, *size);
                let Some(id) = self.gather.take(input, self.hash.length()) else { return Ok(false) };
                self.begin(at, What::Delta(BaseOf::Id(id)), size, members)?;
            }
            State::Data(inflating) => {
                let Inflating { inflate, body, size, .. } = &mut **inflating;
                let Ran { taken, result } =
                    run(inflate, input, &mut self.output, &mut |_, data| body.take(data, *size, members));
                split(input, taken as u64);
                if result.is_err() {
                    inflating.give_as_it_is(members)?;
                    return result.map(|()| false);
                }
                if !inflate.is_complete() {
                    return Ok(false);
                }
                let after = self.position + taken as u64;
                let next = self.next_of(after);
                if let State::Data(inflating) = std::mem::replace(&mut self.state, next) {
                    self.complete(*inflating, members)?;
                }
            }
            State::Trailer => {
                let Some(_) = self.gather.take(input, self.hash.length()) else { return Ok(false) };
                self.state = State::Over;
            }
            State::Over => {
                split(input, u64::MAX);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What follows an object.
    fn next_of(&mut self, at: u64) -> State {
        self.left = self.left.saturating_sub(1);
        self.next(at)
    }

    /// What stands at `at`, between objects.
    fn next(&self, at: u64) -> State {
        if self.left == 0 { State::Trailer } else { State::Size { at, kind: 0, size: 0, shift: 0 } }
    }

    /// The next byte of a number.
    fn number(&mut self, byte: u8, members: &mut dyn Members) -> Result<(), Fault> {
        let more = byte & 0x80 != 0;
        match &mut self.state {
            State::Size { at, kind, size, shift } => {
                if *shift == 0 {
                    (*kind, *size, *shift) = (byte >> 4 & 7, u64::from(byte & 0x0f), 4);
                } else {
                    // No object is that large.
                    if *shift > 56 {
                        return Err(Fault::CORRUPT);
                    }
                    *size |= u64::from(byte & 0x7f) << *shift;
                    *shift += 7;
                }
                if more {
                    return Ok(());
                }
                let (at, kind, size) = (*at, *kind, *size);
                self.kind(at, kind, size, members)
            }
            State::Distance { at, size, distance, begun } => {
                // Each further byte stands for one more than its bits say.
                let before = if *begun { distance.checked_add(1) } else { Some(0) };
                let before = before.filter(|before| *before < 1 << 56).ok_or(Fault::CORRUPT)?;
                *distance = before << 7 | u64::from(byte & 0x7f);
                *begun = true;
                if more {
                    return Ok(());
                }
                let (at, size) = (*at, *size);
                let base = at.checked_sub(*distance).ok_or(Fault::CORRUPT)?;
                self.begin(at, What::Delta(BaseOf::Offset(base)), size, members)
            }
            _ => Err(Fault::CORRUPT),
        }
    }

    fn kind(&mut self, at: u64, kind: u8, size: u64, members: &mut dyn Members) -> Result<(), Fault> {
        let kind = match kind {
            1 => Kind::Commit,
            2 => Kind::Tree,
            3 => Kind::Blob,
            4 => Kind::Tag,
            6 => {
                self.state = State::Distance { at, size, distance: 0, begun: false };
                return Ok(());
            }
            7 => {
                self.state = State::Id { at, size };
                return Ok(());
            }
            _ => return Err(Fault::CORRUPT),
        };
        self.begin(at, What::Whole(kind), size, members)
    }

    fn begin(&mut self, at: u64, what: What, size: u64, members: &mut dyn Members) -> Result<(), Fault> {
        let body = if size <= GIT_OBJECT as u64 {
            Body::Held(Vec::new())
        } else if let What::Whole(_) = what {
            members.begin(Step::Member(format!("offset {at}").as_bytes()))?;
            Body::Passed(0)
        } else {
            members.unread(Fault::LIMIT);
            self.unseen(size)?;
            Body::Dropped(0)
        };
        self.state = State::Data(Box::new(Inflating { at, what, size, inflate: Zlib::default(), body }));
        Ok(())
    }

    /// An object is inflated.
    fn complete(&mut self, inflating: Inflating, members: &mut dyn Members) -> Result<(), Fault> {
        let length = match &inflating.body {
            Body::Held(bytes) => bytes.len() as u64,
            Body::Passed(length) | Body::Dropped(length) => *length,
        };
        if length != inflating.size {
            inflating.give_as_it_is(members)?;
            return Err(Fault::CORRUPT);
        }
        let Inflating { at, what, body, .. } = inflating;
        match (what, body) {
            (What::Whole(kind), Body::Held(content)) => self.object(at, kind, content, members),
            (What::Delta(base), Body::Held(delta)) => {
                let result = self.delta(at, &base, &delta, members);
                if result == Err(Fault::CORRUPT) {
                    give_as_it_is(at, &delta, members)?;
                }
                result
            }
            (_, Body::Dropped(_) | Body::Passed(_)) => {
                members.end();
                Ok(())
            }
        }
    }

    fn object(
        &mut self,
        at: u64,
        kind: Kind,
        content: Vec<u8>,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        let id = self.hash.id(kind, &content);
        object::give(&id, &content, members)?;
        self.bases.keep(at, kind, &id, content);
        if members.hold(self.memory()).is_err() {
            self.bases.halve();
            members.hold(self.memory())?;
        }
        Ok(())
    }

    fn delta(
        &mut self,
        at: u64,
        base: &BaseOf,
        bytes: &[u8],
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        let delta = Delta::parse(bytes)?;
        let fits = delta.result_size <= GIT_OBJECT as u64;
        if let Some((kind, base)) = self.bases.get(base).filter(|_| fits) {
            let content = delta.apply(&base)?;
            return self.object(at, kind, content, members);
        }
        let added = delta.added()?;
        members.begin(Step::Member(format!("offset {at}").as_bytes()))?;
        members.unread(if fits { NO_BASE } else { Fault::LIMIT });
        members.data(&added)?;
        members.end();
        self.unseen(bytes.len() as u64)
    }

    /// The bases, and an object in the making.
    fn memory(&self) -> u64 {
        (self.bases.size() + GIT_OBJECT) as u64
    }

    /// Bounds what is inflated without being searched, as all that is searched is bounded.
    fn unseen(&mut self, bytes: u64) -> Result<(), Fault> {
        self.unseen = self.unseen.saturating_add(bytes);
        let most = INNER_FILE.saturating_add(self.position.saturating_mul(INNER_FILE_RATIO));
        if self.unseen > most { Err(Fault::LIMIT) } else { Ok(()) }
    }
}

impl Inflating {
    /// Gives what there is of an object that is not whole, or not what its header says. Of a delta too: what
    /// it adds stands in it.
    fn give_as_it_is(&self, members: &mut dyn Members) -> Result<(), Fault> {
        if let Body::Held(bytes) = &self.body { give_as_it_is(self.at, bytes, members) } else { Ok(()) }
    }
}

fn give_as_it_is(at: u64, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
    if bytes.is_empty() {
        return Ok(());
    }
    members.begin(Step::Member(format!("offset {at}").as_bytes()))?;
    members.data(bytes)?;
    members.end();
    Ok(())
}

impl Body {
    fn take(&mut self, data: &[u8], size: u64, members: &mut dyn Members) -> Result<(), Fault> {
        let length = match self {
            Self::Held(held) => {
                held.extend_from_slice(data);
                held.len() as u64
            }
            Self::Passed(length) | Self::Dropped(length) => {
                *length += data.len() as u64;
                *length
            }
        };
        if length > size {
            return Err(Fault::CORRUPT);
        }
        if matches!(self, Self::Passed(_)) { members.data(data) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Hash, Pack};
    use crate::content::Fault;
    use crate::content::taken::Taken;

    /// A pack of one blob of less than 2 KiB, which its header says to have `size` bytes.
    fn pack(content: &[u8], size: usize) -> Vec<u8> {
        let mut bytes = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
        bytes.extend_from_slice(&[0x80 | 3 << 4 | (size & 0x0f) as u8, (size >> 4) as u8]);
        let mut encoder = flate2::write::ZlibEncoder::new(bytes, flate2::Compression::none());
        encoder.write_all(content).expect("memory");
        let mut bytes = encoder.finish().expect("memory");
        bytes.extend_from_slice(&[0; 20]);
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], least: usize, fault: Fault) {
        for slice in [1, 7, bytes.len()] {
            let (taken, ended) = Taken::of(Box::new(Pack::new(Hash::Sha1)), bytes, slice);
            assert_eq!(ended, Err(fault), "in slices of {slice}");
            let given = taken.members.last().map_or(0, |(_, content)| content.len());
            assert!(given >= least, "{given} of {least} bytes in slices of {slice}");
        }
    }

    #[test]
    fn what_was_inflated_of_an_object_that_is_cut_or_broken_comes_out() {
        let content: Vec<u8> = (0..1_500_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let right = pack(&content, content.len());
        let data = right.len() - 20;
        check(&right[..data - 300], content.len() - 300, Fault::TRUNCATED);
        check(&pack(&content, content.len() + 1), content.len(), Fault::CORRUPT);
        check(&pack(&content, content.len() - 1), content.len() - 1, Fault::CORRUPT);
        let mut wrong = right.clone();
        wrong[data - 1] ^= 1;
        check(&wrong, content.len(), Fault::CORRUPT);
    }
}
