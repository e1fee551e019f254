//! Where the keys of the images of `tests/docker28/builds.rs` stand, as the report has to say it: of images
//! that were just built, and of those that were recorded.

#![allow(dead_code, reason = "either kind of test uses a part of it")]

use std::path::Path;

use keyseam::detect::template::{Seed, expand};
use keyseam::image::digest::Digest;
use serde_json::Value;

use crate::support::cli::{Keyseam, list};

/// What the keys are called.
pub(crate) const PLACES: [&str; 14] = [
    "argument",
    "default",
    "copied",
    "env",
    "label",
    "literal",
    "heredoc",
    "cmd",
    "option",
    "early",
    "undeclared",
    "stage",
    "secret",
    "arm64",
];

/// The keys of one build.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// Made from a seed, for one test: real detectors know them.
    Made(u64),
    /// The same for ever: nothing but the rule here knows them, no secret scanner either.
    Recorded,
}

impl Keys {
    pub(crate) fn of(self, place: &str) -> String {
        let number = PLACES.iter().position(|known| *known == place).expect("a place of a key");
        match self {
            Self::Made(seed) => {
                let seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
                expand("{{github:ghp_}}", "", &mut Seed(seed)).expect("a template")
            }
            Self::Recorded => format!("ksrec_{}", &Digest::sha256_of(place.as_bytes()).hex()[..40]),
        }
    }
}

/// The detector of recorded keys.
const RULE: &str = r#"
service = "Recorded"
category = "generic"

[[detector]]
id = "recorded"
name = "Key of a recorded image"
kind = "token"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["ksrec_"]
pattern = 'ksrec_[0-9a-f]{40}'

[[detector.example]]
key = "ksrec_{{hex:40}}"

[[detector.example]]
key = "ksrec_{{hex:40}}"
text = "TOKEN={{key}}"

[[detector.counter_example]]
text = "ksrec_{{hex:12}}"
why = "too short"

[[detector.counter_example]]
text = "ksrec-{{hex:40}}"
why = "another sign"
"#;

/// Whose step, and which layer if it made one.
type Origin = (Option<u64>, Option<u64>, Option<&'static str>);

/// What the result of one image says.
pub(crate) struct Expected {
    /// Its platform, where it is not that of this machine.
    platform: Option<&'static str>,
    rows: &'static [Row],
    /// By build step, the line of the Dockerfile that its provenance holds.
    lines: &'static [u64],
}

/// The image with all kinds of steps.
pub(crate) const APP: &[Expected] =
    &[Expected { platform: None, rows: ROWS, lines: &[10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 23] }];

/// The image of two platforms.
pub(crate) const PLATFORMS: &[Expected] = &[
    Expected { platform: Some("linux/amd64"), rows: &[BUILD_ARGUMENT, VARIABLE, AMD64], lines: LINES },
    Expected { platform: Some("linux/arm64"), rows: &[BUILD_ARGUMENT, VARIABLE, ARM64], lines: LINES },
];

const LINES: &[u64] = &[2, 3, 4, 5];

/// A key: what introduced it, whether a container sees it, and where it stands.
struct Row {
    place: &'static str,
    /// Index of the step, index of its layer, the beginning of its text.
    by: Origin,
    in_final_image: bool,
    /// `KIND NAME-OR-PATH:LINE @LAYER -REMOVED_BY`, as far as there is one.
    locations: &'static [&'static str],
}

const NOWHERE: Origin = (None, None, None);

const BUILD_ARGUMENT: Row = Row {
    place: "argument",
    by: (Some(0), None, Some("ARG TOKEN=…")),
    in_final_image: false,
    locations: &["arg TOKEN", "history", "attestation build-arg:TOKEN"],
};

const VARIABLE: Row = Row {
    place: "env",
    by: (Some(3), None, Some("ENV API_TOKEN=…")),
    in_final_image: true,
    locations: &["env API_TOKEN", "history", "attestation Dockerfile.platforms:5 base64"],
};

const AMD64: Row = Row {
    place: "copied",
    by: (Some(2), Some(0), Some("COPY env-amd64 /app/.env # buildkit")),
    in_final_image: true,
    locations: &["file app/.env:1 @0"],
};

