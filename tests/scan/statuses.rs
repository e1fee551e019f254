//! What a run's options make of its findings: exit statuses, thresholds, selection, ignore rules, rules of
//! the user, and the team's own secrets.

use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{DETECTOR, Scanned, assert_says, fingerprint, key, line, made};
use crate::support::cli::{FORMATS, Keyseam, Run};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};

fn archive_of(layer: Layer) -> Vec<u8> {
    oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar()
}

fn clean() -> Vec<u8> {
    archive_of(Layer::new().file("etc/hosts", b"127.0.0.1 localhost\n"))
}

/// One critical finding of high confidence.
fn critical() -> Vec<u8> {
    archive_of(Layer::new().file("app/.env", &line(1)))
}

/// One finding of high severity and medium confidence.
fn high() -> Vec<u8> {
    let key = made("{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", 1);
    archive_of(Layer::new().file("app/.env", format!("MESSAGEBIRD_API_KEY={key}\n").as_bytes()))
}

/// The same as a key of the sandbox: low.
fn low() -> Vec<u8> {
    let key = made("test_{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", 1);
    archive_of(Layer::new().file("app/.env", format!("MESSAGEBIRD_API_KEY={key}\n").as_bytes()))
}

/// An image whose layer's gzip data breaks off; `files` are in what can be read.
fn cut(layer: Layer) -> Vec<u8> {
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut image = ImageBuilder::new("app:1").layer(layer.file("noise", &noise)).build();
    let stored = Compression::Gzip.apply(&image.layers[0]);
    image.layers[0] = stored[..stored.len() / 2].to_vec();
    docker_classic(&[&image]).tar()
}

fn status(options: &[&str], archive: &[u8]) -> i32 {
    let run = Keyseam::scan(options).arg("-").stdin(archive).run();
    run.status.unwrap_or_else(|| panic!("a signal ended it: {}", run.stderr))
}

#[test]
fn the_status_says_what_was_found_and_whether_all_was_read() {
    assert_eq!(status(&[], &clean()), 0);
    assert_eq!(status(&[], &critical()), 1);
    assert_eq!(status(&[], b"no archive at all"), 2);
    assert_eq!(status(&[], &cut(Layer::new())), 3);
    let both = Keyseam::scan(&["-"]).stdin(cut(Layer::new().file("key", &line(1)))).run();
    both.assert_status(1);
    let result = both.result();
    assert_eq!(
        (&result["complete"], both.json()["summary"]["complete"].as_bool()),
        (&json!(false), Some(false))
    );
    assert!(result["errors"].as_array().is_some_and(|errors| !errors.is_empty()));
    assert_eq!(result["errors"][0]["layer"], 0);
}

#[test]
fn thresholds_decide_what_counts_and_the_report_holds_all() {
    let rows: [(&[u8], &[&str], i32); 14] = [
        (&critical(), &["--fail-on", "critical"], 1),
        (&critical(), &["--fail-on", "critical", "--min-confidence", "high"], 1),
        (&critical(), &["--fail-on", "never"], 0),
        (&critical(), &["--exit-zero"], 0),
        (&high(), &["--fail-on", "critical"], 0),
        (&high(), &["--fail-on", "high"], 1),
        (&high(), &["--min-confidence", "high"], 0),
        (&high(), &["--fail-on", "low", "--min-confidence", "low"], 1),
        (&low(), &[], 0),
        (&low(), &["--fail-on", "low"], 1),
        (&low(), &["--fail-on", "never"], 0),
        (&clean(), &["--fail-on", "low", "--min-confidence", "low"], 0),
        (&cut(Layer::new()), &["--exit-zero"], 3),
        (&cut(Layer::new().file("key", &line(1))), &["--fail-on", "never"], 3),
    ];
    for (archive, options, expected) in rows {
        let run = Keyseam::scan(options).arg("-").stdin(archive).run();
        assert_eq!(run.status, Some(expected), "{options:?}: {}", run.stderr);
    }
    let run = Keyseam::scan(&["--fail-on", "critical", "-"]).stdin(high()).run();
    assert_eq!(run.finding("messagebird-access-key")["severity"], "high", "below the threshold it is told");
}

