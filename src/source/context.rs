//! A build context: the files of a folder that a COPY could bring into an image, as an image of one layer that
//! does not exist yet. Nothing is written: the layer's tar is made as it is read.

mod archive;

use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{ImageSource, SourceError};
use crate::dockerfile::ignore::Ignore;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageError, ImageKind};
use crate::image::platform::PlatformSet;
use crate::limits;
use crate::report::model::SourceKind;
use archive::Archive;

/// The Dockerfile's usual name.
pub const DOCKERFILE: &str = "Dockerfile";

/// The name of the file of patterns.
const IGNORE_FILE: &str = ".dockerignore";

/// A build context.
#[derive(Debug)]
pub struct Context {
    folder: PathBuf,
    dockerfile: Option<PathBuf>,
    entries: Vec<Entry>,
    errors: Vec<ImageError>,
    warnings: Vec<String>,
}

/// What a COPY would bring in.
#[derive(Clone, Debug)]
struct Entry {
    /// Its path in the context, with `/` between its parts.
    path: Vec<u8>,
    /// Where it is read from.
    at: PathBuf,
    kind: EntryKind,
}

#[derive(Clone, Debug)]
enum EntryKind {
    File,
    Link(PathBuf),
}

impl Context {
    /// Looks through a folder: its files but for what `.dockerignore` leaves out, and the Dockerfile, whatever that
    /// says. `dockerfile` is the Dockerfile's path where it is not the folder's own; a `.dockerignore` that
    /// is called after it goes first, as with BuildKit.
    ///
    /// # Errors
    /// When the folder or the Dockerfile that was named cannot be read, or a pattern is none.
    pub fn open(folder: &Path, dockerfile: Option<&Path>) -> Result<Self, SourceError> {
        let invalid = |path: &Path, problem: &dyn std::fmt::Display| {
            SourceError::Invalid(format!("{}: {problem}", path.display()))
        };
        let is_folder = fs::metadata(folder).map_err(|error| invalid(folder, &error))?.is_dir();
        if !is_folder {
            return Err(invalid(folder, &"it is no folder; name the folder that would be the build context"));
        }
        let own = folder.join(DOCKERFILE);
        let dockerfile = match dockerfile {
            Some(named) => {
                fs::File::open(named).map_err(|error| invalid(named, &error))?;
                Some(named.to_owned())
            }
            None => own.is_file().then_some(own),
        };
        let ignore = ignore(folder, dockerfile.as_deref())?;
        let (entries, errors, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let folder = folder.to_owned();
        let mut context = Self { folder, dockerfile, entries, errors, warnings };
        context.walk(&ignore);
        context.take_dockerfile();
        Ok(context)
    }

    /// The Dockerfile, if there is one.
    pub fn dockerfile(&self) -> Option<&Path> {
        self.dockerfile.as_deref()
    }

    /// How the Dockerfile is called in the findings.
    pub fn dockerfile_name(&self) -> Option<Vec<u8>> {
        let path = self.dockerfile.as_deref()?;
        let inside = path.strip_prefix(&self.folder).ok();
        Some(inside.unwrap_or(path).as_os_str().as_bytes().to_owned())
    }

    fn walk(&mut self, ignore: &Ignore) {
        let mut folders = vec![Vec::new()];
        while let Some(folder) = folders.pop() {
            let at = self.folder.join(as_path(&folder));
            let listed = fs::read_dir(&at).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
            let mut listed = match listed {
                Ok(listed) => listed,
                Err(error) => {
                    self.unreadable(&folder, &error);
                    continue;
                }
            };
            listed.sort_by_key(fs::DirEntry::file_name);
            for entry in listed {
                let name = entry.file_name().into_vec();
                let path = if folder.is_empty() { name } else { [&folder[..], b"/", &name].concat() };
                let is_out = ignore.leaves_out(&path);
                let Ok(kind) = entry.file_type() else { continue };
                if is_out && !(kind.is_dir() && ignore.takes_back()) {
                    continue;
                }
                if self.entries.len() == limits::ENTRIES {
                    let message = format!("it holds more than {} files", limits::ENTRIES);
                    self.errors.push(ImageError { layer: None, reason: "limit", message });
                    return;
                }
                if kind.is_dir() {
                    folders.push(path);
                } else {
                    self.take(path, entry.path(), kind);
                }
            }
        }
        self.entries.sort_by(|one, other| one.path.cmp(&other.path));
    }

    /// Takes a file or a link. What is neither enters no image.
    fn take(&mut self, path: Vec<u8>, at: PathBuf, kind: fs::FileType) {
        if kind.is_symlink() {
            match fs::read_link(&at) {
                Ok(target) => self.entries.push(Entry { path, at, kind: EntryKind::Link(target) }),
                Err(error) => self.unreadable(&path, &error),
            }
        } else if kind.is_file() {
            match fs::File::open(&at) {
                Ok(_) => self.entries.push(Entry { path, at, kind: EntryKind::File }),
                Err(error) => self.unreadable(&path, &error),
            }
        }
    }

    /// The Dockerfile is read whether or not a COPY can see it.
    fn take_dockerfile(&mut self) {
        let (Some(at), Some(path)) = (self.dockerfile.clone(), self.dockerfile_name()) else { return };
        if !self.entries.iter().any(|entry| entry.path == path) {
            self.entries.push(Entry { path, at, kind: EntryKind::File });
        }
    }

    fn unreadable(&mut self, path: &[u8], error: &std::io::Error) {
        if self.errors.len() < limits::ERRORS_LISTED {
            let message = format!("{}: {error}", String::from_utf8_lossy(path));
            self.errors.push(ImageError { layer: None, reason: "unreadable", message });
        }
    }

    /// Says something that changes no exit status.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

/// The patterns that a context goes by.
fn ignore(folder: &Path, dockerfile: Option<&Path>) -> Result<Ignore, SourceError> {
    let of_dockerfile = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(IGNORE_FILE);
        PathBuf::from(name)
    });
    let all = of_dockerfile.into_iter().chain([folder.join(IGNORE_FILE)]);
    for path in all {
        let mut bytes = Vec::new();
        let read = fs::File::open(&path)
            .and_then(|file| file.take(limits::DOCKERIGNORE.saturating_add(1)).read_to_end(&mut bytes));
        let invalid =
            |problem: &dyn std::fmt::Display| SourceError::Invalid(format!("{}: {problem}", path.display()));
        match read {
            Ok(_) if bytes.len() as u64 > limits::DOCKERIGNORE => return Err(invalid(&"it is too large")),
            Ok(_) => return Ignore::parse(&bytes).map_err(|error| invalid(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(invalid(&error)),
        }
    }
    Ok(Ignore::default())
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

impl ImageSource for Context {
    fn kind(&self) -> SourceKind {
        SourceKind::Context
    }

    fn resolve(&self, _platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
        let layer = ImageBlob {
            key: BlobKey("context".to_owned()),
            digest: None,
            size: None,
            diff_id: None,
            media_type: None,
            annotations: Default::default(),
        };
        let (errors, warnings) = (self.errors.clone(), self.warnings.clone());
        Ok(vec![Image { layers: vec![layer], errors, warnings, ..Image::new(ImageKind::Image) }])
    }

    fn open(&self, _blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(Archive::new(self.entries.clone())))
    }
}
