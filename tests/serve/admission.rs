//! The webhook, asked as an API server asks it: by reviews that a real one has sent (testdata/admission), with
//! images in Debian's `docker-registry`.

#[path = "admission/access.rs"]
mod access;
#[path = "admission/deadlines.rs"]
mod deadlines;
#[path = "admission/garbage.rs"]
mod garbage;
#[path = "admission/literals.rs"]
mod literals;
#[path = "admission/objects.rs"]
mod objects;
#[path = "admission/registries.rs"]
mod registries;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::certificates::{Authority, Identity, LOCAL};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci, this_architecture};
use crate::support::serve::{ANY, Answered, Server, curl};

/// A key of GitHub, which nobody has; it carries a checksum, so it is one wherever it stands.
fn key() -> String {
    expand("{{github:ghp_}}", "", &mut Seed(81)).expect("a template")
}

fn leaking() -> Image {
    let line = format!("token = {}\n", key());
    builder().layer_by("COPY . /app", Layer::new().file("app/.env", line.as_bytes())).build()
}

/// An image without a key; each number makes another one.
fn clean(number: u32) -> Image {
    let text = format!("nothing of note, {number}");
    builder().layer_by("COPY . /app", Layer::new().file("app/text", text.as_bytes())).build()
}

fn builder() -> ImageBuilder {
    ImageBuilder::new("app:1").platform("linux", this_architecture())
}

