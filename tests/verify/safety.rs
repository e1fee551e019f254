//! To whom no key is sent, and where none may show.

use super::*;
use crate::support::cli::{FORMATS, list};

#[test]
fn a_canary_is_never_asked_about() {
    // A published canary; joined here so that no scanner of this tree trips over it.
    let id = ["AKIA", "SP2TPHJS", "QH3FJRUX"].concat();
    let server = Server::start(|_| balance());
    let lines = [format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={}\n", made("{{base64:40}}", 101))];
    let run = verify(&lines, &server).run();
    let verification = run.finding("aws-secret-access-key")["verification"].clone();
    assert_eq!(verification["status"], "unverified");
    assert!(verification["reason"].as_str().expect("a reason").contains("canary of thinkst"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn guesses_and_what_is_set_aside_are_sent_to_nobody() {
    let server = Server::start(|_| balance());
    let line = bird_line(1);
    let fingerprint =
        verify(std::slice::from_ref(&line), &server).run().finding(MESSAGEBIRD)["fingerprint"].clone();
    assert_eq!(server.requests().len(), 1);
    let rule = format!("{} # a test\n", fingerprint.as_str().expect("a fingerprint"));
    let run = verify(&[line], &server).file(".keyseamignore", rule).run();
    assert_eq!(list(&run.result()["suppressed"]).len(), 1);
    assert_eq!(server.requests().len(), 1, "no second request");
    // A password that nobody knows the service of.
    let run =
        verify(&["DB_PASSWORD=hunter2-is-no-good\nAPI_SECRET=Zq8vN3xW7pLk2mTs9RbY\n".to_owned()], &server)
            .run();
    assert!(statuses(&run).values().flatten().all(|status| status == "unverified"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn no_rules_of_the_users_send_a_key() {
    let server = Server::witness();
    let rules = "service = 'Acme'\ncategory = 'saas'\n[[detector]]\nid = 'acme-key'\nname = 'Acme key'\nkind = 'API key'\n\
                 severity = 'high'\nconfidence = 'high'\n[[detector.form]]\nanchors = ['acme_']\npattern = 'acme_[a-z]{20}'\n\
                 [[detector.example]]\nkey = 'acme_{{chars:a-z:20}}'\n[[detector.example]]\nkey = 'acme_{{chars:a-z:20}}'\ntext = 'A={{key}}'\n\
                 [[detector.counter_example]]\ntext = 'acme_{{chars:a-z:19}}'\nwhy = 'too short'\n[[detector.counter_example]]\ntext = 'acme_{{chars:0-9:20}}'\nwhy = 'digits'\n";
    let asking = format!(
        "{rules}[[verify]]\ndetectors = ['acme-key']\nurl = 'https://acme.example/'\nheaders = {{ A = '{{{{secret}}}}' }}\nlive = [{{ status = [204] }}]\n"
    );
    let scan = |text: &str| {
        verify(&["acme_abcdefghijklmnopqrsu\n".to_owned()], &server)
            .file("rules.toml", text)
            .args(&["--rules", "rules.toml"])
    };
    let run = scan(&asking).run();
    run.assert_status(2);
    assert!(
        run.stderr.contains("rules.toml") && run.stderr.contains("never ask a service"),
        "{}",
        run.stderr
    );
    let run = scan(rules).run();
    assert!(statuses(&run).values().flatten().all(|status| status == "unverified"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn only_a_flag_of_the_command_line_asks() {
    for (setting, word) in
        [("verify = true", "verify"), ("verify-endpoint = 'a.example=https://b.example'", "verify-endpoint")]
    {
        for arguments in [&[][..], &["--config", "keyseam.toml"]] {
            let run =
                Keyseam::scan(&["-"]).args(arguments).file("keyseam.toml", setting).stdin(image(&[])).run();
            run.assert_status(2);
            assert!(run.stderr.contains(&format!("there is no setting '{word}'")), "{}", run.stderr);
        }
    }
    for (arguments, words) in [
        (&["--verify", "--offline"][..], "--offline forbids"),
        (&["--verify", "--insecure"], "sits in between"),
        (&["--verify-endpoint", "a.example=https://b.example"], "--verify"),
        (&["--fail-on-status", "live"], "--verify"),
        (&["--verify", "--verify-endpoint", "a.example=http://b.example"], "http on this machine"),
        (&["--verify", "--ca-file", "missing.pem"], "missing.pem"),
    ] {
        let run = Keyseam::scan(&["-"]).args(arguments).stdin(image(&[bird_line(1)])).run();
        run.assert_status(2);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn the_status_decides_where_it_is_asked_for() {
    let (alive, gone) = (bird(1), bird(2));
    let known = alive.clone();
    let server = Server::start(move |request| match request.header("authorization") {
        Some(sent) if sent.ends_with(&known) => balance(),
        _ => refused(),
    });
    let line = |key: &str| format!("MESSAGEBIRD_API_KEY={key}\n");
    for (key, statuses, code) in [
        (&alive, "live", 1),
        (&gone, "live", 0),
        (&gone, "live,unknown", 0),
        (&gone, "dead", 1),
        (&gone, "live,dead", 1),
        (&alive, "unknown", 0),
    ] {
        let run = verify(&[line(key)], &server).args(&["--fail-on-status", statuses]).run();
        run.assert_status(code);
        assert_eq!(run.findings().len(), 1, "the report has it all the same");
    }
}

#[test]
fn a_layer_of_the_cache_is_read_again_for_its_keys() {
    let server = Server::start(|_| balance());
    let folder = tempfile::tempdir().expect("a folder");
    let cached = |scan: Keyseam| scan.arg("--cache-dir").arg(folder.path()).run();
    let (leaky, clean) = (folder.path().join("leaky.tar"), folder.path().join("clean.tar"));
    std::fs::write(&leaky, image(&[bird_line(1)])).expect("a file");
    std::fs::write(&clean, image(&["nothing here\n".to_owned()])).expect("a file");
    let plain = || Keyseam::scan(&[&leaky]);
    cached(plain());
    assert_eq!(cached(plain()).result()["layers"][0]["cached"], true);
    assert_eq!(status(&cached(plain().arg("--verify").args(&endpoints(&server, &HOSTS)))), "live");
    assert_eq!(server.requests().len(), 1);
    // What nobody needs again stays known.
    cached(Keyseam::scan(&[&clean]));
    let run = cached(Keyseam::scan(&[&clean]).arg("--verify"));
    assert_eq!(run.result()["layers"][0]["cached"], true);
}

/// A service that says the key back, another secret, and what terminals obey.
#[test]
fn what_a_service_says_is_shown_clean() {
    let (key, other) = (github(1), github(2));
    let login = format!("{key} {other} \u{1b}[2J\u{202e}<script>alert(1)</script>|`x`");
    let body = serde_json::json!({ "login": login, "type": "User" });
    let server = Server::start(move |_| Answer::json(200, &body).header("X-OAuth-Scopes", "repo"));
    let line = format!("GITHUB_TOKEN={key}\n");
    for format in FORMATS {
        let run = Keyseam::new(&["scan", "-vv", "-o", format, "--verify", "-"])
            .args(&endpoints(&server, &HOSTS))
            .stdin(image(std::slice::from_ref(&line)))
            .run();
        let text = run.text() + &run.stderr;
        for secret in [&key, &other] {
            assert!(!text.contains(secret.as_str()) && !text.contains(&secret[4..]), "{format}");
        }
        if ["table", "csv", "html", "markdown", "junit", "github"].contains(&format) {
            assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'), "{format}");
        }
        if ["html", "junit"].contains(&format) {
            assert!(!text.contains("<script>alert(1)"), "{format}");
        }
    }
}

/// Keys in addresses: of Clockwork the key is in the query, and every failure could quote it.
#[test]
fn no_failure_quotes_an_address() {
    let key = clockwork(1);
    let line = format!("CLOCKWORK_API_KEY={key}\n");
    let told = |run: &Run| {
        assert!(!(run.text() + &run.stderr).contains(&key), "{}", run.stderr);
        assert_eq!(status(run), "unknown");
    };
    let witness = Server::witness();
    let url = witness.url("");
    drop(witness);
    let dead = [format!("api.clockworksms.com={url}")];
    told(
        &Keyseam::scan(&["-vv", "-", "--verify", "--verify-endpoint"])
            .args(&dead)
            .stdin(image(std::slice::from_ref(&line)))
            .run(),
    );
    for answer in [
        Answer::close(),
        Answer::silence(),
        Answer::raw("x"),
        Answer::redirect(302, "https://elsewhere.example/"),
        Answer::new(500),
    ] {
        let server = Server::start(move |_| answer.clone());
        told(&verify(std::slice::from_ref(&line), &server).args(&["-vv", "--timeout", "1s"]).run());
    }
}