#[test]
fn of_several_images_the_worst_status_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    let clean = path("clean.tar", &clean());
    let found = path("found.tar", &critical());
    let cut = path("cut.tar", &cut(Layer::new()));
    let missing = folder.path().join("missing.tar").display().to_string();
    let rows: [(&[&String], i32); 6] = [
        (&[&clean, &clean], 0),
        (&[&clean, &cut], 3),
        (&[&cut, &missing], 2),
        (&[&missing, &found], 1),
        (&[&found, &cut, &clean], 1),
        (&[&clean, &missing], 2),
    ];
    for (images, expected) in rows {
        let run = Keyseam::scan(images).run();
        assert_eq!(run.status, Some(expected), "{images:?}");
        let without_result = images.iter().filter(|image| **image == &missing).count();
        let report = run.json();
        assert_eq!(report["results"].as_array().map(Vec::len), Some(images.len() - without_result));
        assert_eq!(report["errors"].as_array().map(Vec::len), Some(without_result));
    }
    assert_eq!(Keyseam::scan(&[&missing, &found]).arg("--exit-zero").run().status, Some(2));
}

#[test]
fn detectors_services_and_categories_can_be_chosen() {
    let messagebird = made("{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", 1);
    let text = format!("GH={}\nMESSAGEBIRD_API_KEY={messagebird}\n", key(1));
    let archive = archive_of(Layer::new().file("app/.env", text.as_bytes()));
    let found = |options: &[&str]| {
        let run = Keyseam::scan(options).arg("-").stdin(archive.clone()).run();
        // What is not asked for is not told, and still never shown.
        assert!(!run.text().contains(&key(1)) && !run.text().contains(&messagebird));
        let mut ids: Vec<String> =
            run.findings().iter().filter_map(|one| Some(one["detector"].as_str()?.to_owned())).collect();
        ids.sort();
        (run.status, ids.join(" "))
    };
    let both = format!("{DETECTOR} messagebird-access-key");
    assert_eq!(found(&[]), (Some(1), both.clone()));
    for only in [DETECTOR, "GitHub", "github", "vcs"] {
        assert_eq!(found(&["--only", only]), (Some(1), DETECTOR.to_owned()), "{only}");
        assert_eq!(found(&["--skip", only]), (Some(1), "messagebird-access-key".to_owned()), "{only}");
    }
    assert_eq!(found(&["--only", "vcs,messaging"]), (Some(1), both));
    assert_eq!(found(&["--only", "vcs", "--skip", DETECTOR]), (Some(0), String::new()));
    assert_eq!(status(&["--only", "no-such-service"], &archive), 2);
}

#[test]
fn ignore_rules_suppress_count_and_name() {
    let archive = archive_of(Layer::new().file("app/.env", &line(1)).file("docs/example", &line(2)));
    let place = {
        let scanned = Scanned::archive(archive.clone());
        scanned.finding(1)["place"].as_str().expect("a place").to_owned()
    };
    let with = |rules: &str, options: &[&str]| {
        Keyseam::scan(options).arg("-").stdin(archive.clone()).file(".keyseamignore", rules).run()
    };
    for selector in [place, fingerprint(&key(1)), "path:app/**".to_owned()] {
        let rule = format!("{selector} # rotated in June");
        let run = with(&format!("# a comment\n{rule}\n"), &[]);
        run.assert_status(1);
        Scanned::of(&run).assert_only([2]);
        let by = format!(".keyseamignore:2: {rule}");
        let suppressed = json!([{ "fingerprint": fingerprint(&key(1)), "detector": DETECTOR, "by": by }]);
        assert_says(&run.result()["suppressed"], &suppressed, &rule);
        assert_eq!(run.json()["summary"]["suppressed"], 1);
        assert_eq!(run.json()["summary"]["findings"], 1);
    }
    let all = with(&format!("detector:{DETECTOR} # examples all\n"), &[]);
    all.assert_status(0);
    assert_eq!(all.json()["summary"]["suppressed"], 2);
    with(&format!("detector:{DETECTOR} # examples all\n"), &["--no-config"]).assert_status(1);
    let expired = with(&format!("detector:{DETECTOR} until=2020-01-01 # once\n"), &[]);
    expired.assert_status(1);
    assert!(expired.stderr.contains(".keyseamignore:1"), "{}", expired.stderr);
    let wrong = with("this is no rule\n", &[]);
    wrong.assert_status(2);
    assert!(wrong.stderr.contains(".keyseamignore:1"), "{}", wrong.stderr);
    let table =
        Keyseam::new(&["scan", "-"]).stdin(archive.clone()).file(".keyseamignore", "path:app/** # rotated\n");
    let table = table.run();
    assert!(table.assert_status(1).text().contains(".keyseamignore"), "the table names the rule");
}

