//! Lists that are read when they are first asked for: no scan asks for a detector's examples.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

/// A list of a definition; of an embedded one, `build.rs` wrote it as JSON.
#[derive(Clone)]
pub struct Later<T> {
    text: &'static str,
    list: OnceLock<Vec<T>>,
}

impl<T> Later<T> {
    /// The list that `text` writes. A test reads every embedded one.
    pub(super) fn of(text: &'static str) -> Self {
        Self { text, list: OnceLock::new() }
    }
}

impl<T> From<Vec<T>> for Later<T> {
    fn from(list: Vec<T>) -> Self {
        Self { text: "", list: OnceLock::from(list) }
    }
}

impl<T> Default for Later<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: DeserializeOwned> Deref for Later<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.list.get_or_init(|| serde_json::from_str(self.text).unwrap_or_default())
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a Later<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: DeserializeOwned + fmt::Debug> fmt::Debug for Later<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, out)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Later<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Later;

    #[test]
    fn a_list_is_read_when_it_is_asked_for() {
        let later: Later<u8> = Later::of("[1, 2]");
        assert!(later.list.get().is_none());
        assert_eq!((&*later, later.clone().len()), ([1, 2].as_slice(), 2));
        assert!(Later::<u8>::default().is_empty());
    }
}
