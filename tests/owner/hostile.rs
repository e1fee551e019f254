//! Databases that were damaged or forged: the reading ends, and soon, and nothing of it is an error of
//! the scan.

use std::time::{Duration, Instant};

use keyseam::detect::template::Seed;
use keyseam::package::{Databases, FileDigests};

use super::*;

/// Far more than any of it takes, on a busy machine too.
const SOON: Duration = Duration::from_secs(20);

/// A path and the content that is recorded for it.
type Known<'a> = (&'a str, &'a [u8]);

/// Reads a database in pieces; how many of `paths` it knows as packaged, and what it says.
fn read(path: &str, database: &[u8], piece: usize, known: &[Known<'_>]) -> (usize, Vec<String>) {
    let mut databases = Databases::default();
    databases.begin(path.as_bytes());
    for (number, bytes) in database.chunks(piece.max(1)).enumerate() {
        databases.data(bytes, (number * piece.max(1)) as u64);
    }
    databases.end();
    let (packages, notes) = databases.finish();
    let fits = |(path, content): &&Known<'_>| {
        packages.owners(path.as_bytes()).any(|owner| owner.fits(&FileDigests::of(content)))
    };
    (known.iter().filter(fits).count(), notes)
}

/// A few of many ways to damage a file.
fn damaged(database: &[u8], seed: &mut Seed) -> Vec<u8> {
    let mut database = database.to_vec();
    for _ in 0..1 + seed.below(8) {
        let at = seed.below(database.len());
        match seed.below(6) {
            0 => database[at] = 0xff,
            1 => database[at] ^= 1 << seed.below(8),
            2 => database.truncate(at.max(1)),
            3 => {
                // Numbers lie at multiples of four: make one of them another that occurs.
                let (to, from) = (at & !3, seed.below(database.len()) & !3);
                let word: Vec<u8> = database.iter().skip(from).take(4).copied().collect();
                let room = database.len().saturating_sub(to).min(word.len());
                database[to..to + room].copy_from_slice(&word[..room]);
            }
            4 => {
                // The front of a page or of a header decides the most.
                let at = (at & !4095) + seed.below(64);
                if let Some(byte) = database.get_mut(at) {
                    *byte = seed.below(256) as u8;
                }
            }
            _ => drop(database.remove(at)),
        }
    }
    database
}

#[test]
fn damage_never_does_more_than_hide_owners() {
    let folder = rpm::installed();
    let root = folder.path().join("root");
    let sqlite = std::fs::read(root.join("var/lib/rpm/rpmdb.sqlite")).expect("the database");
    let app = std::fs::read(root.join("opt/keyhold/app.conf")).expect("a file");
    let dpkg = b"Package: a\nVersion: 1\nConffiles:\n /etc/a 900150983cd24fb0d6963f7d28e17f72\n\n".repeat(9);
    let apk = b"P:a\nV:1\nF:etc\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n".repeat(9);
    let pip = b"\"etc/a\",sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n".repeat(9);
    let abc: Known<'_> = ("etc/a", b"abc");
    let cases: [(&str, &[u8], Known<'_>); 5] = [
        ("var/lib/rpm/rpmdb.sqlite", &sqlite, ("opt/keyhold/app.conf", &app)),
        ("var/lib/rpm/Packages.db", &rpm::ndb(), ("opt/keyhold/plain", PLAIN.as_bytes())),
        ("var/lib/dpkg/status", &dpkg, abc),
        ("lib/apk/db/installed", &apk, abc),
        ("a-1.dist-info/RECORD", &pip, abc),
    ];
    let start = Instant::now();
    for (path, database, known) in cases {
        let whole = read(path, database, 4096, &[known]);
        assert_eq!(whole, (1, Vec::new()), "{path}");
        assert_eq!(read(path, database, 7, &[known]), whole, "{path}");
        for number in 0..200 {
            let seed = &mut Seed(number);
            let database = damaged(database, seed);
            read(path, &database, 1 + seed.below(100_000), &[known]);
        }
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

/// An ndb whose slots all lead to one large package.
#[test]
fn packages_that_share_their_bytes_are_read_once() {
    let (pages, size) = (64_usize, 8_000_000_usize);
    let mut database = vec![0; pages * 4096];
    database[..4].copy_from_slice(b"RpmP");
    database[12..16].copy_from_slice(&(pages as u32).to_le_bytes());
    for slot in database[32..].chunks_exact_mut(16) {
        slot[..4].copy_from_slice(b"Slot");
        slot[4..8].copy_from_slice(&7_u32.to_le_bytes());
        slot[8..12].copy_from_slice(&((pages * 256) as u32).to_le_bytes());
    }
    database.extend(b"BlbS");
    database.extend([7_u32, 1, size as u32].iter().flat_map(|number| number.to_le_bytes()));
    database.resize(database.len() + size, 0);
    let start = Instant::now();
    let (_, notes) = read("var/lib/rpm/Packages.db", &database, 1 << 20, &[]);
    assert!(notes[0].contains("overlap"), "{notes:?}");
    assert!(start.elapsed() < SOON);
}

/// An SQLite tree whose root is its own child.
#[test]
fn pages_that_lead_in_circles_are_read_once() {
    let folder = rpm::installed();
    let path = folder.path().join("root/var/lib/rpm/rpmdb.sqlite");
    let root = "select rootpage, (select page_size from pragma_page_size) from sqlite_schema where name = 'Packages'";
    let said = run("sqlite3", &[path.to_str().expect("UTF-8"), root], folder.path());
    let said = String::from_utf8(said).expect("ASCII");
    let (page, size) = said.trim().split_once('|').expect("two numbers");
    let (page, size): (u32, usize) = (page.parse().expect("a number"), size.parse().expect("a number"));
    let mut database = std::fs::read(&path).expect("the database");
    let at = (page as usize - 1) * size;
    assert_eq!(database[at], 5, "the table has inner pages");
    database[at + 8..at + 12].copy_from_slice(&page.to_be_bytes());
    let (_, notes) = read("var/lib/rpm/rpmdb.sqlite", &database, 1 << 20, &[]);
    assert!(notes[0].contains("a page is damaged"), "{notes:?}");
}

#[test]
fn a_database_that_is_too_large_is_a_warning() {
    let mut databases = Databases::default();
    databases.begin(b"./usr/share/rpm/rpmdb.sqlite");
    let piece = vec![0; 1 << 20];
    (0..65).for_each(|number| databases.data(&piece, number << 20));
    databases.end();
    let (packages, notes) = databases.finish();
    assert!(packages.is_empty() && notes[0].contains("more than 67108864 bytes"), "{notes:?}");
}
