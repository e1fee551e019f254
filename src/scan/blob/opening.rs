//! How a blob begins: what its first block that is not of NUL alone tells.

use std::sync::Arc;

use crate::layer::tar::{BLOCK_SIZE, TarReader, looks_like_tar};
use crate::scan::segment::Content;

/// NUL bytes that are given on at a time.
const ZEROS: [u8; 16 * BLOCK_SIZE] = [0; 16 * BLOCK_SIZE];

/// The bytes of a blob until it is clear what it is. A tar may begin with blocks of NUL as well as an
/// image of a disk, and however the blob is cut into buffers, the same block has to decide.
#[derive(Default)]
pub(super) struct Opening {
    /// Bytes of NUL that passed.
    zeros: u64,
    /// Of the deciding block what came so far.
    block: Vec<u8>,
    /// The blob as one content, for as long as it may be one.
    pub(super) content: Option<Arc<Content>>,
}

impl Opening {
    /// Takes the next bytes of the blob; whether it is a tar, once that is clear. To be called until then.
    pub(super) fn take(&mut self, bytes: &[u8], last: bool) -> Option<bool> {
        let mut rest = bytes;
        if self.block.is_empty() {
            let Some(first) = bytes.iter().position(|byte| *byte != 0) else {
                self.zeros += bytes.len() as u64;
                // Nothing at all, or nothing but NUL: a tar without entries.
                return last.then_some(true);
            };
            let position = self.zeros + first as u64;
            let lead = usize::try_from(position % BLOCK_SIZE as u64).unwrap_or(0);
            self.zeros = position - lead as u64;
            self.block.resize(lead, 0);
            rest = &bytes[first..];
        }
        self.block.extend(rest.iter().take(BLOCK_SIZE - self.block.len()));
        (last || self.block.len() == BLOCK_SIZE).then(|| looks_like_tar(&self.block))
    }

    /// The deciding block, as far as there is one.
    pub(super) fn block(&self) -> &[u8] {
        &self.block
    }

    /// A reader that has seen what came before `position`.
    pub(super) fn tar(&self, position: u64) -> TarReader {
        let mut tar = TarReader::new();
        // Less than one block that is not of NUL gives no events.
        let mut none = Vec::new();
        let mut left = self.zeros.min(position);
        while left > 0 {
            let zeros = usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
            tar.feed(&ZEROS[..zeros], &mut none);
            left -= zeros as u64;
        }
        let held = usize::try_from(position.saturating_sub(self.zeros)).unwrap_or(usize::MAX);
        tar.feed(&self.block[..held.min(self.block.len())], &mut none);
        tar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(blob: &[u8], cut: usize) -> (Option<bool>, Opening) {
        let mut opening = Opening::default();
        let pieces: Vec<&[u8]> = if blob.is_empty() { vec![blob] } else { blob.chunks(cut).collect() };
        for (number, piece) in pieces.iter().enumerate() {
            let is_tar = opening.take(piece, number + 1 == pieces.len());
            if is_tar.is_some() {
                return (is_tar, opening);
            }
        }
        (None, opening)
    }

    #[test]
    fn the_first_block_that_is_not_nul_decides_wherever_it_is_cut() {
        let mut tar = vec![0; 1024];
        tar[0] = b'a';
        // The sum of the name and of its own field, which counts as blanks.
        tar[148..156].copy_from_slice(b"000541\0 ");
        let mut mode_alone = [0; 600];
        mode_alone[500] = 1;
        for (blob, is_tar) in [
            (Vec::new(), true),
            (vec![0; 1700], true),
            (b"short".to_vec(), false),
            ([vec![0; 1024], b"short".to_vec()].concat(), false),
            (tar.clone(), true),
            ([vec![0; 1024], tar.clone()].concat(), true),
            ([vec![0; 100], tar].concat(), false),
            ([vec![0; 1024], vec![b'x'; 512]].concat(), false),
            (mode_alone.to_vec(), false),
        ] {
            let whole = decided(&blob, blob.len().max(1));
            assert_eq!(whole.0, Some(is_tar), "{} bytes", blob.len());
            for cut in [1, 7, 511, 512, 513, 1000, 4097] {
                let (found, opening) = decided(&blob, cut);
                assert_eq!(found, Some(is_tar), "{} bytes in pieces of {cut}", blob.len());
                assert_eq!(opening.block, whole.1.block, "{} bytes in pieces of {cut}", blob.len());
                assert_eq!(opening.zeros, whole.1.zeros, "{} bytes in pieces of {cut}", blob.len());
            }
        }
    }
}
