//! Who asks: where credentials come from, how they become tokens, and that nobody else sees either.

use std::sync::Arc;

use serde_json::json;

use super::pull::{Pull, Pulled, assert_kept, assert_untold, login_file};
use super::{LEAKED, leaky_image};
use crate::support::http::registry::{Access, Form, Registry, Serving};
use crate::support::http::token::{Tokens, basic, secret};
use crate::support::http::{Answer, Server};
use crate::support::image::Compression;

pub(super) const GZIP: Form = Form::Oci(Compression::Gzip);

/// A registry with `team/app:1`, whose tokens are these.
pub(super) fn bearer(tokens: &Arc<Tokens>) -> Registry {
    Registry::new().image("team/app", "1", &leaky_image(), GZIP).access(Access::Bearer(Arc::clone(tokens)))
}

/// The same with a password.
fn password(password: &str) -> Registry {
    let access = Access::Basic("robot".to_owned(), password.to_owned());
    Registry::new().image("team/app", "1", &leaky_image(), GZIP).access(access)
}

/// Runs it after `docker login`.
#[track_caller]
pub(super) fn logged_in(registry: &Serving, tokens: &Tokens) -> Pulled {
    let login = Pull::of(&registry.target("team/app:1"));
    login.docker_login(&registry.host(), tokens.username(), tokens.password()).run()
}

