//! Requests that fail for a while, for ever, slowly or with a flood: tried again where that helps, and
//! ended in time with words where it does not.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, SystemTime};

use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use super::pull::Pull;
use super::{LEAKED, leaky_image};
use crate::scan::{key, line};
use crate::support::http::certificates::{Authority, LOCAL};
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::http::{Answer, Request, Server};
use crate::support::image::{Compression, ImageBuilder, Layer};

const GZIP: Form = Form::Oci(Compression::Gzip);

/// A registry with `app:1`.
fn registry() -> Registry {
    Registry::new().image("app", "1", &leaky_image(), GZIP)
}

/// A registry that answers so to every first request of a thing that `which` picks.
fn once(which: fn(&Request) -> bool, answer: Answer) -> Serving {
    registry()
        .tamper(move |request, usual| if which(request) && request.nth == 0 { answer.clone() } else { usual })
        .start()
}

/// A registry that always answers so where `which` picks.
fn always(which: fn(&Request) -> bool, answer: Answer) -> Serving {
    registry().tamper(move |request, usual| if which(request) { answer.clone() } else { usual }).start()
}

fn is_blob(request: &Request) -> bool {
    request.gets_blob(None)
}

fn is_manifest(request: &Request) -> bool {
    request.asks_manifest()
}

const PLACES: [fn(&Request) -> bool; 2] = [is_manifest, is_blob];

/// A pull that loses no time with connections over TLS to a server that has none.
fn pull(registry: &Serving) -> Pull {
    Pull::of(&registry.target("app:1")).arg("--plain-http")
}

#[test]
fn what_fails_once_is_tried_again() {
    for which in PLACES {
        for answer in [
            Answer::new(503),
            Answer::text(500, "oops"),
            Answer::new(502),
            Answer::new(504),
            Answer::new(408),
            Answer::error(429, "TOOMANYREQUESTS", "slow down"),
            Answer::close(),
            Answer::raw("HTT"),
            Answer::text(200, "0123456789").cut_after(5),
        ] {
            let registry = once(which, answer.clone());
            pull(&registry).run().assert_found(&LEAKED);
            for request in registry.requests() {
                // Wrong bytes of a document are read once more from the start.
                assert!(request.nth <= 2, "{} came again after {answer:?}", request.target);
            }
        }
    }
}

#[test]
fn what_is_refused_is_not_tried_again() {
    for status in [400, 403, 404, 405, 410, 451, 501] {
        let registry = always(is_manifest, Answer::error(status, "DENIED", "this is not for you"));
        pull(&registry).run().assert_refused(&[&status.to_string()]);
        assert!(registry.requests().iter().all(|request| request.nth == 0), "{status}");
    }
}

#[test]
fn tries_are_counted() {
    for (retries, tries) in [("0", 1), ("2", 3)] {
        let registry = always(is_manifest, Answer::text(503, "the disk of Acme is full"));
        let run = pull(&registry).args(&["--retries", retries]).run();
        run.assert_refused(&["503", "the disk of Acme is full"]);
        assert_eq!(registry.asked("GET", "/manifests/1").len(), tries);
    }
    let registry = always(is_blob, Answer::new(503));
    let run = pull(&registry).args(&["--retries", "2"]).run();
    // The key of the environment stands in the config, and the config is a blob.
    assert!(matches!(run.status, Some(2 | 3)), "{:?}", run.status);
    run.assert_says(&["503"]);
    assert!(registry.requests().iter().all(|request| request.nth <= 2));
}

#[test]
fn not_every_image_waits_for_a_registry_that_is_gone() {
    let registry = always(|_| true, Answer::close());
    let others: Vec<String> = (2..=24).map(|tag| registry.target(&format!("app:{tag}"))).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let run = pull(&registry).args(&others).run();
    assert_eq!(run.status, Some(2));
    assert_eq!(run.json()["errors"].as_array().map(Vec::len), Some(24));
    let tries = |tag: usize| registry.asked("GET", &format!("/manifests/{tag}")).len();
    assert_eq!(tries(1), 5);
    // The others may have been asked for with the first.
    for tag in 9..=24 {
        assert_eq!(tries(tag), 1, "app:{tag}");
    }
}

#[test]
fn a_layer_that_cannot_be_had_makes_the_scan_incomplete() {
    let image = leaky_image();
    let config = image.config_digest();
    for answer in [Answer::new(503), Answer::close(), Answer::error(404, "BLOB_UNKNOWN", "blob unknown")] {
        let config = config.clone();
        let registry = registry().tamper(move |request, usual| {
            if request.gets_blob(None) && !request.path().ends_with(&config) { answer.clone() } else { usual }
        });
        let registry = registry.start();
        let run = pull(&registry).args(&["--retries", "1"]).run();
        run.assert_incomplete(1);
        assert_eq!(run.findings().len(), 1, "the key of the environment");
        assert_eq!(run.json()["summary"]["complete"], false);
    }
}

