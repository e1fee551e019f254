//! Entries as files that many processes share without locks: written whole under another name and renamed,
//! read as they are or not at all. What is in the folder may come from anybody: an entry counts when its
//! MAC is right, and else it is as if it were not there.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hmac::Mac as _;
use zeroize::Zeroizing;

use crate::finding::fingerprint::{hmac, mac};
use crate::limits::{CACHE, CACHE_ENTRY};
use crate::report::file;

/// What an entry begins with: which form it has.
const MAGIC: &[u8; 8] = b"ksc1\0\0\0\0";

/// Bytes in front of what is kept.
const HEAD: usize = MAGIC.len() + MAC;
const MAC: usize = 32;

/// By it backup programs know that a folder can be left out (Cache Directory Tagging Specification).
const TAG: (&str, &[u8]) = (
    "CACHEDIR.TAG",
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Layers that keyseam has read; it can be removed at any time.\n",
);

/// How long an entry's time of last use may be off.
const USED: Duration = Duration::from_secs(3600);

/// An unfinished entry that is older was left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Layers.
    pub layers: u64,
    /// Bytes of their entries.
    pub bytes: u64,
}

/// What an entry that was written outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The process.
    Process,
    /// The machine's end, too: the disk is waited for.
    Machine,
}

/// The entries below a folder.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of a kind of entries in a cache's folder, which need not be there. Each kind has a folder of its
    /// own, so that nothing else is ever counted or removed.
    pub(super) fn in_folder(cache: &Path, kind: &str) -> Self {
        Self { folder: cache.join(kind) }
    }

    /// The names of all that is kept.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let name = |path: &Path| {
            let mut parts = path.iter().rev().filter_map(|part| part.to_str());
            let (rest, front) = (parts.next()?, parts.next()?);
            Some(format!("{front}{rest}"))
        };
        Ok(self
            .files()?
            .iter()
            .filter(|(path, _)| is_named(path))
            .filter_map(|(path, _)| name(path))
            .collect())
    }

    /// Removes what is kept under a name, if there is such.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn forget(&self, name: &str) -> io::Result<()> {
        self.path(name).map_or(Ok(()), |path| remove(&path))
    }

    /// What was kept under this name with this key.
    pub(super) fn read(&self, name: &str, key: &Zeroizing<[u8; 32]>) -> Option<Vec<u8>> {
        let path = self.path(name)?;
        // A pipe would keep us waiting for whoever writes to it.
        let metadata = fs::symlink_metadata(&path).ok().filter(is_entry)?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        let mut file = File::open(&path).ok()?;
        (&mut file).take(CACHE_ENTRY + 1).read_to_end(&mut bytes).ok()?;
        let kept = bytes.strip_prefix(MAGIC.as_slice()).filter(|_| bytes.len() as u64 <= CACHE_ENTRY)?;
        let (code, kept) = kept.split_first_chunk::<MAC>()?;
        mac(key, &[name.as_bytes(), kept]).verify_slice(code).ok()?;
        if metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|since| since > USED)) {
            // Those that are used least go first. One that may only be read stays as it is.
            let _ = File::options().append(true).open(&path).map(|file| file.set_modified(SystemTime::now()));
        }
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Keeps `bytes` under this name, in place of whatever is there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(
        &self,
        name: &str,
        key: &Zeroizing<[u8; 32]>,
        bytes: &[u8],
        lasting: Lasting,
    ) -> io::Result<()> {
        let path = self.path(name).ok_or(io::ErrorKind::InvalidInput)?;
        let code = hmac(key, &[name.as_bytes(), bytes]);
        let entry = [MAGIC.as_slice(), &code, bytes].concat();
        if entry.len() as u64 > CACHE_ENTRY {
            return Ok(());
        }
        self.make(path.parent().unwrap_or(&self.folder))?;
        let keep = match lasting {
            Lasting::Process => file::keep,
            Lasting::Machine => file::keep_for_good,
        };
        keep(&path, &entry).or_else(|error| {
            // Nothing of ours is a folder there, and one would be in the way for good.
            if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                return Err(error);
            }
            fs::remove_dir_all(&path)?;
            keep(&path, &entry)
        })
    }

    /// Makes the folders, for their owner alone.
    fn make(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let cache = self.folder.parent().unwrap_or(&self.folder);
        let tag = cache.join(TAG.0);
        if tag.exists() { Ok(()) } else { file::keep(&tag, TAG.1) }
    }

    /// Where the entry of a name is: a name is 64 hex digits.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let (front, rest) = name.split_at_checked(2)?;
        Some(self.folder.join(front).join(rest))
    }

    /// How much there is.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub(super) fn size(&self) -> io::Result<Size> {
        let mut size = Size::default();
        for (_, metadata) in self.files()?.into_iter().filter(|(path, _)| is_named(path)) {
            size.layers += 1;
            size.bytes += metadata.len();
        }
        Ok(size)
    }

    /// Removes all entries, and says how much that was.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub(super) fn clear(&self) -> io::Result<Size> {
        let size = self.size()?;
        for (path, _) in self.files()? {
            remove(&path)?;
        }
        Ok(size)
    }

    /// Removes what was used least until at most [`CACHE`] bytes are there, and what was left unfinished.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn shrink(&self) -> io::Result<()> {
        let (mut entries, parts): (Vec<_>, Vec<_>) =
            self.files()?.into_iter().partition(|(path, _)| is_named(path));
        let age = |metadata: &Metadata| metadata.modified().ok().and_then(|time| time.elapsed().ok());
        for (path, _) in parts.iter().filter(|(_, part)| age(part).is_some_and(|age| age > LEFT_BEHIND)) {
            remove(path)?;
        }
        let mut left: u64 = entries.iter().map(|(_, metadata)| metadata.len()).sum();
        entries.sort_by_key(|(_, metadata)| metadata.modified().ok());
        for (path, metadata) in entries {
            if left <= CACHE {
                return Ok(());
            }
            remove(&path)?;
            left -= metadata.len();
        }
        Ok(())
    }

    /// The files of the store, unfinished ones too.
    fn files(&self) -> io::Result<Vec<(PathBuf, Metadata)>> {
        let mut files = Vec::new();
        for folder in children(&self.folder)? {
            if !is_hex(&folder, 2) || !fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir()) {
                continue;
            }
            for path in children(&folder)? {
                // What another process removes meanwhile is not there.
                let metadata = fs::symlink_metadata(&path).ok().filter(Metadata::is_file);
                files.extend(
                    metadata.filter(|_| is_named(&path) || is_part(&path)).map(|known| (path, known)),
                );
            }
        }
        Ok(files)
    }
}

