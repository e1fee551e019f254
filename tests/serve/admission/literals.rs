//! Keys in the objects themselves.

use super::*;

const WAIT: &str = "unknown = 'wait'\n";

/// A pod in whose texts a key stands here alone.
fn with(change: impl Fn(&mut Value)) -> Value {
    let mut review = recorded("pod-create", ["registry.example/app:1"; 3]);
    change(&mut review["request"]["object"]);
    review
}

/// Puts a key into an object.
type Change<'a> = &'a dyn Fn(&mut Value);

#[test]
fn a_key_in_an_object_is_refused_by_its_place() {
    let scene = Scene::new();
    let server = scene.server_asking(WAIT, &[], "admit");
    let places: [(&str, Change<'_>); 5] = [
        ("env API_TOKEN of container app", &|pod| {
            pod["spec"]["containers"][0]["env"] = json!([{ "name": "API_TOKEN", "value": key() }]);
        }),
        ("args of container app", &|pod| {
            pod["spec"]["containers"][0]["args"] = json!(["serve", format!("--token={}", key())]);
        }),
        ("command of container app", &|pod| {
            pod["spec"]["containers"][0]["command"] = json!(["sh", "-c", format!("TOKEN={} serve", key())]);
        }),
        ("annotation example.com/token", &|pod| {
            pod["metadata"]["annotations"]["example.com/token"] = key().into();
        }),
        ("env LATER of init container first", &|pod| {
            pod["spec"]["initContainers"] = json!([{ "name": "first", "image": "registry.example/app:1",
                "env": [{ "name": "LATER", "value": key() }] }]);
        }),
    ];
    for (place, change) in places {
        let response = Response(scene.ask(&server, &with(change)));
        response.assert_refused("itself holds a leaked key: ");
        assert!(response.message().contains(place), "{place}: {response:?}");
        assert!(
            response.message().contains("take the new one from a Secret with secretKeyRef"),
            "{response:?}"
        );
    }
    let recorded = recorded("pod-secret-env", ["registry.example/app:1"; 3]);
    Response(scene.ask(&server, &recorded)).assert_refused("itself holds");
    // A reference is no key.
    let reference = with(|pod| {
        pod["spec"]["containers"][0]["env"] = json!([{ "name": "API_TOKEN",
            "valueFrom": { "secretKeyRef": { "name": "api", "key": "token" } } }]);
    });
    assert!(Response(scene.ask(&server, &reference)).is_admitted());
    assert_no_key("the log", server.text().as_bytes());
}

#[test]
fn literals_may_be_warned_of() {
    let scene = Scene::new();
    let server = scene.server(&format!("{WAIT}literals = 'warn'\n"));
    let review = recorded("pod-secret-env", [&scene.clean(), "", ""]);
    Response(scene.ask(&server, &review)).assert_warned("itself holds");
    // The image is another matter.
    let review = recorded("pod-secret-env", [&scene.leaking(), "", ""]);
    Response(scene.ask(&server, &review)).assert_refused("team/leaking:1 holds a leaked key");
}

#[test]
fn what_stood_there_before_keeps_nobody_from_a_change() {
    let scene = Scene::new();
    let server = scene.server_asking(WAIT, &[], "admit");
    let mut review = recorded("pod-update-label", ["registry.example/app:1"; 3]);
    for object in ["object", "oldObject"] {
        review["request"][object]["spec"]["containers"][0]["env"] =
            json!([{ "name": "OLD", "value": key() }]);
    }
    assert!(Response(scene.ask(&server, &review)).is_admitted());
    review["request"]["object"]["metadata"]["labels"]["new"] = key().into();
    Response(scene.ask(&server, &review)).assert_refused("label new");
}