const RULES: &str = r#"
service = "Shop"
category = "generic"

[[detector]]
id = "shop-token"
name = "Shop token"
kind = "token"
severity = "high"
confidence = "high"
public_prefix = ["shop_"]

[[detector.form]]
anchors = ["shop_"]
pattern = 'shop_[0-9a-f]{32}'

[[detector.example]]
key = "shop_{{hex:32}}"

[[detector.example]]
key = "shop_{{hex:32}}"
text = "SHOP={{key}}"

[[detector.counter_example]]
text = "shop_{{hex:8}}"
why = "too short"

[[detector.counter_example]]
text = "shop_floor_plan"
why = "no token"
"#;

#[test]
fn rules_of_the_user_find_too() {
    let token = made("shop_{{hex:32}}", 1);
    let archive = archive_of(Layer::new().file("shop.ini", token.as_bytes()).file("b", &line(2)));
    let with = |rules: &str| {
        Keyseam::scan(&["--rules", "rules.toml", "-"]).stdin(archive.clone()).file("rules.toml", rules).run()
    };
    let run = with(RULES);
    run.assert_status(1);
    let finding = run.finding("shop-token");
    assert_eq!((&finding["service"], &finding["severity"]), (&json!("Shop"), &json!("high")));
    assert_eq!(finding["fingerprint"], fingerprint(&token).as_str());
    assert_eq!(Scanned::of(&run).finding(2)["detector"], DETECTOR);
    let wrong = with(&RULES.replace("pattern = 'shop_", "pattern = '(shop_"));
    wrong.assert_status(2);
    assert!(wrong.stderr.contains("rules.toml"), "{}", wrong.stderr);
    assert_eq!(status(&["--rules", "missing.toml"], &archive), 2);
}

#[test]
fn two_detectors_on_the_same_bytes_are_one_finding() {
    let rules = RULES.replace("shop_[0-9a-f]{32}", "ghp_[0-9A-Za-z]{36}").replace("shop_\"", "ghp_\"");
    let rules = rules
        .replace("shop_{{hex:32}}", "{{github:ghp_}}")
        .replace("confidence = \"high\"", "confidence = \"medium\"");
    let run =
        Keyseam::scan(&["--rules", "rules.toml", "-"]).stdin(critical()).file("rules.toml", rules).run();
    run.assert_status(1);
    let scanned = Scanned::of(&run);
    scanned.assert_only([1]);
    scanned.assert_finding(1, json!({ "detector": DETECTOR, "also": ["shop-token"] }));
}

/// A value that no detector knows.
const OWN: &str = "{{lower:5}} {{base62:9}}/+{{digits:4}}?";

fn own_secret_image(value: &str) -> Image {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let url: String = value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let shifted = STANDARD.encode(format!("x:{value}:y"));
    ImageBuilder::new("app:1")
        .layer(Layer::new().file("raw", format!("pass is {value}\n").as_bytes()))
        .layer(
            Layer::new().file("base64", STANDARD.encode(value).as_bytes()).file("inside", shifted.as_bytes()),
        )
        .layer(Layer::new().file("hex", hex.as_bytes()).file("url", format!("?p={url}&q=1").as_bytes()))
        .build()
}

