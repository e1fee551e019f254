//! A real Docker daemon, over its socket, over TCP with TLS, and through contexts.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{assert_fails, assert_same, expected, image, key, line};
use crate::support::cli::Keyseam;
use crate::support::engine::{Docker, free_port, run, text};
use crate::support::image::{Image, ImageBuilder, Layer, docker_classic};

/// `keyseam scan docker-daemon:NAME`. Nothing of an image may touch our disk: there is no folder for
/// temporary files.
fn scan(name: &str) -> Keyseam {
    Keyseam::scan(&[format!("docker-daemon:{name}")]).env("TMPDIR", "/nowhere")
}

fn names() -> Image {
    image(&["app:1", "team/other:2"])
}

#[test]
fn an_image_of_docker_gives_what_its_archive_gives() {
    let (docker, image) = (Docker::start(), names());
    let expected = expected(&image);
    docker.load(&docker_classic(&[&image]).tar());
    let host = docker.address();
    let id = image.config_digest();
    let hex = id.trim_start_matches("sha256:");
    for (name, reference) in [
        ("app:1", "docker.io/library/app:1"),
        ("docker.io/library/app:1", "docker.io/library/app:1"),
        ("team/other:2", "docker.io/team/other:2"),
        (id.as_str(), "docker.io/library/app:1"),
        (hex, "docker.io/library/app:1"),
        (&hex[..12], "docker.io/library/app:1"),
    ] {
        let result = assert_same(&scan(name).env("DOCKER_HOST", &host).run(), &expected);
        assert_eq!((&result["source"], &result["reference"]), (&"docker-daemon".into(), &reference.into()));
        assert_eq!(result["config_digest"], id.as_str());
        assert_eq!(result["platform"], format!("{}/{}", image.os, image.architecture));
        assert_eq!(result["repo_digests"].as_array().map(Vec::len), Some(0), "it was never in a registry");
    }
    let bare = Keyseam::scan(&["app:1"]).env("DOCKER_HOST", &host).run();
    assert_eq!(assert_same(&bare, &expected)["source"], "docker-daemon");
    let missing = scan("app:2").env("DOCKER_HOST", &host).run();
    assert_fails(&missing, &format!("Docker ({host}) has no image app:2: docker images lists what it has"));
    let clean = ImageBuilder::new("clean:1").layer(Layer::new().file("a", b"b")).build();
    docker.load(&docker_classic(&[&clean]).tar());
    scan("clean:1").env("DOCKER_HOST", &host).run().assert_status(0);
    an_image_without_a_name_has_none(&docker);
}

fn an_image_without_a_name_has_none(docker: &Docker) {
    let image = ImageBuilder::new("gone:1").layer(Layer::new().file("a", &line(7))).build();
    docker.load(&docker_classic(&[&image]).tar());
    // The next image of that name takes it away.
    let next = ImageBuilder::new("gone:1").layer(Layer::new().file("b", b"")).build();
    docker.load(&docker_classic(&[&next]).tar());
    let result = scan(&image.config_digest()).env("DOCKER_HOST", docker.address()).run().result();
    assert_eq!((&result["reference"], &result["complete"]), (&serde_json::Value::Null, &true.into()));
}

