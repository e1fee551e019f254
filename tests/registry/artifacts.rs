//! What registries hold beside images: charts, files, modules, and what is attached to images. oci-client,
//! an independent implementation, pushes them to the real registry.

use std::collections::BTreeMap;

use keyseam::image::digest::Digest;
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use serde_json::{Value, json};

use super::pull::{Pull, Pulled};
use super::{LEAKED, leaky_image, text};
use crate::scan::{fingerprint, key, line};
use crate::support::distribution::{Distribution, Mode, Store, skopeo};
use crate::support::http::Answer;
use crate::support::http::registry::{Form, Referrers, Registry};
use crate::support::image::{Compression, ImageBuilder, Layer, OCI_INDEX, OCI_MANIFEST, oci};

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const TITLE: &str = "org.opencontainers.image.title";

/// A client that pushes, and what it runs on: that one sets the process' cryptography.
fn client() -> (Client, &'static tokio::runtime::Handle) {
    let runtime = keyseam::network::runtime().expect("a runtime");
    (Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() }), runtime)
}

/// Pushes an artifact. Blobs come with their media type and title.
fn push(
    registry: &Distribution,
    name: &str,
    config: (&str, Vec<u8>),
    blobs: Vec<(&str, &str, Vec<u8>)>,
    subject: Option<OciDescriptor>,
) {
    let (client, runtime) = client();
    let reference: Reference = format!("{}/{name}", registry.host()).parse().expect("a reference");
    let layer = |(media_type, title, bytes): (&str, &str, Vec<u8>)| {
        let titled = (!title.is_empty()).then(|| BTreeMap::from([(TITLE.to_owned(), title.to_owned())]));
        ImageLayer::new(bytes, media_type.to_owned(), titled)
    };
    let layers: Vec<ImageLayer> = blobs.into_iter().map(layer).collect();
    let config = Config::new(config.1, config.0.to_owned(), None);
    let mut manifest = OciImageManifest::build(&layers, &config, None);
    manifest.subject = subject;
    let pushed = client.push(&reference, &layers, config, &RegistryAuth::Anonymous, Some(manifest));
    runtime.block_on(pushed).expect("it is pushed");
}

#[test]
fn charts_files_and_modules() {
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let chart = Layer::new().file("app/Chart.yaml", b"name: app\n").file("app/values.yaml", &line(1)).tar();
    push(
        &registry,
        "charts/app:1.0.0",
        (
            "application/vnd.cncf.helm.config.v1+json",
            json!({ "name": "app", "token": key(2) }).to_string().into_bytes(),
        ),
        vec![("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "", Compression::Gzip.apply(&chart))],
        None,
    );
    let run = Pull::of(&registry.target("charts/app:1.0.0")).run();
    run.assert_found(&[1, 2]);
    assert_eq!(run.result()["kind"], "artifact");
    assert!(run.findings().iter().any(|one| one["locations"][0]["path"] == "app/values.yaml"));

    push(
        &registry,
        "files/notes:1",
        (EMPTY, b"{}".to_vec()),
        vec![
            ("text/plain", "notes/readme.txt", line(3)),
            ("application/octet-stream", "data.bin", super::noise(50_000)),
            ("application/x-tar", "backup.tar", Layer::new().file("home/.env", &line(4)).tar()),
        ],
        None,
    );
    let run = Pull::of(&registry.target("files/notes:1")).run();
    run.assert_found(&[3, 4]);
    let paths: Vec<String> = run.findings().iter().map(|one| text(&one["locations"][0]["path"])).collect();
    assert!(paths.iter().any(|path| path == "notes/readme.txt"), "{paths:?}");

    let module = [b"\0asm\x01\0\0\0".to_vec(), super::noise(1000), b"\0".to_vec(), line(5)].concat();
    let config = (
        "application/vnd.wasm.config.v0+json",
        json!({ "architecture": "wasm", "os": "wasip1" }).to_string().into_bytes(),
    );
    push(&registry, "modules/app:1", config, vec![("application/wasm", "", module)], None);
    let run = Pull::of(&registry.target("modules/app:1")).run();
    run.assert_found(&[5]);
    assert_eq!(run.result()["kind"], "artifact");
}

#[test]
fn what_is_attached_by_tag_is_scanned_when_asked_for() {
    let store = Store::new();
    store.push(&oci(&[&leaky_image()], Compression::Gzip), "app:1", "app:1", &[]);
    let registry = Distribution::start(&store, &Mode::Plain);
    let target = registry.target("app:1");
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &target]).stdout;
    let digest = Digest::sha256_of(&raw);
    let subject = OciDescriptor {
        media_type: OCI_MANIFEST.to_owned(),
        digest: digest.to_string(),
        size: raw.len().try_into().expect("a small one"),
        ..OciDescriptor::default()
    };
    let sbom = json!({ "spdxVersion": "SPDX-2.3", "comment": key(7) }).to_string().into_bytes();
    push(
        &registry,
        "app:sbom",
        (EMPTY, b"{}".to_vec()),
        vec![("application/spdx+json", "sbom.json", sbom)],
        Some(subject),
    );
    // This registry has no referrers API: clients keep an index at a tag of the subject's digest.
    let attached = skopeo(&["inspect", "--raw", "--tls-verify=false", &registry.target("app:sbom")]).stdout;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{ "mediaType": OCI_MANIFEST,
        "digest": Digest::sha256_of(&attached).to_string(), "size": attached.len(), "artifactType": "application/spdx+json" }] });
    put_manifest(&registry, &format!("sha256-{}", digest.hex()), &index);
    Pull::of(&target).run().assert_found(&LEAKED);
    let run = Pull::of(&target).arg("--referrers").run();
    run.assert_status(1);
    assert_holds(&run, &[1, 2, 3, 4, 7]);
    assert_eq!(run.json()["summary"]["complete"], true, "{}", run.text());
}

