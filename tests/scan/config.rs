//! Keys outside the layers: in the config, the build history, and the annotations of manifest, index and
//! descriptors.

use serde_json::{Value, json};

use super::{Scanned, key, line};
use crate::support::image::{
    Compression, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, layout,
};

/// The layers stand at the steps 0, 4 and 12.
fn image() -> ImageBuilder {
    let words = |first: &str, second: &str| format!("[{first:?} {second:?}]");
    ImageBuilder::new("app:1")
        .layer_by("/bin/sh -c #(nop) ADD file:0f in / ", Layer::new().file("a", b"a"))
        .history(&format!("ENV GH_TOKEN={}", key(1)), true)
        .history(&format!("ENV OTHER={}", key(2)), true)
        .history(&format!("ENV OTHER={}", key(3)), true)
        .layer_by(
            &format!("RUN |2 MODE=fast TOKEN={} /bin/sh -c make # buildkit", key(4)),
            Layer::new().file("b", b"b"),
        )
        .history(&format!("ARG PLAIN={}", key(5)), true)
        .history(&format!("LABEL ci={}", key(6)), true)
        .history(&format!("ENTRYPOINT {}", words("/app", &format!("--token={}", key(7)))), true)
        .history(&format!("CMD {}", words("--key", &key(8))), true)
        .history(&format!("HEALTHCHECK &{{[\"CMD-SHELL\" \"check {}\"] \"0s\" \"0s\"}}", key(9)), true)
        .history(&format!("ONBUILD RUN fetch {}", key(10)), true)
        .history(&format!("USER {}", key(11)), true)
        .layer_by(
            &format!("RUN /bin/sh -c curl -H 'token: {}' example.com # buildkit", key(12)),
            Layer::new().file("c", b"c"),
        )
        .env("PATH", "/usr/bin:/bin")
        .env("GH_TOKEN", &key(1))
        .env("OTHER", &key(3))
        .env("UNEXPLAINED", &key(13))
        .label("ci", &key(6))
        .entrypoint(&["/app", &format!("--token={}", key(7))])
        .cmd(&["--key", &key(8)])
        .config("Healthcheck", json!({ "Test": ["CMD-SHELL", format!("check {}", key(9))] }))
        .config("OnBuild", json!([format!("RUN fetch {}", key(10))]))
        .config("User", json!(key(11)))
        .config("WorkingDir", json!(format!("/srv/{}", key(14))))
        .field("author", json!(format!("bot {}", key(15))))
        .field("comment", json!(format!("pushed with {}", key(16))))
        .field("docker_version", json!(key(17)))
        .field("container_config", json!({ "Env": [format!("BUILD={}", key(18))], "Cmd": ["x", key(19)] }))
}

/// Kinds of the locations of a finding.
fn kinds(finding: &Value) -> Vec<&str> {
    finding["locations"].as_array().into_iter().flatten().filter_map(|one| one["kind"].as_str()).collect()
}

