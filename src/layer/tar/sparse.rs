//! Sparse files: which stored bytes lie where in the content. Old GNU headers hold the map in binary
//! fields, pax versions 0.0 and 0.1 in records, version 1.0 as text in front of the data.

use super::header::{BLOCK_SIZE, BadNumber, number};
use super::pax::decimal;
use crate::limits;

/// Why a map is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadMap {
    /// Not numbers, or fragments that overlap, go backwards or pass the file's end.
    Invalid,
    /// More than [`limits::SPARSE_FRAGMENTS`].
    TooLong,
}

impl From<BadNumber> for BadMap {
    fn from(_: BadNumber) -> Self {
        Self::Invalid
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    offset: u64,
    length: u64,
}

/// The fragments of one file in their order, consumed as the stored bytes pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fragments {
    list: Vec<Fragment>,
    next: usize,
    /// Bytes of `list[next]` that have passed.
    passed: u64,
}

impl Fragments {
    /// Where the next stored byte lies in the content, and how many follow it there without a hole.
    pub(super) fn current(&self) -> Option<(u64, u64)> {
        let fragment = self.list.get(self.next)?;
        Some((fragment.offset + self.passed, fragment.length - self.passed))
    }

    /// Takes note that `count` bytes of the current fragment, and no more than it has, have passed.
    pub(super) fn advance(&mut self, count: u64) {
        self.passed += count;
        while self.list.get(self.next).is_some_and(|fragment| fragment.length <= self.passed) {
            self.next += 1;
            self.passed = 0;
        }
    }

    /// Stored bytes that the fragments ask for.
    pub(super) fn stored(&self) -> u64 {
        // They do not overlap and end within 63 bits, so the sum cannot overflow.
        self.list.iter().map(|fragment| fragment.length).sum()
    }
}

/// Collects fragments, each checked against the one before and against the file's size.
#[derive(Debug)]
pub(super) struct MapBuilder {
    list: Vec<Fragment>,
    end: u64,
    size: u64,
}

impl MapBuilder {
    /// For a file of `size` bytes with its holes.
    pub(super) fn new(size: u64) -> Self {
        Self { list: Vec::new(), end: 0, size }
    }

    fn push(&mut self, offset: u64, length: u64) -> Result<(), BadMap> {
        let end = offset.checked_add(length).ok_or(BadMap::Invalid)?;
        if offset < self.end || end > self.size {
            return Err(BadMap::Invalid);
        }
        if self.list.len() >= limits::SPARSE_FRAGMENTS {
            return Err(BadMap::TooLong);
        }
        self.end = end;
        self.list.push(Fragment { offset, length });
        Ok(())
    }

    /// Adds binary fields of 24 bytes: those of an old GNU header or of one of the blocks behind it.
    /// The first field that begins with NUL ends them.
    pub(super) fn push_fields(&mut self, fields: &[u8]) -> Result<(), BadMap> {
        for field in fields.chunks_exact(24).take_while(|field| field[0] != 0) {
            let (offset, length) = (number(&field[..12])?, number(&field[12..])?);
            let unsigned = |value: i64| u64::try_from(value).map_err(|_| BadMap::Invalid);
            self.push(unsigned(offset)?, unsigned(length)?)?;
        }
        Ok(())
    }

    /// The map is complete.
    pub(super) fn finish(self) -> Fragments {
        let mut fragments = Fragments { list: self.list, next: 0, passed: 0 };
        fragments.advance(0);
        fragments
    }
}

/// The fragments in a block that continues an old GNU header, and whether another such block follows.
pub(super) fn extension_fields(block: &[u8; BLOCK_SIZE]) -> (&[u8], bool) {
    (&block[..504], block[504] != 0)
}

/// The map of pax versions 0.0 and 0.1: offsets and lengths in turn with commas between, `count` pairs.
pub(super) fn comma_map(map: &[u8], count: &[u8], size: u64) -> Result<Fragments, BadMap> {
    let mut builder = MapBuilder::new(size);
    let mut pairs = 0_u64;
    if !map.is_empty() {
        let mut numbers = map.split(|byte| *byte == b',');
        while let Some(offset) = numbers.next() {
            let length = numbers.next().ok_or(BadMap::Invalid)?;
            builder.push(decimal(offset).ok_or(BadMap::Invalid)?, decimal(length).ok_or(BadMap::Invalid)?)?;
            pairs += 1;
        }
    }
    if decimal(count) != Some(pairs) {
        return Err(BadMap::Invalid);
    }
    Ok(builder.finish())
}

/// The map of pax version 1.0: decimal numbers that end in newlines, first how many fragments there are,
/// then their offsets and lengths. It fills up its last block, and the data follows.
#[derive(Debug)]
pub(super) struct TextMap {
    builder: MapBuilder,
    fragments: Option<u64>,
    offset: Option<u64>,
    number: Option<u64>,
    in_block: usize,
    state: Result<(), BadMap>,
}

impl TextMap {
    /// For a file of `size` bytes with its holes.
    pub(super) fn new(size: u64) -> Self {
        let builder = MapBuilder::new(size);
        Self { builder, fragments: None, offset: None, number: None, in_block: 0, state: Ok(()) }
    }

