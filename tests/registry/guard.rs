//! Where requests may go: a registry names token services, redirects and further addresses, and none of
//! them gets what is not for it. Servers that were not to be asked record what they were asked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::pull::{Pull, Pulled, assert_kept, assert_untold};
use super::{LEAKED, leaky_image};
use crate::scan::line;
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::Tokens;
use crate::support::http::{Answer, Request, Server};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, Members, OCI_MANIFEST, manifest};

const GZIP: Form = Form::Oci(Compression::Gzip);

/// Addresses that no registry on this machine has any business with, and none at all.
pub(super) const NOWHERE: [&str; 14] = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
];

fn registry(tokens: &Arc<Tokens>) -> Registry {
    Registry::new().image("app", "1", &leaky_image(), GZIP).access(Access::Bearer(Arc::clone(tokens)))
}

/// A pull with the login for a registry.
fn login(registry: &Serving, tokens: &Tokens) -> Pull {
    let pull = Pull::of(&registry.target("app:1"));
    pull.docker_login(&registry.host(), tokens.username(), tokens.password())
}

/// A token service that is no registry.
fn service(tokens: &Arc<Tokens>) -> Server {
    let tokens = Arc::clone(tokens);
    Server::start(move |request| tokens.answer(request))
}

#[test]
fn a_realm_elsewhere_gets_no_credentials() {
    let tokens = Arc::new(Tokens::new());
    let stranger = service(&tokens);
    for host in [stranger.host_as("localhost"), stranger.host(), stranger.host_as("2130706433")] {
        let realm = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
        // To the registry's own address it would be the same host.
        let address = "127.0.0.2".parse().expect("an address");
        let registry = registry(&tokens).challenge(&realm).start_at(address);
        let run = login(&registry, &tokens).run();
        run.assert_refused(&["--trust-realm"]);
        assert_kept(&run, &registry, &[&stranger]);
        let identity = json!({ "auths": { (registry.host()): { "identitytoken": tokens.identity() } } });
        let pull = Pull::of(&registry.target("app:1")).file(".docker/config.json", identity.to_string());
        let run = pull.run();
        run.assert_refused(&["--trust-realm"]);
        assert_kept(&run, &registry, &[&stranger]);
    }
    assert_eq!(tokens.given(), 0);
    // Unless the user says so: for the host, or for its port alone.
    for trusted in ["localhost".to_owned(), stranger.host_as("localhost")] {
        let realm = format!("Bearer realm=\"http://{}/token\"", stranger.host_as("localhost"));
        let registry = registry(&tokens).challenge(&realm).start();
        let run = login(&registry, &tokens).args(&["--trust-realm", &trusted]).run();
        run.assert_found(&LEAKED);
        run.assert_silent(&tokens.secrets());
    }
    let realm = format!("Bearer realm=\"http://{}/token\"", stranger.host_as("localhost"));
    let asked = stranger.requests().len();
    let registry = registry(&tokens).challenge(&realm).start();
    for other in ["localhost:1", "ocalhost", "example.com"] {
        login(&registry, &tokens).args(&["--trust-realm", other]).run().assert_status(2);
    }
    let told = stranger.requests();
    assert!(told[asked..].iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_realm_elsewhere_may_give_tokens_to_anyone() {
    let tokens = Arc::new(Tokens::new().for_anyone());
    let stranger = service(&tokens);
    let realm = format!("Bearer realm=\"http://{}/token\"", stranger.host_as("localhost"));
    let registry = registry(&tokens).challenge(&realm).start();
    let run = login(&registry, &tokens).run();
    run.assert_found(&LEAKED);
    run.assert_silent(&tokens.secrets());
    assert_untold(&stranger, &tokens.secrets());
}

#[test]
fn a_realm_on_another_port_of_the_registrys_address_is_its_own() {
    // Registries at localhost:5000 with tokens from localhost:5001 are common; a guard that refuses them
    // breaks every such installation.
    let tokens = Arc::new(Tokens::new());
    let service = service(&tokens);
    let registry =
        registry(&tokens).challenge(&format!("Bearer realm=\"{}\"", service.url("/token"))).start();
    let run = login(&registry, &tokens).run();
    run.assert_found(&LEAKED);
    run.assert_silent(&tokens.secrets());
}

#[test]
fn a_realm_over_http_is_not_for_a_registry_over_tls() {
    let (authority, tokens) = (Authority::new(), Arc::new(Tokens::new().for_anyone()));
    let service = service(&tokens);
    let registry = registry(&tokens)
        .challenge(&format!("Bearer realm=\"{}\"", service.url("/token")))
        .tls(authority.tls(LOCAL))
        .start();
    for trust in [&[][..], &["--trust-realm", "127.0.0.1"]] {
        let run = login(&registry, &tokens).args(trust).arg("--ca-file").arg(authority.ca_file()).run();
        run.assert_status(2);
        run.assert_silent(&tokens.secrets());
    }
    assert_eq!(service.requests().len(), 0);
}

/// Checks that it was told where a request may not go, and that none went there: nobody is at these
/// addresses, so a request would have failed in other words.
#[track_caller]
fn assert_not_tried(run: &Pulled, what: &str) {
    let said = format!("{}{}", run.stderr, run.text());
    for word in ["cannot be reached", "in time", "broke the connection"] {
        assert!(!said.contains(word), "{what}: {said}");
    }
}

#[test]
fn a_realm_at_an_address_of_nobody_is_never_asked() {
    for realm in NOWHERE {
        let tokens = Arc::new(Tokens::new());
        let registry = registry(&tokens).challenge(&format!("Bearer realm=\"{realm}\"")).start();
        let run = login(&registry, &tokens).run();
        run.assert_status(2);
        assert_not_tried(&run, realm);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn unspecified_addresses_are_this_machines_and_never_asked() {
    let tokens = Arc::new(Tokens::new().for_anyone());
    let service = service(&tokens);
    let storage = registry(&tokens).access(Access::Open).start();
    let everywhere = ["0.0.0.0", "[::ffff:0.0.0.0]", "0", "0x0"];
    for host in everywhere {
        let realm = format!("Bearer realm=\"http://{}/token\"", service.host_as(host));
        let registry = registry(&tokens).challenge(&realm).start();
        login(&registry, &tokens).run().assert_status(2);
        let to = storage.host_as(host);
        let registry = redirecting(move |request| format!("http://{to}{}", request.target));
        Pull::of(&registry.target("app:1")).run().assert_status(3);
    }
    assert_eq!(service.requests().len() + storage.requests().len(), 0);
}

#[test]
fn a_name_in_the_realm_is_not_sent() {
    let tokens = Arc::new(Tokens::new().for_anyone());
    let service = service(&tokens);
    let realm = format!("http://eve:a-password@{}/token", service.host());
    let registry = registry(&tokens).challenge(&format!("Bearer realm=\"{realm}\"")).start();
    Pull::of(&registry.target("app:1")).run().assert_found(&LEAKED);
    assert_untold(&service, &["a-password".to_owned()]);
}

/// A registry for anyone whose layers are redirected (the config is not).
fn redirecting(to: impl Fn(&Request) -> String + Send + Sync + 'static) -> Serving {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", &line(1))).build();
    let config = image.config_digest();
    Registry::new()
        .image("app", "1", &image, GZIP)
        .tamper(move |request, usual| {
            let layer = request.gets_blob(None) && !request.path().ends_with(&config);
            if layer { Answer::redirect(307, &to(request)) } else { usual }
        })
        .start()
}

#[test]
fn storage_elsewhere_is_told_nothing() {
    let tokens = Arc::new(Tokens::new());
    for status in [301, 302, 303, 307, 308] {
        let storage = registry(&tokens).access(Access::Open).start();
        for host in [storage.host_as("localhost"), storage.host()] {
            let registry = registry(&tokens).tamper(move |request, usual| {
                let to = format!("http://{host}{}?X-Signature=abc", request.path());
                if request.gets_blob(None) && usual.status == 200 {
                    Answer::redirect(status, &to)
                } else {
                    usual
                }
            });
            let registry = registry.start();
            let run = login(&registry, &tokens).run();
            run.assert_found(&LEAKED);
            assert_kept(&run, &registry, &[&storage]);
        }
        assert!(!storage.requests().is_empty());
    }
}

#[test]
fn storage_that_wants_credentials_gets_none() {
    let tokens = Arc::new(Tokens::new());
    for challenge in
        ["Basic realm=\"storage\"", "Bearer realm=\"http://{host}/token\",scope=\"repository:app:pull\""]
    {
        let other = Arc::new(Tokens::new());
        let storage = registry(&other).challenge(challenge).start();
        let to = storage.host_as("localhost");
        let registry = registry(&tokens).tamper(move |request, usual| {
            let to = format!("http://{to}{}", request.path());
            if request.gets_blob(None) && usual.status == 200 { Answer::redirect(307, &to) } else { usual }
        });
        let registry = registry.start();
        let run = login(&registry, &tokens).run();
        assert!(matches!(run.status, Some(1..=3)), "{:?}", run.status);
        assert_kept(&run, &registry, &[&storage]);
    }
}

#[test]
fn a_name_in_a_redirect_is_not_sent() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", &line(1))).build();
    let storage = Registry::new().image("app", "1", &image, GZIP).start();
    let to = storage.host();
    let registry = redirecting(move |request| format!("http://eve:a-password@{to}{}", request.path()));
    Pull::of(&registry.target("app:1")).run().assert_found(&[1]);
    assert_untold(&storage, &["a-password".to_owned()]);
}

#[test]
fn redirects_have_an_end() {
    let hops = |most: usize| {
        let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", &line(1))).build();
        let config = image.config_digest();
        Registry::new()
            .image("app", "1", &image, GZIP)
            .tamper(move |request, usual| {
                let hop: usize = request.query("hop").and_then(|hop| hop.parse().ok()).unwrap_or(0);
                let layer = request.gets_blob(None) && !request.path().ends_with(&config);
                let next = format!("{}?hop={}", request.path(), hop + 1);
                if layer && hop < most { Answer::redirect(307, &next) } else { usual }
            })
            .start()
    };
    let registry = hops(5);
    Pull::of(&registry.target("app:1")).run().assert_found(&[1]);
    for most in [6, usize::MAX] {
        let registry = hops(most);
        let run = Pull::of(&registry.target("app:1")).run();
        run.assert_incomplete(3).assert_says(&["redirect"]);
        assert!(registry.requests().len() < 30, "{} requests", registry.requests().len());
    }
}

#[test]
fn a_redirect_to_nowhere_is_not_followed() {
    for to in NOWHERE.into_iter().chain(["http://", "", "//", "http://[::1", "http://a b/"]) {
        let registry = redirecting(move |_| to.to_owned());
        let run = Pull::of(&registry.target("app:1")).run();
        run.assert_incomplete(3);
        assert_not_tried(&run, to);
    }
}

#[test]
fn tls_is_not_left_by_a_redirect() {
    let authority = Authority::new();
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", &line(1))).build();
    let storage = Registry::new().image("app", "1", &image, GZIP).start();
    let (to, config) = (storage.host(), image.config_digest());
    let registry = Registry::new()
        .image("app", "1", &image, GZIP)
        .tls(authority.tls(LOCAL))
        .tamper(move |request, usual| {
            let layer = request.gets_blob(None) && !request.path().ends_with(&config);
            if layer { Answer::redirect(307, &format!("http://{to}{}", request.path())) } else { usual }
        })
        .start();
    let run = Pull::of(&registry.target("app:1")).arg("--ca-file").arg(authority.ca_file()).run();
    run.assert_incomplete(3).assert_says(&["https"]);
    assert_eq!(storage.requests().len(), 0);
}

#[test]
fn a_token_service_that_redirects_hands_nothing_on() {
    let tokens = Arc::new(Tokens::new());
    let witness = Server::witness();
    for status in [301, 302, 307, 308] {
        let to = witness.host_as("localhost");
        let registry = registry(&tokens).tamper(move |request, usual| {
            let to = format!(
                "http://{to}/token?{}",
                request.target.split_once('?').map_or("", |(_, query)| query)
            );
            if request.path() == "/token" { Answer::redirect(status, &to) } else { usual }
        });
        let registry = registry.start();
        let run = login(&registry, &tokens).run();
        run.assert_status(2);
        assert_kept(&run, &registry, &[&witness]);
        let identity = json!({ "auths": { (registry.host()): { "identitytoken": tokens.identity() } } });
        let pull = Pull::of(&registry.target("app:1")).file(".docker/config.json", identity.to_string());
        let run = pull.run();
        run.assert_status(2);
        assert_kept(&run, &registry, &[&witness]);
    }
}

/// An image with a layer that the registry does not have and that is said to be at this address.
fn foreign(url: &str, media_type: &str) -> (Image, Registry) {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("app/.env", &line(1)))
        .layer(Layer::new().file("app/own", &line(2)))
        .build();
    let mut members = Members::default();
    let descriptor = manifest(&mut members, &image, Compression::Gzip);
    let name = format!("blobs/{}", descriptor["digest"].as_str().unwrap_or_default().replace(':', "/"));
    let mut document: Value = members.json(&name);
    document["layers"][0]["urls"] = json!([url]);
    document["layers"][0]["mediaType"] = json!(media_type);
    let bytes = document.to_string();
    let foreign = document["layers"][0]["digest"].as_str().unwrap_or_default().to_owned();
    let registry = Registry::new().blobs_of(&members).manifest("app", "1", OCI_MANIFEST, bytes.as_bytes());
    let registry = registry.tamper(move |request, usual| {
        let unknown = Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        if request.path().ends_with(&foreign) { unknown } else { usual }
    });
    (image, registry)
}

const FOREIGN: [&str; 3] = [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
];

#[test]
fn foreign_layers_are_fetched_only_when_asked_for() {
    for media_type in FOREIGN {
        let tokens = Arc::new(Tokens::new());
        let layer = Compression::Gzip.apply(&Layer::new().file("app/.env", &line(1)).tar());
        let elsewhere = Server::start(move |_| Answer::new(200).body(layer.clone()));
        let url = format!("http://{}/layer.tar.gz", elsewhere.host_as("localhost"));
        let (_, registry) = foreign(&url, media_type);
        let registry = registry.access(Access::Bearer(Arc::clone(&tokens))).start();
        let run = login(&registry, &tokens).run();
        run.assert_incomplete(1).assert_says(&["--foreign-layers"]);
        assert_eq!(elsewhere.requests().len(), 0, "{media_type}");
        assert_kept(&run, &registry, &[]);
        let run = login(&registry, &tokens).arg("--foreign-layers").run();
        run.assert_found(&[1, 2]);
        assert_eq!(elsewhere.requests().len(), 1);
        assert_kept(&run, &registry, &[&elsewhere]);
    }
}

#[test]
fn foreign_layers_are_checked_as_any_other() {
    let wrong = Compression::Gzip.apply(&Layer::new().file("app/.env", &line(9)).tar());
    let elsewhere = Server::start(move |request| match request.path() {
        "/wrong" => Answer::new(200).body(wrong.clone()),
        "/endless" => Answer::new(200).endless(),
        _ => Answer::redirect(307, "http://169.254.169.254/layer"),
    });
    for path in ["/wrong", "/endless", "/redirect"] {
        let (_, registry) = foreign(&elsewhere.url(path), FOREIGN[0]);
        let registry = registry.start();
        let target = registry.target("app:1");
        let run = Pull::of(&target).args(&["--foreign-layers", "--timeout", "5s", "--retries", "1"]).run();
        run.assert_incomplete(1);
        assert!(run.took < Duration::from_secs(60));
    }
    for url in NOWHERE {
        let (_, registry) = foreign(url, FOREIGN[0]);
        let registry = registry.start();
        let run = Pull::of(&registry.target("app:1")).arg("--foreign-layers").run();
        run.assert_incomplete(1);
        assert_not_tried(&run, url);
    }
}

#[test]
fn a_layer_that_the_registry_has_is_taken_from_there() {
    let witness = Server::witness();
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", &line(1))).build();
    let mut members = Members::default();
    let descriptor = manifest(&mut members, &image, Compression::Gzip);
    let name = format!("blobs/{}", descriptor["digest"].as_str().unwrap_or_default().replace(':', "/"));
    let mut document: Value = members.json(&name);
    document["layers"][0]["urls"] = json!([witness.url("/layer")]);
    let registry = Registry::new().blobs_of(&members);
    let registry = registry.manifest("app", "1", OCI_MANIFEST, document.to_string().as_bytes()).start();
    Pull::of(&registry.target("app:1")).run().assert_found(&[1]);
    assert_eq!(witness.requests().len(), 0);
}
