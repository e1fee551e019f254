//! Base images: the one that `--base` names, and those that images of registries name themselves. Of a
//! base only manifest and config are read, and once a run.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use oci_client::Reference;
use serde::Deserialize;

use crate::finding::base::Base;
use crate::image::digest::Digest;
use crate::image::manifest::{Image, ImageKind};
use crate::image::platform::{Platform, PlatformSet};
use crate::source::{self, Access, BlobSink, ImageSource, Opened, PassingBlob, SourceError};
use crate::target::{Place, Target, reference};

/// Registries that an image may send us to for its base, beside its own.
const PUBLIC: [&str; 10] = [
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "registry.k8s.io",
    "public.ecr.aws",
    "mcr.microsoft.com",
    "registry.access.redhat.com",
    "cgr.dev",
    "registry.gitlab.com",
];

/// What an image may be built on.
#[derive(Clone, Default)]
pub(super) struct OnBase {
    /// The candidates: none where no base is named, or it cannot be had.
    pub(super) bases: Vec<Arc<Base>>,
    /// Why there is none although one is named.
    pub(super) warning: Option<String>,
}

/// The bases of a run.
#[derive(Default)]
pub(super) struct Bases {
    /// The one of `--base`.
    named: Option<Named>,
    /// Those that images name, by reference and platform.
    claimed: BTreeMap<(String, Option<String>), OnBase>,
}

struct Named {
    text: String,
    source: Box<dyn ImageSource>,
    /// Its images for this machine, or all where there are none.
    images: Vec<Image>,
    /// What it has for a platform.
    known: BTreeMap<Option<String>, OnBase>,
}

impl Bases {
    /// Opens the base that `--base` names.
    ///
    /// # Errors
    /// When there is no such image.
    pub(super) fn open(text: Option<&str>, access: &Access) -> anyhow::Result<Self> {
        let Some(text) = text else { return Ok(Self::default()) };
        let named = Target::parse(text).map_err(anyhow::Error::from).and_then(|target| {
            let source = opened(&target, access)?;
            // Which of its platforms are needed the images will say; that there is an image is said now.
            let images = source.resolve(&PlatformSet::Default);
            let images = images.or_else(|_| source.resolve(&PlatformSet::All))?;
            Ok(Named { text: text.to_owned(), source, images, known: BTreeMap::new() })
        });
        Ok(Self { named: Some(named.with_context(|| format!("--base {text}"))?), ..Self::default() })
    }

    /// Whether the user named a base.
    pub(super) fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// What `image` may be built on. `own` is its reference where it comes from a registry.
    pub(super) fn of(&mut self, image: &Image, own: Option<&Reference>, access: &Access) -> OnBase {
        if image.kind != ImageKind::Image {
            return OnBase::default();
        }
        let platform = image.platform.as_ref().map(|platform| platform.normalised().to_string());
        if let Some(named) = &mut self.named {
            let Named { text, source, images, known } = named;
            let found = || found(text, &**source, images, image.platform.as_ref());
            return known.entry(platform).or_insert_with(found).clone();
        }
        let Some((own, claim)) = own.zip(Claim::of(image)).filter(|_| !access.offline) else {
            return OnBase::default();
        };
        let reference = match claim.reference(own) {
            Ok(reference) => reference,
            Err(warning) => return OnBase { bases: Vec::new(), warning: Some(warning) },
        };
        let found = || fetched(&reference, image.platform.as_ref(), access);
        let on_base = self.claimed.entry((reference.whole(), platform)).or_insert_with(found).clone();
        // An image that calls itself its base says nothing.
        let is_other = |base: &Arc<Base>| base.manifest_digest != image.manifest_digest;
        OnBase { bases: on_base.bases.into_iter().filter(is_other).collect(), ..on_base }
    }
}

/// An image source whose layers nobody reads.
fn opened(target: &Target, access: &Access) -> Result<Box<dyn ImageSource>, SourceError> {
    match source::open(target, access)? {
        Opened::Indexed(source) => Ok(source),
        Opened::Stream(stream) => stream.read(&mut Discard),
    }
}

struct Discard;

impl BlobSink for Discard {
    fn blob(&mut self, blob: PassingBlob<'_>) -> io::Result<Option<Digest>> {
        io::copy(blob.body, &mut io::sink()).map(|_| None)
    }
}

/// The images of a base for a platform: of those that are `known`, or else asked for.
fn found(name: &str, source: &dyn ImageSource, known: &[Image], platform: Option<&Platform>) -> OnBase {
    let fits = |image: &&Image| image.kind == ImageKind::Image && is_for(image, platform);
    let known: Vec<&Image> = known.iter().filter(fits).collect();
    if !known.is_empty() {
        return on_base(name, &known);
    }
    let wanted = match platform {
        Some(platform) => PlatformSet::Chosen(vec![platform.clone()]),
        None => PlatformSet::Default,
    };
    match source.resolve(&wanted) {
        Ok(images) => on_base(name, &images.iter().filter(fits).collect::<Vec<_>>()),
        Err(error) => not_told(name, &error.to_string()),
    }
}

