//! The gate: real clients push to Debian's `docker-registry` through it, and what leaks does not get there.

#[path = "gate/access.rs"]
mod access;
#[path = "gate/clients.rs"]
mod clients;
#[path = "gate/judged.rs"]
mod judged;
#[path = "gate/paths.rs"]
mod paths;
#[path = "gate/policy.rs"]
mod policy;
#[path = "gate/strain.rs"]
mod strain;
#[path = "gate/uploads.rs"]
mod uploads;

use keyseam::detect::template::{Seed, expand};
use keyseam::image::digest::Digest;
use serde_json::Value;

use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::{Answer, Request, Server as Upstream};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_MANIFEST, manifest, oci, this_architecture,
};
use crate::support::serve::{ANY, Answered, Server, curl};

/// The key of a number, with its checksum.
pub(super) fn key(number: u64) -> String {
    expand("{{github:ghp_}}", "", &mut Seed(number)).expect("a template")
}

pub(super) fn line(number: u64) -> Vec<u8> {
    format!("token = {}\n", key(number)).into_bytes()
}

/// An image with the key of a number in its second layer.
pub(super) fn leaky(name: &str, number: u64) -> Image {
    ImageBuilder::new(name)
        .platform("linux", this_architecture())
        .layer(Layer::new().file("app/noise", &noise(50_000)))
        .layer_by("COPY . /app # buildkit", Layer::new().file("app/.env", &line(number)))
        .build()
}

pub(super) fn clean(name: &str) -> Image {
    ImageBuilder::new(name)
        .platform("linux", this_architecture())
        .layer(Layer::new().file("app/noise", &noise(50_000)))
        .layer(Layer::new().file("app/made", name.as_bytes()))
        .build()
}

/// So many words that no compression makes smaller.
pub(super) fn noise(words: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 32
    };
    (0..words).flat_map(|_| (next() as u32).to_le_bytes()).collect()
}

/// A registry with a gate before it.
pub(super) struct Scene {
    pub(super) server: Server,
    pub(super) registry: Distribution,
    _store: Store,
}

impl Scene {
    pub(super) fn new(more: &[&str]) -> Self {
        Self::with(&Mode::Plain, more)
    }

    pub(super) fn with(mode: &Mode<'_>, more: &[&str]) -> Self {
        let store = Store::new();
        let registry = Distribution::start(&store, mode);
        let server = gate_before(registry.host(), more);
        Self { server, registry, _store: store }
    }

    /// Where the gate is.
    pub(super) fn host(&self) -> String {
        self.server.address("gate")
    }

    /// What the registry itself has under a name; none where it has nothing.
    pub(super) fn held(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let answered = get_manifest(self.registry.host(), repository, reference);
        (answered.status == 200).then_some(answered.body)
    }
}

/// A gate before whatever listens there.
pub(super) fn gate_before(host: &str, more: &[&str]) -> Server {
    let upstream = format!("http://{host}");
    Server::start(&[&["--gate", ANY, "--upstream", &upstream], more].concat())
}

/// A registry that is asked through one who writes down what it is asked.
pub(super) fn counted(registry: &Distribution) -> Upstream {
    let host = registry.host().to_owned();
    Upstream::start(move |request| forward(&host, request))
}

