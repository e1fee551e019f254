//! Streams written bit by bit: what no compressor writes, and what is against the rules.

use proptest::prelude::*;

use super::{Sizes, Verdict, assert_like_zlib, ours, sizes, theirs, whole};

/// Writes a stream.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    bits: u32,
}

impl Writer {
    /// The lowest `count` bits of `value`, the lowest first.
    fn bits(&mut self, value: usize, count: usize) -> &mut Self {
        for bit in 0..count {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("one was pushed");
            *last |= ((value >> bit & 1) as u8) << (self.bits % 8);
            self.bits += 1;
        }
        self
    }

    fn stored(&mut self, last: bool, content: &[u8]) {
        self.bits(usize::from(last), 3);
        self.bits(0, self.bits.wrapping_neg() as usize % 8);
        self.bits(content.len(), 16).bits(!content.len(), 16);
        self.bytes.extend_from_slice(content);
        self.bits += 8 * content.len() as u32;
    }

    /// A dynamic block's header, each length written for itself.
    fn header(&mut self, last: bool, symbols: &[usize], distances: &[usize]) {
        self.bits(usize::from(last), 1).bits(2, 2);
        self.bits(symbols.len() - 257, 5).bits(distances.len() - 1, 5).bits(15, 4);
        // The code of the lengths: four bits each for 0 to 15, in the order that the format has.
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        for symbol in order {
            self.bits(if symbol < 16 { 4 } else { 0 }, 3);
        }
        let lengths: Vec<usize> = [symbols, distances].concat();
        let code = Code::new(&[4; 16]);
        lengths.iter().for_each(|length| self.code(&code, *length));
    }

    fn code(&mut self, code: &Code, symbol: usize) {
        let (bits, length) = code.0[symbol];
        assert!(length > 0, "symbol {symbol} has no code");
        self.bits(bits, length);
    }

    fn token(&mut self, symbols: &Code, distances: &Code, token: Token) {
        match token {
            Token::Literal(byte) => self.code(symbols, usize::from(byte)),
            Token::Match { length, distance } => {
                let (symbol, base, extra) = length_symbol(length);
                self.code(symbols, symbol);
                self.bits(length - base, extra);
                let (symbol, base, extra) = distance_symbol(distance);
                self.code(distances, symbol);
                self.bits(distance - base, extra);
            }
        }
    }
}

/// The codes of symbols, first bit lowest, and their lengths.
struct Code(Vec<(usize, usize)>);

impl Code {
    /// Works the codes out as the format describes it.
    fn new(lengths: &[usize]) -> Self {
        let code = |symbol: usize| {
            let length = lengths[symbol];
            let before = |other: &usize| lengths[*other] > 0 && (lengths[*other], *other) < (length, symbol);
            let code: usize = (0..lengths.len()).filter(before).map(|other| 1 << (15 - lengths[other])).sum();
            ((15 - length..15).rev().enumerate().map(|(at, bit)| (code >> bit & 1) << at).sum(), length)
        };
        Self((0..lengths.len()).map(code).collect())
    }
}

#[derive(Clone, Copy, Debug)]
enum Token {
    Literal(u8),
    Match { length: usize, distance: usize },
}

/// The symbol of a length, its first length, and its extra bits, as the format's table has them.
fn length_symbol(length: usize) -> (usize, usize, usize) {
    const BASES: [usize; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
        195, 227, 258,
    ];
    const EXTRA: [usize; 29] =
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    let symbol = BASES.iter().rposition(|base| *base <= length).expect("from 3 on");
    (257 + symbol, BASES[symbol], EXTRA[symbol])
}

/// The symbol of a distance, its first distance, and its extra bits.
fn distance_symbol(distance: usize) -> (usize, usize, usize) {
    const BASES: [usize; 30] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
        3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ];
    let symbol = BASES.iter().rposition(|base| *base <= distance).expect("from 1 on");
    (symbol, BASES[symbol], symbol.saturating_sub(2) / 2)
}

