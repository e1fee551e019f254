//! Tars that GNU tar, bsdtar and Python's tarfile write, read by us and by Python's tarfile: both must see
//! the same entries with the same content, and nothing may look odd.

use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use keyseam::layer::tar::{EntryKind, MetaKind, RawKind, TarEvent, TarReader};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// One entry as either reader sees it.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct Listed {
    /// Bytes in hex, without a slash at the end.
    name: String,
    kind: String,
    link: String,
    size: u64,
    /// SHA-256 of the content with its holes, of files alone.
    content: Option<String>,
    /// Names and values of `SCHILY.xattr.` records, sorted.
    xattrs: Vec<(String, String)>,
}

/// What Python's tarfile makes of the tar in its first argument.
const LIST: &str = r#"
import hashlib, json, os, sys, tarfile
def octets(text):
    return os.fsencode(text).hex()
def content(archive, member):
    digest, stream = hashlib.sha256(), archive.extractfile(member)
    while piece := stream.read(1 << 16):
        digest.update(piece)
    return digest.hexdigest()
kinds = {b"0": "File", b"\0": "File", b"7": "File", b"S": "File", b"1": "HardLink", b"2": "Symlink",
         b"3": "CharDevice", b"4": "BlockDevice", b"5": "Directory", b"6": "Fifo"}
entries = []
with tarfile.open(sys.argv[1], "r:", errors="surrogateescape", encoding="utf-8") as archive:
    for member in archive:
        is_link = member.islnk() or member.issym()
        attributes = [(octets(name[13:]), octets(value)) for name, value in member.pax_headers.items()
                      if name.startswith("SCHILY.xattr.")]
        entries.append({
            "name": octets(member.name.rstrip("/")), "kind": kinds[member.type],
            "link": octets(member.linkname) if is_link else "",
            "size": member.size if member.isreg() else 0,
            "content": content(archive, member) if member.isreg() else None,
            "xattrs": sorted(attributes)})
print(json.dumps(entries))
"#;

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn listed_by_python(tar: &Path) -> Vec<Listed> {
    let json = run(Command::new("python3").args(["-c", LIST]).arg(tar));
    serde_json::from_slice(&json).expect("the listing is JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Collects the entries of our reader. Sizes are small here, so content may be expanded.
#[derive(Default)]
struct Lister {
    entries: Vec<Listed>,
    content: Vec<u8>,
    complaints: Vec<String>,
}

impl Lister {
    fn list(tar: &[u8], slice: usize) -> Self {
        let (mut lister, mut reader, mut events) = (Self::default(), TarReader::new(), Vec::new());
        for bytes in tar.chunks(slice) {
            reader.feed(bytes, &mut events);
            events.drain(..).for_each(|event| lister.take(event, bytes));
        }
        reader.finish(&mut events);
        events.drain(..).for_each(|event| lister.take(event, &[]));
        lister
    }

    fn take(&mut self, event: TarEvent, slice: &[u8]) {
        match event {
            TarEvent::Entry(entry) if entry.kind != EntryKind::Other => {
                let xattrs = entry.meta.iter().filter(|meta| meta.kind == MetaKind::Xattr);
                let mut xattrs: Vec<_> = xattrs.map(|meta| (hex(&meta.name), hex(&meta.value))).collect();
                xattrs.sort();
                let is_folder = entry.kind == EntryKind::Directory;
                let name = if is_folder { entry.path.trim_ascii_end() } else { &entry.path };
                let name = name.strip_suffix(b"/").filter(|_| is_folder).unwrap_or(name);
                self.entries.push(Listed {
                    name: hex(name),
                    kind: format!("{:?}", entry.kind),
                    link: hex(&entry.link),
                    size: entry.size,
                    content: None,
                    xattrs,
                });
                self.content.clear();
            }
            TarEvent::Entry(_) => self.entries.push(Listed { kind: "Other".to_owned(), ..Listed::default() }),
            TarEvent::Data { range, offset } => {
                let offset = usize::try_from(offset).expect("small");
                assert!(offset >= self.content.len(), "pieces come in order");
                self.content.resize(offset, 0);
                self.content.extend_from_slice(&slice[range]);
            }
            TarEvent::EntryEnd => self.end_entry(),
            TarEvent::Raw { kind: RawKind::Header, .. } => {}
            other => self.complaints.push(format!("{other:?}")),
        }
    }

    fn end_entry(&mut self) {
        let entry = self.entries.last_mut().expect("an entry began");
        match entry.kind.as_str() {
            "Other" => drop(self.entries.pop()),
            "File" => {
                self.content.resize(usize::try_from(entry.size).expect("small"), 0);
                entry.content = Some(hex(&Sha256::digest(&self.content)));
            }
            _ => {}
        }
    }
}

/// Compares both readings; `least` entries there must be.
fn compare(tar: &Path, least: usize) {
    let want = listed_by_python(tar);
    assert!(want.len() >= least, "{}: {} entries", tar.display(), want.len());
    let bytes = fs::read(tar).expect("the tar is there");
    for slice in [bytes.len(), 4099] {
        let ours = Lister::list(&bytes, slice);
        assert_eq!(ours.complaints, Vec::<String>::new(), "{}", tar.display());
        for (index, (ours, want)) in ours.entries.iter().zip(&want).enumerate() {
            assert_eq!(ours, want, "{}, entry {index}", tar.display());
        }
        assert_eq!(ours.entries.len(), want.len(), "{}", tar.display());
    }
}

/// A folder with one of everything that short names allow.
fn short_tree() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("dir/inner")).expect("created");
    for (name, size) in [("empty", 0), ("one", 1), ("dir/block", 512), ("dir/inner/more", 70_001)] {
        let content: Vec<u8> = (0..size).map(|index: u32| (index % 251) as u8).collect();
        fs::write(at(name), content).expect("written");
    }
    fs::hard_link(at("one"), at("zz-hard")).expect("linked");
    symlink("dir/block", at("soft")).expect("linked");
    run(Command::new("mkfifo").arg(at("fifo")));
    folder
}

