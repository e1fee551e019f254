//! The one piece of arithmetic on large numbers that is needed: whether `n` is the product of `p` and `q`.

use crate::limits::RSA_MODULUS;

/// Whether `p * q == n`, all big-endian; nothing when `n` is larger than [`RSA_MODULUS`].
pub(super) fn is_product(n: &[u8], p: &[u8], q: &[u8]) -> Option<bool> {
    let (n, p, q) = (trimmed(n), trimmed(p), trimmed(q));
    if n.len() > RSA_MODULUS {
        return None;
    }
    // A product has as many bytes as its factors together, or one less.
    if p.is_empty() || q.is_empty() || p.len() + q.len() < n.len() || p.len() + q.len() > n.len() + 1 {
        return Some(false);
    }
    Some(trimmed(&product(p, q)) == n)
}

/// Without leading zeros.
pub(super) fn trimmed(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number {
        number = rest;
    }
    number
}

/// The number of bits up to the highest that is set.
pub(super) fn bits(number: &[u8]) -> usize {
    let number = trimmed(number);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Schoolbook multiplication over 32-bit limbs.
fn product(p: &[u8], q: &[u8]) -> Vec<u8> {
    let (p, q) = (limbs(p), limbs(q));
    let mut sums = vec![0u32; p.len() + q.len()];
    for (at, &left) in p.iter().enumerate() {
        let mut carry = 0u64;
        for (sum, &right) in sums.iter_mut().skip(at).zip(q.iter().chain([&0])) {
            // (2^32-1)^2 + 2*(2^32-1) is 2^64-1: no overflow.
            carry += u64::from(*sum) + u64::from(left) * u64::from(right);
            *sum = (carry & 0xFFFF_FFFF) as u32;
            carry >>= 32;
        }
    }
    sums.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}

/// 32-bit limbs, the lowest first.
fn limbs(number: &[u8]) -> Vec<u32> {
    number.rchunks(4).map(|four| four.iter().fold(0, |limb, &byte| limb << 8 | u32::from(byte))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_wide_arithmetic() {
        let mut seed = crate::detect::template::Seed(5);
        for _ in 0..500 {
            let (p, q) =
                (seed.next_u64() >> (seed.next_u64() % 50), seed.next_u64() >> (seed.next_u64() % 50));
            let n = u128::from(p) * u128::from(q);
            let right = is_product(&n.to_be_bytes(), &p.to_be_bytes(), &q.to_be_bytes());
            assert_eq!(right, Some(n != 0));
            let wrong = is_product(&(n ^ 2).to_be_bytes(), &p.to_be_bytes(), &q.to_be_bytes());
            assert_eq!(wrong, Some(false));
        }
    }

    #[test]
    fn the_largest_limbs_do_not_overflow() {
        // (2^512 - 1)^2 = 2^1024 - 2^513 + 1.
        let ones = [0xFF; 64];
        let mut n = [0u8; 128];
        n[..63].fill(0xFF);
        n[63] = 0xFE;
        n[127] = 1;
        assert_eq!(is_product(&n, &ones, &ones), Some(true));
    }

    #[test]
    fn a_number_over_the_limit_is_left_alone() {
        assert_eq!(is_product(&vec![1; RSA_MODULUS + 1], &[1], &[1]), None);
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        assert_eq!((bits(&[]), bits(&[0, 0]), bits(&[0, 1]), bits(&[0x80, 0])), (0, 0, 1, 16));
    }
}