fn is_entry(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.len() <= CACHE_ENTRY
}

fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_named(path: &Path) -> bool {
    is_hex(path, 62)
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(".keyseam-") && name.ends_with(".part")
}

fn is_hex(path: &Path, length: usize) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == length && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new([byte; 32])
    }

    fn name(digit: char) -> String {
        String::from(digit).repeat(64)
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::in_folder(&folder.path().join("keyseam"), "layers");
        (folder, store)
    }

    #[test]
    fn what_was_written_is_read_under_its_name_and_key_only() {
        let (_folder, store) = store();
        assert_eq!(store.read(&name('a'), &key(1)), None);
        store.write(&name('a'), &key(1), b"kept", Lasting::Process).expect("written");
        assert_eq!(store.read(&name('a'), &key(1)).as_deref(), Some(&b"kept"[..]));
        assert_eq!(store.read(&name('a'), &key(2)), None, "another hashing key");
        let (from, to) = (store.path(&name('a')).expect("a path"), store.path(&name('b')).expect("a path"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(from, to).expect("copied");
        assert_eq!(store.read(&name('b'), &key(1)), None, "another layer's entry");
    }

    #[test]
    fn an_entry_that_was_changed_anywhere_is_none() {
        let (_folder, store) = store();
        store.write(&name('a'), &key(1), b"kept", Lasting::Process).expect("written");
        let path = store.path(&name('a')).expect("a path");
        let whole = fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("written");
            assert_eq!(store.read(&name('a'), &key(1)), None, "byte {at}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            assert_eq!(store.read(&name('a'), &key(1)), None, "{length} bytes");
        }
        fs::write(&path, [whole.as_slice(), b"x"].concat()).expect("written");
        assert_eq!(store.read(&name('a'), &key(1)), None);
    }

    #[test]
    fn only_files_are_read() {
        let (folder, store) = store();
        store.write(&name('a'), &key(1), b"kept", Lasting::Process).expect("written");
        let path = store.path(&name('a')).expect("a path");
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
        assert_eq!(store.read(&name('a'), &key(1)), None, "a symlink leads anywhere");
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("made");
        assert_eq!(store.read(&name('a'), &key(1)), None);
    }

    #[test]
    fn nothing_but_entries_is_counted_or_removed() {
        let (folder, store) = store();
        assert_eq!(store.size().expect("read"), Size::default());
        for digit in ['a', 'b'] {
            store.write(&name(digit), &key(1), b"kept", Lasting::Process).expect("written");
        }
        let layers = folder.path().join("keyseam/layers");
        let others = [layers.join("notes.txt"), layers.join("aa/README"), folder.path().join("keyseam/mine")];
        others.iter().for_each(|path| fs::write(path, "mine").expect("written"));
        let size = Size { layers: 2, bytes: 2 * (HEAD as u64 + 4) };
        assert_eq!(store.size().expect("read"), size);
        assert_eq!(store.clear().expect("cleared"), size);
        assert_eq!(store.size().expect("read"), Size::default());
        assert!(others.iter().all(|path| path.exists()));
        assert!(folder.path().join("keyseam/CACHEDIR.TAG").exists());
    }

    #[test]
    fn what_was_used_least_goes_first() {
        let (_folder, store) = store();
        let old = SystemTime::now() - Duration::from_secs(100_000);
        for (digit, age) in [('a', 0), ('b', 300), ('c', 200)] {
            store.write(&name(digit), &key(1), b"kept", Lasting::Process).expect("written");
            let file = File::options().append(true).open(store.path(&name(digit)).expect("a path"));
            let file = file.expect("open");
            // Sparse: it takes no room.
            file.set_len(CACHE / 2 - 1).expect("long");
            file.set_modified(old - Duration::from_secs(age)).expect("aged");
        }
        let part = store.folder.join("aa/.keyseam-0.part");
        fs::write(&part, "").expect("written");
        File::options().append(true).open(&part).and_then(|file| file.set_modified(old)).expect("aged");
        store.shrink().expect("shrunk");
        let left: Vec<bool> =
            ['a', 'b', 'c'].map(|digit| store.path(&name(digit)).is_some_and(|path| path.exists())).to_vec();
        assert_eq!(left, [true, false, true]);
        assert!(!part.exists());
    }

    #[test]
    fn the_folders_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, store) = store();
        store.write(&name('a'), &key(1), b"kept", Lasting::Process).expect("written");
        let path = store.path(&name('a')).expect("a path");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&store.folder)), (0o600, 0o700));
    }

    #[test]
    fn a_folder_is_not_in_the_way_of_an_entry() {
        let (_folder, store) = store();
        let path = store.path(&name('a')).expect("a path");
        fs::create_dir_all(path.join("deeper")).expect("folders");
        for lasting in [Lasting::Process, Lasting::Machine] {
            store.write(&name('a'), &key(1), b"kept", lasting).expect("written");
            assert_eq!(store.read(&name('a'), &key(1)).as_deref(), Some(&b"kept"[..]));
        }
    }
}
