//! Report files: written whole under another name in the target's folder, then renamed. What stands
//! under the target's name is never a part of a report.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::interrupt::UNFINISHED;
use crate::serve::fault;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The path is a folder.
    #[error("cannot write {0}: it is a folder; name a file in it")]
    Folder(PathBuf),
    /// The folder is missing.
    #[error("cannot write {0}: there is no folder {1}; make it first")]
    NoFolder(PathBuf, PathBuf),
    /// The system refused.
    #[error("cannot write {0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Checks, before a long scan, that a report can be written to `path`.
pub fn check(path: &Path) -> Result<(), FileError> {
    if path.is_dir() || path.file_name().is_none() {
        return Err(FileError::Folder(path.to_owned()));
    }
    let folder = folder(path);
    match folder.is_dir() {
        true => Ok(()),
        false => Err(FileError::NoFolder(path.to_owned(), folder.to_owned())),
    }
}

/// Writes `bytes` as the file at `path`, readable by its owner alone. A device, a pipe or a socket,
/// and what lies in `/dev` and `/proc`, is written to as it is: a rename would replace it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    check(path)?;
    let written = match takes_writes_in_place(path) {
        true => OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(bytes)),
        false => replace(path, bytes),
    };
    match written {
        // Who reads a pipe may leave early.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(FileError::Io(path.to_owned(), error)),
        _ => Ok(()),
    }
}

fn takes_writes_in_place(path: &Path) -> bool {
    let special = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    special || fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// Writes a file whole that may as well be lost: the disk is not waited for.
///
/// # Errors
/// When it cannot be written.
pub fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    place(path, bytes, |_| Ok(()))
}

/// The same of a file that must not be lost: when this returns, it outlives the end of the machine.
///
/// # Errors
/// When it cannot be written.
pub fn keep_for_good(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes)?;
    File::open(folder(path))?.sync_all()
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    place(path, bytes, File::sync_all)
}

/// Writes a file beside, has it settled, and gives it its name.
fn place(path: &Path, bytes: &[u8], settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let unfinished = Unfinished::beside(path)?;
    fault::point("file-begun");
    (&unfinished.file).write_all(bytes)?;
    settle(&unfinished.file)?;
    fault::point("file-written");
    fs::rename(&unfinished.path, path)?;
    fault::point("file-renamed");
    Ok(())
}

/// A file that is removed again unless it was renamed, also when a signal ends the program.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    fn beside(path: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!(".keyseam-{:016x}.part", u64::from_ne_bytes(random));
        let path = folder(path).join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = UNFINISHED.make(&path, || options.open(&path))?;
        Ok(Self { path, file })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = fs::remove_file(&self.path);
        UNFINISHED.forget(&self.path);
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_replaces_the_old_one_whole_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("report.json");
        fs::write(&path, "an older and longer report").expect("written");
        write(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        let path = folder.path().join("report.json");
        std::os::unix::fs::symlink(&victim, &path).expect("linked");
        write(&path, b"new").expect("written");
        assert_eq!(fs::read(&victim).expect("read"), b"precious");
        assert_eq!(fs::read(&path).expect("read"), b"new");
    }

    #[test]
    fn a_failed_rename_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("taken");
        fs::create_dir(&path).expect("made");
        assert!(replace(&path, b"new").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn wrong_places_are_named_before_the_scan() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(check(folder.path()), Err(FileError::Folder(_))));
        assert!(matches!(check(&folder.path().join("no/report.json")), Err(FileError::NoFolder(..))));
        assert!(check(Path::new("report.json")).is_ok());
    }

    #[test]
    fn devices_stay_what_they_are() {
        write(Path::new("/dev/null"), b"gone").expect("written");
        let metadata = fs::metadata("/dev/null").expect("there");
        assert!(!metadata.is_file());
    }
}
