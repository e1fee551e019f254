//! Real registries: Debian's `docker-registry`, started and stopped by the test that needs it.
//!
//! ```text
//! let store = Store::new();                                what one registry keeps, and others serve too
//! store.push(&members, "app:1", "app:1", &[]);             by skopeo, through a registry of its own
//! let registry = Distribution::start(&store, &Mode::Plain);
//! registry.target("app:1")                                 docker://127.0.0.1:PORT/app:1
//! ```

pub(crate) mod issuer;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::certificates::Identity;
use super::image::Members;

/// How long a registry may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// Where registries keep what they serve.
pub(crate) struct Store {
    folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Copies an image of an OCI layout (`FROM` is its name there) into it, by skopeo.
    pub(crate) fn push(&self, layout: &Members, from: &str, to: &str, more: &[&str]) {
        let registry = Distribution::start(self, &Mode::Plain);
        let folder = tempfile::tempdir().expect("a temporary folder");
        layout.write_to(folder.path());
        let from = format!("oci:{}:{from}", folder.path().display());
        let line = ["copy", "--insecure-policy", "--dest-tls-verify=false", &from, &registry.target(to)];
        skopeo(&[&line[..], more].concat());
    }
}

impl Store {
    /// Removes what no manifest names, as the registry's owner does.
    pub(crate) fn collect_garbage(&self) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.json");
        std::fs::write(&config, configuration(self, &Mode::Plain, folder.path()).to_string())
            .expect("a file");
        let output = Command::new("docker-registry")
            .args(["garbage-collect", "--delete-untagged"])
            .arg(&config)
            .output()
            .expect("docker-registry runs; tests/run installs it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// How a registry is reached.
pub(crate) enum Mode<'a> {
    /// Over http, by anyone.
    Plain,
    /// Over TLS, by anyone.
    Tls(&'a Identity),
    /// Over TLS, by whoever has a certificate of this authority.
    ClientCertificate(&'a Identity, &'a Path),
    /// Over http, by one user with a password.
    Htpasswd(&'a str, &'a str),
    /// Over http, with a token of an issuer.
    Token(&'a issuer::Issuer),
    /// Over TLS, with a token of an issuer.
    TlsToken(&'a Identity, &'a issuer::Issuer),
}

/// A running registry.
pub(crate) struct Distribution {
    child: Child,
    host: String,
    /// Its configuration and password file.
    _folder: TempDir,
}

impl Distribution {
    /// Starts one over what a store holds.
    pub(crate) fn start(store: &Store, mode: &Mode<'_>) -> Self {
        Self::start_telling(store, mode, &[])
    }

    /// The same, which tells these URLs of what happens, with a token in `Authorization`.
    pub(crate) fn start_telling(store: &Store, mode: &Mode<'_>, told: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.json");
        // JSON is YAML too.
        let mut settings = configuration(store, mode, folder.path());
        settings["notifications"] = notifications(told);
        std::fs::write(&config, settings.to_string()).expect("a file");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .env("HOME", folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry runs; tests/run installs it");
        let stderr = child.stderr.take().expect("a pipe");
        let mut this = Self { child, host: String::new(), _folder: folder };
        this.host = listens_at(stderr);
        this
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `docker://127.0.0.1:PORT/NAME`.
    pub(crate) fn target(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.host)
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what it says until it says where it listens; a thread reads on, so that it never waits for us.
fn listens_at(stderr: ChildStderr) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find([',', '"', '\\', ' ']).unwrap_or(rest.len());
                let _ = sender.send(Ok(rest[..end].to_owned()));
            }
            said.push_str(&line);
            said.push('\n');
        }
        let _ = sender.send(Err(said));
    });
    match receiver.recv_timeout(START) {
        Ok(Ok(host)) => host,
        Ok(Err(said)) => panic!("docker-registry ended:\n{said}"),
        Err(error) => panic!("docker-registry does not start: {error}"),
    }
}

fn configuration(store: &Store, mode: &Mode<'_>, folder: &Path) -> Value {
    let mut http = json!({ "addr": "127.0.0.1:0", "secret": "not used by one registry alone" });
    let mut auth = Value::Null;
    if let Mode::Tls(own) | Mode::ClientCertificate(own, _) | Mode::TlsToken(own, _) = mode {
        http["tls"] = json!({ "certificate": own.cert, "key": own.key });
    }
    match mode {
        Mode::Plain | Mode::Tls(_) => {}
        Mode::ClientCertificate(_, authority) => http["tls"]["clientcas"] = json!([authority]),
        Mode::Htpasswd(username, password) => {
            let path = folder.join("htpasswd");
            std::fs::write(&path, htpasswd(username, password)).expect("a file");
            auth = json!({ "htpasswd": { "realm": "registry of a test", "path": path } });
        }
        Mode::Token(issuer) | Mode::TlsToken(_, issuer) => auth = json!({ "token": issuer.settings() }),
    }
    let mut config = json!({ "version": "0.1", "log": { "level": "info" }, "http": http,
        "storage": { "filesystem": { "rootdirectory": store.folder.path() }, "delete": { "enabled": true } } });
    if !auth.is_null() {
        config["auth"] = auth;
    }
    config
}

fn notifications(told: &[(&str, &str)]) -> Value {
    let endpoint = |(number, (url, token)): (usize, &(&str, &str))| {
        json!({ "name": format!("told-{number}"), "url": url, "headers": { "Authorization": [token] },
            "timeout": "10s", "threshold": 3, "backoff": "1s" })
    };
    json!({ "endpoints": told.iter().enumerate().map(endpoint).collect::<Vec<_>>() })
}

/// A line of a password file; the registry knows bcrypt only.
fn htpasswd(username: &str, password: &str) -> Vec<u8> {
    let mut child = Command::new("htpasswd")
        .args(["-n", "-i", "-B", username])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("htpasswd runs; tests/run installs it");
    child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "htpasswd failed");
    output.stdout
}

/// Runs skopeo in a home of its own; it must succeed.
pub(crate) fn skopeo(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("skopeo")
        .args(arguments)
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .output()
        .expect("skopeo runs; tests/run installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {}: {said}", arguments.first().unwrap_or(&""));
    output
}
