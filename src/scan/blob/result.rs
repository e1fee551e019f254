//! What is known of one blob when it was read.

use crate::detect::Key;
use crate::dockerfile::Dockerfile;
use crate::image::digest::Digest;
use crate::layer::decompress::Compression;
use crate::layer::entry_log::EntryLog;
use crate::limits::ERRORS_LISTED;
use crate::package::Packages;
use crate::scan::caps::Lost;
use crate::scan::hashed::Digests;
use crate::scan::matches::Match;
use crate::scan::opaque::Opaque;
use crate::scan::unsearched::{Unsearched, message};

/// All that was learned of one blob.
#[derive(Debug)]
pub struct BlobScan {
    /// Whether it was not read now, but is what another run made of the same bytes.
    pub cached: bool,
    /// Digest of the stored bytes; none where they could not be read to their end.
    pub digest: Option<Digest>,
    /// Stored bytes read.
    pub stored: u64,
    /// Digest of the content, where it was asked for or costs nothing.
    pub diff_id: Option<Digest>,
    /// How it is compressed.
    pub compression: Compression,
    /// Whether the content is a tar.
    pub is_tar: bool,
    /// Whether the content is JSON, and how it was read.
    pub json: Option<JsonReading>,
    /// The entries of the tar.
    pub entries: EntryLog,
    /// The keys.
    pub matches: Vec<Match>,
    /// Digests of the files that hold keys, as far as they may be packaged.
    pub digests: Digests,
    /// The packages of which it holds records.
    pub packages: Packages,
    /// Files in the tar.
    pub files: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Stored bytes, or bytes of content known of, that were not searched.
    pub skipped: u64,
    /// What was not read.
    pub errors: Vec<BlobError>,
    /// Oddities.
    pub warnings: Vec<String>,
    /// Files that were searched as they lie.
    pub opaque: Opaque,
    /// Values of build arguments in an attestation that no report may show, whether or not they are keys.
    pub secrets: Vec<Key>,
    /// The Dockerfile in an attestation, and what it is called there.
    pub dockerfile: Option<(String, Dockerfile)>,
}

/// How a JSON document was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum JsonReading {
    /// As any text: escapes and encodings in it may hide keys.
    AsItLies,
    /// By what it says, too.
    AsDocument,
}

impl BlobScan {
    pub(super) fn nothing() -> Self {
        Self {
            cached: false,
            digest: None,
            stored: 0,
            diff_id: None,
            compression: Compression::None,
            is_tar: true,
            json: None,
            entries: EntryLog::default(),
            matches: Vec::new(),
            digests: Digests::new(),
            packages: Packages::default(),
            files: 0,
            bytes: 0,
            skipped: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
            opaque: Opaque::default(),
            secrets: Vec::new(),
            dockerfile: None,
        }
    }

    /// Says what is not kept of the keys that were found.
    pub(super) fn miss(&mut self, lost: Lost) {
        let room = ERRORS_LISTED.saturating_sub(self.errors.len());
        let (files, more) = lost.by_file.split_at(room.min(lost.by_file.len()));
        for (path, count) in files {
            let message = format!("{count} more keys, or places of them, are not reported");
            let path = (!path.is_empty()).then(|| path.to_vec());
            self.errors.push(BlobError { path, reason: "limit", message });
        }
        let others = more.iter().fold(lost.others, |sum, (_, count)| sum.saturating_add(*count));
        if others > 0 {
            let message =
                format!("{others} more keys, or places of them, are not reported: there are too many in all");
            self.errors.push(BlobError { path: None, reason: "limit", message });
        }
    }

    /// Says what was not searched to its end.
    pub(super) fn leave(&mut self, unsearched: Unsearched) {
        let room = ERRORS_LISTED.saturating_sub(self.errors.len());
        let errors = unsearched.by_file(room).into_iter().map(|(path, stretches)| BlobError {
            path: path.filter(|path| !path.is_empty()).map(|path| path.to_vec()),
            reason: "limit",
            message: message(stretches),
        });
        self.errors.extend(errors);
    }
}

/// Something of a blob that was not read, or not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobError {
    /// The file in it, as recorded.
    pub path: Option<Vec<u8>>,
    /// A word for programs.
    pub reason: &'static str,
    /// One clear line.
    pub message: String,
}
