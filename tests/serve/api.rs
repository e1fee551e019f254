//! The document of the API is what the server does: schemathesis makes requests of it, right and wrong ones, and
//! compares the answers with it. What /metrics tells is read by Prometheus' own parser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::crash::scene::{Scene, clean, digest, leaky};
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::image::Compression;
use crate::support::serve::{ANY, Server, curl};

/// Requests of one kind to one path.
const EXAMPLES: &str = "60";

/// Checks of schemathesis that cannot hold. A wrong value in a field that is not read is no reason to refuse a
/// notification: registries add fields and change them. The same goes for what API servers may add.
const WITHOUT: &str = "negative_data_rejection";

fn reader(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report-tools/bin").join(name);
    assert!(path.is_file(), "{} is missing; tests/run installs it", path.display());
    path
}

struct Live {
    _registry: Serving,
    scene: Scene,
    server: Server,
}

impl Live {
    fn start() -> Self {
        let form = Form::Oci(Compression::Gzip);
        let registry =
            Registry::new().image("shop/app", "1", &leaky(), form).image("shop/app", "2", &clean(1), form);
        let registry = registry.start();
        let scene = Scene::new(&registry.host());
        let server = scene.start(&Arc::new(tempfile::tempdir().expect("a folder")), &[], None);
        Self { _registry: registry, scene, server }
    }

    /// The document, as the server gives it.
    fn document(&self, folder: &TempDir) -> PathBuf {
        let answer = curl(&[&format!("http://{}/openapi.json", self.server.address("status"))], b"");
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/json"));
        let path = folder.path().join("openapi.json");
        std::fs::write(&path, answer.body).expect("written");
        path
    }

    fn assert_sound(&mut self) {
        let said = self.server.text();
        assert!(!said.contains("panicked") && !said.contains("error of the program"), "{said}");
        let alive = curl(&[&format!("http://{}/healthz", self.server.address("status"))], b"");
        assert_eq!((alive.status, alive.text().as_str()), (200, "ok\n"));
        assert_eq!(self.server.stop(), Some(143), "{said}");
    }
}

/// Has all paths that begin so compared with the document.
fn compare(live: &Live, door: &str, scheme: &str, paths: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let document = live.document(&folder);
    let url = format!("{scheme}://{}", live.server.address(door));
    let token = format!("Authorization: Bearer {}", Scene::token());
    let mut schemathesis = Command::new(reader("schemathesis"));
    schemathesis
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("NO_PROXY", "*")
        .args(["run", document.to_str().expect("UTF-8"), "--url", &url, "--include-path-regex", paths])
        .args(["--header", &token, "--tls-verify", &live.scene.ca_file()])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", "all", "--exclude-checks", WITHOUT])
        .args(["--max-examples", EXAMPLES, "--seed", "1", "--generation-deterministic"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure"]);
    let output = schemathesis.output().expect("it runs");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n{}", live.server.text());
    assert!(said.contains("No issues found"), "{said}");
}

#[test]
fn the_webhook_is_as_its_document_says() {
    let mut live = Live::start();
    compare(&live, "admission", "https", "^/admission$");
    live.assert_sound();
}

#[test]
fn the_notifications_are_as_their_document_says() {
    let mut live = Live::start();
    compare(&live, "notify", "https", "^/notify/");
    live.assert_sound();
}

#[test]
fn the_status_is_as_its_document_says() {
    let mut live = Live::start();
    compare(&live, "status", "http", "^/(healthz|readyz|metrics|openapi.json)$");
    live.assert_sound();
}

#[test]
fn the_document_has_every_status_of_the_doors() {
    let live = Live::start();
    let folder = tempfile::tempdir().expect("a folder");
    let document: Value =
        serde_json::from_slice(&std::fs::read(live.document(&folder)).expect("read")).expect("JSON");
    let ca_file = live.scene.ca_file();
    let token = format!("Authorization: Bearer {}", Scene::token());
    let (admission, notify) = (live.server.address("admission"), live.server.address("notify"));
    let status = live.server.address("status");
    let large = vec![b' '; 9 * 1024 * 1024];
    let asked: [(&str, &str, String, &[u8], u16); 14] = [
        ("/admission", "POST", format!("https://{admission}"), b"{}", 400),
        ("/admission", "POST", format!("https://{admission}"), &large, 413),
        ("/admission", "GET", format!("https://{admission}"), b"", 405),
        ("/notify/distribution", "POST", format!("https://{notify}"), b"{\"events\": []}", 202),
        ("/notify/distribution", "POST", format!("https://{notify}"), b"[]", 400),
        ("/notify/harbor", "POST", format!("https://{notify}"), &large, 413),
        ("/notify/zot", "PUT", format!("https://{notify}"), b"", 405),
        ("/healthz", "GET", format!("http://{status}"), b"", 200),
        ("/healthz", "DELETE", format!("http://{status}"), b"", 405),
        ("/readyz", "GET", format!("http://{status}"), b"", 200),
        ("/metrics", "GET", format!("http://{status}"), b"", 200),
        ("/metrics", "POST", format!("http://{status}"), b"", 405),
        ("/openapi.json", "GET", format!("http://{status}"), b"", 200),
        ("/openapi.json", "PATCH", format!("http://{status}"), b"", 405),
    ];
    for (path, method, base, body, expected) in asked {
        let url = format!("{base}{path}");
        let mut words = vec!["--cacert", &ca_file, "-X", method, "-H", &token, "-H", "Expect:"];
        if !body.is_empty() {
            words.extend(["--data-binary", "@-"]);
        }
        words.push(&url);
        let answer = curl(&words, body);
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text());
        let operations = document["paths"][path].as_object().expect("it is in the document");
        let told = operations.values().next().expect("an operation");
        assert!(told["responses"].get(expected.to_string()).is_some(), "{path} has no {expected}");
    }
    // Doors have nothing beside what is theirs.
    for url in [format!("https://{admission}/notify/zot"), format!("https://{notify}/admission")] {
        assert_eq!(curl(&["--cacert", &ca_file, "-H", &token, "-d", "{}", &url], b"").status, 404, "{url}");
    }
    for path in ["/", "/v2/", "/admission", "/debug", "/metrics/../healthz/x"] {
        let url = format!("http://{status}{path}");
        assert_eq!(curl(&["--path-as-is", &url], b"").status, 404, "{url}");
    }
    assert_eq!(curl(&[&format!("http://{status}/metrics")], b"").status, 401);
    assert_eq!(document["openapi"], "3.1.0");
}

/// A certificate for loopback that ends with a year begins, in two files.
fn certificate(folder: &Path, year: i32) -> [String; 2] {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(year, 1, 1));
    let certificate = params.self_signed(&key).expect("a certificate");
    [("tls.pem", certificate.pem()), ("tls.key", key.serialize_pem())].map(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    })
}