/// Appends what `token` stands for.
fn apply(content: &mut Vec<u8>, token: Token) {
    match token {
        Token::Literal(byte) => content.push(byte),
        Token::Match { length, distance } => {
            for _ in 0..length {
                content.push(content[content.len() - distance]);
            }
        }
    }
}

fn fixed_symbols() -> Code {
    Code::new(&[[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat())
}

fn fixed_distances() -> Code {
    Code::new(&[5; 32])
}

/// Lengths of a complete code for `count` symbols, at most 15 bits: leaves are split where `splits` tell.
fn complete(count: usize, splits: &[usize], order: &[usize]) -> Vec<usize> {
    let mut leaves = vec![1, 1];
    for split in splits.iter().cycle() {
        if leaves.len() == count {
            break;
        }
        let deep = if split.is_multiple_of(3) { leaves.len() - 1 } else { split % leaves.len() };
        let open = (0..leaves.len()).map(|step| (deep + step) % leaves.len());
        let leaf = open.into_iter().find(|leaf| leaves[*leaf] < 15).expect("few symbols");
        leaves[leaf] += 1;
        leaves.push(leaves[leaf]);
    }
    let mut lengths = vec![0; count];
    for (place, length) in leaves.into_iter().enumerate() {
        lengths[order[place % order.len()] % count] += length;
    }
    lengths
}

fn tokens() -> impl Strategy<Value = Vec<(u8, usize, usize)>> {
    let token = (any::<u8>(), 0..400usize, prop_oneof![1..40usize, 1..=32_768usize]);
    proptest::collection::vec(token, 0..3_000)
}

/// Tokens that may stand behind `filled` bytes.
fn fit(raw: &[(u8, usize, usize)], mut filled: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (byte, length, distance) in raw {
        let token = match (*length, *distance) {
            (length @ 3..=258, distance) if distance <= filled => Token::Match { length, distance },
            _ => Token::Literal(*byte),
        };
        filled += if let Token::Match { length, .. } = token { length } else { 1 };
        tokens.push(token);
    }
    tokens
}

#[derive(Clone, Debug)]
enum Kind {
    Stored,
    Fixed,
    Dynamic { splits: Vec<usize>, shift: usize },
}

fn kinds() -> impl Strategy<Value = Kind> {
    let dynamic = (proptest::collection::vec(any::<u16>().prop_map(usize::from), 1..40), 0..286usize)
        .prop_map(|(splits, shift)| Kind::Dynamic { splits, shift });
    prop_oneof![Just(Kind::Stored), Just(Kind::Fixed), dynamic.clone(), dynamic]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn codes_of_all_shapes_are_read(
        blocks in proptest::collection::vec((kinds(), tokens()), 1..5), inputs in sizes(), outputs in sizes(),
    ) {
        let mut writer = Writer::default();
        let mut content = Vec::new();
        for (number, (kind, raw)) in blocks.iter().enumerate() {
            let last = number + 1 == blocks.len();
            let tokens = fit(raw, content.len());
            let begin = content.len();
            tokens.iter().for_each(|token| apply(&mut content, *token));
            let (symbols, distances) = match kind {
                Kind::Stored => {
                    let bytes = &content[begin..];
                    let cut = bytes.len().min(60_000);
                    content.truncate(begin + cut);
                    writer.stored(last, &content[begin..]);
                    continue;
                }
                Kind::Fixed => {
                    writer.bits(usize::from(last), 1).bits(1, 2);
                    (fixed_symbols(), fixed_distances())
                }
                Kind::Dynamic { splits, shift } => {
                    let order: Vec<usize> = (0..286).map(|place| place * 5 + shift).collect();
                    let symbols = complete(286, splits, &order);
                    let distances = complete(30, splits, &order[..30].iter().map(|place| place / 5).collect::<Vec<_>>());
                    writer.header(last, &symbols, &distances);
                    (Code::new(&symbols), Code::new(&distances))
                }
            };
            tokens.iter().for_each(|token| writer.token(&symbols, &distances, *token));
            writer.code(&symbols, 256);
        }
        let length = writer.bytes.len();
        prop_assert_eq!(theirs(&writer.bytes).1, Verdict::Over(length));
        writer.bytes.extend(b"behind");
        let (decoded, verdict) = ours(&writer.bytes, &inputs, &outputs);
        prop_assert!(decoded == content, "{} of {} bytes", decoded.len(), content.len());
        prop_assert_eq!(verdict, Verdict::Over(length));
    }
}

#[test]
fn the_farthest_distance_reaches_over_every_border_of_the_window() {
    let (symbols, distances) = (fixed_symbols(), fixed_distances());
    let mut writer = Writer::default();
    let mut content: Vec<u8> = (0..32_768u32).map(|n| (n * (n + 1) / 128) as u8).collect();
    writer.stored(false, &content);
    writer.bits(1, 1).bits(1, 2);
    for round in 0..20_000usize {
        let token = Token::Match { length: 3 + round % 256, distance: 32_768 };
        writer.token(&symbols, &distances, token);
        apply(&mut content, token);
        if round % 50 == 0 {
            let token = Token::Literal(round as u8);
            writer.token(&symbols, &distances, token);
            apply(&mut content, token);
        }
    }
    writer.code(&symbols, 256);
    for outputs in [whole(), Sizes(vec![1_021]), Sizes(vec![65_536, 7])] {
        let (decoded, verdict) = ours(&writer.bytes, &whole(), &outputs);
        assert!(decoded == content);
        assert_eq!(verdict, Verdict::Over(writer.bytes.len()));
    }
}

#[test]
fn matches_of_every_length_and_small_distance() {
    let (symbols, distances) = (fixed_symbols(), fixed_distances());
    let mut writer = Writer::default();
    let mut content = Vec::new();
    writer.bits(1, 1).bits(1, 2);
    let literals = (0..70u8).map(Token::Literal);
    let matches = (1..70).flat_map(|distance| (3..=258).map(move |length| Token::Match { length, distance }));
    for (number, token) in literals.chain(matches).enumerate() {
        // Some other bytes in between: a match of a match alone would only repeat.
        for token in [token, Token::Literal(number as u8), Token::Literal((number >> 8) as u8)] {
            writer.token(&symbols, &distances, token);
            apply(&mut content, token);
        }
    }
    writer.code(&symbols, 256);
    assert_eq!(theirs(&writer.bytes).1, Verdict::Over(writer.bytes.len()));
    for inputs in [whole(), Sizes(vec![1]), Sizes(vec![25, 3])] {
        assert!(ours(&writer.bytes, &inputs, &whole()).0 == content);
    }
}

#[test]
fn what_is_against_the_rules_is_refused() {
    type Write = fn(&mut Writer);
    let one = |place: usize, count: usize| -> Vec<usize> {
        let mut lengths = vec![0; count];
        lengths[place] = 1;
        lengths
    };
    let cases: [(&str, Write); 8] = [
        ("the kind that is reserved", |writer| {
            writer.bits(0b111, 3);
        }),
        ("a stored length that differs from its inverse", |writer| {
            writer.bits(1, 8).bits(5, 16).bits(5, 16);
        }),
        ("a match before anything", |writer| {
            writer.bits(0b011, 3);
            writer.token(&fixed_symbols(), &fixed_distances(), Token::Match { length: 3, distance: 1 });
        }),
        ("a match from before the beginning", |writer| {
            writer.bits(0b011, 3);
            writer.token(&fixed_symbols(), &fixed_distances(), Token::Literal(b'a'));
            writer.token(&fixed_symbols(), &fixed_distances(), Token::Match { length: 3, distance: 2 });
        }),
        ("symbol 286", |writer| {
            writer.bits(0b011, 3);
            writer.code(&fixed_symbols(), 286);
        }),
        ("distance 30", |writer| {
            writer.bits(0b011, 3);
            writer.code(&fixed_symbols(), usize::from(b'a'));
            writer.code(&fixed_symbols(), 257);
            writer.code(&fixed_distances(), 30);
        }),
        ("a code of lengths with one symbol", |writer| {
            writer.bits(0b101, 3).bits(0, 14).bits(1, 3).bits(0, 9);
        }),
        ("a length repeated before the first", |writer| {
            writer.bits(0b101, 3).bits(0, 14).bits(1, 3).bits(1, 3).bits(0, 6).bits(0, 1);
        }),
    ];
    let mut streams: Vec<(&str, Writer)> = Vec::new();
    for (what, write) in cases {
        let mut writer = Writer::default();
        write(&mut writer);
        streams.push((what, writer));
    }
    let full = complete(286, &[1, 5, 7], &(0..286).collect::<Vec<_>>());
    let mut many = full.clone();
    many[0] = 1;
    let mut few = full.clone();
    few[285] = 0;
    let mut endless = full.clone();
    endless.swap(256, 0);
    endless[256] = 0;
    let shapes = [
        ("a code of too many symbols", many, vec![1, 1]),
        ("a code that is not complete", few, vec![1, 1]),
        ("no end", endless, vec![1, 1]),
        ("287 symbols", complete(287, &[1, 5, 7], &(0..287).collect::<Vec<_>>()), vec![1, 1]),
        ("31 distances", full.clone(), complete(31, &[1, 5, 7], &(0..31).collect::<Vec<_>>())),
        ("distances of too many symbols", full.clone(), vec![1, 1, 1]),
        ("distances that are not complete", full.clone(), vec![2, 2, 2]),
        ("distances with one code of two bits", full, vec![2, 0]),
    ];
    for (what, symbols, distances) in shapes {
        let mut writer = Writer::default();
        writer.header(true, &symbols, &distances);
        streams.push((what, writer));
    }
    // One code of one bit is allowed, the other bit stands for nothing; so is no code at all.
    for (what, distances) in [("the other bit", one(3, 4)), ("no distances", vec![0])] {
        let mut writer = Writer::default();
        let symbols = complete(286, &[1, 5, 7], &(0..286).collect::<Vec<_>>());
        writer.header(true, &symbols, &distances);
        let (symbols, distances) = (Code::new(&symbols), Code::new(&distances));
        (0..9).for_each(|byte| writer.token(&symbols, &distances, Token::Literal(byte)));
        writer.code(&symbols, 257);
        writer.bits(1, 1);
        streams.push((what, writer));
    }
    for (what, mut writer) in streams {
        // Enough behind it, so that nothing is only cut; not so much that the fast loop alone sees it.
        for behind in [8, 300] {
            writer.bytes.resize(writer.bytes.len() + behind, 0);
            for inputs in [whole(), Sizes(vec![1])] {
                assert_eq!(ours(&writer.bytes, &inputs, &whole()).1, Verdict::Corrupt, "{what}");
                assert_like_zlib(&writer.bytes, &inputs);
            }
        }
    }
}

#[test]
fn a_single_distance_may_have_one_bit() {
    let symbols = complete(286, &[1, 5, 7], &(0..286).collect::<Vec<_>>());
    let distances = [0, 0, 0, 1];
    let mut writer = Writer::default();
    let mut content = Vec::new();
    writer.header(true, &symbols, &distances);
    let (symbols, distances) = (Code::new(&symbols), Code::new(&distances));
    for token in [1, 2, 3, 4].map(Token::Literal).into_iter().chain([Token::Match { length: 9, distance: 4 }])
    {
        writer.token(&symbols, &distances, token);
        apply(&mut content, token);
    }
    writer.code(&symbols, 256);
    assert_eq!(ours(&writer.bytes, &whole(), &whole()), (content, Verdict::Over(writer.bytes.len())));
}
