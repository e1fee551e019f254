//! Texts of the image's config, and what outputs show of encoded keys.

use serde_json::json;

use super::{base64_at, piped, scan, text_of};
use crate::scan::{assert_says, fingerprint, key};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

fn image() -> Image {
    let base64 = |number| text_of("base64 -w0", format!("token={}\n", key(number)));
    let hex = text_of("xxd -p | tr -d '\\n'", key(3));
    ImageBuilder::new("app:1")
        .layer(Layer::new().file("app/a", b"nothing"))
        .history(&format!("ENV CONFIG_B64={}", base64(1)), true)
        .layer_by(
            &format!("RUN /bin/sh -c echo {} | base64 -d > /app/b # buildkit", base64(2)),
            Layer::new().file("app/b", b"b"),
        )
        .layer(Layer::new().file(&format!("app/{hex}"), b"b"))
        .env("CONFIG_B64", &base64(1))
        .label("ci", &text_of("iconv -t UTF-8 | base64 -w0 | base64 -w0", format!("token={}\n", key(4))))
        .cmd(&["/app/run", "--token", &base64(5)])
        .build()
}

#[test]
fn variables_labels_steps_and_names() {
    let run = scan(&image());
    for (number, kind, decoded) in [
        (1, "env", json!(["base64"])),
        (2, "history", json!(["base64"])),
        (3, "filename", json!(["hex"])),
        (4, "label", json!(["base64", "base64"])),
        (5, "cmd", json!(["base64"])),
    ] {
        let fingerprint = fingerprint(&key(number));
        let findings = run.findings();
        let found: Vec<_> =
            findings.iter().filter(|one| one["fingerprint"] == fingerprint.as_str()).collect();
        assert_eq!(found.len(), 1, "key {number}");
        assert_says(
            &found[0]["locations"][0],
            &json!({ "kind": kind, "decoded": decoded }),
            &format!("key {number}"),
        );
    }
    assert_eq!(run.findings().len(), 5);
}

/// Eight characters in a row of a key, in any of its encodings, are too many.
#[test]
fn no_output_shows_an_encoded_key() {
    let archive = oci(&[&image()], Compression::Gzip).tar();
    for format in [
        "table",
        "json",
        "jsonl",
        "csv",
        "sarif",
        "gitlab",
        "gitlab-secret",
        "junit",
        "html",
        "markdown",
        "github",
    ] {
        let run = Keyseam::new(&["scan", "-o", format, "-vv", "-"]).stdin(archive.clone()).run();
        if run.stdout.is_empty() {
            assert_eq!(run.status, Some(2), "{format}: {}", run.stderr);
            continue;
        }
        let said = format!("{}{}", run.text(), run.stderr);
        for number in [1, 2, 5] {
            let encoded = base64_at(&format!("token={}\n", key(number)), 10);
            assert!(!said.contains(&encoded[..8]), "{format}: key {number}");
        }
        let hex = text_of("xxd -p | tr -d '\\n'", key(3));
        assert!(!said.contains(&hex[8..24]), "{format}: key 3");
        assert!((1..=5).all(|number| !said.contains(&key(number)[4..12])), "{format}");
    }
}

#[test]
fn an_error_does_not_repeat_an_encoded_key() {
    let encoded = text_of("base64 -w0", format!("token={}\n", key(1)));
    let run = Keyseam::scan(&[format!("./{encoded}.tar")]).run();
    assert_eq!(run.status, Some(2));
    assert!(!run.stderr.contains(&base64_at(&format!("token={}\n", key(1)), 10)), "shown on standard error");
}

#[test]
fn shown_keys_are_decoded() {
    let archive = oci(&[&image()], Compression::Gzip).tar();
    let run = Keyseam::scan(&["--show-secrets", "-"]).stdin(archive).run();
    let secrets: Vec<_> = run.findings().iter().map(|one| one["secret"].clone()).collect();
    assert!((1..=5).all(|number| secrets.contains(&json!(key(number)))));
}

#[test]
fn the_teams_own_values_are_found_in_what_is_decoded_and_once() {
    let value = super::made("own, {{base62:24}}/", 1);
    let wide = piped("iconv -f UTF-8 -t UTF-16LE", format!("value: {value}\n"));
    let twice = text_of("base64 -w0 | base64 -w0", format!("value: {value}\n"));
    let wrapped = text_of("base64 -w20", format!("value: {value}\n"));
    let once = text_of("base64 -w0", format!("value: {value}\n"));
    let layer = Layer::new()
        .file("app/once", once.as_bytes())
        .file("app/twice", twice.as_bytes())
        .file("app/wide", &wide)
        .file("app/wrapped", wrapped.as_bytes());
    let archive = oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar();
    let run =
        Keyseam::scan(&["--secrets-from", "env", "-"]).stdin(archive).env("DEPLOY_PASSWORD", &value).run();
    let finding = run.finding("own-secret");
    let places: Vec<_> =
        list(&finding["locations"]).iter().map(|one| (one["path"].clone(), one["decoded"].clone())).collect();
    assert_eq!(
        places,
        [
            (json!("app/once"), json!(["base64"])),
            (json!("app/twice"), json!(["base64", "base64"])),
            (json!("app/wide"), json!(["utf-16le"])),
            (json!("app/wrapped"), json!(["base64"])),
        ]
    );
}
