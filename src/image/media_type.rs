//! Media types of manifests, indexes, configs and layers: what the field uses, in OCI's and Docker's words.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Docker image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The blob `{}` in place of a config or layer that there is not.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// An in-toto statement: provenance or an SBOM of BuildKit.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Documents of attestations: in-toto statements, DSSE envelopes around them, and Sigstore's bundles.
const STATEMENTS: [&str; 3] =
    [IN_TOTO, "application/vnd.dsse.envelope.v1+json", "application/vnd.dev.sigstore.bundle"];

/// Documents that the first versions of the registry API knew: signed, without a config.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

const LAYER_BASES: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/// What a manifest's media type says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestKind {
    /// One image or artifact.
    Manifest,
    /// A list of manifests.
    Index,
    /// Docker's schema 1, which nothing writes any more.
    Schema1,
}

/// What a document of this media type is; `None` where the type is no manifest's.
pub fn manifest_kind(media_type: &str) -> Option<ManifestKind> {
    match bare(media_type) {
        OCI_MANIFEST | DOCKER_MANIFEST => Some(ManifestKind::Manifest),
        OCI_INDEX | DOCKER_INDEX => Some(ManifestKind::Index),
        other if SCHEMA_1.contains(&other) => Some(ManifestKind::Schema1),
        _ => None,
    }
}

/// Whether a config of this media type is that of a container image. An empty type is: old writers
/// left it out.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(bare(media_type), "" | OCI_CONFIG | DOCKER_CONFIG)
}

/// Whether a blob of this media type is a layer of a root file system. An empty type is.
pub fn is_layer(media_type: &str) -> bool {
    let name = bare(media_type);
    name.is_empty() || LAYER_BASES.iter().any(|base| name.strip_prefix(base).is_some_and(is_layer_suffix))
}

/// Whether the blob is a document of an attestation.
pub fn is_statement(media_type: &str) -> bool {
    let name = bare(media_type);
    STATEMENTS.iter().any(|known| name.strip_prefix(known).is_some_and(is_layer_suffix))
}

/// Whether the blob is encrypted (OCIcrypt).
pub fn is_encrypted(media_type: &str) -> bool {
    bare(media_type).ends_with("+encrypted")
}

/// Whether the blob may be kept outside of the registry and the image: it is absent by intent.
pub fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".nondistributable.") || media_type.contains(".foreign.")
}

/// Any compression: a layer whose compression nobody knows is a layer all the same, and an error.
fn is_layer_suffix(suffix: &str) -> bool {
    suffix.is_empty() || suffix.starts_with(['+', '.'])
}

/// The type without parameters, which runtimes ignore.
fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_words_of_oci_and_docker() {
        assert_eq!(manifest_kind(DOCKER_INDEX), Some(ManifestKind::Index));
        assert_eq!(
            manifest_kind("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
            Some(ManifestKind::Manifest)
        );
        assert_eq!(manifest_kind(SCHEMA_1[1]), Some(ManifestKind::Schema1));
        assert_eq!(manifest_kind("application/json"), None);
        assert!(
            is_image_config(DOCKER_CONFIG) && !is_image_config("application/vnd.cncf.helm.config.v1+json")
        );
        assert!(is_layer("application/vnd.docker.image.rootfs.diff.tar.gzip"));
        assert!(is_layer("application/vnd.oci.image.layer.v1.tar+zstd"));
        assert!(is_layer("application/vnd.oci.image.layer.v1.tar+lz4"));
        assert!(!is_layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip"));
        assert!(is_statement("application/vnd.dsse.envelope.v1+json"));
        assert!(is_statement("application/vnd.dev.sigstore.bundle.v0.3+json"));
        assert!(!is_statement("application/vnd.oci.image.layer.v1.tar+gzip"));
        assert!(is_encrypted("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"));
        assert!(is_foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
    }
}
