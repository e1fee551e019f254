//! apk's record of all installed packages, `lib/apk/db/installed`: paragraphs of lines that begin with a
//! letter. `P:` name, `V:` version, `F:` a folder, `R:` a file in it, `Z:` the file's digest (`Q1` and
//! SHA-1 in base64; `Q2` and SHA-256 since version 3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Manager;
use super::databases::LineRecords;
use super::digest::{Algorithm, RecordedDigest};
use super::index::{Builder, PackageNumber};

/// One paragraph so far.
#[derive(Default)]
pub(super) struct Installed {
    name: Vec<u8>,
    version: Vec<u8>,
    package: Option<PackageNumber>,
    folder: Vec<u8>,
    file: Option<Vec<u8>>,
}

impl LineRecords for Installed {
    fn line(&mut self, line: &[u8], index: &mut Builder) {
        let Some((letter, value)) = line.split_at_checked(2) else {
            self.put(None, index);
            *self = Self::default();
            return;
        };
        match letter {
            b"P:" => self.name = value.to_vec(),
            b"V:" => self.version = value.to_vec(),
            b"F:" => {
                self.put(None, index);
                self.folder = value.to_vec();
            }
            b"R:" => {
                self.put(None, index);
                self.file = Some(value.to_vec());
            }
            b"Z:" => self.put(digest(value), index),
            _ => {}
        }
    }

    fn end(&mut self, index: &mut Builder) {
        self.put(None, index);
    }
}

impl Installed {
    /// Records the file that was named last.
    fn put(&mut self, digest: Option<RecordedDigest>, index: &mut Builder) {
        let Some(file) = self.file.take() else { return };
        if self.package.is_none() {
            self.package = index.package(Manager::Apk, &self.name, Some(&self.version));
        }
        if let Some(package) = self.package {
            index.file(package, &[&self.folder, &b"/"[..], &file].concat(), digest);
        }
    }
}

fn digest(value: &[u8]) -> Option<RecordedDigest> {
    let (algorithm, text) = match value.split_at_checked(2)? {
        (b"Q1", text) => (Algorithm::Sha1, text),
        (b"Q2", text) => (Algorithm::Sha256, text),
        _ => return None,
    };
    RecordedDigest::from_bytes(algorithm, &STANDARD.decode(text).ok()?)
}
