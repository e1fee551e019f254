//! What manifests and indexes say, and what of it is believed.

use serde_json::{Value, json};

use super::pull::Pull;
use super::{LEAKED, leaky, leaky_image, text};
use crate::scan::{key, line};
use crate::support::cli::list;
use crate::support::http::Answer;
use crate::support::http::registry::{DOCKER_LIST, Form, Registry, docker_manifest};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, manifest,
    this_architecture,
};

const GZIP: Form = Form::Oci(Compression::Gzip);

fn other_architecture() -> &'static str {
    if this_architecture() == "s390x" { "amd64" } else { "s390x" }
}

/// An image with one key, for a platform.
fn for_platform(architecture: &str, number: u64) -> Image {
    let name = format!("app/{architecture}");
    let layer = Layer::new().file(&name, &line(number));
    ImageBuilder::new("app:1").platform("linux", architecture).layer(layer).build()
}

/// An index of these entries, as bytes.
fn index(media_type: &str, entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries }).to_string().into_bytes()
}

fn with_platform(mut descriptor: Value, image: &Image) -> Value {
    descriptor["platform"] = json!({ "os": image.os, "architecture": image.architecture });
    descriptor
}

#[test]
fn only_the_chosen_platforms_documents_are_fetched() {
    let images = [for_platform(this_architecture(), 1), for_platform(other_architecture(), 2)];
    for (kind, docker) in [(OCI_INDEX, false), (DOCKER_LIST, true)] {
        let mut members = Members::default();
        let mut entries = Vec::new();
        for image in &images {
            let descriptor = match docker {
                true => docker_manifest(&mut members, image),
                false => manifest(&mut members, image, Compression::Gzip),
            };
            entries.push(with_platform(descriptor, image));
        }
        let registry = Registry::new().blobs_of(&members);
        let registry = registry.manifest("app", "1", kind, &index(kind, &entries)).start();
        let target = registry.target("app:1");
        Pull::of(&target).run().assert_found(&[1]);
        let asked = registry.requests();
        let of = |kind: &str| {
            let of_it = |request: &&crate::support::http::Request| {
                request.method == "GET" && request.registry_path().is_some_and(|(_, own, _)| own == kind)
            };
            asked.iter().filter(of_it).count()
        };
        assert_eq!((of("manifests"), of("blobs")), (2, 2), "index and manifest, config and layer");
        let theirs = text(&entries[1]["digest"]);
        assert!(asked.iter().all(|request| !request.path().ends_with(&theirs)));
        let chosen = format!("linux/{}", other_architecture());
        Pull::of(&target).args(&["--platform", &chosen]).run().assert_found(&[2]);
        let run = Pull::of(&target).args(&["--platform", "all"]).run();
        let platforms: Vec<String> = run.results().iter().map(|result| text(&result["platform"])).collect();
        assert_eq!(platforms, [format!("linux/{}", this_architecture()), chosen]);
        run.assert_status(1);
        // By digest: the manifest of one platform, whichever machine this is.
        Pull::of(&registry.target(&format!("app@{theirs}"))).run().assert_found(&[2]);
        Pull::of(&registry.target(&format!("app:1@{theirs}"))).run().assert_found(&[2]);
    }
}

#[test]
fn an_index_in_an_index_is_opened() {
    let image = for_platform(this_architecture(), 1);
    let mut members = Members::default();
    let entry = with_platform(manifest(&mut members, &image, Compression::Gzip), &image);
    let mut inner = entry;
    for depth in 1..=12 {
        let bytes = index(OCI_INDEX, &[inner.clone()]);
        let registry = Registry::new().blobs_of(&members).manifest("app", "1", OCI_INDEX, &bytes).start();
        let run = Pull::of(&registry.target("app:1")).run();
        match depth {
            1 | 2 => {
                run.assert_found(&[1]);
            }
            12 => {
                run.assert_refused(&["index"]);
            }
            // Somewhere in between lies the limit.
            _ => assert!(matches!(run.status, Some(1 | 2)), "{:?}", run.status),
        }
        inner = members.blob(OCI_INDEX, &bytes);
    }
}

