//! Many images in one run: every tag of a repository, and lists of images. Each blob comes once.

use std::sync::Arc;

use serde_json::json;

use super::pull::Pull;
use super::text;
use crate::scan::line;
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::Tokens;
use crate::support::http::{Answer, Server};
use crate::support::image::{Compression, Image, ImageBuilder, Layer};

const GZIP: Form = Form::Oci(Compression::Gzip);

/// An image on a base that all of them share, with one layer and one key of its own.
fn image(number: u64) -> Image {
    ImageBuilder::new("app:1")
        .layer(Layer::new().file("etc/base", &super::noise(100_000)).file("etc/shared", &line(100)))
        .layer(Layer::new().file("app/own", &line(number)))
        .build()
}

/// A repository with so many tags, a page holding two of them.
fn tags(repository: &str, count: u64) -> Registry {
    (1..=count).fold(Registry::new().page(2), |registry, number| {
        registry.image(repository, &format!("v{number}"), &image(number), GZIP)
    })
}

/// Checks that no layer was asked for twice. Configs, numbered as their images, may be: they are small, and
/// not kept.
#[track_caller]
fn assert_once(registry: &Serving, numbers: impl IntoIterator<Item = u64>) {
    let configs: Vec<String> = numbers.into_iter().map(|number| image(number).config_digest()).collect();
    let mut digests: Vec<String> = Vec::new();
    for request in registry.requests().iter().filter(|request| request.gets_blob(None)) {
        let digest = request.path().rsplit('/').next().unwrap_or_default().to_owned();
        assert!(!digests.contains(&digest), "{digest} came twice");
        if !configs.contains(&digest) {
            digests.push(digest);
        }
    }
    assert!(!digests.is_empty());
}

#[test]
fn every_tag_is_scanned_and_every_layer_read_once() {
    let registry = tags("team/app", 5).start();
    let run = Pull::with(&["--all-tags", &registry.target("team/app")]).run();
    run.assert_status(1);
    let references: Vec<String> = run.results().iter().map(|result| text(&result["reference"])).collect();
    let expected: Vec<String> =
        (1..=5).map(|number| format!("{}/team/app:v{number}", registry.host())).collect();
    assert_eq!(references, expected);
    for (result, number) in run.results().iter().zip(1..) {
        assert_eq!(super::keys_of(result), super::fingerprints(&[number, 100]));
        assert_eq!(result["complete"], true);
    }
    assert_eq!(run.json()["summary"]["findings"], 6);
    assert_once(&registry, 1..=5);
    // Three pages of two.
    assert_eq!(registry.asked("GET", "/tags/list").len(), 3);
}

#[test]
fn a_list_of_images_reads_every_layer_once() {
    let registry = tags("team/app", 3).image("other/app", "1", &image(4), GZIP).start();
    let images = format!(
        "# nightly\n{}\n{}\n\n{}\n{}\n",
        registry.target("team/app:v1"),
        registry.target("team/app:v2"),
        registry.target("other/app:1"),
        registry.target("team/app:v1"),
    );
    let run = Pull::with(&["--images-from", "images"]).file("images", images).run();
    run.assert_status(1);
    assert_eq!(run.results().len(), 4);
    assert_eq!(run.json()["summary"]["findings"], 4);
    assert_once(&registry, 1..=4);
}

#[test]
fn one_login_does_for_all_tags() {
    let tokens = Arc::new(Tokens::new());
    let registry = tags("team/app", 4).access(Access::Bearer(Arc::clone(&tokens))).start();
    let pull = Pull::with(&["--all-tags", &registry.target("team/app")]);
    let run = pull.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
    run.assert_status(1);
    assert_eq!(run.results().len(), 4);
    // Lists may have a scope of their own.
    assert!(tokens.given() <= 2, "{} tokens", tokens.given());
    let asked = registry.asked("GET", "/token");
    let alone = asked.iter().filter(|request| request.header("authorization").is_none()).count();
    assert!(alone <= 1, "who can pull a repository was asked {alone} times");
    super::pull::assert_kept(&run, &registry, &[]);
}

#[test]
fn one_image_that_fails_does_not_hide_the_others() {
    let registry = tags("app", 3).tamper(|request, usual| {
        if request.path().ends_with("/manifests/v2") {
            Answer::error(404, "MANIFEST_UNKNOWN", "gone")
        } else {
            usual
        }
    });
    let registry = registry.start();
    let run = Pull::with(&["--all-tags", &registry.target("app")]).run();
    run.assert_status(1);
    assert_eq!(run.results().len(), 2);
    let errors = run.json()["errors"].clone();
    assert_eq!(errors.as_array().map(Vec::len), Some(1), "{errors}");
    assert!(text(&errors[0]["target"]).contains("v2"), "{errors}");
    assert_eq!(run.json()["summary"]["complete"], false);
}

