//! Input changed by chance: bytes, tar headers with their checksum made right again, JSON as JSON.

use std::cell::RefCell;

use serde_json::{Map, Value, json};

use crate::support::stack::Random;

/// Chance, from a seed.
///
/// It changes behind a shared reference, so that arguments can be diced too.
pub(super) struct Dice(RefCell<Random>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed ^ 0x6b65_7973_6561_6d00);
        random.next();
        Self(RefCell::new(random))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.borrow_mut().next()
    }

    /// A number below `bound`; 0 where there is none.
    pub(super) fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn pick<'a, T: ?Sized>(&self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    pub(super) fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A range of `length`, at most `longest` long.
    fn range(&self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let size = self.below(longest.min(length - start) + 1);
        start..start + size
    }
}

/// Numbers at which arithmetic turns over, as tar fields and JSON write them.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "511",
    "513",
    "2147483648",
    "4294967296",
    "8589934592",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "-9223372036854775808",
];

/// Texts that mean something to somebody.
const TEXTS: [&str; 22] = [
    "",
    "/",
    "..",
    "../../x",
    ".wh.x",
    ".wh..wh..opq",
    "a//b",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "sha256:",
    "=",
    "|1 A=b",
    "/bin/sh -c #(nop) ENV A=b",
    "RUN --mount=type=secret",
    "ENV",
    "ARG X=",
    "\u{feff}",
    "{{",
    "\"",
    "\\",
    "application/vnd.oci.image.index.v1+json",
];

/// Changes bytes in one to six ways; `other` is spliced in.
pub(super) fn bytes(dice: &Dice, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.below(6) {
        let length = input.len();
        match dice.below(9) {
            0 => input.truncate(dice.below(length + 1)),
            1 => {
                let block = dice.range(length, 2048);
                let copied = input[block].to_vec();
                let at = dice.below(length + 1);
                input.splice(at..at, copied);
            }
            2 => {
                let range = dice.range(length, 2048);
                input.drain(range);
            }
            3 => {
                let taken = other[dice.range(other.len(), 4096)].to_vec();
                let range = dice.range(length, 64);
                input.splice(range, taken);
            }
            4 => {
                let number = dice.pick(&NUMBERS).as_bytes();
                let range = dice.range(length, number.len());
                input.splice(range, number.iter().copied());
            }
            5 if length >= 1024 => {
                // Whole blocks change places.
                let (from, to) = (dice.below(length / 512) * 512, dice.below(length / 512) * 512);
                for index in 0..512 {
                    input.swap(from + index, to + index);
                }
            }
            _ if length > 0 => {
                let at = dice.below(length);
                input[at] = match dice.below(4) {
                    0 => input[at] ^ (1 << dice.below(8)),
                    1 => 0,
                    2 => 0xff,
                    _ => dice.next().to_le_bytes()[0],
                };
            }
            _ => {}
        }
    }
}

/// Fields of a tar header: where, how long.
const FIELDS: [(usize, usize); 12] = [
    (0, 100),
    (100, 8),
    (108, 8),
    (124, 12),
    (124, 12),
    (136, 12),
    (156, 1),
    (157, 100),
    (257, 8),
    (345, 155),
    (386, 109),
    (482, 30),
];

/// Changes tar headers so that they still are headers.
pub(super) fn headers(dice: &Dice, tar: &mut [u8]) {
    let blocks = tar.len() / 512;
    let headers: Vec<usize> = (0..blocks).filter(|block| is_header(&tar[block * 512..])).collect();
    for _ in 0..=dice.below(4) {
        if headers.is_empty() {
            return;
        }
        let at = headers[dice.below(headers.len())] * 512;
        let Some(block) = tar.get_mut(at..at + 512) else { return };
        let (start, length) = FIELDS[dice.below(FIELDS.len())];
        let field = &mut block[start..start + length];
        match dice.below(5) {
            0 => {
                // An octal number, as large as the field can say.
                let number = dice.next() >> dice.below(64);
                let text = format!("{number:0width$o}", width = length.saturating_sub(1));
                let text = &text.as_bytes()[text.len().saturating_sub(length.saturating_sub(1))..];
                field[..text.len()].copy_from_slice(text);
            }
            1 => {
                // Base 256, positive or negative.
                field.fill(if dice.chance(50) { 0xff } else { 0 });
                field[0] = 0x80 | (dice.next().to_le_bytes()[0] & 0x7f);
                let at = dice.below(length);
                field[at] |= dice.next().to_le_bytes()[0];
            }
            2 => field.fill(dice.pick(&[" ", "7", "\0", "a", "/"]).as_bytes()[0]),
            3 => field[0] = b"01234567xgLKSDMNVA\0"[dice.below(19)],
            _ => {
                let text = dice.pick(&TEXTS).as_bytes();
                let count = text.len().min(length);
                field[..count].copy_from_slice(&text[..count]);
            }
        }
        fix_checksum(block);
    }
}

fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..512) else { return false };
    let stored = String::from_utf8_lossy(&block[148..156]);
    let stored = u32::from_str_radix(stored.trim_matches(['\0', ' ']), 8);
    stored == Ok(checksum(block))
}

fn checksum(block: &[u8]) -> u32 {
    let fields = block.iter().enumerate();
    fields.map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum()
}

fn fix_checksum(block: &mut [u8]) {
    let sum = checksum(block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Changes a JSON document as a document, and writes it.
pub(super) fn json(dice: &Dice, document: &Value) -> Vec<u8> {
    let mut document = document.clone();
    for _ in 0..=dice.below(5) {
        let other = document.clone();
        change(dice, &mut document, &other, 0);
    }
    let mut text = document.to_string().into_bytes();
    if dice.chance(15) {
        // What only bytes can do: two members of one name, another case, bytes that are no text.
        let names: [(&str, &str); 4] = [
            ("\"config\"", "\"Config\":{},\"config\""),
            ("\"layers\"", "\"layers\":[],\"layers\""),
            ("\"Env\"", "\"Env\":null,\"Env\""),
            ("\"history\"", "\"History\""),
        ];
        let (from, to) = names[dice.below(names.len())];
        text = String::from_utf8_lossy(&text).replacen(from, to, 1).into_bytes();
    }
    if dice.chance(10) {
        bytes(dice, &mut text, b"{\"a\":[1,2,{}]}\xff\xfe");
    }
    text
}

fn change(dice: &Dice, value: &mut Value, whole: &Value, depth: usize) {
    let inside = depth < 12 && dice.chance(80);
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(10) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                2 => items.reverse(),
                _ => change(dice, &mut items[at], whole, depth + 1),
            }
        }
        Value::Object(members) if inside && !members.is_empty() => change_member(dice, members, whole, depth),
        other => *other = any(dice, whole),
    }
}

fn change_member(dice: &Dice, members: &mut Map<String, Value>, whole: &Value, depth: usize) {
    let Some(name) = members.keys().nth(dice.below(members.len())).cloned() else { return };
    match dice.below(10) {
        0 => drop(members.remove(&name)),
        1 => {
            let value = members.remove(&name).unwrap_or_default();
            let name = if dice.chance(50) { name.to_uppercase() } else { dice.pick(&TEXTS).to_owned() };
            members.insert(name, value);
        }
        2 => drop(members.insert(dice.pick(&TEXTS).to_owned(), any(dice, whole))),
        _ => {
            if let Some(value) = members.get_mut(&name) {
                change(dice, value, whole, depth + 1);
            }
        }
    }
}

fn any(dice: &Dice, whole: &Value) -> Value {
    match dice.below(9) {
        0 => Value::Null,
        1 => json!(dice.chance(50)),
        2 => serde_json::from_str(dice.pick(&NUMBERS)).unwrap_or(json!(-0.0)),
        3 => json!(dice.next() >> dice.below(64)),
        4 => json!([]),
        5 => json!({}),
        6 => json!(dice.pick(&TEXTS)),
        7 => (0..dice.below(200)).fold(json!("deep"), |inner, _| json!([inner])),
        _ => whole.clone(),
    }
}

/// Changes a text: pieces of it repeated, cut out, in another order, and characters from all over.
pub(super) fn text(dice: &Dice, input: &str) -> String {
    let mut characters: Vec<char> = input.chars().collect();
    for _ in 0..=dice.below(5) {
        let length = characters.len();
        let range = dice.range(length, 40);
        match dice.below(5) {
            0 => drop(characters.drain(range)),
            1 => {
                let copied = characters[range].to_vec();
                let at = dice.below(length + 1);
                characters.splice(at..at, copied);
            }
            2 => drop(characters.splice(range, dice.pick(&TEXTS).chars())),
            3 => drop(characters.splice(range, dice.pick(&NUMBERS).chars())),
            _ => {
                let any = char::from_u32((dice.next() >> (40 + dice.below(16))) as u32).unwrap_or('\u{fffd}');
                characters.splice(range.start..range.start, [any]);
            }
        }
    }
    characters.into_iter().collect()
}