#[test]
fn every_text_of_the_config_has_its_step_and_says_who_sees_it() {
    let image = image().build();
    let scanned = Scanned::image(&image);
    scanned.assert_only(1..=19);
    // The number, the kinds of its places, its step and that step's layer, whether a container sees it.
    type Row<'a> = (u64, &'a [&'a str], Option<(usize, Option<usize>)>, bool);
    let rows: [Row<'_>; 19] = [
        (1, &["env", "history"], Some((1, None)), true),
        (2, &["env", "history"], Some((2, None)), false),
        (3, &["env", "history"], Some((3, None)), true),
        (4, &["arg", "history"], Some((4, Some(1))), false),
        (5, &["arg", "history"], Some((5, None)), false),
        (6, &["label", "history"], Some((6, None)), false),
        (7, &["entrypoint", "history"], Some((7, None)), true),
        (8, &["cmd", "history"], Some((8, None)), true),
        (9, &["healthcheck", "history"], Some((9, None)), true),
        (10, &["onbuild", "history"], Some((10, None)), false),
        (11, &["user", "history"], Some((11, None)), true),
        (12, &["history"], Some((12, Some(2))), false),
        (13, &["env"], None, true),
        (14, &["config"], None, true),
        (15, &["author"], None, false),
        (16, &["comment"], None, false),
        (17, &["config"], None, false),
        (18, &["env"], None, false),
        (19, &["cmd"], None, false),
    ];
    for (number, places, step, in_final_image) in rows {
        let finding = scanned.finding(number);
        assert_eq!(kinds(&finding), places, "places of key {number}");
        let layer = step.and_then(|(_, layer)| layer);
        let diff_id = layer.map(|layer| &image.diff_ids[layer]);
        let introduced_by =
            json!({ "history_index": step.map(|(step, _)| step), "layer": layer, "diff_id": diff_id });
        scanned.assert_finding(
            number,
            json!({
                "introduced_by": introduced_by,
                "in_final_image": in_final_image,
                "exposed_to": if in_final_image { "container" } else { "puller" },
            }),
        );
        assert_eq!(finding["introduced_by"]["created_by"].is_string(), step.is_some(), "key {number}");
    }
}

#[test]
fn variables_arguments_and_labels_are_named_and_their_values_masked() {
    let scanned = Scanned::image(&image().build());
    for (number, name, created_by) in [
        (1, "GH_TOKEN", "ENV GH_TOKEN=…"),
        (4, "TOKEN", "RUN |2 MODE=… TOKEN=… /bin/sh -c make # buildkit"),
        (5, "PLAIN", "ARG PLAIN=…"),
    ] {
        let finding = scanned.finding(number);
        assert_eq!(finding["locations"][0]["name"], name);
        assert_eq!(finding["locations"][0]["offset"], 0, "in the value");
        assert_eq!(finding["introduced_by"]["created_by"], created_by);
    }
    assert_eq!(scanned.finding(6)["locations"][0]["name"], "ci");
}

#[test]
fn a_key_in_a_file_and_in_the_config_is_introduced_by_the_earlier_step() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", b"a"))
        .history(&format!("ENV EARLY={}", key(1)), true)
        .layer(Layer::new().file("early", &line(1)).file("late", &line(2)))
        .history(&format!("ENV LATE={}", key(2)), true)
        .layer(Layer::new().whiteout("late").file("unexplained", &line(3)))
        .env("EARLY", &key(1))
        .env("LATE", &key(2))
        .env("UNEXPLAINED", &key(3))
        .build();
    let scanned = Scanned::image(&image);
    let early = scanned.finding(1);
    assert_eq!(kinds(&early), ["env", "history", "file"]);
    assert_eq!(
        (&early["introduced_by"]["layer"], &early["introduced_by"]["history_index"]),
        (&Value::Null, &json!(1))
    );
    let late = scanned.finding(2);
    assert_eq!(kinds(&late), ["file", "env", "history"]);
    assert_eq!(
        (&late["introduced_by"]["layer"], &late["introduced_by"]["history_index"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(late["in_final_image"], true, "the variable is");
    let unexplained = scanned.finding(3);
    assert_eq!(kinds(&unexplained), ["file", "env"]);
    assert_eq!(unexplained["introduced_by"]["layer"], 2);
}

#[test]
fn a_name_tells_what_its_value_is() {
    let messagebird = super::made("{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", 1);
    let clockwork = super::made("{{hex:36}}{{digits:4}}", 2);
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", b"a"))
        .history(&format!("|1 CLOCKWORK_API_KEY={clockwork} /bin/sh -c true"), true)
        .env("MESSAGEBIRD_API_KEY", &messagebird)
        .env("OTHER_ID", &super::made("{{base62:25}}", 3))
        .build();
    let scanned = Scanned::image(&image);
    assert_eq!(scanned.findings().len(), 2);
    for (key, detector) in [(&messagebird, "messagebird-access-key"), (&clockwork, "clockwork-api-key")] {
        let findings = scanned.findings_of(key);
        assert_eq!(findings.len(), 1, "{detector}");
        assert_eq!(findings[0]["detector"], detector);
    }
}

#[test]
fn annotations_of_manifest_index_and_descriptors_are_searched() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("a", b"a")).build();
    let note = |number: u64| json!({ format!("note-{number}"): key(number) });
    let mut members = Members::default();
    let mut layer = members
        .blob("application/vnd.oci.image.layer.v1.tar+gzip", &Compression::Gzip.apply(&image.layers[0]));
    let mut config = members.blob(OCI_CONFIG, &image.config);
    (layer["annotations"], config["annotations"]) = (note(1), note(2));
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        "annotations": note(3), "x-vendor": { "token": key(4) } });
    let mut manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    manifest["annotations"] = note(5);
    let nested = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [manifest], "annotations": note(6) });
    let mut nested = members.blob(OCI_INDEX, nested.to_string().as_bytes());
    nested["annotations"] = note(7);
    layout(&mut members, &[nested]);
    let mut index = members.json("index.json");
    index["annotations"] = note(8);
    members.replace("index.json", index.to_string());
    let scanned = Scanned::archive(members.tar());
    scanned.assert_only(1..=8);
    for number in [1, 2, 3, 5, 6, 7, 8] {
        scanned.assert_finding(
            number,
            json!({ "in_final_image": false, "exposed_to": "puller", "introduced_by": { "layer": null },
                "locations": [{ "kind": "annotation", "name": format!("note-{number}") }] }),
        );
    }
    scanned.assert_finding(4, json!({ "in_final_image": false, "locations": [{ "kind": "manifest" }] }));
}
