//! Archives in base64 in texts, as the tools write them.

use serde_json::json;

use super::{Workshop, assert_place, at, config, opaque, scan};

#[test]
fn gzip_and_zip_in_base64_in_texts() {
    let lines = [
        ("gzip -c app.ini | base64", &[][..], &["base64", "gzip"][..]),
        ("gzip -c app.ini | base64 -w0", &[], &["base64", "gzip"]),
        (
            "echo 'data: |'; gzip -c app.ini | base64 | sed 's/^/    /'; echo 'kind: Secret'",
            &[],
            &["base64", "gzip"],
        ),
        ("printf 'x=\"%s\"' $(gzip -c app.ini | base64 -w0 | tr -d = | tr +/ -_)", &[], &["base64", "gzip"]),
        ("tar czf - app.ini | base64 -w76", &["app.ini"], &["base64"]),
        ("zip -q - app.ini | base64", &["app.ini"], &["base64"]),
        ("zstd -c app.ini | base64", &[], &["base64", "zstd"]),
        ("xz -c app.ini | base64", &[], &["base64", "xz"]),
        ("bzip2 -c app.ini | base64", &[], &["base64", "bzip2"]),
        // A release as Helm stores it, in the manifest of the Secret.
        (
            "printf 'data:\\n  release: '; gzip -nc app.ini | base64 -w0 | base64 -w0",
            &[],
            &["base64", "base64", "gzip"],
        ),
        // In a document of JSON, line breaks as escapes.
        (
            "gzip -c app.ini | base64 | python3 -c 'import json,sys; print(json.dumps({\"a\": \"x\\n\" + sys.stdin.read()}))'",
            &[],
            &["base64", "gzip"],
        ),
    ];
    let made: Vec<_> = (1..)
        .zip(&lines)
        .map(|(number, (line, _, _))| {
            (format!("srv/{number}"), Workshop::with(&[("app.ini", &config(number))]).output(line))
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        made.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let result = scan(&files);
    for (number, ((path, _), (line, inner, decoded))) in (1..).zip(files.iter().zip(lines)) {
        assert_eq!(super::places(&result, number).len(), 1, "{line}");
        assert_place(&result, number, &at(path, inner, decoded));
    }
    assert_eq!(opaque(&result), json!({}));
}

#[test]
fn an_archive_behind_the_script_that_unpacks_it() {
    let workshop = Workshop::with(&[("app.ini", &config(1))]);
    let script = workshop.output("echo '#!/bin/sh'; echo 'tail -n +3 $0 | tar xz; exit'; tar czf - app.ini");
    let result = scan(&[("setup.run", &script)]);
    assert_place(&result, 1, &at("setup.run", &["app.ini"], &[]));
}
