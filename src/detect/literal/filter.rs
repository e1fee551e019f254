//! Says of every second place whether a literal's window may start there.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
use super::rarity;
use super::{FURTHEST, Literal};

/// Places of one block, and its bytes.
pub(super) const LANES: usize = 8;
pub(super) const BLOCK: usize = 2 * LANES;

/// Bytes behind the last block that are looked at.
pub(super) const BEHIND: usize = 4;

/// Blocks that are marked at a time.
pub(super) const CHUNK: usize = 128;

/// Slots of the table.
pub(super) const SLOTS: usize = 1 << 16;

/// What of four bytes chooses a slot. Without bit 5 the case of letters makes no difference. Of the two
/// outer bytes three bits count: one of them may stand outside of a short literal, and then the literal
/// takes a slot for each of their values.
pub(super) const CHOOSING: u32 = 0x07DF_DF07;

/// Bits of the golden ratio: neighbours fall far from each other.
pub(super) const MULTIPLIER: u32 = 0x9E37_79B1;

/// Where a window stands, all literals that have it are compared: so many make it worse by one unit of
/// rarity. Some are fine, since a window of its own for each literal fills the tables.
const SHARED: u8 = 8;

/// The buckets of windows of which only the first four bytes are looked up: of those that begin inside the
/// literal, and of those that begin one byte before it.
const OPEN: [u8; 2] = [0, 7];

/// How many buckets the others have. They lie between those.
const OTHERS: usize = 6;

/// Six bytes of a literal, of which one before it and some behind it may be any.
pub(super) struct Window<'a> {
    literal: &'a Literal,
    /// Where it starts in the literal; -1 is the byte before it.
    pub(super) offset: i32,
}

impl<'a> Window<'a> {
    /// The best window of `literal` at `first` or an even distance behind it: a rare one, and one that few
    /// literals have so far. `used` counts these by slot, and counts it too.
    pub(super) fn best(literal: &'a Literal, first: i32, used: &mut [u8; SLOTS]) -> Self {
        // Three bytes of the literal at least are among its first four.
        let last = literal.text.len().saturating_sub(3).min(FURTHEST);
        let rank = |window: &Self, used: &[u8; SLOTS]| {
            let used = window.slots(0).next().map_or(0, |slot| used[slot]);
            window.rarity() - i32::from(used / SHARED)
        };
        let mut best = Self { literal, offset: first };
        let mut highest = rank(&best, used);
        for offset in (first..=last as i32).step_by(2).skip(1) {
            let window = Self { literal, offset };
            let rank = rank(&window, used);
            if rank > highest {
                (best, highest) = (window, rank);
            }
        }
        if let Some(used) = best.slots(0).next().and_then(|slot| used.get_mut(slot)) {
            *used = used.saturating_add(1);
        }
        best
    }

    /// Whether only its first four bytes are looked up: the others are too few.
    fn is_open(&self) -> bool {
        self.literal.byte(self.offset + 4).is_none()
    }

    fn rarity(&self) -> i32 {
        let from = usize::try_from(self.offset).unwrap_or(0);
        let to = (self.offset + if self.is_open() { 4 } else { 6 }) as usize;
        rarity::of(self.literal.text.get(from..to.min(self.literal.text.len())).unwrap_or_default())
    }

    /// The slots of the four bytes `from` behind its start, for every value of those outside of the literal.
    fn slots(&self, from: i32) -> impl Iterator<Item = usize> {
        let (mut known, mut free) = ([0; 4], 0_u32);
        for ((byte, at), place) in known.iter_mut().zip(self.offset + from..).zip(0..) {
            match self.literal.byte(at) {
                Some(given) => *byte = given,
                None => free |= CHOOSING & 0xFF << (8 * place),
            }
        }
        let known = u32::from_le_bytes(known);
        // Counts through all subsets of the free bits.
        let mut next = Some(0_u32);
        std::iter::from_fn(move || {
            let now = next?;
            let after = now.wrapping_sub(free) & free;
            next = (after != 0).then_some(after);
            Some(slot(known | now))
        })
    }
}

/// The slot of four bytes.
#[inline(always)]
pub(super) fn slot(bytes: u32) -> usize {
    ((bytes & CHOOSING).wrapping_mul(MULTIPLIER) >> 16) as usize
}