#[test]
fn attestations_are_scanned_with_the_platform_that_they_describe() {
    let images = [for_platform(this_architecture(), 1), for_platform(other_architecture(), 2)];
    let mut members = Members::default();
    let mut entries = Vec::new();
    for (image, number) in images.iter().zip([11, 12]) {
        let descriptor = with_platform(manifest(&mut members, image, Compression::Gzip), image);
        // What BuildKit's provenance of mode max holds: build args in clear.
        let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "predicate": { "invocation": { "parameters": { "args": { "build-arg:TOKEN": key(number) } } } } });
        let statement = members.blob("application/vnd.in-toto+json", statement.to_string().as_bytes());
        let config = members.blob(OCI_CONFIG, b"{\"os\":\"unknown\",\"architecture\":\"unknown\"}");
        let attestation =
            json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [statement] });
        let mut attestation = members.blob(OCI_MANIFEST, attestation.to_string().as_bytes());
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": descriptor["digest"] });
        entries.extend([descriptor, attestation]);
    }
    let bytes = index(OCI_INDEX, &entries);
    let registry = Registry::new().blobs_of(&members).manifest("app", "1", OCI_INDEX, &bytes).start();
    let target = registry.target("app:1");
    let run = Pull::of(&target).run();
    run.assert_found(&[1, 11]);
    let findings = run.findings();
    let attested = findings.iter().find(|one| one["locations"][0]["kind"] == "attestation");
    let attested = attested.expect("a finding in the attestation");
    assert_eq!(attested["in_final_image"], false);
    assert_eq!(attested["exposed_to"], "puller");
    let chosen = format!("linux/{}", other_architecture());
    Pull::of(&target).args(&["--platform", &chosen]).run().assert_found(&[2, 12]);
    assert_eq!(Pull::of(&target).args(&["--platform", "all"]).run().results().len(), 2);
}

#[test]
fn documents_that_are_two_things_are_refused() {
    let image = leaky_image();
    let mut members = Members::default();
    let descriptor = manifest(&mut members, &image, Compression::Gzip);
    let name = format!("blobs/{}", text(&descriptor["digest"]).replace(':', "/"));
    let plain: Value = members.json(&name);
    let entry = with_platform(descriptor, &image);
    let mut both = plain.clone();
    both["manifests"] = json!([entry]);
    let mut says_index = plain.clone();
    says_index["mediaType"] = json!(OCI_INDEX);
    let listed = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": [entry] });
    for (what, document, media_type) in [
        ("layers and manifests", &both, OCI_MANIFEST),
        ("layers and manifests", &both, OCI_INDEX),
        ("a manifest served as index", &plain, OCI_INDEX),
        ("a manifest that says it is an index", &says_index, OCI_INDEX),
        ("a manifest that says it is an index, served as manifest", &says_index, OCI_MANIFEST),
        ("an index that says it is a manifest", &listed, OCI_MANIFEST),
        ("an index that says it is a manifest, served as index", &listed, OCI_INDEX),
    ] {
        let registry = Registry::new().blobs_of(&members);
        let registry = registry.manifest("app", "1", media_type, document.to_string().as_bytes()).start();
        let run = Pull::of(&registry.target("app:1")).run();
        assert_eq!(run.status, Some(2), "{what}: {}", run.stderr);
        assert!(!registry.requests().iter().any(|request| request.gets_blob(None)), "{what}");
    }
}

