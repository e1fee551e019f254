//! Names of files as keyed hashes: what a cache may keep of a layer's tree. What became of an entry can be
//! told from them as well as from the names, as long as all layers of an image are hashed alike.

use std::fmt;
use std::hash::Hasher as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::entry_log::EntryLog;
use super::tar::Entry;
use crate::image::rootfs::{AUFS, OPAQUE, WHITEOUT};

/// Hashes names under a key: 128 bits each.
#[derive(Clone)]
pub struct NameHasher(SipHasher24);

impl NameHasher {
    /// A hasher with this key.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// `log` with hashed names; none where it has no room for them.
    pub fn hashed(&self, log: &EntryLog) -> Option<EntryLog> {
        let mut hashed = EntryLog::of_hashed_names();
        let mut cursor = log.cursor();
        while let Some(entry) = cursor.next_entry() {
            hashed.push(&Entry {
                path: self.path(entry.path),
                kind: entry.kind,
                link: self.path(entry.link),
                size: 0,
                meta: Vec::new(),
                after_end: entry.after_end,
            })?;
        }
        Some(hashed)
    }

    /// A path of which every name is hashed. What says how to walk it, and what a whiteout is, stays, and no
    /// more of its form than that.
    fn path(&self, path: &[u8]) -> Vec<u8> {
        let mut hashed = Vec::with_capacity(path.len());
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
        if path.starts_with(b"/") {
            hashed.push(b'/');
        }
        for (index, name) in names.enumerate() {
            if index > 0 {
                hashed.push(b'/');
            }
            let front =
                [AUFS, WHITEOUT].into_iter().find(|front| name.starts_with(front)).unwrap_or_default();
            match name {
                b".." | OPAQUE => hashed.extend_from_slice(name),
                _ => {
                    hashed.extend_from_slice(front);
                    hashed.extend_from_slice(self.name(&name[front.len()..]).as_bytes());
                }
            }
        }
        hashed
    }

    fn name(&self, name: &[u8]) -> String {
        let mut hasher = self.0;
        hasher.write(name);
        URL_SAFE_NO_PAD.encode(hasher.finish128().as_bytes())
    }
}

impl fmt::Debug for NameHasher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("NameHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::rootfs::{EntryAt, Fate, fates};
    use crate::layer::entry_log::EntryIndex;
    use crate::layer::tar::EntryKind;

    fn log(entries: &[(&str, EntryKind, &str)]) -> EntryLog {
        let mut log = EntryLog::default();
        for (path, kind, link) in entries {
            let entry = Entry {
                path: path.as_bytes().to_vec(),
                kind: *kind,
                link: link.as_bytes().to_vec(),
                size: 1,
                meta: Vec::new(),
                after_end: false,
            };
            log.push(&entry).expect("room");
        }
        log
    }

    fn all_fates(logs: &[EntryLog]) -> Vec<Fate> {
        let at = |layer: usize, log: &EntryLog| {
            (0..log.len()).map(move |entry| EntryAt { layer, entry: EntryIndex(entry as u32) })
        };
        let wanted: Vec<EntryAt> = logs.iter().enumerate().flat_map(|(layer, log)| at(layer, log)).collect();
        fates(&logs.iter().collect::<Vec<_>>(), &wanted)
    }

    #[test]
    fn fates_are_those_of_the_names() {
        use EntryKind::{Directory, File, HardLink, Symlink};
        let layers = [
            log(&[
                ("./app/", Directory, ""),
                ("app/.env", File, ""),
                ("app/key", File, ""),
                ("app/../srv/id", File, ""),
                ("link", Symlink, "./app"),
                ("up", Symlink, "/srv/../app/"),
                ("other", HardLink, "app/key"),
                ("gone/a/b", File, ""),
                ("kept/a", File, ""),
                (".wh..wh.plnk/7", File, ""),
            ]),
            log(&[
                ("link/.wh.key", File, ""),
                ("up/.env", File, ""),
                ("gone/.wh..wh..opq", File, ""),
                ("kept", Symlink, "app"),
                (".wh..wh.aufs", File, ""),
                ("srv/.wh.id", File, ""),
            ]),
        ];
        let hasher = NameHasher::new(&[7; 16]);
        let hashed: Vec<EntryLog> = layers.iter().map(|log| hasher.hashed(log).expect("room")).collect();
        let fates = all_fates(&layers);
        assert_eq!(all_fates(&hashed), fates);
        assert!(
            fates.iter().any(|fate| fate.removed_by.is_some())
                && fates.iter().any(|fate| fate.in_final_image)
        );
        let text: Vec<u8> =
            hashed.iter().flat_map(|log| log.iter()).flat_map(|e| [e.path, e.link].concat()).collect();
        for name in ["app", "env", "key", "srv", "link", "gone", "kept", "plnk"] {
            assert!(memchr::memmem::find(&text, name.as_bytes()).is_none(), "{name} can be read");
        }
        assert!(hashed.iter().all(EntryLog::is_hashed) && !layers.iter().any(EntryLog::is_hashed));
    }

    #[test]
    fn another_key_gives_other_names() {
        let one = NameHasher::new(&[1; 16]);
        assert_eq!(one.path(b"a/b"), one.path(b"a/b"));
        assert_ne!(one.path(b"a/b"), NameHasher::new(&[2; 16]).path(b"a/b"));
        assert_eq!(one.path(b".//../.wh..wh..opq/"), b"../.wh..wh..opq");
        assert_eq!(
            (one.path(b"/a//./b/"), one.path(b"./")),
            ([b"/", &one.path(b"a/b")[..]].concat(), Vec::new())
        );
    }
}