/// A registry with `team/leaking:1` and `team/clean:1`, and what servers that judge them need.
struct Scene {
    store: Store,
    registry: Distribution,
    authority: Authority,
    identity: Identity,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(&Mode::Plain)
    }

    fn with(mode: &Mode<'_>) -> Self {
        let store = Store::new();
        for (image, name) in [(leaking(), "team/leaking:1"), (clean(1), "team/clean:1")] {
            store.push(&oci(&[&image], Compression::Gzip), "app:1", name, &[]);
        }
        let authority = Authority::new();
        Self {
            registry: Distribution::start(&store, mode),
            store,
            identity: authority.server(LOCAL),
            authority,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// `HOST/team/leaking:1`.
    fn leaking(&self) -> String {
        format!("{}/team/leaking:1", self.registry.host())
    }

    /// `HOST/team/clean:1`.
    fn clean(&self) -> String {
        format!("{}/team/clean:1", self.registry.host())
    }

    /// The same by digest.
    fn leaking_by_digest(&self) -> String {
        format!("{}/team/leaking@{}", self.registry.host(), digest(&leaking()))
    }

    fn clean_by_digest(&self) -> String {
        format!("{}/team/clean@{}", self.registry.host(), digest(&clean(1)))
    }

    /// A server with a policy that says this, and that the scene's registry may be asked.
    fn server(&self, policy: &str) -> Server {
        self.server_asking(policy, &[self.registry.host()], "public")
    }

    fn server_asking(&self, policy: &str, allowed: &[&str], others: &str) -> Server {
        let (top, rest) =
            policy.split_once("\n[").map_or((policy, String::new()), |(top, rest)| (top, format!("[{rest}")));
        let text = format!("{top}\n[registries]\nallow = {}\nothers = '{others}'\n{rest}\n", json!(allowed));
        let file = self.folder.path().join("policy.toml");
        std::fs::write(&file, text).expect("written");
        self.server_with(&["--policy", path(&file)])
    }

    fn server_with(&self, more: &[&str]) -> Server {
        Server::start(&[&self.door(ANY)[..], more].concat())
    }

    /// The arguments that open the webhook there.
    fn door<'s>(&'s self, address: &'s str) -> [&'s str; 6] {
        let Identity { cert, key } = &self.identity;
        ["--admission", address, "--tls-cert", path(cert), "--tls-key", path(key)]
    }

    /// What the webhook answers to these bytes.
    fn post(&self, server: &Server, query: &str, body: &[u8]) -> Answered {
        post_trusting(server, &self.authority, &[], query, body)
    }

    /// The response of a review.
    fn ask(&self, server: &Server, review: &Value) -> Value {
        let answer = self.post(server, "?timeout=30s", review.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_no_key("an answer", &answer.body);
        let whole = answer.json();
        assert_eq!((&whole["apiVersion"], &whole["kind"]), (&review["apiVersion"], &review["kind"]));
        assert_eq!(whole["response"]["uid"], review["request"]["uid"]);
        whole["response"].clone()
    }

    /// The response for a pod with an image.
    fn pod(&self, server: &Server, image: &str) -> Response {
        Response(self.ask(server, &pod(&[image])))
    }
}

/// A response with what it says.
#[derive(Debug, PartialEq)]
struct Response(Value);

impl Response {
    fn is_admitted(&self) -> bool {
        self.0["allowed"].as_bool().expect("yes or no")
    }

    fn message(&self) -> String {
        self.0["status"]["message"].as_str().unwrap_or_default().to_owned()
    }

    fn warnings(&self) -> Vec<String> {
        let warnings = self.0["warnings"].as_array().into_iter().flatten();
        warnings.map(|warning| warning.as_str().expect("a text").to_owned()).collect()
    }

    fn assert_admitted(&self) {
        assert!(self.is_admitted() && self.warnings().is_empty(), "{self:?}");
    }

    fn assert_warned(&self, words: &str) {
        assert!(self.is_admitted(), "{self:?}");
        assert!(self.warnings().iter().any(|warning| warning.contains(words)), "{self:?}");
    }

    fn assert_refused(&self, words: &str) {
        assert!(!self.is_admitted(), "{self:?}");
        let message = self.message();
        assert!(message.starts_with("keyseam: ") && message.contains(words), "{self:?}");
        assert_eq!(
            (&self.0["status"]["code"], &self.0["status"]["reason"]),
            (&403.into(), &"Forbidden".into())
        );
    }
}

fn post_trusting(
    server: &Server,
    authority: &Authority,
    more: &[&str],
    query: &str,
    body: &[u8],
) -> Answered {
    let url = format!("https://{}/admission{query}", server.address("admission"));
    let ca_file = authority.ca_file();
    let words = ["--cacert", path(&ca_file), "-H", "Content-Type: application/json", "-H", "Expect:"];
    curl(&[&words[..], more, &["--data-binary", "@-", &url]].concat(), body)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The digest of the manifest that an image has in a registry.
fn digest(image: &Image) -> String {
    let layout = oci(&[image], Compression::Gzip);
    layout.json("index.json")["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
}

/// A review as a real API server sent it, of these images: `team/app:1`, `team/app:2` and `team/side@sha256:…`.
fn recorded(name: &str, [app, newer, side]: [&str; 3]) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).expect("a recorded review");
    let digest = format!("registry.example:5000/team/side@sha256:{}", "4b".repeat(32));
    let text = text
        .replace("registry.example:5000/team/app:1", app)
        .replace("registry.example:5000/team/app:2", newer)
        .replace(&digest, side)
        .replace("@@KEY@@", &key());
    serde_json::from_str::<Value>(&text).expect("JSON")["body"].take()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/admission")
}

/// The review of a pod that is made with these images.
fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(number, image)| json!({ "name": format!("c{number}"), "image": image }))
        .collect();
    let mut review = recorded("pod-create", [""; 3]);
    review["request"]["object"] =
        json!({ "metadata": { "name": "app" }, "spec": { "containers": containers } });
    review
}

/// What a counter stands at; 0 where it does not exist.
fn metric(server: &Server, name: &str) -> u64 {
    let text = curl(&[&format!("http://{}/metrics", server.address("status"))], b"").text();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.map_or(0, |value| value.parse().unwrap_or_else(|_| panic!("{text}")))
}

/// Waits until so many images were examined, or could not be.
fn wait_for_scans(server: &Server, number: usize) {
    server.wait_for(|logs| {
        logs.iter().filter(|line| line["message"] == "examined" || line["message"] == "not examined").count()
            >= number
    });
}

fn assert_no_key(what: &str, bytes: &[u8]) {
    let key = key();
    assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "the key is in {what}");
}

/// No key in what a server said, nor in what it keeps.
fn assert_clean(server: &Server) {
    assert_no_key("the log", server.text().as_bytes());
    let store: Arc<TempDir> = server.store();
    let mut folders = vec![store.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map_while(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files += 1;
                assert_no_key(&path.display().to_string(), &bytes);
            }
        }
    }
    assert!(files > 0, "something is kept");
}
