//! The objects of a pack that deltas may build on: as many as fit, those used last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::object::Kind;
use crate::limits::GIT_BASES;

/// What an object takes besides its content.
const OVERHEAD: usize = 256;

/// Objects, by their place in the pack and by their id.
pub(super) struct Bases {
    /// The most that they may take.
    most: usize,
    by_offset: HashMap<u64, Base>,
    by_id: HashMap<Arc<[u8]>, u64>,
    /// Places by when they were used, the longest ago first.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
    size: usize,
}

struct Base {
    kind: Kind,
    content: Arc<[u8]>,
    id: Arc<[u8]>,
    used: u64,
}

/// Which object a delta builds on.
#[derive(Clone, Debug)]
pub(super) enum BaseOf {
    /// The one at this place of the pack.
    Offset(u64),
    /// The one with this id.
    Id(Vec<u8>),
}

impl Default for Bases {
    fn default() -> Self {
        Self {
            most: GIT_BASES,
            by_offset: HashMap::new(),
            by_id: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            size: 0,
        }
    }
}

impl Bases {
    /// Bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// From now on they do with half of what they take.
    pub(super) fn halve(&mut self) {
        self.most = self.size / 2;
        self.shrink();
    }

    /// Keeps an object, and drops others for it.
    pub(super) fn keep(&mut self, offset: u64, kind: Kind, id: &[u8], content: Vec<u8>) {
        self.size += content.len() + OVERHEAD;
        self.uses += 1;
        let id: Arc<[u8]> = Arc::from(id);
        self.by_use.insert(self.uses, offset);
        self.by_id.insert(id.clone(), offset);
        let base = Base { kind, content: Arc::from(content), id, used: self.uses };
        if let Some(before) = self.by_offset.insert(offset, base) {
            self.forget(&before);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.size > self.most {
            let Some((_, &oldest)) = self.by_use.first_key_value() else { return };
            let Some(base) = self.by_offset.remove(&oldest) else { return };
            if self.by_id.get(&base.id).is_some_and(|offset| !self.by_offset.contains_key(offset)) {
                self.by_id.remove(&base.id);
            }
            self.forget(&base);
        }
    }

    fn forget(&mut self, base: &Base) {
        self.by_use.remove(&base.used);
        self.size = self.size.saturating_sub(base.content.len() + OVERHEAD);
    }

    /// An object, if it is still there.
    pub(super) fn get(&mut self, which: &BaseOf) -> Option<(Kind, Arc<[u8]>)> {
        let offset = match which {
            BaseOf::Offset(offset) => *offset,
            BaseOf::Id(id) => *self.by_id.get(id.as_slice())?,
        };
        let base = self.by_offset.get_mut(&offset)?;
        self.uses += 1;
        self.by_use.remove(&base.used);
        self.by_use.insert(self.uses, offset);
        base.used = self.uses;
        Some((base.kind, base.content.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_used_last_are_kept() {
        let mut bases = Bases::default();
        let third = GIT_BASES / 3 - OVERHEAD;
        for offset in 1..=3 {
            bases.keep(offset, Kind::Blob, &[offset as u8; 20], vec![0; third]);
        }
        assert!(bases.get(&BaseOf::Id(vec![1; 20])).is_some());
        bases.keep(4, Kind::Blob, &[4; 20], vec![0; third]);
        let there = [1, 2, 3, 4].map(|offset| bases.get(&BaseOf::Offset(offset)).is_some());
        assert_eq!(there, [true, false, true, true]);
        assert!(bases.get(&BaseOf::Id(vec![2; 20])).is_none());
        assert!(bases.size <= GIT_BASES);
        assert_eq!((bases.by_use.len(), bases.by_id.len()), (3, 3));
        bases.halve();
        assert!(bases.size() <= GIT_BASES / 2);
        assert!(bases.get(&BaseOf::Offset(4)).is_some());
    }
}