/// One of 2^16 numbers for the first three of four bytes, in any case.
#[inline(always)]
fn three(bytes: u32) -> usize {
    ((bytes & 0x00DF_DFDF).wrapping_mul(MULTIPLIER) >> 16) as usize
}

/// One of 2^16 numbers for two slots.
fn joined(first: usize, second: usize) -> usize {
    (first ^ second.wrapping_mul(5)) & 0xFFFF
}

/// The tables. Windows are in eight buckets, and a bucket is a bit.
pub(super) struct Filter {
    /// By slot: in the low byte the buckets of windows that begin with such four bytes, in the high byte
    /// the buckets of windows that go on with them, two bytes behind their start. One more cell is there
    /// for [`avx2`](super::avx2).
    table: Box<[u16; SLOTS + 1]>,
    /// By a window's second and third byte, as they are spelled: the buckets of such windows.
    middles: Box<[u8; 1 << 16]>,
    /// By what [`joined`] makes of a window's two slots: the buckets of such windows. It tells those that
    /// begin as one literal and go on as another.
    joints: Box<[u8; 1 << 16]>,
    /// By bucket of open windows and by [`three`] bytes of the literal that all of its windows hold, a bit for
    /// each: whether there is one. Nearly all that short literals mark is told by it, in little memory.
    open: Box<[[u8; 1 << 13]; 2]>,
    #[cfg(target_arch = "x86_64")]
    vectors: Option<Avx2>,
}

impl Filter {
    pub(super) fn new() -> Self {
        // What follows an open window may be anything.
        Self {
            table: Box::new([OPEN.iter().fold(0, |all, bucket| all | 0x0100 << bucket); SLOTS + 1]),
            middles: Box::new([0; 1 << 16]),
            joints: Box::new([0; 1 << 16]),
            open: Box::new([[0; 1 << 13]; 2]),
            #[cfg(target_arch = "x86_64")]
            vectors: Avx2::detect(),
        }
    }

    /// The same without instructions that not every processor has.
    pub(super) fn without_vectors(mut self) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            self.vectors = None;
        }
        self
    }

    /// Adds a window, and tells the slots of its first four bytes.
    pub(super) fn add(&mut self, window: &Window<'_>, mut of_slot: impl FnMut(usize)) {
        let side = usize::from(window.offset < 0);
        // One bucket for all literals that have this window.
        let bucket = match window.slots(0).next() {
            Some(slot) if !window.is_open() => 1 + (slot % OTHERS) as u8,
            _ => OPEN[side],
        };
        for slot in window.slots(0) {
            self.table[slot] |= 1 << bucket;
            of_slot(slot);
        }
        if window.is_open() {
            let bytes = window.literal.text.get(window.offset.max(0) as usize..).unwrap_or_default();
            let three = three(bytes.iter().take(3).rev().fold(0, |all, byte| all << 8 | u32::from(*byte)));
            self.open[side][three / 8] |= 1 << (three % 8);
        } else {
            for slot in window.slots(2) {
                self.table[slot] |= 0x100 << bucket;
                // Where the window has a byte before the literal, it has none of those behind in common.
                for first in window.slots(0) {
                    self.joints[joined(first, slot)] |= 1 << bucket;
                }
            }
        }
        // Both bytes are of the literal: a window has one byte in front of it at most.
        let spelled = |at| {
            let byte = window.literal.byte(window.offset + at).unwrap_or_default();
            if window.literal.any_case {
                [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]
            } else {
                [byte, byte]
            }
        };
        for second in spelled(1) {
            for third in spelled(2) {
                self.middles[usize::from(u16::from_le_bytes([second, third]))] |= 1 << bucket;
            }
        }
    }

    /// Of `buckets` those with a window that may begin with the bytes of `word`. Nothing depends on a jump here:
    /// places are judged one after the other, and about half of them are passed.
    #[inline(always)]
    pub(super) fn may_begin(&self, buckets: u8, word: u64) -> u8 {
        let joint = joined(slot(word as u32), slot((word >> 16) as u32));
        let open = |side: usize, bytes: u32| {
            let three = three(bytes);
            (self.open[side][three / 8] >> (three % 8) & 1) << OPEN[side]
        };
        let open = open(0, word as u32) | open(1, (word >> 8) as u32);
        buckets & self.middles[usize::from((word >> 8) as u16)] & (self.joints[joint] | open)
    }

    /// Marks the places among the first `count` blocks of `bytes` where a window may start. [`BEHIND`]
    /// bytes must stand behind these blocks.
    pub(super) fn mark(&self, bytes: &[u8], count: usize, marks: &mut Marks) {
        let count = count.min(CHUNK);
        marks.count = count;
        #[cfg(target_arch = "x86_64")]
        let done = self
            .vectors
            .map_or(0, |avx2| avx2.mark(&self.table, bytes, &mut marks.lanes[..count], &mut marks.places));
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        let first = bytes.get(done * BLOCK..).and_then(<[u8]>::first_chunk);
        let mut here = first.map_or(0, |first| self.table[slot(u32::from_le_bytes(*first))]);
        let plain = marks.lanes.iter_mut().zip(&mut marks.places).enumerate().take(count).skip(done);
        for (block, (lanes, places)) in plain {
            let block_bytes = bytes.get(block * BLOCK..).and_then(<[u8]>::first_chunk::<{ BLOCK + BEHIND }>);
            let Some(block_bytes) = block_bytes else {
                (*lanes, *places) = (0, 0);
                continue;
            };
            let mut marked = 0;
            for lane in 0..LANES {
                // Always there; put together of single bytes, it would not be one load.
                let four = block_bytes.get(2 * lane + 2..).and_then(<[u8]>::first_chunk);
                let next = four.map_or(0, |four| self.table[slot(u32::from_le_bytes(*four))]);
                marked |= u64::from((here & next >> 8) as u8) << (8 * lane);
                here = next;
            }
            *lanes = marked;
            *places = places_of(marked);
        }
    }
}

