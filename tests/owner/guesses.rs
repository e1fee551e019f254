//! What ownership makes of a guess, and of a key that is none.

use super::*;

/// Three detectors of one shape each: a guess that counts, one that hardly does, and a prefix.
fn rules() -> String {
    let rules = [
        rule("guess", "generic", "medium", "guess=", ""),
        rule("weak", "saas", "low", "weak=", ""),
        rule("prefixed", "generic", "low", "", "tst_"),
    ];
    format!("service = \"Tests\"\ncategory = \"generic\"\n{}", rules.concat())
}

/// A detector of twelve characters behind a name or a prefix.
fn rule(id: &str, category: &str, confidence: &str, name: &str, prefix: &str) -> String {
    format!(
        r#"
[[detector]]
id = "{id}"
name = "Rule {id}"
category = "{category}"
kind = "password"
severity = "high"
confidence = "{confidence}"
public_prefix = [{prefixes}]
[[detector.form]]
anchors = ["{name}{prefix}"]
pattern = '{name}(?P<key>{prefix}[a-z0-9]{{12}})'
[[detector.example]]
key = "{prefix}q7w2e9r4t1y6"
text = "{name}{{{{key}}}}"
[[detector.example]]
key = "{prefix}z8x3c5v7b2n4"
text = "a {name}{{{{key}}}} b"
[[detector.counter_example]]
text = "{name}{prefix}q7w2e9"
why = "too short"
[[detector.counter_example]]
text = "{name}{prefix}q7w2e9r4t1y6a"
why = "too long"
"#,
        prefixes = if prefix.is_empty() { String::new() } else { format!("\"{prefix}\"") },
    )
}

/// `(severity, confidence)` of the finding of a detector.
#[track_caller]
fn grades(result: &Value, detector: &str) -> (String, String) {
    let mut findings = list(&result["findings"]);
    findings.retain(|finding| finding["detector"] == detector);
    assert_eq!(findings.len(), 1, "findings of {detector}");
    let word = |name: &str| findings[0][name].as_str().expect("a word").to_owned();
    (word("severity"), word("confidence"))
}

#[test]
fn a_record_that_fits_lowers_guesses_only() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "rules.toml", rules().as_bytes());
    let text = b"guess=q7w2e9r4t1y6\nweak=z8x3c5v7b2n4\ntst_m4n8b2v6c1x5\n";
    write(folder.path(), "etc/app.conf", text);
    let sum = String::from_utf8(run("md5sum", &["etc/app.conf"], folder.path())).expect("ASCII");
    let layer = |text: &[u8]| {
        Layer::new()
            .file("var/lib/dpkg/status.d/app", b"Package: app\nVersion: 1\n")
            .file("var/lib/dpkg/status.d/app.md5sums", sum.as_bytes())
            .file("etc/app.conf", text)
    };
    let scanned = |image: &Image, more: &[&str]| {
        let archive = oci(&[image], Compression::None).tar();
        let rules = folder.path().join("rules.toml");
        Keyseam::scan(&["-"]).args(more).arg("--rules").arg(rules).stdin(archive).run().result()
    };
    let pair = |severity: &str, confidence: &str| (severity.to_owned(), confidence.to_owned());
    let expect = |result: &Value, guess, weak| {
        assert_eq!((grades(result, "guess"), grades(result, "weak")), (guess, weak));
        assert_eq!(grades(result, "prefixed"), pair("high", "low"));
    };
    let as_they_are = || (pair("high", "medium"), pair("high", "low"));
    let packaged = scanned(&image(vec![layer(text)]), &[]);
    expect(&packaged, pair("high", "low"), pair("info", "low"));
    assert_eq!(packaged["findings"][0]["owner"], owned("dpkg", "app", "1", true));

    let changed = scanned(&image(vec![layer(&[&text[..], b"# changed\n"].concat())]), &[]);
    expect(&changed, as_they_are().0, as_they_are().1);
    assert_eq!(changed["findings"][0]["owner"], owned("dpkg", "app", "1", false));

    let elsewhere = scanned(&image(vec![layer(text).file("srv/own.conf", text)]), &[]);
    expect(&elsewhere, as_they_are().0, as_they_are().1);

    write(folder.path(), "own", b"PASSWORD=q7w2e9r4t1y6\n");
    let own = folder.path().join("own").display().to_string();
    let in_use = scanned(&image(vec![layer(text)]), &["--secrets-from", &own]);
    assert_eq!(grades(&in_use, "guess"), pair("high", "high"), "the team's own value is no guess");
}
