//! Files of other formats whose headers ask for more than there is: made by the real tools, then changed.

use super::{core, defuse};
use crate::places::Workshop;

/// A file that a script makes as `out`, with the key of the bomb in `core`.
fn made(script: &str) -> Vec<u8> {
    let shop = Workshop::new();
    shop.write("core", core()).run(script).read("out")
}

/// Puts bytes over others.
fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn an_xz_with_a_dictionary_of_four_gibibytes() {
    let mut bytes = made("seq 100000 > text && cat text core | xz -c > out");
    // The block's header: its size, flags, LZMA2's id, the size of its properties, the dictionary.
    let header = usize::from(bytes[12]) * 4;
    assert_eq!(bytes[14..16], [0x21, 1], "xz's block header");
    bytes[16] = 40;
    let sum = crc32fast::hash(&bytes[12..12 + header]).to_le_bytes();
    put(&mut bytes, 12 + header, &sum);
    defuse("srv/dictionary.xz", &bytes).assert_found_or_told();
}

#[test]
fn a_zstd_with_a_window_of_terabytes() {
    let bytes = made("seq 100000 > text && cat text core | zstd -qc > out");
    assert_eq!(bytes[4] & 0x20, 0, "a frame from a pipe has a window");
    for log in [20, 26, 30, 31] {
        let mut bytes = bytes.clone();
        bytes[5] = log << 3;
        defuse(&format!("srv/window-{}.zst", log + 10), &bytes).assert_found_or_told();
    }
}

#[test]
fn a_deb_whose_member_is_too_large() {
    let control =
        "Package: c\\nVersion: 1\\nArchitecture: all\\nMaintainer: D <d@corp.test>\\nDescription: x\\n";
    let bytes = made(&format!(
        "mkdir -p r/DEBIAN && cp core r && printf '{control}' > r/DEBIAN/control && dpkg-deb -Zxz -b r out >/dev/null"
    ));
    // The third member's header; each is 60 bytes, its size ten decimal digits at 48.
    let control = 8 + 60 + 4;
    let size: usize =
        String::from_utf8_lossy(&bytes[control + 48..control + 58]).trim().parse().expect("a size");
    let data = control + 60 + size.next_multiple_of(2);
    assert_eq!(&bytes[data..data + 8], b"data.tar");
    for lie in [b"9999999999", b"-1        ", b"0         ", b"          ", b"4294967295", b"0x10      "] {
        for at in [control, data] {
            let mut bytes = bytes.clone();
            put(&mut bytes, at + 48, lie);
            defuse("srv/lying.deb", &bytes).assert_found_or_told();
        }
    }
    let mut bytes = bytes.clone();
    put(&mut bytes, data, b"//9999999999    ");
    defuse("srv/name.deb", &bytes).assert_found_or_told();
}

#[test]
fn an_rpm_whose_header_is_too_large() {
    let shop = Workshop::new();
    shop.write("core", core()).write(
        "c.spec",
        "Name: c\nVersion: 1\nRelease: 1\nSummary: c\nLicense: MIT\nBuildArch: noarch\n%description\nc\n%install\nmkdir -p %{buildroot}/etc\ncp %{_topdir}/core %{buildroot}/etc\n%files\n/etc/core\n",
    );
    let bytes = shop
        .run("rpmbuild --quiet --define \"_topdir $PWD\" -bb c.spec && mv RPMS/noarch/*.rpm out")
        .read("out");
    assert_eq!(bytes[96..99], [0x8e, 0xad, 0xe8]);
    // Index entries and bytes of the signature's header, and of the main one behind it.
    let count =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    let main = 96 + (16 + count(104) * 16 + count(108)).next_multiple_of(8);
    assert_eq!(bytes[main..main + 3], [0x8e, 0xad, 0xe8]);
    for header in [96, main] {
        for field in [8, 12] {
            for lie in [u32::MAX, 0, 0x7fff_ffff, 0x1000_0000] {
                let mut bytes = bytes.clone();
                put(&mut bytes, header + field, &lie.to_be_bytes());
                defuse("srv/lying.rpm", &bytes).assert_found_or_told();
            }
        }
    }
}

#[test]
fn a_cpio_whose_name_or_file_is_too_large() {
    let bytes = made("ls core | cpio --quiet -o -H newc | gzip -c > gz && gzip -dc gz > out");
    // Eight hexadecimal digits each: the size at 54, the length of the name at 94.
    for (at, lie) in [
        (94, b"FFFFFFFF"),
        (94, b"00000000"),
        (54, b"FFFFFFFF"),
        (54, b"7FFFFFFF"),
        (94, b"zzzzzzzz"),
        (94, b"10000000"),
    ] {
        let mut bytes = bytes.clone();
        put(&mut bytes, at, lie);
        // The key lies raw in it; that more was promised is to be told all the same, unless it is no cpio.
        defuse("srv/lying.cpio", &bytes).assert_found_or_told();
    }
    let odc = made("ls core | cpio --quiet -o -H odc > out");
    for (at, lie) in [(59, b"777777".as_slice()), (59, b"000000"), (65, b"77777777777")] {
        let mut bytes = odc.clone();
        put(&mut bytes, at, lie);
        defuse("srv/lying-odc.cpio", &bytes).assert_found_or_told();
    }
    let many: Vec<u8> = {
        let header = format!("070701{}{:08X}{:08X}", "0".repeat(88), 2, 0);
        format!("{header}a\0").into_bytes().repeat(300_000)
    };
    defuse("srv/many.cpio", &many).assert_nothing_else();
}

