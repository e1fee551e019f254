//! A registry as the distribution specification has it, that misbehaves where a test says so.
//!
//! ```text
//! let registry = Registry::new().image("app", "1", &image, Form::Oci(Compression::Gzip)).start();
//! let registry = Registry::new().layout("app", &members)
//!     .tamper(|request, usual| if request.nth == 0 { Answer::new(503) } else { usual })
//!     .start();
//! ```
//!
//! A tamperer gets each request with the answer that it would have, and gives the answer to send.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::Arc;

use keyseam::image::digest::Digest;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::token::{Tokens, basic};
use super::{Answer, Request, Server};
use crate::support::image::{self, Compression, Image, Member, Members};

/// The media type of Docker's list of manifests.
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// In which form an image is served.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// An OCI manifest, its layers compressed so.
    Oci(Compression),
    /// Docker's manifest, schema 2.
    Docker,
}

/// Who may read.
#[derive(Clone)]
pub(crate) enum Access {
    /// Anyone.
    Open,
    /// Who knows a name and a password.
    Basic(String, String),
    /// Who has a token.
    Bearer(Arc<Tokens>),
}

/// How the referrers API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Referrers {
    /// As it should.
    Api,
    /// With an error.
    Status(u16),
}

type Tamper = Box<dyn Fn(&Request, Answer) -> Answer + Send + Sync>;

/// What a registry holds, and how it answers.
pub(crate) struct Registry {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Digests by repository and tag.
    tags: BTreeMap<(String, String), String>,
    access: Access,
    challenge: Option<String>,
    open_ping: bool,
    referrers: Referrers,
    page: usize,
    tamper: Tamper,
    tls: Option<Arc<ServerConfig>>,
    scheme: &'static str,
}

/// A registry that serves.
pub(crate) struct Serving {
    server: Server,
    access: Access,
}

impl Deref for Serving {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Serving {
    /// `docker://HOST/NAME`.
    pub(crate) fn target(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.server.host())
    }

