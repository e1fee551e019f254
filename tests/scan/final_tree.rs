//! Keys in layers: which layer and step brought each, and whether the tree that a runtime builds still
//! holds it.

use serde_json::json;

use super::{DETECTOR, Scanned, key, line};
use crate::support::image::{Image, ImageBuilder, Layer};

const BASE_STEP: &str = "/bin/sh -c #(nop) ADD file:0f in / ";
const COPY_STEP: &str = "COPY . / # buildkit";
const CLEAN_STEP: &str = "RUN /bin/sh -c make clean # buildkit";

/// Three layers at the steps 0, 2 and 4.
fn image() -> Image {
    let base = Layer::new()
        .file("etc/stays", &line(1))
        .file("etc/deleted", &line(2))
        .file("etc/overwritten", &line(3))
        .file("cache/hidden", &line(4))
        .file("linked/original", &line(5))
        .hardlink("linked/other", "linked/original")
        .file("across/original", &line(6))
        .file("real/moved", &line(7))
        .symlink("alias", "real")
        .file("folder/inside", &line(8))
        .file("thing", &line(9))
        .file("twice", &line(10))
        .file("twice", &line(11))
        .file("one", &line(12));
    let copy = Layer::new()
        .file("./etc/overwritten", &line(13))
        .hardlink("across/other", "/across/original")
        .file("alias/moved", &line(14))
        .file("folder", b"a file now")
        .dir("thing")
        .file("thing/inside", &line(15))
        .file("/two", &line(12))
        .file("cache/also-hidden", &line(16));
    let clean = Layer::new()
        .whiteout("etc/deleted")
        .opaque("cache")
        .file("cache/new", &line(17))
        .whiteout("linked/original")
        .whiteout("across/original")
        .whiteout("alias/moved")
        .file("three", &line(12));
    ImageBuilder::new("app:1")
        .layer_by(BASE_STEP, base)
        .history("ENV MODE=production", true)
        .layer_by(COPY_STEP, copy)
        .history("WORKDIR /srv", true)
        .layer_by(CLEAN_STEP, clean)
        .env("MODE", "production")
        .build()
}

#[test]
fn every_key_has_its_layer_its_step_and_its_fate() {
    let image = image();
    let scanned = Scanned::image(&image);
    scanned.assert_only(1..=17);
    let layers: Vec<_> = scanned.result["layers"].as_array().into_iter().flatten().cloned().collect();
    assert_eq!(layers.len(), 3);
    let steps = [(0, BASE_STEP), (2, COPY_STEP), (4, CLEAN_STEP)];
    let check = |number: u64, layer: usize, path: &str, removed: Option<(usize, &str)>| {
        let (history_index, created_by) = steps[layer];
        let removed_by = removed.map(|(layer, how)| json!({ "layer": layer, "how": how }));
        let introduced_by = json!({
            "layer": layer, "history_index": history_index, "created_by": created_by,
            "diff_id": image.diff_ids[layer], "digest": layers[layer]["digest"],
        });
        scanned.assert_finding(
            number,
            json!({
                "detector": DETECTOR, "severity": "critical", "confidence": "high",
                "in_final_image": removed.is_none(),
                "exposed_to": if removed.is_none() { "container" } else { "puller" },
                "introduced_by": introduced_by,
                "locations": [{
                    "kind": "file", "layer": layer, "path": path, "line": 1, "column": 9, "offset": 8,
                    "name": null, "inner": [], "decoded": [], "removed_by": removed_by,
                }],
            }),
        );
    };
    check(1, 0, "etc/stays", None);
    check(2, 0, "etc/deleted", Some((2, "whiteout")));
    check(3, 0, "etc/overwritten", Some((1, "overwritten")));
    check(13, 1, "./etc/overwritten", None);
    check(4, 0, "cache/hidden", Some((2, "opaque")));
    check(16, 1, "cache/also-hidden", Some((2, "opaque")));
    check(17, 2, "cache/new", None);
    // One name is gone, the other is not.
    check(5, 0, "linked/original", None);
    check(6, 0, "across/original", None);
    // Through the symlinked folder it was one and the same file.
    check(7, 0, "real/moved", Some((1, "overwritten")));
    check(14, 1, "alias/moved", Some((2, "whiteout")));
    check(8, 0, "folder/inside", Some((1, "replaced")));
    check(9, 0, "thing", Some((1, "replaced")));
    check(15, 1, "thing/inside", None);
    check(10, 0, "twice", Some((0, "overwritten")));
    check(11, 0, "twice", None);
}