/// Puts a document under a tag of `app`.
fn put_manifest(registry: &Distribution, tag: &str, document: &Value) {
    let (client, runtime) = client();
    let reference: Reference = format!("{}/app:{tag}", registry.host()).parse().expect("a reference");
    let media_type = document["mediaType"].as_str().and_then(|text| text.parse().ok()).expect("a media type");
    let body = document.to_string().into_bytes();
    runtime.block_on(client.push_manifest_raw(&reference, body, media_type)).expect("it is pushed");
}

/// Checks that the whole report holds exactly these keys.
#[track_caller]
fn assert_holds(run: &Pulled, numbers: &[u64]) {
    let report = run.text();
    for number in 1..10 {
        let is_there = report.contains(&fingerprint(&key(number)));
        assert_eq!(is_there, numbers.contains(&number), "key {number}; it said:\n{}", run.stderr);
    }
}

/// A registry with an image without keys and something attached to it that has one.
fn attached() -> Registry {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("etc/motd", b"hello\n")).build();
    let registry = Registry::new().image("app", "1", &image, Form::Oci(Compression::Gzip));
    let subject = registry.digest_of("app", "1");
    let blob = line(7);
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/spdx+json",
        "config": { "mediaType": EMPTY, "digest": Digest::sha256_of(b"{}").to_string(), "size": 2 },
        "layers": [{ "mediaType": "text/plain", "digest": Digest::sha256_of(&blob).to_string(), "size": blob.len() }],
        "subject": { "mediaType": OCI_MANIFEST, "digest": subject, "size": 1 } });
    registry.blob(&blob).blob(b"{}").manifest(
        "app",
        "attached",
        OCI_MANIFEST,
        manifest.to_string().as_bytes(),
    )
}

/// The tag that stands for the referrers API.
fn fallback(registry: Registry) -> Registry {
    let (subject, own) = (registry.digest_of("app", "1"), registry.digest_of("app", "attached"));
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{ "mediaType": OCI_MANIFEST, "digest": own, "size": registry.manifest_size(&own) }] });
    registry.manifest("app", &subject.replace(':', "-"), OCI_INDEX, index.to_string().as_bytes())
}

#[test]
fn referrers_are_listed_by_the_api_or_by_the_tag() {
    for registry in [
        attached(),
        fallback(attached().referrers(Referrers::Status(404))),
        fallback(attached().referrers(Referrers::Status(405))),
        fallback(attached().referrers(Referrers::Status(400))),
        fallback(attached().referrers(Referrers::Status(501))),
        // A page for people in place of an answer.
        fallback(attached()).tamper(|request, usual| match request.registry_path() {
            Some((_, "referrers", _)) => Answer::text(200, "<html>").with("Content-Type", Some("text/html")),
            _ => usual,
        }),
    ] {
        let registry = registry.start();
        let target = registry.target("app:1");
        let run = Pull::of(&target).arg("--referrers").run();
        run.assert_status(1);
        assert_holds(&run, &[7]);
        assert_eq!(run.json()["summary"]["complete"], true, "{}", run.text());
        Pull::of(&target).run().assert_found(&[]);
    }
}

