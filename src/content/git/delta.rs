//! Deltas: an object as copies out of another one and bytes of its own.

use crate::content::Fault;

/// A delta, inflated.
pub(super) struct Delta<'a> {
    base_size: u64,
    pub(super) result_size: u64,
    instructions: &'a [u8],
}

enum Instruction<'a> {
    Copy { offset: usize, length: usize },
    Insert(&'a [u8]),
}

impl<'a> Delta<'a> {
    /// The delta in `bytes`.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = bytes;
        let base_size = varint(&mut rest).ok_or(Fault::CORRUPT)?;
        let result_size = varint(&mut rest).ok_or(Fault::CORRUPT)?;
        Ok(Self { base_size, result_size, instructions: rest })
    }

    /// The object that it makes of `base`. Whoever asks sees to it that the result's size is bounded.
    pub(super) fn apply(&self, base: &[u8]) -> Result<Vec<u8>, Fault> {
        if base.len() as u64 != self.base_size {
            return Err(Fault::CORRUPT);
        }
        let mut result = Vec::new();
        let mut rest = self.instructions;
        while !rest.is_empty() {
            let part = match next(&mut rest)? {
                Instruction::Copy { offset, length } => {
                    let end = offset.checked_add(length).ok_or(Fault::CORRUPT)?;
                    base.get(offset..end).ok_or(Fault::CORRUPT)?
                }
                Instruction::Insert(bytes) => bytes,
            };
            if result.len() as u64 + part.len() as u64 > self.result_size {
                return Err(Fault::CORRUPT);
            }
            result.extend_from_slice(part);
        }
        if result.len() as u64 == self.result_size { Ok(result) } else { Err(Fault::CORRUPT) }
    }

    /// The bytes that it adds, one line for each place where it adds some.
    pub(super) fn added(&self) -> Result<Vec<u8>, Fault> {
        let mut added = Vec::new();
        let mut rest = self.instructions;
        let mut joined = true;
        while !rest.is_empty() {
            match next(&mut rest)? {
                Instruction::Copy { .. } => joined = false,
                Instruction::Insert(bytes) => {
                    if !joined && !added.is_empty() {
                        added.push(b'\n');
                    }
                    joined = true;
                    added.extend_from_slice(bytes);
                }
            }
        }
        Ok(added)
    }
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<Instruction<'a>, Fault> {
    let (&code, mut after) = rest.split_first().ok_or(Fault::CORRUPT)?;
    let instruction = if code & 0x80 == 0 {
        let length = usize::from(code);
        let bytes = after.get(..length).filter(|_| length > 0).ok_or(Fault::CORRUPT)?;
        after = after.get(length..).unwrap_or_default();
        Instruction::Insert(bytes)
    } else {
        let mut field = |bits: std::ops::Range<u32>| {
            let mut value = 0_usize;
            for (place, bit) in bits.enumerate() {
                if code & 1 << bit != 0 {
                    let (&byte, next) = after.split_first().ok_or(Fault::CORRUPT)?;
                    value |= usize::from(byte) << (8 * place);
                    after = next;
                }
            }
            Ok(value)
        };
        let offset = field(0..4)?;
        let length = field(4..7)?;
        Instruction::Copy { offset, length: if length == 0 { 0x1_0000 } else { length } }
    };
    *rest = after;
    Ok(instruction)
}

/// A number in groups of seven bits, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copy 4 from 2, insert `XYZ`, copy 65,536 from 0.
    const DELTA: &[u8] = &[0x80, 0x80, 0x04, 0x87, 0x80, 0x04, 0x91, 2, 4, 3, b'X', b'Y', b'Z', 0x80];

    #[test]
    fn copies_and_insertions_make_the_object() {
        let base: Vec<u8> = (0..0x1_0000_u32).map(|n| n as u8).collect();
        let delta = Delta::parse(DELTA).expect("a delta");
        let expected = [&base[2..6], b"XYZ", &base].concat();
        assert_eq!(delta.apply(&base), Ok(expected));
        assert_eq!(delta.added(), Ok(b"XYZ".to_vec()));
        assert_eq!(delta.apply(&base[1..]), Err(Fault::CORRUPT));
    }

    #[test]
    fn whatever_is_cut_or_changed_is_an_error_or_an_object() {
        let base = vec![7; 0x1_0000];
        for length in 0..DELTA.len() {
            assert!(Delta::parse(&DELTA[..length]).and_then(|delta| delta.apply(&base)).is_err());
        }
        for at in 0..DELTA.len() {
            for value in 0..=255 {
                let mut changed = DELTA.to_vec();
                changed[at] = value;
                if let Ok(delta) = Delta::parse(&changed) {
                    let _ = (delta.apply(&base), delta.added());
                }
            }
        }
    }
}
