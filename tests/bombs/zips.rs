//! Zips whose directories lie: members that overlap, counts, sizes and offsets that cannot be, names
//! without end.

use super::{core, defuse, defuse_stream};

/// What a header says of a member. A real tool would write none of these, so they are put together here.
#[derive(Clone, Default)]
struct Member {
    name: Vec<u8>,
    method: u16,
    flags: u16,
    crc: u32,
    compressed: u32,
    size: u32,
    extra: Vec<u8>,
    offset: u32,
}

impl Member {
    fn named(name: &str) -> Self {
        Self { name: name.as_bytes().to_vec(), ..Self::default() }
    }

    /// Version, flags, method, time, date, checksum, sizes, lengths: the same in both headers.
    fn shared(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [45, self.flags, self.method, 0, 0x21] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.crc, self.compressed, self.size] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for length in [self.name.len(), self.extra.len()] {
            bytes.extend_from_slice(&u16::try_from(length).expect("short").to_le_bytes());
        }
        bytes
    }

    fn local(&self) -> Vec<u8> {
        [b"PK\x03\x04".as_slice(), &self.shared(), &self.name, &self.extra].concat()
    }

    fn central(&self) -> Vec<u8> {
        let rest = [[0; 10].as_slice(), &self.offset.to_le_bytes()].concat();
        [b"PK\x01\x02\x2d\0".as_slice(), &self.shared(), &rest, &self.name, &self.extra].concat()
    }
}

/// The end of a directory with this many entries.
fn end(entries: u16, length: u32, offset: u32) -> Vec<u8> {
    let counts = [[0; 4].as_slice(), &entries.to_le_bytes(), &entries.to_le_bytes()].concat();
    [b"PK\x05\x06".as_slice(), &counts, &length.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]].concat()
}

/// The same for more of anything than the fields can hold.
fn end_64(entries: u64, length: u64, offset: u64) -> Vec<u8> {
    let at = offset.wrapping_add(length);
    let mut record = b"PK\x06\x06".to_vec();
    record.extend_from_slice(&44_u64.to_le_bytes());
    record.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for field in [entries, entries, length, offset] {
        record.extend_from_slice(&field.to_le_bytes());
    }
    record.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    record.extend_from_slice(&at.to_le_bytes());
    record.extend_from_slice(&1_u32.to_le_bytes());
    [record, end(u16::MAX, u32::MAX, u32::MAX)].concat()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("short")
}

