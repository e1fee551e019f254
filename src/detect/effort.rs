//! How much work the anchors of a content may make: so much for each stretch of its bytes.
//!
//! Real content needs a small part of it. A text of nothing but anchors, written so that each leads to a
//! long search for nothing, would need hours a gigabyte; of such a stretch the rest is given up, and that is
//! said. Stretches are counted from where the window's own range begins: a scan cuts contents between them,
//! so what is given up does not depend on the cuts.

use crate::limits::{ANCHOR_STRETCH, ANCHOR_TURNS};

/// What is left of the work, in turns: steps of a search, some nanoseconds each.
#[derive(Debug, Default)]
pub(super) struct Effort {
    /// Where the next stretch begins.
    next: usize,
    left: u64,
    /// Whether the present stretch is counted among those that were given up.
    is_told: bool,
    given_up: u64,
}

impl Effort {
    /// Begins the first stretch, at `start`.
    pub(super) fn begin(&mut self, start: usize) {
        self.next = start.saturating_add(ANCHOR_STRETCH);
        (self.left, self.is_told) = (ANCHOR_TURNS, false);
    }

    /// Comes to `at`, which is hardly ever in front of where it was before.
    pub(super) fn at(&mut self, at: usize) {
        if at >= self.next {
            let ahead = (at - self.next) / ANCHOR_STRETCH * ANCHOR_STRETCH;
            self.begin(self.next + ahead);
        }
    }

    /// Takes so many turns.
    pub(super) fn take(&mut self, turns: usize) {
        self.left = self.left.saturating_sub(turns as u64);
    }

    /// Whether nothing is left, and so an anchor of this stretch is given up.
    pub(super) fn is_spent(&mut self) -> bool {
        if self.left > 0 {
            return false;
        }
        self.given_up += u64::from(!self.is_told);
        self.is_told = true;
        true
    }

    /// How many stretches were given up since it was last asked.
    pub(super) fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::Effort;
    use crate::limits::{ANCHOR_STRETCH, ANCHOR_TURNS};

    #[test]
    fn every_stretch_has_its_own() {
        let mut effort = Effort::default();
        effort.begin(7);
        effort.take(ANCHOR_TURNS as usize - 1);
        effort.at(7 + ANCHOR_STRETCH - 1);
        assert!(!effort.is_spent());
        effort.take(5);
        assert!(effort.is_spent() && effort.is_spent());
        effort.at(7 + 3 * ANCHOR_STRETCH);
        assert!(!effort.is_spent());
        effort.take(usize::MAX);
        effort.at(7 + 4 * ANCHOR_STRETCH - 1);
        assert!(effort.is_spent());
        effort.at(7 + 4 * ANCHOR_STRETCH);
        assert!(!effort.is_spent());
        assert_eq!((effort.take_given_up(), effort.take_given_up()), (2, 0));
    }
}
