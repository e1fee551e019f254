//! Manifests of every kind: what is judged is what others will pull by them.

use serde_json::{Value, json};

use super::{
    Parts, Scene, assert_refused, blobs_read, clean, counted, digest, gate_before, key, leaky, line, put_as,
    put_manifest, send_with, upload,
};
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::{Answer, Server as Upstream};
use crate::support::image::{OCI_INDEX, OCI_MANIFEST, this_architecture};
use crate::support::serve::{ANY, Answered, Server};

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

#[track_caller]
fn assert_error(answered: &Answered, status: u16, code: &str) {
    assert_eq!(answered.status, status, "{}", answered.text());
    assert_eq!(answered.json()["errors"][0]["code"], code, "{}", answered.text());
}

#[test]
fn an_index_is_judged_by_children_that_came_around_the_gate() {
    let scene = Scene::new(&[]);
    let registry = scene.registry.host();
    let (leak, good) = (Parts::of(&leaky("leak:1", 30)), Parts::of(&clean("clean:1")));
    let index = |children: &[&Parts]| {
        let children: Vec<Value> = children
            .iter()
            .map(|child| {
                let mut child = descriptor(OCI_MANIFEST, &child.manifest);
                child["platform"] = json!({ "os": "linux", "architecture": this_architecture() });
                child
            })
            .collect();
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }).to_string().into_bytes()
    };
    for parts in [&leak, &good] {
        parts.upload(registry, "app", true);
        let answered = put_manifest(registry, "app", &digest(&parts.manifest), &parts.manifest);
        assert_eq!(answered.status, 201, "{}", answered.text());
    }
    let both = index(&[&good, &leak]);
    assert_refused(&put_as(&scene.host(), "app", "1", OCI_INDEX, &both), 30);
    assert_eq!(scene.held("app", "1"), None);
    // An index of such an index.
    let outer =
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_INDEX, &both)] });
    assert_eq!(put_as(registry, "app", &digest(&both), OCI_INDEX, &both).status, 201);
    let outer = outer.to_string().into_bytes();
    assert_refused(&put_as(&scene.host(), "app", "2", OCI_INDEX, &outer), 30);
    let one = index(&[&good]);
    assert_eq!(put_as(&scene.host(), "app", "3", OCI_INDEX, &one).status, 201);
    assert_eq!(scene.held("app", "3"), Some(one));
}

#[test]
fn an_artifact_with_a_subject_is_judged_as_an_image_is() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    let good = Parts::of(&clean("clean:1"));
    good.upload(&host, "app", true);
    assert_eq!(put_manifest(&host, "app", "1", &good.manifest).status, 201);
    let artifact = |content: &[u8]| {
        upload(&host, "app", b"{}");
        upload(&host, "app", content);
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.notes", "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [descriptor("text/plain", content)] });
        manifest["subject"] = descriptor(OCI_MANIFEST, &good.manifest);
        manifest.to_string().into_bytes()
    };
    let leak = artifact(&line(31));
    let answered = put_manifest(&host, "app", &digest(&leak), &leak);
    assert_error(&answered, 403, "DENIED");
    assert!(answered.text().contains("holds a leaked key") && !answered.text().contains(&key(31)));
    assert_eq!(scene.held("app", &digest(&leak)), None);
    let notes = artifact(b"nothing to see\n");
    assert_eq!(put_manifest(&host, "app", &digest(&notes), &notes).status, 201);
}

#[test]
fn a_manifest_does_not_come_before_its_blobs() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    let parts = Parts::of(&leaky("leak:1", 32));
    // Nothing of it, then all but the config, then all but the layer: neither was it let in, nor is it remembered
    // as one that cannot be read.
    let refused = || {
        let answered = put_manifest(&host, "app", "1", &parts.manifest);
        assert_error(&answered, 404, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(scene.held("app", "1"), None);
    };
    refused();
    parts.blobs[1..].iter().for_each(|blob| upload(&host, "app", blob));
    refused();
    let other = Parts::of(&leaky("leak:2", 33));
    other.upload(&host, "app", false);
    assert_error(&put_manifest(&host, "app", "2", &other.manifest), 404, "MANIFEST_BLOB_UNKNOWN");
    upload(&host, "app", &parts.blobs[0]);
    upload(&host, "app", other.last());
    assert_refused(&put_manifest(&host, "app", "1", &parts.manifest), 32);
    assert_refused(&put_manifest(&host, "app", "2", &other.manifest), 33);
}