/// Which bytes of `lanes` are not zero.
fn places_of(lanes: u64) -> u8 {
    const LOWER: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let upper = (((lanes & LOWER) + LOWER) | lanes) & !LOWER;
    // The product brings the upper bits of the bytes side by side.
    ((upper >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// Places that are taken in one go, whether so many are left or not.
const AT_ONCE: usize = 4;

/// What is marked in some blocks.
pub(super) struct Marks {
    /// By block and place in it: the buckets of which a window may start there.
    pub(super) lanes: [u64; CHUNK],
    /// By block: its places with any bucket.
    places: [u8; CHUNK],
    count: usize,
    marked: [u16; CHUNK * LANES + AT_ONCE],
}

impl Marks {
    pub(super) fn new() -> Self {
        Self { lanes: [0; CHUNK], places: [0; CHUNK], count: 0, marked: [0; CHUNK * LANES + AT_ONCE] }
    }

    /// Calls `judge` with each place where something is marked, counted from the first, and with what; and
    /// returns the places for which it is true, in order.
    #[inline(always)]
    pub(super) fn keep(&mut self, judge: impl Fn(usize, u8) -> bool) -> impl Iterator<Item = usize> {
        let all = self.gather();
        let mut kept = 0;
        for number in 0..all {
            let place = self.marked[number];
            let (block, lane) = (usize::from(place) / LANES, usize::from(place) % LANES);
            let buckets = (self.lanes[block % CHUNK] >> (8 * lane)) as u8;
            // What is not kept is overwritten by the next: there is no jump that could be guessed wrong.
            self.marked[kept] = place;
            kept += usize::from(judge(usize::from(place), buckets));
        }
        self.marked[..kept].iter().map(|place| usize::from(*place))
    }

    /// Puts the marked places in a row, and returns how many they are.
    fn gather(&mut self) -> usize {
        self.places[self.count..].fill(0);
        let mut all = 0;
        let groups = self.places[..self.count.next_multiple_of(8)].as_chunks::<8>().0;
        for (group, number) in groups.iter().zip(0..) {
            let mut places = u64::from_le_bytes(*group);
            let end = all + places.count_ones() as usize;
            while places != 0 {
                let Some(marked) = self.marked.get_mut(all..all + AT_ONCE) else { break };
                for slot in marked {
                    *slot = number * 64 + places.trailing_zeros() as u16;
                    places &= places.wrapping_sub(1);
                }
                all += AT_ONCE;
            }
            all = end;
        }
        all
    }
}
