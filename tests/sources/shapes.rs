//! Every shape, plain and compressed, from disk and from a pipe.

use keyseam::image::manifest::ImageKind;
use keyseam::report::model::SourceKind;
use serde_json::json;

use super::{both_ways, open, sample, utf8};
use crate::support::image::{
    Compression, DOCKER_CONFIG, DOCKER_MANIFEST, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_MANIFEST,
    docker_25, docker_classic, docker_classic_with, layout, oci, oci_platforms, podman,
};

const ALL: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2];

#[test]
fn one_image_is_the_same_in_every_shape() {
    let image = sample("app:1").build();
    let docker = SourceKind::DockerArchive;
    let archive = SourceKind::OciArchive;
    for (members, kind) in [
        (docker_classic(&[&image]), docker),
        (docker_classic_with(&[&image], Compression::Gzip), docker),
        (podman(&[&image]), docker),
        (docker_25(&[&image]), docker),
        (oci(&[&image], Compression::None), archive),
        (oci(&[&image], Compression::Gzip), archive),
        (oci(&[&image], Compression::Zstd), archive),
        (oci_platforms("app:1", &[&image], Compression::Zstd), archive),
    ] {
        for members in [members.clone(), members.reversed()] {
            both_ways(&members.tar(), "image", |outcome, way| {
                let outcome = outcome.expect(way);
                assert_eq!(outcome.kind, kind);
                outcome.assert_same(outcome.image(), &image);
                assert_eq!(outcome.image().name.as_deref(), Some("app:1"));
                assert_eq!(outcome.image().kind, ImageKind::Image);
            });
        }
    }
}

#[test]
fn an_archive_may_be_compressed_as_a_whole() {
    let image = sample("app:1").build();
    for compression in ALL {
        for members in [docker_classic(&[&image]), oci(&[&image], Compression::Gzip)] {
            both_ways(&compression.apply(&members.tar()), "image.tar.gz", |outcome, way| {
                let outcome = outcome.expect(way);
                outcome.assert_same(outcome.image(), &image);
            });
        }
    }
}

#[test]
fn a_folder_is_an_oci_layout() {
    let image = sample("app:1").build();
    let folder = tempfile::tempdir().expect("a folder");
    oci(&[&image], Compression::Gzip).write_to(folder.path());
    for target in [utf8(folder.path()).to_owned(), format!("oci:{}:app:1", utf8(folder.path()))] {
        let outcome = open(&target).expect("a layout");
        assert_eq!(outcome.kind, SourceKind::OciLayout);
        outcome.assert_same(outcome.image(), &image);
    }
}

#[test]
fn several_images_give_one_result_each_and_a_reference_picks() {
    let (one, two) = (sample("app:1").build(), sample("team/app:2").env("C", "d").build());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("images.tar");
    for members in
        [docker_classic(&[&one, &two]), docker_25(&[&one, &two]), oci(&[&one, &two], Compression::Gzip)]
    {
        std::fs::write(&path, members.tar()).expect("a file");
        let outcome = open(utf8(&path)).expect("both");
        assert_eq!(outcome.images.len(), 2);
        outcome.assert_same(&outcome.images[0], &one);
        outcome.assert_same(&outcome.images[1], &two);
        let config = two.config_digest();
        let at = format!("@{config}");
        for reference in ["team/app:2", "docker.io/team/app:2", "2", "@1", at.as_str()] {
            let outcome = open(&format!("docker-archive:{}:{reference}", utf8(&path))).expect(reference);
            outcome.assert_same(outcome.image(), &two);
        }
        let error = open(&format!("{}:none:3", utf8(&path))).err().expect("no such image");
        assert!(error.contains("app:1") && error.contains("team/app:2"), "{error}");
    }
}

#[test]
fn an_image_of_two_names_is_one_image() {
    let image = sample("app:1").also_named("app:latest").build();
    let mut members = Members::default();
    let entry = crate::support::image::manifest(&mut members, &image, Compression::None);
    let named = |name: &str| {
        let mut entry = entry.clone();
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        entry
    };
    layout(&mut members, &[named("app:1"), named("app:latest")]);
    for members in [members, docker_classic(&[&image])] {
        both_ways(&members.tar(), "image", |outcome, way| {
            outcome.expect(way).image();
        });
    }
}

#[test]
fn docker_media_types_are_read_like_ocis() {
    let image = sample("app:1").build();
    let mut members = Members::default();
    let layers: Vec<_> = image
        .layers
        .iter()
        .map(|tar| {
            let blob = Compression::Gzip.apply(tar);
            members.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", &blob)
        })
        .collect();
    let config = members.blob(DOCKER_CONFIG, &image.config);
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers });
    let entry = members.blob(DOCKER_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[entry]);
    both_ways(&members.tar(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        outcome.assert_same(outcome.image(), &image);
    });
}

