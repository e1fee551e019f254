//! A server that ends at any moment loses nothing that it accepted, and forgets nothing that it told: it is killed
//! at every point of `POINTS`, and started again over what it has left.

#[path = "crash/damage.rs"]
mod damage;
#[path = "crash/scene.rs"]
pub(crate) mod scene;
#[path = "crash/stop.rs"]
mod stop;

use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::Answer;
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::image::{Compression, Image};
use crate::support::serve::{ANY, Server, curl};
use scene::{Scene, assert_no_key, clean, digest, files, leaky, try_push, verdict};

/// What is done while the server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driven {
    /// A notification of both images.
    Notification,
    /// A review of each image, which waits for the verdict.
    Review,
    /// The registry's own lists are gone through.
    Lists,
    /// The policy is changed after reviews.
    Policy,
    /// It is told to stop after a notification.
    Stop,
    /// A push of each image through the gate.
    Push,
}

/// Every point at which the server is killed, and by what it gets there. A number says which time.
const POINTS: [(&str, Driven); 43] = [
    ("notification-read", Driven::Notification),
    ("job-accepted", Driven::Notification),
    ("job-accepted:2", Driven::Notification),
    ("job-written", Driven::Notification),
    ("job-written:2", Driven::Notification),
    ("job-queued", Driven::Notification),
    ("job-queued:2", Driven::Notification),
    ("notification-queued", Driven::Notification),
    ("job-taken", Driven::Notification),
    ("job-taken:2", Driven::Notification),
    ("manifest-fetched", Driven::Notification),
    ("layers-read", Driven::Notification),
    ("layers-kept", Driven::Notification),
    ("facts-examined", Driven::Notification),
    ("facts-written", Driven::Notification),
    ("facts-remembered", Driven::Notification),
    ("job-done", Driven::Notification),
    ("job-forgotten", Driven::Notification),
    ("job-forgotten:2", Driven::Notification),
    ("file-begun", Driven::Notification),
    ("file-begun:2", Driven::Notification),
    ("file-begun:4", Driven::Notification),
    ("file-written", Driven::Notification),
    ("file-written:2", Driven::Notification),
    ("file-written:4", Driven::Notification),
    ("file-renamed", Driven::Notification),
    ("file-renamed:2", Driven::Notification),
    ("file-renamed:4", Driven::Notification),
    ("job-written", Driven::Review),
    ("facts-written", Driven::Review),
    ("job-done", Driven::Review),
    ("review-judged", Driven::Review),
    ("review-judged:2", Driven::Review),
    ("tag-reconciled", Driven::Lists),
    ("policy-read:2", Driven::Policy),
    ("policy-changed:2", Driven::Policy),
    ("stop-begun", Driven::Stop),
    ("stop-ended", Driven::Stop),
    ("upload-piece", Driven::Push),
    ("upload-read", Driven::Push),
    ("gate-examines", Driven::Push),
    ("gate-judged", Driven::Push),
    ("gate-passed", Driven::Push),
];

/// The points that the table must have, one name each: as many as the program has.
const NAMES: usize = 28;

/// What was told before the server was killed.
#[derive(Default)]
struct Told {
    /// The notification was answered with 202.
    accepted: bool,
    /// Verdicts by digest.
    verdicts: Vec<(String, String)>,
}

/// A registry with both images. Its lists are there or not: without them nothing is examined but what was told.
fn registry(lists: bool) -> (Serving, String, String) {
    let (leaky, clean) = (leaky(), clean(1));
    let form = Form::Oci(Compression::Gzip);
    let registry = Registry::new().image("shop/app", "1", &leaky, form).image("shop/app", "2", &clean, form);
    let registry = registry.tamper(move |request, usual| match request.path() {
        "/v2/_catalog" if lists => Answer::json(200, &json!({ "repositories": ["shop/app"] })),
        _ => usual,
    });
    (registry.start(), digest(&leaky), digest(&clean))
}

fn each(wanted: &[Driven], drive: impl Fn(&str, Driven)) {
    let points: Vec<_> = POINTS.iter().filter(|(_, driven)| wanted.contains(driven)).collect();
    assert!(!points.is_empty());
    for (point, driven) in points {
        drive(point, *driven);
    }
}

