//! `keyseam gone`: whether a repository still serves a key, in Debian's `docker-registry` to the last byte.

use serde_json::Value;

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::distribution::{Distribution, Mode, Store, skopeo};
use crate::support::http::Answer;
use crate::support::http::registry::{Form, Registry};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

const GZIP: Form = Form::Oci(Compression::Gzip);

fn leaky(name: &str) -> Image {
    ImageBuilder::new(name)
        .layer_by("COPY . /app # buildkit", Layer::new().file("app/.env", &line(1)))
        .layer_by("RUN make # buildkit", Layer::new().file("app/made", name.as_bytes()))
        .build()
}

fn clean(name: &str) -> Image {
    ImageBuilder::new(name)
        .layer_by("RUN make # buildkit", Layer::new().file("app/made", name.as_bytes()))
        .build()
}

/// Commands that share a cache folder, and so an inventory.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn keyseam(&self, arguments: &[&str]) -> Keyseam {
        Keyseam::new(arguments).arg("--cache-dir").arg(self.0.path())
    }

    fn gone(&self, repository: &str) -> Run {
        self.keyseam(&["gone", &fingerprint(&key(1)), repository, "--format", "json"]).run()
    }
}

fn names(answer: &Value) -> Vec<String> {
    let serving = list(&answer["tags"]).into_iter().filter(|tag| !list(&tag["places"]).is_empty());
    let mut names: Vec<String> = serving
        .map(|tag| {
            tag["name"].as_str().and_then(|name| name.rsplit(':').next()).unwrap_or_default().to_owned()
        })
        .collect();
    names.sort();
    names
}

fn kinds(answer: &Value) -> Vec<String> {
    let mut kinds: Vec<String> = list(&answer["stored"])
        .iter()
        .map(|one| one["kind"].as_str().unwrap_or_default().to_owned())
        .collect();
    kinds.sort();
    kinds
}

/// From the finding to the proof: tags are built anew, manifests deleted, garbage is collected, and at each step it is told
/// what is left.
#[test]
fn a_key_is_followed_until_it_is_gone() {
    let store = Store::new();
    let push = |image: &Image, tag: &str| {
        store.push(&oci(&[image], Compression::Gzip), &image.names[0], &format!("team/shop:{tag}"), &[]);
    };
    for tag in ["1.0", "1.1"] {
        push(&leaky(&format!("shop:{tag}")), tag);
    }
    push(&clean("shop:1.2"), "1.2");
    let registry = Distribution::start(&store, &Mode::Plain);
    let repository = registry.target("team/shop");
    let desk = Desk::new();
    let scan = || desk.keyseam(&["scan", "-o", "json", "--all-tags", &repository]).run();
    scan().assert_status(1);
    let run = desk.gone(&repository);
    run.assert_status(1);
    assert_eq!(
        (names(&run.json()), run.json()["gone"].clone()),
        (vec!["1.0".into(), "1.1".into()], false.into())
    );
    let tag =
        list(&run.json()["tags"]).into_iter().find(|tag| !list(&tag["places"]).is_empty()).expect("one");
    let place = &list(&tag["places"])[0];
    assert_eq!((&place["layer"], &place["place"]), (&0.into(), &"app/.env:1".into()));
    assert!(place["layer_digest"].as_str().expect("a digest").starts_with("sha256:"));
    // Built anew. The old images have no name any more, and can be pulled all the same.
    for tag in ["1.0", "1.1"] {
        push(&clean(&format!("shop:{tag}")), tag);
    }
    let run = desk.gone(&repository);
    run.assert_status(1);
    assert_eq!(names(&run.json()).len(), 0);
    assert_eq!(kinds(&run.json()), ["layer", "manifest", "manifest"]);
    // Deleted. Their layer lies there until the registry collects its garbage.
    for manifest in list(&run.json()["stored"]).iter().filter(|one| one["kind"] == "manifest") {
        let name = format!("{repository}@{}", manifest["digest"].as_str().expect("a digest"));
        skopeo(&["delete", "--tls-verify=false", &name]);
    }
    let run = desk.gone(&repository);
    run.assert_status(1);
    assert_eq!(kinds(&run.json()), ["layer"]);
    store.collect_garbage();
    let run = desk.gone(&repository);
    run.assert_status(0);
    assert_eq!((run.json()["gone"].clone(), run.json()["asked"].clone()), (true.into(), 3.into()));
    let text = desk.keyseam(&["gone", &fingerprint(&key(1)), &repository]).run();
    assert!(text.text().starts_with("Gone: none of 3 tags of"), "{}", text.text());
    assert!(text.text().contains("revoked all the same"), "{}", text.text());
    // A repository of which nothing is left serves nothing; one that nobody knows proves nothing.
    for tag in ["1.0", "1.1", "1.2"] {
        skopeo(&["delete", "--tls-verify=false", &format!("{repository}:{tag}")]);
    }
    let run = desk.gone(&repository);
    run.assert_status(0);
    assert_eq!((list(&run.json()["tags"]).len(), run.json()["gone"].clone()), (0, true.into()));
    desk.gone(&registry.target("team/shpo")).assert_status(2);
}

