//! Contents that are searched as they lie because they cannot be opened: told by their first bytes, so
//! that nobody takes a compressed file for one that was read.

use std::collections::BTreeMap;

use crate::limits::OPAQUE_LISTED;

/// How many contents of a blob could not be opened, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opaque {
    /// How many, by the kind of container.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// The first of their paths, as recorded.
    pub paths: Vec<Vec<u8>>,
}

impl Opaque {
    /// Notes a file that begins with `head`, if it is a container.
    pub fn note(&mut self, head: &[u8], path: &[u8]) {
        let Some(reason) = container(head) else { return };
        *self.by_reason.entry(reason).or_default() += 1;
        if self.paths.len() < OPAQUE_LISTED {
            self.paths.push(path.to_vec());
        }
    }
}

/// Archives and compressed files by their magic bytes.
fn container(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 13] = [
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"!<arch>\ndebian-binary", "deb"),
        (b"\xed\xab\xee\xdb", "rpm"),
        (b"070701", "cpio"),
        (b"070702", "cpio"),
        (b"hsqs", "squashfs"),
        (b"Rar!\x1a\x07", "rar"),
        (b"SQLite format 3\0", "sqlite"),
    ];
    let bzip2 = || head.starts_with(b"BZh") && head.get(4..10) == Some(b"1AY&SY");
    let tar = || head.get(257..262) == Some(b"ustar");
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    known.or_else(|| bzip2().then_some("bzip2")).or_else(|| tar().then_some("tar"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn containers_made_by_real_tools_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("text"), "text\n".repeat(100)).expect("written");
        let script = "cd \"$0\" && gzip -k text && xz -k text && zstd -qk text && bzip2 -k text && tar cf text.tar text \
             && python3 -c 'import zipfile; zipfile.ZipFile(\"text.zip\", \"w\").write(\"text\")' \
             && python3 -c 'import sqlite3; c = sqlite3.connect(\"text.db\"); c.execute(\"create table t(x)\"); c.commit()'";
        let status = Command::new("sh").arg("-c").arg(script).arg(folder.path()).status().expect("a shell");
        assert!(status.success());
        let known = [
            ("gz", "gzip"),
            ("xz", "xz"),
            ("zst", "zstd"),
            ("bz2", "bzip2"),
            ("tar", "tar"),
            ("zip", "zip"),
            ("db", "sqlite"),
        ];
        for (ending, reason) in known {
            let bytes = std::fs::read(path(&format!("text.{ending}"))).expect("made");
            assert_eq!(container(&bytes), Some(reason), "{ending}");
        }
        assert_eq!(container(&std::fs::read(path("text")).expect("made")), None);
        assert_eq!(container(b""), None);
    }

    #[test]
    fn paths_are_listed_up_to_the_limit_and_all_are_counted() {
        let mut opaque = Opaque::default();
        for number in 0..OPAQUE_LISTED + 5 {
            opaque.note(b"PK\x03\x04rest", number.to_string().as_bytes());
        }
        assert_eq!((opaque.by_reason["zip"], opaque.paths.len()), (OPAQUE_LISTED as u64 + 5, OPAQUE_LISTED));
    }
}
