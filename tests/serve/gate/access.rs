//! Who may push, how the gate is reached, and a registry that is not there.

use std::time::{Duration, Instant};

use super::clients::skopeo_copy;
use super::{
    Parts, Scene, assert_refusal, clean, gate_before, get_manifest, key, layout, leaky, put_manifest,
    send_with, upload, upload_with,
};
use crate::support::distribution::issuer::Issuer;
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::engine::text;
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::token::{basic, secret};
use crate::support::http::{Answer, Server as Upstream};
use crate::support::serve::{ANY, Server, curl};

#[test]
fn only_who_may_push_is_told_what_an_image_holds() {
    let password = secret("password");
    let scene = Scene::with(&Mode::Htpasswd("robot", &password), &[]);
    let host = scene.host();
    let parts = Parts::of(&leaky("leak:1", 50));
    let push = |who: Option<&str>| {
        let who = who.map(|word| format!("Authorization: Basic {}", basic("robot", word)));
        let mut headers = vec!["Content-Type: application/vnd.oci.image.manifest.v1+json"];
        headers.extend(who.as_deref());
        send_with("PUT", &host, "/v2/app/manifests/1", &headers, &parts.manifest)
    };
    let login = format!("Authorization: Basic {}", basic("robot", &password));
    for blob in &parts.blobs {
        assert_eq!(send_with("POST", &host, "/v2/app/blobs/uploads/", &[], blob).status, 401);
        upload_with(&host, "app", &[&login], blob);
    }
    // Nobody, before and after the verdict is known.
    for who in [None, Some("wrong"), Some(password.as_str()), None, Some("wrong")] {
        let answered = push(who);
        if who == Some(password.as_str()) {
            super::assert_refused(&answered, 50);
            continue;
        }
        assert_eq!(answered.status, 401);
        assert_eq!(answered.headers["www-authenticate"], "Basic realm=\"registry of a test\"");
        let said = answered.text();
        assert!(!["leak", "GitHub", ".env"].iter().any(|word| said.contains(word)), "{said}");
    }
    assert!(!scene.server.text().contains(&password));
    assert!(!scene.server.text().contains(&basic("robot", &password)));
    let (_folder, image) = layout(&clean("clean:1"));
    let to = format!("docker://{host}/app:2");
    let credentials = format!("robot:{password}");
    let output = skopeo_copy(&image, &to, &["--dest-tls-verify=false", "--dest-creds", &credentials]);
    assert!(output.status.success(), "{}", text(&output));
    let output = skopeo_copy(&image, &to, &["--dest-tls-verify=false", "--dest-creds", "robot:wrong"]);
    assert!(!output.status.success());
}

#[test]
fn tokens_of_the_registrys_service_pass() {
    let issuer = Issuer::start();
    let scene = Scene::with(&Mode::Token(&issuer), &[]);
    let credentials = format!("{}:{}", issuer.username(), issuer.password());
    let options = ["--dest-tls-verify=false", "--dest-creds", &credentials];
    let (_one, image) = layout(&leaky("leak:1", 51));
    let output = skopeo_copy(&image, &format!("docker://{}/shop/leak:1", scene.host()), &options);
    assert!(!output.status.success());
    assert_refusal(&text(&output));
    let (_two, image) = layout(&clean("clean:1"));
    let name = format!("docker://{}/shop/clean:1", scene.host());
    let output = skopeo_copy(&image, &name, &options);
    assert!(output.status.success(), "{}", text(&output));
    let back = tempfile::tempdir().expect("a folder");
    let to = format!("oci:{}:clean:1", back.path().display());
    let output = skopeo_copy(&name, &to, &["--src-tls-verify=false", "--src-creds", &credentials]);
    assert!(output.status.success(), "{}", text(&output));
    let log = scene.server.text();
    for secret in issuer.secrets() {
        assert!(!log.contains(&secret));
    }
    let nobody = put_manifest(&scene.host(), "shop/leak", "1", &Parts::of(&leaky("leak:1", 51)).manifest);
    assert_eq!(nobody.status, 401);
    assert!(nobody.headers["www-authenticate"].starts_with("Bearer realm="));
}

