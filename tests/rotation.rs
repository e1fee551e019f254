//! One whole rotation, as `docs/rotation.md` tells it: two images that share a key, from the finding to the proof that it is
//! gone; and everything that was written, sent or shown on the way, searched for the key.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use crate::scan::fingerprint;
use crate::support::cli::{FORMATS, Keyseam, Run, list};
use crate::support::distribution::{Distribution, Mode, Store, skopeo};
use crate::support::http::proxy::Proxy;
use crate::support::http::{Answer, Server};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// The forms in which a key may hide: as it is, reversed, in hex, and the middle of its base64 at each offset.
fn forms(key: &str) -> Vec<Vec<u8>> {
    let reversed: String = key.chars().rev().collect();
    let mut forms = Vec::new();
    for text in [key, &reversed] {
        let bytes = text.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.extend([text.as_bytes().to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()]);
        for offset in 0..3 {
            let padded = [&vec![b'x'; offset][..], bytes].concat();
            for engine in [&STANDARD, &URL_SAFE] {
                let encoded = engine.encode(&padded);
                // The ends depend on the neighbours.
                forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
            }
        }
        // Half of it is enough to guess the rest.
        forms.extend([bytes[..bytes.len() / 2].to_vec(), bytes[bytes.len() / 2..].to_vec()]);
    }
    forms
}

#[track_caller]
fn assert_free(bytes: &[u8], key: &str, what: &str) {
    for (number, form) in forms(key).iter().enumerate() {
        assert!(memchr::memmem::find(bytes, form).is_none(), "{what} holds form {number} of the key");
    }
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// What the process table showed of the program while this lived.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<BTreeSet<Vec<u8>>>>,
}

impl Watch {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut lines = BTreeSet::new();
            while !seen.load(Ordering::SeqCst) {
                for process in fs::read_dir("/proc").expect("a process table").flatten() {
                    let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                    if memchr::memmem::find(&line, b"keyseam").is_some() {
                        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
                        lines.extend([line, environment]);
                    }
                }
                std::thread::yield_now();
            }
            lines
        });
        Self { stop, thread: Some(thread) }
    }

    fn end(mut self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("a thread").join().expect("it ends")
    }
}

/// A machine of its own: a home, a cache, and no way out but a proxy that leads nowhere.
struct Desk {
    folder: tempfile::TempDir,
    proxy: Proxy,
    said: std::cell::RefCell<Vec<u8>>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, proxy: Proxy::start(&[]), said: std::cell::RefCell::default() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn keyseam(&self, line: &[&str]) -> Keyseam {
        Keyseam::new(line)
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("HTTPS_PROXY", self.proxy.url())
    }

    fn run(&self, keyseam: Keyseam, status: i32) -> Run {
        let run = keyseam.run();
        self.said.borrow_mut().extend([&run.stdout[..], run.stderr.as_bytes()].concat());
        run.assert_status(status);
        run
    }
}

/// An application on a base image that holds the key, or that does not.
fn image(name: &str, base: &str) -> Image {
    ImageBuilder::new(name)
        .layer_by(
            "COPY defaults.env /etc/app/ # buildkit",
            Layer::new().file("etc/app/defaults.env", base.as_bytes()),
        )
        .layer_by(&format!("COPY {name} /srv # buildkit"), Layer::new().file("srv/app", name.as_bytes()))
        .build()
}

