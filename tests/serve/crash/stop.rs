//! The end that a system asks for: what runs is finished, what waits stays on disk.

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use super::scene::{Scene, clean, digest, leaky};
use super::store;
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::image::Compression;
use crate::support::serve::{ANY, Server, curl};

/// Holds answers until it is opened.
#[derive(Clone, Default)]
pub(super) struct Barrier(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    open: bool,
    held: usize,
}

impl Barrier {
    pub(super) fn open(&self) {
        self.0.0.lock().expect("a lock").open = true;
        self.0.1.notify_all();
    }

    fn hold(&self) {
        let mut state = self.0.0.lock().expect("a lock");
        state.held += 1;
        self.0.1.notify_all();
        let _open = self.0.1.wait_while(state, |state| !state.open).expect("a lock");
    }

    /// Waits until an answer is held.
    pub(super) fn wait_for_one(&self) {
        let state = self.0.0.lock().expect("a lock");
        let patience = super::scene::PATIENCE;
        let (state, late) =
            self.0.1.wait_timeout_while(state, patience, |state| state.held == 0).expect("a lock");
        drop(state);
        assert!(!late.timed_out(), "nobody asks for a blob");
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        // A test that fails lets go of the registry's threads.
        if std::thread::panicking() {
            self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).open = true;
            self.0.1.notify_all();
        }
    }
}

/// A registry whose blobs wait behind a barrier.
pub(super) fn slow(images: &[crate::support::image::Image]) -> (Serving, Barrier) {
    let barrier = Barrier::default();
    let held = barrier.clone();
    let mut registry = Registry::new();
    for (number, image) in images.iter().enumerate() {
        registry = registry.image("shop/app", &number.to_string(), image, Form::Oci(Compression::Gzip));
    }
    let registry = registry.tamper(move |request, usual| {
        if request.path().contains("/blobs/") {
            held.hold();
        }
        usual
    });
    (registry.start(), barrier)
}

fn terminate(server: &Server) {
    let killed = Command::new("kill").arg(server.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
}

#[test]
fn what_runs_is_finished_and_what_waits_is_done_by_the_next() {
    let images = [leaky(), clean(1), clean(2), clean(3)];
    let (registry, barrier) = slow(&images);
    let digests: Vec<String> = images.iter().map(digest).collect();
    let named: Vec<&str> = digests.iter().map(String::as_str).collect();
    let scene = Scene::new(&registry.host());
    let store = store();
    let mut server = scene.start(&store, &["--scans", "1"], None);
    let status = format!("http://{}/readyz", server.address("status"));
    assert_eq!(curl(&[&status], b"").status, 200);
    assert_eq!(scene.notify(&server, &named).status, 202);
    barrier.wait_for_one();
    terminate(&server);
    server.wait_for(|lines| lines.iter().any(|line| line["message"] == "stopping"));
    let ready = curl(&[&status], b"");
    assert_eq!((ready.status, ready.text().as_str()), (503, "stopping\n"));
    let alive = format!("http://{}/healthz", server.address("status"));
    assert_eq!(curl(&[&alive], b"").status, 200);
    assert_ne!(scene.notify(&server, &[&digest(&clean(4))]).status, 202, "nothing more is accepted");
    barrier.open();
    assert_eq!(server.wait(), Some(143), "{}", server.text());
    let logs = server.logs();
    let examined = logs.iter().filter(|line| line["message"] == "examined").count();
    assert_eq!(examined, 1, "the one that ran: {}", server.text());
    let last = logs.last().expect("a line");
    assert_eq!(last["left"], 3, "{last}");

    let server = scene.start(&store, &["--scans", "1"], None);
    assert_eq!(scene.wait_until_known(&server, named[0]), "leaks");
    for digest in &named[1..] {
        assert_eq!(scene.wait_until_known(&server, digest), "clean");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (registry, barrier) = slow(&[leaky()]);
    let scene = Scene::new(&registry.host());
    let digest = digest(&leaky());
    let store = store();
    let mut server = scene.start(&store, &[], None);
    assert_eq!(scene.notify(&server, &[&digest]).status, 202);
    barrier.wait_for_one();
    terminate(&server);
    server.wait_for(|lines| lines.iter().any(|line| line["message"] == "stopping"));
    terminate(&server);
    // The registry still holds its answer: nothing has let the first end come.
    assert_eq!(server.wait(), Some(143), "{}", server.text());
    assert!(!server.text().contains("stopped"), "{}", server.text());
    barrier.open();
    let server = scene.start(&store, &[], None);
    assert_eq!(scene.wait_until_known(&server, &digest), "leaks");
}

/// Who sends requests to a server hears late that it stops: until then they are answered.
#[test]
fn a_server_that_lingers_answers_while_it_stops() {
    let doors = ["--gate", ANY, "--upstream", "http://127.0.0.1:9", "--linger", "60s"];
    let mut server = Server::start(&doors);
    terminate(&server);
    server.wait_for(|logs| logs.iter().any(|line| line["message"] == "stopping"));
    let asked =
        |door: &str, path: &str| curl(&[&format!("http://{}{path}", server.address(door))], b"").status;
    assert_eq!(asked("gate", "/v2/"), 502, "its registry is not there, but the gate is");
    assert_eq!(asked("status", "/readyz"), 503);
    terminate(&server);
    assert_eq!(server.wait(), Some(143), "a second signal ends it at once");
}
