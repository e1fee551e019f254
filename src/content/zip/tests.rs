//! Zips that are built here field by field, right and wrong. Archives of real tools are read in the
//! integration tests.

use std::io::Write;

use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::zip;
use crate::content::Fault;
use crate::content::taken::Taken;

const DESCRIBED: u16 = 8;

/// A zip in the making: headers and data, and the directory for the end.
#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

/// A member as its headers tell of it.
#[derive(Clone)]
struct Entry<'a> {
    name: &'a str,
    method: u16,
    flags: u16,
    crc: u32,
    /// In the local header.
    sizes: (u32, u32),
    data: Vec<u8>,
    extra: &'a [u8],
}

fn crc(data: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(data);
    crc.finalize()
}

fn stored<'a>(name: &'a str, data: &[u8]) -> Entry<'a> {
    let size = data.len() as u32;
    Entry { name, method: 0, flags: 0, crc: crc(data), sizes: (size, size), data: data.to_vec(), extra: b"" }
}

fn deflated<'a>(name: &'a str, content: &[u8]) -> Entry<'a> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("memory");
    let data = encoder.finish().expect("memory");
    let sizes = (data.len() as u32, content.len() as u32);
    Entry { method: 8, crc: crc(content), sizes, data, ..stored(name, b"") }
}

impl Made {
    /// A member, listed as it is.
    fn member(&mut self, entry: &Entry<'_>) -> &mut Self {
        let at = self.bytes.len() as u32;
        self.local(entry).bytes.extend_from_slice(&entry.data);
        self.listing(entry, at)
    }

    fn local(&mut self, entry: &Entry<'_>) -> &mut Self {
        self.bytes.extend_from_slice(b"PK\x03\x04\x14\0");
        fields(&mut self.bytes, entry);
        self.bytes.extend_from_slice(entry.name.as_bytes());
        self.bytes.extend_from_slice(entry.extra);
        self
    }

    fn listing(&mut self, entry: &Entry<'_>, at: u32) -> &mut Self {
        self.directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
        fields(&mut self.directory, entry);
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&at.to_le_bytes());
        self.directory.extend_from_slice(entry.name.as_bytes());
        self.directory.extend_from_slice(entry.extra);
        self.count += 1;
        self
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn finish(&self) -> Vec<u8> {
        let (start, size) = (self.bytes.len() as u32, self.directory.len() as u32);
        let count = self.count.to_le_bytes();
        let mut bytes = [self.bytes.as_slice(), &self.directory, b"PK\x05\x06\0\0\0\0"].concat();
        for field in [&count[..], &count, &size.to_le_bytes(), &start.to_le_bytes(), &[0, 0]] {
            bytes.extend_from_slice(field);
        }
        bytes
    }
}

fn fields(bytes: &mut Vec<u8>, entry: &Entry<'_>) {
    bytes.extend_from_slice(&entry.flags.to_le_bytes());
    bytes.extend_from_slice(&entry.method.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for field in [entry.crc, entry.sizes.0, entry.sizes.1] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    bytes.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(entry.extra.len() as u16).to_le_bytes());
}

/// The sizes behind a member's data.
fn descriptor(data: &[u8], signed: bool, wide: bool) -> Vec<u8> {
    let size = data.len() as u64;
    let size = if wide { size.to_le_bytes().to_vec() } else { (size as u32).to_le_bytes().to_vec() };
    let signature: &[u8] = if signed { b"PK\x07\x08" } else { b"" };
    [signature, &crc(data).to_le_bytes(), &size, &size].concat()
}

/// What comes out, which is the same however it is cut.
#[track_caller]
fn read(bytes: &[u8]) -> (Taken, Result<(), Fault>) {
    let whole = Taken::of(zip(), bytes, bytes.len());
    for slice in [1, 2, 3, 5, 11, 23, 64] {
        assert_eq!(Taken::of(zip(), bytes, slice), whole, "in slices of {slice}");
    }
    whole
}

#[test]
fn reads_stored_and_deflated_members_in_order() {
    let mut made = Made::default();
    made.member(&stored("a", b"one")).member(&deflated("b", &[b'x'; 70_000])).member(&stored("dir/", b""));
    let (taken, ended) = read(&made.finish());
    assert_eq!((taken.names(), ended), (vec!["a", "b", "dir/"], Ok(())));
    assert_eq!((taken.member("a"), taken.member("b").len()), (&b"one"[..], 70_000));
    assert_eq!(taken.unread, []);
}

