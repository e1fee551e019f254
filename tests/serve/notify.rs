//! What registries tell of pushes: Debian's registry with its notifications, and recorded forms of Harbor and zot.

use std::sync::{Arc, Mutex};

use keyseam::image::digest::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::crash::scene::{Scene, assert_no_key, clean, digest, event, leaky, try_push};
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::registry::{Form, Registry};
use crate::support::http::{Answer, Server as Http};
use crate::support::image::{Compression, Image};
use crate::support::serve::{Answered, Server, curl};

/// Between a registry, whose configuration names one address, and servers that come and go; it counts what passes.
struct Relay {
    http: Http,
    to: Arc<Mutex<Option<(String, String)>>>,
}

impl Relay {
    fn new() -> Self {
        let to = Arc::<Mutex<Option<(String, String)>>>::default();
        let current = Arc::clone(&to);
        let http = Http::start(move |request| {
            let Some((url, ca_file)) = current.lock().expect("a lock").clone() else {
                return Answer::text(503, "nobody listens");
            };
            let token = format!("Authorization: {}", request.header("authorization").unwrap_or_default());
            let kind = format!("Content-Type: {}", request.header("content-type").unwrap_or_default());
            let words = ["--cacert", &ca_file, "-H", &token, "-H", &kind, "--data-binary", "@-", &url];
            Answer::new(curl(&words, &request.body).status)
        });
        Self { http, to }
    }

    fn lead_to(&self, server: Option<(&Scene, &Server)>) {
        *self.to.lock().expect("a lock") = server.map(|(scene, server)| {
            (format!("https://{}/notify/distribution", server.address("notify")), scene.ca_file())
        });
    }

    /// The registry, which tells this of what happens.
    fn registry(&self, store: &Store) -> Distribution {
        let (url, token) = (self.http.url("/"), format!("Bearer {}", Scene::token()));
        Distribution::start_telling(store, &Mode::Plain, &[(&url, &token)])
    }

    /// Every event that passed: its action and who asked.
    fn events(&self) -> Vec<(String, String)> {
        let requests = self.http.requests();
        let bodies =
            requests.iter().filter_map(|request| serde_json::from_slice::<Value>(&request.body).ok());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        bodies
            .flat_map(|body| body["events"].as_array().cloned().unwrap_or_default())
            .map(|event| (text(&event["action"]), text(&event["request"]["useragent"])))
            .collect()
    }
}

fn store() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().expect("a folder"))
}

