//! The files that packages own, in little memory: a full Debian system has a hundred thousand, and every
//! layer's index stays until the report. Paths are kept as 64-bit hashes. Two paths that collide would
//! name a wrong package, once in billions of images, and then not as verified.

use std::collections::HashMap;
use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::Manager;
use super::digest::{FileDigests, RecordedDigest};
use super::path::{clean, merged};
use crate::limits::{PACKAGE_FILES, PACKAGE_NAME, PACKAGES, PATH};

/// What the databases of one layer say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Packages {
    /// By hash of the path.
    files: Vec<FileRecord>,
    packages: Vec<Package>,
    /// Where dpkg's packages stand in `packages`: its lists of files do not say their version.
    dpkg: HashMap<String, PackageNumber>,
}

/// A package by its place in the index.
pub(super) type PackageNumber = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct FileRecord {
    path: u64,
    package: PackageNumber,
    digest: Option<RecordedDigest>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Package {
    manager: Manager,
    name: String,
    version: Option<String>,
}

/// A file in a package's record.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Whose record it is.
    pub manager: Manager,
    /// The package.
    pub package: &'a str,
    /// Its version, where the same layer says it.
    pub version: Option<&'a str>,
    digest: Option<RecordedDigest>,
}

impl Recorded<'_> {
    /// Whether a file is what the record says.
    pub fn fits(&self, file: &FileDigests) -> bool {
        self.digest.is_some_and(|digest| file.is(&digest))
    }
}

impl Packages {
    /// The records of the file at `path`, as the tar has it.
    pub fn owners(&self, path: &[u8]) -> impl Iterator<Item = Recorded<'_>> {
        let path = clean(path);
        let other = merged(&path).map(|path| hash(&path));
        [Some(hash(&path)), other].into_iter().flatten().flat_map(|path| self.records(path))
    }

    fn records(&self, path: u64) -> impl Iterator<Item = Recorded<'_>> {
        let first = self.files.partition_point(|file| file.path < path);
        let files = self.files.iter().skip(first).take_while(move |file| file.path == path);
        files.filter_map(|file| {
            let package = self.packages.get(usize::try_from(file.package).ok()?)?;
            Some(Recorded {
                manager: package.manager,
                package: &package.name,
                version: package.version.as_deref(),
                digest: file.digest,
            })
        })
    }

    /// The version of one of dpkg's packages, as this layer says it.
    pub fn dpkg_version(&self, package: &str) -> Option<&str> {
        let number = usize::try_from(*self.dpkg.get(package)?).ok()?;
        self.packages.get(number)?.version.as_deref()
    }

    /// Whether the layer holds no record.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.packages.is_empty()
    }

    /// All names and versions, for whoever must know what texts it holds.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let names = self.packages.iter().map(|package| package.name.as_str());
        names.chain(self.packages.iter().filter_map(|package| package.version.as_deref()))
    }

    /// Bytes of memory that it takes, about.
    pub fn memory(&self) -> usize {
        const NAME: usize = 160;
        self.files.capacity() * size_of::<FileRecord>() + self.packages.len() * NAME
    }
}

/// An index in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    index: Packages,
    /// Whether there was more than is kept.
    pub(super) full: bool,
}

impl Builder {
    /// One more package. None when there is no room.
    pub(super) fn package(
        &mut self,
        manager: Manager,
        name: &[u8],
        version: Option<&[u8]>,
    ) -> Option<PackageNumber> {
        if name.is_empty() || name.len() > PACKAGE_NAME {
            return None;
        }
        if self.index.packages.len() >= PACKAGES {
            self.full = true;
            return None;
        }
        let number = PackageNumber::try_from(self.index.packages.len()).ok()?;
        let name = String::from_utf8_lossy(name).into_owned();
        self.index.packages.push(Package { manager, name, version: version.and_then(text) });
        Some(number)
    }

    /// The package of dpkg with this name, which may have been met before.
    pub(super) fn dpkg(&mut self, name: &[u8]) -> Option<PackageNumber> {
        let known = std::str::from_utf8(name).ok()?;
        if let Some(number) = self.index.dpkg.get(known) {
            return Some(*number);
        }
        let number = self.package(Manager::Dpkg, name, None)?;
        self.index.dpkg.insert(known.to_owned(), number);
        Some(number)
    }

    /// Says the version of a package.
    pub(super) fn version(&mut self, package: PackageNumber, version: &[u8]) {
        let place = usize::try_from(package).ok().and_then(|number| self.index.packages.get_mut(number));
        if let Some(package) = place {
            package.version = text(version);
        }
    }

    /// A file that a package owns.
    pub(super) fn file(&mut self, package: PackageNumber, path: &[u8], digest: Option<RecordedDigest>) {
        if path.len() > PATH {
            return;
        }
        if self.index.files.len() >= PACKAGE_FILES {
            self.settle();
        }
        if self.index.files.len() >= PACKAGE_FILES {
            self.full = true;
            return;
        }
        self.index.files.push(FileRecord { path: hash(&clean(path)), package, digest });
    }

    /// The index of all that was told.
    pub(super) fn finish(mut self) -> Packages {
        self.settle();
        self.index.files.shrink_to_fit();
        self.index
    }

    /// Sorts the files. dpkg names most of them twice, once with a digest.
    fn settle(&mut self) {
        let files = &mut self.index.files;
        files.sort_unstable_by(|a, b| (a.path, a.package, b.digest).cmp(&(b.path, b.package, a.digest)));
        files.dedup_by(|next, kept| {
            (next.path, next.package) == (kept.path, kept.package)
                && (next.digest.is_none() || next.digest == kept.digest)
        });
    }
}

fn text(version: &[u8]) -> Option<String> {
    let fits = !version.is_empty() && version.len() <= PACKAGE_NAME;
    fits.then(|| String::from_utf8_lossy(version).into_owned())
}

/// The same in every run, as caches keep it.
fn hash(path: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(path);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::digest::Algorithm;
    use super::*;

    fn digest(content: &[u8]) -> Option<RecordedDigest> {
        use sha1::Digest as _;
        RecordedDigest::from_bytes(Algorithm::Sha1, &sha1::Sha1::digest(content))
    }

    #[test]
    fn a_file_has_all_its_owners_under_both_its_paths() {
        let mut builder = Builder::default();
        let shell = builder.dpkg(b"dash").expect("room");
        let other = builder.package(Manager::Pip, b"sh", Some(b"2.0")).expect("room");
        builder.file(shell, b"/bin/sh", None);
        builder.file(shell, b"bin/sh", digest(b"sh"));
        builder.file(other, b"usr/bin/sh", digest(b"other"));
        builder.version(shell, b"0.5");
        assert_eq!(builder.dpkg(b"dash"), Some(shell));
        let index = builder.finish();
        assert_eq!(index.files.len(), 2, "one a package, with its digest");
        for path in ["bin/sh", "./bin/sh", "/usr/bin/sh", "usr/bin/../bin/sh"] {
            let mut owners: Vec<_> = index
                .owners(path.as_bytes())
                .map(|owner| (owner.package, owner.version, owner.fits(&FileDigests::of(b"sh"))))
                .collect();
            owners.sort_unstable();
            assert_eq!(owners, [("dash", Some("0.5"), true), ("sh", Some("2.0"), false)], "{path}");
        }
        assert_eq!(index.owners(b"sbin/sh").count(), 0);
        assert_eq!(index.dpkg_version("dash"), Some("0.5"));
    }

    #[test]
    fn a_record_takes_32_bytes() {
        assert_eq!(size_of::<FileRecord>(), 32);
    }
}
