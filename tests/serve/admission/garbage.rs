//! What no API server sends, and what a user can make one send.

use super::*;

#[test]
fn what_is_no_review_is_refused_and_the_server_goes_on() {
    let scene = Scene::new();
    let server = scene.server("unknown = 'wait'");
    let post = |body: &[u8]| scene.post(&server, "?timeout=5s", body);
    let version = |version: &str| {
        let mut review = pod(&["registry.example/app:1"]);
        review["apiVersion"] = version.into();
        review.to_string().into_bytes()
    };
    let deep = [b"[".repeat(1_000_000), b"]".repeat(1_000_000)].concat();
    let nested = format!(
        "{{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{{\"object\":{}1{}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_002)
    );
    let mut uid = pod(&["registry.example/app:1"]);
    uid["request"]["uid"] = "u".repeat(100_000).into();
    let cut = &pod(&["registry.example/app:1"]).to_string().into_bytes()[..200];
    for wrong in [
        b"",
        &b"no JSON"[..],
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe{",
        &deep,
        nested.as_bytes(),
        cut,
        &version("admission.k8s.io/v1beta1"),
        &version("v1"),
        uid.to_string().as_bytes(),
    ] {
        let answer = post(wrong);
        assert_eq!(answer.status, 400, "{} bytes: {}", wrong.len(), answer.text());
        assert!(answer.body.len() < 300, "{}", answer.text());
    }
    let mut large = pod(&["registry.example/app:1"]);
    large["request"]["object"]["metadata"]["annotations"] = json!({ "a": "a".repeat(9 << 20) });
    assert_eq!(post(large.to_string().as_bytes()).status, 413);
    let url = |path: &str| format!("https://{}{path}", server.address("admission"));
    let ca_file = scene.authority.ca_file();
    let get = |more: &[&str], at: &str| {
        curl(&[&["--cacert", path(&ca_file)][..], more, &[&url(at)]].concat(), b"").status
    };
    assert_eq!(get(&[], "/admission"), 405);
    assert_eq!(get(&["-X", "DELETE"], "/admission"), 405);
    assert_eq!(get(&[], "/"), 404);
    assert_eq!(get(&[], "/metrics"), 404, "another door's");
    // Of two fields of one name, which no API server sends, one may count or none.
    let text = pod(&[&scene.leaking()]).to_string();
    let twice = text.replacen("\"request\":", "\"request\":{},\"request\":", 1);
    assert!([200, 400].contains(&post(twice.as_bytes()).status));
    // Nothing of it has harmed the server.
    scene.pod(&server, &scene.clean()).assert_admitted();
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    assert!(!server.text().contains("panicked"), "{}", server.text());
}

#[test]
fn what_users_write_into_objects_is_bounded_and_shown_as_it_is_safe() {
    let scene = Scene::new();
    let server = scene.server("unknown = 'wait'");
    let long = format!("registry.example/{}:1", "a".repeat(100_000));
    let response = scene.pod(&server, &long);
    response.assert_refused("it is no name of an image");
    assert!(response.message().len() < 1_000, "{response:?}");
    let controls = "registry.example/\u{1b}[31mapp\u{202e}\n:1";
    let response = scene.pod(&server, controls);
    response.assert_refused("it is no name of an image");
    assert!(!response.message().contains(['\u{1b}', '\u{202e}', '\n']), "{response:?}");
    for odd in [" ", "app:", "@", "app@sha256:12", "../app", "http://registry.example/app", "a/b:c:d"] {
        scene.pod(&server, odd).assert_refused("it is no name of an image");
    }
    // A key in an image's name is told to nobody.
    let response = scene.pod(&server, &format!("{}/team/{}:1", scene.registry.host(), key()));
    assert_no_key("an answer", response.0.to_string().as_bytes());
    // More images than are looked at: refused, and those that are looked at are told of.
    let names: Vec<String> =
        (0..300).map(|number| format!("{}/team/clean:{number}x", scene.registry.host())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let response = Response(scene.ask(&server, &pod(&names)));
    response.assert_refused("it names more images than are looked at in one object");
    assert!(response.0.to_string().len() < 10_000, "{response:?}");
    // One image that leaks behind many that do not.
    let mut names = vec![scene.clean_by_digest(); 200];
    names.push(scene.leaking());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Response(scene.ask(&server, &pod(&names))).assert_refused("holds a leaked key");
    assert!(!server.text().contains("panicked"), "{}", server.text());
    assert_clean(&server);
}

/// Of what has another form than Kubernetes lets in, nothing is taken for an image, and nothing breaks.
#[test]
fn objects_of_an_odd_form_break_nothing() {
    let scene = Scene::new();
    let server = scene.server("unknown = 'wait'");
    for object in [
        json!(null),
        json!(1),
        json!([]),
        json!("text"),
        json!({ "spec": [] }),
        json!({ "spec": { "containers": {} } }),
        json!({ "spec": { "containers": [null, 1, { "image": 1 }, { "image": {} }, { "env": [1, {}] }] } }),
        json!({ "metadata": { "annotations": [], "labels": { "a": 1 } }, "spec": { "volumes": [{ "image": 1 }] } }),
    ] {
        let mut review = pod(&[]);
        review["request"]["object"] = object.clone();
        assert!(Response(scene.ask(&server, &review)).is_admitted(), "{object}");
    }
    assert!(!server.text().contains("panicked"), "{}", server.text());
}