#[test]
fn retry_after_is_kept_to() {
    let soon = Answer::new(429).header("Retry-After", "2");
    for which in PLACES {
        let registry = once(which, soon.clone());
        pull(&registry).run().assert_found(&LEAKED);
        for again in registry.requests().iter().filter(|request| request.nth == 1) {
            let first =
                registry.requests().into_iter().find(|other| other.is_like(again)).expect("the first");
            let waited = again.at - first.at;
            assert!(waited >= Duration::from_millis(1990), "it came again after {waited:?}");
        }
    }
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let registry = registry()
        .tamper(move |request, usual| {
            if !(is_manifest(request) && request.nth == 0) {
                return usual;
            }
            // Whole seconds: between two and three from now.
            let then = OffsetDateTime::from(SystemTime::now() + Duration::from_secs(3));
            Answer::new(503).header("Retry-After", &then.format(format).expect("a date"))
        })
        .start();
    pull(&registry).run().assert_found(&LEAKED);
    let asked = registry.asked("GET", "/manifests/1");
    assert!(asked[1].at - asked[0].at >= Duration::from_millis(1900), "it came again at once");
}

#[test]
fn a_wait_that_is_too_long_is_said() {
    for value in ["86400", "Fri, 31 Dec 2099 23:59:59 GMT", "99999999999999999999"] {
        let registry = always(
            is_manifest,
            Answer::error(429, "TOOMANYREQUESTS", "come tomorrow").header("Retry-After", value),
        );
        let run = pull(&registry).run();
        run.assert_refused(&["429", "come tomorrow"]);
        assert!(run.took < Duration::from_secs(30), "it took {:?}", run.took);
    }
    // What cannot be read is as if it were not there; the past is now.
    for value in ["soon", "-5", "Fri, 31 Dec 1999 23:59:59 GMT"] {
        let registry = once(is_manifest, Answer::new(429).header("Retry-After", value));
        pull(&registry).run().assert_found(&LEAKED);
    }
}

#[test]
fn a_server_that_never_answers_ends() {
    let quick = ["--timeout", "1s", "--retries", "1"];
    let registry = always(is_manifest, Answer::silence());
    let run = pull(&registry).args(&quick).run();
    run.assert_refused(&[&registry.host()]);
    assert!(run.took < Duration::from_secs(30), "it took {:?}", run.took);
    let registry = always(is_blob, Answer::silence());
    let run = pull(&registry).args(&quick).run();
    assert!(matches!(run.status, Some(2 | 3)), "{:?}", run.status);
    // Not even the connection is taken: its queue is full of nobody's.
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let host = deaf.local_addr().expect("an address").to_string();
    let run = Pull::of(&format!("docker://{host}/app:1")).args(&quick).run();
    run.assert_refused(&[&host]);
}

#[test]
fn a_body_that_stalls_ends() {
    let registry = registry()
        .tamper(|request, usual| {
            // Always at the same place, wherever the answer begins.
            let stall = usual.body.len() > 100_000 && is_blob(request);
            let room = if request.nth == 0 { 50_000 } else { 0 };
            if stall { usual.stall_after(room) } else { usual }
        })
        .start();
    let run = pull(&registry).args(&["--timeout", "3s", "--retries", "1"]).run();
    run.assert_incomplete(1);
}

#[test]
fn a_byte_at_a_time_ends() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("etc/motd", b"hello\n")).build();
    for which in PLACES {
        let registry = Registry::new().image("app", "1", &image, GZIP).tamper(move |request, usual| {
            if which(request) { usual.trickle(Duration::from_millis(500)) } else { usual }
        });
        let registry = registry.start();
        // It is never silent for so long, and never done.
        let run = pull(&registry).args(&["--timeout", "1s", "--retries", "0"]).run();
        assert!(matches!(run.status, Some(2 | 3)), "{:?}", run.status);
    }
}

#[test]
fn a_flood_of_header_fields_is_refused() {
    let field = "v".repeat(10_000_000);
    for answer in [Answer::new(200).flood(100_000), Answer::new(200).header("X-Field", &field)] {
        let registry = always(is_manifest, answer);
        pull(&registry).args(&["--retries", "0"]).run().assert_refused(&[&registry.host()]);
    }
    let garbage = super::noise(100_000);
    for bytes in
        [garbage, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec(), b"HTTP/9.9 ?? what\r\n\r\n".to_vec()]
    {
        let registry = always(is_manifest, Answer::raw(bytes));
        pull(&registry).args(&["--retries", "1"]).run().assert_refused(&[&registry.host()]);
    }
}

#[test]
fn bodies_have_bounds() {
    let large = json!({ "schemaVersion": 2, "padding": "p".repeat(5 << 20) }).to_string();
    let answers = [
        ("a length", Answer::text(200, &large)),
        ("chunks", Answer::text(200, &large).chunked()),
        ("no end", Answer::new(200).endless()),
        ("a long error", Answer::new(404).endless()),
        ("a long refusal", Answer::new(400).endless()),
        (
            "more than one can hold",
            Answer::new(200).header("Content-Length", "9223372036854775807").endless(),
        ),
        ("no number", Answer::new(200).header("Content-Length", "99999999999999999999999999")),
    ];
    for (what, answer) in answers {
        let registry = always(is_manifest, answer);
        let run = pull(&registry).args(&["--retries", "0"]).run();
        assert_eq!(run.status, Some(2), "{what}: {}", run.stderr);
        assert!(run.stderr.len() < 20_000, "{what}: {} bytes were said", run.stderr.len());
        // What the system holds on its way counts too.
        assert!(registry.bytes_sent() < 24 << 20, "{what}: {} bytes were read", registry.bytes_sent());
    }
}

