//! Which of 64 bytes are of a kind, a bit for each: written so that the compiler can take many bytes at a
//! time.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// The bytes of a kind among the first ones of `text`. NUL must be none.
pub(super) fn mask(text: &[u8], is: impl Fn(u8) -> bool) -> u64 {
    if let Some(block) = text.first_chunk() {
        return mask_of(block, is);
    }
    let mut block = [0; BLOCK];
    block.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    mask_of(&block, is)
}

fn mask_of(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    // Of 16 bytes each, one above the other: byte `n` holds those at `n`, `n + 16`, `n + 32` and `n + 48`.
    let (rows, _) = block.as_chunks::<16>();
    let [first, second, third, fourth] = rows else { return 0 };
    let held: [u8; 16] = std::array::from_fn(|n| {
        let bit = |row: &[u8; 16], bit: u8| if is(row[n]) { bit } else { 0 };
        bit(first, 1) | bit(second, 4) | bit(third, 16) | bit(fourth, 64)
    });
    let both = u128::from_le_bytes(held);
    transposed(both as u64 | ((both >> 64) as u64) << 1)
}

/// Bit `n` of byte `m` becomes bit `m` of byte `n`.
const fn transposed(mut bits: u64) -> u64 {
    let mut swapped = (bits ^ (bits >> 7)) & 0x00aa_00aa_00aa_00aa;
    bits ^= swapped ^ (swapped << 7);
    swapped = (bits ^ (bits >> 14)) & 0x0000_cccc_0000_cccc;
    bits ^= swapped ^ (swapped << 14);
    swapped = (bits ^ (bits >> 28)) & 0x0000_0000_f0f0_f0f0;
    bits ^ swapped ^ (swapped << 28)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn every_byte_has_its_bit() {
        let text: Vec<u8> = (0..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let is = |byte: u8| byte % 3 == 1;
        for from in 0..=text.len() {
            let rest = &text[from..];
            let bit = |at: usize| u64::from(rest.get(at).is_some_and(|byte| is(*byte))) << at;
            assert_eq!(mask(rest, is), (0..64).map(bit).sum::<u64>(), "from {from}");
        }
    }
}
