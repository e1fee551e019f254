//! A leaking and a clean image, who tells the server of them, and what it says of them.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::http::certificates::{Authority, Identity, LOCAL};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, OCI_MANIFEST, oci, this_architecture};
use crate::support::serve::{ANY, Answered, Server, curl};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A key of MessageBird, which nobody has.
pub(crate) fn key() -> String {
    ["live_", "q7Rt2Kx9", "Lm4Zc8Vb", "6Nd3Hs5Wj"].concat()
}

/// An image that leaks it.
pub(crate) fn leaky() -> Image {
    let line = format!("MESSAGEBIRD_ACCESS_KEY={}\n", key());
    builder().layer_by("COPY . /app", Layer::new().file("app/.env", line.as_bytes())).build()
}

/// An image without a key; each number makes another one.
pub(crate) fn clean(number: u32) -> Image {
    let content = format!("nothing of note, {number}");
    builder().layer_by("COPY . /app", Layer::new().file("app/content", content.as_bytes())).build()
}

fn builder() -> ImageBuilder {
    ImageBuilder::new("app:1").platform("linux", this_architecture())
}

/// The digest of the manifest that an image has in a registry.
pub(crate) fn digest(image: &Image) -> String {
    let layout = oci(&[image], Compression::Gzip);
    layout.json("index.json")["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
}

/// Certificates and a policy, by which a server is started again and again.
pub(crate) struct Scene {
    authority: Authority,
    identity: Identity,
    folder: TempDir,
    pub(crate) registry: String,
}

impl Scene {
    /// For images in this registry (`127.0.0.1:PORT`), with a policy that waits for verdicts.
    pub(crate) fn new(registry: &str) -> Self {
        let authority = Authority::new();
        let identity = authority.server(LOCAL);
        let scene = Self {
            authority,
            identity,
            folder: tempfile::tempdir().expect("a folder"),
            registry: registry.to_owned(),
        };
        scene.policy("");
        std::fs::write(scene.token_file(), format!("{}\n", Self::token())).expect("written");
        scene
    }

    pub(crate) fn token() -> &'static str {
        "a-token-of-a-test-0123456789"
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Writes the policy, with more at its top.
    pub(crate) fn policy(&self, more: &str) {
        let text = format!(
            "{more}\nunknown = \"wait\"\nunknown-after-wait = \"deny\"\n[registries]\nallow = [\"{}\"]\n",
            self.registry
        );
        let whole = self.folder.path().join("whole.toml");
        std::fs::write(&whole, text).expect("written");
        std::fs::rename(&whole, self.policy_file()).expect("renamed");
    }

    pub(crate) fn policy_file(&self) -> PathBuf {
        self.folder.path().join("policy.toml")
    }

    /// The doors: webhook, notifications, and more.
    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let path = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let mut words: Vec<String> = ["--admission", ANY, "--notify", ANY, "--registry", &self.registry]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
        let named = [
            ("--tls-cert", self.identity.cert.clone()),
            ("--tls-key", self.identity.key.clone()),
            ("--policy", self.policy_file()),
            ("--token-file", self.token_file()),
        ];
        words.extend(named.into_iter().flat_map(|(name, file)| [name.to_owned(), path(file)]));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Starts a server over a store.
    pub(crate) fn start(&self, store: &Arc<TempDir>, more: &[&str], fault: Option<&str>) -> Server {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &str)> = fault.into_iter().map(|fault| ("KEYSEAM_FAULT", fault)).collect();
        Server::start_in(store, &arguments, &variables)
    }

    pub(crate) fn ca_file(&self) -> String {
        self.authority.ca_file().to_str().expect("UTF-8").to_owned()
    }

    /// Posts a notification to a door's path; status 0 where the server has died.
    pub(crate) fn post(&self, server: &Server, path: &str, headers: &[&str], body: &Value) -> Answered {
        let url = format!("https://{}{path}", server.address("notify"));
        let token = format!("Authorization: Bearer {}", Self::token());
        let ca_file = self.ca_file();
        let mut words = vec!["--cacert", &ca_file, "-H", &token, "--data-binary", "@-"];
        words.extend(headers.iter().flat_map(|header| ["-H", header]));
        words.push(&url);
        curl(&words, body.to_string().as_bytes())
    }

    /// Tells of pushes as distribution does.
    pub(crate) fn notify(&self, server: &Server, digests: &[&str]) -> Answered {
        let events: Vec<Value> = digests.iter().map(|digest| event("push", digest, "1")).collect();
        self.post(server, "/notify/distribution", &[], &json!({ "events": events }))
    }

    /// What the webhook says of a pod with an image; nothing where there is no answer.
    pub(crate) fn review(&self, server: &Server, digest: &str, dry_run: bool) -> Option<Value> {
        let image = format!("{}/shop/app@{digest}", self.registry);
        let body = review(&image, dry_run);
        let url = format!("https://{}/admission?timeout=30s", server.address("admission"));
        let words = ["--cacert", &self.ca_file(), "-H", "Content-Type: application/json"];
        let answer =
            curl(&[&words[..], &["--data-binary", "@-", &url]].concat(), body.to_string().as_bytes());
        (answer.status == 200).then(|| answer.json()["response"].clone())
    }

    /// What is known of an image without a word that would have it examined.
    pub(crate) fn known(&self, server: &Server, digest: &str) -> String {
        verdict(&self.review(server, digest, true).expect("an answer"))
    }

    /// Waits until something is known of an image that nobody asks to be examined, and says what.
    pub(crate) fn wait_until_known(&self, server: &Server, digest: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let known = self.known(server, digest);
            if known != "unknown" {
                return known;
            }
            assert!(Instant::now() < end, "{digest} is never examined:\n{}", server.text());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The leaking image is refused as such, and the clean one admitted without a word.
    pub(crate) fn assert_right(&self, server: &Server, leaky: &str, clean: &str, about: &str) {
        let answer = self.review(server, leaky, false).expect("an answer");
        assert_eq!(verdict(&answer), "leaks", "{about}: {answer}\n{}", server.text());
        assert_eq!(answer["allowed"], false, "{about}: {answer}");
        let answer = self.review(server, clean, false).expect("an answer");
        assert_eq!(verdict(&answer), "clean", "{about}: {answer}\n{}", server.text());
        assert_eq!(answer["allowed"], true, "{about}: {answer}");
        assert_eq!(answer.get("warnings"), None, "{about}: {answer}");
    }
}

pub(crate) fn verdict(response: &Value) -> String {
    response["auditAnnotations"]["verdict"].as_str().unwrap_or_default().to_owned()
}

/// An event of distribution.
pub(crate) fn event(action: &str, digest: &str, tag: &str) -> Value {
    json!({ "id": "1", "timestamp": "2026-11-30T00:00:00Z", "action": action,
        "target": { "mediaType": OCI_MANIFEST, "digest": digest, "repository": "shop/app", "tag": tag },
        "request": { "id": "2", "method": "PUT", "useragent": "skopeo/1" } })
}

/// A review of a pod that is to run this image.
pub(crate) fn review(image: &str, dry_run: bool) -> Value {
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "6a69cc73-1f75-43b3-9b7a-438c66970fd4", "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "resource": { "group": "", "version": "v1", "resource": "pods" },
        "name": "app", "namespace": "default", "operation": "CREATE", "dryRun": dry_run,
        "object": { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "app" },
            "spec": { "containers": [{ "name": "app", "image": image }] } } } })
}