#[test]
fn referrers_that_are_absent_refused_and_unsupported_are_told_apart() {
    // There are none: neither here nor there.
    let absent = Registry::new().image("app", "1", &ImageBuilder::new("app:1").build(), Form::Docker).start();
    Pull::of(&absent.target("app:1")).arg("--referrers").run().assert_found(&[]);
    let none = attached().referrers(Referrers::Status(404)).start();
    Pull::of(&none.target("app:1")).arg("--referrers").run().assert_found(&[]);
    // There may be some, and who asks is not to know, or not now.
    for status in [401, 403, 429, 500, 503] {
        let registry = attached().referrers(Referrers::Status(status)).start();
        let run = Pull::of(&registry.target("app:1")).args(&["--referrers", "--retries", "0"]).run();
        run.assert_incomplete(3).assert_says(&["refer", &status.to_string()]);
        // The tag is no better.
        let registry = attached().referrers(Referrers::Status(404)).tamper(move |request, usual| {
            let tag = request.asks_manifest() && request.path().contains("/sha256-");
            if tag { Answer::error(status, "DENIED", "not for you") } else { usual }
        });
        let registry = registry.start();
        let run = Pull::of(&registry.target("app:1")).args(&["--referrers", "--retries", "0"]).run();
        run.assert_incomplete(3).assert_says(&["refer", &status.to_string()]);
    }
}

#[test]
fn a_registry_that_cannot_tell_is_noted() {
    // It knows neither the API nor such a tag's name: nothing was refused, and nothing is known.
    for status in [400, 405, 501] {
        let registry = attached().referrers(Referrers::Status(404)).tamper(move |request, usual| {
            let tag = request.asks_manifest() && request.path().contains("/sha256-");
            if tag { Answer::error(status, "TAG_INVALID", "what is that?") } else { usual }
        });
        let registry = registry.start();
        let run = Pull::of(&registry.target("app:1")).args(&["--referrers", "--retries", "0"]).run();
        run.assert_found(&[]);
        assert!(run.result()["warnings"].to_string().contains("refer"), "{}", run.text());
    }
}

#[test]
fn what_cosign_attached_by_tags_is_scanned_too() {
    for ending in ["sig", "att", "sbom"] {
        let registry = attached().referrers(Referrers::Status(404));
        let (subject, own) = (registry.digest_of("app", "1"), registry.digest_of("app", "attached"));
        let registry = registry.tag("app", &format!("{}.{ending}", subject.replace(':', "-")), &own).start();
        let run = Pull::of(&registry.target("app:1")).arg("--referrers").run();
        run.assert_status(1);
        assert_holds(&run, &[7]);
        Pull::of(&registry.target("app:1")).run().assert_found(&[]);
    }
}

#[test]
fn referrers_in_several_pages() {
    let registry = attached();
    let (subject, own) = (registry.digest_of("app", "1"), registry.digest_of("app", "attached"));
    let entry = json!({ "mediaType": OCI_MANIFEST, "digest": own, "size": registry.manifest_size(&own) });
    let path = format!("/v2/app/referrers/{subject}");
    let registry = registry.tamper(move |request, usual| {
        if request.path() != path {
            return usual;
        }
        let page = |entries: &[&Value]| {
            let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
            Answer::json(200, &index).with("Content-Type", Some(OCI_INDEX))
        };
        match request.query("page").as_deref() {
            Some("2") => page(&[&entry]),
            // The first page is empty, and still not the last one.
            _ => page(&[]).header("Link", &format!("<{path}?page=2>; rel=\"next\"")),
        }
    });
    let registry = registry.start();
    let run = Pull::of(&registry.target("app:1")).arg("--referrers").run();
    run.assert_status(1);
    assert_holds(&run, &[7]);
}

/// As cosign attached things before there was a referrers API.
#[test]
fn what_is_attached_under_a_tag_of_its_own() {
    for kind in ["sig", "att", "sbom"] {
        let registry = attached().referrers(Referrers::Status(404));
        let (subject, own) = (registry.digest_of("app", "1"), registry.digest_of("app", "attached"));
        let registry = registry.tag("app", &format!("{}.{kind}", subject.replace(':', "-")), &own).start();
        let run = Pull::of(&registry.target("app:1")).arg("--referrers").run();
        run.assert_status(1);
        assert_holds(&run, &[7]);
    }
}