    /// Bytes up to the end of the block; at least one.
    pub(super) fn wanted(&self) -> u64 {
        (BLOCK_SIZE - self.in_block) as u64
    }

    /// Takes the next bytes, [`TextMap::wanted`] at most. `true`: the map is complete, with its block.
    /// What is wrong with a block is said at its end, wherever slices are cut.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, BadMap> {
        for byte in bytes {
            if self.is_complete() || self.state.is_err() {
                break;
            }
            self.state = self.byte(*byte);
        }
        self.in_block = (self.in_block + bytes.len()) % BLOCK_SIZE;
        if self.in_block > 0 {
            return Ok(false);
        }
        self.state.map(|()| self.is_complete())
    }

    /// Why the map is of no use, when its body ends here.
    pub(super) fn end(&self) -> BadMap {
        self.state.err().unwrap_or(BadMap::Invalid)
    }

    fn is_complete(&self) -> bool {
        self.fragments == Some(self.builder.list.len() as u64)
    }

    fn byte(&mut self, byte: u8) -> Result<(), BadMap> {
        match byte {
            b'0'..=b'9' => {
                let shifted = self.number.unwrap_or(0).checked_mul(10).ok_or(BadMap::Invalid)?;
                let number = shifted.checked_add(u64::from(byte - b'0')).ok_or(BadMap::Invalid)?;
                self.number = Some(number);
                Ok(())
            }
            b'\n' => {
                let number = self.number.take().ok_or(BadMap::Invalid)?;
                self.line(number)
            }
            _ => Err(BadMap::Invalid),
        }
    }

    fn line(&mut self, number: u64) -> Result<(), BadMap> {
        if self.fragments.is_none() {
            if number > limits::SPARSE_FRAGMENTS as u64 {
                return Err(BadMap::TooLong);
            }
            self.fragments = Some(number);
            return Ok(());
        }
        match self.offset.take() {
            None => self.offset = Some(number),
            Some(offset) => self.builder.push(offset, number)?,
        }
        Ok(())
    }

    /// The complete map.
    pub(super) fn finish(self) -> Fragments {
        self.builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mut fragments: Fragments) -> Vec<(u64, u64)> {
        let mut list = Vec::new();
        while let Some((offset, length)) = fragments.current() {
            list.push((offset, length));
            fragments.advance(length);
        }
        list
    }

    #[test]
    fn a_comma_map_skips_empty_fragments() {
        let fragments = comma_map(b"0,2,5,0,7,3,10,0", b"4", 10).expect("valid");
        assert_eq!(fragments.stored(), 5);
        assert_eq!(walk(fragments), [(0, 2), (7, 3)]);
        assert_eq!(walk(comma_map(b"", b"0", 10).expect("valid")), []);
    }

    #[test]
    fn fragments_may_not_overlap_pass_the_end_or_overflow() {
        for (map, count) in [
            (&b"0,2,1,2"[..], &b"2"[..]),
            (b"4,2,0,2", b"2"),
            (b"0,11", b"1"),
            (b"0,2", b"2"),
            (b"0,2", b""),
            (b"0", b"1"),
            (b"0,-1", b"1"),
            (b"0,2,", b"1"),
            (b"9223372036854775807,9223372036854775807", b"1"),
        ] {
            assert_eq!(comma_map(map, count, 10), Err(BadMap::Invalid), "{map:?} {count:?}");
        }
    }

    #[test]
    fn a_text_map_ends_with_its_block_whatever_the_slices() {
        let mut block = b"2\n0\n3\n8\n2\nslack".to_vec();
        block.resize(BLOCK_SIZE, 0);
        for slice in [1, 3, 511, 512] {
            let mut map = TextMap::new(10);
            let done: Vec<bool> = block.chunks(slice).map(|bytes| map.feed(bytes).expect("valid")).collect();
            let (last, before) = done.split_last().expect("valid");
            assert!(*last && before.iter().all(|done| !done));
            assert_eq!(walk(map.finish()), [(0, 3), (8, 2)]);
        }
    }

    #[test]
    fn a_text_map_must_be_numbers_within_the_limit() {
        let result = |text: &str| {
            let mut block = text.as_bytes().to_vec();
            block.resize(BLOCK_SIZE, 0);
            TextMap::new(10).feed(&block)
        };
        for bad in ["a\n", "\n", "1\n-1\n", "1\n0\n11\n", "99999999999999999999\n"] {
            assert_eq!(result(bad), Err(BadMap::Invalid), "{bad:?}");
        }
        assert_eq!(result(&format!("{}\n", limits::SPARSE_FRAGMENTS + 1)), Err(BadMap::TooLong));
    }

    #[test]
    fn binary_fields_end_at_nul_and_may_not_be_negative() {
        let mut fields = b"00000000000\x0000000000002\x0000000000010\x0000000000001\0".to_vec();
        fields.resize(96, 0);
        let mut builder = MapBuilder::new(20);
        builder.push_fields(&fields).expect("valid");
        assert_eq!(walk(builder.finish()), [(0, 2), (8, 1)]);
        fields[12..24].fill(0xff);
        assert_eq!(MapBuilder::new(20).push_fields(&fields), Err(BadMap::Invalid));
    }
}