/// The same, with names and targets that the plain header has no room for.
fn full_tree() -> TempDir {
    let folder = short_tree();
    let long: PathBuf = ["d".repeat(90), "e".repeat(90), "f".repeat(120)].iter().collect();
    let deep = folder.path().join(&long);
    fs::create_dir_all(&deep).expect("created");
    fs::write(deep.join("g".repeat(200)), "deep").expect("written");
    fs::hard_link(deep.join("g".repeat(200)), folder.path().join("zz-deep-hard")).expect("linked");
    symlink(long.join("t".repeat(150)), folder.path().join("deep-soft")).expect("linked");
    fs::write(folder.path().join("n\u{e4}me\nwith = odd \\ bytes"), "odd").expect("written");
    folder
}

/// Files with holes: none at the start, at both ends, only a hole, and more of them than a header holds.
fn sparse_tree() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let make = |name: &str, size: u64, starts: &[u64]| {
        let file = fs::File::create(folder.path().join(name)).expect("created");
        file.set_len(size).expect("resized");
        for start in starts {
            file.write_all_at(&[b'a' + (start / 4096 % 23) as u8; 700], *start).expect("written");
        }
    };
    make("front", 300_000, &[0, 100_000]);
    make("middle", 1_000_000, &[512_000]);
    make("end", 300_000, &[299_300]);
    make("hole", 200_000, &[]);
    let starts: Vec<u64> = (0..70).map(|index| index * 40_960).collect();
    make("many", 70 * 40_960 + 7, &starts);
    folder
}

fn gnu_tar(tree: &Path, arguments: &[&str]) {
    let (folder, tar) = (TempDir::new().expect("a temporary folder"), "made.tar");
    let tar = folder.path().join(tar);
    run(Command::new("tar")
        .arg("-C")
        .arg(tree)
        .args(arguments)
        .args(["--sort=name", "-cf"])
        .arg(&tar)
        .arg("."));
    compare(&tar, 5);
}