    /// What it may be told and nobody else, and nobody may read.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match &self.access {
            Access::Open => Vec::new(),
            Access::Basic(username, password) => vec![password.clone(), basic(username, password)],
            Access::Bearer(tokens) => tokens.secrets(),
        }
    }
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            manifests: BTreeMap::new(),
            blobs: BTreeMap::new(),
            tags: BTreeMap::new(),
            access: Access::Open,
            challenge: None,
            open_ping: false,
            referrers: Referrers::Api,
            page: usize::MAX,
            tamper: Box::new(|_, usual| usual),
            tls: None,
            scheme: "http",
        }
    }

    /// Adds an image under a name.
    pub(crate) fn image(self, repository: &str, tag: &str, image: &Image, form: Form) -> Self {
        let mut members = Members::default();
        let descriptor = match form {
            Form::Oci(compression) => image::manifest(&mut members, image, compression),
            Form::Docker => docker_manifest(&mut members, image),
        };
        let digest = text(&descriptor["digest"]);
        self.blobs_of(&members).tag(repository, tag, &digest)
    }

    /// Adds all that an OCI layout holds; what it names gets the tag that its name ends in.
    pub(crate) fn layout(mut self, repository: &str, members: &Members) -> Self {
        let index = members.json("index.json");
        self = self.blobs_of(members);
        for entry in index["manifests"].as_array().into_iter().flatten() {
            let name = text(&entry["annotations"][image::REF_NAME]);
            let tag = name.rsplit_once(':').map_or(name.as_str(), |(_, tag)| tag).to_owned();
            self = self.tag(repository, &tag, &text(&entry["digest"]));
        }
        self
    }

    /// Adds all blobs of members. One that is a JSON document with a schema version is a manifest.
    pub(crate) fn blobs_of(mut self, members: &Members) -> Self {
        for (name, member) in &members.list {
            let Some(hex) = name.strip_prefix("blobs/sha256/") else { continue };
            let Member::File(bytes) = member else { continue };
            self.blobs.insert(format!("sha256:{hex}"), bytes.clone());
            if let Some(media_type) = manifest_media_type(bytes) {
                self.manifests.insert(format!("sha256:{hex}"), (media_type, bytes.clone()));
            }
        }
        self
    }

    /// The digest behind a tag.
    pub(crate) fn digest_of(&self, repository: &str, tag: &str) -> String {
        let digest = self.tags.get(&(repository.to_owned(), tag.to_owned()));
        digest.expect("a tag that was added").clone()
    }

    /// Bytes of a manifest.
    pub(crate) fn manifest_size(&self, digest: &str) -> usize {
        self.manifests.get(digest).map_or(0, |(_, bytes)| bytes.len())
    }

    /// Names a manifest that is there.
    pub(crate) fn tag(mut self, repository: &str, tag: &str, digest: &str) -> Self {
        self.tags.insert((repository.to_owned(), tag.to_owned()), digest.to_owned());
        self
    }

    /// Adds any document as a manifest.
    pub(crate) fn manifest(self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> Self {
        let digest = Digest::sha256_of(bytes).to_string();
        let mut this = self.tag(repository, tag, &digest);
        this.manifests.insert(digest, (media_type.to_owned(), bytes.to_vec()));
        this
    }

    /// Adds a blob.
    pub(crate) fn blob(mut self, bytes: &[u8]) -> Self {
        self.blobs.insert(Digest::sha256_of(bytes).to_string(), bytes.to_vec());
        self
    }

    /// Serves only to whom it knows.
    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// What `WWW-Authenticate` says, `{host}` being this registry's and `{repository}` the one asked for.
    pub(crate) fn challenge(mut self, text: &str) -> Self {
        self.challenge = Some(text.to_owned());
        self
    }

    /// `/v2/` alone is open to anyone.
    pub(crate) fn open_ping(mut self) -> Self {
        self.open_ping = true;
        self
    }

    pub(crate) fn referrers(mut self, referrers: Referrers) -> Self {
        self.referrers = referrers;
        self
    }

    /// So many tags in one answer.
    pub(crate) fn page(mut self, tags: usize) -> Self {
        self.page = tags;
        self
    }

    /// Changes answers.
    pub(crate) fn tamper(
        mut self,
        tamper: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.tamper = Box::new(tamper);
        self
    }

    pub(crate) fn tls(mut self, tls: Arc<ServerConfig>) -> Self {
        self.tls = Some(tls);
        self.scheme = "https";
        self
    }

    pub(crate) fn start(self) -> Serving {
        self.start_at(Ipv4Addr::LOCALHOST.into())
    }

    pub(crate) fn start_at(mut self, address: IpAddr) -> Serving {
        let (access, tls) = (self.access.clone(), self.tls.take());
        let server =
            Server::start_at(address, tls, move |request| (self.tamper)(request, self.usual(request)));
        Serving { server, access }
    }

    /// The right answer.
    fn usual(&self, request: &Request) -> Answer {
        if let (Access::Bearer(tokens), "/token") = (&self.access, request.path()) {
            return tokens.answer(request);
        }
        let is_open = self.open_ping && request.path() == "/v2/";
        if !is_open && !self.admits(request) {
            let refused = Answer::error(401, "UNAUTHORIZED", "authentication required");
            return refused.header("WWW-Authenticate", &self.challenge_for(request));
        }
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            return Answer::error(405, "UNSUPPORTED", "the operation is unsupported");
        }
        match request.registry_path() {
            Some((repository, "manifests", reference)) => self.get_manifest(repository, reference),
            Some((_, "blobs", digest)) => match self.blobs.get(digest) {
                Some(bytes) => blob(request, digest, bytes),
                None => Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            },
            Some((repository, "tags", "list")) => self.list_tags(repository, request),
            Some((_, "referrers", digest)) => self.list_referrers(digest),
            _ if request.path() == "/v2/" => Answer::json(200, &json!({})),
            _ => Answer::error(404, "UNSUPPORTED", "there is no such thing"),
        }
    }

    fn admits(&self, request: &Request) -> bool {
        match &self.access {
            Access::Open => true,
            Access::Basic(username, password) => {
                request.header("authorization") == Some(&format!("Basic {}", basic(username, password)))
            }
            Access::Bearer(tokens) => tokens.admits(request),
        }
    }

    fn challenge_for(&self, request: &Request) -> String {
        let scheme = self.scheme;
        let repository = request.registry_path().map_or("none", |(repository, ..)| repository);
        let usual = match &self.access {
            Access::Basic(..) => "Basic realm=\"registry\"".to_owned(),
            _ => format!(
                "Bearer realm=\"{scheme}://{{host}}/token\",service=\"registry of a test\",\
                 scope=\"repository:{{repository}}:pull\""
            ),
        };
        let text = self.challenge.as_ref().unwrap_or(&usual);
        text.replace("{host}", request.host()).replace("{repository}", repository)
    }

    fn get_manifest(&self, repository: &str, reference: &str) -> Answer {
        let named = self.tags.get(&(repository.to_owned(), reference.to_owned()));
        let digest = named.map_or(reference, String::as_str);
        match self.manifests.get(digest) {
            Some((media_type, bytes)) => Answer::new(200)
                .header("Content-Type", media_type)
                .header("Docker-Content-Digest", digest)
                .body(bytes.clone()),
            None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn list_tags(&self, repository: &str, request: &Request) -> Answer {
        let tags: Vec<&String> =
            self.tags.keys().filter(|(other, _)| other == repository).map(|(_, tag)| tag).collect();
        if tags.is_empty() {
            return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
        }
        let last = request.query("last");
        let rest = tags.iter().filter(|tag| last.as_ref().is_none_or(|last| **tag > last));
        let rest: Vec<&&String> = rest.collect();
        let asked = request.query("n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        let page = &rest[..rest.len().min(self.page.min(asked))];
        let answer = Answer::json(200, &json!({ "name": repository, "tags": page }));
        match page.last() {
            Some(last) if page.len() < rest.len() => {
                let next = format!("</v2/{repository}/tags/list?n={}&last={last}>; rel=\"next\"", page.len());
                answer.header("Link", &next)
            }
            _ => answer,
        }
    }

    fn list_referrers(&self, digest: &str) -> Answer {
        if let Referrers::Status(status) = self.referrers {
            return Answer::error(status, "UNSUPPORTED", "no referrers here");
        }
        let mut referrers = Vec::new();
        for (own, (media_type, bytes)) in &self.manifests {
            let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
            if manifest["subject"]["digest"] == digest {
                let kind = manifest.get("artifactType").unwrap_or(&manifest["config"]["mediaType"]);
                referrers.push(json!({ "mediaType": media_type, "digest": own, "size": bytes.len(),
                    "artifactType": kind, "annotations": manifest["annotations"] }));
            }
        }
        let index = json!({ "schemaVersion": 2, "mediaType": image::OCI_INDEX, "manifests": referrers });
        Answer::json(200, &index).with("Content-Type", Some(image::OCI_INDEX))
    }
}

/// A blob, or the rest of it that was asked for.
fn blob(request: &Request, digest: &str, bytes: &[u8]) -> Answer {
    let tag = format!("\"{digest}\"");
    let answer = Answer::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Docker-Content-Digest", digest)
        .header("Accept-Ranges", "bytes")
        .header("ETag", &tag);
    let same = request.header("if-range").is_none_or(|asked| asked == tag);
    let from = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    match from.and_then(|from| from.parse::<usize>().ok()).filter(|_| same) {
        Some(from) if from < bytes.len() => partial(answer, from, bytes),
        Some(_) => {
            let unsatisfied = format!("bytes */{}", bytes.len());
            Answer::new(416).header("Content-Range", &unsatisfied)
        }
        None => answer.body(bytes),
    }
}

/// The rest of a body behind `from`, as 206.
pub(crate) fn partial(whole: Answer, from: usize, bytes: &[u8]) -> Answer {
    let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
    let mut part = whole.header("Content-Range", &range).body(&bytes[from..]);
    part.status = 206;
    part
}

/// Writes the blobs of an image, and returns the descriptor of its manifest of Docker's schema 2.
pub(crate) fn docker_manifest(members: &mut Members, image: &Image) -> Value {
    let layers: Vec<Value> =
        image.layers.iter().map(|tar| members.blob(DOCKER_LAYER, &Compression::Gzip.apply(tar))).collect();
    let config = members.blob(image::DOCKER_CONFIG, &image.config);
    let manifest = json!({ "schemaVersion": 2, "mediaType": image::DOCKER_MANIFEST, "config": config,
        "layers": layers });
    members.blob(image::DOCKER_MANIFEST, manifest.to_string().as_bytes())
}

fn manifest_media_type(bytes: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    document.get("schemaVersion")?;
    let by_shape = match document.get("manifests") {
        Some(_) => image::OCI_INDEX,
        None => image::OCI_MANIFEST,
    };
    Some(document["mediaType"].as_str().unwrap_or(by_shape).to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