#[test]
fn no_tags_and_no_repository_are_said() {
    let registry = tags("app", 1).start();
    Pull::with(&["--all-tags", &registry.target("none")]).run().assert_refused(&["none"]);
    for list in
        [json!({ "name": "app", "tags": null }), json!({ "name": "app", "tags": [] }), json!({}), json!([])]
    {
        let registry = tags("app", 1)
            .tamper(
                move |request, usual| {
                    if request.path().ends_with("/list") { Answer::json(200, &list) } else { usual }
                },
            )
            .start();
        Pull::with(&["--all-tags", &registry.target("app")]).run().assert_refused(&["tag"]);
    }
    // A tag and all of them is a contradiction, and so is a file.
    Pull::with(&["--all-tags", &registry.target("app:v1")]).run().assert_status(2);
    Pull::with(&["--all-tags", "app.tar"]).file("app.tar", "no tar").run().assert_status(2);
}

#[test]
fn a_further_page_elsewhere_is_neither_asked_for_nor_forgotten() {
    let witness = Server::witness();
    for link in [
        format!("<{}>; rel=\"next\"", witness.url("/v2/app/tags/list?last=v2")),
        format!("<//{}/v2/app/tags/list>; rel=\"next\"", witness.host()),
        "<file:///etc/passwd>; rel=\"next\"".to_owned(),
        "<http://169.254.169.254/latest>; rel=\"next\"".to_owned(),
    ] {
        let tokens = Arc::new(Tokens::new());
        let registry = tags("app", 3)
            .access(Access::Bearer(Arc::clone(&tokens)))
            .tamper(move |request, usual| {
                let list = request.path().ends_with("/list") && usual.status == 200;
                if list { usual.with("Link", Some(&link)) } else { usual }
            })
            .start();
        let pull = Pull::with(&["--all-tags", &registry.target("app")]);
        let run = pull.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
        assert_eq!(witness.requests().len(), 0);
        // Tags that nobody saw make the run incomplete.
        assert_eq!(run.json()["summary"]["complete"], false, "{}", run.text());
        super::pull::assert_kept(&run, &registry, &[&witness]);
    }
}

#[test]
fn pages_without_end_have_one() {
    // The same page again and again.
    let registry = tags("app", 3).tamper(|request, usual| {
        let list = request.path().ends_with("/list");
        if list { usual.with("Link", Some("</v2/app/tags/list?n=2&last=v1>; rel=\"next\"")) } else { usual }
    });
    let registry = registry.start();
    let run = Pull::with(&["--all-tags", &registry.target("app")]).run();
    assert!(run.status.is_some());
    assert!(registry.asked("GET", "/list").len() < 20, "{}", registry.asked("GET", "/list").len());
    // Ever new ones.
    let registry = tags("app", 1).tamper(|request, usual| {
        if !request.path().ends_with("/list") {
            return usual;
        }
        let page = request.nth;
        let tags: Vec<String> = (0..1000).map(|tag| format!("t{page}-{tag}")).collect();
        let next = format!("</v2/app/tags/list?n=1000&page={page}>; rel=\"next\"");
        Answer::json(200, &json!({ "name": "app", "tags": tags })).header("Link", &next)
    });
    let registry = registry.start();
    let run = Pull::with(&["--all-tags", &registry.target("app")]).run();
    run.assert_refused(&["tags"]);
    assert_eq!(registry.requests().iter().filter(|request| request.asks_manifest()).count(), 0);
    // One without end.
    let registry = tags("app", 1).tamper(|request, usual| {
        if request.path().ends_with("/list") { Answer::new(200).endless() } else { usual }
    });
    let registry = registry.start();
    Pull::with(&["--all-tags", &registry.target("app")]).run().assert_status(2);
    assert!(registry.bytes_sent() < 24 << 20, "{} bytes", registry.bytes_sent());
}

#[test]
fn a_tag_that_is_none_does_no_harm() {
    let registry = tags("app", 1).tamper(|request, usual| {
        let odd =
            json!({ "name": "app", "tags": ["v1", "../../../token", "-o", "a b", "", "\u{1b}[31m", "v1"] });
        if request.path().ends_with("/list") { Answer::json(200, &odd) } else { usual }
    });
    let registry = registry.start();
    let run = Pull::with(&["--all-tags", &registry.target("app")]).run();
    assert_eq!(run.results().len(), 1);
    assert!(!run.stderr.contains('\u{1b}'));
    assert!(registry.requests().iter().all(|request| !request.target.contains("..")));
}
