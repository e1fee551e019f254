//! The filter with the vectors of AVX2: eight places in one look-up.
//!
//! What makes it sound:
//! - It runs where the processor has AVX2: [`Avx2`] is the proof, made by asking the processor alone.
//! - Bytes are read out of arrays of 32, which safe code takes from the slice.
//! - A look-up reads four bytes at an index of two-byte cells. An index is the upper half of 32 bits, so
//!   it is below [`SLOTS`], and the table has a cell more than that for the last one's upper two bytes.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::filter::{BLOCK, CHOOSING, MULTIPLIER, SLOTS};
use super::kinds::{self, Rows};

/// That the processor has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        std::is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Marks the first blocks of `bytes` in `lanes`, and in `places` which of its lanes are any, and returns how
    /// many it did: all but the last few.
    pub(super) fn mark(
        self,
        table: &[u16; SLOTS + 1],
        bytes: &[u8],
        lanes: &mut [u64],
        places: &mut [u8],
    ) -> usize {
        // SAFETY: `self` exists, so the processor has AVX2.
        unsafe { mark(table, bytes, lanes, places) }
    }

    /// Tells the kinds of the bytes of every block, as [`kinds::tell`] does. It is true when it is done.
    pub(super) fn tell<const KINDS: usize>(
        self,
        bytes: &[[u8; kinds::BLOCK]],
        rows: &Rows<KINDS>,
        blocks: &mut [[u64; KINDS]],
    ) -> bool {
        // SAFETY: `self` exists, so the processor has AVX2.
        unsafe { tell(bytes, rows, blocks) };
        true
    }
}

/// Bytes that one round marks: two blocks.
const ROUND: usize = 2 * BLOCK;

#[target_feature(enable = "avx2")]
fn mark(table: &[u16; SLOTS + 1], bytes: &[u8], lanes: &mut [u64], places: &mut [u8]) -> usize {
    let Some(first) = bytes.first_chunk() else { return 0 };
    let low = _mm256_set1_epi32(0xFF);
    let mut even = look_up(table, load(first));
    let mut done = 0;
    let rounds = lanes.as_chunks_mut::<2>().0.iter_mut().zip(places.as_chunks_mut::<2>().0);
    for (round, ([left, right], places)) in rounds.enumerate() {
        // This round's bytes and the next one's: the places of the next are looked up here.
        let Some(both) = bytes.get(round * ROUND..).and_then(<[u8]>::first_chunk::<{ 2 * ROUND }>) else {
            break;
        };
        let (Some(shifted), Some(next)) = (both[2..].first_chunk(), both[ROUND..].first_chunk()) else {
            break;
        };
        // Every fourth byte is the start of four bytes: of places 0, 2, 4 … and of places 1, 3, 5 …
        let odd = look_up(table, load(shifted));
        let next = look_up(table, load(next));
        // The places 2, 4, 6 … of this round and the first of the next.
        let after = _mm256_alignr_epi8::<4>(_mm256_permute2x128_si256::<0x21>(even, next), even);
        let of_even = _mm256_and_si256(_mm256_and_si256(even, _mm256_srli_epi32::<8>(odd)), low);
        let of_odd = _mm256_and_si256(_mm256_and_si256(odd, _mm256_srli_epi32::<8>(after)), low);
        // Two places in each 32 bits, then without the empty bytes between them.
        let pairs = _mm256_or_si256(of_even, _mm256_slli_epi32::<8>(of_odd));
        let packed = _mm256_packus_epi32(pairs, pairs);
        *left = _mm256_extract_epi64::<0>(packed) as u64;
        *right = _mm256_extract_epi64::<2>(packed) as u64;
        // Of each half the front is one block, and the back is the same again.
        let empty = _mm256_movemask_epi8(_mm256_cmpeq_epi8(packed, _mm256_setzero_si256()));
        *places = [!empty as u8, (!empty >> 16) as u8];
        even = next;
        done = 2 * round + 2;
    }
    done
}

#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; ROUND]) -> __m256i {
    // SAFETY: it reads the 32 bytes of the array, which need no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// The cells of eight times four bytes, each in the lower half of 32 bits.
#[target_feature(enable = "avx2")]
fn look_up(table: &[u16; SLOTS + 1], bytes: __m256i) -> __m256i {
    let chosen = _mm256_and_si256(bytes, _mm256_set1_epi32(CHOOSING as i32));
    let product = _mm256_mullo_epi32(chosen, _mm256_set1_epi32(MULTIPLIER as i32));
    let slots = _mm256_srli_epi32::<16>(product);
    // SAFETY: a slot is below 2^16, which is SLOTS, and the four bytes at the last cell end with the table.
    unsafe { _mm256_i32gather_epi32::<2>(table.as_ptr().cast(), slots) }
}

/// Tells the kinds of bytes: the lower half of each chooses of every kind the upper halves that belong to it.
#[target_feature(enable = "avx2")]
fn tell<const KINDS: usize>(bytes: &[[u8; kinds::BLOCK]], rows: &Rows<KINDS>, blocks: &mut [[u64; KINDS]]) {
    let mut tables = [_mm256_setzero_si256(); KINDS];
    for (table, rows) in tables.iter_mut().zip(rows) {
        *table = load(&twice(rows));
    }
    let upper = load(&twice(&UPPER_HALVES));
    let half = _mm256_set1_epi8(0x0F);
    for (block, words) in bytes.iter().zip(blocks) {
        let (halves, _) = block.as_chunks::<ROUND>();
        let [front, back] = halves else { return };
        let (front, back) = (load(front), load(back));
        let row = |bytes| _mm256_shuffle_epi8(upper, _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half));
        let (front_row, back_row) = (row(front), row(back));
        for (word, table) in words.iter_mut().zip(&tables) {
            // A byte outside of ASCII chooses nothing.
            let are = |bytes, row| {
                let chosen = _mm256_and_si256(_mm256_shuffle_epi8(*table, bytes), row);
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(chosen, row)) as u32
            };
            *word = u64::from(are(front, front_row)) | u64::from(are(back, back_row)) << 32;
        }
    }
}

/// By the upper half of a byte: its bit in [`Rows`]. Outside of ASCII it is one that nothing equals.
const UPPER_HALVES: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 255, 255, 255, 255, 255, 255, 255, 255];

/// Sixteen bytes, twice.
fn twice(table: &[u8; 16]) -> [u8; ROUND] {
    std::array::from_fn(|at| table[at % table.len()])
}
