//! The servers that hold a key, each on loopback at a port that was free, stopped by the test that started it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyseam::advice::keep_out::{Language, Store};
use serde_json::Value;
use tempfile::TempDir;

use super::workshop::{KEYS, Piece, Said, installed, repository, workshop};
use crate::support::engine::{end, free_port};

/// Who asks a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// May do everything.
    Admin,
    /// Whom the script lets read the key.
    Reader,
    /// May log in, and has been granted nothing.
    Other,
    /// Says nothing of itself.
    Nobody,
    /// The administrator, asking where no server is.
    Elsewhere,
}

/// A server that holds keys.
pub(crate) trait Holder {
    /// What it stands for.
    fn store(&self) -> Store;
    /// What a process needs in its environment to ask as somebody.
    fn environment(&self, who: Who, language: Language) -> Vec<(String, String)>;
    /// Its passwords and tokens.
    fn secrets(&self) -> Vec<String>;
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A server in Python, which says in a line of JSON what it is, and ends with its standard input.
struct Script {
    process: Child,
    said: Value,
}

impl Script {
    fn start(name: &str, arguments: &[&Path]) -> Self {
        let mut command = Command::new(installed("bin/python"));
        command.arg(repository("tests/keep_out/servers").join(name)).args(arguments);
        command.env_clear().env("PATH", std::env::var("PATH").expect("PATH"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", env!("CARGO_TARGET_TMPDIR"));
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python is there");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let said =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name} said {line:?}: {error}"));
        Self { process, said }
    }

