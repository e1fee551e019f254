//! Small entries beside the layers, for programs that run on: what is known of whole images, what is still to be
//! done. They have the soundness of layers: written whole or not at all, and only by who has the hashing key.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Scope;
use super::store::{Lasting, Store};
use crate::finding::fingerprint::{FingerprintKey, KeyOrigin, hex_prefix, hmac};

/// Entries of one kind, under one hashing key and in one scope.
#[derive(Clone)]
pub struct Records {
    store: Store,
    name_key: Zeroizing<[u8; 32]>,
    entry_key: Zeroizing<[u8; 32]>,
    scope: Vec<u8>,
}

impl Records {
    /// The entries in `folder` of a kind, which is the name of a folder. With a scope they depend on the rules, and
    /// those of other rules are not seen; without one they stay. None under a hashing key that is made for one run.
    pub fn open(folder: &Path, kind: &str, key: &FingerprintKey, scope: Option<&Scope<'_>>) -> Option<Self> {
        if *key.origin() == KeyOrigin::ThisRun {
            return None;
        }
        let name_key = key.derive(b"ksf1 record name");
        let mut text = scope.map(|scope| scope.text(&name_key)).unwrap_or_default();
        text.extend_from_slice(kind.as_bytes());
        text.push(0);
        Some(Self {
            store: Store::in_folder(folder, kind),
            entry_key: key.derive(b"ksf1 record entry"),
            name_key,
            scope: text,
        })
    }

    /// What was kept under a name.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.read_entry(&self.entry(name))
    }

    /// Keeps something under a name, in place of what was there. When this returns it is there for every process,
    /// whatever becomes of this one, and of the machine if it is to outlive that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write<T: Serialize>(&self, name: &str, value: &T, lasting: Lasting) -> io::Result<()> {
        let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
        self.store.write(&self.entry(name), &self.entry_key, &bytes, lasting)
    }

    /// Forgets what was kept under a name.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.store.forget(&self.entry(name))
    }

    /// All that was kept, in no order. What does not hold together is left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all<T: DeserializeOwned>(&self) -> io::Result<Vec<T>> {
        Ok(self.store.names()?.iter().filter_map(|entry| self.read_entry(entry)).collect())
    }

    /// Removes what was used least, where there is much, and what was left unfinished.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn shrink(&self) -> io::Result<()> {
        self.store.shrink()
    }

    fn entry(&self, name: &str) -> String {
        let name = hmac(&self.name_key, &[&self.scope, name.as_bytes()]);
        hex_prefix(&name, name.len())
    }

    fn read_entry<T: DeserializeOwned>(&self, entry: &str) -> Option<T> {
        postcard::from_bytes(&self.store.read(entry, &self.entry_key)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::fingerprint::KeySettings;

    #[test]
    fn records_are_there_for_who_has_the_key_and_in_their_scope() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = |byte: u8| {
            let path = folder.path().join(format!("key{byte}"));
            let settings = KeySettings::from_environment(Some(path.clone()), |_| None);
            FingerprintKey::load(&settings)
                .or_else(|_| FingerprintKey::init(&settings).map(|(_, key)| key))
                .expect("a key")
        };
        let open = |byte: u8, kind| Records::open(folder.path(), kind, &key(byte), None).expect("records");
        open(1, "jobs").write("a", &("word".to_owned(), 7_u32), Lasting::Process).expect("written");
        type Kept = (String, u32);
        assert_eq!(open(1, "jobs").read::<Kept>("a"), Some(("word".to_owned(), 7)));
        assert_eq!(open(1, "jobs").read::<Kept>("b"), None);
        assert_eq!(open(2, "jobs").read::<Kept>("a"), None, "another hashing key");
        assert_eq!(open(1, "images").read::<Kept>("a"), None, "another kind");
        assert_eq!(open(1, "jobs").all::<Kept>().expect("read").len(), 1);
        assert_eq!(open(2, "jobs").all::<Kept>().expect("read").len(), 0);
        open(1, "jobs").forget("a").expect("forgotten");
        assert_eq!(open(1, "jobs").read::<Kept>("a"), None);
    }
}