#[test]
fn docker_is_reached_over_tls_and_through_contexts() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::new(folder.path());
    let port = free_port();
    let docker = Docker::start_with(&[
        format!("--host=tcp://127.0.0.1:{port}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", certificates.path("client/ca.pem")),
        format!("--tlscert={}", certificates.path("server/cert.pem")),
        format!("--tlskey={}", certificates.path("server/key.pem")),
    ]);
    let image = names();
    let expected = expected(&image);
    docker.load(&docker_classic(&[&image]).tar());
    let address = format!("tcp://127.0.0.1:{port}");
    let over_tls = |files: &str| {
        let files = certificates.path(files);
        scan("app:1").env("DOCKER_HOST", &address).env("DOCKER_CERT_PATH", files)
    };
    assert_same(&over_tls("client").env("DOCKER_TLS_VERIFY", "1").run(), &expected);
    // Checked against a CA that did not sign it, without a certificate of the client, without TLS.
    assert_fails(&over_tls("stranger").env("DOCKER_TLS_VERIFY", "1").run(), "cannot be reached: ");
    assert_fails(&over_tls("nobody").env("DOCKER_TLS_VERIFY", "1").run(), "cannot be reached: ");
    assert_fails(&over_tls("client").run(), "HTTP request to an HTTPS server");
    // Docker's own way to leave the certificate unchecked.
    assert_same(&over_tls("client").env("DOCKER_TLS", "1").run(), &expected);

    let config = folder.path().join("config");
    let files = ["ca", "cert", "key"]
        .map(|name| format!("{name}={}", certificates.path(&format!("client/{name}.pem"))));
    let secured = format!("host={address},{}", files.join(","));
    let unchecked = format!("host={address},skip-tls-verify=true,{}", files[1..].join(","));
    for (name, how) in [
        ("socket", format!("host={}", docker.address())),
        ("secured", secured),
        ("unchecked", unchecked),
        ("far", "host=ssh://user@host".to_owned()),
    ] {
        let create = ["context", "create", name, "--docker", &how];
        let created = run(Command::new("docker").env("DOCKER_CONFIG", &config).args(create), None);
        assert!(created.status.success(), "docker context create: {}", text(&created));
    }
    let in_context =
        |name: &str| scan("app:1").env("DOCKER_CONFIG", &config).env("DOCKER_CONTEXT", name).run();
    for name in ["socket", "secured", "unchecked"] {
        assert_same(&in_context(name), &expected);
    }
    assert_fails(&in_context("far"), "ssh HOST docker save IMAGE | keyseam scan -");
    assert_fails(&in_context("none"), "DOCKER_CONTEXT names the Docker context 'none', which does not exist");
    let using =
        run(Command::new("docker").env("DOCKER_CONFIG", &config).args(["context", "use", "secured"]), None);
    assert!(using.status.success(), "docker context use: {}", text(&using));
    assert_same(&scan("app:1").env("DOCKER_CONFIG", &config).run(), &expected);
}

#[test]
fn an_engine_that_is_not_there_is_one_clear_line() {
    let run = |host: &str| scan("app:1").env("DOCKER_HOST", host).run();
    let gone = run("unix:///nowhere/docker.sock");
    assert_fails(&gone, "Docker (unix:///nowhere/docker.sock) cannot be reached: No such file or directory");
    let password = key(9);
    let run = run(&format!("ssh://me:{password}@host"));
    assert_fails(&run, "DOCKER_HOST leads through ssh, which keyseam does not");
    assert!(!run.stderr.contains(&password), "{}", run.stderr);
    assert_fails(&scan("--help").run(), "is neither the name nor the id of an image");
    assert_fails(&scan("../containers/app").run(), "is neither the name nor the id of an image");
}

/// A CA with a server and a client, and what a stranger would have; made by openssl.
struct Certificates<'a> {
    folder: &'a Path,
}

impl<'a> Certificates<'a> {
    fn new(folder: &'a Path) -> Self {
        let certificates = Self { folder };
        for name in ["client", "server", "stranger", "nobody"] {
            fs::create_dir(folder.join(name)).expect("a folder");
        }
        for name in ["client", "stranger"] {
            certificates.ca(name);
        }
        certificates.signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
        certificates.signed("client", "extendedKeyUsage=clientAuth\n");
        fs::copy(folder.join("client/ca.pem"), folder.join("nobody/ca.pem")).expect("a copy");
        certificates
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn ca(&self, name: &str) {
        let (key, cert) = (self.path(&format!("{name}/ca-key.pem")), self.path(&format!("{name}/ca.pem")));
        let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"];
        let subject = format!("/CN=CA of {name}");
        self.openssl(&[&new[..], &[&subject, "-keyout", &key, "-out", &cert]].concat());
    }

    /// A certificate that the client's CA signs.
    fn signed(&self, name: &str, extensions: &str) {
        let file = |end: &str| self.path(&format!("{name}/{end}"));
        let (key, request, cert) = (file("key.pem"), file("request.pem"), file("cert.pem"));
        let subject = format!("/CN={name}");
        fs::write(file("extensions"), extensions).expect("a file");
        let new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject];
        self.openssl(&[&new[..], &["-keyout", &key, "-out", &request]].concat());
        let (ca, ca_key) = (self.path("client/ca.pem"), self.path("client/ca-key.pem"));
        let sign = ["x509", "-req", "-days", "2", "-in", &request, "-CA", &ca, "-CAkey", &ca_key];
        let extensions = file("extensions");
        self.openssl(&[&sign[..], &["-CAcreateserial", "-extfile", &extensions, "-out", &cert]].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = run(Command::new("openssl").args(arguments), None);
        assert!(output.status.success(), "openssl {arguments:?}: {}", text(&output));
    }
}
