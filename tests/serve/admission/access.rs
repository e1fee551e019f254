//! Who is answered, and by which certificate.

use super::*;
use crate::support::cli::Keyseam;

#[test]
fn a_certificate_that_is_replaced_is_in_use_without_a_restart() {
    let scene = Scene::new();
    let server = scene.server("unknown = 'wait'");
    let body = pod(&[&scene.leaking()]).to_string().into_bytes();
    let status = |authority: &Authority| post_trusting(&server, authority, &[], "", &body).status;
    let other = Authority::new();
    assert_eq!((status(&scene.authority), status(&other)), (200, 0));
    let new = other.server(LOCAL);
    // Between the two there is a moment when they do not fit.
    std::fs::copy(&new.cert, &scene.identity.cert).expect("copied");
    server.wait_for(|logs| {
        logs.iter().any(|line| line["level"] == "WARN" && line.to_string().contains("does not go with"))
    });
    assert_eq!((status(&scene.authority), status(&other)), (200, 0));
    std::fs::copy(&new.key, &scene.identity.key).expect("copied");
    server.wait_for(|logs| logs.iter().any(|line| line["message"] == "certificate read"));
    assert_eq!((status(&scene.authority), status(&other)), (0, 200));
}

#[test]
fn only_who_has_a_certificate_is_answered_where_one_is_asked_for() {
    let scene = Scene::new();
    let clients = Authority::new();
    let ca_file = clients.ca_file();
    let server = scene.server_with(&["--client-ca", path(&ca_file)]);
    let body = pod(&["registry.example/app:1"]).to_string().into_bytes();
    let with = |identity: Option<&Identity>| {
        let words = identity.map(|identity| ["--cert", path(&identity.cert), "--key", path(&identity.key)]);
        let words = words.as_ref().map_or(&[][..], |words| &words[..]);
        post_trusting(&server, &scene.authority, words, "?timeout=1s", &body).status
    };
    assert_eq!(with(None), 0);
    assert_eq!(with(Some(&scene.authority.client())), 0, "another authority's");
    assert_eq!(with(Some(&clients.client())), 200);
}

#[test]
fn doors_are_open_to_anybody_by_a_word_alone() {
    let scene = Scene::new();
    let store = tempfile::tempdir().expect("a folder");
    let refused = |arguments: &[&str], words: &str| {
        let line = [&["serve", "--store", path(store.path())][..], arguments].concat();
        let run = Keyseam::new(&line).run();
        run.assert_status(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    };
    let all = "0.0.0.0:0";
    let status = ["--status", ANY];
    refused(&[&scene.door(all)[..], &status].concat(), "--open-admission");
    refused(&["--admission", ANY, "--status", ANY], "API servers speak TLS alone");
    refused(&["--gate", all, "--upstream", "http://127.0.0.1:9", "--status", ANY], "--gate-plain-http");
    refused(&["--notify", all, "--registry", "registry.example", "--status", ANY], "--token-file");
    refused(&[&scene.door(ANY)[..], &["--status", all]].concat(), "--open-metrics");
    refused(&["--status", ANY], "no door is to be opened");
    let clients = Authority::new().ca_file();
    refused(&[&scene.door(ANY)[..], &status, &["--client-ca", path(&clients)]].concat(), path(&clients));
    // With the word it opens.
    let mut server = Server::start(&[&scene.door(all)[..], &["--open-admission"]].concat());
    assert!(server.address("admission").starts_with("0.0.0.0:"));
    assert_eq!(server.stop(), Some(143));
}
