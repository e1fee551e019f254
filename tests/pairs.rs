//! Pairs: an id and its secret are one finding, whether they stand in lines of one file or in two files,
//! layers or variables of an image; and nothing is joined that could belong to another.

use keyseam::detect::template::{Seed, expand};
use serde_json::Value;

use crate::scan::fingerprint;
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

const FILLER: &str = "# nothing\n";

fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

fn aws_id(number: u64) -> String {
    made("{{aws-id:AKIA}}", number)
}

fn aws_secret(number: u64) -> String {
    made("{{base64:40}}", 100 + number)
}

fn id_line(number: u64) -> String {
    format!("AWS_ACCESS_KEY_ID={}\n", aws_id(number))
}

fn secret_line(number: u64) -> String {
    format!("AWS_SECRET_ACCESS_KEY={}\n", aws_secret(number))
}

fn findings_with(image: &Image, arguments: &[&str]) -> Vec<Value> {
    let scan = Keyseam::scan(&["-"]).stdin(oci(&[image], Compression::None).tar());
    let scan = arguments.iter().fold(scan, |scan, argument| scan.arg(argument));
    list(&scan.run().result()["findings"])
}

fn findings(image: &Image) -> Vec<Value> {
    findings_with(image, &[])
}

fn files(files: &[(&str, String)]) -> Vec<Value> {
    let layer = files.iter().fold(Layer::new(), |layer, (path, text)| layer.file(path, text.as_bytes()));
    findings(&ImageBuilder::new("app:1").layer(layer).build())
}

/// The finding of a key, of which there must be one at most.
#[track_caller]
fn of<'f>(findings: &'f [Value], key: &str) -> Option<&'f Value> {
    let mut fitting = findings.iter().filter(|finding| finding["fingerprint"] == fingerprint(key).as_str());
    let first = fitting.next();
    assert!(fitting.next().is_none(), "two findings of one key");
    first
}

/// `near value` of each companion of a key's finding.
#[track_caller]
fn companions(findings: &[Value], key: &str) -> Vec<String> {
    let finding = of(findings, key).expect("a finding");
    let companion = |companion: &Value| {
        let text = |name: &str| companion[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("near"), text("value"))
    };
    list(&finding["companions"]).iter().map(companion).collect()
}

#[test]
fn an_id_beside_its_secret_is_no_finding_of_its_own() {
    let found = files(&[("app/.env", format!("{}{}", id_line(1), secret_line(1)))]);
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("lines {}", aws_id(1))]);
    assert_eq!(found[0]["detector"], "aws-secret-access-key");
    let place = &found[0]["companions"][0]["locations"][0];
    assert_eq!((&place["path"], &place["line"]), (&Value::from("app/.env"), &Value::from(1)));
}

#[test]
fn a_lonely_half_is_a_finding() {
    let found = files(&[("app/id", id_line(1))]);
    assert_eq!((found.len(), &found[0]["detector"]), (1, &Value::from("aws-access-key-id")));
    let found = files(&[("app/secret", secret_line(1))]);
    assert_eq!(companions(&found, &aws_secret(1)), Vec::<String>::new());
}

#[test]
fn halves_are_joined_across_lines_files_layers_and_variables() {
    let far = format!("{}{}{}", id_line(1), FILLER.repeat(2_000), secret_line(1));
    let found = files(&[("app/far", far)]);
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("content {}", aws_id(1))]);

    let found = files(&[("run/secrets/id", id_line(1)), ("run/secrets/key", secret_line(1))]);
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("folder {}", aws_id(1))]);

    let found = files(&[("a/id", id_line(1)), ("b/key", secret_line(1))]);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("layer {}", aws_id(1))]);

    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a/id", id_line(1).as_bytes()))
        .layer(Layer::new().file("b/key", secret_line(1).as_bytes()));
    let found = findings(&image.build());
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("image {}", aws_id(1))]);
    assert_eq!(found[0]["companions"][0]["locations"][0]["layer"], 0);
    assert_eq!(found[0]["introduced_by"]["layer"], 1, "the secret's own layer");

    let image = ImageBuilder::new("app:1")
        .env("AWS_ACCESS_KEY_ID", &aws_id(1))
        .env("AWS_SECRET_ACCESS_KEY", &aws_secret(1));
    let found = findings(&image.build());
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("config {}", aws_id(1))]);
    assert_eq!(found[0]["companions"][0]["locations"][0]["name"], "AWS_ACCESS_KEY_ID");

    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("app/.env", secret_line(1).as_bytes()))
        .env("AWS_ACCESS_KEY_ID", &aws_id(1));
    let found = findings(&image.build());
    assert_eq!(companions(&found, &aws_secret(1)), [format!("image {}", aws_id(1))]);
}

#[test]
fn profiles_of_one_file_keep_their_own_ids() {
    let profile = |number: u64| format!("[p{number}]\n{}{}", secret_line(number), id_line(number));
    let found = files(&[("root/.aws/credentials", (1..=4).map(profile).collect())]);
    assert_eq!(found.len(), 4);
    for number in 1..=4 {
        assert_eq!(companions(&found, &aws_secret(number)), [format!("lines {}", aws_id(number))]);
    }
}