const ARM64: Row = Row {
    place: "arm64",
    by: (Some(2), Some(0), Some("COPY env-arm64 /app/.env # buildkit")),
    in_final_image: true,
    locations: &["file app/.env:1 @0"],
};

const ROWS: &[Row] = &[
    Row {
        place: "argument",
        by: (Some(0), None, Some("ARG TOKEN=…")),
        in_final_image: true,
        locations: &[
            "arg TOKEN",
            "history",
            "arg TOKEN @2",
            "history @2",
            "attestation env TOKEN @2",
            "arg TOKEN @3",
            "history @3",
            "file app/argument:1 @4",
            "arg TOKEN @4",
            "history @4",
            "attestation build-arg:TOKEN",
        ],
    },
    Row {
        place: "default",
        by: (Some(1), None, Some("ARG DEFAULT_TOKEN=…")),
        in_final_image: false,
        locations: &[
            "arg DEFAULT_TOKEN",
            "history",
            "arg DEFAULT_TOKEN @2",
            "history @2",
            "attestation env DEFAULT_TOKEN @2",
            "arg DEFAULT_TOKEN @3",
            "history @3",
            "arg DEFAULT_TOKEN @4",
            "history @4",
            "attestation Dockerfile:11 base64",
        ],
    },
    Row {
        place: "copied",
        by: (Some(2), Some(0), Some("COPY .env /app/.env # buildkit")),
        in_final_image: true,
        locations: &["file app/.env:1 @0"],
    },
    Row {
        place: "env",
        by: (Some(3), None, Some("ENV API_TOKEN=…")),
        in_final_image: true,
        locations: &[
            "env API_TOKEN",
            "history",
            "attestation env API_TOKEN @2",
            "attestation Dockerfile:13 base64",
        ],
    },
    Row {
        place: "label",
        by: (Some(4), None, Some("LABEL ci.token=…")),
        in_final_image: false,
        locations: &["label ci.token", "history", "attestation Dockerfile:14 base64"],
    },
    Row {
        place: "literal",
        by: (Some(6), Some(2), Some("RUN |2 TOKEN=… DEFAULT_TOKEN=… /bin/sh -c echo \"token = ")),
        in_final_image: false,
        locations: &[
            "file app/key:1 @2 -3",
            "history @2",
            "attestation llbDefinition[5].op.Op.exec.meta @2",
            "attestation Dockerfile:16 base64",
        ],
    },
    Row {
        place: "heredoc",
        by: (Some(9), Some(5), Some("COPY <<END /app/heredoc # buildkit")),
        in_final_image: true,
        locations: &[
            "file app/heredoc:1 @5",
            "attestation /END:1 base64",
            "attestation Dockerfile:21 base64",
        ],
    },
    Row {
        place: "cmd",
        by: (Some(10), None, Some("CMD [\"/app/run\" \"--token=")),
        in_final_image: true,
        locations: &["cmd", "history", "attestation Dockerfile:23 base64"],
    },
    Row {
        place: "option",
        by: NOWHERE,
        in_final_image: false,
        locations: &["label build.token", "attestation label:build.token"],
    },
    Row { place: "early", by: NOWHERE, in_final_image: false, locations: &["attestation build-arg:EARLY"] },
    Row {
        place: "undeclared",
        by: NOWHERE,
        in_final_image: false,
        locations: &["attestation build-arg:NOT_DECLARED"],
    },
    Row {
        place: "stage",
        by: NOWHERE,
        in_final_image: false,
        locations: &["attestation build-arg:STAGE_TOKEN", "attestation env STAGE_TOKEN"],
    },
];

/// Scans `target`: what the report says of each key, and that it shows none unless it is asked to.
/// `attested`: the images have their provenance with them.
#[track_caller]
pub(crate) fn check(target: &Path, images: &[Expected], keys: Keys, attested: bool) {
    check_with(images, keys, attested, |scan| scan.arg(target));
}

/// The same of an archive that comes through a pipe.
#[track_caller]
pub(crate) fn check_piped(archive: &[u8], images: &[Expected], keys: Keys, attested: bool) {
    check_with(images, keys, attested, |scan| scan.arg("-").stdin(archive));
}