#[test]
fn a_registry_that_takes_manifests_without_blobs_does_not_get_them() {
    let parts = Parts::of(&leaky("leak:1", 34));
    let mut elsewhere: Value = serde_json::from_slice(&parts.manifest).expect("JSON");
    for layer in elsewhere["layers"].as_array_mut().expect("layers") {
        layer["urls"] = json!(["https://example.com/layer"]);
    }
    let config = parts.blobs[0].clone();
    for has_config in [false, true] {
        let (body, name) = (config.clone(), digest(&config));
        let upstream = Upstream::start(move |request| match request.method.as_str() {
            "PUT" => Answer::new(201),
            "HEAD" | "GET" if has_config && request.path().ends_with(&name) => {
                Answer::new(200).body(body.clone())
            }
            _ => Answer::error(404, "BLOB_UNKNOWN", "not here"),
        });
        let server = gate_before(&upstream.host(), &[]);
        for manifest in [parts.manifest.clone(), elsewhere.to_string().into_bytes()] {
            let answered = put_manifest(&server.address("gate"), "app", "1", &manifest);
            assert_error(&answered, 404, "MANIFEST_BLOB_UNKNOWN");
        }
        assert!(upstream.requests().iter().all(|request| request.method != "PUT"));
    }
}

#[test]
fn a_layer_that_is_said_to_be_elsewhere_is_read_where_it_is() {
    let scene = Scene::new(&[]);
    let parts = Parts::of(&leaky("leak:1", 35));
    parts.upload(scene.registry.host(), "app", true);
    let mut manifest: Value = serde_json::from_slice(&parts.manifest).expect("JSON");
    manifest["layers"][1]["urls"] = json!(["https://example.com/layer"]);
    let manifest = manifest.to_string().into_bytes();
    assert_refused(&put_manifest(&scene.host(), "app", "1", &manifest), 35);
}

#[test]
fn a_manifest_is_judged_by_digest_as_by_tag() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    let (leak, good) = (Parts::of(&leaky("leak:1", 36)), Parts::of(&clean("clean:1")));
    leak.upload(&host, "app", true);
    good.upload(&host, "app", true);
    let by_digest = |parts: &Parts| put_manifest(&host, "app", &digest(&parts.manifest), &parts.manifest);
    assert_refused(&by_digest(&leak), 36);
    assert_eq!(scene.held("app", &digest(&leak.manifest)), None);
    assert_eq!(by_digest(&good).status, 201);
    // A digest of something else is none of its own.
    assert_refused(&put_manifest(&host, "app", &digest(&good.manifest), &leak.manifest), 36);
    let wrong = put_manifest(&host, "app", &digest(&leak.manifest), &good.manifest);
    assert_error(&wrong, 400, "DIGEST_INVALID");
}

#[test]
fn what_readers_disagree_on_is_refused() {
    let upstream = Upstream::start(|_| Answer::new(201));
    let server = gate_before(&upstream.host(), &[]);
    let host = server.address("gate");
    let parts = Parts::of(&leaky("leak:1", 37));
    let text = String::from_utf8(parts.manifest.clone()).expect("UTF-8");
    let other_case = text.replace("\"layers\"", "\"Layers\"").into_bytes();
    let twice = text.replacen('{', "{\"layers\":[],", 1).into_bytes();
    for manifest in [other_case, twice, b"no JSON".to_vec()] {
        assert_error(&put_manifest(&host, "app", "1", &manifest), 403, "DENIED");
    }
    assert_error(&put_as(&host, "app", "1", OCI_INDEX, &parts.manifest), 403, "DENIED");
    let headers = [format!("Content-Type: {OCI_MANIFEST}"), format!("Content-Type: {OCI_INDEX}")];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answered = send_with("PUT", &host, "/v2/app/manifests/1", &headers, &parts.manifest);
    assert_error(&answered, 400, "MANIFEST_INVALID");
    assert!(upstream.requests().iter().all(|request| request.method != "PUT"));
}

#[test]
fn a_verdict_is_known_from_the_store_and_no_key_is_in_it() {
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let upstream = counted(&registry);
    let gate = format!("http://{}", upstream.host());
    let mut server = Server::start(&["--gate", ANY, "--upstream", &gate]);
    let parts = Parts::of(&leaky("leak:1", 38));
    parts.upload(&server.address("gate"), "app", true);
    let mut said = put_manifest(&server.address("gate"), "app", "1", &parts.manifest).text();
    let read = blobs_read(&upstream);
    let again = |server: &Server, repository: &str| {
        let answered = put_manifest(&server.address("gate"), repository, "1", &parts.manifest);
        assert_refused(&answered, 38);
        answered.text()
    };
    said += &again(&server, "app");
    assert_eq!(server.stop(), Some(143));
    said += &server.text();
    // Also after a restart, and under another name.
    let mut second = Server::start_in(&server.store(), &["--gate", ANY, "--upstream", &gate], &[]);
    said += &again(&second, "app");
    said += &again(&second, "other");
    assert_eq!(blobs_read(&upstream), read);
    assert_eq!(second.stop(), Some(143));
    said += &second.text();
    assert!(!said.contains(&key(38)));
    assert!(said.contains("holds a leaked key"));
    let mut files = 0;
    let mut folders = vec![server.store().path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                let secret = key(38).into_bytes();
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 0, "nothing is stored");
}