/// Every file below a folder.
pub(crate) fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Nothing that the server keeps or says has the key in it.
pub(crate) fn assert_no_key(store: &TempDir, texts: &[&str]) {
    let (key, bare) = (key(), key().split_off("live_".len()));
    for text in texts {
        assert!(!text.contains(&key) && !text.contains(&bare), "the key is in the output");
    }
    for file in files(store.path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes.windows(bare.len()).any(|window| window == bare.as_bytes());
        assert!(!found, "the key is in {}", file.display());
    }
}

/// Pushes an image by skopeo, which may fail.
pub(crate) fn try_push(image: &Image, host: &str, name: &str, ca_folder: Option<&str>) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    let layout = home.path().join("layout");
    oci(&[image], Compression::Gzip).write_to(&layout);
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["copy", "--insecure-policy", "--retry-times", "0"]);
    match ca_folder {
        Some(folder) => skopeo.args(["--dest-cert-dir", folder]),
        None => skopeo.arg("--dest-tls-verify=false"),
    };
    skopeo.arg(format!("oci:{}:app:1", layout.display())).arg(format!("docker://{host}/{name}"));
    let home = home.path();
    let skopeo = skopeo.env("HOME", home).env("TMPDIR", home).env("XDG_RUNTIME_DIR", home);
    skopeo.output().expect("skopeo runs; tests/run installs it")
}
