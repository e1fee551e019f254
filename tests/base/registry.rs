//! Bases in registries: of them only manifest and config are fetched, once, and an image sends us only where
//! it may.

use serde_json::{Value, json};

use super::{NOT_TOLD, ON_BASE, app, assert_marks, base};
use crate::scan::{assert_says, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::Server;
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

const GZIP: Form = Form::Oci(Compression::Gzip);
const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

fn scan(line: &[&str]) -> Run {
    Keyseam::scan(line).run()
}

/// An image on the base, with annotations in its manifest.
fn annotated(annotations: &[(&str, &str)]) -> Image {
    let builder = base().layer(Layer::new().file("app/own", b"ours"));
    annotations.iter().fold(builder, |builder, (name, value)| builder.annotation(name, value)).build()
}

/// Digests of the blobs that were asked for in a repository.
fn blobs_of(registry: &Serving, repository: &str) -> Vec<String> {
    let all = registry.requests();
    let folder = format!("/v2/{repository}/");
    let asked = all.iter().filter(|request| request.gets_blob(None) && request.path().starts_with(&folder));
    asked.map(|request| request.path().rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn of_the_base_only_manifest_and_config_are_fetched() {
    let (app, base) = (app(), base().build());
    for (of_app, of_base) in [(GZIP, GZIP), (Form::Oci(Compression::Zstd), GZIP), (Form::Docker, GZIP)] {
        let registry =
            Registry::new().image("app", "1", &app, of_app).image("base", "1", &base, of_base).start();
        let run = scan(&["--base", &registry.target("base:1"), &registry.target("app:1")]);
        assert_marks(&run, ON_BASE, &format!("{of_app:?} on {of_base:?}"));
        assert_eq!(blobs_of(&registry, "base"), [base.config_digest()], "{of_app:?}");
        assert_eq!(run.result()["base_image"]["name"], registry.target("base:1").as_str());
        assert!(run.result()["base_image"]["manifest_digest"].is_string());
    }
}

#[test]
fn a_base_serves_all_images_of_a_run_and_is_fetched_once() {
    let registry = (1..=4)
        .fold(Registry::new().image("base", "1", &base().build(), GZIP), |registry, number| {
            let own = Layer::new().file("own", format!("{number}").as_bytes());
            registry.image("app", &format!("v{number}"), &base().layer(own).build(), GZIP)
        })
        .image("other", "v1", &ImageBuilder::new("o:1").layer(Layer::new()).build(), GZIP)
        .start();
    let mut line = vec!["--base".to_owned(), registry.target("base:1")];
    line.extend((1..=4).map(|number| registry.target(&format!("app:v{number}"))));
    line.push(registry.target("other:v1"));
    let results = Keyseam::scan(&line).run().assert_status(1).results();
    let on_base = json!([{ "base": true }, { "base": true }, { "base": false }]);
    results.iter().take(4).for_each(|result| assert_says(&result["layers"], &on_base, "on the base"));
    assert!(results[4]["layers"][0]["base"].is_null());
    assert_eq!(registry.asked("GET", "/v2/base/manifests/1").len(), 1);
    assert_eq!(blobs_of(&registry, "base").len(), 1);
}

#[test]
fn a_base_that_is_left_out_is_not_fetched_and_other_images_keep_its_layers() {
    // The second image has the base's second layer too, and is not built on the base.
    let vendor = Layer::new().file("etc/vendor.conf", &line(1));
    let apart = ImageBuilder::new("o:1").layer(vendor).build();
    let registry = Registry::new()
        .image("app", "1", &app(), GZIP)
        .image("app", "apart", &apart, GZIP)
        .image("base", "1", &base().build(), GZIP)
        .start();
    let (base, app) = (registry.target("base:1"), registry.target("app:1"));
    let alone = scan(&["--skip-base", "--base", &base, &app]);
    assert_eq!(alone.assert_status(1).findings().len(), 1);
    assert_eq!(blobs_of(&registry, "app").len(), 2, "its config and its own layer");

    let both = scan(&["--skip-base", "--base", &base, &app, &registry.target("app:apart")]).results();
    let counts: Vec<usize> = both.iter().map(|result| list(&result["findings"]).len()).collect();
    assert_eq!(counts, [1, 1]);

    // What was left out is not taken for a layer without keys later.
    let folder = tempfile::tempdir().expect("a folder");
    let cached = |options: &[&str]| {
        Keyseam::scan(options).arg("--cache-dir").arg(folder.path()).arg(&app).run().findings().len()
    };
    assert_eq!((cached(&["--skip-base", "--base", &base]), cached(&[])), (1, 2));
    assert_eq!(cached(&["--skip-base", "--base", &base]), 1, "nor is a known one reported");
}

#[test]
fn a_base_that_the_registry_does_not_have_is_status_2() {
    let registry = Registry::new().image("app", "1", &app(), GZIP).start();
    let run = scan(&["--base", &registry.target("base:1"), &registry.target("app:1")]);
    run.assert_status(2);
    assert!(run.stderr.contains("--base") && run.stdout.is_empty(), "{}", run.stderr);
    assert!(registry.asked("GET", "/v2/app/manifests/1").is_empty());
}

#[test]
fn an_image_names_its_base_in_its_own_registry() {
    let store = Store::new();
    store.push(&oci(&[&base().build()], Compression::Gzip), "base:1", "team/base:1", &[]);
    let registry = Distribution::start(&store, &Mode::Plain);
    let digest = scan(&[&registry.target("team/base:1")]).result()["manifest_digest"].clone();
    let digest = digest.as_str().expect("a digest");
    let (tag, gone) =
        (format!("{}/team/base:1", registry.host()), format!("{}/team/base:0", registry.host()));
    let push = |to: &str, annotations: &[(&str, &str)]| {
        store.push(&oci(&[&annotated(annotations)], Compression::Gzip), "base:1", to, &[]);
        scan(&[&registry.target(to)])
    };
    for (to, annotations) in [
        ("team/app:tag", &[(NAME, tag.as_str())][..]),
        ("team/app:both", &[(NAME, &tag), (DIGEST, digest)]),
        // The tag moved on; the digest is still there.
        ("team/app:digest", &[(NAME, &gone), (DIGEST, digest)]),
    ] {
        let run = push(to, annotations);
        assert_marks(&run, ON_BASE, to);
        assert_eq!(run.result()["base_image"]["manifest_digest"], digest, "{to}");
    }
    // What cannot be had is no more than a warning; who names itself says nothing.
    let run = push("team/app:gone", &[(NAME, &gone)]);
    run.assert_status(1);
    assert_marks(&run, NOT_TOLD, "gone");
    assert_warned(&run, &gone);
    assert_eq!(run.result()["complete"], true);
    let own = format!("{}/team/app:self", registry.host());
    assert_marks(&push("team/app:self", &[(NAME, &own)]), NOT_TOLD, "itself");
    // The user's word is worth more.
    let archive = tempfile::tempdir().expect("a folder");
    let path = archive.path().join("base.tar");
    let lower = ImageBuilder::new("base:1").layer(Layer::new().file("etc/os", b"some system")).build();
    std::fs::write(&path, oci(&[&lower], Compression::Gzip).tar()).expect("a file");
    let run = scan(&["--base", &path.display().to_string(), &registry.target("team/app:tag")]);
    assert_marks(&run, &[Some(true), Some(false), Some(false)], "--base");
}

#[track_caller]
fn assert_warned(run: &Run, words: &str) {
    let said = |text: &Value| text.as_str().is_some_and(|text| text.contains(words));
    let warnings = list(&run.result()["warnings"]);
    assert_eq!(warnings.iter().filter(|one| said(one)).count(), 1, "{words}: {warnings:#?}");
}

#[test]
fn an_image_does_not_send_us_elsewhere() {
    let witness = Server::witness();
    let elsewhere = [
        format!("{}/team/base:1", witness.host()),
        format!("{}/team/base:1", witness.host_as("localhost")),
        format!("http://{}/base", witness.host()),
        format!("{}/../base:1", witness.host()),
        "169.254.169.254/base:1".to_owned(),
        "docker.io.example/base".to_owned(),
    ];
    for name in elsewhere {
        let app = annotated(&[(NAME, &name)]);
        let registry = Registry::new().image("app", "1", &app, GZIP).start();
        let run = scan(&[&registry.target("app:1")]);
        run.assert_status(1);
        assert_marks(&run, NOT_TOLD, &name);
        assert_warned(&run, "the base image that it names");
        assert_eq!((witness.requests().len(), &run.result()["complete"]), (0, &json!(true)), "{name}");
    }
}
