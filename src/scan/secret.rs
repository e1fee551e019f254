//! The value of a key that was found: as it was read in this run, or what is kept of one that another run
//! read. Of the latter everything can be reported but the value itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detect::Key;
use crate::detect::traces::Trace;

/// The value of a key.
#[derive(Clone, Debug)]
pub enum Secret {
    /// Read in this run.
    Read {
        /// The canonical secret.
        key: Key,
        /// The bytes as they stand there: what every output must be kept free of.
        raw: Key,
    },
    /// Known from another run.
    Kept(Arc<KeptSecret>),
}

/// What may be kept of a key's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSecret {
    /// Its fingerprint under the hashing key of the run.
    pub fingerprint: String,
    /// The key as it may be shown.
    pub shown: String,
    /// Where it was published, if it was.
    pub published: Option<String>,
    /// The value, of an id that may stand in clear.
    pub id: Option<String>,
    /// Whether it begins with a prefix that only such keys have.
    pub has_prefix: bool,
    /// Its forms, told by keyed hashes, so that texts can be kept free of it.
    pub traces: Vec<Trace>,
}

impl Secret {
    /// The canonical secret, where it was read in this run.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Read { key, .. } => Some(key),
            Self::Kept(_) => None,
        }
    }

    /// The secret bytes; none of a key that another run read.
    pub fn expose(&self) -> &[u8] {
        self.key().map_or(&[], Key::expose)
    }

    /// An id as it is shown.
    pub fn shown_id(&self) -> String {
        match self {
            Self::Read { key, .. } => String::from_utf8_lossy(key.expose()).into_owned(),
            Self::Kept(kept) => kept.id.as_ref().unwrap_or(&kept.shown).clone(),
        }
    }
}