#[test]
fn gnu_tar_writes_what_we_read() {
    let (short, full) = (short_tree(), full_tree());
    gnu_tar(short.path(), &["--format=v7", "--exclude=./fifo"]);
    gnu_tar(short.path(), &["--format=ustar"]);
    gnu_tar(short.path(), &["--format=oldgnu"]);
    for format in ["--format=gnu", "--format=posix"] {
        gnu_tar(full.path(), &[format]);
        gnu_tar(full.path(), &[format, "--blocking-factor=1"]);
        gnu_tar(full.path(), &[format, "--hard-dereference", "--owner=a-long-owner:70000000"]);
    }
}

#[test]
fn gnu_tar_writes_sparse_files_that_we_read() {
    let tree = sparse_tree();
    let with = |arguments: &[&str]| {
        let sparse = ["--sparse", "--hole-detection=raw"];
        gnu_tar(tree.path(), &[&sparse, arguments].concat());
    };
    with(&["--format=oldgnu"]);
    with(&["--format=gnu"]);
    for version in ["--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"] {
        with(&["--format=posix", version]);
    }
}

#[test]
fn bsdtar_writes_what_we_read() {
    let (short, full, sparse) = (short_tree(), full_tree(), sparse_tree());
    let bsdtar = |tree: &Path, format: &str| {
        let folder = TempDir::new().expect("a temporary folder");
        let tar = folder.path().join("made.tar");
        run(Command::new("bsdtar").arg("-C").arg(tree).args(["--format", format, "-cf"]).arg(&tar).arg("."));
        compare(&tar, 5);
    };
    bsdtar(short.path(), "v7");
    bsdtar(short.path(), "ustar");
    for format in ["pax", "gnutar"] {
        bsdtar(full.path(), format);
        bsdtar(sparse.path(), format);
    }
}

/// Writes a tar into its second argument, in the format that its first argument names.
const WRITE: &str = r#"
import io, sys, tarfile
form = getattr(tarfile, sys.argv[1] + "_FORMAT")
everywhere = {"comment": "all"} if form == tarfile.PAX_FORMAT else None
with tarfile.open(sys.argv[2], "w", format=form, encoding="utf-8", pax_headers=everywhere) as archive:
    def add(name, kind=tarfile.REGTYPE, body=b"", **fields):
        member = tarfile.TarInfo(name)
        member.type, member.size = kind, len(body)
        for field, value in fields.items():
            setattr(member, field, value)
        archive.addfile(member, io.BytesIO(body))
    add("plain", body=b"x" * 1500, uname="a-long-user-name", mtime=12345)
    add("folder", tarfile.DIRTYPE)
    add("old", tarfile.AREGTYPE, b"abc")
    add("contiguous", tarfile.CONTTYPE, b"def")
    add("hard", tarfile.LNKTYPE, linkname="plain")
    add("soft", tarfile.SYMTYPE, linkname="../plain")
    add("char", tarfile.CHRTYPE, devmajor=5, devminor=1)
    add("block", tarfile.BLKTYPE, devmajor=8, devminor=1)
    add("fifo", tarfile.FIFOTYPE)
    add("p" * 80 + "/" + "q" * 90, body=b"prefix")
    if form != tarfile.USTAR_FORMAT:
        add("r" * 300, body=b"long")
        add("s" * 300, tarfile.SYMTYPE, linkname="t" * 400)
        add("big-id", body=b"id", uid=1 << 40, mtime=1 << 40)
        add("n\u00e4me", body=b"utf-8")
    if form == tarfile.PAX_FORMAT:
        add("attributes", body=b"a", pax_headers={
            "SCHILY.xattr.user.one": "value\nwith = signs", "SCHILY.xattr.user.two": "x" * 3000,
            "VENDOR.other": "text", "mtime": "1.25"})
"#;

#[test]
fn python_writes_what_we_read() {
    let folder = TempDir::new().expect("a temporary folder");
    for format in ["USTAR", "GNU", "PAX"] {
        let tar = folder.path().join(format);
        run(Command::new("python3").args(["-c", WRITE, format]).arg(&tar));
        compare(&tar, 10);
    }
}
