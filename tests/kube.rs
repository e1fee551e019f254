//! A real API server asks the webhook: `tests/kube/run` brings it and runs these tests; they are no part of
//! `cargo test`. Without `KEYSEAM_KUBE`, the folder of its programs, they fail.

#[path = "kube/cluster.rs"]
mod cluster;
mod support;

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use self::cluster::{Cluster, Said};
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::listener::Listener;
use crate::support::image::{Compression, ImageBuilder, Layer, oci, this_architecture};
use crate::support::serve::{ANY, Server};

/// A key of GitHub, which nobody has.
fn key() -> String {
    expand("{{github:ghp_}}", "", &mut Seed(82)).expect("a template")
}

fn images() -> Store {
    let store = Store::new();
    let builder = || ImageBuilder::new("app:1").platform("linux", this_architecture());
    let line = format!("token = {}\n", key());
    let leaking = builder().layer_by("COPY . /app", Layer::new().file("app/.env", line.as_bytes())).build();
    let clean = builder().layer_by("COPY . /app", Layer::new().file("app/text", b"nothing of note")).build();
    for (image, name) in [(leaking, "team/leaking:1"), (clean, "team/clean:1")] {
        store.push(&oci(&[&image], Compression::Gzip), "app:1", name, &[]);
    }
    store
}

fn pod(name: &str, image: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "containers": [{ "name": "app", "image": image }] } })
}

/// What makes pods, and how each is written.
fn workloads(image: &str) -> Vec<Value> {
    let template = |more: Value| {
        let mut spec = json!({ "containers": [{ "name": "app", "image": image }] });
        spec.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec })
    };
    let object = |version: &str, kind: &str, spec: Value| json!({ "apiVersion": version, "kind": kind, "metadata": { "name": kind.to_lowercase() }, "spec": spec });
    let selector = json!({ "matchLabels": { "app": "web" } });
    let plain = template(json!({}));
    let job = json!({ "template": template(json!({ "restartPolicy": "Never" })) });
    vec![
        pod("app", image),
        object("apps/v1", "Deployment", json!({ "selector": selector, "template": plain })),
        object("apps/v1", "DaemonSet", json!({ "selector": selector, "template": plain })),
        object(
            "apps/v1",
            "StatefulSet",
            json!({ "serviceName": "web", "selector": selector, "template": plain }),
        ),
        object("batch/v1", "Job", job.clone()),
        object(
            "batch/v1beta1",
            "CronJob",
            json!({ "schedule": "5 4 * * *", "jobTemplate": { "spec": job } }),
        ),
        object("argoproj.io/v1alpha1", "Rollout", json!({ "selector": selector, "template": plain })),
    ]
}

fn refused(said: &Said, words: &str) {
    assert!(!said.succeeded, "{said:?}");
    assert!(said.text.contains("denied the request: keyseam: ") && said.text.contains(words), "{said:?}");
    assert!(!said.text.contains(&key()) && !said.text.contains("context deadline exceeded"), "{said:?}");
}

fn admitted(said: &Said, warning: Option<&str>) {
    assert!(said.succeeded, "{said:?}");
    match warning {
        Some(words) => {
            assert!(said.text.contains("Warning: keyseam: ") && said.text.contains(words), "{said:?}")
        }
        None => assert!(!said.text.contains("keyseam"), "{said:?}"),
    }
}

/// One cluster, since one takes long to start; what comes into it comes in in this order.
#[test]
fn a_real_api_server_lets_in_what_the_webhook_lets_in() {
    let store = images();
    let registry = Distribution::start(&store, &Mode::Plain);
    let silent = Listener::start(std::net::Ipv4Addr::LOCALHOST.into(), |_stream, stop| {
        let _ = stop.pause(std::time::Duration::from_secs(600));
    });
    let image = |name: &str| format!("{}/team/{name}:1", registry.host());
    let (leaking, clean) = (image("leaking"), image("clean"));
    let authority = Authority::new();
    let identity = authority.server(LOCAL);
    let folder = tempfile::tempdir().expect("a folder");
    let start = |policy: &str| {
        let file = folder.path().join("policy.toml");
        let allowed = json!([registry.host(), silent.address().to_string()]);
        std::fs::write(&file, format!("{policy}\n[registries]\nallow = {allowed}\n")).expect("written");
        let words = [&file, &identity.cert, &identity.key].map(|path| path.to_str().expect("UTF-8"));
        let line = ["--admission", ANY, "--policy", words[0], "--tls-cert", words[1], "--tls-key", words[2]];
        Server::start(&line)
    };
    let cluster = Cluster::start();
    cluster.define_rollouts();
    // It runs before anybody judges it.
    admitted(&cluster.apply(&pod("old", &leaking), &[]), None);

    let mut server = start("unknown = 'wait'\nunknown-after-wait = 'deny'");
    cluster.register(&server.address("admission"), &authority, "Fail", 20, &pod("probe", &leaking));
    for object in workloads(&leaking) {
        refused(&cluster.apply(&object, &[]), "holds a leaked key");
        refused(&cluster.apply(&object, &["--dry-run=server"]), "holds a leaked key");
    }
    for object in workloads(&clean) {
        // A dry run has nothing examined, so it comes second.
        admitted(&cluster.apply(&object, &[]), None);
        admitted(&cluster.apply(&object, &["--dry-run=server"]), None);
    }
    admitted(&cluster.kubectl(&["label", "pod", "old", "tier=front"], None), None);
    refused(
        &cluster.kubectl(&["set", "image", "pod/app", &format!("app={leaking}")], None),
        "holds a leaked key",
    );
    let debug = |image: &str| {
        let image = format!("--image={image}");
        cluster.kubectl(&["debug", "app", &image, "--container=debugger", "--attach=false", "--", "sh"], None)
    };
    refused(&debug(&leaking), "holds a leaked key");
    admitted(&debug(&clean), None);
    let mut literal = pod("literal", &clean);
    literal["spec"]["containers"][0]["env"] = json!([{ "name": "API_TOKEN", "value": key() }]);
    refused(&cluster.apply(&literal, &[]), "env API_TOKEN of container app");
    // The image of a registry that is silent, for an API server that waits a second.
    let hangs = format!("{}/team/app:1", silent.address());
    cluster.register(&server.address("admission"), &authority, "Fail", 1, &pod("probe", &leaking));
    refused(&cluster.apply(&pod("hangs", &hangs), &[]), "");
    // Nobody answers.
    server.kill();
    let said = cluster.apply(&pod("nobody", &clean), &[]);
    assert!(!said.succeeded && said.text.contains("failed calling webhook"), "{said:?}");

    let mut server = start("unknown = 'warn'");
    cluster.register(&server.address("admission"), &authority, "Ignore", 1, &pod("probe", &hangs));
    admitted(&cluster.apply(&pod("hangs", &hangs), &[]), Some("does not answer in time"));
    admitted(&cluster.apply(&pod("unknown", &leaking), &[]), Some("it was not examined yet"));
    server.wait_for(|logs| logs.iter().any(|line| line["message"] == "examined"));
    refused(&cluster.apply(&pod("known", &leaking), &[]), "holds a leaked key");
    assert!(!server.text().contains(&key()), "the key is in the log");
    server.kill();
    admitted(&cluster.apply(&pod("nobody", &leaking), &[]), None);
}