#[test]
fn a_login_is_found_wherever_tools_leave_it() {
    let secret = secret("password");
    let tokens = Arc::new(Tokens::new());
    for registry in [password(&secret).start(), bearer(&tokens).start()] {
        let (username, password) = match registry.secrets().len() {
            2 => ("robot", secret.as_str()),
            _ => (tokens.username(), tokens.password()),
        };
        let host = registry.host();
        let file = login_file(&host, username, password);
        let pull = || Pull::of(&registry.target("team/app:1"));
        let podman = "run/containers/auth.json";
        for pull in [
            pull().docker_login(&host, username, password),
            pull().file("elsewhere/config.json", &file).env_path("DOCKER_CONFIG", "elsewhere"),
            pull().file(podman, &file).env_path("XDG_RUNTIME_DIR", "run"),
            pull().file(".config/containers/auth.json", &file),
            pull().file("login.json", &file).args(&["--authfile", "login.json"]),
            pull().file("login.json", &file).env_path("REGISTRY_AUTH_FILE", "login.json"),
            pull().login(username, password),
        ] {
            let run = pull.run();
            run.assert_found(&LEAKED);
            assert_kept(&run, &registry, &[]);
        }
        // Nobody has logged in.
        let run = pull().run();
        run.assert_refused(&[&host]);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn the_files_key_may_be_a_url_and_a_repository() {
    let secret = secret("password");
    let registry = password(&secret).start();
    let host = registry.host();
    for name in [
        format!("http://{host}"),
        format!("https://{host}/v1/"),
        format!("{host}/team"),
        format!("{host}/team/app"),
    ] {
        let run = Pull::of(&registry.target("team/app:1")).docker_login(&name, "robot", &secret).run();
        run.assert_found(&LEAKED);
    }
    // The longest name that fits decides; others are for other repositories.
    let wrong = basic("robot", "wrong-password");
    let auths = json!({ "auths": {
        (host.clone()): { "auth": wrong }, format!("{host}/team"): { "auth": basic("robot", &secret) },
        format!("{host}/te"): { "auth": wrong }, format!("{host}/team/app2"): { "auth": wrong },
    } });
    let pull = Pull::of(&registry.target("team/app:1")).file("login.json", auths.to_string());
    let run = pull.args(&["--authfile", "login.json"]).run();
    run.assert_found(&LEAKED);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_password_goes_to_its_registry_alone() {
    let secret = secret("password");
    let (mine, other) = (password(&secret).start(), password("another-password").start());
    let images = format!("{}\n{}\n", mine.target("team/app:1"), other.target("team/app:1"));
    let pull = Pull::with(&["--images-from", "images"]).file("images", images);
    let run = pull.docker_login(&mine.host(), "robot", &secret).run();
    assert_eq!(run.results().len(), 1, "the other one is an error");
    assert_kept(&run, &mine, &[&other]);
    // One of the command line has one registry only.
    let asked = mine.requests().len() + other.requests().len();
    let pull = Pull::with(&[mine.target("team/app:1"), other.target("team/app:1")]);
    let run = pull.login("robot", &secret).run();
    run.assert_refused(&["--username"]);
    assert_eq!(mine.requests().len() + other.requests().len(), asked);
}

#[test]
fn a_refusal_is_shown_in_the_endpoints_own_words() {
    let refusal =
        Answer::error(401, "UNAUTHORIZED", "your trial of Ac\u{1b}[31mme has ended\u{202e}: see billing");
    let tokens = Arc::new(Tokens::new().refusing_with(refusal));
    let registry = bearer(&tokens).start();
    let pull = Pull::of(&registry.target("team/app:1"));
    let run = pull.docker_login(&registry.host(), tokens.username(), "wrong-password").run();
    run.assert_refused(&["your trial of", "see billing", &registry.host()]);
    assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stderr);
    run.assert_silent(&["wrong-password".to_owned(), basic(tokens.username(), "wrong-password")]);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_refusal_that_repeats_the_password_shows_none_of_it() {
    for (form, length) in [("password", 0), ("header", 0), ("password", 100_000)] {
        let tokens = Arc::new(Tokens::new());
        let echo = tokens.password().to_owned();
        let registry = bearer(&tokens).tamper(move |request, usual| {
            match (request.path(), request.header("authorization")) {
                ("/token", Some(header)) => {
                    let word = if form == "header" { header } else { &echo };
                    let text = format!("{}no such user {word} here", "long ".repeat(length));
                    Answer::error(403, "DENIED", &text)
                }
                _ => usual,
            }
        });
        let registry = registry.start();
        let run = logged_in(&registry, &tokens);
        run.assert_refused(&["403"]);
        assert!(run.stderr.len() < 20_000, "{} bytes were said", run.stderr.len());
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_wrong_password_without_a_token_service() {
    let secret = secret("password");
    let registry = password(&secret).start();
    let pull = Pull::of(&registry.target("team/app:1"));
    let run = pull.docker_login(&registry.host(), "robot", "wrong-password").run();
    run.assert_refused(&[&registry.host(), "authentication required"]);
    run.assert_silent(&["wrong-password".to_owned(), basic("robot", "wrong-password")]);
    // It is no use to try again.
    assert!(registry.asked("GET", "/manifests/1").len() + registry.asked("HEAD", "/manifests/1").len() <= 4);
}

#[test]
fn a_credential_helper_is_asked() {
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens).start();
    let config = json!({ "credHelpers": { (registry.host()): "wire" } }).to_string();
    let answer =
        json!({ "ServerURL": registry.host(), "Username": tokens.username(), "Secret": tokens.password() });
    let identity =
        json!({ "ServerURL": registry.host(), "Username": "<token>", "Secret": tokens.identity() });
    for answer in [answer, identity] {
        let script = format!("#!/bin/sh\ncat > asked\necho '{answer}'\n");
        let run = helper(&registry, &config, &script).run();
        run.assert_found(&LEAKED);
        assert_kept(&run, &registry, &[]);
    }
    // One that fails is named, and what it said is not lost.
    let script = "#!/bin/sh\necho 'the vault is closed' >&2\nexit 1\n";
    helper(&registry, &config, script)
        .run()
        .assert_refused(&["docker-credential-wire", "the vault is closed"]);
}

/// A pull with a credential helper that is this script.
fn helper(registry: &Serving, config: &str, script: &str) -> Pull {
    let pull = Pull::of(&registry.target("team/app:1")).file(".docker/config.json", config);
    let pull = pull.program("bin/docker-credential-wire", script);
    let path = format!("{}:{}", pull.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    pull.env("PATH", path)
}

#[test]
fn an_open_ping_hides_no_password() {
    let secret = secret("password");
    let registry = password(&secret).open_ping().start();
    let run = Pull::of(&registry.target("team/app:1")).docker_login(&registry.host(), "robot", &secret).run();
    run.assert_found(&LEAKED);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn who_has_no_access_is_told_so() {
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens).tamper(|request, usual| {
        let denied = Answer::error(403, "DENIED", "requested access to the resource is denied");
        if request.asks_manifest() && usual.status == 200 { denied } else { usual }
    });
    let registry = registry.start();
    let run = logged_in(&registry, &tokens);
    run.assert_refused(&["requested access to the resource is denied"]);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn an_open_registry_is_told_nothing() {
    let registry = Registry::new().image("team/app", "1", &leaky_image(), GZIP).start();
    let secret = secret("password");
    let run = Pull::of(&registry.target("team/app:1")).docker_login(&registry.host(), "robot", &secret).run();
    run.assert_found(&LEAKED);
    let secrets = [secret.clone(), basic("robot", &secret)];
    run.assert_silent(&secrets);
    assert_untold(&registry, &secrets);
    assert!(registry.asked("GET", "/v2/").len() <= 1);
}

#[test]
fn who_can_pull_is_told() {
    let tokens = Arc::new(Tokens::new());
    let everyone = Arc::new(Tokens::new().for_anyone());
    let secret = secret("password");
    for (registry, expected) in [
        (Registry::new().image("team/app", "1", &leaky_image(), GZIP).start(), "network"),
        (bearer(&everyone).start(), "network"),
        (bearer(&tokens).start(), "credentials"),
        (password(&secret).start(), "credentials"),
    ] {
        let (username, password) = match expected {
            "credentials" if registry.secrets().len() == 2 => ("robot", secret.as_str()),
            "credentials" => (tokens.username(), tokens.password()),
            _ => (everyone.username(), everyone.password()),
        };
        let run =
            Pull::of(&registry.target("team/app:1")).docker_login(&registry.host(), username, password).run();
        run.assert_found(&LEAKED);
        assert_eq!(run.result()["pullable_by"], expected);
    }
    // A question that failed tells nothing, and costs nothing else.
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens).tamper(|request, usual| {
        let alone = request.path() == "/token" && request.header("authorization").is_none();
        if alone { Answer::new(500) } else { usual }
    });
    let run = logged_in(&registry.start(), &tokens);
    run.assert_found(&LEAKED);
    assert_eq!(run.result()["pullable_by"], json!(null));
}

#[test]
fn a_witness_sees_nothing_of_it() {
    // The helper itself: it fails where a secret was told.
    let server = Server::witness();
    let secret = secret("password");
    let registry = Registry::new().image("team/app", "1", &leaky_image(), GZIP);
    let registry = registry.access(Access::Basic("robot".to_owned(), secret.clone())).start();
    Pull::of(&registry.target("team/app:1")).docker_login(&registry.host(), "robot", &secret).run();
    assert_untold(&server, std::slice::from_ref(&secret));
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assert_untold(&registry, &[secret])));
    assert!(seen.is_err(), "the registry itself was told");
}

/// A token for nobody hides that credentials could not be looked up, until the registry refuses it.
#[test]
fn a_helper_that_is_missing_is_named_when_a_token_for_anyone_does_not_help() {
    let server = Server::start(|request| match (request.path(), request.header("authorization")) {
        ("/token", None) => Answer::json(200, &json!({ "token": "for-anyone" })),
        ("/token", Some(_)) => Answer::new(400),
        (_, Some(_)) => Answer::error(403, "DENIED", "not for you"),
        (_, None) => {
            let realm = format!("Bearer realm=\"http://{}/token\",service=\"here\"", request.host());
            Answer::new(401).header("WWW-Authenticate", &realm)
        }
    });
    let config = json!({ "auths": { server.host(): {} }, "credsStore": "nowhere" }).to_string();
    let run =
        Pull::of(&format!("docker://{}/team/app:1", server.host())).file(".docker/config.json", config).run();
    run.assert_refused(&["DENIED: not for you", "docker login", "docker-credential-nowhere"]);
}
