//! Documents and blobs by descriptor, out of a [`Store`]: found, bounded, verified.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageError};
use crate::image::media_type;
use crate::image::platform::Platform;
use crate::limits::{CONFIG, DOCUMENTS_TOTAL, MANIFEST};

use super::store::{MemberError, Store, blob_name};

/// Blobs that manifests carry in their descriptors' `data`.
pub(super) type Embedded = BTreeMap<BlobKey, Arc<[u8]>>;

/// Bytes of an embedded blob, to read.
pub(super) fn embedded_body(bytes: &Arc<[u8]>) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(Arc::clone(bytes)))
}

/// A store, with a budget over all documents that one resolving reads.
pub(super) struct Documents<'a> {
    pub(super) store: &'a dyn Store,
    left: Cell<u64>,
    embedded: RefCell<Embedded>,
}

/// A document as far as it could be read. Bytes that are not what their descriptor says are kept, with
/// an error: they may hold a key all the same.
pub(super) struct ReadDocument {
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) errors: Vec<ImageError>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(store: &'a dyn Store) -> Self {
        Self { store, left: Cell::new(DOCUMENTS_TOTAL), embedded: RefCell::default() }
    }

    pub(super) fn into_embedded(self) -> Embedded {
        self.embedded.into_inner()
    }

    /// A document by name. `limit` is in bytes.
    pub(super) fn named(&self, name: &str, limit: u64) -> Result<Vec<u8>, MemberError> {
        let bytes = self.store.document(name, limit.min(self.left.get()))?;
        self.spend(&bytes);
        Ok(bytes)
    }

    fn spend(&self, bytes: &[u8]) {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_sub(size));
    }

    /// A manifest or index.
    pub(super) fn manifest(&self, descriptor: &Descriptor) -> ReadDocument {
        let stored = self.store.manifest(descriptor, MANIFEST.min(self.left.get()));
        self.described(descriptor, stored, &format!("manifest {}", descriptor.digest))
    }

    /// A config.
    pub(super) fn config(&self, descriptor: &Descriptor) -> ReadDocument {
        let stored = self.store.config(descriptor, CONFIG.min(self.left.get()));
        self.described(descriptor, stored, &format!("config {}", descriptor.digest))
    }

    fn described(
        &self,
        descriptor: &Descriptor,
        stored: Result<Vec<u8>, MemberError>,
        what: &str,
    ) -> ReadDocument {
        let stored = match stored {
            Err(MemberError::Missing) => embedded_data(descriptor).ok_or(MemberError::Missing),
            other => other,
        };
        match stored {
            Ok(bytes) => {
                self.spend(&bytes);
                let errors = verify(&bytes, descriptor, what).into_iter().collect();
                ReadDocument { bytes: Some(bytes), errors }
            }
            Err(error) => ReadDocument { bytes: None, errors: vec![error.of(None, what)] },
        }
    }

    /// The blob of a descriptor. What keeps it from being read is pushed to `errors` under `layer`.
    pub(super) fn blob(
        &self,
        descriptor: &Descriptor,
        layer: Option<usize>,
        errors: &mut Vec<ImageError>,
    ) -> ImageBlob {
        let name = blob_name(&descriptor.digest);
        let what = || match layer {
            Some(index) => format!("layer {index} ({})", descriptor.digest),
            None => format!("blob {}", descriptor.digest),
        };
        let key = match self.store.find_blob(descriptor) {
            Ok(member) => member.key,
            Err(MemberError::Missing) => match embedded_data(descriptor) {
                Some(bytes) => self.embed(&name, &bytes),
                None => {
                    let foreign =
                        media_type::is_foreign(&descriptor.media_type) || !descriptor.urls.is_empty();
                    let hint = if foreign {
                        ": it is kept elsewhere, and foreign places are not followed"
                    } else {
                        ""
                    };
                    let message = format!("{} {}{hint}", what(), MemberError::Missing);
                    errors.push(ImageError { layer, reason: MemberError::Missing.reason(), message });
                    BlobKey(name)
                }
            },
            Err(error) => {
                errors.push(error.of(layer, &what()));
                BlobKey(name)
            }
        };
        if media_type::is_encrypted(&descriptor.media_type) {
            let message = format!("{} is encrypted: decrypt the image to scan it", what());
            errors.push(ImageError { layer, reason: "encrypted", message });
        }
        ImageBlob {
            key,
            digest: Some(descriptor.digest.clone()),
            size: Some(descriptor.size),
            diff_id: None,
            media_type: Some(descriptor.media_type.clone()).filter(|text| !text.is_empty()),
            annotations: descriptor.annotations.clone(),
        }
    }

    fn embed(&self, name: &str, bytes: &[u8]) -> BlobKey {
        // No member's name begins with a colon part of this form: names of blobs hold no colon.
        let key = BlobKey(format!("data:{name}"));
        self.embedded.borrow_mut().insert(key.clone(), Arc::from(bytes));
        key
    }
}

