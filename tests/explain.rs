//! `keyseam explain`: what to do about a leaked key.

use serde_json::{Value, json};

use keyseam::detect::template::{Seed, expand};

use crate::scan::{key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// What a template gives for a number.
fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

fn explain(arguments: &[&str]) -> Run {
    Keyseam::new(&[&["explain"], arguments].concat()).run()
}

/// A text without its line breaks, which stand wherever a line is full.
fn flowing(run: &Run) -> String {
    run.assert_status(0);
    run.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An image whose second layer brings a key and whose third one deletes the file.
fn image() -> Vec<u8> {
    let image = ImageBuilder::new("registry.example/shop:1")
        .layer_by("COPY a /a # buildkit", Layer::new().file("a", b"a"))
        .layer_by("COPY . /app # buildkit", Layer::new().file("app/.env", &line(1)))
        .layer_by("RUN /bin/sh -c rm /app/.env # buildkit", Layer::new().whiteout("app/.env"));
    oci(&[&image.build()], Compression::Gzip).tar()
}

fn report(options: &[&str]) -> Vec<u8> {
    let run = Keyseam::scan(options).args(&["--exit-zero", "-"]).stdin(image()).run();
    run.assert_status(0).stdout.clone()
}

/// What the pages that the project started from ask of an answer, and where ours gives it.
#[test]
fn the_two_keys_of_the_beginning_are_explained_in_full() {
    let of_both = [
        // How a key leaks.
        "How such keys leak",
        "`COPY . .`",
        "in source code or its history",
        "a message that asks for it under a false name",
        "one key that a whole team shares",
        "nobody looks at the log",
        // What it opens.
        "What whoever holds it can do",
        "at the owner's c",
        "no longer arrive",
        // Was it misused?
        "Was it misused?",
        "hours at which nobody works",
        // Make, roll out, revoke, in this order.
        "opy it into your secret store",
        "same fingerprint",
        "Tell the owners",
        "Try it in staging",
        "as the way back",
        "Watch your own logs for refusals",
        // What stops working, and the next key.
        "What stops working",
        "Restrict the next one",
        "a key of its own with the fewest rights",
        "second factor",
        "on a schedule",
        "Keep the next one out",
        // The image.
        "hides the key and no more",
        "collect its garbage",
    ];
    let messagebird = [
        "Developers > API access (REST)",
        "https://dashboard.messagebird.com/en/developers/access",
        "Keys of app.bird.com do not stand in",
        "`GET https://rest.messagebird.com/balance`",
        "personal data",
        "expensive numbers",
        "Keys cannot be made by API on this platform",
        "GitHub's secret scanning",
    ];
    let clockwork = [
        "Generate API Key",
        "TextAnywhere",
        "Error 58: Invalid API Key",
        "@<key>.clockworksms.com",
        "GET https://api.clockworksms.com/http/balance?key=<new key>",
        "any sender's name",
    ];
    for (detector, own) in [("messagebird-access-key", &messagebird[..]), ("clockwork-api-key", &clockwork)] {
        let text = flowing(&explain(&[detector]));
        for point in of_both.iter().chain(own) {
            assert!(text.contains(point), "{detector}: nothing says {point:?}");
        }
        let order = [
            "opy it into your secret store",
            "Find what uses the old one",
            "Try it in staging",
            "elete the old key",
        ];
        let places: Vec<Option<usize>> = order.iter().map(|step| text.find(step)).collect();
        assert!(places.is_sorted(), "{detector}: {places:?}");
    }
}

#[test]
fn a_store_and_a_language_give_the_code_with_the_keys_own_names() {
    let text = explain(&["messagebird-access-key", "--with", "vault", "--lang", "go"]);
    let text = text.assert_status(0).text();
    assert!(text.contains("func messagebirdAPIKey(") && text.contains("secret/data/messagebird"), "{text}");
    let text = explain(&["clockwork", "--with", "aws"]);
    text.assert_status(2);
    let text = explain(&["clockwork-api-key", "--with", "aws"]).assert_status(0).text();
    assert!(text.contains("import boto3") && text.contains("clockwork-sms/api-key"), "{text}");
    let text = explain(&["clockwork-api-key", "--lang", "ruby"]).assert_status(0).text();
    assert!(text.contains("CLOCKWORK_API_KEY_FILE") && text.contains("compose.yaml"), "{text}");
}

#[test]
fn a_finding_is_explained_with_its_image() {
    let report = report(&[]);
    let run = Keyseam::new(&["explain", "-"]).stdin(report.clone()).run();
    let text = flowing(&run);
    let lines: Vec<String> = run.text().lines().take(3).map(str::to_owned).collect();
    assert!(lines[0].contains("layer 1, app/.env:1") || lines[1].contains("app/.env:1"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Next:")), "{lines:?}");
    let document: Value = serde_json::from_slice(&report).expect("JSON");
    let finding = &document["results"][0]["findings"][0];
    let digest = finding["introduced_by"]["digest"].as_str().expect("a digest");
    for point in [digest, "Layer 2 deletes the file, and layer 1 still has it", "Delete the archive"] {
        assert!(text.contains(point), "nothing says {point:?}: {text}");
    }
    assert!(text.contains("https://api.github.com/credentials/revoke"), "the key half is there: {text}");
    assert!(!text.contains(&key(1)));
    // By its fingerprint, from a file, and as Markdown.
    let fingerprint = finding["fingerprint"].as_str().expect("one");
    let run = Keyseam::new(&["explain", fingerprint, "report.json", "--format", "markdown"]);
    let text = run.file("report.json", &report).run().assert_status(0).text();
    assert!(text.starts_with("## ") && text.contains("### The image, in this order"), "{text}");
    assert!(text.contains(&format!("`{digest}`")), "{text}");
    // Standard input is where a piped report is looked for.
    let run = Keyseam::new(&["explain", fingerprint]).stdin(report).run();
    assert!(run.assert_status(0).text().contains("layer 1"));
}

/// What Stripe answered to a request that failed, as its SDK for Node prints it, and as PHP writes JSON.
fn error_objects() -> (Vec<u8>, [String; 2]) {
    let ids = [30, 31].map(|number| made("req_{{base62:14}}", number));
    let first = format!("https://dashboard.stripe.com/test/logs/{}", ids[0]);
    let second = format!("https://dashboard.stripe.com/acct_{}/logs/{}", made("{{base62:16}}", 32), ids[1]);
    let log = format!(
        "StripeCardError: Your card was declined. {{\n  doc_url: 'https://stripe.com/docs/error-codes/card-declined',\n  \
         charge: 'ch_1', request_log_url: '{first}?t=1700000000'\n}}\n{{\"error\":{{\"payment_method_type\":\"card\",\
         \"request_log_url\":\"{}\"}}}}\n",
        second.replace('/', "\\/")
    );
    (log.into_bytes(), [first, second])
}

#[test]
fn stripes_error_objects_show_that_a_key_was_used_and_are_no_keys() {
    let (log, urls) = error_objects();
    let secret = made("sk_live_51{{base62:97}}", 33);
    let logs = || Layer::new().file("var/log/app.log", &log);
    let with_key = ImageBuilder::new("app:1").env("STRIPE_SECRET_KEY", &secret).layer(logs());
    let alone = ImageBuilder::new("app:1").layer(logs());
    let archive = |image: &ImageBuilder| oci(&[&image.build()], Compression::Gzip).tar();
    let run = Keyseam::scan::<&str>(&[]).arg("-").stdin(archive(&alone)).run();
    let result = run.assert_status(0).result();
    assert_eq!(result["findings"], json!([]));
    let mut told: Vec<String> =
        list(&result["evidence"]).iter().map(|used| used["url"].as_str().expect("one").to_owned()).collect();
    told.sort();
    assert_eq!(told, [urls[1].clone(), urls[0].clone()]);
    let place = &result["evidence"][0]["locations"][0];
    assert_eq!((place["path"].as_str(), place["layer"].as_u64()), (Some("var/log/app.log"), Some(0)));
    let run = Keyseam::scan::<&str>(&[]).arg("-").stdin(archive(&with_key)).run();
    assert_eq!(run.assert_status(1).findings().len(), 1);
    let text = flowing(&Keyseam::new(&["explain", "-"]).stdin(run.stdout).run());
    for url in &urls {
        assert!(text.contains(&format!("Used: {url} (in var/log/app.log")), "{text}");
    }
    let table = Keyseam::new(&["scan", "-"]).stdin(archive(&with_key)).run();
    assert!(table.assert_status(1).text().contains("dashboard.stripe.com"), "{}", table.text());
}

#[test]
fn a_report_with_whole_keys_is_explained_without_them() {
    let report = report(&["--show-secrets"]);
    assert!(String::from_utf8_lossy(&report).contains(&key(1)), "else this shows nothing");
    let mut document: Value = serde_json::from_slice(&report).expect("JSON");
    let finding = &mut document["results"][0]["findings"][0];
    finding["remediation"]["rewrite"] = json!(format!("-ENV TOKEN={}\n+ENV X=1\n", key(1)));
    finding["locations"][0]["path"] = json!(format!("app/{}\u{1b}[2J", key(1)));
    let run = Keyseam::new(&["explain", "-"]).stdin(document.to_string()).run();
    let text = run.assert_status(0).text();
    assert!(text.contains("-ENV TOKEN=") && !text.contains(&key(1)) && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_cannot_be_explained_is_answered_in_one_line() {
    let none = format!("ksf1:00000000:{}", "0".repeat(32));
    let cases: [(Vec<&str>, &[u8], &str); 6] = [
        (vec!["messagebird-acces-key"], b"", "messagebird-access-key"),
        (vec!["no-such-report.json"], b"", "there is no detector 'no-such-report.json'"),
        (vec!["-"], b"{}", "is no JSON report of keyseam (keyseam scan -o json)"),
        (vec!["-"], b"{\"version\": \"2\", \"results\": []}", "is a report of version 2, not 1"),
        (vec![&none, "-"], b"{\"version\": \"1\", \"results\": []}", "there is no finding ksf1:00000000:"),
        (vec![&none, "none.json"], b"", "cannot read none.json"),
    ];
    for (arguments, stdin, answer) in cases {
        let run = Keyseam::new(&[&["explain"], &arguments[..]].concat()).stdin(stdin).run();
        run.assert_status(2);
        assert_eq!(run.stderr.lines().count(), 1, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(answer), "{arguments:?}: {}", run.stderr);
    }
    let clean = Keyseam::new(&["explain", "-"]).stdin("{\"version\": \"1\", \"results\": []}").run();
    assert!(clean.assert_status(0).text().contains("No keys were found"));
}

#[test]
fn rules_of_ones_own_bring_their_own_advice() {
    let rules = r#"
service = "Acme"
category = "saas"

[[detector]]
id = "acme-key"
name = "Acme key"
kind = "API key"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["acme_"]
pattern = 'acme_[a-z0-9]{20}'

[[detector.example]]
key = "acme_{{chars:a-z0-9:20}}"

[[detector.example]]
key = "acme_{{chars:a-z0-9:20}}"
text = "KEY={{key}}"

[[detector.counter_example]]
text = "acme_{{chars:a-z0-9:4}}"
why = "too short"

[[detector.counter_example]]
text = "acme"
why = "a word"

[[advice]]
detectors = ["acme-key"]
about = "Opens Acme."
first = "Ask the anvil team to melt it"
allows = ["drop anvils"]
misuse = ["Read the anvil log."]
make = ["Forge a new one."]
revoke = ["Melt the old one."]
breaks = ["Anvils stay where they are."]
variable = "ACME_KEY"
"#;
    let run = Keyseam::new(&["explain", "acme-key", "--rules", "acme.toml"]).file("acme.toml", rules).run();
    let text = flowing(&run);
    assert!(
        text.contains("Next: Ask the anvil team to melt it") && text.contains("Read the anvil log."),
        "{text}"
    );
    assert!(!text.contains("general advice"));
    let wrong = rules.replace("detectors = [\"acme-key\"]", "detectors = [\"other-key\"]");
    let run = Keyseam::new(&["explain", "acme-key", "--rules", "acme.toml"]).file("acme.toml", wrong).run();
    run.assert_status(2);
    assert!(run.stderr.contains("'other-key' is no detector of its file"), "{}", run.stderr);
}