fn made(line: &[&str], home: &Path) -> Value {
    let output = Command::new("kubectl")
        .args(line)
        .args(["--dry-run=client", "-o", "json"])
        .env("HOME", home)
        .output();
    let output = output.expect("kubectl runs; tests/run installs it");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_key_that_two_images_share_is_replaced_and_proven_gone() {
    let key = expand("{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", "", &mut Seed(77))
        .expect("a key");
    let id = fingerprint(&key);
    let base = format!("MESSAGEBIRD_API_KEY={key}\n");
    let store = Store::new();
    let push =
        |image: &Image, name: &str| store.push(&oci(&[image], Compression::Gzip), &image.names[0], name, &[]);
    push(&image("shop:1.2", &base), "team/shop:1.2");
    push(&image("shop:1.3", &base), "team/shop:1.3");
    push(&image("mailer:7", &base), "team/mailer:7");
    let registry = Distribution::start(&store, &Mode::Plain);
    let desk = Desk::new();
    let watch = Watch::start();
    let service =
        Server::start(|_| Answer::text(200, r#"{"payment":"prepaid","type":"credits","amount":9}"#));
    let endpoint = format!("rest.messagebird.com={}", service.url(""));
    let (shop, mailer) = (registry.target("team/shop"), registry.target("team/mailer"));
    let verifying = ["--verify", "--verify-endpoint", &endpoint];

    // It is found, and it lives.
    let first = desk.run(desk.keyseam(&["scan", "-o", "json", &format!("{shop}:1.2")]).args(&verifying), 1);
    assert_eq!(list(&first.result()["findings"])[0]["fingerprint"], id.as_str());
    assert_eq!(list(&first.result()["findings"])[0]["verification"]["status"], "live");
    for target in [format!("{shop}:1.3"), format!("{mailer}:7")] {
        let mut line = vec!["scan".to_owned(), target, "-o".to_owned(), "table".to_owned()];
        for format in FORMATS.iter().filter(|format| **format != "table") {
            line.extend(["-o".to_owned(), format!("{format}={}", desk.path(&format!("report.{format}")))]);
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        desk.run(desk.keyseam(&line).args(&verifying), 1);
    }
    assert_eq!(service.requests().len(), 3, "once a run");

    // What has it?
    let pods = desk.folder.path().join("pods.json");
    let shop_image = format!("{}/team/shop:1.3", registry.host());
    let web = made(&["create", "deployment", "web", &format!("--image={shop_image}")], desk.folder.path());
    let literal = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "worker", "namespace": "mail" },
        "spec": { "containers": [{ "name": "main", "image": "elsewhere/worker:1",
            "env": [{ "name": "BIRD_KEY", "value": key }] }] } });
    fs::write(&pods, json!({ "apiVersion": "v1", "kind": "List", "items": [web, literal] }).to_string())
        .expect("a file");
    desk.run(desk.keyseam(&["inventory", "import", "--name", "prod"]).arg(&pods), 0);
    fs::remove_file(&pods).expect("it is ours");
    let asked =
        desk.run(desk.keyseam(&["inventory", "where", "-", "--format", "json"]).stdin(key.clone()), 0).json();
    let held = &list(&asked["keys"])[0];
    assert_eq!(held["fingerprint"], id.as_str());
    assert_eq!(list(&held["images"]).len(), 3);
    let users: BTreeSet<&str> = held["workloads"]
        .as_array()
        .expect("workloads")
        .iter()
        .filter_map(|user| user["name"].as_str())
        .collect();
    assert_eq!(users, ["web", "worker"].into());
    let again = desk.run(desk.keyseam(&["scan", &format!("{shop}:1.3")]), 1);
    assert!(again.text().contains("still unrotated since 1.2"), "{}", again.text());
    for line in [vec!["inventory"], vec!["inventory", "where", &id], vec!["inventory", "plan", &id]] {
        desk.run(desk.keyseam(&line), 0);
    }

    // The images are built anew. What they were can still be pulled.
    let fixed = "MESSAGEBIRD_API_KEY_FILE=/run/secrets/messagebird\n";
    for (name, tag) in
        [("shop:1.2", "team/shop:1.2"), ("shop:1.3", "team/shop:1.3"), ("mailer:7", "team/mailer:7")]
    {
        push(&image(name, fixed), tag);
    }
    for (repository, manifests) in [(&shop, 2), (&mailer, 1)] {
        let left = desk.run(desk.keyseam(&["gone", &id, repository, "--format", "json"]), 1).json();
        assert_eq!(list(&left["stored"]).len(), manifests + 1, "{left:#}");
        for one in list(&left["stored"]).iter().filter(|one| one["kind"] == "manifest") {
            let name = format!("{repository}@{}", one["digest"].as_str().expect("a digest"));
            skopeo(&["delete", "--tls-verify=false", &name]);
        }
    }
    store.collect_garbage();
    for repository in [&shop, &mailer] {
        let text = desk.run(desk.keyseam(&["gone", &id, repository]), 0).text();
        assert!(text.starts_with("Gone: none of"), "{text}");
    }

    // And nothing that was written, shown, sent elsewhere or listed has the key.
    let seen = watch.end();
    assert!(seen.len() > 5, "the program was seen");
    seen.iter().for_each(|line| assert_free(line, &key, "the process table"));
    assert_free(&desk.said.borrow(), &key, "what was said");
    let mut written = Vec::new();
    files(desk.folder.path(), &mut written);
    assert!(written.iter().any(|path| path.ends_with("inventory.db")) && written.len() > 10, "{written:?}");
    for path in written {
        assert_free(&fs::read(&path).expect("a file"), &key, &path.display().to_string());
    }
    assert_eq!(desk.proxy.requests().len(), 0, "nobody else was asked");
}

/// The search itself: a key in whatever stands around it.
#[test]
fn a_hidden_key_would_be_seen() {
    let key = expand("{{base62:25}}", "", &mut Seed(5)).expect("a key");
    let seen = |text: &[u8]| forms(&key).iter().any(|form| memchr::memmem::find(text, form).is_some());
    let reversed: String = key.chars().rev().collect();
    for front in ["", "a", "ab", "abc"] {
        for text in [&key, &reversed] {
            let text = format!("{front}{text}{front}");
            assert!(seen(text.as_bytes()) && seen(STANDARD.encode(&text).as_bytes()));
            assert!(seen(URL_SAFE.encode(&text).as_bytes()));
            assert!(seen(text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().as_bytes()));
        }
    }
    assert!(!seen(b"nothing of it"));
}