/// The digest that a member's name claims for its bytes, where it is a blob of an OCI layout.
pub(super) fn digest_of_name(name: &str) -> Option<Digest> {
    // Behind `//` stands the number of one of several members of the same name.
    let name = name.split_once("//").map_or(name, |(name, _)| name);
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

pub(super) fn embedded_data(descriptor: &Descriptor) -> Option<Vec<u8>> {
    STANDARD.decode(descriptor.data.as_deref()?).ok()
}

fn verify(bytes: &[u8], descriptor: &Descriptor, what: &str) -> Option<ImageError> {
    if u64::try_from(bytes.len()) != Ok(descriptor.size) {
        let message = format!("{what} has {} bytes, its descriptor says {}", bytes.len(), descriptor.size);
        return Some(ImageError { layer: None, reason: "size-mismatch", message });
    }
    let digest = descriptor.digest.of_same_algorithm(bytes);
    (digest != descriptor.digest).then(|| ImageError {
        layer: None,
        reason: "digest-mismatch",
        message: format!("{what} is not what its digest says: its bytes are {digest}"),
    })
}

/// What of an image config the resolving needs.
#[derive(Default)]
pub(super) struct ConfigFacts {
    /// Where the config names one.
    pub(super) platform: Option<Platform>,
    /// Digests of the layers' tars, base first.
    pub(super) diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
struct ConfigFields {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    rootfs: Option<RootfsFields>,
}

#[derive(Deserialize)]
struct RootfsFields {
    diff_ids: Option<Vec<String>>,
}

/// Whether these bytes are a JSON document.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// Reads the facts; an error makes the image incomplete.
pub(super) fn config_facts(bytes: &[u8], what: &str) -> Result<ConfigFacts, ImageError> {
    let error =
        |text: String| ImageError { layer: None, reason: "not-json", message: format!("{what} {text}") };
    let fields: ConfigFields =
        serde_json::from_slice(bytes).map_err(|cause| error(format!("is no image config: {cause}")))?;
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    let platform = match (named(fields.os), named(fields.architecture)) {
        (Some(os), Some(architecture)) => Some(Platform {
            os,
            architecture,
            variant: named(fields.variant),
            os_version: named(fields.os_version),
        }),
        _ => None,
    };
    let diff_ids = fields.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    let diff_ids = diff_ids.iter().map(|text| text.parse::<Digest>());
    let diff_ids = diff_ids
        .collect::<Result<_, _>>()
        .map_err(|cause| error(format!("has a diff_id that cannot be: {cause}")))?;
    Ok(ConfigFacts { platform, diff_ids })
}

/// Gives the layers their diff_ids. An image with fewer layers than diff_ids lacks some. One with more
/// is refused by runtimes, but nothing of it is lost.
pub(super) fn bind_diff_ids(image: &mut Image, diff_ids: Vec<Digest>) {
    let counts = format!("the config names {} layers, the manifest {}", diff_ids.len(), image.layers.len());
    match diff_ids.len().cmp(&image.layers.len()) {
        Ordering::Equal => {
            for (layer, diff_id) in image.layers.iter_mut().zip(diff_ids) {
                layer.diff_id = Some(diff_id);
            }
        }
        Ordering::Less => image.warnings.push(counts),
        Ordering::Greater => {
            image.errors.push(ImageError { layer: None, reason: "missing", message: counts })
        }
    }
}