#[test]
fn known_layers_are_not_fetched_again() {
    let registry = Registry::new()
        .image("team/shop", "1", &leaky("shop:1"), GZIP)
        .image("team/shop", "2", &leaky("shop:2"), GZIP)
        .start();
    let desk = Desk::new();
    let repository = registry.target("team/shop");
    desk.keyseam(&["scan", "-o", "json", "--all-tags", &repository]).run().assert_status(1);
    let blobs = || registry.requests().iter().filter(|request| request.gets_blob(None)).count();
    let (fetched, run) = (blobs(), desk.gone(&repository));
    run.assert_status(1);
    assert_eq!(names(&run.json()), ["1", "2"]);
    // Configs are no layers: one for each image.
    assert_eq!(blobs() - fetched, 2);
    // Without anything known, everything is read, and the answer is the same.
    let run = Desk::new().gone(&repository);
    assert_eq!(names(&run.json()), ["1", "2"]);
}

#[test]
fn what_cannot_be_read_proves_nothing() {
    let broken = |path: &'static str| {
        let registry = Registry::new().image("team/shop", "1", &clean("shop:1"), GZIP);
        let registry = registry.image("team/shop", "2", &clean("shop:2"), GZIP);
        let tampered = registry.tamper(
            move |request, answer| if request.path().contains(path) { Answer::new(500) } else { answer },
        );
        tampered.start()
    };
    let desk = Desk::new();
    let gone = |path, code| {
        let registry = broken(path);
        let fingerprint = fingerprint(&key(1));
        let run = desk
            .keyseam(&[
                "gone",
                &fingerprint,
                &registry.target("team/shop"),
                "--retries",
                "0",
                "--format",
                "json",
            ])
            .run();
        run.assert_status(code);
        assert_eq!(run.json()["gone"], false, "{path}");
        assert!(
            !list(&run.json()["failed"]).is_empty()
                || list(&run.json()["tags"]).iter().any(|tag| tag["complete"] == false)
        );
    };
    gone("/manifests/2", 3);
    gone("/blobs/", 3);
    gone("/tags/list", 2);
}

#[test]
fn a_wrong_question_is_no_proof() {
    let registry = Registry::new().image("team/shop", "1", &clean("shop:1"), GZIP).start();
    let repository = registry.target("team/shop");
    let desk = Desk::new();
    let other = format!("ksf1:00000000:{}", "0".repeat(32));
    for (fingerprint, repository, words) in [
        (other.as_str(), repository.as_str(), "--fingerprint-key-file"),
        ("ksf1:1:2", &repository, "no fingerprint"),
        (&fingerprint(&key(1)), &format!("{repository}:1"), "without a tag"),
        (&fingerprint(&key(1)), "./app.tar", "no file or folder"),
        (&fingerprint(&key(1)), "-", "no repository"),
    ] {
        let run = desk.keyseam(&["gone", fingerprint, repository]).run();
        run.assert_status(2);
        assert!(run.stderr.contains(words), "{fingerprint} {repository}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}