#[test]
fn nothing_is_guessed_between_two_that_are_equally_near() {
    let found = files(&[("a/1", id_line(1)), ("b/2", id_line(2)), ("c/3", secret_line(1))]);
    assert_eq!(found.len(), 3);
    assert!(companions(&found, &aws_secret(1)).is_empty());
    // Two secrets and one id are no better.
    let found = files(&[("a/1", id_line(1)), ("b/2", secret_line(2)), ("c/3", secret_line(1))]);
    assert_eq!(found.len(), 3);
}

#[test]
fn the_nearest_is_joined_and_leaves_the_rest_to_each_other() {
    let found = files(&[
        ("a/id", id_line(1)),
        ("a/key", secret_line(1)),
        ("b/id", id_line(2)),
        ("c/key", secret_line(2)),
    ]);
    assert_eq!(found.len(), 2);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("folder {}", aws_id(1))]);
    assert_eq!(companions(&found, &aws_secret(2)), [format!("layer {}", aws_id(2))]);
}

#[test]
fn an_id_that_has_its_secret_is_nobody_elses() {
    let pair = format!("{}{}", id_line(1), secret_line(1));
    let found = files(&[("a/.env", pair), ("b/key", secret_line(2))]);
    assert_eq!(found.len(), 2);
    assert_eq!(companions(&found, &aws_secret(1)), [format!("lines {}", aws_id(1))]);
    assert!(companions(&found, &aws_secret(2)).is_empty());
}

#[test]
fn an_id_is_not_set_aside_with_its_secret() {
    let layer = Layer::new().file("docs/key", secret_line(1).as_bytes()).file("a/id", id_line(1).as_bytes());
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let scan = Keyseam::scan(&["-"]).stdin(oci(&[&image], Compression::None).tar());
    let result = scan.file(".keyseamignore", "path:docs/** # examples\n").run().result();
    let found = list(&result["findings"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["detector"], "aws-access-key-id");
    assert_eq!(list(&result["suppressed"]).len(), 1);
}

#[test]
fn a_choice_of_detectors_takes_no_companion_away() {
    let image = ImageBuilder::new("app:1")
        .env("AWS_ACCESS_KEY_ID", &aws_id(1))
        .env("AWS_SECRET_ACCESS_KEY", &aws_secret(1))
        .build();
    for choice in [["--only", "aws-secret-access-key"], ["--skip", "aws-access-key-id"]] {
        let found = findings_with(&image, &choice);
        assert_eq!(found.len(), 1, "{choice:?}");
        assert_eq!(companions(&found, &aws_secret(1)), [format!("config {}", aws_id(1))]);
    }
    let found = findings_with(&image, &["--only", "aws-access-key-id"]);
    assert_eq!((found.len(), &found[0]["detector"]), (1, &Value::from("aws-access-key-id")));
    let lonely = ImageBuilder::new("app:1").env("AWS_ACCESS_KEY_ID", &aws_id(1)).build();
    assert!(findings_with(&lonely, &["--only", "aws-secret-access-key"]).is_empty());
}

#[test]
fn a_twilio_token_names_its_account() {
    let (account, token) = (made("AC{{hex:32}}", 1), made("{{hex:32}}", 2));
    let image =
        ImageBuilder::new("app:1").env("TWILIO_ACCOUNT_SID", &account).env("TWILIO_AUTH_TOKEN", &token);
    let found = findings(&image.build());
    assert_eq!(found.len(), 1);
    assert_eq!(companions(&found, &token), [format!("config {account}")]);
}

#[test]
fn a_token_that_needs_its_user_key_is_completed_from_anywhere() {
    let token = made("{{base62:20}}7{{base62:3}}", 1);
    let image = ImageBuilder::new("app:1").env("TEXTANYWHERE_ACCESS_TOKEN", &token);
    assert!(findings(&image.clone().build()).is_empty(), "without a user key it opens nothing");
    let found = findings(&image.clone().env("TEXTANYWHERE_USER_KEY", "48215").build());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["detector"], "textanywhere-user-key-token");
    assert_eq!(companions(&found, &token), ["config 48215"]);
    let layer = Layer::new().file("etc/sms.conf", b"# textanywhere\nuser_key=48215\n");
    let found = findings(&image.layer(layer).build());
    assert_eq!(companions(&found, &token), ["image 48215"]);
}

#[test]
fn the_table_says_where_the_other_half_stands() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("srv/id", id_line(1).as_bytes()))
        .layer(Layer::new().file("etc/key", secret_line(1).as_bytes()));
    let archive = oci(&[&image.build()], Compression::None).tar();
    let run = Keyseam::new(&["scan", "-"]).stdin(archive).run();
    let table = String::from_utf8(run.stdout).expect("UTF-8");
    assert!(table.contains(&format!("id {} (in srv/id)", aws_id(1))), "{table}");
    assert!(!table.contains(&aws_secret(1)));
}