/// Locals, then their directory.
fn zip(locals: &[u8], directory: &[u8], entries: u16) -> Vec<u8> {
    [locals, directory, &end(entries, length(directory), length(locals))].concat()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Sixty thousand entries that all point to one member of 10 MiB: half a terabyte.
#[test]
fn members_that_are_one_and_the_same() {
    let plain = vec![0; 10 * 1024 * 1024];
    let data = deflated(&plain);
    let kernel = Member {
        method: 8,
        crc: crc32fast::hash(&plain),
        compressed: length(&data),
        size: length(&plain),
        ..Member::named("0")
    };
    let locals = [kernel.local(), data].concat();
    let entry = |number: u16| Member { name: number.to_string().into_bytes(), ..kernel.clone() }.central();
    let directory: Vec<u8> = (0..60_000).flat_map(entry).collect();
    defuse("srv/same.zip", &zip(&locals, &directory, 60_000)).assert_nothing_else();
}

/// The better construction: the data of each member begins with the header of the next one, as text, so
/// that every header is right and every member holds all that follow. (The checksums are not right: by
/// then the work is done.)
#[test]
fn members_that_quote_each_other() {
    const MEMBERS: u16 = 1_000;
    let plain = vec![0; 8 * 1024 * 1024];
    let mut data = deflated(&plain);
    let mut unpacked = plain.len();
    let mut members = Vec::new();
    for number in (0..MEMBERS).rev() {
        let member = Member {
            method: 8,
            crc: crc32fast::hash(&plain),
            compressed: length(&data),
            size: u32::try_from(unpacked).expect("4 GiB"),
            ..Member::named(&format!("{number:04}"))
        };
        let header = member.local();
        unpacked += header.len();
        members.push(member);
        // A stored block of deflate, which is not the last: its length, the same inverted, its bytes.
        let quoted = u16::try_from(header.len()).expect("short");
        data = [&[0], &quoted.to_le_bytes()[..], &(!quoted).to_le_bytes(), &header, &data].concat();
    }
    // Nobody quotes the first header.
    let locals = data.split_off(5);
    let mut directory = Vec::new();
    let mut offset = 0;
    for member in members.iter().rev() {
        directory.extend(Member { offset, ..member.clone() }.central());
        offset += length(&member.local()) + 5;
    }
    defuse("srv/quoted.zip", &zip(&locals, &directory, MEMBERS)).assert_nothing_else();
}

/// Two million members without content, and one with.
#[test]
fn two_million_members() {
    const MEMBERS: u64 = 2_000_000;
    let member = |number: u64| Member::named(&format!("{number:08}"));
    let body = core();
    let last = Member {
        crc: crc32fast::hash(&body),
        compressed: length(&body),
        size: length(&body),
        ..Member::named("last")
    };
    let local = member(0).local().len() as u64;
    let last_local = [last.local(), body].concat();
    let offset = local * MEMBERS + last_local.len() as u64;
    let central =
        |number: u64| Member { offset: u32::try_from(local * number).expect("4 GiB"), ..member(number) };
    let last_central = Member { offset: u32::try_from(local * MEMBERS).expect("4 GiB"), ..last }.central();
    let directory = central(0).central().len() as u64 * MEMBERS + last_central.len() as u64;
    let end = end_64(MEMBERS + 1, directory, offset);
    let size = offset + directory + end.len() as u64;
    let defused = defuse_stream("srv/many.zip", size, |out| {
        let mut write = |bytes: &[u8]| out.write_all(bytes).expect("room");
        (0..MEMBERS).for_each(|number| write(&member(number).local()));
        write(&last_local);
        (0..MEMBERS).for_each(|number| write(&central(number).central()));
        write(&last_central);
        write(&end);
    });
    defused.assert_found_or_told();
    defused.assert_nothing_else();
}

#[test]
fn names_as_long_as_they_can_be() {
    let body = core();
    let mut locals = Vec::new();
    let mut directory = Vec::new();
    for number in 0..400_u16 {
        let mut name = vec![b'n'; usize::from(u16::MAX)];
        name[..5].copy_from_slice(format!("{number:05}").as_bytes());
        let member = Member {
            crc: crc32fast::hash(&body),
            compressed: length(&body),
            size: length(&body),
            name,
            extra: vec![0xff; 60_000],
            offset: length(&locals),
            ..Member::default()
        };
        locals.extend([member.local(), body.clone()].concat());
        directory.extend(member.central());
    }
    defuse("srv/names.zip", &zip(&locals, &directory, 400)).assert_found_or_told();
}

/// Sizes, counts and offsets that nothing bears out.
#[test]
fn sizes_and_offsets_that_lie() {
    let data = deflated(&core());
    let honest = Member {
        method: 8,
        crc: crc32fast::hash(&core()),
        compressed: length(&data),
        size: length(&core()),
        ..Member::named("a")
    };
    let whole = |member: &Member| zip(&[member.local(), data.clone()].concat(), &member.central(), 1);
    let sizes_64 = |compressed: u64, size: u64| Member {
        compressed: u32::MAX,
        size: u32::MAX,
        extra: [&[1, 0, 16, 0], size.to_le_bytes().as_slice(), &compressed.to_le_bytes()].concat(),
        ..honest.clone()
    };
    let locals = [honest.local(), data.clone()].concat();
    let directory = honest.central();
    let bombs = [
        ("a huge size", whole(&Member { size: u32::MAX - 1, ..honest.clone() })),
        ("no size", whole(&Member { size: 0, ..honest.clone() })),
        ("huge data", whole(&Member { compressed: u32::MAX - 1, ..honest.clone() })),
        ("no data", whole(&Member { compressed: 0, ..honest.clone() })),
        ("a huge size of 64 bits", whole(&sizes_64(data.len() as u64, u64::MAX))),
        ("huge data of 64 bits", whole(&sizes_64(u64::MAX, 74))),
        ("negative sizes", whole(&sizes_64(1 << 63, 1 << 63))),
        (
            "an offset behind the end",
            zip(&locals, &Member { offset: u32::MAX - 1, ..honest.clone() }.central(), 1),
        ),
        (
            "an offset into itself",
            zip(&locals, &Member { offset: length(&locals), ..honest.clone() }.central(), 1),
        ),
        ("too many entries", zip(&locals, &directory, u16::MAX - 1)),
        ("a directory behind the end", [locals.as_slice(), &directory, &end(1, 46, u32::MAX - 1)].concat()),
        ("a huge directory", [locals.as_slice(), &directory, &end(1, u32::MAX - 1, 0)].concat()),
        (
            "everything of 64 bits",
            [locals.as_slice(), &directory, &end_64(u64::MAX, u64::MAX, u64::MAX)].concat(),
        ),
        ("an end in 64 bits that is not there", [locals.as_slice(), &end_64(1, 1 << 62, 1 << 62)].concat()),
        ("no directory", locals.clone()),
        ("only a header", honest.local()),
        (
            "a descriptor that never comes",
            [Member { flags: 8, compressed: 0, ..honest.clone() }.local(), vec![0x55; 4_000_000]].concat(),
        ),
        (
            "a stored descriptor that never comes",
            [
                Member { method: 0, flags: 8, compressed: 0, ..honest.clone() }.local(),
                b"PK\x07\x08".repeat(1_000_000),
            ]
            .concat(),
        ),
    ];
    for (name, bytes) in bombs {
        defuse(&format!("srv/{name}"), &bytes).assert_found_or_told();
    }
}

/// A million headers of members, each of which claims all that follows.
#[test]
fn headers_without_end() {
    let member = Member { compressed: u32::MAX - 1, size: u32::MAX - 1, ..Member::named("a") };
    let stored = member.local().repeat(1_000_000);
    defuse("srv/headers.zip", &stored).assert_told();
    let streamed = Member { flags: 8, ..Member::named("a") }.local().repeat(1_000_000);
    defuse("srv/streamed.zip", &streamed).assert_nothing_else();
}