    #[track_caller]
    fn text(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A port where nothing listens.
fn nowhere(scheme: &str) -> String {
    format!("{scheme}://127.0.0.1:{}", free_port())
}

/// moto's server of AWS Secrets Manager and IAM.
pub(crate) struct Aws(Script);

impl Aws {
    pub(crate) fn start() -> Self {
        Self(Script::start("aws.py", &[]))
    }

    pub(crate) fn cli(&self, arguments: &[&str], who: Who) -> Said {
        Piece::new(installed("bin/aws")).args(arguments).envs(self.environment(who, Language::Shell)).run()
    }
}

impl Holder for Aws {
    fn store(&self) -> Store {
        Store::Aws
    }

    fn environment(&self, who: Who, language: Language) -> Vec<(String, String)> {
        let region = self.0.text("/region");
        let mut environment = owned(&[
            ("AWS_REGION", region),
            // The last stop of every SDK's search for credentials is an address of Amazon's.
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_MAX_ATTEMPTS", "1"),
            ("READER_ROLE", "app"),
        ]);
        // Of the command line only version 2 reads AWS_REGION, which is in no registry of packages.
        if language == Language::Shell {
            environment.extend(owned(&[("AWS_DEFAULT_REGION", region)]));
        }
        let endpoint =
            if who == Who::Elsewhere { nowhere("http") } else { self.0.text("/endpoint").to_owned() };
        let proxy = if who == Who::Elsewhere { nowhere("http") } else { self.0.text("/proxy").to_owned() };
        // Debian's SDK of Go is older than AWS_ENDPOINT_URL: it asks Amazon's own address, by the proxy.
        environment.extend(match language {
            Language::Go => owned(&[("HTTPS_PROXY", &proxy), ("AWS_CA_BUNDLE", self.0.text("/ca"))]),
            _ => owned(&[("AWS_ENDPOINT_URL", &endpoint)]),
        });
        let role = match who {
            Who::Admin | Who::Elsewhere => "admin",
            Who::Reader => "app",
            Who::Other => "other",
            Who::Nobody => return environment,
        };
        let credential = |number: usize| self.0.text(&format!("/roles/{role}/{number}")).to_owned();
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        environment
            .extend(names.iter().enumerate().map(|(number, &name)| (name.to_owned(), credential(number))));
        environment
    }

    fn secrets(&self) -> Vec<String> {
        ["admin", "app", "other"].map(|role| self.0.text(&format!("/roles/{role}/1")).to_owned()).into()
    }
}

/// OpenBao's server, whose API is Vault's, with TLS and everything in memory.
pub(crate) struct Vault {
    process: Child,
    folder: TempDir,
    address: String,
    tokens: Vec<(Who, String)>,
}

impl Vault {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = format!("127.0.0.1:{}", free_port());
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(installed("bin/vault"));
        command.args(["server", "-dev", "-dev-tls", "-dev-no-store-token", "-dev-root-token-id=the-root"]);
        command.arg(format!("-dev-tls-cert-dir={}", folder.path().display()));
        command.arg(format!("-dev-listen-address={listen}")).env_clear().env("HOME", folder.path());
        let output = log.try_clone().expect("a file");
        let process =
            command.stdin(Stdio::null()).stdout(output).stderr(log).spawn().expect("OpenBao is there");
        let tokens = vec![(Who::Admin, "the-root".to_owned()), (Who::Elsewhere, "the-root".to_owned())];
        let mut vault = Self { process, folder, address: format!("https://{listen}"), tokens };
        let deadline = Instant::now() + Duration::from_secs(60);
        while vault.cli(&["kv", "list", "-mount=secret"]).err.contains("connect")
            || !vault.authority().exists()
        {
            let log = fs::read_to_string(vault.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "OpenBao does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        trust(Store::Vault, &vault.authority());
        // A token may name policies that are written later.
        let policies: Vec<String> = KEYS.iter().map(|key| format!("-policy=read-{}", key.slug)).collect();
        let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
        for (who, policies) in [(Who::Reader, &policies[..]), (Who::Other, &["-policy=default"])] {
            let said = vault.cli(&[&["token", "create", "-field=token"], policies].concat());
            assert_eq!(said.status, 0, "{}", said.err);
            vault.tokens.push((who, said.out.trim().to_owned()));
        }
        vault
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its command line, as an administrator.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Said {
        let environment = self.environment(Who::Admin, Language::Shell);
        Piece::new(installed("bin/vault")).args(arguments).envs(environment).run()
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("vault-ca.pem")
    }

    /// The reader's environment, without the authority that vouches for the server.
    pub(crate) fn distrusting(&self, language: Language) -> Vec<(String, String)> {
        without_authorities(Store::Vault, language, self.environment(Who::Reader, language))
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        end(&mut self.process, self.folder.path());
    }
}

/// The variables with which a process trusts an authority, by language.
fn trusting(language: Language, own: &'static str) -> &'static str {
    match language {
        Language::Go => "SSL_CERT_FILE",
        Language::JavaScript if own == "VAULT_CACERT" => "NODE_EXTRA_CA_CERTS",
        _ => own,
    }
}

fn without_authorities(
    store: Store,
    language: Language,
    mut environment: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let authorities = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "VAULT_CACERT", "CONJUR_SSL_CERTIFICATE"];
    environment.retain(|(name, _)| !authorities.contains(&name.as_str()));
    // Java has it as an argument.
    if language == Language::Java {
        let _ = fs::remove_file(workshop().trust_store(store));
    }
    environment
}

/// Makes a store of Java's with an authority in it.
fn trust(store: Store, authority: &Path) {
    let keystore = workshop().trust_store(store);
    let _ = fs::remove_file(&keystore);
    let (file, keystore) = (authority.display().to_string(), keystore.display().to_string());
    let arguments = ["-importcert", "-noprompt", "-alias", "ca", "-storepass", "changeit"];
    let said = Piece::new("keytool").args(arguments).args(["-file", &file, "-keystore", &keystore]).run();
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
}

impl Holder for Vault {
    fn store(&self) -> Store {
        Store::Vault
    }

    fn environment(&self, who: Who, language: Language) -> Vec<(String, String)> {
        let token = self.tokens.iter().find(|(whose, _)| *whose == who);
        let Some((_, token)) = token else { return Vec::new() };
        let address = if who == Who::Elsewhere { nowhere("https") } else { self.address.clone() };
        let authority = self.authority().display().to_string();
        owned(&[
            ("VAULT_ADDR", &address),
            ("VAULT_TOKEN", token),
            (trusting(language, "VAULT_CACERT"), &authority),
        ])
    }

    fn secrets(&self) -> Vec<String> {
        self.tokens.iter().map(|(_, token)| token.clone()).collect()
    }
}

/// The stand-in for Conjur's server, with a certificate that it signed itself.
pub(crate) struct Conjur {
    script: Script,
    folder: TempDir,
}

impl Conjur {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        let made = Piece::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-out".as_ref(), certificate.as_os_str(), "-keyout".as_ref(), key.as_os_str()])
            .run();
        assert_eq!(made.status, 0, "{}", made.err);
        trust(Store::Conjur, &certificate);
        Self { script: Script::start("conjur.py", &[&certificate, &key]), folder }
    }

    /// The reader's environment, without the certificate.
    pub(crate) fn distrusting(&self, language: Language) -> Vec<(String, String)> {
        without_authorities(Store::Conjur, language, self.environment(Who::Reader, language))
    }
}

impl Holder for Conjur {
    fn store(&self) -> Store {
        Store::Conjur
    }

    fn environment(&self, who: Who, language: Language) -> Vec<(String, String)> {
        let login = match who {
            Who::Admin | Who::Elsewhere => "admin",
            Who::Reader => "host/app",
            Who::Other => "host/other",
            Who::Nobody => return Vec::new(),
        };
        let url = if who == Who::Elsewhere { nowhere("https") } else { self.script.text("/url").to_owned() };
        let certificate = self.folder.path().join("certificate.pem");
        let mut environment = owned(&[
            ("CONJUR_APPLIANCE_URL", &url),
            ("CONJUR_ACCOUNT", self.script.text("/account")),
            ("CONJUR_AUTHN_LOGIN", login),
            ("CONJUR_AUTHN_API_KEY", self.script.text(&format!("/logins/{}", login.replace('/', "~1")))),
            ("READER_HOST", "app"),
        ]);
        // As text for the reader, where a language reads it as text, as a file for the others.
        let text = !matches!(language, Language::Go | Language::Java) && who == Who::Reader;
        environment.push(match text {
            true => (
                "CONJUR_SSL_CERTIFICATE".to_owned(),
                fs::read_to_string(&certificate).expect("a certificate"),
            ),
            false => (trusting(language, "CONJUR_CERT_FILE").to_owned(), certificate.display().to_string()),
        });
        environment
    }

    fn secrets(&self) -> Vec<String> {
        let logins = self.script.said["logins"].as_object().expect("logins");
        logins.values().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
