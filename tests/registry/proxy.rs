//! Proxies: a real one (tinyproxy), and one that leads names to servers of the test, behind which Docker
//! Hub and other public registries can be had without asking them.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::guard::NOWHERE;
use super::pull::{Pull, Pulled, assert_kept, assert_untold};
use super::{LEAKED, leaky_image};
use crate::support::http::certificates::Authority;
use crate::support::http::proxy::Proxy;
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::{Tokens, basic, secret};
use crate::support::http::{Answer, Server};
use crate::support::image::Compression;

const GZIP: Form = Form::Oci(Compression::Gzip);
/// A name that nobody has (RFC 2606).
const NAME: &str = "registry.example.com";

/// A running tinyproxy, which passes everything on to another proxy.
struct Tinyproxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Tinyproxy {
    fn start(upstream: &Proxy, login: Option<(&str, &str)>) -> Self {
        // It takes no port 0, and a port that was free may be taken: then it ends, and another one is tried.
        (0..10)
            .find_map(|_| Self::try_start(upstream, login))
            .expect("tinyproxy starts; tests/run installs it")
    }

    fn try_start(upstream: &Proxy, login: Option<(&str, &str)>) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let login = login.map_or(String::new(), |(name, password)| format!("BasicAuth {name} {password}\n"));
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nLogLevel Connect\nLogFile \"{}\"\n\
             Upstream http {}\n{login}",
            folder.path().join("log").display(),
            upstream.url().trim_start_matches("http://"),
        );
        std::fs::write(folder.path().join("tinyproxy.conf"), text).expect("a file");
        let child = Command::new("tinyproxy")
            .args(["-d", "-c"])
            .arg(folder.path().join("tinyproxy.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy runs; tests/run installs it");
        let mut this = Self { child, port, folder };
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if matches!(this.child.try_wait(), Ok(Some(_))) {
                return None;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(this);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A registry over TLS under a name, with the authority that vouches for it.
pub(super) fn named(authority: &Authority, name: &str, registry: Registry) -> Serving {
    registry.image("team/app", "1", &leaky_image(), GZIP).tls(authority.tls(&format!("DNS:{name}"))).start()
}

/// A pull from a registry of this name.
pub(super) fn pull(authority: &Authority, name: &str) -> Pull {
    Pull::of(&format!("docker://{name}/team/app:1")).arg("--ca-file").arg(authority.ca_file())
}

#[test]
fn the_environments_proxies_are_used() {
    let authority = Authority::new();
    let registry = named(&authority, NAME, Registry::new());
    let https = format!("{NAME}:443");
    let proxy = Proxy::start(&[(&https, registry.address())]);
    let real = Tinyproxy::start(&proxy, None);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let before = proxy.requests().len();
        pull(&authority, NAME).env(variable, real.url()).run().assert_found(&LEAKED);
        assert!(proxy.requests().len() > before, "{variable}");
    }
    assert!(real.log().contains(&format!("CONNECT {https}")), "{}", real.log());
    assert!(proxy.requests().iter().all(|request| request.method == "CONNECT" && request.target == https));
    // Over http the proxy sees everything.
    let plain = Registry::new().image("team/app", "1", &leaky_image(), GZIP).start();
    let proxy = Proxy::start(&[(&format!("{NAME}:80"), plain.address())]);
    let real = Tinyproxy::start(&proxy, None);
    let run = pull(&authority, NAME).arg("--plain-http").env("http_proxy", real.url()).run();
    run.assert_found(&LEAKED);
    assert!(proxy.requests().iter().all(|request| request.target.starts_with(&format!("http://{NAME}"))));
    // Not those that are for something else.
    let https_only = pull(&authority, NAME).args(&["--plain-http", "--retries", "0"]);
    https_only.env("HTTPS_PROXY", real.url()).run().assert_status(2);
}

#[test]
fn the_option_wins_and_no_proxy_leaves_out() {
    let authority = Authority::new();
    let registry = named(&authority, NAME, Registry::new());
    let proxy = Proxy::start(&[(&format!("{NAME}:443"), registry.address())]);
    let other = Proxy::start(&[]);
    let run = pull(&authority, NAME).args(&["--proxy", &proxy.url()]).env("HTTPS_PROXY", other.url()).run();
    run.assert_found(&LEAKED);
    assert_eq!(other.requests().len(), 0);
    let before = proxy.requests().len();
    for value in [NAME, ".example.com", "example.com", "*", "a.example, registry.example.com"] {
        let run = pull(&authority, NAME)
            .args(&["--retries", "0", "--timeout", "5s"])
            .env("HTTPS_PROXY", proxy.url())
            .env("NO_PROXY", value)
            .run();
        run.assert_status(2);
        assert_eq!(proxy.requests().len(), before, "NO_PROXY={value}");
    }
    for value in ["", "other.example.com", "ample.com"] {
        let run = pull(&authority, NAME).env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", value).run();
        run.assert_found(&LEAKED);
    }
    // Of a local registry by its address.
    let local = Registry::new().image("app", "1", &leaky_image(), GZIP).start();
    for value in ["127.0.0.1", "127.0.0.0/8"] {
        let pull = Pull::of(&local.target("app:1")).arg("--plain-http");
        pull.env("HTTP_PROXY", other.url()).env("NO_PROXY", value).run().assert_found(&LEAKED);
    }
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn a_socks_proxy_is_used() {
    let authority = Authority::new();
    let registry = named(&authority, NAME, Registry::new());
    let https = format!("{NAME}:443");
    let proxy = Proxy::start(&[(&https, registry.address())]);
    pull(&authority, NAME).args(&["--proxy", &proxy.socks()]).run().assert_found(&LEAKED);
    pull(&authority, NAME).env("ALL_PROXY", proxy.socks()).run().assert_found(&LEAKED);
    assert!(!proxy.requests().is_empty());
    assert!(proxy.requests().iter().all(|request| request.method == "SOCKS" && request.target == https));
}

#[test]
fn a_proxys_password_is_for_the_proxy_alone() {
    let authority = Authority::new();
    let password = secret("password");
    let registry = named(&authority, NAME, Registry::new());
    let plain = Registry::new().image("team/app", "1", &leaky_image(), GZIP).start();
    let inner = Proxy::start(&[
        (&format!("{NAME}:443"), registry.address()),
        (&format!("{NAME}:80"), plain.address()),
    ]);
    let real = Tinyproxy::start(&inner, Some(("robot", &password)));
    let with = |password: &str| real.url().replace("http://", &format!("http://robot:{password}@"));
    let secrets = [password.clone(), basic("robot", &password)];
    let check = |run: &Pulled| {
        run.assert_found(&LEAKED);
        run.assert_silent(&secrets);
    };
    check(&pull(&authority, NAME).args(&["--proxy", &with(&password)]).run());
    check(&pull(&authority, NAME).env("HTTPS_PROXY", with(&password)).run());
    check(&pull(&authority, NAME).arg("--plain-http").args(&["--proxy", &with(&password)]).run());
    for server in [&registry, &plain] {
        assert_untold(server, &secrets);
        assert!(server.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
    }
    // Wrong ones, and none.
    let wrong = secret("password");
    for url in [with(&wrong), real.url()] {
        let run = pull(&authority, NAME).args(&["--retries", "0", "--proxy", &url]).run();
        run.assert_refused(&["proxy"]);
        run.assert_silent(&[wrong.clone(), basic("robot", &wrong)]);
    }
    // A proxy that is not there, or is no address.
    let gone = format!("http://robot:{password}@127.0.0.1:1");
    let run = pull(&authority, NAME).args(&["--retries", "0", "--proxy", &gone]).run();
    run.assert_refused(&["proxy"]);
    run.assert_silent(&secrets);
    let run =
        pull(&authority, NAME).args(&["--proxy", &format!("nonsense://robot:{password}@127.0.0.1:1")]).run();
    run.assert_status(2);
    run.assert_silent(&secrets);
}

#[test]
fn offline_asks_no_proxy_either() {
    let authority = Authority::new();
    let proxy = Proxy::start(&[]);
    pull(&authority, NAME)
        .arg("--offline")
        .env("HTTPS_PROXY", proxy.url())
        .run()
        .assert_refused(&["offline"]);
    pull(&authority, NAME).args(&["--offline", "--proxy", &proxy.url()]).run().assert_refused(&["offline"]);
    assert_eq!(proxy.requests().len(), 0);
}

/// A public registry and its token service under these names.
fn owned(registry: &str, service: &str) -> (Authority, Arc<Tokens>, Serving, Server, Proxy) {
    let (authority, tokens) = (Authority::new(), Arc::new(Tokens::new()));
    let challenge = format!(
        "Bearer realm=\"https://{service}/token\",service=\"s\",scope=\"repository:{{repository}}:pull\""
    );
    let given = Arc::clone(&tokens);
    let realm =
        Server::start_tls(authority.tls(&format!("DNS:{service}")), move |request| given.answer(request));
    let access = Access::Bearer(Arc::clone(&tokens));
    let own = named(&authority, registry, Registry::new().access(access).challenge(&challenge));
    let proxy = Proxy::start(&[
        (&format!("{registry}:443"), own.address()),
        (&format!("{service}:443"), realm.address()),
    ]);
    (authority, tokens, own, realm, proxy)
}

#[test]
fn a_token_service_of_the_same_owner_gets_credentials() {
    for (name, service) in [
        ("registry.example.com", "auth.example.com"),
        ("registry.gitlab.com", "gitlab.com"),
        ("docker.acme.co.uk", "login.acme.co.uk"),
    ] {
        let (authority, tokens, registry, realm, proxy) = owned(name, service);
        let pull = pull(&authority, name).args(&["--proxy", &proxy.url()]);
        let run = pull.docker_login(name, tokens.username(), tokens.password()).run();
        run.assert_found(&LEAKED);
        assert!(realm.requests().iter().any(|request| request.header("authorization").is_some()));
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_token_service_of_somebody_else_gets_none() {
    for (name, service) in [
        ("registry.example.com", "auth.example.org"),
        ("docker.acme.co.uk", "login.evil.co.uk"),
        ("victim.github.io", "evil.github.io"),
        ("registry.example.com", "registry.example.com.evil.org"),
        ("example.com", "evilexample.com"),
    ] {
        let (authority, tokens, registry, realm, proxy) = owned(name, service);
        let pull = pull(&authority, name).args(&["--proxy", &proxy.url()]);
        let run = pull.docker_login(name, tokens.username(), tokens.password()).run();
        run.assert_refused(&["--trust-realm"]);
        assert_kept(&run, &registry, &[&realm]);
    }
}

#[test]
fn a_public_registry_leads_to_no_inner_network() {
    let (witness, authority) = (Server::witness(), Authority::new());
    let inner = [
        "10.0.0.1".to_owned(),
        "172.16.0.1".to_owned(),
        "192.168.1.1".to_owned(),
        "100.64.0.1".to_owned(),
        "[fc00::1]".to_owned(),
        witness.host(),
        witness.host_as("localhost"),
        witness.host_as("a.localhost"),
        witness.host_as("[::ffff:127.0.0.1]"),
        witness.host_as("0.0.0.0"),
    ];
    let inner = inner.iter().map(|host| format!("https://{host}/x"));
    let nowhere = NOWHERE.iter().map(|url| url.replace("http:", "https:"));
    for to in inner.chain(nowhere).chain(["http://cdn.example.net/x".to_owned()]) {
        let tokens = Arc::new(Tokens::new());
        let realm = Registry::new()
            .access(Access::Bearer(Arc::clone(&tokens)))
            .challenge(&format!("Bearer realm=\"{to}\""));
        let location = to.clone();
        let redirect = Registry::new().tamper(move |request, usual| {
            if request.gets_blob(None) { Answer::redirect(307, &location) } else { usual }
        });
        for registry in [realm, redirect] {
            let registry = named(&authority, NAME, registry);
            let https = format!("{NAME}:443");
            let proxy = Proxy::start(&[(&https, registry.address())]);
            let pull = pull(&authority, NAME).args(&["--retries", "0", "--proxy", &proxy.url()]);
            let run = pull.docker_login(NAME, tokens.username(), tokens.password()).run();
            assert!(matches!(run.status, Some(2 | 3)), "{to}: {:?}", run.status);
            let mut asked: Vec<String> = proxy.requests().into_iter().map(|one| one.target).collect();
            asked.retain(|target| *target != https);
            assert_eq!(asked, Vec::<String>::new(), "{to}");
            run.assert_silent(&tokens.secrets());
        }
    }
    assert_eq!(witness.requests().len(), 0);
}

#[test]
fn no_public_registry_is_asked_over_http_unless_the_user_says_so() {
    // Somebody in between who lets TLS fail must not see a password.
    let plain = Registry::new().image("team/app", "1", &leaky_image(), GZIP).start();
    let authority = Authority::new();
    let secret = secret("password");
    let (https, http) = (format!("{NAME}:443"), format!("{NAME}:80"));
    let proxy = Proxy::start(&[(&https, plain.address()), (&http, plain.address())]);
    let pull = pull(&authority, NAME).args(&["--retries", "0", "--proxy", &proxy.url()]);
    pull.docker_login(NAME, "robot", &secret).run().assert_status(2);
    assert!(proxy.requests().iter().all(|request| request.method == "CONNECT"));
    assert_eq!(plain.requests().len(), 0);
    assert!(!proxy.requests().is_empty());
}