/// These images as bases. One whose manifest or config is damaged is none.
fn on_base(name: &str, images: &[&Image]) -> OnBase {
    let damage = |image: &Image| image.errors.iter().find(|error| error.layer.is_none()).cloned();
    let whole = images.iter().filter(|image| damage(image).is_none());
    let bases: Vec<_> = whole.map(|image| Arc::new(Base::new(name, image))).collect();
    match (bases.is_empty(), images.iter().find_map(|image| damage(image))) {
        (false, _) => OnBase { bases, warning: None },
        (true, Some(error)) => not_told(name, &error.message),
        (true, None) => not_told(name, "it holds no such image"),
    }
}

fn not_told(name: &str, why: &str) -> OnBase {
    let warning = format!("which layers are those of the base image {name} is not told: {why}");
    OnBase { bases: Vec::new(), warning: Some(warning) }
}

fn is_for(image: &Image, platform: Option<&Platform>) -> bool {
    platform.is_none_or(|platform| {
        PlatformSet::Chosen(vec![platform.clone()]).choose(std::slice::from_ref(&image.platform)).is_ok()
    })
}

/// The images of a base that an image names.
fn fetched(reference: &Reference, platform: Option<&Platform>, access: &Access) -> OnBase {
    let name = reference.whole();
    let target = Target { text: name.clone(), place: Place::Registry(reference.clone()) };
    match opened(&target, access) {
        Ok(source) => found(&name, &*source, &[], platform),
        Err(error) => not_told(&name, &error.to_string()),
    }
}

/// What a manifest's annotations say of its base (OCI image specification, annotations.md).
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    name: String,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Annotated {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Claim {
    fn of(image: &Image) -> Option<Self> {
        let manifest: Annotated = serde_json::from_slice(image.manifest_json.as_deref()?).ok()?;
        let mut annotations = manifest.annotations?;
        let mut take = |key: &str| {
            annotations
                .remove(&format!("org.opencontainers.image.base.{key}"))
                .filter(|text| !text.is_empty())
        };
        Some(Self { name: take("name")?, digest: take("digest") })
    }

    /// Where the base is, if we may go there; else why not.
    fn reference(&self, own: &Reference) -> Result<Reference, String> {
        let name = &self.name;
        let named: Reference = reference::parse(name)
            .map_err(|error| format!("the base image that it names, {name}: {error}"))?;
        let registry = named.registry();
        if registry != own.registry() && !PUBLIC.contains(&registry) {
            return Err(format!(
                "the base image that it names, {name}, is in a registry that is asked only with --base"
            ));
        }
        match &self.digest {
            None => Ok(named),
            Some(digest) if digest.parse::<Digest>().is_ok() => Ok(named.clone_with_digest(digest.clone())),
            Some(digest) => Err(format!("the base image that it names, {name}: {digest} is no digest")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(annotations: &str) -> Image {
        let manifest = format!("{{\"annotations\":{annotations}}}").into_bytes();
        Image { manifest_json: Some(manifest), ..Image::new(ImageKind::Image) }
    }

    fn reference(name: &str, digest: Option<&str>) -> Result<String, String> {
        let own = "registry.example:5000/app:1".parse().expect("a reference");
        let claim = Claim { name: name.to_owned(), digest: digest.map(str::to_owned) };
        claim.reference(&own).map(|reference| reference.whole())
    }

    #[test]
    fn a_claim_is_read_from_the_manifest() {
        let name = "\"org.opencontainers.image.base.name\":\"debian:12\"";
        let digest = "\"org.opencontainers.image.base.digest\":\"sha256:00\"";
        let claim = |text: &str| Claim::of(&image(text));
        let expected = |digest: Option<&str>| {
            Some(Claim { name: "debian:12".to_owned(), digest: digest.map(str::to_owned) })
        };
        assert_eq!(claim(&format!("{{{name}}}")), expected(None));
        assert_eq!(claim(&format!("{{{name},{digest}}}")), expected(Some("sha256:00")));
        assert_eq!(claim(&format!("{{{digest}}}")), None);
        assert_eq!(claim("null"), None);
        assert_eq!(claim("{\"org.opencontainers.image.base.name\":\"\"}"), None);
    }

    #[test]
    fn an_image_sends_us_only_to_its_own_registry_and_to_public_ones() {
        assert_eq!(reference("debian:12", None).as_deref(), Ok("docker.io/library/debian:12"));
        assert_eq!(
            reference("registry.example:5000/base", None).as_deref(),
            Ok("registry.example:5000/base:latest")
        );
        let digest = format!("sha256:{}", "0".repeat(64));
        let pinned = reference("ghcr.io/a/b:1", Some(&digest)).expect("allowed");
        assert!(pinned.ends_with(&digest), "{pinned}");
        for elsewhere in
            ["169.254.169.254/a/b", "registry.example/base", "localhost:5000/b", "evil.ghcr.io/a/b", "UPPER"]
        {
            assert!(reference(elsewhere, None).is_err(), "{elsewhere}");
        }
        assert!(reference("debian", Some("sha256:12")).is_err());
    }
}
