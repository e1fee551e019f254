//! Files as a tar, made as it is read: ustar with pax records (POSIX.1-2001) for what that has no room for.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use super::{Entry, EntryKind};

const BLOCK: usize = 512;

/// A file that grows while it is read is read to here, one that shrinks is filled up with zeros.
struct Body {
    file: File,
    left: u64,
    padding: usize,
}

/// The tar of some entries.
pub(super) struct Archive {
    entries: std::vec::IntoIter<Entry>,
    /// Bytes that go out next.
    head: io::Cursor<Vec<u8>>,
    body: Option<Body>,
    has_ended: bool,
}

impl Archive {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { entries: entries.into_iter(), head: io::Cursor::new(Vec::new()), body: None, has_ended: false }
    }

    /// Goes on to the next entry.
    fn next(&mut self) -> io::Result<()> {
        let Some(entry) = self.entries.next() else {
            self.head = io::Cursor::new(vec![0; 2 * BLOCK]);
            self.has_ended = true;
            return Ok(());
        };
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(&entry.path)))
        };
        let (size, flag, target) = match &entry.kind {
            EntryKind::File => {
                let file = File::open(&entry.at).map_err(named)?;
                let size = file.metadata().map_err(named)?.len();
                let padding = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
                self.body = Some(Body { file, left: size, padding });
                (size, b'0', Vec::new())
            }
            EntryKind::Link(target) => (0, b'2', target.as_os_str().as_bytes().to_owned()),
        };
        let mut records = Vec::new();
        record(&mut records, "path", &entry.path);
        if !target.is_empty() {
            record(&mut records, "linkpath", &target);
        }
        record(&mut records, "size", size.to_string().as_bytes());
        let mut head = header(b"context", records.len() as u64, b'x');
        head.extend_from_slice(&records);
        head.resize(head.len().next_multiple_of(BLOCK), 0);
        // A size that has no room here is said by its record.
        head.extend(header(b"file", size.min(0o77_777_777_777), flag));
        self.head = io::Cursor::new(head);
        Ok(())
    }
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.head.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(body) = &mut self.body {
                let read = body.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
                self.body = None;
            }
            if self.has_ended {
                return Ok(0);
            }
            self.next()?;
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let mut read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            buffer.get_mut(..most).unwrap_or_default().fill(0);
            read = most;
        }
        self.left -= read as u64;
        if read == 0 {
            read = self.padding.min(buffer.len());
            buffer.get_mut(..read).unwrap_or_default().fill(0);
            self.padding -= read;
        }
        Ok(read)
    }
}

/// Adds `LENGTH NAME=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, name: &str, value: &[u8]) {
    let rest = 1 + name.len() + 1 + value.len() + 1;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {name}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn header(name: &[u8], size: u64, flag: u8) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[flag]);
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// Unpacked by GNU tar.
    #[test]
    fn a_tar_of_files_and_links_is_read_by_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = format!("{}/{}", "d".repeat(200), "f".repeat(100));
        let files: [(&str, &[u8]); 3] = [("empty", b""), ("one", &[7; 512]), (&long, b"some text")];
        let entries = files.iter().enumerate().map(|(number, (name, bytes))| {
            let at = folder.path().join(number.to_string());
            std::fs::write(&at, bytes).expect("written");
            Entry { path: name.as_bytes().to_owned(), at, kind: EntryKind::File }
        });
        let target = EntryKind::Link("to/there".into());
        let link = Entry { path: b"a\xFFlink".to_vec(), at: PathBuf::new(), kind: target };
        let mut bytes = Vec::new();
        Archive::new(entries.chain([link]).collect()).read_to_end(&mut bytes).expect("a tar");
        let archive = folder.path().join("context.tar");
        std::fs::write(&archive, bytes).expect("written");
        let out = folder.path().join("out");
        std::fs::create_dir(&out).expect("made");
        let tar =
            Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&out).output().expect("tar is there");
        assert!(tar.status.success() && tar.stderr.is_empty(), "{}", String::from_utf8_lossy(&tar.stderr));
        for (name, bytes) in files {
            assert_eq!(std::fs::read(out.join(name)).expect(name), bytes);
        }
        let link = out.join(std::ffi::OsStr::from_bytes(b"a\xFFlink"));
        assert_eq!(std::fs::read_link(link).expect("a link"), PathBuf::from("to/there"));
    }

    #[test]
    fn a_file_that_is_gone_is_an_error_that_names_it() {
        let gone = Entry { path: b"app/gone".to_vec(), at: PathBuf::from("/no/such"), kind: EntryKind::File };
        let error = Archive::new(vec![gone]).read_to_end(&mut Vec::new()).expect_err("an error");
        assert!(error.to_string().starts_with("app/gone: "), "{error}");
    }

    #[test]
    fn a_length_counts_its_own_digits() {
        for length in [1, 90, 91, 92, 93, 94, 990, 991, 992] {
            let mut records = Vec::new();
            record(&mut records, "path", &vec![b'a'; length]);
            let said = String::from_utf8_lossy(&records).split(' ').next().and_then(|text| text.parse().ok());
            assert_eq!(said, Some(records.len()));
        }
    }
}