#[test]
fn a_manifest_whose_digest_is_wrong_is_refused() {
    let image = leaky_image();
    let mut members = Members::default();
    let descriptor = manifest(&mut members, &image, Compression::Gzip);
    let digest = text(&descriptor["digest"]);
    let other = ImageBuilder::new("app:1").build();
    let mut others = Members::default();
    let theirs = manifest(&mut others, &other, Compression::Gzip);
    let theirs_bytes =
        others.get(&format!("blobs/{}", text(&theirs["digest"]).replace(':', "/"))).map(<[u8]>::to_vec);
    let theirs_bytes = theirs_bytes.expect("a manifest");
    // Another manifest in place of the one that was asked for by its digest, whatever the header says.
    for header in [Some(digest.clone()), Some(text(&theirs["digest"])), None] {
        let bytes = theirs_bytes.clone();
        let registry = Registry::new()
            .blobs_of(&members)
            .tamper(move |request, usual| {
                if !request.asks_manifest() {
                    return usual;
                }
                usual.body(bytes.clone()).with("Docker-Content-Digest", header.as_deref())
            })
            .start();
        let run = Pull::of(&registry.target(&format!("app@{digest}"))).run();
        run.assert_refused(&["digest"]);
    }
    // By tag only the header tells; it must be right where it is.
    let wrong = format!("sha256:{}", "0".repeat(64));
    let registry = Registry::new().image("app", "1", &image, GZIP);
    let registry = registry.tamper(move |_, usual| {
        if usual.status == 200 { usual.with("Docker-Content-Digest", Some(&wrong)) } else { usual }
    });
    let registry = registry.start();
    Pull::of(&registry.target("app:1")).run().assert_refused(&["digest"]);
    // And may be missing, as with some registries, or be no digest at all.
    for header in [None, Some("none"), Some("md5:d41d8cd98f00b204e9800998ecf8427e")] {
        let registry = Registry::new().image("app", "1", &image, GZIP);
        let registry = registry.tamper(move |_, usual| usual.with("Docker-Content-Digest", header)).start();
        let run = Pull::of(&registry.target("app:1")).run();
        if header.is_none() {
            run.assert_found(&LEAKED);
        }
        assert_ne!(run.status, Some(0));
    }
}

#[test]
fn a_child_that_is_wrong_or_missing_is_said() {
    let images = [for_platform(this_architecture(), 1), for_platform(other_architecture(), 2)];
    let mut members = Members::default();
    let entries: Vec<Value> = images
        .iter()
        .map(|image| with_platform(manifest(&mut members, image, Compression::Gzip), image))
        .collect();
    let mine = text(&entries[0]["digest"]);
    for answer in [
        Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        Answer::text(200, "{}"),
        Answer::new(500),
    ] {
        let mine = mine.clone();
        let bytes = index(OCI_INDEX, &entries);
        let registry = Registry::new()
            .blobs_of(&members)
            .manifest("app", "1", OCI_INDEX, &bytes)
            .tamper(
                move |request, usual| if request.path().ends_with(&mine) { answer.clone() } else { usual },
            )
            .start();
        let target = registry.target("app:1");
        let run = Pull::of(&target).args(&["--retries", "0"]).run();
        assert!(matches!(run.status, Some(2 | 3)), "{:?}: {}", run.status, run.stderr);
        // The other platform's findings are not lost.
        let run = Pull::of(&target).args(&["--platform", "all", "--retries", "0"]).run();
        run.assert_status(1);
        assert_eq!(run.json()["summary"]["complete"], false);
        assert_eq!(run.json()["summary"]["findings"], 1);
    }
}

#[test]
fn media_types_that_are_said_in_other_ways() {
    for (header, works) in [
        (None, true),
        (Some("application/json"), true),
        (Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"), true),
        (Some("text/html"), false),
    ] {
        let registry = Registry::new().image("app", "1", &leaky_image(), GZIP);
        let registry =
            registry.tamper(
                move |request, usual| {
                    if request.asks_manifest() { usual.with("Content-Type", header) } else { usual }
                },
            );
        let registry = registry.start();
        let run = Pull::of(&registry.target("app:1")).run();
        match works {
            true => drop(run.assert_found(&LEAKED)),
            false => assert_ne!(run.status, Some(0)),
        }
    }
}

#[test]
fn an_old_manifest_is_named() {
    let old = json!({ "schemaVersion": 1, "name": "app", "tag": "1", "architecture": "amd64",
        "fsLayers": [{ "blobSum": format!("sha256:{}", "a".repeat(64)) }],
        "history": [{ "v1Compatibility": "{}" }], "signatures": [] });
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/json",
    ] {
        let registry = Registry::new().manifest("app", "1", media_type, old.to_string().as_bytes()).start();
        let run = Pull::of(&registry.target("app:1")).run();
        run.assert_refused(&["schema"]);
    }
}

#[test]
fn an_image_without_layers_is_one() {
    let image = ImageBuilder::new("app:1").env("TOKEN", &key(4)).build();
    for form in [GZIP, Form::Docker] {
        let registry = Registry::new().image("app", "1", &image, form).start();
        Pull::of(&registry.target("app:1")).run().assert_found(&[4]);
    }
}