#[test]
fn a_pack_of_four_billion_objects() {
    let bytes = made(
        "git init -q r && cp core r && cd r && git add . && git commit -qm x && git gc -q && cp .git/objects/pack/*.pack ../out",
    );
    assert_eq!(&bytes[..4], b"PACK");
    let mut counted = bytes.clone();
    put(&mut counted, 8, &u32::MAX.to_be_bytes());
    defuse("srv/.git/objects/pack/pack-1.pack", &counted).assert_found_or_told();
    // The first object's size, in as many bytes as it may take.
    let sized =
        [&bytes[..12], &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &bytes[13..]].concat();
    defuse("srv/.git/objects/pack/pack-2.pack", &sized).assert_found_or_told();
    // Nothing but deltas, each of an object that is further back than the file is long.
    let delta = [0x67, 0xff, 0xff, 0xff, 0x7f, 0x78, 0x9c, 3, 0, 0, 0, 0, 1];
    let deltas = [b"PACK\0\0\0\x02\0\x0f\x42\x40".as_slice(), &delta.repeat(100_000)].concat();
    defuse("srv/.git/objects/pack/pack-3.pack", &deltas).assert_told();
}

#[test]
fn loose_objects_that_lie() {
    let loose = |head: &[u8], zeros: u64| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::copy(
            &mut std::io::Read::chain(head, std::io::Read::take(std::io::repeat(0), zeros)),
            &mut encoder,
        )
        .expect("memory");
        encoder.finish().expect("memory")
    };
    let path = "srv/.git/objects/ab/cdef0123456789abcdef0123456789abcdef01";
    defuse(path, &loose(b"blob 18446744073709551616\0", 100)).assert_nothing_else();
    defuse(path, &loose(&[b"blob ".as_slice(), &[b'9'; 100_000]].concat(), 0)).assert_nothing_else();
    defuse(path, &loose(b"blob 1073741824\0", 1 << 30)).assert_nothing_else();
}

/// Pages that lead to each other in a circle: as overflow, and as children.
#[test]
fn a_database_of_circles() {
    let sql = "pragma page_size=512; create table t(v); with recursive c(x) as (select 1 union all select x+1 from c where x<400) insert into t select hex(randomblob(700)) from c;";
    let bytes = made(&format!("sqlite3 out \"{sql}\""));
    let pages = bytes.len() / 512;
    for target in [1_u32, 2, 5] {
        let mut bytes = bytes.clone();
        for page in 2..pages {
            let at = page * 512;
            match bytes[at] {
                // An interior page: its right-most child.
                5 => put(&mut bytes, at + 8, &target.to_be_bytes()),
                // A leaf: its cells stay.
                13 => {}
                // An overflow page: the next one.
                _ => put(&mut bytes, at, &target.to_be_bytes()),
            }
        }
        defuse("var/lib/circles.db", &bytes).assert_nothing_else();
        let each_to_itself = (2..pages).fold(bytes, |mut bytes, page| {
            let number = u32::try_from(page + 1).expect("few pages");
            if !matches!(bytes[page * 512], 5 | 13) {
                put(&mut bytes, page * 512, &number.to_be_bytes());
            }
            bytes
        });
        defuse("var/lib/loops.db", &each_to_itself).assert_nothing_else();
    }
    // A page size of nothing, of the most, and of what it cannot be; a huge number of pages.
    for (at, lie) in [
        (16, [0, 0].as_slice()),
        (16, &[0, 1]),
        (16, &[0xff, 0xff]),
        (28, &[0xff; 4]),
        (32, &[0xff; 8]),
        (20, &[0xff]),
    ] {
        let mut bytes = bytes.clone();
        put(&mut bytes, at, lie);
        defuse("var/lib/header.db", &bytes).assert_nothing_else();
    }
}

#[test]
fn a_7z_whose_header_is_too_large() {
    let bytes = made("seq 10000 > text && 7z a -bd out.7z core text >/dev/null && mv out.7z out");
    // Where the last header is, its length and its sum; and a sum over these at 8.
    for (at, lie) in [(12, u64::MAX), (12, 1 << 62), (20, u64::MAX), (20, 1 << 40), (20, 1 << 62), (20, 0)] {
        let mut bytes = bytes.clone();
        put(&mut bytes, at, &lie.to_le_bytes());
        let sum = crc32fast::hash(&bytes[12..32]).to_le_bytes();
        put(&mut bytes, 8, &sum);
        defuse("srv/lying.7z", &bytes).assert_found_or_told();
    }
}

/// A field of gzip's header that ends nowhere.
#[test]
fn a_gzip_with_a_name_without_an_end() {
    let head = |flags: u8| [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
    for flags in [8, 16, 24] {
        let bytes = [head(flags).as_slice(), &vec![b'n'; 32 << 20]].concat();
        defuse("srv/name.gz", &bytes).assert_told();
    }
    let extra = [head(4).as_slice(), &[0xff, 0xff], &[7; 100]].concat();
    defuse("srv/extra.gz", &extra).assert_told();
    // A million members of nothing.
    let empty = made(": | gzip -nc > out");
    let members = [empty.repeat(1_000_000), made("gzip -nc core > out")].concat();
    defuse("srv/members.gz", &members).assert_found_or_told();
}

#[test]
fn frames_and_streams_of_nothing() {
    let zstd = [b"\x50\x2a\x4d\x18\0\0\0\0".repeat(1_000_000), made("zstd -qc core > out")].concat();
    defuse("srv/skippable.zst", &zstd).assert_found_or_told();
    let xz = [made(": | xz -c > out").repeat(100_000), made("xz -c core > out")].concat();
    defuse("srv/streams.xz", &xz).assert_found_or_told();
    let bzip2 = [made(": | bzip2 -c > out").repeat(100_000), made("bzip2 -c core > out")].concat();
    defuse("srv/streams.bz2", &bzip2).assert_found_or_told();
}
