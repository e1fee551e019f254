//! From a scan's report to the same image in a registry: the documents and blobs that its digest pins, each as
//! it is stored.

use std::collections::BTreeSet;
use std::io;

use anyhow::{Context, bail};
use oci_client::Reference;

use crate::cli::settings::Settings;
use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document};
use crate::image::platform::PlatformSet;
use crate::limits::INDEX_DEPTH;
use crate::registry::{Client, Repository};
use crate::report::Report;
use crate::report::model::ImageResult;
use crate::source::{self, ImageSource, Opened};
use crate::target::{Place, Target};

/// Pushes the image that the only target of `settings` named, of which `report` is.
///
/// # Errors
/// When it is no image that can be pushed as it is, has changed since the scan, or the registry does not
/// take it.
pub fn push(settings: &Settings, report: &Report, destination: &Reference) -> anyhow::Result<String> {
    let [target] = settings.targets.as_slice() else { bail!("one image is pushed at a time") };
    let root = root(report, settings.platforms == PlatformSet::All)?;
    let target = Target::parse(target)?;
    let access = settings.network.access();
    let other = match &target.place {
        Place::Registry(reference) if reference.registry() == destination.registry() => {
            Some(Repository::from(reference)).filter(|other| *other != Repository::from(destination))
        }
        _ => None,
    };
    let source = match source::open(&target, &access)? {
        Opened::Indexed(source) => source,
        Opened::Stream(_) => bail!(
            "it can be read only once here, or is compressed: push from an OCI layout, a plain OCI archive \
             (docker buildx build --output type=oci,dest=FILE) or a registry"
        ),
    };
    let push =
        Push { source: &*source, client: access.client()?, repository: Repository::from(destination), other };
    let tag = destination.tag().unwrap_or("latest");
    push.document(&root, "", Some(tag), 0)?;
    Ok(format!("{}/{}:{tag}@{root}", push.repository.registry, push.repository.name))
}

/// The digest that pins all that was scanned: with `whole`, that of the index where there is one, with what it
/// holds beside images; else that of the only image.
fn root(report: &Report, whole: bool) -> anyhow::Result<Digest> {
    let of_result = |result: &ImageResult| {
        let index = result.index_digest.as_ref().filter(|_| whole);
        index.or(result.manifest_digest.as_ref()).cloned()
    };
    let roots: BTreeSet<Option<String>> = report.results.iter().map(of_result).collect();
    let mut all = roots.into_iter();
    match (all.next(), all.next()) {
        (Some(Some(root)), None) => Ok(root.parse()?),
        (Some(_), Some(_)) => bail!("the source holds several images; name one of them"),
        _ => bail!("it has no manifest: it is no OCI image that could be pushed as it is"),
    }
}

struct Push<'a> {
    source: &'a dyn ImageSource,
    client: &'a Client,
    repository: Repository,
    /// The repository of the same registry that it comes from.
    other: Option<Repository>,
}

impl Push<'_> {
    /// Pushes a manifest or index, after all that it names. `said` is what its descriptor calls it, empty where
    /// none does. Without a tag it goes by its digest.
    fn document(&self, digest: &Digest, said: &str, tag: Option<&str>, depth: usize) -> anyhow::Result<()> {
        if depth > INDEX_DEPTH {
            bail!("indexes are nested more than {INDEX_DEPTH} deep");
        }
        let bytes = self.source.manifest(digest)?;
        if digest.of_same_algorithm(&bytes) != *digest {
            bail!("{digest} has changed since it was scanned");
        }
        let media_type = match index::parse(&bytes, said).with_context(|| digest.to_string())? {
            Document::Index(index) => {
                for child in &index.manifests {
                    self.document(&child.digest, &child.media_type, None, depth + 1)?;
                }
                index.media_type
            }
            Document::Manifest(manifest) => {
                // What lies elsewhere stays there.
                let blobs = manifest.config.iter().chain(&manifest.layers);
                blobs.filter(|blob| blob.urls.is_empty()).try_for_each(|blob| self.blob(blob))?;
                manifest.media_type
            }
        };
        let reference = tag.map_or_else(|| digest.to_string(), str::to_owned);
        Ok(self.client.push_manifest(&self.repository, &reference, &media_type, &bytes)?)
    }

    fn blob(&self, blob: &Descriptor) -> anyhow::Result<()> {
        let open = || self.source.blob(&blob.digest, blob.size).map_err(io::Error::other);
        Ok(self.client.push_blob(&self.repository, (&blob.digest, blob.size), self.other.as_ref(), &open)?)
    }
}
