//! Of which kinds the bytes of a text are, many bytes at a time. The search for literals has no use for it; it
//! stands beside the one module that may use a processor's vectors.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;

/// Bytes of which a word of bits tells.
pub(crate) const BLOCK: usize = 64;

/// Kinds of ASCII characters. By the lower half of a character: the upper halves with which it is of the kind, a
/// bit for each.
pub(crate) type Rows<const KINDS: usize> = [[u8; 16]; KINDS];

/// The rows of kinds, given the kinds of every byte as a bit for each.
pub(crate) const fn rows<const KINDS: usize>(kinds: &[u8; 256]) -> Rows<KINDS> {
    let mut rows = [[0; 16]; KINDS];
    let mut byte = 0;
    while byte < 128 {
        let mut kind = 0;
        while kind < KINDS {
            rows[kind][byte % 16] |= (kinds[byte] >> kind & 1) << (byte / 16);
            kind += 1;
        }
        byte += 1;
    }
    rows
}

/// Tells for each block of `text` which of its bytes are of which kinds: a word of bits by kind. `of` gives the
/// kinds of a byte, a bit for each, and `rows` are the same kinds; NUL must be of none.
pub(crate) fn tell<const KINDS: usize>(
    text: &[u8],
    of: impl Fn(u8) -> u8 + Copy,
    rows: &Rows<KINDS>,
    blocks: &mut Vec<[u64; KINDS]>,
) {
    // Every one of them is told anew, so those that are there need not be cleared.
    blocks.resize(text.len().div_ceil(BLOCK), [0; KINDS]);
    let (whole, rest) = text.as_chunks::<BLOCK>();
    #[cfg(target_arch = "x86_64")]
    let done = Avx2::detect().is_some_and(|avx2| avx2.tell(whole, rows, blocks));
    // Only vectors need the rows.
    #[cfg(not(target_arch = "x86_64"))]
    let (done, _) = (false, rows);
    if !done {
        whole.iter().zip(&mut *blocks).for_each(|(bytes, words)| *words = words_of(bytes, of));
    }
    if let (Some(last), false) = (blocks.last_mut(), rest.is_empty()) {
        let mut block = [0; BLOCK];
        block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        *last = words_of(&block, of);
    }
}

/// The same of one block. NUL is of no kind, so it may stand for what is not there.
pub(crate) fn tell_block<const KINDS: usize>(
    block: &[u8; BLOCK],
    of: impl Fn(u8) -> u8 + Copy,
    rows: &Rows<KINDS>,
) -> [u64; KINDS] {
    let mut words = [[0; KINDS]];
    #[cfg(target_arch = "x86_64")]
    let done = Avx2::detect().is_some_and(|avx2| avx2.tell(std::slice::from_ref(block), rows, &mut words));
    #[cfg(not(target_arch = "x86_64"))]
    let (done, _) = (false, rows);
    let [words] = words;
    if done { words } else { words_of(block, of) }
}

/// The words of one block, without instructions that not every processor has.
fn words_of<const KINDS: usize>(block: &[u8; BLOCK], of: impl Fn(u8) -> u8 + Copy) -> [u64; KINDS] {
    let mut held = [0; BLOCK];
    held.iter_mut().zip(block).for_each(|(kinds, byte)| *kinds = of(*byte));
    let (eights, _) = held.as_chunks::<8>();
    let mut words = [0; KINDS];
    for (kind, word) in words.iter_mut().enumerate() {
        for (eight, place) in eights.iter().zip((0..).step_by(8)) {
            let bits = (u64::from_le_bytes(*eight) >> kind) & 0x0101_0101_0101_0101;
            // The product brings the bits of the bytes side by side into the upper one.
            *word |= (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) << place;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_of(byte: u8) -> u8 {
        if byte < 0x80 { byte.wrapping_mul(29) ^ byte >> 3 } else { 0 }
    }

    fn rows_of<const KINDS: usize>() -> Rows<KINDS> {
        rows(&std::array::from_fn(|byte| kinds_of(byte as u8)))
    }

    #[test]
    fn every_byte_has_its_bits() {
        let text: Vec<u8> = (0..400_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut blocks = Vec::new();
        for from in 0..=text.len() {
            let rest = &text[from..];
            tell::<8>(rest, kinds_of, &rows_of(), &mut blocks);
            assert_eq!(blocks.len(), rest.len().div_ceil(BLOCK));
            for (at, byte) in rest.iter().enumerate() {
                let bit = |kind: usize| blocks[at / BLOCK][kind] >> (at % BLOCK) & 1;
                let kinds: u64 = (0..8).map(|kind| bit(kind) << kind).sum();
                assert_eq!(kinds as u8, kinds_of(*byte), "{at} from {from}");
            }
            let behind = blocks.last().map_or(0, |last| last.iter().fold(0, |all, word| all | word));
            assert!(rest.len().is_multiple_of(BLOCK) || behind >> (rest.len() % BLOCK) == 0, "from {from}");
        }
    }

    #[test]
    fn vectors_make_no_difference() {
        let text: Vec<u8> = (0..BLOCK as u32 * 30).map(|n| (n.wrapping_mul(40_503) >> 8) as u8).collect();
        let mut blocks = Vec::new();
        tell::<7>(&text, kinds_of, &rows_of(), &mut blocks);
        let (each, _) = text.as_chunks();
        let plain: Vec<_> = each.iter().map(|block| words_of::<7>(block, kinds_of)).collect();
        assert_eq!(blocks, plain);
        let one_by_one: Vec<_> =
            each.iter().map(|block| tell_block::<7>(block, kinds_of, &rows_of())).collect();
        assert_eq!(one_by_one, plain);
    }
}
