//! What ownership makes of a guess, and of a key that is none.

use super::*;

/// Three detectors of one shape each: a guess that counts, one that hardly does, and a prefix.
const RULES: &str = r#"
service = "Tests"
category = "generic"

[[detector]]
id = "guess"
name = "Guess"
kind = "password"
severity = "high"
confidence = "medium"
[[detector.form]]
anchors = ["guess="]
pattern = 'guess=(?P<key>[a-z0-9]{12})'
[[detector.example]]
key = "q7w2e9r4t1y6"
text = "guess={{key}}"
[[detector.example]]
key = "z8x3c5v7b2n4"
text = "a guess={{key}} b"
[[detector.counter_example]]
text = "guess=q7w2e9"
why = "too short"
[[detector.counter_example]]
text = "guess=q7w2e9r4t1y6a"
why = "too long"

[[detector]]
id = "weak"
name = "Weak guess"
category = "saas"
kind = "password"
severity = "high"
confidence = "low"
[[detector.form]]
anchors = ["weak="]
pattern = 'weak=(?P<key>[a-z0-9]{12})'
[[detector.example]]
key = "q7w2e9r4t1y6"
text = "weak={{key}}"
[[detector.example]]
key = "z8x3c5v7b2n4"
text = "a weak={{key}} b"
[[detector.counter_example]]
text = "weak=q7w2e9"
why = "too short"
[[detector.counter_example]]
text = "weak=q7w2e9r4t1y6a"
why = "too long"

[[detector]]
id = "prefixed"
name = "Prefixed key"
kind = "token"
severity = "high"
confidence = "low"
public_prefix = ["tst_"]
[[detector.form]]
anchors = ["tst_"]
pattern = 'tst_[a-z0-9]{12}'
[[detector.example]]
key = "tst_q7w2e9r4t1y6"
text = "a={{key}}"
[[detector.example]]
key = "tst_z8x3c5v7b2n4"
text = "{{key}}"
[[detector.counter_example]]
text = "tst_q7w2e9"
why = "too short"
[[detector.counter_example]]
text = "tst_q7w2e9r4t1y6a"
why = "too long"
"#;

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
    write(folder.path(), "rules.toml", RULES.as_bytes());
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
