//! Images in a registry: of an index only the manifests that are asked for are fetched, and blobs when
//! they are read.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_client::Reference;

use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::manifest::{BlobKey, Image, ImageBlob, ImageError};
use crate::image::platform::PlatformSet;
use crate::registry::{Client, ErrorKind, Fetched, Referrers, RegistryError, Repository};
use crate::report::model::SourceKind;

use super::documents::{Documents, Embedded, digest_of_name, embedded_body, embedded_data};
use super::oci_index::{Found, REFERENCE_DIGEST, Walk};
use super::oci_manifest::{self, Leaf};
use super::resolve::choose;
use super::store::{Member, MemberError, Store, blob_name};
use super::{Access, ImageSource, Opened, SourceError};

/// Opens an image of a registry: its manifest or index is there when this returns.
pub(super) fn open(reference: &Reference, access: &Access) -> Result<Opened, SourceError> {
    let name = reference.whole();
    let failed = |text: String| SourceError::Invalid(format!("{name}: {text}"));
    let client = access.client().map_err(|error| failed(error.to_string()))?;
    let repository = Repository::from(reference);
    let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
    let top = client.manifest(&repository, wanted).map_err(|error| failed(said(&error)))?;
    let source = of_manifest(name, top, client.clone(), repository);
    Ok(Opened::Indexed(Box::new(RegistrySource { referrers: access.registry.referrers, ..source })))
}

/// An image whose manifest or index is at hand, be it in the registry already or not; all that it names is read
/// from there. `name` is what errors call it.
pub fn with_manifest(
    name: String,
    manifest: Fetched,
    client: Client,
    repository: Repository,
) -> impl ImageSource + 'static {
    of_manifest(name, manifest, client, repository)
}

fn of_manifest(name: String, top: Fetched, client: Client, repository: Repository) -> RegistrySource {
    let store = RegistryStore {
        client,
        repository,
        manifests: Mutex::new(HashMap::from([(top.digest.clone(), top.bytes.clone())])),
        elsewhere: Mutex::default(),
    };
    RegistrySource { name, top, store, referrers: false, embedded: Mutex::default() }
}

/// The tags of a repository, in the registry's order.
///
/// # Errors
/// When the registry does not list them.
pub fn tags(reference: &Reference, access: &Access) -> Result<Vec<String>, SourceError> {
    let repository = Repository::from(reference);
    let failed =
        |text: String| SourceError::Invalid(format!("{}/{}: {text}", repository.registry, repository.name));
    let client = access.client().map_err(|error| failed(error.to_string()))?;
    client.tags(&repository).map_err(|error| failed(said(&error)))
}

/// The registry's error, for a user who named the image.
fn said(error: &RegistryError) -> String {
    match error.kind {
        ErrorKind::NotFound => format!("there is no such image: {error}"),
        _ => error.to_string(),
    }
}

/// An image, or several behind an index.
struct RegistrySource {
    /// The normalised reference.
    name: String,
    top: Fetched,
    store: RegistryStore,
    /// Whether what refers to the image is read too.
    referrers: bool,
    embedded: Mutex<Embedded>,
}

impl ImageSource for RegistrySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Registry
    }

    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        let store = &self.store;
        let fetched = store.client.manifest(&store.repository, &digest.to_string());
        let named = |error: RegistryError| SourceError::Invalid(format!("{}: {error}", self.name));
        fetched.map(|fetched| fetched.bytes).map_err(named)
    }

    fn blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>, SourceError> {
        let store = &self.store;
        let named = |error: RegistryError| SourceError::Invalid(format!("{}: {error}", self.name));
        let body = store.client.blob(&store.repository, digest, Some(size)).map_err(named)?;
        Ok(Box::new(body))
    }

    fn resolve(&self, platforms: &PlatformSet) -> Result<Vec<Image>, SourceError> {
        let named = |text: String| SourceError::Invalid(format!("{}: {text}", self.name));
        let documents = Documents::new(&self.store);
        let mut found = Found::default();
        Walk::new(&documents).descend(&descriptor(&self.top), &BTreeMap::new(), None, 0, &mut found);
        let chosen = choose_leaves(&mut found, platforms).map_err(named)?;
        let mut images = found.images(&documents);
        match chosen {
            Some(note) => images.iter_mut().for_each(|image| image.warnings.extend(note.clone())),
            None => images = choose(&images, platforms).map_err(named)?,
        }
        if let [image] = images.as_slice()
            && image.layers.is_empty()
            && image.config_json.is_none()
            && let Some(error) = image.errors.first()
        {
            return Err(named(error.message.clone()));
        }
        let repository = &self.store.repository;
        let pullable_by = self.store.client.pullable_by(repository, &self.top);
        for image in &mut images {
            image.name = Some(self.name.clone());
            image.repo_digests =
                vec![format!("{}/{}@{}", repository.registry, repository.name, self.top.digest)];
            image.pullable_by = pullable_by;
            if self.referrers {
                self.read_referrers(&documents, image);
            }
        }
        lock(&self.embedded).extend(documents.into_embedded());
        Ok(images)
    }

    fn open(&self, blob: &ImageBlob) -> Result<Box<dyn Read + Send>, SourceError> {
        if let Some(bytes) = lock(&self.embedded).get(&blob.key) {
            return Ok(embedded_body(bytes));
        }
        let named = |error: MemberError| SourceError::Invalid(format!("{} {error}", blob.key.0));
        self.store.open_sized(&blob.key, blob.size).map_err(named)
    }
}

