//! Whether the bytes that were read are those that the manifest and the config name.

use crate::image::manifest::{Image, ImageBlob, ImageKind};
use crate::layer::decompress::Compression;
use crate::scan::blob::{BlobError, BlobScan};

/// What is wrong with a blob of `image`, as read. Every line names the blob.
pub fn errors(image: &Image, blob: &ImageBlob, scan: &BlobScan, is_layer: bool) -> Vec<BlobError> {
    let name = name(blob);
    let error = |reason, message| BlobError { path: None, reason, message };
    let mut errors = Vec::new();
    if let (Some(size), true) = (blob.size, scan.digest.is_some())
        && size != scan.stored
    {
        errors.push(error("size-mismatch", format!("{name} has {} bytes, not {size}", scan.stored)));
    }
    if let (Some(wanted), Some(read)) = (&blob.digest, &scan.digest)
        && wanted != read
    {
        errors.push(error("digest-mismatch", format!("{name}: its bytes have the digest {read}")));
    }
    if let (Some(wanted), Some(read)) = (&blob.diff_id, &scan.diff_id)
        && wanted != read
    {
        let message = format!("{name}: its content has the diff_id {read}, not {wanted}");
        errors.push(error("diff-id-mismatch", message));
    }
    if image.kind == ImageKind::Image && is_layer && !scan.is_tar {
        errors.push(error("not-a-tar", format!("{name} is not a tar; it was searched as one file")));
    }
    errors
}

/// What is odd about a blob, as read.
pub fn warnings(blob: &ImageBlob, scan: &BlobScan) -> Vec<String> {
    let Some(media_type) = &blob.media_type else { return Vec::new() };
    match said(media_type) {
        Some(said) if said != scan.compression && scan.digest.is_some() && scan.stored > 0 => {
            let found = scan.compression.name();
            vec![format!("{}: media type {media_type}, but its compression is {found}", name(blob))]
        }
        _ => Vec::new(),
    }
}

/// What to call a blob in a line for people.
pub fn name(blob: &ImageBlob) -> String {
    match (&blob.digest, &blob.diff_id) {
        (Some(digest), _) => format!("blob {digest}"),
        (None, Some(diff_id)) => format!("layer with diff_id {diff_id}"),
        (None, None) => format!("blob '{}'", blob.key.0),
    }
}

/// The compression that a layer's media type promises; `None` where it says nothing.
fn said(media_type: &str) -> Option<Compression> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| media_type.ends_with(ending));
    if ends(&["+gzip", ".tar.gzip"]) {
        Some(Compression::Gzip)
    } else if ends(&["+zstd", ".tar.zstd"]) {
        Some(Compression::Zstd)
    } else if ends(&[".tar"]) {
        Some(Compression::None)
    } else {
        None
    }
}