/// The same of what `target` makes a scan of.
#[track_caller]
pub(crate) fn check_with(
    images: &[Expected],
    keys: Keys,
    attested: bool,
    target: impl Fn(Keyseam) -> Keyseam,
) {
    let scan = |options: &[&str]| {
        let scan = Keyseam::scan(&["--no-config", "--platform", "all", "--rules", "recorded.toml"]);
        let scan = scan.file("recorded.toml", RULE);
        let run = target(options.iter().fold(scan, |scan, option| scan.arg(option))).run();
        run.assert_status(1);
        run
    };
    let (shown, hidden) = (scan(&["--show-secrets"]), scan(&[]));
    let results = shown.results();
    assert_eq!(results.len(), images.len(), "results; it said:\n{}", shown.stderr);
    for (result, expected) in results.iter().zip(images) {
        if let Some(platform) = expected.platform {
            assert_eq!(result["platform"], platform);
        }
        assert_result(result, expected, keys, attested);
    }
    let count = |results: &[Value]| results.iter().map(|one| list(&one["findings"]).len()).sum::<usize>();
    assert_eq!(count(&hidden.results()), count(&results));
    for place in PLACES {
        let key = keys.of(place);
        assert!(!hidden.text().contains(&key) && !hidden.stderr.contains(&key), "the key '{place}' is shown");
    }
}

/// Checks every row, and that there is no other finding.
#[track_caller]
fn assert_result(result: &Value, image: &Expected, keys: Keys, attested: bool) {
    assert_eq!(result["complete"], true, "{:#}", result["errors"]);
    assert_eq!(result["warnings"], Value::Array(Vec::new()));
    let findings = list(&result["findings"]);
    let mut expected = Vec::new();
    for row in image.rows {
        let stands = |location: &&&str| attested || !location.starts_with("attestation");
        let locations: Vec<&str> = row.locations.iter().filter(stands).copied().collect();
        if locations.is_empty() {
            continue;
        }
        expected.push(row.place);
        let key = keys.of(row.place);
        let of_key: Vec<&Value> =
            findings.iter().filter(|finding| finding["secret"] == key.as_str()).collect();
        assert_eq!(of_key.len(), 1, "findings of the key '{}'", row.place);
        assert_row(row, &locations, of_key[0]);
        let step = row.by.0.and_then(|step| usize::try_from(step).ok()).filter(|_| attested);
        let line = step.and_then(|step| image.lines.get(step).copied());
        let told = of_key[0]["introduced_by"]["dockerfile"]["line"].as_u64();
        assert_eq!(told, line, "line of the Dockerfile of '{}'", row.place);
    }
    assert_eq!(findings.len(), expected.len(), "other findings than of {expected:?}: {findings:#?}");
}

#[track_caller]
fn assert_row(row: &Row, expected: &[&str], finding: &Value) {
    let place = row.place;
    let by = &finding["introduced_by"];
    let (step, layer, text) = row.by;
    assert_eq!(
        (by["history_index"].as_u64(), by["layer"].as_u64()),
        (step, layer),
        "step and layer of '{place}'"
    );
    let begins =
        by["created_by"].as_str().map(|created_by| text.is_some_and(|text| created_by.starts_with(text)));
    assert_eq!(begins, text.map(|_| true), "{} of '{place}'", by["created_by"]);
    assert_eq!(finding["in_final_image"], row.in_final_image, "'{place}'");
    let locations: Vec<String> = list(&finding["locations"]).iter().map(describe).collect();
    assert_eq!(locations, expected, "locations of '{place}'");
}

/// A location in one line, as the rows have them.
fn describe(location: &Value) -> String {
    let mut line = location["kind"].as_str().unwrap_or_default().to_owned();
    for text in [&location["path"], &location["name"]].into_iter().filter_map(Value::as_str) {
        line += &format!(" {text}");
    }
    if let Some(number) = location["line"].as_u64() {
        line += &format!(":{number}");
    }
    if let Some(layer) = location["layer"].as_u64() {
        line += &format!(" @{layer}");
    }
    if let Some(layer) = location["removed_by"]["layer"].as_u64() {
        line += &format!(" -{layer}");
    }
    for encoding in list(&location["decoded"]) {
        line += &format!(" {}", encoding.as_str().unwrap_or_default());
    }
    line
}