#[test]
fn artifacts_are_not_images() {
    let mut members = Members::default();
    let chart = members.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart");
    let values = members.blob("application/json", b"{\"key\": 1}");
    let config = members.blob("application/vnd.cncf.helm.config.v1+json", b"{\"name\":\"chart\"}");
    let helm =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [chart, values] });
    let helm = members.blob(OCI_MANIFEST, helm.to_string().as_bytes());
    let signature = members.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{}");
    let config = members.blob(OCI_CONFIG, b"{\"architecture\":\"\",\"rootfs\":{\"diff_ids\":[]}}");
    let signed = json!({ "schemaVersion": 2, "config": config, "layers": [signature] });
    let signed = members.blob(OCI_MANIFEST, signed.to_string().as_bytes());
    let model = members.blob("application/octet-stream", b"weights");
    let other = json!({ "mediaType": "application/vnd.example+yaml", "size": 4,
        "digest": members.blob("", b"a: 1")["digest"] });
    let model = json!({ "schemaVersion": 2, "artifactType": "application/vnd.example", "config": other, "layers": [model] });
    let model = members.blob(OCI_MANIFEST, model.to_string().as_bytes());
    layout(&mut members, &[helm, signed, model]);
    both_ways(&members.tar(), "artifacts", |outcome, way| {
        let outcome = outcome.expect(way);
        let kinds: Vec<_> = outcome.images.iter().map(|image| (image.kind, image.layers.len())).collect();
        // The last one's config is no JSON, so it stands behind its blobs.
        assert_eq!(kinds, [(ImageKind::Artifact, 2), (ImageKind::Artifact, 1), (ImageKind::Artifact, 2)]);
        assert!(outcome.images.iter().all(|image| image.errors.is_empty()));
        let read =
            |image: usize, blob: usize| outcome.bytes(&outcome.images[image].layers[blob]).expect("a blob");
        assert_eq!(read(0, 0), b"chart");
        assert_eq!(read(0, 1), b"{\"key\": 1}");
        assert_eq!(read(2, 1), b"a: 1");
        assert!(outcome.images[0].config_json.is_some() && outcome.images[2].config_json.is_none());
    });
}

#[test]
fn blobs_may_be_embedded_in_their_descriptors() {
    use base64::Engine as _;
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("a", b"b")).build();
    let mut members = oci(&[&image], Compression::None);
    let name = |digest: &serde_json::Value| {
        format!("blobs/sha256/{}", digest.as_str().unwrap_or_default().trim_start_matches("sha256:"))
    };
    let old = name(&members.json("index.json")["manifests"][0]["digest"]);
    let mut manifest = members.json(&old);
    for part in [&mut manifest["config"].clone(), &mut manifest["layers"][0].clone()] {
        let blob = name(&part["digest"]);
        part["data"] =
            json!(base64::engine::general_purpose::STANDARD.encode(members.get(&blob).expect("a blob")));
        members.remove(&blob);
        if part["mediaType"] == OCI_CONFIG {
            manifest["config"] = part.clone()
        } else {
            manifest["layers"][0] = part.clone()
        }
    }
    let entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    members.remove("index.json");
    layout(&mut members, &[entry]);
    both_ways(&members.tar(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        outcome.assert_same(outcome.image(), &image);
    });
}

#[test]
fn names_may_be_absolute_dotted_or_long() {
    let image = sample("app:1").build();
    for prefix in ["./", "/", "a/../"] {
        let mut members = docker_classic(&[&image]);
        for (name, _) in &mut members.list {
            *name = format!("{prefix}{name}");
        }
        both_ways(&members.tar(), "image", |outcome, way| {
            let outcome = outcome.expect(way);
            outcome.assert_same(outcome.image(), &image);
        });
    }
    let long = "x".repeat(150);
    let mut members = Members::default();
    members.file(&format!("{long}/layer.tar"), image.layers[0].clone());
    members.file("config", image.config.clone());
    let layers = vec![format!("{long}/layer.tar"); 3];
    members.file("manifest.json", json!([{ "Config": "config", "Layers": layers }]).to_string().into_bytes());
    both_ways(&members.tar(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        let image = outcome.image();
        assert_eq!(image.errors, []);
        assert!(image.layers.iter().all(|layer| layer.key == image.layers[0].key), "one member is one key");
    });
}