fn forward(host: &str, request: &Request) -> Answer {
    let url = format!("http://{host}{}", request.target);
    let mut arguments = vec![url];
    match request.method.as_str() {
        "HEAD" => arguments.push("--head".to_owned()),
        method => arguments.extend(["--request".to_owned(), method.to_owned()]),
    }
    if !request.body.is_empty() {
        arguments.extend(["--data-binary".to_owned(), "@-".to_owned()]);
    }
    for (name, value) in &request.headers {
        let own = ["host", "content-length", "transfer-encoding", "connection", "expect"];
        if !own.contains(&name.to_ascii_lowercase().as_str()) {
            arguments.extend(["--header".to_owned(), format!("{name}: {value}")]);
        }
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answered = curl(&arguments, &request.body);
    let mut answer = Answer::new(answered.status);
    for (name, value) in &answered.headers {
        if name != "content-length" && name != "connection" && name != "transfer-encoding" {
            // As a registry that was asked by the name of the one between.
            answer = answer.header(name, &value.replace(&format!("http://{host}/"), "/"));
        }
    }
    answer.body(answered.body)
}

/// How often a blob was read from there.
pub(super) fn blobs_read(upstream: &Upstream) -> usize {
    upstream.requests().iter().filter(|request| request.gets_blob(None)).count()
}

/// An image in parts.
pub(super) struct Parts {
    /// Config and layers.
    pub(super) blobs: Vec<Vec<u8>>,
    pub(super) manifest: Vec<u8>,
}

impl Parts {
    pub(super) fn of(image: &Image) -> Self {
        let mut members = Members::default();
        let descriptor = manifest(&mut members, image, Compression::Gzip);
        let blob = |descriptor: &Value| {
            let hex = descriptor["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
            members.get(&format!("blobs/sha256/{hex}")).expect("a blob").to_vec()
        };
        let manifest = blob(&descriptor);
        let named: Value = serde_json::from_slice(&manifest).expect("JSON");
        let layers = named["layers"].as_array().expect("layers");
        let blobs = std::iter::once(&named["config"]).chain(layers).map(blob).collect();
        Self { blobs, manifest }
    }

    /// The last layer, in which the key is.
    pub(super) fn last(&self) -> &[u8] {
        self.blobs.last().expect("a layer")
    }

    /// Uploads all blobs, or all but the last.
    pub(super) fn upload(&self, host: &str, repository: &str, all: bool) {
        let count = self.blobs.len() - usize::from(!all);
        self.blobs.iter().take(count).for_each(|blob| upload(host, repository, blob));
    }
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Digest::sha256_of(bytes).to_string()
}

/// Uploads a blob in one piece.
pub(super) fn upload(host: &str, repository: &str, blob: &[u8]) {
    upload_with(host, repository, &[], blob);
}

/// The same with these headers.
pub(super) fn upload_with(host: &str, repository: &str, headers: &[&str], blob: &[u8]) {
    let begun = send_with("POST", host, &format!("/v2/{repository}/blobs/uploads/"), headers, b"");
    assert_eq!(begun.status, 202, "{}", begun.text());
    let location = begun.headers["location"].replace(&format!("http://{host}"), "");
    let and = if location.contains('?') { '&' } else { '?' };
    let headers = [headers, &["Content-Type: application/octet-stream"]].concat();
    let answered = send_with("PUT", host, &format!("{location}{and}digest={}", digest(blob)), &headers, blob);
    assert_eq!(answered.status, 201, "{}", answered.text());
}

/// A request with a body of bytes.
pub(super) fn send(method: &str, host: &str, target: &str, body: &[u8]) -> Answered {
    send_with(method, host, target, &["Content-Type: application/octet-stream"], body)
}

pub(super) fn send_with(method: &str, host: &str, target: &str, headers: &[&str], body: &[u8]) -> Answered {
    let url = format!("http://{host}{target}");
    let mut arguments = vec!["--path-as-is", "--request", method, "--data-binary", "@-", &url];
    for header in headers {
        arguments.extend(["--header", header]);
    }
    curl(&arguments, body)
}

pub(super) fn put_manifest(host: &str, repository: &str, reference: &str, bytes: &[u8]) -> Answered {
    put_as(host, repository, reference, OCI_MANIFEST, bytes)
}

pub(super) fn put_as(host: &str, repository: &str, reference: &str, kind: &str, bytes: &[u8]) -> Answered {
    let target = format!("/v2/{repository}/manifests/{reference}");
    send_with("PUT", host, &target, &[&format!("Content-Type: {kind}")], bytes)
}

pub(super) fn get_manifest(host: &str, repository: &str, reference: &str) -> Answered {
    let url = format!("http://{host}/v2/{repository}/manifests/{reference}");
    let kinds = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                 application/vnd.docker.distribution.manifest.v2+json";
    curl(&["--header", kinds, &url], b"")
}

/// Checks that it was refused for a key, in the form that clients print, and without the key.
#[track_caller]
pub(super) fn assert_refused(answered: &Answered, number: u64) {
    assert_eq!(answered.status, 403, "{}", answered.text());
    assert!(!answered.text().contains(&key(number)));
    let error = &answered.json()["errors"][0];
    assert_eq!(error["code"], "DENIED");
    assert_refusal(error["message"].as_str().expect("a message"));
}

/// Checks a line that tells of a key in `app/.env`.
#[track_caller]
pub(super) fn assert_refusal(said: &str) {
    for words in
        ["keyseam: ", "holds a leaked key", "app/.env:1", "COPY . /app", "keyseam explain github-pat"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// An image as an OCI layout in a folder, as skopeo names it.
pub(super) fn layout(image: &Image) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    oci(&[image], Compression::Gzip).write_to(folder.path());
    let name = format!("oci:{}:{}", folder.path().display(), image.names[0]);
    (folder, name)
}
