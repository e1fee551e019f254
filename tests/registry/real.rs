//! Debian's `docker-registry`, filled by skopeo: one image, the same findings however it is reached.

use std::path::Path;

use serde_json::{Value, json};

use super::pull::{Pull, Pulled};
use super::{LEAKED, facts, leaky, leaky_image, text};
use crate::support::cli::{Keyseam, list};
use crate::support::distribution::issuer::Issuer;
use crate::support::distribution::{Distribution, Mode, Store, skopeo};
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::token::secret;
use crate::support::image::{Compression, docker_classic, oci, oci_platforms, this_architecture};

/// A store that holds [`leaky_image`] in every form: `app:gzip`, `app:zstd`, `app:docker`.
fn store() -> Store {
    let store = Store::new();
    let image = leaky_image();
    let gzip = oci(&[&image], Compression::Gzip);
    store.push(&gzip, "app:1", "app:gzip", &[]);
    store.push(&oci(&[&image], Compression::Zstd), "app:1", "app:zstd", &[]);
    store.push(&gzip, "app:1", "app:docker", &["--format", "v2s2"]);
    store
}

const TAGS: [&str; 3] = ["gzip", "zstd", "docker"];

/// The findings of [`leaky_image`] from archives, which all agree.
fn expected() -> Vec<Value> {
    let image = leaky_image();
    let archives = [
        oci(&[&image], Compression::Gzip).tar(),
        oci(&[&image], Compression::Zstd).tar(),
        docker_classic(&[&image]).tar(),
    ];
    let all = archives.map(|archive| facts(&Keyseam::scan(&["-"]).stdin(archive).run()));
    assert_eq!(all[0].len(), LEAKED.len());
    assert!(all.iter().all(|one| *one == all[0]), "archives differ");
    all[0].clone()
}

#[track_caller]
fn assert_same(run: &Pulled, expected: &[Value]) {
    run.assert_found(&LEAKED);
    assert_eq!(facts(run), expected);
}

#[test]
fn the_same_findings_over_http_and_tls_and_in_every_form() {
    let (store, expected, authority) = (store(), expected(), Authority::new());
    let own = authority.server(LOCAL);
    let plain = Distribution::start(&store, &Mode::Plain);
    let tls = Distribution::start(&store, &Mode::Tls(&own));
    for tag in TAGS {
        let name = format!("app:{tag}");
        assert_same(&Pull::of(&plain.target(&name)).run(), &expected);
        assert_same(&Pull::of(&tls.target(&name)).arg("--ca-file").arg(authority.ca_file()).run(), &expected);
    }
    let by_name =
        format!("docker://localhost:{}/app:gzip", plain.host().rsplit(':').next().unwrap_or_default());
    assert_same(&Pull::of(&by_name).run(), &expected);
    assert_same(&Pull::of(&plain.target("app:gzip")).arg("--plain-http").run(), &expected);
}

