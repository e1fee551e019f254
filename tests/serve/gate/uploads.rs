//! Blobs on their way up, in every form that the distribution specification has for them, and in some that it has
//! not: what was read counts for the digest that it has, and what was not read is read from the registry.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{
    Parts, Scene, assert_refused, blobs_read, clean, counted, digest, gate_before, leaky, put_manifest, send,
    send_with, upload,
};
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::{Answer, Server as Upstream};
use crate::support::serve::curl;

/// Begins an upload; where it goes on, as a path of the gate.
fn begin(host: &str, repository: &str) -> String {
    let answered = send_with("POST", host, &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
    assert_eq!(answered.status, 202, "{}", answered.text());
    place(&answered.headers["location"])
}

/// A location that is the gate's own.
fn place(location: &str) -> String {
    assert!(location.starts_with("/v2/"), "{location}");
    location.to_owned()
}

fn patch(host: &str, place_: &str, from: usize, piece: &[u8]) -> String {
    let range = format!("Content-Range: {from}-{}", from + piece.len() - 1);
    let kind = "Content-Type: application/octet-stream";
    let answered = send_with("PATCH", host, place_, &[kind, &range], piece);
    assert_eq!(answered.status, 202, "{}", answered.text());
    place(&answered.headers["location"])
}

fn finish(host: &str, place: &str, digest: &str, rest: &[u8]) -> u16 {
    let and = if place.contains('?') { '&' } else { '?' };
    send("PUT", host, &format!("{place}{and}digest={digest}"), rest).status
}

/// A blob in three pieces.
fn in_pieces(host: &str, repository: &str, blob: &[u8]) {
    let mut place = begin(host, repository);
    let step = blob.len().div_ceil(3);
    for (index, piece) in blob.chunks(step).enumerate() {
        place = patch(host, &place, index * step, piece);
    }
    assert_eq!(finish(host, &place, &digest(blob), b""), 201);
}

/// A blob behind a request for its upload.
fn in_the_last_request(host: &str, repository: &str, blob: &[u8]) {
    let place = begin(host, repository);
    assert_eq!(finish(host, &place, &digest(blob), blob), 201);
}

/// The first half as a piece, the other one in the last request.
fn in_halves(host: &str, repository: &str, blob: &[u8]) {
    let (first, second) = blob.split_at(blob.len() / 2);
    let place = patch(host, &begin(host, repository), 0, first);
    assert_eq!(finish(host, &place, &digest(blob), second), 201);
}

/// In chunks of HTTP, without a length, as docker sends them.
fn as_a_stream(host: &str, repository: &str, blob: &[u8]) {
    let place = begin(host, repository);
    let headers = ["Content-Type: application/octet-stream", "Transfer-Encoding: chunked"];
    let answered = send_with("PATCH", host, &place, &headers, blob);
    assert_eq!(answered.status, 202, "{}", answered.text());
    assert_eq!(finish(host, &super::uploads::place(&answered.headers["location"]), &digest(blob), b""), 201);
}

#[test]
fn a_blob_is_read_in_whatever_form_it_comes() {
    type Form = fn(&str, &str, &[u8]);
    let forms: [(&str, Form); 3] =
        [("pieces", in_pieces), ("last", in_the_last_request), ("halves", in_halves)];
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let upstream = counted(&registry);
    let server = gate_before(&upstream.host(), &[]);
    let host = server.address("gate");
    for (number, (name, form)) in (10..).zip(forms) {
        let parts = Parts::of(&leaky("leak:1", number));
        parts.upload(&host, name, false);
        form(&host, name, parts.last());
        let before = blobs_read(&upstream);
        assert_refused(&put_manifest(&host, name, "1", &parts.manifest), number);
        // The config alone: layers were read while they passed.
        assert_eq!(blobs_read(&upstream) - before, 1, "{name}");
    }
    assert!(upstream.asked("PUT", "/manifests/1").is_empty());
}

#[test]
fn a_blob_that_comes_with_its_first_request_is_read() {
    // Debian's registry does not take it so; others do.
    let parts = Parts::of(&leaky("leak:1", 19));
    let config = parts.blobs[0].clone();
    let name = digest(&config);
    let upstream = Upstream::start(move |request| match request.method.as_str() {
        "GET" | "HEAD" if request.path().ends_with(&name) => Answer::new(200).body(config.clone()),
        "GET" | "HEAD" => Answer::error(404, "BLOB_UNKNOWN", "not here"),
        _ => Answer::new(201),
    });
    let server = gate_before(&upstream.host(), &[]);
    let host = server.address("gate");
    for blob in &parts.blobs {
        let target = format!("/v2/app/blobs/uploads/?digest={}", digest(blob));
        assert_eq!(send("POST", &host, &target, blob).status, 201);
    }
    let posted: Vec<Vec<u8>> =
        upstream.asked("POST", "/uploads/").into_iter().map(|request| request.body).collect();
    assert_eq!(posted, parts.blobs);
    assert_refused(&put_manifest(&host, "app", "1", &parts.manifest), 19);
    assert_eq!(blobs_read(&upstream), 1);
    // To one that does not, it comes again.
    let scene = Scene::new(&[]);
    let target = format!("/v2/app/blobs/uploads/?digest={}", digest(parts.last()));
    assert_eq!(send("POST", &scene.host(), &target, parts.last()).status, 202);
    parts.upload(&scene.host(), "app", false);
    assert_ne!(put_manifest(&scene.host(), "app", "1", &parts.manifest).status, 201);
    in_pieces(&scene.host(), "app", parts.last());
    assert_refused(&put_manifest(&scene.host(), "app", "1", &parts.manifest), 19);
}

#[test]
fn a_blob_that_comes_as_a_stream_is_read() {
    let scene = Scene::new(&[]);
    let parts = Parts::of(&leaky("leak:1", 20));
    parts.upload(&scene.host(), "app", false);
    as_a_stream(&scene.host(), "app", parts.last());
    assert_refused(&put_manifest(&scene.host(), "app", "1", &parts.manifest), 20);
    assert_eq!(scene.held("app", "1"), None);
    let parts = Parts::of(&clean("clean:1"));
    parts.blobs.iter().for_each(|blob| as_a_stream(&scene.host(), "app", blob));
    assert_eq!(put_manifest(&scene.host(), "app", "2", &parts.manifest).status, 201);
    assert_eq!(scene.held("app", "2"), Some(parts.manifest));
}

#[test]
fn a_blob_of_which_no_byte_passes_is_read_from_the_registry() {
    let scene = Scene::new(&[]);
    let (host, registry) = (scene.host(), scene.registry.host());
    // There already, in the same repository.
    let there = Parts::of(&leaky("leak:1", 21));
    there.upload(registry, "there", true);
    let exists = curl(&["--head", &format!("http://{host}/v2/there/blobs/{}", digest(there.last()))], b"");
    assert_eq!(exists.status, 200);
    assert_eq!(exists.headers["content-length"], there.last().len().to_string());
    assert_refused(&put_manifest(&host, "there", "1", &there.manifest), 21);
    // Mounted from another one.
    let mounted = Parts::of(&leaky("leak:1", 22));
    upload(registry, "base", mounted.last());
    mounted.upload(&host, "mounts", false);
    let target = format!("/v2/mounts/blobs/uploads/?mount={}&from=base", digest(mounted.last()));
    assert_eq!(send_with("POST", &host, &target, &[], b"").status, 201);
    assert_refused(&put_manifest(&host, "mounts", "1", &mounted.manifest), 22);
    assert_eq!((scene.held("there", "1"), scene.held("mounts", "1")), (None, None));
}

#[test]
fn uploads_at_once_are_not_taken_for_each_other() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    let (leak, good) = (Parts::of(&leaky("leak:1", 23)), Parts::of(&clean("clean:1")));
    leak.upload(&host, "app", false);
    good.upload(&host, "app", false);
    let (a, b) = (begin(&host, "app"), begin(&host, "app"));
    let (leak_half, good_half) = (leak.last().len() / 2, good.last().len() / 2);
    let a = patch(&host, &a, 0, &leak.last()[..leak_half]);
    let b = patch(&host, &b, 0, &good.last()[..good_half]);
    let a = patch(&host, &a, leak_half, &leak.last()[leak_half..]);
    let b = patch(&host, &b, good_half, &good.last()[good_half..]);
    assert_eq!(finish(&host, &b, &digest(good.last()), b""), 201);
    // What is said of the digest is not believed: neither the registry does, nor the gate.
    assert_eq!(finish(&host, &a, &digest(good.last()), b""), 400);
    in_pieces(&host, "app", leak.last());
    assert_refused(&put_manifest(&host, "app", "leak", &leak.manifest), 23);
    assert_eq!(put_manifest(&host, "app", "good", &good.manifest).status, 201);
    assert_eq!(scene.held("app", "leak"), None);
}