#[test]
fn the_table_has_every_point_of_the_program() {
    let mut names: Vec<&str> = POINTS.iter().filter_map(|(point, _)| point.split(':').next()).collect();
    names.sort_unstable();
    names.dedup();
    let mut of_source = Vec::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&root) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for part in text.split("fault::point(\"").skip(1) {
            of_source.push(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
    of_source.sort_unstable();
    let mut once = of_source.clone();
    once.dedup();
    assert_eq!(once, of_source, "a name stands for one point");
    assert_eq!(of_source, names);
    assert_eq!(names.len(), NAMES);
}

#[test]
fn what_was_accepted_is_examined_whenever_it_ends() {
    let (registry, leaky, clean) = registry(false);
    let scene = Scene::new(&registry.host());
    each(&[Driven::Notification], |point, _| {
        let store = store();
        let mut server = scene.start(&store, &["--scans", "1"], Some(point));
        let accepted = scene.notify(&server, &[&leaky, &clean]).status == 202;
        assert_killed(&mut server, point);
        if point.starts_with("file-begun") || point.starts_with("file-written") {
            // What was not finished stands under another name, and counts for nothing.
            unfinished_in(&store);
        }
        let told = Told { accepted, verdicts: Vec::new() };
        assert_goes_on(&scene, &store, &told, (&leaky, &clean), point);
        assert_no_key(&store, &[&server.text()]);
    });
}

#[test]
fn what_was_decided_stays_so() {
    let (registry, leaky, clean) = registry(false);
    let scene = Scene::new(&registry.host());
    each(&[Driven::Review, Driven::Policy, Driven::Stop], |point, driven| {
        let store = store();
        let mut server = scene.start(&store, &[], Some(point));
        let mut told = Told::default();
        if driven == Driven::Stop {
            told.accepted = scene.notify(&server, &[&leaky, &clean]).status == 202;
            assert!(told.accepted);
            assert_eq!(server.stop(), None, "{point}");
        } else {
            for digest in [&leaky, &clean] {
                if let Some(answer) = scene.review(&server, digest, false) {
                    told.verdicts.push((digest.clone(), verdict(&answer)));
                }
            }
            if driven == Driven::Policy {
                assert_eq!(told.verdicts.len(), 2);
                scene.policy("mode = \"enforce\"");
            }
        }
        assert_killed(&mut server, point);
        assert_goes_on(&scene, &store, &told, (&leaky, &clean), point);
        scene.policy("");
    });
}

#[test]
fn the_lists_are_gone_through_again() {
    let (registry, leaky, clean) = registry(true);
    let scene = Scene::new(&registry.host());
    each(&[Driven::Lists], |point, _| {
        let store = store();
        let mut server = scene.start(&store, &[], Some(point));
        assert_killed(&mut server, point);
        let server = scene.start(&store, &[], None);
        assert_eq!(scene.wait_until_known(&server, &leaky), "leaks");
        assert_eq!(scene.wait_until_known(&server, &clean), "clean");
    });
}

#[test]
fn a_push_that_breaks_off_brings_nothing_in_unseen() {
    let kept = Store::new();
    let upstream = Distribution::start(&kept, &Mode::Plain);
    let url = format!("http://{}", upstream.host());
    let scene = Scene::new(upstream.host());
    let gate = ["--gate", ANY, "--gate-plain-http", "--upstream", &url];
    for (number, (point, _)) in POINTS.iter().filter(|(_, driven)| *driven == Driven::Push).enumerate() {
        // Layers that the registry has are not pushed again.
        let clean = clean(100 + u32::try_from(number).expect("few"));
        let repository = format!("shop/push-{number}");
        let store = store();
        let mut server = scene.start(&store, &gate, Some(point));
        let push = |server: &Server, image: &Image, tag: &str| {
            try_push(image, &server.address("gate"), &format!("{repository}:{tag}"), None)
        };
        let held = |tag: &str| {
            let accept = format!("Accept: {}", crate::support::image::OCI_MANIFEST);
            curl(&["-H", &accept, &format!("{url}/v2/{repository}/manifests/{tag}")], b"").status
        };
        if *point != "gate-passed" {
            assert!(!push(&server, &leaky(), "leaky").status.success(), "{point}");
        } else {
            push(&server, &clean, "clean");
        }
        assert_killed(&mut server, point);
        assert_eq!(held("leaky"), 404, "{point}");

        let mut server = scene.start(&store, &gate, None);
        let refused = push(&server, &leaky(), "leaky");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("holds a leaked key"), "{point}: {said}");
        assert_eq!(held("leaky"), 404, "{point}");
        let admitted = push(&server, &clean, "clean");
        let said = String::from_utf8_lossy(&admitted.stderr).into_owned();
        assert!(admitted.status.success(), "{point}: {said}\n{}", server.text());
        assert_eq!(held("clean"), 200, "{point}");
        assert_eq!(server.stop(), Some(143), "{point}");
        assert_no_key(&store, &[&server.text(), &said]);
    }
}

fn store() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().expect("a folder"))
}

#[track_caller]
fn assert_killed(server: &mut Server, point: &str) {
    assert_eq!(server.wait(), None, "{point}: no signal ended it:\n{}", server.text());
    let said = server.text();
    assert!(!said.contains("panicked") && !said.contains("overflow"), "{point}: {said}");
}

/// Starts the server again: what it was told and what it told stays.
fn assert_goes_on(
    scene: &Scene,
    store: &Arc<TempDir>,
    told: &Told,
    (leaky, clean): (&str, &str),
    point: &str,
) {
    let mut server = scene.start(store, &[], None);
    for (digest, verdict) in &told.verdicts {
        assert_eq!(&scene.known(&server, digest), verdict, "{point}: known at once\n{}", server.text());
    }
    for (digest, right) in [(leaky, "leaks"), (clean, "clean")] {
        let known = match told.accepted {
            true => scene.wait_until_known(&server, digest),
            false => scene.known(&server, digest),
        };
        assert!(known == right || (!told.accepted && known == "unknown"), "{point}: {digest} is {known}");
    }
    scene.assert_right(&server, leaky, clean, point);
    assert_eq!(server.stop(), Some(143), "{point}: {}", server.text());
}

/// There is a file that was not finished.
fn unfinished_in(store: &TempDir) {
    let parts = files(store.path());
    assert!(parts.iter().any(|path| path.extension().is_some_and(|end| end == "part")), "{parts:?}");
}
