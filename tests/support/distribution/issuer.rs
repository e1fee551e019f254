//! A token service for a real registry: JSON web tokens, signed by `openssl` with a key whose certificate
//! the registry trusts (distribution's "token authentication specification").

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::http::certificates::openssl;
use crate::support::http::token::{basic, secret};
use crate::support::http::{Answer, Request, Server};

const NAME: &str = "issuer of a test";
const SERVICE: &str = "registry of a test";

/// A running token service with one user.
pub(crate) struct Issuer {
    server: Server,
    folder: Arc<TempDir>,
    username: String,
    password: String,
    given: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let line = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=issuer"];
        openssl(folder.path(), &[&line[..], &["-keyout", "issuer.key", "-out", "issuer.pem"]].concat());
        let (username, password) = ("robot".to_owned(), secret("password"));
        let given = Arc::new(Mutex::new(Vec::new()));
        let known = format!("Basic {}", basic(&username, &password));
        let (files, log) = (Arc::clone(&folder), Arc::clone(&given));
        let server = Server::start(move |request| {
            if request.header("authorization") != Some(&known) {
                return Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
            }
            let token = token(files.path(), request);
            log.lock().unwrap_or_else(PoisonError::into_inner).push(token.clone());
            Answer::json(200, &json!({ "token": token, "expires_in": 300 }))
        });
        Self { server, folder, username, password, given }
    }

    /// What a registry's `auth.token` says.
    pub(crate) fn settings(&self) -> Value {
        let bundle = self.folder.path().join("issuer.pem");
        json!({ "realm": self.server.url("/token"), "service": SERVICE, "issuer": NAME,
            "rootcertbundle": bundle })
    }

    /// The server itself, with what it was asked.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// What must never be seen.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![self.password.clone(), basic(&self.username, &self.password)];
        secrets.extend(self.given.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        secrets
    }
}

/// A token for every scope that was asked for, as it was asked for.
fn token(folder: &Path, request: &Request) -> String {
    let access: Vec<Value> = request
        .queries("scope")
        .iter()
        .filter_map(|scope| {
            let (kind, rest) = scope.split_once(':')?;
            let (name, actions) = rest.rsplit_once(':')?;
            let actions: Vec<&str> = actions.split(',').collect();
            Some(json!({ "type": kind, "name": name, "actions": actions }))
        })
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let claims = json!({ "iss": NAME, "sub": "robot", "aud": SERVICE, "exp": now + 300, "nbf": now - 10,
        "iat": now, "jti": secret("id"), "access": access });
    let pem = std::fs::read_to_string(folder.join("issuer.pem")).expect("a certificate");
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(STANDARD.decode(&der).is_ok(), "no certificate");
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [der] });
    let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = URL_SAFE_NO_PAD.encode(sign(folder, text.as_bytes()));
    format!("{text}.{signature}")
}

fn sign(folder: &Path, text: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", "issuer.key", "-binary"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    child.stdin.take().expect("a pipe").write_all(text).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "openssl dgst failed");
    output.stdout
}