fn assert_own_secret(run: &Run, value: &str, name: &str) {
    run.assert_status(1);
    let finding = run.finding("own-secret");
    assert_says(
        &finding,
        &json!({
            "service": name, "fingerprint": fingerprint(value), "severity": "critical", "confidence": "high",
            "introduced_by": { "layer": 0 }, "in_final_image": true,
        }),
        "the team's own secret",
    );
    let places: Vec<(&str, &Value)> = finding["locations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["path"].as_str()?, &one["decoded"])))
        .collect();
    let encoded = |encoding: &str| json!([encoding]);
    let expected = [
        ("raw", &json!([])),
        ("base64", &encoded("base64")),
        ("inside", &encoded("base64")),
        ("hex", &encoded("hex")),
        ("url", &encoded("url")),
    ];
    assert_eq!(places, expected);
    assert!(!run.text().contains(value) && !run.stderr.contains(value), "the value is shown");
}

#[test]
fn the_teams_own_secrets_are_found_in_every_encoding() {
    let value = made(OWN, 1);
    let archive = oci(&[&own_secret_image(&value)], Compression::Gzip).tar();
    Keyseam::scan(&["-"]).stdin(archive.clone()).run().assert_status(0);
    let scan = |from: &str| Keyseam::scan(&["--secrets-from", from, "-"]).stdin(archive.clone());
    assert_own_secret(&scan("env").env("DEPLOY_PASSWORD", &value).run(), &value, "DEPLOY_PASSWORD");
    let quoted = format!("# ours\nDEPLOY_PASSWORD='{value}'\n");
    assert_own_secret(&scan("ours.env").file("ours.env", quoted).run(), &value, "DEPLOY_PASSWORD");
    let object = json!({ "deploy": { "password": value } }).to_string();
    assert_own_secret(&scan("ours.json").file("ours.json", object).run(), &value, "deploy.password");
}

#[test]
fn short_and_common_values_are_refused_with_a_line_that_does_not_show_them() {
    let (short, common) = ("Zq7!x", "supersecret");
    let archive = archive_of(Layer::new().file("a", format!("{short} {common}\n").as_bytes()));
    let file = format!("SHORT_TOKEN={short}\nCOMMON_PASSWORD={common}\nGOOD_TOKEN={}\n", made(OWN, 2));
    let scan = || Keyseam::scan(&["--secrets-from", "ours.env", "-"]).stdin(archive.clone());
    let run = scan().file("ours.env", file).run();
    run.assert_status(0);
    for name in ["SHORT_TOKEN", "COMMON_PASSWORD"] {
        assert_eq!(run.stderr.lines().filter(|line| line.contains(name)).count(), 1, "{}", run.stderr);
    }
    assert!(!run.stderr.contains("GOOD_TOKEN"), "{}", run.stderr);
    assert!(!run.stderr.contains(short) && !run.stderr.contains(common), "a refused value is shown");
    let none = scan().file("ours.env", format!("SHORT_TOKEN={short}\n")).run();
    none.assert_status(2);
    assert!(!none.stderr.contains(short), "a refused value is shown");
    scan().run().assert_status(2);
}

#[test]
fn a_detector_and_the_own_value_are_one_finding() {
    let run =
        Keyseam::scan(&["--secrets-from", "env", "-"]).stdin(critical()).env("DEPLOY_TOKEN", key(1)).run();
    run.assert_status(1);
    let scanned = Scanned::of(&run);
    scanned.assert_only([1]);
    scanned.assert_finding(1, json!({ "detector": DETECTOR, "confidence": "high", "also": ["own-secret"] }));
}

#[test]
fn a_closed_pipe_never_changes_the_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image.tar");
    for (archive, expected) in [(clean(), 0), (critical(), 1), (cut(Layer::new()), 3)] {
        std::fs::write(&path, archive).expect("a file");
        for format in FORMATS {
            let (mut command, home) = Keyseam::new(&["scan", "-o", format]).arg(&path).into_command();
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program runs");
            drop(child.stdout.take());
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(output.status.code(), Some(expected), "{format}");
            drop(home);
        }
    }
}
