//! Requests that a registry may read otherwise than the gate: none of them changes anything.

use super::{Parts, gate_before, leaky, send, send_with};
use crate::support::http::{Answer, Server as Upstream};
use crate::support::image::OCI_MANIFEST;
use crate::support::serve::curl;

const KIND: &str = "Content-Type: application/vnd.oci.image.manifest.v1+json";

/// A registry that would take everything.
fn lenient() -> Upstream {
    Upstream::start(|_| Answer::new(201))
}

#[test]
fn tricks_with_paths_write_nothing() {
    let upstream = lenient();
    let server = gate_before(&upstream.host(), &["--gate-also", "/service/,/c/"]);
    let (host, parts) = (server.address("gate"), Parts::of(&leaky("leak:1", 40)));
    let targets = [
        "/v2/app/%6danifests/1",
        "/v2/app/manifests/%31",
        "/v2/app/manifests/1%2f2",
        "/v2/a/%2e%2e/app/manifests/1",
        "/v2/a/../app/manifests/1",
        "/v2/./app/manifests/1",
        "/v2//app/manifests/1",
        "//v2/app/manifests/1",
        "/v2/app//manifests/1",
        "/v2/app/manifests//1",
        "/v2/app/manifests/1/",
        "/v2/app/manifests/1/2",
        "/v2/app/manifests/",
        "/v2/app/manifests",
        "/v2/App/manifests/1",
        "/v2/app/Manifests/1",
        "/V2/app/manifests/1",
        "/v2/app/manifests/1;x",
        "/v2/app/manifests/..",
        "/v2\\app/manifests/1",
        "/v1/app/manifests/1",
        "/service/../v2/app/manifests/1",
        "/service/%2e%2e/v2/app/manifests/1",
        "/service//v2/app/manifests/1",
        "/v2/app/manifests/1/blobs/uploads/../../1",
        "/v2/app/blobs/uploads/../../manifests/1",
        "/v2/app/blobs/uploads/%2e%2e/%2e%2e/manifests/1",
        "/v2/app/blobs/uploads/..%2f..%2fmanifests/1",
    ];
    for target in targets {
        for method in ["PUT", "POST", "PATCH"] {
            let answered = send_with(method, &host, target, &[KIND], &parts.manifest);
            assert!((400..500).contains(&answered.status), "{method} {target}: {}", answered.status);
        }
    }
    for method in ["POST", "PATCH", "put", "LINK", "PROPFIND"] {
        let answered = send_with(method, &host, "/v2/app/manifests/1", &[KIND], &parts.manifest);
        assert!((400..500).contains(&answered.status), "{method}: {}", answered.status);
    }
    let written: Vec<String> = upstream
        .requests()
        .iter()
        .filter(|request| !["GET", "HEAD"].contains(&request.method.as_str()))
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn a_request_is_of_the_method_that_it_says() {
    let upstream = lenient();
    let server = gate_before(&upstream.host(), &[]);
    let (host, parts) = (server.address("gate"), Parts::of(&leaky("leak:1", 41)));
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let other = format!("{name}: PUT");
        let read = send_with("GET", &host, "/v2/app/manifests/1", &[KIND, &other], &parts.manifest);
        assert_eq!(read.status, 201);
        let post = send_with("POST", &host, "/v2/app/manifests/1", &[KIND, &other], &parts.manifest);
        assert_eq!(post.status, 405);
    }
    for request in upstream.requests() {
        assert_eq!(request.method, "GET");
        assert!(request.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().contains("method")));
    }
}

#[test]
fn what_is_no_registrys_path_stays_outside_unless_it_is_said_to_pass() {
    let upstream = Upstream::start(|_| Answer::text(200, "passed"));
    let server = gate_before(&upstream.host(), &["--gate-also", "/service/"]);
    let host = server.address("gate");
    let get = |target: &str| curl(&[&format!("http://{host}{target}")], b"").status;
    assert_eq!((get("/v2/"), get("/v2/_catalog?n=1"), get("/service/token?x=1")), (200, 200, 200));
    assert_eq!((get("/"), get("/api/v2.0/projects"), get("/v3/")), (404, 404, 404));
    let asked: Vec<String> = upstream.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(asked, ["/v2/", "/v2/_catalog?n=1", "/service/token?x=1"]);
}

#[test]
fn a_manifest_that_is_too_large_is_not_read() {
    let upstream = lenient();
    let server = gate_before(&upstream.host(), &[]);
    let most = usize::try_from(keyseam::limits::MANIFEST).expect("64 bits");
    assert_eq!(most, 4 * 1024 * 1024);
    let answered =
        send_with("PUT", &server.address("gate"), "/v2/app/manifests/1", &[KIND], &vec![b' '; most + 1]);
    assert_eq!(answered.status, 413, "{}", answered.text());
    assert!(upstream.requests().is_empty());
    assert!(KIND.ends_with(OCI_MANIFEST));
}

#[test]
fn blobs_and_tags_can_be_removed_through_the_gate() {
    let upstream = Upstream::start(|_| Answer::new(202));
    let server = gate_before(&upstream.host(), &[]);
    let answered = send("DELETE", &server.address("gate"), "/v2/app/manifests/sha256:00", b"");
    assert_eq!(answered.status, 202);
    assert_eq!(upstream.asked("DELETE", "/v2/app/manifests/sha256:00").len(), 1);
}