#[test]
fn the_same_findings_with_a_password_and_with_a_token() {
    let (store, expected, authority) = (store(), expected(), Authority::new());
    let (own, issuer, password) = (authority.server(LOCAL), Issuer::start(), secret("password"));
    let htpasswd = Distribution::start(&store, &Mode::Htpasswd("robot", &password));
    let token = Distribution::start(&store, &Mode::Token(&issuer));
    let both = Distribution::start(&store, &Mode::TlsToken(&own, &issuer));
    for tag in TAGS {
        let name = format!("app:{tag}");
        let run = Pull::of(&htpasswd.target(&name)).docker_login(htpasswd.host(), "robot", &password).run();
        assert_same(&run, &expected);
        run.assert_silent(std::slice::from_ref(&password));
        let run = Pull::of(&token.target(&name))
            .args(&["--trust-realm", &issuer.server().host()])
            .docker_login(token.host(), issuer.username(), issuer.password())
            .run();
        assert_same(&run, &expected);
        run.assert_silent(&issuer.secrets());
    }
    // The realm is asked over http: a registry over TLS may not send a password there.
    let asked = issuer.server().requests().len();
    let run = Pull::of(&both.target("app:gzip"))
        .args(&["--trust-realm", &issuer.server().host(), "--ca-file"])
        .arg(authority.ca_file())
        .docker_login(both.host(), issuer.username(), issuer.password())
        .run();
    run.assert_refused(&["http"]).assert_silent(&issuer.secrets());
    let told = issuer.server().requests();
    assert!(told[asked..].iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn what_the_report_says_of_its_source() {
    let store = store();
    let registry = Distribution::start(&store, &Mode::Plain);
    let result = Pull::of(&registry.target("app:gzip")).run().result();
    let host = registry.host();
    let image = leaky_image();
    let digest = text(&result["manifest_digest"]);
    assert_eq!(result["source"], "registry");
    assert_eq!(result["kind"], "image");
    assert_eq!(result["reference"], format!("{host}/app:gzip"));
    assert_eq!(result["repo_digests"], json!([format!("{host}/app@{digest}")]));
    assert_eq!(result["config_digest"], image.config_digest());
    assert_eq!(result["index_digest"], Value::Null);
    assert_eq!(result["platform"], format!("linux/{}", this_architecture()));
    assert_eq!(result["pullable_by"], "network");
    let inspected = skopeo(&["inspect", "--raw", "--tls-verify=false", &registry.target("app:gzip")]);
    let manifest: Value = serde_json::from_slice(&inspected.stdout).expect("a manifest");
    let of = |list: Vec<Value>, field: &str| list.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    for field in ["digest", "size"] {
        assert_eq!(of(list(&result["layers"]), field), of(list(&manifest["layers"]), field));
    }
    assert_eq!(
        of(list(&result["layers"]), "diff_id"),
        image.diff_ids.iter().map(|id| json!(id)).collect::<Vec<_>>()
    );
    // The same by its digest.
    let run = Pull::of(&registry.target(&format!("app@{digest}"))).run();
    run.assert_found(&LEAKED);
    assert_eq!(run.result()["manifest_digest"], digest);
}

#[test]
fn certificates_are_checked_unless_that_is_turned_off() {
    let (store, authority, other) = (store(), Authority::new(), Authority::new());
    let own = authority.server(LOCAL);
    let registry = Distribution::start(&store, &Mode::Tls(&own));
    let target = registry.target("app:gzip");
    Pull::of(&target).run().assert_refused(&["certificate"]);
    Pull::of(&target).arg("--ca-file").arg(other.ca_file()).run().assert_refused(&["certificate"]);
    Pull::of(&target).arg("--insecure").run().assert_found(&LEAKED);
    // A certificate for another name.
    let elsewhere = authority.server("DNS:registry.example.com");
    let registry = Distribution::start(&store, &Mode::Tls(&elsewhere));
    let ca = authority.ca_file();
    Pull::of(&registry.target("app:gzip")).arg("--ca-file").arg(&ca).run().assert_refused(&["certificate"]);
    // A file that is none, or not there, is never taken for no authority.
    for (name, content) in [("text.pem", Some("no certificate")), ("none.pem", None)] {
        let pull = Pull::of(&target).args(&["--insecure", "--ca-file", name]);
        let pull = if let Some(content) = content { pull.file(name, content) } else { pull };
        pull.run().assert_refused(&[name]);
    }
}

#[test]
fn a_client_shows_its_certificate() {
    let (store, authority) = (store(), Authority::new());
    let (own, client, ca) = (authority.server(LOCAL), authority.client(), authority.ca_file());
    let registry = Distribution::start(&store, &Mode::ClientCertificate(&own, &ca));
    let pull = || Pull::of(&registry.target("app:gzip")).arg("--ca-file").arg(&ca);
    let run = pull().arg("--cert").arg(&client.cert).arg("--key").arg(&client.key).run();
    run.assert_found(&LEAKED);
    pull().run().assert_refused(&["certificate"]);
    let text = std::fs::read_to_string(&client.key).expect("a key");
    let secret: Vec<String> = text.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
    run.assert_silent(&secret[..1]);
    // The key of another certificate.
    let other = authority.client();
    pull().arg("--cert").arg(&client.cert).arg("--key").arg(&other.key).run().assert_status(2);
    pull().arg("--cert").arg(&client.cert).arg("--key").arg("none.key").run().assert_refused(&["none.key"]);
}

#[test]
fn platforms_of_an_index_that_skopeo_copied() {
    let other = if this_architecture() == "s390x" { "amd64" } else { "s390x" };
    let (mine, theirs) = (leaky_image(), leaky("app:1").platform("linux", other).label("for", other).build());
    let members = oci_platforms("app:1", &[&theirs, &mine], Compression::Gzip);
    let store = Store::new();
    store.push(&members, "app:1", "app:1", &["--all"]);
    let registry = Distribution::start(&store, &Mode::Plain);
    let target = registry.target("app:1");
    let run = Pull::of(&target).run();
    assert_same(&run, &expected());
    assert_eq!(run.result()["config_digest"], mine.config_digest());
    assert!(text(&run.result()["index_digest"]).starts_with("sha256:"));
    let run = Pull::of(&target).args(&["--platform", &format!("linux/{other}")]).run();
    assert_same(&run, &expected());
    assert_eq!(run.result()["config_digest"], theirs.config_digest());
    let both = Pull::of(&target).args(&["--platform", "all"]).run().results();
    assert_eq!(both.len(), 2);
    Pull::of(&target).args(&["--platform", "windows/amd64"]).run().assert_refused(&["windows/amd64", other]);
}

#[test]
fn what_is_not_there_is_said() {
    let store = store();
    let registry = Distribution::start(&store, &Mode::Plain);
    for name in ["app:none", "none/app:1"] {
        let run = Pull::of(&registry.target(name)).run();
        run.assert_refused(&[name, registry.host()]);
    }
    let absent = format!("app@sha256:{}", "0".repeat(64));
    Pull::of(&registry.target(&absent)).run().assert_refused(&["0000"]);
    // Nobody listens.
    let target = registry.target("app:gzip");
    let host = registry.host().to_owned();
    drop(registry);
    Pull::of(&target).args(&["--retries", "1"]).run().assert_refused(&[&host]);
}

/// Where podman and Docker keep certificates for one registry: what is trusted, and who asks.
#[test]
fn certificates_in_the_folders_of_podman_are_used() {
    let (store, authority) = (store(), Authority::new());
    let (own, client, ca) = (authority.server(LOCAL), authority.client(), authority.ca_file());
    let read = |path: &Path| std::fs::read(path).expect("a certificate");
    let registry = Distribution::start(&store, &Mode::ClientCertificate(&own, &ca));
    let folder = format!(".config/containers/certs.d/{}", registry.host());
    let trusted = || Pull::of(&registry.target("app:gzip")).file(&format!("{folder}/ca.crt"), read(&ca));
    let known = trusted().file(&format!("{folder}/client.cert"), read(&client.cert));
    known.file(&format!("{folder}/client.key"), read(&client.key)).run().assert_found(&LEAKED);
    trusted().run().assert_refused(&["certificate"]);
    // Those of another registry are for that one.
    let elsewhere =
        Pull::of(&registry.target("app:gzip")).file(".config/containers/certs.d/other:1/ca.crt", read(&ca));
    elsewhere.run().assert_refused(&["not trusted"]);
}
