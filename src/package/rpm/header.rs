//! One package's header: an index of tags, and behind it the data that they point to. All numbers are
//! big-endian. A database holds it without the magic that an `.rpm` has in front. See rpm's
//! `docs/manual/format_header.md` and `tags.md`.

use crate::limits::PACKAGE_FILES;
use crate::limits::PATH;
use crate::package::Manager;
use crate::package::digest::{Algorithm, RecordedDigest};
use crate::package::index::Builder;

use super::{size_be, u32_be};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const FILE_DIGESTS: u32 = 1035;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const FILE_DIGEST_ALGORITHM: u32 = 5011;

/// Bytes of an entry of the index: tag, type, offset, count.
const ENTRY: usize = 16;

/// Takes up a package and its files. None where the header is damaged.
pub(super) fn read(blob: &[u8], index: &mut Builder) -> Option<()> {
    let header = Header::new(blob)?;
    let version = [header.text(VERSION)?, b"-", header.text(RELEASE)?].concat();
    let Some(package) = index.package(Manager::Rpm, header.text(NAME)?, Some(&version)) else {
        return Some(());
    };
    // A package without files has none of these.
    let Some(names) = header.texts(BASE_NAMES) else { return Some(()) };
    let folders: Vec<&[u8]> = header.texts(DIR_NAMES)?.collect();
    let mut digests = header.texts(FILE_DIGESTS).into_iter().flatten();
    let algorithm = algorithm(header.numbers(FILE_DIGEST_ALGORITHM).and_then(|mut numbers| numbers.next()));
    let mut path = Vec::new();
    for (name, folder) in names.zip(header.numbers(DIR_INDEXES)?) {
        let folder = usize::try_from(folder).ok().and_then(|folder| folders.get(folder))?;
        let digest = digests.next();
        if folder.len() + name.len() > PATH {
            continue;
        }
        path.clear();
        path.extend_from_slice(folder);
        path.extend_from_slice(name);
        let digest = algorithm.zip(digest).and_then(|(by, digest)| RecordedDigest::from_hex(by, digest));
        index.file(package, &path, digest);
    }
    Some(())
}

/// Numbers of RFC 4880. Packages of old do not say it and mean MD5.
fn algorithm(number: Option<u32>) -> Option<Algorithm> {
    match number {
        None | Some(1) => Some(Algorithm::Md5),
        Some(2) => Some(Algorithm::Sha1),
        Some(8) => Some(Algorithm::Sha256),
        Some(_) => None,
    }
}

struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(blob: &'a [u8]) -> Option<Self> {
        let (entries, data) = (size_be(blob, 0)?.checked_mul(ENTRY)?, size_be(blob, 4)?);
        let (entries, rest) = blob.get(8..)?.split_at_checked(entries)?;
        Some(Self { entries, data: rest.get(..data)? })
    }

    /// The data of a tag from its beginning, and how many values there are.
    fn find(&self, tag: u32) -> Option<(&'a [u8], usize)> {
        let entry = self.entries.chunks_exact(ENTRY).find(|entry| u32_be(entry, 0) == Some(tag))?;
        Some((self.data.get(size_be(entry, 8)?..)?, size_be(entry, 12)?))
    }

    fn text(&self, tag: u32) -> Option<&'a [u8]> {
        self.texts(tag)?.next()
    }

    /// Texts that end in NUL, one behind the other.
    fn texts(&self, tag: u32) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let (mut data, count) = self.find(tag)?;
        let texts = std::iter::from_fn(move || {
            let end = memchr::memchr(0, data)?;
            let text = data.get(..end)?;
            data = data.get(end + 1..)?;
            Some(text)
        });
        Some(texts.take(count.min(PACKAGE_FILES)))
    }

    fn numbers(&self, tag: u32) -> Option<impl Iterator<Item = u32> + use<'a>> {
        let (data, count) = self.find(tag)?;
        Some(data.chunks_exact(4).take(count).filter_map(|number| u32_be(number, 0)))
    }
}
