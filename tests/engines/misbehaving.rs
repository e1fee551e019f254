//! What an engine may not do to a scan: make it hang, grow, go elsewhere, leak or pass for clean.

use std::io::Read;
use std::time::{Duration, Instant};

use keyseam::engine::{Client, Endpoint, Engine as Found, EngineError, Patience, Settings};
use keyseam::network;

use super::archives::inspection;
use super::fake::{Engine, Reply};
use super::{assert_fails, assert_same, expected, image, key};
use crate::support::cli::{Keyseam, Run};
use crate::support::image::docker_classic;

/// Longer than anything here may take.
const BOUND: Duration = Duration::from_secs(20);

/// An engine that is well but for what `odd` answers.
fn engine(odd: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Engine {
    Engine::start(answering(odd))
}

fn answering(odd: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> impl Fn(&str) -> Reply {
    let image = image(&["app:1"]);
    let (archive, inspection) = (docker_classic(&[&image]).tar(), inspection(&image, &["app:1"]).to_string());
    move |path| {
        odd(path).unwrap_or_else(|| match path {
            "/_ping" => Reply::ok("OK").header("Api-Version: 1.41"),
            path if path.ends_with("/json") => Reply::ok(inspection.clone()),
            _ => Reply::ok(archive.clone()),
        })
    }
}

fn scan(engine: &Engine) -> Run {
    Keyseam::scan(&["docker-daemon:app:1"]).env("DOCKER_HOST", engine.address()).run()
}

/// An engine that answers this to the question about the image.
fn inspecting(reply: Reply) -> Run {
    scan(&engine(move |path| path.ends_with("/json").then(|| reply.clone())))
}

#[test]
fn the_lower_version_is_spoken() {
    let expected = expected(&image(&["app:1"]));
    for (header, prefix) in [
        ("Api-Version: 1.24", "/v1.24"),
        ("Api-Version: 1.41", "/v1.41"),
        ("Api-Version: 9.99", "/v1.51"),
        ("Api-Version: ../../x", ""),
        ("X-Other: 1", ""),
    ] {
        let engine = engine(move |path| (path == "/_ping").then(|| Reply::ok("OK").header(header)));
        assert_same(&scan(&engine), &expected);
        let asked = engine.requests();
        assert_eq!(asked[1], format!("GET {prefix}/images/app:1/json"), "{header}");
        assert!(asked[2].starts_with(&format!("GET {prefix}/images/sha256:")), "{asked:?}");
    }
}

#[test]
fn podmans_own_api_is_used_where_it_is_podman() {
    let engine = engine(|path| {
        let header = "Libpod-Api-Version: 4.3.1";
        (path == "/_ping").then(|| Reply::ok("OK").header("Api-Version: 1.41").header(header))
    });
    assert_same(&scan(&engine), &expected(&image(&["app:1"])));
    let asked = engine.requests();
    assert_eq!(asked[1], "GET /v4.3.1/libpod/images/app:1/json");
    assert!(asked[2].starts_with("GET /v1.41/images/sha256:"), "{asked:?}");
}

#[test]
fn wrong_answers_are_one_clear_line() {
    for (answer, words) in [
        ("", "gave an answer that cannot be used: it describes no image (line 1"),
        ("<html>", "gave an answer that cannot be used: it describes no image (line 1"),
        ("{}", "gave an answer that cannot be used"),
        (r#"{"Id":"../../v1.41/containers/x"}"#, "its id is no digest"),
    ] {
        assert_fails(&inspecting(Reply::ok(answer)), words);
    }
    assert_fails(&inspecting(Reply::ok(vec![b' '; 17 << 20])), "it is larger than 16777216 bytes");
    assert_fails(
        &inspecting(Reply::new("500 Internal Server Error", r#"{"message":"disk on fire"}"#)),
        "refused (500 Internal Server Error): disk on fire",
    );
    // No path of ours is this engine's: it is none, or one in front of which somebody stands.
    assert_fails(
        &inspecting(Reply::new("404 Not Found", "page not found")),
        "refused (404 Not Found): page not found",
    );
    let gone =
        engine(|path| path.ends_with("/get").then(|| Reply::new("409 Conflict", r#"{"message":"in use"}"#)));
    assert_fails(&scan(&gone), "refused (409 Conflict): in use");
    let forbidden = engine(|path| (path == "/_ping").then(|| Reply::new("403 Forbidden", "<b>no</b>")));
    assert_fails(&scan(&forbidden), "refused (403 Forbidden): <b>no</b>");
    let no_tar = engine(|path| path.ends_with("/get").then(|| Reply::ok("sorry")));
    assert_fails(&scan(&no_tar), "it is no tar");
}

#[test]
fn errors_are_bounded_and_hold_neither_keys_nor_commands_for_a_terminal() {
    let secret = key(8);
    let message = format!(r#"{{"message":"denied \u001b[31m{secret} {}"}}"#, "again ".repeat(2000));
    let run = inspecting(Reply::new("500 Internal Server Error", message));
    assert_fails(&run, "denied ");
    let said = format!("{}{}", run.stderr, run.text());
    assert!(!said.contains(&secret) && !said.contains('\u{1b}'), "{said}");
    assert!(run.stderr.len() < 2_000, "{} bytes", run.stderr.len());
    // The cut falls into the key: no part of it is left.
    let at_the_cut = format!("{}{secret}", "word ".repeat(98));
    let run = inspecting(Reply::new("500 Internal Server Error", at_the_cut));
    run.assert_status(2);
    assert!(!run.stderr.contains(&secret[..12]), "{}", run.stderr);
    let endless = inspecting(Reply::new("500 Internal Server Error", vec![b'x'; 30 << 20]));
    endless.assert_status(2);
    assert!(endless.stderr.len() < 2_000, "{} bytes", endless.stderr.len());
}

#[test]
fn redirects_and_proxies_lead_nowhere() {
    let other = Engine::start_tcp(|_| Reply::ok("{}"));
    let to = format!("Location: {}/elsewhere", other.address().replace("tcp://", "http://"));
    for path in ["/_ping", "/json", "/get"] {
        let to = to.clone();
        let engine = engine(move |asked| {
            asked.ends_with(path).then(|| Reply::new("307 Temporary Redirect", "").header(to.clone()))
        });
        assert_fails(&scan(&engine), "refused (307 Temporary Redirect)");
    }
    let proxy = other.address().replace("tcp://", "http://");
    let expected = expected(&image(&["app:1"]));
    for engine in [engine(|_| None), Engine::start_tcp(answering(|_| None))] {
        let scan = Keyseam::scan(&["docker-daemon:app:1"]).env("DOCKER_HOST", engine.address());
        let through = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "https_proxy"];
        let scan = through.iter().fold(scan, |scan, name| scan.env(name, &proxy));
        assert_same(&scan.run(), &expected);
        assert!(engine.requests().iter().all(|request| request.starts_with("GET /")));
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[test]
fn an_engine_that_hangs_is_left_in_time() {
    let start = Instant::now();
    for stage in ["/_ping", "/json"] {
        for reply in [Reply::silence(), Reply::ok("{").hang()] {
            let engine = engine(move |path| path.ends_with(stage).then(|| reply.clone()));
            let error = find(&engine, Settings::default()).expect_err("it hangs");
            assert!(matches!(error, EngineError::Silent { .. }), "{error}");
        }
    }
    let settings = Settings { timeout: Duration::from_millis(300), ..Settings::default() };
    let patience = Patience { answer: settings.timeout, export: settings.timeout };
    let silent = engine(|path| path.ends_with("/get").then(Reply::silence));
    let error = export(&silent, patience).map(drop).expect_err("it never begins");
    assert!(matches!(error, EngineError::Silent { .. }), "{error}");
    let stopping = engine(|path| path.ends_with("/get").then(|| Reply::ok(vec![1; 100_000]).hang()));
    let mut body = export(&stopping, patience).expect("it begins");
    let mut bytes = Vec::new();
    let error = body.read_to_end(&mut bytes).expect_err("it goes silent");
    assert!(error.to_string().contains("did not answer within 1 s"), "{error}");
    assert_eq!(bytes.len(), 100_000);
    assert!(start.elapsed() < BOUND);
}

fn find(engine: &Engine, settings: Settings) -> Result<keyseam::engine::Found, EngineError> {
    let address = engine.address().to_owned();
    let variables = |name: &str| (name == "DOCKER_HOST").then(|| address.clone().into());
    Found::docker(&variables)?.find("app:1", &settings, Duration::from_millis(300))
}

/// The engine's archive, with this much patience.
fn export(engine: &Engine, patience: Patience) -> Result<impl Read, EngineError> {
    let runtime = network::runtime().expect("a runtime");
    let endpoint = Endpoint::parse(engine.address(), None, "a test")?;
    runtime.block_on(async {
        let client = Client::connect("Docker", &endpoint, patience).await?;
        let image = client.inspect("app:1").await?;
        Ok(client.export(&image).await?.body(runtime))
    })
}

#[test]
fn an_engine_is_told_to_stop_when_nobody_reads() {
    let engine = engine(|path| path.ends_with("/get").then(|| Reply::ok(vec![1; 64 << 20])));
    let patience = Patience { answer: BOUND, export: BOUND };
    let mut body = export(&engine, patience).expect("it begins");
    body.read_exact(&mut [0; 10]).expect("its first bytes");
    drop(body);
    let start = Instant::now();
    // The server ends when its writing fails, which it waits for.
    drop(engine);
    assert!(start.elapsed() < BOUND);
}

#[test]
fn another_machine_is_not_asked_offline() {
    let variables = |name: &str| (name == "DOCKER_HOST").then(|| "tcp://192.0.2.1:2375".into());
    let settings = Settings { offline: true, ..Settings::default() };
    let engine = Found::docker(&variables).expect("an address");
    let error = engine.find("app:1", &settings, BOUND).expect_err("offline").to_string();
    assert!(error.contains("on another machine, which --offline keeps keyseam from asking"), "{error}");
    let local = engine_on_tcp();
    let found = find(&local, Settings { offline: true, ..Settings::default() });
    assert!(found.is_ok());
}

fn engine_on_tcp() -> Engine {
    Engine::start_tcp(answering(|_| None))
}