#[test]
fn finds_the_end_of_stored_data_by_what_stands_behind_them() {
    // The data hold a whole zip of the same kind: its sizes are not those of the data.
    let inner = {
        let mut made = Made::default();
        let entry = Entry { flags: DESCRIBED, sizes: (0, 0), ..stored("inner", b"PK inside") };
        made.local(&entry).raw(&entry.data).raw(&descriptor(&entry.data, true, false));
        made.listing(&entry, 0).finish()
    };
    for (signed, wide) in [(true, false), (true, true), (false, false), (false, true)] {
        for data in [inner.as_slice(), b"", b"P", &[b'P'; 100]] {
            let mut made = Made::default();
            let entry = Entry { flags: DESCRIBED, sizes: (0, 0), ..stored("a", data) };
            made.local(&entry).raw(data).raw(&descriptor(data, signed, wide)).listing(&entry, 0);
            made.member(&stored("b", b"behind"));
            let (taken, ended) = read(&made.finish());
            assert_eq!(taken.names(), ["a", "b"], "signed {signed}, wide {wide}, {} bytes", data.len());
            assert_eq!((taken.member("a"), taken.member("b")), (data, &b"behind"[..]));
            assert_eq!((taken.unread, ended), (vec![], Ok(())));
        }
    }
}

#[test]
fn checks_sums_and_sizes_and_gives_the_bytes_out_in_any_case() {
    let right = deflated("right", b"content");
    let wrong = [
        Entry { crc: 7, name: "crc", ..right.clone() },
        Entry { sizes: (right.sizes.0, 70), name: "size", ..right.clone() },
        Entry { sizes: (right.sizes.0 + 2, 7), name: "data", ..right.clone() },
    ];
    let mut made = Made::default();
    wrong.iter().for_each(|entry| {
        made.member(entry);
    });
    made.member(&right);
    let (taken, ended) = read(&made.finish());
    assert!(taken.members.iter().all(|(_, content)| content == b"content"));
    let unread: Vec<_> = taken.unread.iter().map(|(name, fault)| (name.as_deref(), *fault)).collect();
    let corrupt = |name| (Some(name), Fault::CORRUPT);
    assert_eq!((unread, ended), (vec![corrupt("crc"), corrupt("size"), corrupt("data")], Ok(())));
}

#[test]
fn goes_on_behind_what_it_cannot_read() {
    let broken = Entry { data: vec![0xff; 40], sizes: (40, 90), method: 8, ..stored("broken", b"") };
    let mut made = Made::default();
    made.member(&Entry { flags: 1, ..stored("locked", b"PK\x03\x04") });
    made.member(&Entry { method: 97, ..stored("wavpack", b"....") });
    made.member(&broken).raw(b"a gap PPK PK\x03\x04 of anything").member(&deflated("last", b"found"));
    let (taken, ended) = read(&made.finish());
    assert_eq!((taken.names(), ended), (vec!["locked", "wavpack", "broken", "last"], Ok(())));
    assert_eq!(taken.member("last"), b"found");
    let reasons: Vec<&str> = taken.unread.iter().map(|(_, fault)| fault.0).collect();
    assert_eq!(reasons, ["encrypted", "unsupported", "corrupt"]);
}

#[test]
fn reads_by_the_directory_what_another_member_hides() {
    let hidden = deflated("hidden", b"not to be seen in passing");
    let mut made = Made::default();
    let size = 30 + 6 + hidden.data.len() as u32;
    let cover = Entry { sizes: (size, size), ..stored("cover", b"") };
    made.local(&cover).listing(&cover, 0);
    made.member(&hidden).member(&stored("last", b"end"));
    let bytes = made.finish();
    let (taken, ended) = read(&bytes);
    assert_eq!((taken.names(), ended), (vec!["cover", "last", "hidden"], Ok(())));
    assert_eq!(taken.member("hidden"), b"not to be seen in passing");

    // Where there is no memory to hold it, it is said that something is missing.
    let mut taken = Taken { memory: Some(10), ..Taken::default() };
    assert_eq!(taken.take(&mut *zip(), &bytes, 7), Ok(()));
    assert_eq!((taken.names(), taken.unread.last()), (vec!["cover", "last"], Some(&(None, Fault::LIMIT))));
}