fn push(image: &Image, registry: &Distribution, name: &str) {
    let output = try_push(image, registry.host(), name, None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn metric(server: &Server, line: &str) -> Option<u64> {
    let token = format!("Authorization: Bearer {}", Scene::token());
    let text = curl(&["-H", &token, &format!("http://{}/metrics", server.address("status"))], b"").text();
    let value = text.lines().find_map(|other| other.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned));
    value.and_then(|value| value.trim().parse().ok())
}

#[test]
fn a_push_is_examined_before_anybody_asks_and_once() {
    let (kept, relay) = (Store::new(), Relay::new());
    let registry = relay.registry(&kept);
    let scene = Scene::new(registry.host());
    let folder = store();
    let server = scene.start(&folder, &[], None);
    relay.lead_to(Some((&scene, &server)));
    let (leaky, clean_one) = (leaky(), clean(1));
    push(&leaky, &registry, "shop/app:1");
    push(&clean_one, &registry, "shop/app:2");
    assert_eq!(scene.wait_until_known(&server, &digest(&leaky)), "leaks");
    assert_eq!(scene.wait_until_known(&server, &digest(&clean_one)), "clean");
    let examined = |server: &Server, leaks: u64| {
        let logs = server.logs();
        logs.iter().filter(|line| line["message"] == "examined" && line["leaks"] == leaks).count()
    };
    assert_eq!((examined(&server, 1), examined(&server, 0)), (1, 1), "{}", server.text());
    // What the server pulled was told as well. It comes before this push, and nothing comes of it.
    let last = clean(2);
    push(&last, &registry, "shop/app:3");
    assert_eq!(scene.wait_until_known(&server, &digest(&last)), "clean");
    let of_keyseam = relay.events().iter().filter(|(_, agent)| agent.starts_with("keyseam/")).count();
    assert!(of_keyseam >= 2, "the server's own requests are told of: {:?}", relay.events());
    assert_eq!(metric(&server, "keyseam_notifications_total{source=\"distribution\"}"), Some(3));
    assert_eq!(metric(&server, "keyseam_scans_total{outcome=\"examined\"}"), Some(3));
    // A tag more for what is known is no reason to examine it.
    push(&leaky, &registry, "shop/app:4");
    let fence = clean(3);
    push(&fence, &registry, "shop/app:5");
    assert_eq!(scene.wait_until_known(&server, &digest(&fence)), "clean");
    assert_eq!(metric(&server, "keyseam_scans_total{outcome=\"examined\"}"), Some(4));
    assert_no_key(&folder, &[&server.text()]);
}

#[test]
fn what_was_not_delivered_is_found_in_the_lists() {
    let (kept, relay) = (Store::new(), Relay::new());
    let attached = clean(7);
    {
        let registry = relay.registry(&kept);
        push(&leaky(), &registry, "shop/app:1");
        push(&clean(1), &registry, "shop/other:2");
        let tag = digest(&clean(1)).replace(':', "-");
        push(&attached, &registry, &format!("shop/other:{tag}"));
        push(&attached, &registry, &format!("shop/other:{tag}.sig"));
    }
    // It has forgotten what it could not deliver.
    let registry = relay.registry(&kept);
    let scene = Scene::new(registry.host());
    let folder = store();
    let mut server = scene.start(&folder, &[], None);
    server.wait_for(|lines| lines.iter().any(|line| line["message"] == "reconciled"));
    let logs = server.logs();
    let line = logs.iter().find(|line| line["message"] == "reconciled").expect("a line");
    assert_eq!((&line["repositories"], &line["queued"]), (&json!(2), &json!(2)), "{line}");
    assert_eq!(scene.wait_until_known(&server, &digest(&leaky())), "leaks");
    assert_eq!(scene.wait_until_known(&server, &digest(&clean(1))), "clean");
    assert_eq!(scene.known(&server, &digest(&attached)), "unknown", "an attachment is no image");
    assert_eq!(server.stop(), Some(143));

    // And while it runs: nobody tells it of this one.
    let server = scene.start(&folder, &["--reconcile", "1s"], None);
    push(&clean(2), &registry, "shop/app:2");
    assert_eq!(scene.wait_until_known(&server, &digest(&clean(2))), "clean");
    assert_eq!(metric(&server, "keyseam_scans_total{outcome=\"examined\"}"), Some(1), "{}", server.text());
}

/// A server before a registry without lists.
fn quiet(images: &[(&str, Image)]) -> (crate::support::http::registry::Serving, Scene) {
    let mut registry = Registry::new();
    for (tag, image) in images {
        registry = registry.image("shop/app", tag, image, Form::Oci(Compression::Gzip));
    }
    let registry = registry.start();
    let scene = Scene::new(&registry.host());
    (registry, scene)
}

#[test]
fn harbor_and_zot_are_understood() {
    let images = [("1", leaky()), ("2", clean(1)), ("3", clean(2)), ("4", clean(3)), ("5", clean(4))];
    let (_registry, scene) = quiet(&images);
    let digests: Vec<String> = images.iter().map(|(_, image)| digest(image)).collect();
    let server = scene.start(&store(), &[], None);
    let harbor = |kind: &str, digest: &str, tag: &str| {
        json!({ "type": kind, "occur_at": 1_680_501_893, "operator": "robot", "event_data": {
            "resources": [{ "digest": digest, "tag": tag, "resource_url": "http://169.254.169.254/shop/app:1" }],
            "repository": { "name": "app", "namespace": "shop", "repo_full_name": "shop/app" } } })
    };
    let zot = |digest: &str, tag: &str| {
        json!({ "name": "shop/app", "reference": tag, "digest": digest,
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifest": "{}" })
    };
    let structured = |kind: &str, data: Value| {
        json!({ "specversion": "1.0", "id": "1", "source": "zotregistry.dev", "type": kind,
            "datacontenttype": "application/json", "data": data })
    };
    let updated = "zotregistry.image.updated";
    let cloud = ["Content-Type: application/cloudevents+json"];
    let binary = |kind: &'static str| {
        [
            "Content-Type: application/json",
            "ce-specversion: 1.0",
            "ce-id: 1",
            "ce-source: zotregistry.dev",
            kind,
        ]
    };
    let deleted = structured("zotregistry.image.deleted", zot(&digests[4], "5"));
    let answers = [
        scene.post(&server, "/notify/harbor", &[], &harbor("PUSH_ARTIFACT", &digests[0], "1")),
        scene.post(&server, "/notify/harbor", &[], &harbor("PULL_ARTIFACT", &digests[4], "5")),
        scene.post(&server, "/notify/zot", &cloud, &structured(updated, zot(&digests[1], "2"))),
        scene.post(&server, "/notify/zot", &cloud, &deleted),
        scene.post(
            &server,
            "/notify/zot",
            &binary("ce-type: zotregistry.image.updated"),
            &zot(&digests[2], "3"),
        ),
        scene.post(
            &server,
            "/notify/zot",
            &binary("ce-type: zotregistry.image.deleted"),
            &zot(&digests[4], "5"),
        ),
        // Where only the tag is told, it is asked what that is.
        scene.post(&server, "/notify/harbor", &[], &harbor("PUSH_ARTIFACT", "", "4")),
    ];
    for answer in &answers {
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    for (digest, right) in digests.iter().zip(["leaks", "clean", "clean", "clean"]) {
        assert_eq!(scene.wait_until_known(&server, digest), right);
    }
    assert_eq!(scene.known(&server, &digests[4]), "unknown", "nobody pushed it");
    for (path, source) in [("/notify/harbor", "harbor"), ("/notify/zot", "zot")] {
        let count = metric(&server, &format!("keyseam_notifications_total{{source=\"{source}\"}}"));
        assert_eq!(count, Some(2), "{path}");
        let answer = scene.post(&server, path, &[], &json!([1]));
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    // An attachment of an image, and one that leaves the repository.
    let odd = json!({ "events": [event("push", &digests[4], &digests[1].replace(':', "-"))] });
    assert_eq!(scene.post(&server, "/notify/distribution", &[], &odd).status, 202);
    assert_eq!(scene.known(&server, &digests[4]), "unknown");
}

/// What an answer tells: its status, its headers, its body.
type Shape = (u16, Vec<(String, String)>, String);

#[test]
fn who_has_no_token_learns_nothing_and_queues_nothing() {
    let (_registry, scene) = quiet(&[("1", leaky())]);
    let digest = digest(&leaky());
    let server = scene.start(&store(), &[], None);
    let body = json!({ "events": [event("push", &digest, "1")] }).to_string();
    let ask = |path: &str, headers: &[&str], body: &str| -> Answered {
        let url = format!("https://{}{path}", server.address("notify"));
        let ca_file = scene.ca_file();
        let mut words = vec!["--cacert", &ca_file, "--data-binary", "@-"];
        words.extend(headers.iter().flat_map(|header| ["-H", header]));
        words.push(&url);
        curl(&words, body.as_bytes())
    };
    let token = Scene::token();
    let (short, long) = (&token[..token.len() - 1], format!("{token}0"));
    let wrong = [
        Vec::new(),
        vec!["Authorization;".to_owned()],
        vec!["Authorization: Bearer ".to_owned()],
        vec![format!("Authorization: Bearer {short}")],
        vec![format!("Authorization: Bearer {long}")],
        vec![format!("Authorization: Bearer {}", token.to_uppercase())],
        vec![format!("Authorization: Basic {token}")],
        vec![format!("X-Token: {token}")],
    ];
    let mut shapes: Vec<Shape> = Vec::new();
    for headers in &wrong {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        for (path, body) in [
            ("/notify/distribution", body.as_str()),
            ("/notify/distribution", "no JSON"),
            ("/notify/harbor", "{}"),
            ("/notify/zot", ""),
        ] {
            let answer = ask(path, &headers, body);
            let mut fields: Vec<(String, String)> = answer.headers.clone().into_iter().collect();
            fields.retain(|(name, _)| name != "date");
            fields.sort();
            shapes.push((answer.status, fields, answer.text()));
        }
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "one answer for all: {shapes:?}");
    assert_eq!(shapes[0].0, 401);
    assert_eq!(metric(&server, "keyseam_queue"), Some(0));
    assert_eq!(scene.known(&server, &digest), "unknown");
    // And the right one, in every form that registries can send.
    let basic = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(format!("registry:{token}"))
    };
    for right in [token.to_owned(), format!("Bearer {token}"), format!("Basic {basic}")] {
        let header = format!("Authorization: {right}");
        assert_eq!(ask("/notify/distribution", &[&header], &body).status, 202);
    }
    assert_eq!(scene.wait_until_known(&server, &digest), "leaks");
    assert!(!server.text().contains(token), "the token is in the log");
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    // The registry never answers: nothing leaves the queue.
    let registry = Http::start(|_| Answer::silence());
    let scene = Scene::new(&registry.host());
    let server = scene.start(&store(), &["--timeout", "600s"], None);
    let digest = |number: u32| Digest::sha256_of(&number.to_le_bytes()).to_string();
    let post = |numbers: std::ops::Range<u32>| {
        let digests: Vec<String> = numbers.map(digest).collect();
        let named: Vec<&str> = digests.iter().map(String::as_str).collect();
        scene.notify(&server, &named)
    };
    for thousand in 0..10 {
        let answer = post(thousand * 1_000..(thousand + 1) * 1_000);
        assert_eq!(answer.status, 202, "{thousand}: {}", answer.text());
    }
    assert_eq!(metric(&server, "keyseam_queue"), Some(10_000));
    let answer = post(10_000..10_001);
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "30"), "{}", answer.text());
    assert_eq!(post(5..6).status, 202, "it waits already");
    assert_eq!(metric(&server, "keyseam_busy_total{door=\"notify\"}"), Some(1));
    // Who knows something is answered all the same.
    let answer = scene.review(&server, &digest(10_000), false).expect("an answer");
    assert_eq!(answer["allowed"], false, "the policy is to deny what nobody can examine: {answer}");
    assert_eq!(post(0..1).status, 202);
    let many = json!({ "events": vec![event("push", &digest(1), "1"); 1_001] });
    assert_eq!(scene.post(&server, "/notify/distribution", &[], &many).status, 400);
}
