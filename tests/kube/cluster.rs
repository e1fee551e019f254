//! etcd and kube-apiserver at loopback, started by the test that needs them and ended with it.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::http::certificates::{Authority, LOCAL, openssl};

/// How long the API server may take to be as it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lets in who does anything; it listens at loopback.
const TOKEN: &str = "a-token-of-a-test-0123456789";

/// What kubectl said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) text: String,
}

/// A cluster without nodes.
pub(crate) struct Cluster {
    running: Vec<Child>,
    authority: Authority,
    programs: PathBuf,
    server: String,
    folder: TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let programs = std::env::var_os("KEYSEAM_KUBE").expect("KEYSEAM_KUBE; tests/kube/run sets it");
        let authority = Authority::new();
        let port = free_port();
        let mut cluster = Self {
            running: Vec::new(),
            authority,
            programs: programs.into(),
            server: format!("https://127.0.0.1:{port}"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        cluster.launch_both(port);
        cluster.until("there is a namespace", |cluster| {
            cluster.kubectl(&["get", "namespace", "default"], None).succeeded
        });
        cluster
    }

    fn launch_both(&mut self, port: u16) {
        openssl(self.folder.path(), &["genrsa", "-out", "accounts.key", "2048"]);
        std::fs::write(
            self.folder.path().join("tokens.csv"),
            format!("{TOKEN},admin,admin,system:masters\n"),
        )
        .expect("written");
        let [clients, peers] = [(); 2].map(|()| format!("http://127.0.0.1:{}", free_port()));
        self.launch(
            "etcd",
            &[
                "--name=test",
                "--data-dir=etcd",
                &format!("--listen-client-urls={clients}"),
                &format!("--advertise-client-urls={clients}"),
                &format!("--listen-peer-urls={peers}"),
                &format!("--initial-advertise-peer-urls={peers}"),
                &format!("--initial-cluster=test={peers}"),
            ],
        );
        let identity = self.authority.server(LOCAL);
        self.launch(
            "kube-apiserver",
            &[
                &format!("--etcd-servers={clients}"),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                &format!("--secure-port={port}"),
                "--insecure-port=0",
                "--cert-dir=certs",
                &format!("--tls-cert-file={}", identity.cert.display()),
                &format!("--tls-private-key-file={}", identity.key.display()),
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=accounts.key",
                "--service-account-signing-key-file=accounts.key",
                "--token-auth-file=tokens.csv",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
                "--feature-gates=EphemeralContainers=true",
            ],
        );
    }

    fn launch(&mut self, name: &str, arguments: &[&str]) {
        let log = std::fs::File::create(self.log(name)).expect("a file");
        let child = clean(&self.programs.join(name), self.folder.path())
            .args(arguments)
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("it runs; tests/kube/run builds it");
        self.running.push(child);
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            let log = || std::fs::read_to_string(self.log("kube-apiserver")).unwrap_or_default();
            assert!(Instant::now() < end, "waited in vain until {what}:\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// `kubectl ARGUMENTS`.
    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: Option<&Value>) -> Said {
        let mut child = clean(&self.programs.join("kubectl"), self.folder.path())
            .arg(format!("--server={}", self.server))
            .arg(format!("--token={TOKEN}"))
            .arg(format!("--certificate-authority={}", self.authority.ca_file().display()))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut pipe = child.stdin.take().expect("a pipe");
        if let Some(object) = stdin {
            let _ = pipe.write_all(object.to_string().as_bytes());
        }
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        let text = [output.stdout, output.stderr].concat();
        Said { succeeded: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// `kubectl apply -f - ARGUMENTS`.
    pub(crate) fn apply(&self, object: &Value, arguments: &[&str]) -> Said {
        self.kubectl(&[&["apply", "-f", "-"][..], arguments].concat(), Some(object))
    }

    /// Argo's kind of a deployment.
    pub(crate) fn define_rollouts(&self) {
        let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let version = json!({ "name": "v1alpha1", "served": true, "storage": true,
            "schema": { "openAPIV3Schema": schema } });
        let names = json!({ "kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout" });
        let said = self.apply(
            &json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": { "name": "rollouts.argoproj.io" }, "spec": { "group": "argoproj.io",
                "scope": "Namespaced", "names": names, "versions": [version] } }),
            &[],
        );
        assert!(said.succeeded, "{said:?}");
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "crd/rollouts.argoproj.io"];
        assert!(self.kubectl(&wait, None).succeeded);
    }

    /// Has the API server ask a webhook, and waits until it asks about `probe` (which it says something of).
    pub(crate) fn register(
        &self,
        address: &str,
        authority: &Authority,
        failure: &str,
        seconds: u32,
        probe: &Value,
    ) {
        let ca = STANDARD.encode(std::fs::read(authority.ca_file()).expect("a certificate"));
        let rule = |group: &str, version: &str, resources: &[&str]| {
            json!({ "operations": ["CREATE", "UPDATE"], "apiGroups": [group], "apiVersions": [version],
                "resources": resources })
        };
        // Its own name each time tells which of them is in force.
        let name = format!("s{seconds}-{}.keyseam.example", failure.to_lowercase());
        let rules = [
            rule("", "v1", &["pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates"]),
            rule("apps", "v1", &["deployments", "statefulsets", "daemonsets", "replicasets"]),
            rule("batch", "*", &["jobs", "cronjobs"]),
            rule("argoproj.io", "v1alpha1", &["rollouts"]),
        ];
        let webhook = json!({ "name": name, "rules": rules, "matchPolicy": "Equivalent",
            "sideEffects": "NoneOnDryRun", "timeoutSeconds": seconds, "failurePolicy": failure,
            "admissionReviewVersions": ["v1"],
            "clientConfig": { "url": format!("https://{address}/admission"), "caBundle": ca } });
        let configuration = json!({ "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "keyseam" }, "webhooks": [webhook] });
        let said = self.apply(&configuration, &[]);
        assert!(said.succeeded, "{said:?}");
        self.until("the webhook is asked", |cluster| {
            let said = cluster.apply(probe, &["--dry-run=server"]);
            said.text.contains("keyseam: ") && (said.succeeded || said.text.contains(&name))
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Neither the machine's settings nor its proxies reach the programs.
fn clean(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