#[test]
fn a_header_that_says_less_than_the_directory_hides_nothing() {
    let right = deflated("a", &b"a key, and more of it, that the header does not tell of ".repeat(9));
    let half = right.sizes.0 / 2;
    let wrong = [
        Entry { crc: 0, sizes: (0, 0), ..right.clone() },
        Entry { sizes: (0, 0), ..right.clone() },
        Entry { sizes: (half, right.sizes.1), ..right.clone() },
        Entry { sizes: (half, 7), crc: 7, ..right.clone() },
    ];
    for (number, wrong) in wrong.iter().enumerate() {
        let mut made = Made::default();
        made.local(wrong).raw(&right.data).listing(&right, 0).member(&stored("b", b"behind"));
        let bytes = made.finish();
        let (taken, ended) = read(&bytes);
        let all: Vec<usize> = taken.members.iter().map(|(_, content)| content.len()).collect();
        assert!(all.contains(&(right.sizes.1 as usize)), "{number}: {all:?}");
        assert_eq!((taken.member("b"), ended), (&b"behind"[..], Ok(())));

        let mut taken = Taken { memory: Some(10), ..Taken::default() };
        assert_eq!(taken.take(&mut *zip(), &bytes, 7), Ok(()));
        assert_eq!(taken.unread.last(), Some(&(None, Fault::LIMIT)), "{number}");
    }
}

#[test]
fn what_is_not_read_is_said_once() {
    for (flags, method, sizes) in [(1, 8, (12, 12)), (1 | DESCRIBED, 8, (0, 0)), (0, 97, (12, 12))] {
        let entry = Entry { flags, method, sizes, data: vec![b'x'; 12], ..stored("a", b"") };
        let mut made = Made::default();
        made.local(&entry).raw(&entry.data).listing(&Entry { sizes: (12, 12), ..entry.clone() }, 0);
        let (taken, ended) = read(&made.finish());
        assert_eq!((taken.names(), taken.unread.len(), ended), (vec!["a"], 1, Ok(())), "{flags} {method}");
    }
}

#[test]
fn no_byte_is_read_twice_for_members_that_overlap() {
    // One body, and a directory that lists a hundred members around it.
    let body = deflated("body", &[0; 100_000]);
    let mut made = Made::default();
    made.member(&stored("first", b"x"));
    let at = made.bytes.len() as u32;
    made.member(&body);
    for number in 1..100 {
        made.listing(&Entry { name: "more", ..body.clone() }, at + number % 2);
    }
    let (taken, _) = read(&made.finish());
    assert_eq!(taken.names(), ["first", "body"]);
    assert_eq!(taken.unread, [(None, Fault::CORRUPT)]);
}

#[test]
fn an_archive_that_is_cut_says_so() {
    let mut made = Made::default();
    made.member(&stored("a", b"one")).member(&deflated("b", b"two, and then some more of it"));
    let bytes = made.finish();
    for length in 1..bytes.len() {
        let (_, ended) = Taken::of(zip(), &bytes[..length], 8);
        assert_eq!(ended, Err(Fault::TRUNCATED), "of {length} bytes");
    }
}

#[test]
fn places_far_behind_the_end_are_wrong_and_no_more() {
    let mut made = Made::default();
    made.member(&stored("a", b"one"));
    made.listing(&stored("far", b""), u32::MAX - 1).listing(&stored("near", b""), 3);
    let (taken, ended) = read(&made.finish());
    assert_eq!((taken.names(), ended), (vec!["a"], Ok(())));
    assert_eq!(taken.unread, [(None, Fault::CORRUPT)]);
}

proptest! {
    #[test]
    fn bytes_that_are_changed_anywhere_neither_panic_nor_depend_on_slices(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        slice in 1..80_usize,
    ) {
        let described = Entry { flags: DESCRIBED, sizes: (0, 0), ..stored("d", b"PK some data PK") };
        let mut made = Made::default();
        made.member(&stored("a", b"one")).member(&deflated("b", &[b'y'; 300]));
        let at = made.bytes.len() as u32;
        made.local(&described).raw(&described.data).raw(&descriptor(&described.data, true, false));
        made.listing(&described, at).member(&stored("z", b"last"));
        let mut bytes = made.finish();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        // Compressed data of unknown length that break off are left at a place that depends on slices.
        bytes[at as usize + 8..at as usize + 10].fill(0);
        prop_assert_eq!(Taken::of(zip(), &bytes, slice), Taken::of(zip(), &bytes, bytes.len()));
    }
}