impl RegistrySource {
    /// Reads what is attached to the image: signatures, SBOMs, attestations.
    fn read_referrers(&self, documents: &Documents<'_>, image: &mut Image) {
        let subjects = [&image.manifest_digest, &image.index_digest];
        let subjects: Vec<Digest> = subjects.into_iter().flatten().cloned().collect();
        for subject in subjects {
            self.read_tagged(documents, image, &subject);
            match self.store.client.referrers(&self.store.repository, &subject) {
                Referrers::Listed(listed) => {
                    for descriptor in listed {
                        let leaf = Leaf { descriptor, annotations: BTreeMap::new(), index_digest: None };
                        let blobs = oci_manifest::attestation(documents, &leaf, &mut image.errors);
                        image.attestations.extend(blobs);
                    }
                }
                Referrers::Unsupported => {
                    image.warnings.push(format!("the registry cannot tell what refers to {subject}"));
                }
                Referrers::Refused(error) => {
                    let message = format!("what refers to {subject} is not known: {error}");
                    image.errors.push(ImageError { layer: None, reason: "refused", message });
                }
            }
        }
    }

    /// What cosign attached before there was a referrers API: under tags made of the image's digest.
    fn read_tagged(&self, documents: &Documents<'_>, image: &mut Image, subject: &Digest) {
        for suffix in ["sig", "att", "sbom"] {
            let tag = format!("{}-{}.{suffix}", subject.algorithm().name(), subject.hex());
            match self.store.client.manifest(&self.store.repository, &tag) {
                Ok(fetched) => {
                    let descriptor = descriptor(&fetched);
                    lock(&self.store.manifests).insert(fetched.digest, fetched.bytes);
                    let leaf = Leaf { descriptor, annotations: BTreeMap::new(), index_digest: None };
                    image.attestations.extend(oci_manifest::attestation(documents, &leaf, &mut image.errors));
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) if error.kind == ErrorKind::Unsupported => {
                    image
                        .warnings
                        .push(format!("the registry cannot tell what refers to {subject}: {error}"));
                }
                Err(error) => {
                    let message = format!("what is attached to {subject} is not known: {error}");
                    image.errors.push(ImageError { layer: None, reason: "refused", message });
                }
            }
        }
    }
}

/// What a descriptor would say of what was fetched.
fn descriptor(fetched: &Fetched) -> Descriptor {
    Descriptor {
        media_type: fetched.media_type.clone(),
        digest: fetched.digest.clone(),
        size: u64::try_from(fetched.bytes.len()).unwrap_or(u64::MAX),
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
        artifact_type: None,
        data: None,
    }
}

/// Leaves only the manifests of the platforms asked for, before any of them is fetched. `None` where the
/// index does not say all platforms: then they are chosen when their configs are known.
fn choose_leaves(found: &mut Found, platforms: &PlatformSet) -> Result<Option<Option<String>>, String> {
    let there: Vec<_> = found.leaves.iter().map(|leaf| leaf.descriptor.platform.clone()).collect();
    if there.is_empty() || there.iter().any(Option::is_none) {
        return Ok(None);
    }
    let choice = platforms.choose(&there)?;
    let all: Vec<Digest> = found.leaves.iter().map(|leaf| leaf.descriptor.digest.clone()).collect();
    let leaves = std::mem::take(&mut found.leaves).into_iter().enumerate();
    found.leaves = leaves.filter(|(at, _)| choice.positions.contains(at)).map(|(_, leaf)| leaf).collect();
    let taken: Vec<&Digest> = found.leaves.iter().map(|leaf| &leaf.descriptor.digest).collect();
    // An attestation of a platform that is left out is left out with it.
    found.attestations.retain(|leaf| {
        let described = leaf.descriptor.annotations.get(REFERENCE_DIGEST);
        let described = described.and_then(|text| text.parse::<Digest>().ok());
        described.is_none_or(|digest| taken.contains(&&digest) || !all.contains(&digest))
    });
    Ok(Some(choice.note))
}