#[test]
fn a_piece_that_goes_around_the_gate_is_seen_all_the_same() {
    let scene = Scene::new(&[]);
    let (host, registry) = (scene.host(), scene.registry.host());
    let parts = Parts::of(&leaky("leak:1", 24));
    parts.upload(&host, "app", false);
    let half = parts.last().len() / 2;
    let place = patch(&host, &begin(&host, "app"), 0, &parts.last()[..half]);
    let range = format!("Content-Range: {half}-{}", parts.last().len() - 1);
    let kind = "Content-Type: application/octet-stream";
    let around = send_with("PATCH", registry, &place, &[kind, &range], &parts.last()[half..]);
    assert_eq!(around.status, 202, "{}", around.text());
    let location = around.headers["location"].replace(&format!("http://{registry}"), "");
    assert_eq!(finish(&host, &location, &digest(parts.last()), b""), 201);
    assert_refused(&put_manifest(&host, "app", "1", &parts.manifest), 24);
}

/// Begins to send a piece and stops in the middle; the connection stays open as long as what is returned.
fn unfinished(host: &str, place: &str, said: usize, piece: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(host).expect("it listens");
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {said}\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.write_all(piece).expect("it reads");
    stream
}

#[test]
fn an_upload_that_breaks_off_says_nothing_of_the_next() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    for (number, tag) in [(25, "1"), (26, "2")] {
        let parts = Parts::of(&leaky("leak:1", number));
        parts.upload(&host, "app", false);
        let place = begin(&host, "app");
        let half = parts.last().len() / 2;
        let stream = unfinished(&host, &place, parts.last().len(), &parts.last()[..half]);
        if tag == "1" {
            drop(stream);
        } else {
            // One that says that it is done, and reads the answer.
            stream.shutdown(std::net::Shutdown::Write).expect("a connection");
            let mut answer = Vec::new();
            let _ = (&stream).read_to_end(&mut answer);
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
        }
        in_halves(&host, "app", parts.last());
        assert_refused(&put_manifest(&host, "app", tag, &parts.manifest), number);
    }
}

