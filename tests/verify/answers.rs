//! Answers that say nothing, late, or too much: unknown is not dead, and no answer holds up a scan.

use std::time::Duration;

use super::*;

/// What one key's service answering so comes to, and why.
fn told(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (String, String) {
    let server = Server::start(move |_| answer());
    let run = verify(&[bird_line(1)], &server).args(&["--timeout", "1s"]).run();
    run.assert_status(1);
    let verification = run.finding(MESSAGEBIRD)["verification"].clone();
    let text = |name: &str| verification[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[track_caller]
fn assert_unknown(words: &str, answer: impl Fn() -> Answer + Send + Sync + 'static) {
    let (status, reason) = told(answer);
    assert_eq!(status, "unknown", "{reason}");
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_service_in_trouble_says_nothing_of_the_key() {
    for status in [500, 502, 503, 504] {
        assert_unknown("trouble", move || Answer::text(status, "{}"));
        // Also with the words of a refusal.
        assert_unknown("trouble", move || refused().with_status(status));
    }
    assert_unknown("429", || Answer::text(429, "slow down").header("Retry-After", "1"));
    assert_unknown("429", || refused().with_status(429));
}

#[test]
fn lies_are_not_believed() {
    let portal = "<html><body>Welcome to the guest network</body></html>";
    for status in [200, 201, 204, 400, 403, 404, 407] {
        let (told, reason) = told(move || Answer::text(status, portal));
        assert_eq!(told, "unknown", "{status}: {reason}");
    }
    // A refusal of somebody else: no such code.
    assert_unknown("401", || Answer::text(401, portal));
    assert_unknown("200", || refused().with_status(200));
    assert_unknown("200", || Answer::text(200, r#"{"payment":null}"#));
    assert_unknown("200", || Answer::text(200, r#"["payment"]"#));
    assert_unknown("200", || Answer::text(200, ""));
}

#[test]
fn slow_ones_and_endless_ones_are_given_up() {
    assert_unknown("in time", Answer::silence);
    assert_unknown("in time", || balance().trickle(Duration::from_millis(300)));
    assert_unknown("in time", || balance().stall_after(5));
    assert_unknown("longer", || Answer::text(200, &"x".repeat(100_000)).endless());
    assert_unknown("longer", || Answer::text(200, &format!("{{\"payment\":\"{}\"}}", "x".repeat(300_000))));
    assert_unknown("connection", Answer::close);
    assert_unknown("connection", || balance().cut_after(5));
    assert_unknown("connection", || Answer::raw("not http at all\r\n\r\n"));
}

#[test]
fn nobody_is_asked_for_ever() {
    // Twice nobody is there: then no more is asked of that service.
    let server = Server::start(|_| Answer::silence());
    let lines: Vec<String> = (0..6).map(bird_line).collect();
    let run = verify(&lines, &server).args(&["--timeout", "1s"]).run();
    assert_eq!(statuses(&run)[MESSAGEBIRD], vec!["unknown"; 6]);
    assert_eq!(server.requests().len(), 2);
    // One that wants no more for a while is asked no more.
    let server = Server::start(|request| match request.nth {
        0 => balance(),
        _ => Answer::text(429, "{}").header("Retry-After", "3600"),
    });
    let run = verify(&lines, &server).run();
    let mut found = statuses(&run)[MESSAGEBIRD].clone();
    found.sort();
    assert_eq!(found, ["live", "unknown", "unknown", "unknown", "unknown", "unknown"]);
    assert_eq!(server.requests().len(), 2);
    // One that wants a second gets it.
    let server = Server::start(|request| match request.nth {
        0 => Answer::text(429, "{}").header("Retry-After", "1"),
        _ => balance(),
    });
    let run = verify(&lines[..2], &server).run();
    let mut found = statuses(&run)[MESSAGEBIRD].clone();
    found.sort();
    assert_eq!(found, ["live", "unknown"]);
    let times: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    assert!(times[1] - times[0] >= Duration::from_secs(1));
}

#[test]
fn one_key_after_another_is_asked_about() {
    let server = Server::start(|_| balance());
    let lines: Vec<String> = (0..5).map(bird_line).collect();
    let run = verify(&lines, &server).run();
    assert_eq!(statuses(&run)[MESSAGEBIRD], vec!["live"; 5]);
    assert_eq!(server.most_at_once(), 1);
    let times: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(150)), "it has a pace");
}

#[test]
fn of_very_many_keys_some_are_asked_about() {
    let server = Server::start(|_| balance());
    let lines: Vec<String> = (0..130).map(bird_line).collect();
    let run = verify(&lines, &server).run();
    let found = &statuses(&run)[MESSAGEBIRD];
    let asked = found.iter().filter(|status| *status == "live").count();
    assert_eq!((found.len(), asked, server.requests().len()), (130, 100, 100));
    let left = run.findings().into_iter().find(|one| one["verification"]["status"] == "unverified");
    let reason = left.expect("some")["verification"]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("more keys than one run asks about"), "{reason}");
}

#[test]
fn a_redirect_is_followed_to_the_very_host_alone() {
    let witness = Server::witness();
    let elsewhere = witness.url("/balance");
    assert_unknown("redirects elsewhere", move || Answer::redirect(302, &elsewhere));
    assert_unknown("redirects elsewhere", || {
        Answer::redirect(301, "https://rest.messagebird.com.evil.example/")
    });
    assert_unknown("redirects elsewhere", || Answer::redirect(302, "file:///etc/passwd"));
    assert_unknown("redirects more", || Answer::redirect(307, "/again"));
    assert_eq!(witness.requests().len(), 0);
    let server = Server::start(|request| match request.path() {
        "/v2/balance" => balance(),
        _ => Answer::redirect(308, "/v2/balance"),
    });
    assert_eq!(status(&verify(&[bird_line(1)], &server).run()), "live");
    // A form is not sent again: STS is asked with one.
    let server = Server::start(|_| Answer::redirect(307, "/"));
    let lines = [format!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n",
        made("{{aws-id:AKIA}}", 1),
        made("{{base64:40}}", 101)
    )];
    let run = verify(&lines, &server).run();
    assert_eq!(run.finding("aws-secret-access-key")["verification"]["status"], "unknown");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn nobody_there_is_said() {
    let server = Server::witness();
    let url = server.url("");
    drop(server);
    let run = Keyseam::scan(&["-", "--verify", "--verify-endpoint", &format!("rest.messagebird.com={url}")])
        .stdin(image(&[bird_line(1)]))
        .run();
    run.assert_status(1);
    let verification = run.finding(MESSAGEBIRD)["verification"].clone();
    assert_eq!(verification["status"], "unknown");
    let reason = verification["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("rest.messagebird.com cannot be reached"), "{reason}");
}
