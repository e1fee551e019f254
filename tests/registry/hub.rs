//! Docker Hub, as far as a pull sees it: registry, token service and storage under their own names, behind
//! a proxy that leads to servers of the test. Nobody else is asked.

use std::sync::Arc;
use std::time::Duration;

use super::pull::{Pull, assert_untold};
use super::{LEAKED, leaky_image, text};
use crate::support::cli::Keyseam;
use crate::support::http::certificates::Authority;
use crate::support::http::proxy::Proxy;
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::Tokens;
use crate::support::http::{Answer, Request, Server};
use crate::support::image::{Compression, oci};

const GZIP: Form = Form::Oci(Compression::Gzip);

/// Docker Hub, as far as a pull sees it.
struct Hub {
    authority: Authority,
    tokens: Arc<Tokens>,
    registry: Serving,
    service: Server,
    cdn: Serving,
    proxy: Proxy,
}

const CDN: &str = "production.cloudflare.docker.com";

impl Hub {
    fn start(tokens: Tokens, change: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> Self {
        let (authority, tokens) = (Authority::new(), Arc::new(tokens));
        let holding = || Registry::new().image("library/app", "1", &leaky_image(), GZIP);
        let cdn = holding().tls(authority.tls(&format!("DNS:{CDN}"))).start();
        let registry = holding()
            .access(Access::Bearer(Arc::clone(&tokens)))
            .challenge("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:{repository}:pull\"")
            .tamper(move |request, usual| {
                let to = format!("https://{CDN}{}?verify=abc", request.path());
                let usual = if request.gets_blob(None) && usual.status == 200 { Answer::redirect(307, &to) } else { usual };
                change(request, usual)
            })
            .tls(authority.tls("DNS:registry-1.docker.io"))
            .start();
        let given = Arc::clone(&tokens);
        let service =
            Server::start_tls(authority.tls("DNS:auth.docker.io"), move |request| given.answer(request));
        let proxy = Proxy::start(&[
            ("registry-1.docker.io:443", registry.address()),
            ("auth.docker.io:443", service.address()),
            (&format!("{CDN}:443"), cdn.address()),
        ]);
        Self { authority, tokens, registry, service, cdn, proxy }
    }

    fn pull(&self, target: &str) -> Pull {
        let pull = Pull::of(target).arg("--ca-file").arg(self.authority.ca_file());
        pull.env("HTTPS_PROXY", self.proxy.url()).env("HTTP_PROXY", self.proxy.url())
    }

    fn login(&self, target: &str) -> Pull {
        self.pull(target).docker_login(
            "https://index.docker.io/v1/",
            self.tokens.username(),
            self.tokens.password(),
        )
    }
}

#[test]
fn docker_hub_is_asked_as_it_wants_to_be() {
    let hub = Hub::start(Tokens::new().for_anyone(), |_, usual| usual);
    for target in ["docker://app:1", "docker://docker.io/app:1", "docker://index.docker.io/library/app:1"] {
        hub.login(target).run().assert_found(&LEAKED);
    }
    let run = hub.login("docker://app:1").run();
    assert_eq!(text(&run.result()["reference"]), "docker.io/library/app:1");
    run.assert_silent(&hub.tokens.secrets());
    // HEAD does not count as a pull; what is then got is what it named.
    let asked = hub.registry.requests();
    let granted: Vec<_> = asked
        .iter()
        .filter(|request| request.asks_manifest() && request.header("authorization").is_some())
        .collect();
    assert_eq!(granted[0].method, "HEAD");
    assert!(granted.iter().any(|request| request.method == "GET"));
    assert!(hub.service.requests().iter().any(|request| request.header("authorization").is_some()));
    for request in hub.service.requests() {
        assert_eq!(request.query("service").as_deref(), Some("registry.docker.io"));
        assert_eq!(request.query("scope").as_deref(), Some("repository:library/app:pull"));
    }
    assert!(!hub.cdn.requests().is_empty());
    assert_untold(&hub.cdn, &hub.tokens.secrets());
}

#[test]
fn what_anyone_can_pull_is_worse() {
    let hub = Hub::start(Tokens::new().for_anyone(), |_, usual| usual);
    let public = hub.login("docker://app:1").run();
    assert_eq!(public.result()["pullable_by"], "anyone");
    let archive = Keyseam::scan(&["-"]).stdin(oci(&[&leaky_image()], Compression::Gzip).tar()).run();
    let severities = |findings: Vec<serde_json::Value>| -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> =
            findings.iter().map(|one| (text(&one["fingerprint"]), text(&one["severity"]))).collect();
        all.sort();
        all
    };
    let levels = ["info", "low", "medium", "high", "critical"];
    let level = |severity: &str| levels.iter().position(|one| *one == severity).expect("a severity");
    for (public, private) in severities(public.findings()).iter().zip(severities(archive.findings())) {
        assert_eq!(public.0, private.0);
        assert_eq!(level(&public.1), (level(&private.1) + 1).min(4), "one up");
    }
    // Only who has credentials: as bad as in an archive.
    let hub = Hub::start(Tokens::new(), |_, usual| usual);
    let run = hub.login("docker://app:1").run();
    assert_eq!(run.result()["pullable_by"], "credentials");
    assert_eq!(super::facts(&run), super::facts(&archive));
}

#[test]
fn the_hubs_limit_is_named() {
    for method in ["HEAD", "GET"] {
        let hub = Hub::start(Tokens::new().for_anyone(), move |request, usual| {
            if request.asks_manifest() && request.method == method && usual.status == 200 {
                return Answer::error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
                    .header("ratelimit-limit", "100;w=21600")
                    .header("ratelimit-remaining", "0;w=21600")
                    .header("Retry-After", "4000");
            }
            usual
        });
        let run = hub.pull("docker://app:1").run();
        run.assert_refused(&["100", "docker login", "429"]);
        assert!(run.took < Duration::from_secs(30), "it took {:?}", run.took);
    }
}

#[test]
fn the_hub_through_a_mirror_is_asked_by_head_too() {
    let mirror = Registry::new().image("library/app", "1", &leaky_image(), GZIP).start();
    let nobody = Proxy::start(&[]);
    let option = format!("docker.io={}", mirror.host());
    let pull = || {
        let pull = Pull::of("docker://app:1").args(&["--mirror", &option, "--retries", "1"]);
        pull.env("HTTPS_PROXY", nobody.url()).env("NO_PROXY", "127.0.0.1")
    };
    pull().run().assert_found(&LEAKED);
    let asked = mirror.requests();
    let first = asked.iter().find(|request| request.asks_manifest()).expect("a manifest");
    assert_eq!(first.method, "HEAD");
    assert_eq!(nobody.requests().len(), 0);
}