#[test]
fn sizes_that_cannot_be_cost_nothing() {
    let image = leaky_image();
    for (part, at) in [("config", 0), ("layers", 0), ("layers", 3)] {
        for size in [
            json!(u64::MAX),
            json!(i64::MAX),
            json!(-1),
            json!(1e300),
            json!("12"),
            Value::Null,
            json!(0),
            json!(1_u64 << 40),
        ] {
            let mut members = Members::default();
            let descriptor = manifest(&mut members, &image, Compression::Gzip);
            let name = format!("blobs/{}", text(&descriptor["digest"]).replace(':', "/"));
            let mut document = members.json(&name);
            let of = if part == "config" { &mut document[part] } else { &mut document[part][at] };
            of["size"] = size.clone();
            let registry = Registry::new().blobs_of(&members);
            let registry =
                registry.manifest("app", "1", OCI_MANIFEST, document.to_string().as_bytes()).start();
            let run = Pull::of(&registry.target("app:1")).args(&["--retries", "1"]).run();
            assert!(matches!(run.status, Some(1..=3)), "{part} {size}: {:?}", run.status);
            assert_eq!(run.json()["summary"]["complete"], false, "{part} {size}");
        }
    }
}

#[test]
fn digests_that_cannot_be_are_refused() {
    for digest in
        ["sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "../../../etc/passwd", "sha256:../../v2/", ""]
    {
        let mut members = Members::default();
        let descriptor = manifest(&mut members, &leaky_image(), Compression::Gzip);
        let name = format!("blobs/{}", text(&descriptor["digest"]).replace(':', "/"));
        let mut document = members.json(&name);
        document["layers"][3]["digest"] = json!(digest);
        let registry = Registry::new().blobs_of(&members);
        let registry = registry.manifest("app", "1", OCI_MANIFEST, document.to_string().as_bytes()).start();
        let run = Pull::of(&registry.target("app:1")).run();
        assert!(matches!(run.status, Some(1..=3)), "{digest}: {:?}", run.status);
        assert_eq!(run.json()["summary"]["complete"], false, "{digest}");
        assert!(registry.requests().iter().all(|request| !request.target.contains("..")), "{digest}");
    }
}

#[test]
fn docker_and_oci_forms_give_the_same() {
    let image = leaky("app:1").also_named("app:2").build();
    let registry = Registry::new()
        .image("app", "docker", &image, Form::Docker)
        .image("app", "gzip", &image, GZIP)
        .image("app", "zstd", &image, Form::Oci(Compression::Zstd))
        .image("app", "none", &image, Form::Oci(Compression::None))
        .start();
    let all: Vec<Vec<Value>> = ["docker", "gzip", "zstd", "none"]
        .into_iter()
        .map(|tag| {
            let run = Pull::of(&registry.target(&format!("app:{tag}"))).run();
            run.assert_found(&LEAKED);
            super::facts(&run)
        })
        .collect();
    assert!(all.iter().all(|one| *one == all[0]));
    assert!(registry.requests().iter().all(|request| request.method == "GET"), "one request does");
}

#[test]
fn a_large_index_is_not_walked() {
    let image = for_platform(this_architecture(), 1);
    let mut members = Members::default();
    let mine = with_platform(manifest(&mut members, &image, Compression::Gzip), &image);
    let mut entries: Vec<Value> = (0..3000)
        .map(|number| {
            json!({ "mediaType": OCI_MANIFEST, "size": 500, "digest": format!("sha256:{number:064x}"),
                "platform": { "os": "plan9", "architecture": format!("cpu{number}") } })
        })
        .collect();
    entries.push(mine);
    let bytes = index(OCI_INDEX, &entries);
    let registry = Registry::new().blobs_of(&members).manifest("app", "1", OCI_INDEX, &bytes).start();
    Pull::of(&registry.target("app:1")).run().assert_found(&[1]);
    assert!(registry.requests().len() < 10, "{} requests", registry.requests().len());
    // What cannot be there is told shortly.
    let run = Pull::of(&registry.target("app:1")).args(&["--platform", "linux/none"]).run();
    run.assert_status(2);
    assert!(run.stderr.len() < 20_000, "{} bytes were said", run.stderr.len());
    assert_eq!(list(&run.json()["errors"]).len(), 1);
}
