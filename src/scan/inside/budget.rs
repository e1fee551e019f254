//! How much may come out of a file and of a layer: what keeps bombs small, and lets everything be read
//! that is none, also behind a bomb.

use crate::content::Fault;
use crate::limits;

/// The bounds, as [`crate::limits`] has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) file: u64,
    pub(super) file_ratio: u64,
    pub(super) layer: u64,
    pub(super) layer_ratio: u64,
    pub(super) members: u64,
    pub(super) memory: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            file: limits::INNER_FILE,
            file_ratio: limits::INNER_FILE_RATIO,
            layer: limits::INNER_LAYER,
            layer_ratio: limits::INNER_LAYER_RATIO,
            members: limits::INNER_MEMBERS,
            memory: limits::INNER_MEMORY,
        }
    }
}

/// How much came out so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bounds: Bounds,
    /// Of the present file: its own bytes, what came out of it, how many members.
    stored: u64,
    given: u64,
    members: u64,
    /// What came out of the layer's files beyond the part that each may give.
    excess: u64,
    /// Memory that the readers of the file's contents take, by depth.
    held: Vec<u64>,
}

impl Budget {
    /// A file begins.
    pub(super) fn next_file(&mut self) {
        (self.stored, self.given, self.members) = (0, 0, 0);
        self.held.clear();
    }

    /// So many bytes of the file itself passed.
    pub(super) fn stored(&mut self, bytes: usize) {
        self.stored += bytes as u64;
    }

    /// So many bytes came out of it, at any depth.
    ///
    /// # Errors
    /// When they are too many for the file, or beyond its part and too many for the layer.
    pub(super) fn give(&mut self, bytes: usize) -> Result<(), Fault> {
        let bytes = bytes as u64;
        self.given = self.given.saturating_add(bytes);
        let part = self.stored.saturating_mul(self.bounds.layer_ratio);
        let beyond = self.given.saturating_sub(part).min(bytes);
        self.excess = self.excess.saturating_add(beyond);
        let most = self.bounds.file.saturating_add(self.stored.saturating_mul(self.bounds.file_ratio));
        let too_much = self.given > most || (beyond > 0 && self.excess > self.bounds.layer);
        if too_much { Err(Fault::LIMIT) } else { Ok(()) }
    }

    /// One more member or text of an archive in the file.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn member(&mut self) -> Result<(), Fault> {
        self.members += 1;
        if self.members > self.bounds.members { Err(Fault::LIMIT) } else { Ok(()) }
    }

    /// The reader at `depth` takes so many bytes of memory now.
    ///
    /// # Errors
    /// When all readers together take too many.
    pub(super) fn hold(&mut self, depth: usize, bytes: u64) -> Result<(), Fault> {
        if self.held.len() <= depth {
            self.held.resize(depth + 1, 0);
        }
        if let Some(held) = self.held.get_mut(depth) {
            *held = bytes;
        }
        let all = self.held.iter().fold(0_u64, |all, held| all.saturating_add(*held));
        if all > self.bounds.memory { Err(Fault::LIMIT) } else { Ok(()) }
    }

    /// No reader at `depth` or deeper takes any.
    pub(super) fn release(&mut self, depth: usize) {
        self.held.truncate(depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Budget {
        let bounds =
            Bounds { file: 1000, file_ratio: 10, layer: 1500, layer_ratio: 2, members: 3, memory: 100 };
        Budget { bounds, ..Budget::default() }
    }

    /// Gives in pieces until it is refused, or `most` came out.
    fn gives(budget: &mut Budget, stored: usize, most: usize) -> usize {
        budget.next_file();
        budget.stored(stored);
        (10..=most).step_by(10).take_while(|_| budget.give(10).is_ok()).last().unwrap_or(0)
    }

    #[test]
    fn a_file_gives_its_base_and_so_many_times_its_own() {
        assert_eq!(gives(&mut small(), 7, 5000), 1070);
    }

    #[test]
    fn behind_bombs_every_file_gives_its_part() {
        let mut budget = small();
        let bombs: Vec<usize> = (0..4).map(|_| gives(&mut budget, 10, 5000)).collect();
        // What was refused counts, too.
        assert_eq!(bombs, [1100, 430, 20, 20], "1,500 beyond twice their own, all together");
        assert_eq!(gives(&mut budget, 4000, 8000), 8000);
    }

    #[test]
    fn members_are_counted_by_the_file() {
        let mut budget = small();
        assert!((0..3).all(|_| budget.member().is_ok()));
        assert_eq!(budget.member(), Err(Fault::LIMIT));
        budget.next_file();
        assert_eq!(budget.member(), Ok(()));
    }

    #[test]
    fn memory_is_summed_up_over_the_depths() {
        let mut budget = small();
        assert_eq!(budget.hold(0, 60), Ok(()));
        assert_eq!(budget.hold(3, 41), Err(Fault::LIMIT));
        assert_eq!(budget.hold(3, 40), Ok(()), "a refused one is taken back by asking for less");
        budget.release(3);
        assert_eq!(budget.hold(1, 40), Ok(()));
    }
}
