//! Which bytes of a text are of which kinds, a bit for each: told once for all that looks for encoded pieces,
//! and many bytes at a time.

use crate::detect::literal::kinds::{self, Rows};

/// Bytes of which a word of bits tells.
pub(super) const BLOCK: usize = kinds::BLOCK;

/// A kind of bytes, by the number of its bit in [`kinds_of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Characters of base64 and base64url.
    Base64,
    /// Characters of keys.
    Token,
    /// Hex digits.
    Hex,
    /// The quotes that end strings.
    Quote,
    /// What may follow a string that goes on in another one.
    Joint,
    /// The percent sign.
    Percent,
    /// The other marks with which an encoded character begins: backslash and ampersand.
    Mark,
}

/// How many kinds there are.
const KINDS: usize = 7;

/// The kinds of a byte, a bit for each.
#[inline(always)]
const fn kinds_of(byte: u8) -> u8 {
    let folded = byte | 0x20;
    let digit = byte.wrapping_sub(b'0') < 10;
    let letter = folded.wrapping_sub(b'a') < 26;
    let base64 = letter | digit | (byte == b'/') | (byte == b'+') | (byte == b'-') | (byte == b'_');
    let token = base64 | (byte == b'=') | (byte == b'.') | (byte == b'~') | (byte == b':');
    let hex = digit | (folded.wrapping_sub(b'a') < 6);
    let quote = (byte == b'"') | (byte == b'\'');
    let (backslash, ampersand) = (byte == b'\\', byte == b'&');
    let blank = (byte == b' ') | (byte == b'\t') | (byte == b'\n') | (byte == b'\r');
    let operator = (byte == b'|') | (byte == b'+') | (byte == b'<') | (byte == b'.') | (byte == b'~');
    let joint = blank | operator | backslash | ampersand | quote;
    bit(base64, Kind::Base64)
        | bit(token, Kind::Token)
        | bit(hex, Kind::Hex)
        | bit(quote, Kind::Quote)
        | bit(joint, Kind::Joint)
        | bit(byte == b'%', Kind::Percent)
        | bit(backslash | ampersand, Kind::Mark)
}

#[inline(always)]
const fn bit(is: bool, kind: Kind) -> u8 {
    (is as u8) << kind as u8
}

const KINDS_OF: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = kinds_of(byte as u8);
        byte += 1;
    }
    kinds
};

static BYTES: [u8; 256] = KINDS_OF;
static ROWS: Rows<KINDS> = kinds::rows(&KINDS_OF);

/// Whether a byte is of a kind.
pub(super) fn is(byte: u8, kind: Kind) -> bool {
    BYTES.get(usize::from(byte)).is_some_and(|kinds| kinds >> kind as u8 & 1 != 0)
}

/// The bytes of a block that are of each kind, a bit for each byte.
pub(super) type Words = [u64; KINDS];

/// The kinds of the bytes of a text.
#[derive(Debug, Default)]
pub(super) struct Masks(Vec<Words>);

impl Masks {
    /// Those of `text`.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut masks = Self::default();
        masks.read(text);
        masks
    }

    /// Those of `text` from now on.
    pub(super) fn read(&mut self, text: &[u8]) {
        kinds::tell(text, kinds_of, &ROWS, &mut self.0);
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.0.len()
    }

    /// The kinds of the blocks from one on.
    pub(super) fn from(&self, block: usize) -> &[Words] {
        self.0.get(block..).unwrap_or_default()
    }

    /// The bytes of a block that are of a kind, a bit for each. No byte in front of the text or behind it is.
    pub(super) fn at(&self, block: usize, kind: Kind) -> u64 {
        self.0.get(block).and_then(|words| words.get(kind as usize)).copied().unwrap_or(0)
    }

    /// The bytes behind which, at once, one of a kind stands.
    pub(super) fn before(&self, block: usize, kind: Kind) -> u64 {
        self.at(block, kind) >> 1 | self.at(block + 1, kind) << (BLOCK - 1)
    }

    /// The bytes in front of which, at once, one of a kind stands.
    pub(super) fn behind(&self, block: usize, kind: Kind) -> u64 {
        let last = block.checked_sub(1).map_or(0, |before| self.at(before, kind));
        self.at(block, kind) << 1 | last >> (BLOCK - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_other_blocks_count() {
        let text: Vec<u8> = (0..400_u32)
            .map(|n| b"a%\"=&\0 \xffF9"[(n.wrapping_mul(2_654_435_761) >> 24) as usize % 10])
            .collect();
        let masks = Masks::of(&text);
        assert_eq!(masks.blocks(), 7);
        for kind in
            [Kind::Base64, Kind::Token, Kind::Hex, Kind::Quote, Kind::Joint, Kind::Percent, Kind::Mark]
        {
            let bit = |words: &dyn Fn(usize) -> u64, at: usize| words(at / BLOCK) >> (at % BLOCK) & 1 == 1;
            for at in 0..text.len() {
                let is = |at: Option<&u8>| at.is_some_and(|byte| is(*byte, kind));
                assert_eq!(bit(&|block| masks.at(block, kind), at), is(text.get(at)));
                assert_eq!(bit(&|block| masks.before(block, kind), at), is(text.get(at + 1)));
                let before = at.checked_sub(1).and_then(|at| text.get(at));
                assert_eq!(bit(&|block| masks.behind(block, kind), at), is(before));
            }
        }
    }

    #[test]
    fn bytes_are_of_their_kinds() {
        let all =
            |kind: Kind| (0..=255_u8).filter(|byte| is(*byte, kind)).map(char::from).collect::<String>();
        assert_eq!(all(Kind::Base64), "+-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
        assert_eq!(
            all(Kind::Token),
            "+-./0123456789:=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
        );
        assert_eq!(all(Kind::Hex), "0123456789ABCDEFabcdef");
        assert_eq!(all(Kind::Quote), "\"'");
        assert_eq!(all(Kind::Joint), "\t\n\r \"&'+.<\\|~");
        assert_eq!(all(Kind::Percent), "%");
        assert_eq!(all(Kind::Mark), "&\\");
    }
}