#[test]
fn a_gate_over_tls_is_trusted_by_its_authority() {
    let authority = Authority::new();
    let identity = authority.server(LOCAL);
    let (cert, key_) = (identity.cert.to_str().expect("UTF-8"), identity.key.to_str().expect("UTF-8"));
    let scene = Scene::new(&["--tls-cert", cert, "--tls-key", key_]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(authority.ca_file(), folder.path().join("ca.crt")).expect("copied");
    let trust = ["--dest-cert-dir", folder.path().to_str().expect("UTF-8")];
    let (_one, image) = layout(&leaky("leak:1", 52));
    let output = skopeo_copy(&image, &format!("docker://{}/shop/leak:1", scene.host()), &trust);
    assert!(!output.status.success());
    assert_refusal(&text(&output));
    assert!(!text(&output).contains(&key(52)));
    let (_two, image) = layout(&clean("clean:1"));
    let name = format!("docker://{}/shop/clean:1", scene.host());
    let output = skopeo_copy(&image, &name, &trust);
    assert!(output.status.success(), "{}", text(&output));
    assert!(scene.held("shop/clean", "1").is_some());
    assert!(!skopeo_copy(&image, &name, &[]).status.success(), "nobody vouches for it");
    let plain = curl(&[&format!("http://{}/v2/", scene.host())], b"");
    assert_ne!(plain.status, 200);
}

#[test]
fn a_registry_over_tls_is_reached_by_its_authority() {
    let authority = Authority::new();
    let identity = authority.server(LOCAL);
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Tls(&identity));
    let upstream = format!("https://{}", registry.host());
    let ca = authority.ca_file();
    let arguments = ["--gate", ANY, "--upstream", &upstream, "--ca-file", ca.to_str().expect("UTF-8")];
    let server = Server::start(&arguments);
    let host = server.address("gate");
    let parts = Parts::of(&leaky("leak:1", 53));
    parts.upload(&host, "app", true);
    super::assert_refused(&put_manifest(&host, "app", "1", &parts.manifest), 53);
    // What the gate reads itself, it reads over TLS too.
    let fresh = Server::start(&arguments);
    super::assert_refused(&put_manifest(&fresh.address("gate"), "app", "1", &parts.manifest), 53);
    let good = Parts::of(&clean("clean:1"));
    good.upload(&host, "app", true);
    assert_eq!(put_manifest(&host, "app", "2", &good.manifest).status, 201);
    let unknown = Server::start(&arguments[..4]);
    assert_eq!(get_manifest(&unknown.address("gate"), "app", "2").status, 502);
}

#[test]
fn a_registry_that_is_not_there_is_said_to_be_so() {
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let server = gate_before(registry.host(), &[]);
    let host = server.address("gate");
    let parts = Parts::of(&clean("clean:1"));
    parts.upload(&host, "app", true);
    drop(registry);
    let start = Instant::now();
    let answered = put_manifest(&host, "app", "1", &parts.manifest);
    assert_eq!(answered.status, 502, "{}", answered.text());
    assert_eq!(answered.json()["errors"][0]["code"], "UNAVAILABLE");
    assert_eq!(get_manifest(&host, "app", "1").status, 502);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_registry_that_falls_silent_is_judged_by_the_policy() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    for (word, status, passes) in [("deny", 403, false), ("warn", 201, true)] {
        std::fs::write(&policy, format!("unknown-after-wait = \"{word}\"\nincomplete = \"{word}\"\n"))
            .expect("a file");
        let parts = Parts::of(&clean("clean:1"));
        let upstream = Upstream::start(|request| match request.method.as_str() {
            "GET" => Answer::silence(),
            "HEAD" => Answer::new(200),
            "POST" => Answer::new(202).header("Location", "/v2/app/blobs/uploads/1"),
            _ => Answer::new(201),
        });
        let options = ["--policy", policy.to_str().expect("UTF-8"), "--timeout", "1s"];
        let server = gate_before(&upstream.host(), &options);
        let host = server.address("gate");
        parts.blobs.iter().for_each(|blob| upload(&host, "app", blob));
        let answered = put_manifest(&host, "app", "1", &parts.manifest);
        assert_eq!(answered.status, status, "{word}: {}", answered.text());
        assert_eq!(!upstream.asked("PUT", "/manifests/1").is_empty(), passes);
        if passes {
            assert!(answered.headers["warning"].starts_with("299 - \"keyseam: "), "{:?}", answered.headers);
        } else {
            assert!(answered.text().contains("does not answer in time"), "{}", answered.text());
        }
    }
}