#[test]
fn many_uploads_at_once_keep_no_leak_from_being_seen() {
    const OPEN: usize = 40;
    let scene = Scene::new(&["--open-metrics"]);
    let host = scene.host();
    let streams: Vec<TcpStream> = (0..OPEN)
        .map(|_| {
            let place = begin(&host, "slow");
            unfinished(&host, &place, 1_000_000, &[0; 1_000])
        })
        .collect();
    // Some find no reader: that shows that the others have theirs.
    let metrics = format!("http://{}/metrics", scene.server.address("status"));
    let left = OPEN - keyseam::limits::GATE_UPLOADS;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let is_reached = || {
        let text = curl(&[&metrics], b"").text();
        text.lines().any(|line| {
            line.contains("upload") && line.contains("\"left\"") && line.ends_with(&format!(" {left}"))
        })
    };
    while !is_reached() {
        assert!(std::time::Instant::now() < end, "{}", curl(&[&metrics], b"").text());
    }
    let parts = Parts::of(&leaky("leak:1", 27));
    parts.upload(&host, "app", true);
    assert_refused(&put_manifest(&host, "app", "1", &parts.manifest), 27);
    let good = Parts::of(&clean("clean:1"));
    good.upload(&host, "app", true);
    assert_eq!(put_manifest(&host, "app", "2", &good.manifest).status, 201);
    let threads = std::fs::read_dir(format!("/proc/{}/task", scene.server.id())).expect("Linux");
    let names = threads.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let readers = names.filter(|name| name.trim() == "upload").count();
    assert!(readers <= keyseam::limits::GATE_UPLOADS, "{readers}");
    drop(streams);
}