#[test]
fn the_end_of_a_certificate_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let [cert, key] = certificate(folder.path(), 2021);
    let server = Server::start(&["--admission", ANY, "--tls-cert", &cert, "--tls-key", &key]);
    let says = |number: usize, text: &'static str| {
        move |logs: &[Value]| logs.iter().filter(|line| line["message"] == text).count() >= number
    };
    server.wait_for(says(1, "renew the certificate"));
    let warning = |line: &&Value| line["message"] == "renew the certificate";
    let logs = server.logs();
    let line = logs.iter().find(warning).expect("a line");
    assert_eq!(line["door"], "admission", "{line}");
    assert_eq!(line["why"], "it has ended, and clients refuse it", "{line}");
    let ends = || {
        let text = curl(&[&format!("http://{}/metrics", server.address("status"))], b"").text();
        let line =
            text.lines().find(|line| line.starts_with("keyseam_certificate_expiry")).map(str::to_owned);
        line.unwrap_or(text)
    };
    let name = "keyseam_certificate_expiry_timestamp_seconds{door=\"admission\"}";
    assert_eq!(ends(), format!("{name} 1609459200"));
    certificate(folder.path(), 2101);
    server.wait_for(says(1, "certificate read"));
    assert_eq!(ends(), format!("{name} 4133980800"));
    assert_eq!(server.logs().iter().filter(warning).count(), 1);
}

#[test]
fn prometheus_reads_the_metrics() {
    let live = Live::start();
    let (leaky, clean) = (digest(&leaky()), digest(&clean(1)));
    assert_eq!(live.scene.notify(&live.server, &[&leaky, &clean]).status, 202);
    assert_eq!(live.scene.wait_until_known(&live.server, &leaky), "leaks");
    assert_eq!(live.scene.wait_until_known(&live.server, &clean), "clean");
    live.scene.assert_right(&live.server, &leaky, &clean, "reviews");
    let token = format!("Authorization: Bearer {}", Scene::token());
    let answer = curl(&["-H", &token, &format!("http://{}/metrics", live.server.address("status"))], b"");
    let kind = &answer.headers["content-type"];
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let program = "import json, sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        families = list(parse(sys.stdin.read()))\n\
        print(json.dumps([[s.name, s.labels, s.value] for f in families for s in f.samples]))";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("metrics");
    std::fs::write(&file, &answer.body).expect("written");
    let mut python = Command::new(reader("python"));
    let output = python
        .args(["-c", program])
        .stdin(std::fs::File::open(&file).expect("a file"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), answer.text());
    let samples: Vec<(String, Value, f64)> = serde_json::from_slice(&output.stdout).expect("JSON");
    let value = |name: &str, labels: Value| {
        samples.iter().find(|(other, of, _)| other == name && *of == labels).map(|(_, _, value)| *value)
    };
    assert_eq!(value("keyseam_scans_total", json!({ "outcome": "examined" })), Some(2.0), "{samples:?}");
    assert_eq!(value("keyseam_notifications_total", json!({ "source": "distribution" })), Some(2.0));
    assert_eq!(value("keyseam_queue", json!({})), Some(0.0));
    let refused = json!({ "door": "admission", "verdict": "leaks", "admitted": "false" });
    assert!(value("keyseam_decisions_total", refused).is_some_and(|count| count >= 1.0), "{samples:?}");
    let named: Vec<&String> = samples.iter().map(|(name, ..)| name).collect();
    assert!(named.iter().all(|name| name.starts_with("keyseam_")), "{named:?}");
    // Labels are words of the program's own.
    for foreign in ["shop/app", "127.0.0.1", &leaky] {
        assert!(!answer.text().contains(foreign), "{foreign} is in the metrics");
    }
}
