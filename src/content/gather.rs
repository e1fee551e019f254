//! Structures of a known length that come in slices of any length: held until they are whole.

/// The beginning of a structure.
#[derive(Default)]
pub(super) struct Gather {
    held: Vec<u8>,
}

impl Gather {
    /// Takes bytes off the front of `input` until there are `length` of them. None while some are missing;
    /// whoever asks sees to it that `length` is bounded.
    pub(super) fn take(&mut self, input: &mut &[u8], length: usize) -> Option<Vec<u8>> {
        let missing = length.saturating_sub(self.held.len());
        self.held.extend_from_slice(split(input, missing as u64));
        (self.held.len() >= length).then(|| std::mem::take(&mut self.held))
    }

    /// Whether nothing of a structure came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What there is of a structure that never became whole.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// Splits at most `most` bytes off the front of `input`.
pub(super) fn split<'a>(input: &mut &'a [u8], most: u64) -> &'a [u8] {
    let length = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    let (front, rest) = input.split_at(length);
    *input = rest;
    front
}

/// A number of four bytes, the highest first, at `at`.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// A number of two bytes, the highest first, at `at`.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_whole_with_its_last_byte_and_takes_no_more() {
        let mut gather = Gather::default();
        let mut input = b"abc".as_slice();
        assert_eq!(gather.take(&mut input, 5), None);
        assert!(input.is_empty() && !gather.is_empty());
        let mut input = b"defg".as_slice();
        assert_eq!(gather.take(&mut input, 5).as_deref(), Some(b"abcde".as_slice()));
        assert_eq!((input, gather.is_empty()), (b"fg".as_slice(), true));
        assert_eq!(gather.take(&mut input, 0).as_deref(), Some(b"".as_slice()));
    }
}
