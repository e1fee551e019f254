//! What runs images, in the files that kubectl and Compose users have.

use std::process::Command;

use serde_json::{Value, json};

use super::{Recorded, image};
use crate::scan::{fingerprint, key};

/// The ways in which workloads are known to use a key, by their names.
fn users(held: &Value) -> Vec<(String, Vec<String>)> {
    let workloads = held["workloads"].as_array().expect("workloads");
    let sure = |user: &Value| user["sure"].as_object().expect("ways").keys().cloned().collect();
    workloads.iter().map(|user| (user["name"].as_str().unwrap_or_default().to_owned(), sure(user))).collect()
}

#[test]
fn pods_and_what_makes_them_are_known_by_digest_value_tag_and_variable() {
    let recorded = Recorded::new();
    let run = recorded.scan_image(&image("registry.example/team/shop:1.2", Some(1), None), &[]);
    let digest = run.result()["config_digest"].as_str().expect("a digest").to_owned();
    let made = |line: &[&str]| -> Value {
        let line = [line, &["--dry-run=client", "-o", "json"]].concat();
        let output = Command::new("kubectl").args(&line).env("HOME", recorded.folder.path()).output();
        let output = output.expect("kubectl runs; tests/run installs it");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let deployment = made(&["create", "deployment", "by-tag", "--image=registry.example/team/shop:1.2"]);
    let cron = made(&[
        "create",
        "cronjob",
        "nightly",
        "--image=registry.example/team/shop:1.2",
        "--schedule=0 1 * * *",
    ]);
    let pod = |name: &str, spec: Value, status: Value| {
        json!({ "apiVersion": "v1", "kind": "Pod", "spec": spec, "status": status,
                "metadata": { "name": format!("{name}-5d4f8c7b9-x2x7k"), "namespace": "payments",
                              "labels": { "pod-template-hash": "5d4f8c7b9" },
                              "ownerReferences": [{ "kind": "ReplicaSet", "controller": true,
                                                    "name": format!("{name}-5d4f8c7b9") }] } })
    };
    let literal = json!({ "containers": [{ "name": "main", "image": "other:1",
                                           "env": [{ "name": "TOKEN", "value": key(1) }, { "name": "SHORT", "value": "abc" }] }] });
    let by_digest = json!({ "initContainers": [{ "name": "init", "image": "registry.example/team/shop" }],
                            "containers": [{ "name": "main", "image": "other:1" }] });
    let states =
        json!({ "initContainerStatuses": [{ "name": "init", "imageID": format!("docker://{digest}") }] });
    let secret = json!({ "containers": [{ "name": "main", "image": "other:1", "env": [
        { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "shop-token", "key": "token" } } }] }] });
    let all = json!({ "apiVersion": "v1", "kind": "List", "items": [
        deployment, cron, pod("literal", literal, json!({})), pod("by-digest", by_digest, states),
        pod("secret", secret, json!({})), { "kind": "ConfigMap", "metadata": { "name": "none" } }] });
    let file = recorded.path("pods.json");
    std::fs::write(&file, all.to_string()).expect("a file");
    let import = |name: &str| recorded.text(&["import", "--name", name, &file.display().to_string()]);
    assert!(import("prod").contains("prod: 6 containers"), "{}", import("prod"));
    let held = recorded.held(&fingerprint(&key(1)));
    let expected = [
        ("by-digest", vec!["same digest"]),
        ("literal", vec!["same value"]),
        ("nightly", vec!["same tag"]),
        ("by-tag", vec!["same tag"]),
        ("secret", vec!["same variable"]),
    ];
    let mut found = users(&held);
    found.sort();
    let mut expected: Vec<(String, Vec<String>)> = expected
        .into_iter()
        .map(|(name, ways)| (name.to_owned(), ways.into_iter().map(str::to_owned).collect()))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    let plan =
        recorded.text(&["plan", &fingerprint(&key(1))]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plan.contains("`shop-token`, entry `token` (secretKeyRef)"), "{plan}");
    assert!(
        plan.contains("payments/literal, container main in prod has it as the value of `TOKEN`"),
        "{plan}"
    );
    // The same name again takes the place of what it had.
    std::fs::write(&file, json!({ "kind": "List", "items": [] }).to_string()).expect("a file");
    import("prod");
    let held = recorded.held(&fingerprint(&key(1)));
    assert!(users(&held).is_empty());
    let text = recorded.text(&["where", &fingerprint(&key(1))]);
    assert!(text.contains("none known; last import on 2"), "{text}");
    let bytes = std::fs::read(recorded.file()).expect("a file");
    assert!(memchr::memmem::find(&bytes, &key(1).as_bytes()[4..14]).is_none());
}

#[test]
fn compose_files_are_read_as_compose_reads_them() {
    let recorded = Recorded::new();
    recorded.scan_image(&image("registry.example/team/shop:1.2", Some(1), None), &[]).assert_status(1);
    let text = format!(
        "x-common: &common\n  TOKEN: {}\nservices:\n  map:\n    image: other:1\n    environment:\n      <<: *common\n      \
         PORT: 8080\n  list:\n    build: .\n    environment:\n      - TOKEN={}\n      - FROM_SHELL\n    env_file:\n      - .env\n  \
         store:\n    image: registry.example/team/shop:1.2\n    environment:\n      TOKEN: ${{SHOP_TOKEN:?}}\n    secrets:\n      - shop\n\
         secrets:\n  shop:\n    file: ./shop.txt\n",
        key(1),
        key(1)
    );
    let file = recorded.path("compose.yaml");
    std::fs::write(&file, text).expect("a file");
    let said = recorded.text(&["import", &file.display().to_string()]);
    assert!(said.starts_with("compose: 3 containers, 2 values"), "{said}");
    let held = recorded.held(&fingerprint(&key(1)));
    let ways = users(&held);
    let of =
        |name: &str| ways.iter().find(|user| user.0 == name).map(|user| user.1.clone()).unwrap_or_default();
    assert_eq!(of("map"), ["same value"]);
    assert_eq!(of("list"), ["same value"]);
    assert_eq!(of("store"), ["same tag", "same variable"]);
    let list = held["workloads"].as_array().expect("workloads").iter().find(|user| user["name"] == "list");
    let notes = list.expect("a service")["notes"].to_string();
    assert!(notes.contains("is built here") && notes.contains(".env"), "{notes}");
    let plan = recorded.text(&["plan", &fingerprint(&key(1))]);
    assert!(plan.contains("`shop`") && plan.contains("SHOP_TOKEN"), "{plan}");
    // A finding names what runs with it.
    let run = recorded.scan_image(&image("registry.example/team/shop:1.2", Some(1), None), &[]);
    let known = &run.findings()[0]["known"]["workloads"];
    assert_eq!(*known, json!(["compose/list", "compose/map"]));
}

#[test]
fn files_that_are_no_workloads_or_bombs_are_refused() {
    let recorded = Recorded::new();
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    bomb.push_str("services:\n  x:\n    image: *a11\n");
    let deep = "[".repeat(100_000);
    for text in [
        bomb.as_str(),
        &deep,
        "",
        "hello: world\n",
        "{\"kind\":\"ConfigMap\"}",
        "\u{0}\u{1}",
        "a: [",
        "{\"a\":",
    ] {
        let run = recorded.keyseam(&["inventory", "import", "-"]).stdin(text).run();
        run.assert_status(2);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    assert!(!recorded.file().exists());
}
