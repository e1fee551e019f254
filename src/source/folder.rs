//! A folder that holds an OCI layout. Nothing outside of it is read, whatever links it holds, and
//! only regular files are opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::image::manifest::{BlobKey, ImageError};

use super::SourceError;
use super::store::{Member, MemberError, Store};

/// The folder, by its real path.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let io = |error| SourceError::Io { what: path.display().to_string(), error };
        let root = fs::canonicalize(path).map_err(io)?;
        if root.join("index.json").is_file() {
            return Ok(Self { root });
        }
        let hint = if root.join("version").is_file() && root.join("manifest.json").is_file() {
            "it looks like a folder of skopeo's dir transport: use skopeo copy dir:… oci:…"
        } else {
            "it has no index.json"
        };
        Err(SourceError::Invalid(format!("{} is no OCI layout: {hint}", path.display())))
    }

    /// The real path of a member, which is a regular file inside of the folder.
    fn locate(&self, name: &str) -> Result<(PathBuf, u64), MemberError> {
        let path = fs::canonicalize(self.root.join(name)).map_err(missing_or_io)?;
        if !path.starts_with(&self.root) {
            return Err(MemberError::Refused("is a link that leads out of the folder".to_owned()));
        }
        // Opening a named pipe would wait for its writer, hence the look before.
        let size = regular(&fs::metadata(&path).map_err(missing_or_io)?)?;
        Ok((path, size))
    }
}

impl Store for Folder {
    fn find(&self, name: &str) -> Result<Member, MemberError> {
        let (path, size) = self.locate(name)?;
        let inside = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
        // A name that links made unprintable is still found under the name that was asked for.
        Ok(Member { key: BlobKey(inside.unwrap_or(name).replace('\\', "/")), size })
    }

    fn open(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, MemberError> {
        let (path, _) = self.locate(&key.0)?;
        let file = File::open(path).map_err(missing_or_io)?;
        regular(&file.metadata().map_err(MemberError::Io)?)?;
        Ok(Box::new(file))
    }

    fn damage(&self) -> Vec<ImageError> {
        Vec::new()
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

fn regular(metadata: &fs::Metadata) -> Result<u64, MemberError> {
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(MemberError::Refused("is not a regular file".to_owned()))
    }
}

fn missing_or_io(error: io::Error) -> MemberError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => MemberError::Missing,
        _ => MemberError::Io(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn reads_regular_files_inside_only() {
        let outer = tempfile::tempdir().expect("a folder");
        let root = outer.path().join("layout");
        fs::create_dir_all(root.join("blobs")).expect("folders");
        for (path, text) in [("layout/index.json", "{}"), ("layout/blobs/a", "abc"), ("secret", "outside")] {
            fs::write(outer.path().join(path), text).expect("a file");
        }
        std::os::unix::fs::symlink("../../secret", root.join("blobs/out")).expect("a link");
        std::os::unix::fs::symlink("a", root.join("blobs/in")).expect("a link");
        let folder = Folder::open(&root).expect("a layout");
        assert_eq!(folder.document("blobs/in", 3).expect("inside"), b"abc");
        assert_eq!(folder.find("blobs/in").expect("inside").key.0, "blobs/a");
        assert!(matches!(folder.find("blobs/out"), Err(MemberError::Refused(_))));
        assert!(matches!(folder.find("blobs"), Err(MemberError::Refused(_))));
        assert!(matches!(folder.find("../secret"), Err(MemberError::Refused(_))));
        assert!(matches!(folder.find("blobs/none"), Err(MemberError::Missing)));
        assert!(matches!(folder.document("blobs/a", 2), Err(MemberError::TooLarge { .. })));
    }
}
