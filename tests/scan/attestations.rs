//! Keys in what attestations say of a build: BuildKit's provenance in both versions of SLSA, bare, in
//! envelopes, and as large as it may be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Scanned, assert_says, key, line, made};
use crate::support::cli::{FORMATS, Keyseam, list};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, layout, manifest,
    this_architecture,
};

const IN_TOTO: &str = "application/vnd.in-toto+json";
const SLSA_02: &str = "https://slsa.dev/provenance/v0.2";
const SLSA_1: &str = "https://slsa.dev/provenance/v1";

/// An image with the documents of an attestation manifest that describes it.
fn attested(image: &Image, media_type: &str, documents: &[String]) -> Members {
    let mut members = Members::default();
    let mut entry = manifest(&mut members, image, Compression::Gzip);
    entry["platform"] = json!({ "os": "linux", "architecture": this_architecture() });
    let mut layers = Vec::new();
    for document in documents {
        let mut layer = members.blob(media_type, document.as_bytes());
        layer["annotations"] = json!({ "in-toto.io/predicate-type": SLSA_02 });
        layers.push(layer);
    }
    let config = members.blob(OCI_CONFIG, br#"{"os":"unknown","architecture":"unknown"}"#);
    let attestation =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    let mut attestation = members.blob(OCI_MANIFEST, attestation.to_string().as_bytes());
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": entry["digest"],
    });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry, attestation] });
    let index = members.blob(OCI_INDEX, index.to_string().as_bytes());
    layout(&mut members, &[index]);
    members
}

/// Digests of the layers of an image as [`attested`] stores it.
fn digests(image: &Image) -> Vec<Value> {
    let mut members = Members::default();
    let manifest = manifest(&mut members, image, Compression::Gzip);
    let name = manifest["digest"].as_str().expect("a digest").replace("sha256:", "blobs/sha256/");
    let layers = members.json(&name)["layers"].clone();
    layers.as_array().expect("layers").iter().map(|layer| layer["digest"].clone()).collect()
}

/// What a statement of either version is made from.
#[derive(Default)]
struct Build {
    args: Value,
    /// The variables of each RUN, and the digests of the layers up to it.
    runs: Vec<(Vec<String>, Vec<Value>)>,
    dockerfile: String,
}

impl Build {
    fn new(args: Value) -> Self {
        Self { args, dockerfile: "FROM scratch\n".to_owned(), ..Self::default() }
    }

    fn steps(&self) -> Value {
        let step = |(index, (env, _)): (usize, &(Vec<String>, _))| {
            json!({ "id": format!("step{index}"), "op": { "Op": { "exec": { "meta": {
                "args": ["/bin/sh", "-c", "make"], "env": env, "cwd": "/" } } } } })
        };
        json!({ "llbDefinition": self.runs.iter().enumerate().map(step).collect::<Vec<_>>() })
    }

    fn metadata(&self) -> Value {
        let layers = |(index, (_, digests)): (usize, &(_, Vec<Value>))| {
            let chain: Vec<Value> = digests.iter().map(|digest| json!({ "digest": digest })).collect();
            (format!("step{index}:0"), json!([chain]))
        };
        let layers: serde_json::Map<String, Value> = self.runs.iter().enumerate().map(layers).collect();
        let file = json!({ "filename": "Dockerfile", "data": STANDARD.encode(&self.dockerfile) });
        json!({ "source": { "infos": [file] }, "layers": layers })
    }