#[test]
fn a_key_in_three_layers_is_one_finding_with_three_locations() {
    let scanned = Scanned::image(&image());
    scanned.assert_finding(
        12,
        json!({
            "in_final_image": true,
            "introduced_by": { "layer": 0, "history_index": 0 },
            "locations": [{ "layer": 0, "path": "one" }, { "layer": 1, "path": "/two" }, { "layer": 2, "path": "three" }],
        }),
    );
}

#[test]
fn a_key_that_is_deleted_in_one_place_and_not_in_another_is_in_the_final_image() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", &line(1)))
        .layer(Layer::new().whiteout("a").file("b", &line(1)))
        .build();
    Scanned::image(&image).assert_finding(
        1,
        json!({
            "in_final_image": true,
            "exposed_to": "container",
            "introduced_by": { "layer": 0 },
            "locations": [
                { "path": "a", "removed_by": { "layer": 1, "how": "whiteout" } },
                { "path": "b", "removed_by": null },
            ],
        }),
    );
}

#[test]
fn equal_layers_at_two_indexes_are_listed_at_each() {
    let same = Layer::new().file("app/.env", &line(1));
    let image = ImageBuilder::new("app:1")
        .layer(same.clone())
        .layer(Layer::new().whiteout("app/.env"))
        .layer(same)
        .build();
    let scanned = Scanned::image(&image);
    assert_eq!(image.diff_ids[0], image.diff_ids[2]);
    scanned.assert_finding(
        1,
        json!({
            "in_final_image": true,
            "introduced_by": { "layer": 0, "history_index": 0 },
            "locations": [
                { "layer": 0, "path": "app/.env", "removed_by": { "layer": 1, "how": "whiteout" } },
                { "layer": 2, "path": "app/.env", "removed_by": null },
            ],
        }),
    );
}

#[test]
fn a_link_that_is_deleted_before_its_target_leaves_nothing() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", &line(1)).hardlink("b", "a"))
        .layer(Layer::new().whiteout("a"))
        .layer(Layer::new().whiteout("b"))
        .build();
    Scanned::image(&image).assert_finding(
        1,
        json!({ "in_final_image": false, "exposed_to": "puller",
            "locations": [{ "path": "a", "removed_by": { "layer": 2, "how": "whiteout" } }] }),
    );
}

#[test]
fn several_keys_in_one_file_have_each_their_own_place() {
    let body = format!("# tokens\n\n  first: {}\n  second: {}, {}\n", key(1), key(2), key(3));
    let scanned = Scanned::image(
        &ImageBuilder::new("app:1").layer(Layer::new().file("keys.yaml", body.as_bytes())).build(),
    );
    scanned.assert_only(1..=3);
    for number in 1..=3 {
        let offset = body.find(&key(number)).expect("it is there");
        let before = &body[..offset];
        let line = before.matches('\n').count() + 1;
        let column = offset - before.rfind('\n').expect("a line break");
        let place = json!({ "path": "keys.yaml", "offset": offset, "line": line, "column": column });
        scanned.assert_finding(number, json!({ "locations": [place] }));
    }
    let places: Vec<_> = (1..=3).map(|number| scanned.finding(number)["place"].clone()).collect();
    assert!(places[0] != places[1] && places[1] != places[2] && places[0] != places[2]);
}

#[test]
fn an_image_without_history_has_layers_and_no_steps() {
    let layers = || Layer::new().file("ko-app/app", &line(1));
    let image =
        ImageBuilder::new("ko:1").layer(Layer::new().file("etc/passwd", b"root:x:0:0")).layer(layers());
    let scanned = Scanned::image(&image.without_history().env("GH_TOKEN", &key(2)).build());
    scanned.assert_finding(
        1,
        json!({ "in_final_image": true,
            "introduced_by": { "layer": 1, "history_index": null, "created_by": null } }),
    );
    scanned.assert_finding(
        2,
        json!({ "in_final_image": true,
            "introduced_by": { "layer": null, "history_index": null, "created_by": null } }),
    );
    assert_eq!(scanned.result["warnings"], json!([]));
}

#[test]
fn a_history_that_does_not_add_up_names_no_step_and_warns() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", &line(1)))
        .history("RUN /bin/sh -c true # buildkit", false)
        .layer(Layer::new().file("b", &line(2)))
        .build();
    let scanned = Scanned::image(&image);
    for (number, layer) in [(1, 0), (2, 1)] {
        let introduced_by = json!({ "layer": layer, "history_index": null, "created_by": null,
            "diff_id": image.diff_ids[layer] });
        scanned.assert_finding(number, json!({ "introduced_by": introduced_by }));
    }
    let warnings = scanned.result["warnings"].to_string();
    assert!(warnings.contains("does not add up"), "{warnings}");
}