#[test]
fn a_config_has_a_bound() {
    let image = leaky_image();
    let config = image.config_digest();
    let registry = registry().tamper(move |request, usual| {
        if request.gets_blob(Some(&config)) { usual.with("Content-Length", None).endless() } else { usual }
    });
    let registry = registry.start();
    let run = pull(&registry).args(&["--retries", "0"]).run();
    run.assert_incomplete(1);
    assert!(registry.bytes_sent() < 24 << 20, "{} bytes were read", registry.bytes_sent());
}

#[test]
fn a_length_that_lies_gives_nothing_wrong() {
    let layer = Layer::new().file("app/.env", &line(1));
    let image = ImageBuilder::new("app:1").layer(layer).env("API_TOKEN", &key(4)).build();
    let config = image.config_digest();
    // Shorter than what is sent, and longer: both are as if the connection had broken.
    for length in ["10", "90000000"] {
        let config = config.clone();
        let registry = Registry::new().image("app", "1", &image, GZIP).tamper(move |request, usual| {
            let layer = request.gets_blob(None) && !request.path().ends_with(&config);
            if layer { usual.with("Content-Length", Some(length)) } else { usual }
        });
        let registry = registry.start();
        pull(&registry).args(&["--timeout", "4s"]).run().assert_found(&[1, 4]);
    }
}

#[test]
fn chunks_are_read() {
    let registry = registry().tamper(|_, usual| usual.chunked()).start();
    pull(&registry).run().assert_found(&LEAKED);
    let registry = registry_with_cut_chunks();
    pull(&registry).run().assert_found(&LEAKED);
    // All of a layer was there: nothing is gained by asking for it again.
    let config = leaky_image().config_digest();
    let layers = registry.requests().into_iter().filter(is_blob);
    let mut layers = layers.filter(|request| !request.path().ends_with(&config));
    assert!(layers.all(|request| request.nth == 0));
}

/// Every first answer lacks its last chunk.
fn registry_with_cut_chunks() -> Serving {
    registry().tamper(|request, usual| if request.nth == 0 { usual.chunked_cut() } else { usual }).start()
}

#[test]
fn what_requests_say() {
    let registry = registry().start();
    pull(&registry).run().assert_found(&LEAKED);
    for request in registry.requests() {
        let accept = request.header("accept").unwrap_or("*/*");
        match request.gets_blob(None) {
            true => assert!(!accept.contains("manifest"), "a blob is no manifest: {accept}"),
            false => {
                for kind in [
                    "oci.image.manifest.v1+json",
                    "oci.image.index.v1+json",
                    "manifest.v2+json",
                    "manifest.list.v2+json",
                ] {
                    assert!(accept.contains(kind), "{accept}");
                }
            }
        }
        // A body that is compressed once more has another digest.
        assert!(matches!(request.header("accept-encoding"), None | Some("identity")));
        let agent = request.header("user-agent").unwrap_or_default();
        assert!(agent.starts_with("keyseam/"), "{agent}");
    }
}

#[test]
fn a_host_is_not_flooded() {
    let mut image = ImageBuilder::new("app:1");
    for number in 0..40 {
        image = image.layer(Layer::new().file(&format!("file-{number}"), b"text"));
    }
    let registry = Registry::new()
        .image("app", "1", &image.build(), GZIP)
        .tamper(|_, usual| {
            // Long enough that whatever comes at once is seen at once.
            std::thread::sleep(Duration::from_millis(30));
            usual
        })
        .start();
    pull(&registry).args(&["--jobs", "64"]).run().assert_found(&[]);
    assert!(registry.most_at_once() <= 8, "{} at once", registry.most_at_once());
}

#[test]
fn http_is_for_this_machine_or_for_who_asks() {
    for host in ["127.0.0.1", "localhost"] {
        let registry = registry().start();
        let run = Pull::of(&format!("docker://{}/app:1", registry.host_as(host))).run();
        run.assert_found(&LEAKED);
    }
    let address = "127.0.0.2".parse().expect("an address");
    let registry = registry().start_at(address);
    Pull::of(&registry.target("app:1")).run().assert_found(&LEAKED);
    // A server over TLS is not asked without it, and a broken one is not asked again without it.
    let authority = Authority::new();
    let server = Server::start_tls(authority.tls(LOCAL), |_| Answer::close());
    let run = Pull::of(&format!("docker://{}/app:1", server.host()))
        .args(&["--retries", "0", "--ca-file"])
        .arg(authority.ca_file())
        .run();
    run.assert_status(2);
    assert!(!server.requests().is_empty());
}

#[test]
fn offline_nobody_is_asked() {
    let registry = registry().start();
    let run = pull(&registry).arg("--offline").run();
    run.assert_refused(&["offline"]);
    assert_eq!(registry.requests().len(), 0);
}
