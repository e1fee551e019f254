//! A push, whoever tells of it.

use crate::image::digest::Digest;
use crate::image::media_type;
use crate::serve::door::fault_of_json;
use crate::target::reference;

/// A manifest that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The repository, as its registry names it.
    pub repository: String,
    /// The manifest's digest, or a tag where only that is told.
    pub reference: String,
}

/// Why a body tells of nothing: one clear line, without its words.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It is something else.
    #[error("it is no notification of {0}: {1}")]
    Form(&'static str, String),
    /// There is too much in it.
    #[error("it tells of more than {0} events at once")]
    TooMany(usize),
}

impl NotifyError {
    /// Of what serde says, which may repeat words of the body.
    pub(super) fn of(source: &'static str, error: &serde_json::Error) -> Self {
        Self::Form(source, fault_of_json(error))
    }
}

impl Pushed {
    /// A push of a manifest with this name and digest or tag. None where these are none, and where it is a
    /// signature or the like that is attached to an image.
    pub(super) fn new(repository: &str, digest: Option<&str>, tag: Option<&str>) -> Option<Self> {
        // Only its form is looked at: any host does. The name is to be the whole of it: no tag hides in it.
        let fits = |reference: &str| {
            let parsed = reference::parse(&format!("localhost/{repository}{reference}"));
            parsed.is_ok_and(|parsed| parsed.repository() == repository)
        };
        if tag.is_some_and(reference::is_attachment) {
            return None;
        }
        let digest = digest.filter(|digest| digest.parse::<Digest>().is_ok());
        let reference = match (digest, tag) {
            (Some(digest), _) if fits("") => digest,
            (None, Some(tag)) if fits(&format!(":{tag}")) => tag,
            _ => return None,
        };
        Some(Self { repository: repository.to_owned(), reference: reference.to_owned() })
    }
}

/// Whether a media type is one of manifests and indexes.
pub(super) fn is_manifest(media_type: &str) -> bool {
    media_type::manifest_kind(media_type).is_some()
}
