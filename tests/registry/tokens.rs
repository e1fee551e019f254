//! Tokens: how a challenge becomes one, how many are asked for, and what happens when they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::auth::{GZIP, bearer, logged_in};
use super::pull::{Pull, assert_kept};
use super::{LEAKED, leaky, leaky_image};
use crate::support::http::Answer;
use crate::support::http::registry::{Access, Registry};
use crate::support::http::token::{Tokens, basic};
use crate::support::image::{Image, ImageBuilder, Layer};

/// An image of sixteen layers, each with a key: 10 to 25.
fn many_layers() -> Image {
    let layer = |number| Layer::new().file(&format!("app/file-{number}"), &crate::scan::line(number));
    (10..26).fold(ImageBuilder::new("app:1"), |image, number| image.layer(layer(number))).build()
}

#[test]
fn many_layers_take_one_token() {
    let tokens = Arc::new(Tokens::new());
    let registry = Registry::new()
        .image("team/app", "1", &many_layers(), GZIP)
        .access(Access::Bearer(Arc::clone(&tokens)))
        .start();
    let pull = Pull::of(&registry.target("team/app:1")).args(&["--jobs", "8"]);
    let run = pull.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
    run.assert_found(&(10..26).collect::<Vec<_>>());
    assert_eq!(tokens.given(), 1);
    let asked = registry.asked("GET", "/token");
    let alone = asked.iter().filter(|request| request.header("authorization").is_none()).count();
    assert!(alone <= 1, "one question without credentials tells who can pull");
    assert_eq!(asked.len() - alone, 1);
    assert!(registry.asked("GET", "/v2/").len() <= 1, "nothing is gained by asking for /v2/");
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_token_that_is_revoked_midway_is_replaced() {
    for image in [leaky_image(), leaky("app:1").platform("plan9", "mips").build()] {
        let tokens = Arc::new(Tokens::new());
        let revoking = Arc::clone(&tokens);
        let registry = Registry::new()
            .image("team/app", "1", &image, GZIP)
            .access(Access::Bearer(Arc::clone(&tokens)))
            .tamper(move |request, usual| {
                // Behind the first layer no token is good any more, once.
                if request.gets_blob(None) && usual.status == 200 && revoking.given() == 1 {
                    revoking.revoke();
                }
                usual
            })
            .start();
        let run = logged_in(&registry, &tokens);
        run.assert_found(&LEAKED);
        assert_eq!(tokens.given(), 2);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_token_that_is_never_good_ends_in_words() {
    let tokens = Arc::new(Tokens::new());
    let revoking = Arc::clone(&tokens);
    let registry = bearer(&tokens).tamper(move |request, usual| {
        if request.path() == "/token" {
            revoking.revoke();
        }
        usual
    });
    let registry = registry.start();
    let run = logged_in(&registry, &tokens);
    run.assert_refused(&["authentication required"]);
    assert!(tokens.given() <= 6, "{} tokens", tokens.given());
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    let tokens = Arc::new(Tokens::new().expiring_in(Some(3)));
    let registry = bearer(&tokens)
        .tamper(|request, usual| {
            if request.gets_blob(None) && request.nth == 0 {
                // The token's time passes while a blob is on its way.
                std::thread::sleep(Duration::from_millis(1600));
            }
            usual
        })
        .start();
    let pull = Pull::of(&registry.target("team/app:1")).args(&["--jobs", "1"]);
    let run = pull.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
    run.assert_found(&LEAKED);
    assert!(tokens.given() > 1, "time did not pass");
    // A token that has ended is not even tried: whatever is asked twice was first asked without one.
    let twice = registry.requests();
    let twice = twice.iter().filter(|request| request.nth > 0 && request.path() != "/token");
    for request in twice {
        let all = registry.requests();
        let first = all.iter().find(|other| other.is_like(request)).expect("the first one");
        assert!(first.header("authorization").is_none(), "{} was refused", first.path());
    }
    assert_kept(&run, &registry, &[]);
}

#[test]
fn tokens_of_any_term_end_the_pull() {
    for seconds in [None, Some(0), Some(1), Some(u64::MAX)] {
        let tokens = Arc::new(Tokens::new().expiring_in(seconds));
        let lasting = Arc::clone(&tokens);
        let registry = bearer(&tokens).tamper(move |request, usual| match seconds {
            // What it says and what it does are two things: these tokens last.
            Some(0 | u64::MAX) if request.path() == "/token" => {
                let token = lasting.lasting_token();
                Answer::json(200, &json!({ "token": token, "access_token": token, "expires_in": seconds }))
            }
            _ => usual,
        });
        let registry = registry.start();
        let run = logged_in(&registry, &tokens);
        run.assert_found(&LEAKED);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn an_identity_token_is_exchanged_by_post() {
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens).start();
    let nobody = basic("00000000-0000-0000-0000-000000000000", "");
    for entry in [
        json!({ "auth": nobody, "identitytoken": tokens.identity() }),
        json!({ "identitytoken": tokens.identity() }),
    ] {
        let before = registry.asked("POST", "/token").len();
        let file = json!({ "auths": { (registry.host()): entry } }).to_string();
        let run = Pull::of(&registry.target("team/app:1")).file(".docker/config.json", file).run();
        run.assert_found(&LEAKED);
        assert_kept(&run, &registry, &[]);
        let posted = &registry.asked("POST", "/token")[before..];
        assert_eq!(posted.len(), 1);
        let form = |name: &str| posted[0].form(name).unwrap_or_default();
        assert_eq!(form("grant_type"), "refresh_token");
        assert_eq!(form("service"), "registry of a test");
        assert_eq!(form("scope"), "repository:team/app:pull");
        assert_ne!(form("client_id"), "");
        assert!(posted[0].header("authorization").is_none());
        assert!(!posted[0].target.contains(tokens.identity()), "in the URL");
    }
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens).start();
    let entry = json!({ "registrytoken": tokens.lasting_token() });
    let file = json!({ "auths": { (registry.host()): entry } }).to_string();
    let run = Pull::of(&registry.target("team/app:1")).file(".docker/config.json", file).run();
    run.assert_found(&LEAKED);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn the_challenges_own_scope_is_asked_for() {
    let tokens = Arc::new(Tokens::new());
    let registry = bearer(&tokens)
        .challenge("Bearer realm=\"http://{host}/token?account=a%20b\", service=\"a, \\\"b\\\"\" ,scope=\"odd:{repository}:pull,list\"")
        .start();
    let run = logged_in(&registry, &tokens);
    run.assert_found(&LEAKED);
    let asked = registry.asked("GET", "/token");
    for request in &asked {
        assert_eq!(request.queries("scope"), ["odd:team/app:pull,list"]);
        assert_eq!(request.query("service").as_deref(), Some("a, \"b\""));
        assert_eq!(request.query("account").as_deref(), Some("a b"), "the realm's own query is kept");
    }
    assert_kept(&run, &registry, &[]);
}

#[test]
fn every_line_of_the_challenge_is_read() {
    let tokens = Arc::new(Tokens::new());
    let lines = |first: &'static str| {
        bearer(&tokens).tamper(move |_, usual| {
            let Some(at) = usual.headers.iter().position(|(name, _)| name == "WWW-Authenticate") else {
                return usual;
            };
            let mut usual = usual;
            usual.headers.insert(at, ("WWW-Authenticate".to_owned(), first.to_owned()));
            usual
        })
    };
    for registry in [
        lines("Negotiate"),
        lines("NTLM, Digest realm=\"a, b\", nonce=\"1\""),
        bearer(&tokens).challenge(
            "Negotiate, bearer REALM = \"http://{host}/token\" , Service=registry, scope=\"repository:{repository}:pull\"",
        ),
    ] {
        let registry = registry.start();
        let run = logged_in(&registry, &tokens);
        run.assert_found(&LEAKED);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_challenge_that_cannot_be_answered_is_said() {
    let tokens = Arc::new(Tokens::new());
    for challenge in ["Negotiate", "", "Bearer", "Bearer realm=\"\"", "Bearer realm=\"not a url\""] {
        let registry = bearer(&tokens).challenge(challenge).start();
        let run = logged_in(&registry, &tokens);
        run.assert_status(2);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_token_that_is_no_token() {
    for answer in [
        Answer::json(200, &json!({})),
        Answer::json(200, &json!({ "token": "" })),
        Answer::json(200, &json!({ "token": "a\r\nX-Injected: b" })),
        Answer::text(200, "<html>please log in</html>"),
        Answer::new(200).endless(),
        Answer::new(500),
        Answer::new(204),
    ] {
        let tokens = Arc::new(Tokens::new());
        let registry = bearer(&tokens)
            .tamper(move |request, usual| if request.path() == "/token" { answer.clone() } else { usual });
        let registry = registry.start();
        let login = Pull::of(&registry.target("team/app:1")).args(&["--retries", "1"]);
        let run = login.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
        run.assert_refused(&["token"]);
        assert!(registry.requests().iter().all(|request| request.header("x-injected").is_none()));
        assert!(registry.bytes_sent() < 16 << 20, "{} bytes were read", registry.bytes_sent());
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn many_layers_whose_token_ends_take_one_more() {
    let tokens = Arc::new(Tokens::new());
    let (revoking, done) = (Arc::clone(&tokens), AtomicBool::new(false));
    let registry = Registry::new()
        .image("team/app", "1", &many_layers(), GZIP)
        .access(Access::Bearer(Arc::clone(&tokens)))
        .tamper(move |request, usual| {
            if request.gets_blob(None) && usual.status == 200 && !done.swap(true, Ordering::SeqCst) {
                revoking.revoke();
            }
            usual
        })
        .start();
    let pull = Pull::of(&registry.target("team/app:1")).args(&["--jobs", "8"]);
    let run = pull.docker_login(&registry.host(), tokens.username(), tokens.password()).run();
    run.assert_found(&(10..26).collect::<Vec<_>>());
    assert_eq!(tokens.given(), 2);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_token_that_ends_while_a_blob_breaks_off_is_replaced() {
    let tokens = Arc::new(Tokens::new());
    let revoking = Arc::clone(&tokens);
    let registry = bearer(&tokens)
        .tamper(move |request, usual| {
            if request.gets_blob(None) && usual.body.len() > 100_000 && request.nth < 6 {
                revoking.revoke();
                return usual.cut_after(50_000);
            }
            usual
        })
        .start();
    let run = logged_in(&registry, &tokens);
    run.assert_found(&LEAKED);
    assert!(tokens.given() > 1);
    assert_kept(&run, &registry, &[]);
}

#[test]
fn a_token_service_that_fails_once_is_asked_again() {
    for answer in [
        Answer::new(503),
        Answer::error(429, "TOOMANYREQUESTS", "slow down").header("Retry-After", "1"),
        Answer::close(),
        Answer::text(200, "{\"token\":\"").cut_after(5),
    ] {
        let tokens = Arc::new(Tokens::new());
        let registry = bearer(&tokens)
            .tamper(
                move |request, usual| {
                    if request.path() == "/token" && request.nth == 0 { answer.clone() } else { usual }
                },
            )
            .start();
        let run = logged_in(&registry, &tokens);
        run.assert_found(&LEAKED);
        assert_kept(&run, &registry, &[]);
    }
}

#[test]
fn a_service_that_knows_oauth2_only_is_posted_to() {
    for status in [404, 405] {
        let tokens = Arc::new(Tokens::new());
        let registry = bearer(&tokens)
            .tamper(move |request, usual| {
                if request.path() == "/token" && request.method == "GET" {
                    Answer::new(status)
                } else {
                    usual
                }
            })
            .start();
        let run = logged_in(&registry, &tokens);
        run.assert_found(&LEAKED);
        let posted = registry.asked("POST", "/token");
        assert_eq!(posted[0].form("grant_type").as_deref(), Some("password"));
        assert!(!posted[0].target.contains(tokens.password()), "in the URL");
        assert_kept(&run, &registry, &[]);
    }
}
