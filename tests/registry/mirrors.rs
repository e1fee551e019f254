//! Mirrors: asked first, never trusted with more than their own, and never missed.

use super::pull::{Pull, assert_kept, assert_untold};
use super::{LEAKED, leaky_image, noise, text};
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::{basic, secret};
use crate::support::http::{Answer, Server};
use crate::support::image::Compression;

const GZIP: Form = Form::Oci(Compression::Gzip);

fn holding(repository: &str) -> Registry {
    Registry::new().image(repository, "1", &leaky_image(), GZIP)
}

/// A pull of `team/app:1` from a registry that has this mirror.
fn through(mirror: &str, registry: &Serving) -> Pull {
    let option = format!("{}={mirror}", registry.host());
    Pull::of(&registry.target("team/app:1")).args(&["--mirror", &option])
}

#[test]
fn a_mirror_is_asked_in_place_of_the_registry() {
    for (prefix, repository) in [("", "team/app"), ("/cache/hub", "cache/hub/team/app")] {
        let (registry, mirror) = (holding("team/app").start(), holding(repository).start());
        let run = through(&format!("{}{prefix}", mirror.host()), &registry).run();
        run.assert_found(&LEAKED);
        assert!(registry.requests().is_empty(), "{:?}", registry.requests().first());
        assert!(!mirror.requests().is_empty());
        // What was scanned is what the user named.
        let result = run.result();
        assert_eq!(text(&result["reference"]), format!("{}/team/app:1", registry.host()));
    }
}

#[test]
fn the_registry_helps_where_a_mirror_does_not() {
    let quick = ["--retries", "0", "--timeout", "3s"];
    for answer in [
        Answer::error(404, "NAME_UNKNOWN", "no such repository"),
        Answer::error(403, "DENIED", "no"),
        Answer::new(429),
        Answer::new(500),
        Answer::new(503),
        Answer::close(),
        Answer::silence(),
        Answer::raw("what?"),
    ] {
        // For everything, and for blobs alone.
        for all in [true, false] {
            let answer = answer.clone();
            let registry = holding("team/app").start();
            let mirror = holding("team/app")
                .tamper(
                    move |request, usual| if all || request.gets_blob(None) { answer.clone() } else { usual },
                )
                .start();
            let run = through(&mirror.host(), &registry).args(&quick).run();
            run.assert_found(&LEAKED);
            assert!(!mirror.requests().is_empty());
        }
    }
    // Nobody is there.
    let (registry, gone) = (holding("team/app").start(), Server::witness().host());
    through(&gone, &registry).args(&quick).run().assert_found(&LEAKED);
    // The next mirror comes before the registry.
    let second = holding("team/app").start();
    let option = format!("{}={}", registry.host(), second.host());
    let before = registry.requests().len();
    through(&gone, &registry).args(&quick).args(&["--mirror", &option]).run().assert_found(&LEAKED);
    assert_eq!(registry.requests().len(), before);
}

#[test]
fn wrong_bytes_of_a_mirror_are_refused() {
    let image = leaky_image();
    let config = image.config_digest();
    // Another layer.
    let own = config.clone();
    let mirror = holding("team/app")
        .tamper(move |request, usual| {
            let layer = request.gets_blob(None) && !request.path().ends_with(&own);
            let length = usual.body.len();
            if layer { usual.body(noise(length)) } else { usual }
        })
        .start();
    let registry = holding("team/app").start();
    let run = through(&mirror.host(), &registry).run();
    assert_ne!(run.status, Some(0));
    let complete = run.result()["complete"] == true;
    assert!(
        !complete || super::keys_of(&run.result()) == super::fingerprints(&LEAKED),
        "it passes for whole"
    );
    // Another manifest than the digest's.
    let digest = holding("team/app").digest_of("team/app", "1");
    let mirror = holding("team/app")
        .tamper(|request, usual| {
            if request.asks_manifest() { usual.body("{\"schemaVersion\":2,\"layers\":[]}") } else { usual }
        })
        .start();
    let option = format!("{}={}", registry.host(), mirror.host());
    let target = registry.target(&format!("team/app@{digest}"));
    let run = Pull::of(&target).args(&["--mirror", &option]).run();
    run.assert_found(&LEAKED);
    assert!(!mirror.requests().is_empty());
}

#[test]
fn credentials_stay_with_whom_they_are_for() {
    let (secret, theirs) = (secret("password"), secret("password"));
    let protected = |password: &str| Access::Basic("robot".to_owned(), password.to_owned());
    let registry = holding("team/app").access(protected(&secret)).start();
    // A mirror that asks for credentials has none of the registry's.
    let greedy = Server::start(|_| {
        Answer::error(401, "UNAUTHORIZED", "who are you?")
            .header("WWW-Authenticate", "Basic realm=\"mirror\"")
    });
    let pull = through(&greedy.host_as("localhost"), &registry);
    let run = pull.docker_login(&registry.host(), "robot", &secret).run();
    run.assert_found(&LEAKED);
    assert!(!greedy.requests().is_empty());
    assert_kept(&run, &registry, &[&greedy]);
    // The user's own for the mirror are used there, and the registry sees none of them.
    let mirror = holding("team/app").access(protected(&theirs)).start();
    let auths = serde_json::json!({ "auths": {
        (registry.host()): { "auth": basic("robot", &secret) }, (mirror.host()): { "auth": basic("robot", &theirs) },
    } });
    let pull = through(&mirror.host(), &registry).file(".docker/config.json", auths.to_string());
    let run = pull.run();
    run.assert_found(&LEAKED);
    run.assert_silent(&[secret.clone(), theirs.clone()]);
    let told =
        |server: &Server, word: &str| server.requests().iter().any(|request| request.whole().contains(word));
    assert!(!told(&mirror, &basic("robot", &secret)) && !told(&registry, &basic("robot", &theirs)));
    assert!(told(&mirror, &basic("robot", &theirs)));
    // A name and password of the command line are the registry's.
    let run = through(&greedy.host_as("localhost"), &registry).login("robot", &secret).run();
    run.assert_found(&LEAKED);
    assert_untold(&greedy, &[secret.clone(), basic("robot", &secret)]);
}