/// A repository as the store of what its manifests name.
struct RegistryStore {
    client: Client,
    repository: Repository,
    /// What was fetched as a manifest: blobs are served elsewhere.
    manifests: Mutex<HashMap<Digest, Vec<u8>>>,
    /// Where blobs are said to be that the registry may not have.
    elsewhere: Mutex<HashMap<Digest, Vec<String>>>,
}

impl RegistryStore {
    fn open_sized(&self, key: &BlobKey, size: Option<u64>) -> Result<Box<dyn Read + Send>, MemberError> {
        let digest = digest_of_name(&key.0).ok_or(MemberError::Missing)?;
        if let Some(bytes) = lock(&self.manifests).get(&digest) {
            return Ok(Box::new(Cursor::new(bytes.clone())));
        }
        let error = match self.client.blob(&self.repository, &digest, size) {
            Ok(body) => return Ok(Box::new(body)),
            Err(error) => error,
        };
        let urls = lock(&self.elsewhere).get(&digest).cloned();
        match urls {
            Some(urls) if error.kind == ErrorKind::NotFound => {
                self.client.foreign(&self.repository, &urls, size).map_err(member_error)
            }
            _ => Err(member_error(error)),
        }
    }
}

impl RegistryStore {
    fn whole(&self, digest: &Digest, size: Option<u64>, limit: u64) -> Result<Vec<u8>, MemberError> {
        let body = self.open_sized(&BlobKey(blob_name(digest)), size)?;
        let mut bytes = Vec::new();
        body.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(MemberError::Io)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > limit { Err(MemberError::TooLarge { size, limit }) } else { Ok(bytes) }
    }
}

impl Store for RegistryStore {
    fn find(&self, name: &str) -> Result<Member, MemberError> {
        // Whether it is there, and how large it is, shows when it is read.
        Ok(Member { key: BlobKey(name.to_owned()), size: 0 })
    }

    fn find_blob(&self, descriptor: &Descriptor) -> Result<Member, MemberError> {
        if embedded_data(descriptor).is_some() {
            return Err(MemberError::Missing);
        }
        if !descriptor.urls.is_empty() {
            lock(&self.elsewhere).insert(descriptor.digest.clone(), descriptor.urls.clone());
        }
        self.find(&blob_name(&descriptor.digest))
    }

    fn open(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, MemberError> {
        self.open_sized(key, None)
    }

    fn manifest(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, MemberError> {
        if let Some(bytes) = lock(&self.manifests).get(&descriptor.digest) {
            return Ok(bytes.clone());
        }
        if descriptor.size > limit {
            return Err(MemberError::TooLarge { size: descriptor.size, limit });
        }
        let fetched = self.client.manifest(&self.repository, &descriptor.digest.to_string());
        let bytes = fetched.map_err(member_error)?.bytes;
        lock(&self.manifests).insert(descriptor.digest.clone(), bytes.clone());
        Ok(bytes)
    }

    fn config(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, MemberError> {
        if descriptor.size > limit {
            return Err(MemberError::TooLarge { size: descriptor.size, limit });
        }
        let bytes = self.whole(&descriptor.digest, Some(descriptor.size), limit)?;
        // Pieces of two answers may have come together; a second look costs little.
        if descriptor.digest.of_same_algorithm(&bytes) == descriptor.digest {
            return Ok(bytes);
        }
        self.whole(&descriptor.digest, Some(descriptor.size), limit)
    }

    fn document(&self, name: &str, limit: u64) -> Result<Vec<u8>, MemberError> {
        self.whole(&digest_of_name(name).ok_or(MemberError::Missing)?, None, limit)
    }

    fn damage(&self) -> Vec<ImageError> {
        Vec::new()
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

fn member_error(error: RegistryError) -> MemberError {
    match error.kind {
        ErrorKind::NotFound => MemberError::Absent(error.to_string()),
        _ => MemberError::Refused(format!("cannot be read: {error}")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
