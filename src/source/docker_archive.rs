//! The output of `docker save` and of what writes the same (podman, kaniko, jib, bazel): `manifest.json`
//! lists configs and layers by member. Layers have no digest of their own there; the config's diff_ids
//! are what they are verified by. Since Docker 25 the members are the blobs of an OCI layout.

use serde::Deserialize;

use crate::image::digest::Digest;
use crate::image::index::refuse_keys_of_other_case;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageError, ImageKind};
use crate::limits::{CONFIG, INDEX_MANIFESTS, MANIFEST};

use super::SourceError;
use super::documents::{Documents, bind_diff_ids, config_facts, digest_of_name};
use super::members::normalise;
use super::oci_layout::Group;
use super::store::MemberError;

/// The list of images in an archive of Docker's form.
pub(super) const MANIFEST_JSON: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The images of `manifest.json`, one group each.
pub(super) fn groups(documents: &Documents<'_>) -> Result<Vec<Group>, SourceError> {
    let invalid = |text: String| SourceError::Invalid(format!("{MANIFEST_JSON} {text}"));
    let bytes = documents.named(MANIFEST_JSON, MANIFEST).map_err(|error| invalid(error.to_string()))?;
    refuse_keys_of_other_case(&bytes, &["Config", "RepoTags", "Layers"])
        .map_err(|error| invalid(format!("cannot be used: {error}")))?;
    let entries: Vec<Entry> =
        serde_json::from_slice(&bytes).map_err(|error| invalid(format!("is no list of images: {error}")))?;
    if entries.is_empty() {
        return Err(invalid("names no image".to_owned()));
    }
    if entries.len() > INDEX_MANIFESTS {
        return Err(invalid(format!("names {} images, the limit is {INDEX_MANIFESTS}", entries.len())));
    }
    Ok(entries.into_iter().map(|entry| group(documents, entry)).collect())
}

fn group(documents: &Documents<'_>, entry: Entry) -> Group {
    let names = entry.repo_tags.unwrap_or_default();
    let mut image = Image::new(ImageKind::Image);
    for (index, path) in entry.layers.unwrap_or_default().iter().enumerate() {
        let layer = layer(documents, index, path, &mut image.errors);
        image.layers.push(layer);
    }
    fill_config(documents, &entry.config, &mut image);
    for (index, layer) in image.layers.iter().enumerate() {
        if layer.digest.is_none() && layer.diff_id.is_none() {
            let message =
                format!("layer {index} has no digest and no diff_id: nothing says what it should be");
            image.errors.push(ImageError { layer: Some(index), reason: "unverified", message });
        }
    }
    Group { names, digests: Vec::new(), images: vec![image] }
}

fn layer(documents: &Documents<'_>, index: usize, path: &str, errors: &mut Vec<ImageError>) -> ImageBlob {
    let (key, size) = match name_of(path).and_then(|name| documents.store.find(&name)) {
        Ok(member) => (member.key, Some(member.size)),
        Err(error) => {
            errors.push(error.of(Some(index), &format!("layer {index} ({path})")));
            (BlobKey(path.to_owned()), None)
        }
    };
    let digest = digest_of_name(&key.0);
    ImageBlob { digest, key, size, diff_id: None, media_type: None, annotations: Default::default() }
}

fn fill_config(documents: &Documents<'_>, path: &str, image: &mut Image) {
    let what = format!("config {path}");
    let bytes = match name_of(path).and_then(|name| documents.named(&name, CONFIG)) {
        Ok(bytes) => bytes,
        Err(error) => return image.errors.push(error.of(None, &what)),
    };
    let digest = Digest::sha256_of(&bytes);
    if claimed_hex(path).is_some_and(|hex| hex != digest.hex()) {
        let message = format!("{what} is not what its name says: its bytes are {digest}");
        image.errors.push(ImageError { layer: None, reason: "digest-mismatch", message });
    }
    image.config_digest = Some(digest);
    match config_facts(&bytes, &what) {
        Ok(facts) => {
            image.platform = facts.platform;
            bind_diff_ids(image, facts.diff_ids);
        }
        Err(error) => image.errors.push(error),
    }
    image.config_json = Some(bytes);
}

fn name_of(path: &str) -> Result<String, MemberError> {
    match normalise(path.as_bytes()) {
        Ok(Some(name)) => Ok(name),
        Ok(None) => Err(MemberError::Missing),
        Err(why) => Err(MemberError::Refused(format!("is no member: its name {why}"))),
    }
}

/// The SHA-256 that a config's name claims: `HEX.json`, `sha256:HEX` or `blobs/sha256/HEX`.
fn claimed_hex(path: &str) -> Option<&str> {
    let name = path.rsplit(['/', ':']).next()?;
    let hex = name.strip_suffix(".json").unwrap_or(name);
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)))
        .then_some(hex)
}