    fn slsa_02(&self) -> String {
        let predicate = json!({
            "invocation": { "parameters": { "frontend": "dockerfile.v0", "args": self.args } },
            "buildConfig": self.steps(),
            "metadata": { "https://mobyproject.org/buildkit@v1#metadata": self.metadata() },
        });
        json!({ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": SLSA_02, "predicate": predicate })
            .to_string()
    }

    fn slsa_1(&self) -> String {
        let predicate = json!({
            "buildDefinition": {
                "externalParameters": { "request": { "frontend": "dockerfile.v0", "args": self.args } },
                "internalParameters": { "buildConfig": self.steps() },
            },
            "runDetails": { "metadata": { "buildkit_metadata": self.metadata() } },
        });
        json!({ "_type": "https://in-toto.io/Statement/v1", "predicateType": SLSA_1, "predicate": predicate })
            .to_string()
    }

    fn both(&self) -> [String; 2] {
        [self.slsa_02(), self.slsa_1()]
    }
}

/// Scans an archive as a file, and from a pipe in both orders of its members: the results are the same.
#[track_caller]
fn scan(members: &Members) -> Scanned {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.tar");
    std::fs::write(&path, members.tar()).expect("a file");
    let scanned = Scanned::of(&Keyseam::scan(&[&path]).run());
    for piped in [members.tar(), members.clone().reversed().tar()] {
        let piped = Scanned::archive(piped);
        assert_eq!(told(&piped), told(&scanned));
        assert_eq!(piped.result["opaque"], scanned.result["opaque"]);
    }
    scanned
}

/// The findings without how an image is deleted where it lies, which names that place.
fn told(scanned: &Scanned) -> Vec<Value> {
    let mut findings = list(&scanned.result["findings"]);
    findings.iter_mut().for_each(|finding| finding["remediation"]["image_steps"] = Value::Null);
    findings
}

fn plain_image() -> ImageBuilder {
    ImageBuilder::new("app:1").layer(Layer::new().file("a", b"a"))
}

#[test]
fn build_arguments_are_named_and_stand_once() {
    let build = Build::new(json!({
        "build-arg:TOKEN": key(1), "label:ci": key(2), "context:base": format!("https://{}@example.com/r.git", key(3)),
        "vcs:source": format!("https://x:{}@example.com/r.git", key(4)), "target": key(5),
    }));
    for statement in build.both() {
        let scanned = scan(&attested(&plain_image().build(), IN_TOTO, &[statement]));
        scanned.assert_only(1..=5);
        for (number, name) in [(1, "build-arg:TOKEN"), (2, "label:ci"), (3, "context:base"), (5, "target")] {
            scanned.assert_finding(
                number,
                json!({ "in_final_image": false, "exposed_to": "puller",
                    "introduced_by": { "layer": null, "history_index": null, "created_by": null },
                    "locations": [{ "kind": "attestation", "name": name, "layer": null, "decoded": [] }] }),
            );
        }
        assert_eq!(scanned.finding(1)["locations"][0]["offset"], 0, "in the value");
        assert_eq!(scanned.finding(4)["locations"][0]["name"], "vcs:source");
    }
}

#[test]
fn an_argument_of_a_step_is_one_finding_that_the_step_introduced() {
    let run = |number: u64| format!("RUN |1 TOKEN={} /bin/sh -c make # buildkit", key(number));
    let image = plain_image().layer_by(&run(1), Layer::new().file("b", b"b")).build();
    let build = Build::new(json!({ "build-arg:TOKEN": key(1), "build-arg:EARLY": key(2) }));
    for statement in build.both() {
        let scanned = scan(&attested(&image, IN_TOTO, &[statement]));
        scanned.assert_only([1, 2]);
        scanned.assert_finding(
            1,
            json!({
                "introduced_by": { "layer": 1, "history_index": 1, "diff_id": image.diff_ids[1],
                    "created_by": "RUN |1 TOKEN=… /bin/sh -c make # buildkit" },
                "locations": [
                    { "kind": "arg", "name": "TOKEN", "layer": 1 },
                    { "kind": "history", "layer": 1 },
                    { "kind": "attestation", "name": "build-arg:TOKEN", "layer": null },
                ],
            }),
        );
        scanned.assert_finding(2, json!({ "introduced_by": { "layer": null, "history_index": null } }));
    }
}

#[test]
fn a_variable_of_a_step_belongs_to_the_first_layer_that_a_step_made_with_it() {
    let image = plain_image()
        .layer_by("RUN /bin/sh -c make # buildkit", Layer::new().file("b", b"b"))
        .layer_by("RUN /bin/sh -c test # buildkit", Layer::new().file("c", b"c"))
        .build();
    let stored = digests(&image);
    let env = |numbers: &[u64]| numbers.iter().map(|number| format!("V{number}={}", key(*number))).collect();
    let elsewhere = json!(format!("sha256:{}", "0".repeat(64)));
    let runs =
        vec![(env(&[3]), vec![elsewhere]), (env(&[1]), stored[..2].to_vec()), (env(&[1, 2]), stored.clone())];
    let build = Build { runs, ..Build::new(json!({ "build-arg:V1": key(1) })) };
    for statement in build.both() {
        let scanned = scan(&attested(&image, IN_TOTO, &[statement]));
        scanned.assert_only(1..=3);
        for (number, layer) in [(1, json!(1)), (2, json!(2)), (3, Value::Null)] {
            let finding = scanned.finding(number);
            let by = json!({ "layer": layer, "history_index": layer, "digest": layer.as_u64().map(|at| &stored[at as usize]) });
            assert_says(&finding["introduced_by"], &by, &format!("key {number}"));
            let first = json!({ "kind": "attestation", "name": format!("env V{number}"), "layer": layer });
            assert_says(&finding["locations"][0], &first, &format!("key {number}"));
        }
        assert_eq!(scanned.finding(1)["locations"][1]["name"], "build-arg:V1");
        assert_eq!(scanned.finding(1)["locations"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn the_recorded_dockerfile_is_read() {
    let dockerfile = format!("FROM scratch\nARG EARLY={}\nCOPY . /\n", key(1));
    let build = Build { dockerfile, ..Build::new(json!({})) };
    for statement in build.both() {
        let members = attested(&plain_image().build(), IN_TOTO, &[statement]);
        let scanned = scan(&members);
        scanned.assert_only([1]);
        let place = json!({ "kind": "attestation", "name": "Dockerfile", "decoded": ["base64"], "line": 2, "column": 11 });
        scanned.assert_finding(1, json!({ "introduced_by": { "layer": null }, "locations": [place] }));
        let table = Keyseam::new(&["scan", "-o", "table", "-"]).stdin(members.tar()).run().text();
        let lines = ["attestation Dockerfile:2", "none: it stands in an attestation of the image"];
        assert!(lines.iter().all(|line| table.contains(line)), "{table}");
    }
}

#[test]
fn the_name_of_an_argument_tells_what_its_value_is() {
    let clockwork = made("{{hex:36}}{{digits:4}}", 2);
    let build = Build::new(
        json!({ "build-arg:CLOCKWORK_API_KEY": clockwork, "build-arg:REVISION": made("{{hex:40}}", 3) }),
    );
    for statement in build.both() {
        let scanned = scan(&attested(&plain_image().build(), IN_TOTO, &[statement]));
        assert_eq!(scanned.findings().len(), 1);
        let findings = scanned.findings_of(&clockwork);
        let place = json!({ "name": "build-arg:CLOCKWORK_API_KEY", "offset": 0 });
        assert_says(
            &findings[0],
            &json!({ "detector": "clockwork-api-key", "locations": [place] }),
            "the key",
        );
    }
}

/// A key of which each half is one too: where an escape cuts it, what is left still looks like a key.
const HALVES: &str = r#"
service = "Halves"
category = "generic"

[[detector]]
id = "halves"
name = "A key of halves"
kind = "token"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["ksx_"]
pattern = 'ksx_[0-9a-f]{12}(&[0-9a-f]{12})?'
boundary = "0-9a-f"

[[detector.example]]
key = "ksx_{{hex:12}}&{{hex:12}}"

[[detector.example]]
key = "ksx_{{hex:12}}"

[[detector.counter_example]]
text = "ksx_{{hex:4}}"
why = "too short"

[[detector.counter_example]]
text = "ksx-{{hex:12}}"
why = "another sign"
"#;

#[test]
fn escapes_hide_no_key_and_cut_none() {
    let halves = format!("ksx_{}&{}", made("{{hex:12}}", 4), made("{{hex:12}}", 5));
    let build = Build::new(json!({ "build-arg:TOKEN": key(1), "build-arg:HALVES": halves }));
    for statement in build.both() {
        // As Go writes JSON; and as nobody needs to.
        let statement = statement.replace('&', "\\u0026").replace("ghp_", "\\u0067hp_");
        assert!(!statement.contains("ghp_") && !statement.contains('&'));
        let archive = attested(&plain_image().build(), IN_TOTO, &[statement]).tar();
        let options = ["--no-config", "--rules", "halves.toml", "-"];
        let run = Keyseam::scan(&options).file("halves.toml", HALVES).stdin(archive).run();
        let scanned = Scanned::of(&run);
        assert_eq!(scanned.findings().len(), 2, "{:#}", scanned.result["findings"]);
        scanned.assert_finding(1, json!({ "locations": [{ "name": "build-arg:TOKEN" }] }));
        let found = scanned.findings_of(&halves);
        assert_says(
            &found[0],
            &json!({ "locations": [{ "name": "build-arg:HALVES", "offset": 0 }] }),
            "halves",
        );
    }
}

#[test]
fn envelopes_and_bundles_are_opened() {
    let build = Build::new(json!({ "build-arg:TOKEN": key(1) }));
    for statement in build.both() {
        let envelope =
            json!({ "payloadType": IN_TOTO, "payload": STANDARD.encode(statement), "signatures": [] });
        let bundle =
            json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope });
        for document in [envelope.to_string(), bundle.to_string()] {
            let place = json!({ "kind": "attestation", "name": "build-arg:TOKEN", "decoded": ["base64"], "offset": 0 });
            let scanned = scan(&attested(
                &plain_image().build(),
                "application/vnd.dsse.envelope.v1+json",
                std::slice::from_ref(&document),
            ));
            scanned.assert_only([1]);
            scanned.assert_finding(1, json!({ "locations": [place] }));
            // The same as an artifact by itself, as cosign attaches it.
            let mut members = Members::default();
            let layer = members.blob("application/vnd.dsse.envelope.v1+json", document.as_bytes());
            let config = members.blob(OCI_CONFIG, b"{}");
            let manifest =
                json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
            let manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
            layout(&mut members, &[manifest]);
            let scanned = scan(&members);
            scanned.assert_only([1]);
            scanned.assert_finding(1, json!({ "locations": [place] }));
        }
    }
}

#[test]
fn a_document_that_is_too_large_or_broken_is_searched_as_it_lies_and_counted() {
    let argument = json!({ "args": { "build-arg:TOKEN": key(1) } }).to_string();
    let large = argument.replace('}', &format!("{}}}", " ".repeat(5 << 20)));
    let scanned = scan(&attested(&plain_image().build(), IN_TOTO, &[large]));
    scanned.assert_only([1]);
    scanned.assert_finding(1, json!({ "locations": [{ "kind": "attestation", "name": SLSA_02 }] }));
    assert_eq!(scanned.result["opaque"]["by_reason"], json!({ "attestation": 1 }));
    let broken =
        scan(&attested(&plain_image().build(), IN_TOTO, &[argument.trim_end_matches('}').to_owned()]));
    broken.assert_only([1]);
    assert!(
        broken.result["warnings"].to_string().contains("not valid JSON"),
        "{}",
        broken.result["warnings"]
    );
}

#[test]
fn a_secret_value_is_shown_nowhere_though_it_is_no_known_key() {
    let (secret, plain) = ("correct horse battery", "quite-an-ordinary-place");
    let image = plain_image()
        .layer_by(
            &format!("WORKDIR /srv/{secret}/{plain}"),
            Layer::new().file(&format!("{secret}/{plain}"), &line(1)),
        )
        .build();
    let build = Build::new(json!({ "build-arg:DB_PASSWORD": secret, "build-arg:PLACE": plain }));
    let archive = attested(&image, IN_TOTO, &[build.slsa_1()]).tar();
    let scanned = Scanned::archive(archive.clone());
    let location = scanned.finding(1)["locations"][0].clone();
    assert_eq!(location["path"], format!("…/{plain}"));
    for format in FORMATS {
        let run = Keyseam::new(&["scan", "-o", format, "-"]).stdin(archive.clone()).run();
        run.assert_status(1);
        assert!(!run.text().contains(secret) && !run.stderr.contains(secret), "{format}");
        assert!(run.text().contains(plain), "{format}");
    }
}
