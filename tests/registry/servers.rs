//! The servers of these tests are what they are taken for: skopeo, which knows nothing of them, pulls
//! from them, and what it got is the image.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::{leaky, leaky_image};
use crate::support::distribution::issuer::Issuer;
use crate::support::distribution::{Distribution, Mode, Store, skopeo};
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::registry::{Access, Form, Registry};
use crate::support::http::token::{Tokens, secret};
use crate::support::image::{Compression, Image, oci};

/// Pulls an image to a folder by skopeo, and checks that its config is that of the image.
#[track_caller]
fn assert_pulled(image: &Image, target: &str, more: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let to = format!("dir:{}", folder.path().join("image").display());
    let line = ["copy", "--insecure-policy", target, &to];
    skopeo(&[&line[..], more].concat());
    let config = folder.path().join("image").join(image.config_digest().trim_start_matches("sha256:"));
    assert_eq!(std::fs::read(config).expect("a config"), image.config);
}

const HTTP: &str = "--src-tls-verify=false";

#[test]
fn a_registry_of_our_own_serves_skopeo() {
    let image = leaky_image();
    let tokens = Arc::new(Tokens::new());
    let password = secret("password");
    for access in [
        Access::Open,
        Access::Basic("robot".to_owned(), password.clone()),
        Access::Bearer(Arc::clone(&tokens)),
    ] {
        let login = match &access {
            Access::Open => Vec::new(),
            Access::Basic(..) => vec![format!("--src-creds=robot:{password}")],
            Access::Bearer(tokens) => {
                vec![format!("--src-creds={}:{}", tokens.username(), tokens.password())]
            }
        };
        let forms = [Form::Oci(Compression::Gzip), Form::Oci(Compression::Zstd), Form::Docker];
        let mut registry = Registry::new().access(access);
        for (form, tag) in forms.into_iter().zip(["gzip", "zstd", "docker"]) {
            registry = registry.image("team/app", tag, &image, form);
        }
        let registry = registry.page(2).start();
        let mut options = vec![HTTP];
        options.extend(login.iter().map(String::as_str));
        for tag in ["gzip", "zstd", "docker"] {
            assert_pulled(&image, &registry.target(&format!("team/app:{tag}")), &options);
        }
        let list = login.iter().map(|login| login.replace("--src-creds", "--creds"));
        let list: Vec<String> = list.chain(["--tls-verify=false".to_owned()]).collect();
        let mut line = vec!["list-tags"];
        line.extend(list.iter().map(String::as_str));
        let target = registry.target("team/app");
        line.push(&target);
        let said = String::from_utf8(skopeo(&line).stdout).expect("UTF-8");
        assert!(["gzip", "zstd", "docker"].iter().all(|tag| said.contains(tag)), "{said}");
    }
    assert!(tokens.given() > 0);
}

#[test]
fn a_real_registry_serves_in_every_mode() {
    let image = leaky_image();
    let store = Store::new();
    store.push(&oci(&[&image], Compression::Gzip), "app:1", "app:1", &[]);
    store.push(&oci(&[&leaky("app:2").build()], Compression::Zstd), "app:2", "app:2", &[]);
    let authority = Authority::new();
    let (own, ca) = (authority.server(LOCAL), authority.ca_file());
    let password = secret("password");
    let issuer = Issuer::start();
    let (basic, bearer) = (
        format!("--src-creds=robot:{password}"),
        format!("--src-creds={}:{}", issuer.username(), issuer.password()),
    );
    for (mode, more) in [
        (Mode::Plain, vec![HTTP]),
        (Mode::Tls(&own), vec![HTTP]),
        (Mode::Htpasswd("robot", &password), vec![HTTP, &basic]),
        (Mode::Token(&issuer), vec![HTTP, &bearer]),
        (Mode::TlsToken(&own, &issuer), vec![HTTP, &bearer]),
    ] {
        let registry = Distribution::start(&store, &mode);
        assert_pulled(&image, &registry.target("app:1"), &more);
        assert_pulled(&leaky("app:2").build(), &registry.target("app:2"), &more);
    }
    let folder = tempfile::tempdir().expect("a folder");
    client_folder(folder.path(), &ca, &authority);
    let registry = Distribution::start(&store, &Mode::ClientCertificate(&own, &ca));
    let option = format!("--src-cert-dir={}", folder.path().display());
    assert_pulled(&image, &registry.target("app:1"), &[&option]);
    let bare = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", &registry.target("app:1")])
        .env("HOME", folder.path())
        .output()
        .expect("skopeo runs");
    assert!(!bare.status.success(), "it takes no certificate");
}

/// A folder of certificates in skopeo's form.
fn client_folder(folder: &Path, ca: &Path, authority: &Authority) {
    let client = authority.client();
    for (from, to) in [(ca, "ca.crt"), (&client.cert, "client.cert"), (&client.key, "client.key")] {
        std::fs::copy(from, folder.join(to)).expect("a copy");
    }
}
