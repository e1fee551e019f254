//! One image gives one result, in whichever shape it is handed over.

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use super::{Scanned, assert_says, fingerprint, key, line};
use crate::support::cli::Keyseam;
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, docker_25, docker_classic, docker_classic_with, oci,
    oci_platforms, podman,
};

/// An image with keys in all that every shape hands over: layers, their metadata, and the config.
fn image() -> Image {
    let noise: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let late = [noise.as_slice(), b"\n", &line(2), b"\0\0"].concat();
    let base = Layer::new().dir("app").file("app/deleted", &line(1)).file("app/late", &late);
    let top = Layer::new()
        .whiteout("app/deleted")
        .hardlink("app/again", "app/late")
        .symlink("app/link", &format!("/run/{}", key(3)));
    let same = Layer::new().file("app/thrice", &line(4)).xattr("app/x", b"", "user.note", key(5).as_bytes());
    ImageBuilder::new("app:1")
        .layer(base)
        .history(&format!("ENV GH_TOKEN={}", key(6)), true)
        .layer_by(&format!("RUN |1 TOKEN={} /bin/sh -c make # buildkit", key(7)), top)
        .layer(same.clone())
        .layer(same)
        .env("GH_TOKEN", &key(6))
        .env("UNEXPLAINED", &key(8))
        .label("ci", &key(9))
        .build()
}

/// The result without what shapes may differ in: names of the source, digests and sizes of what is
/// stored, and the documents that only some have.
fn comparable(mut result: Value) -> Value {
    for field in ["target", "source", "manifest_digest", "index_digest", "repo_digests"] {
        result[field].take();
    }
    // An archive may hold a layer twice under two names; then it is read and counted twice.
    for field in ["seconds", "bytes_compressed", "bytes_scanned", "files"] {
        result["stats"][field].take();
    }
    for layer in result["layers"].as_array_mut().into_iter().flatten() {
        ["digest", "size", "media_type"].iter().for_each(|field| drop(layer[field].take()));
    }
    for finding in result["findings"].as_array_mut().into_iter().flatten() {
        finding["introduced_by"]["digest"].take();
        finding["remediation"]["image_steps"].take();
    }
    result
}

#[track_caller]
fn assert_same(result: Value, expected: &Value, shape: &str) {
    let result = comparable(result);
    assert_says(&result, expected, shape);
    assert_says(expected, &result, shape);
}

fn shapes(image: &Image) -> Vec<(&'static str, Members)> {
    vec![
        ("docker save, classic", docker_classic(&[image])),
        ("docker save, classic, gzip layers", docker_classic_with(&[image], Compression::Gzip)),
        ("docker save, classic, zstd layers", docker_classic_with(&[image], Compression::Zstd)),
        ("docker save since 25", docker_25(&[image])),
        ("podman save", podman(&[image])),
        ("OCI, plain layers", oci(&[image], Compression::None)),
        ("OCI, gzip layers", oci(&[image], Compression::Gzip)),
        ("OCI, zstd layers", oci(&[image], Compression::Zstd)),
        ("OCI, behind an index", oci_platforms("app:1", &[image], Compression::Zstd)),
    ]
}

fn expected(image: &Image) -> Value {
    let scanned = Scanned::archive(oci(&[image], Compression::None).tar());
    scanned.assert_only(1..=9);
    let diff_ids: Vec<&Value> =
        scanned.result["layers"].as_array().into_iter().flatten().map(|layer| &layer["diff_id"]).collect();
    assert_eq!(json!(diff_ids), json!(image.diff_ids));
    comparable(scanned.result)
}

#[test]
fn one_image_is_the_same_by_path_and_from_a_pipe_in_both_orders() {
    let image = image();
    let expected = expected(&image);
    let folder = tempfile::tempdir().expect("a folder");
    for (shape, members) in shapes(&image) {
        let tar = members.tar();
        let path = folder.path().join("image.tar");
        std::fs::write(&path, &tar).expect("a file");
        assert_same(Keyseam::scan(&[&path]).run().result(), &expected, shape);
        assert_same(Keyseam::scan(&["-"]).stdin(tar).run().result(), &expected, shape);
        let run = Keyseam::scan(&["-"]).stdin(members.reversed().tar()).run();
        run.assert_status(1);
        assert_same(run.result(), &expected, &format!("{shape}, reversed"));
    }
}

#[test]
fn a_folder_and_compressed_archives_are_the_same_too() {
    let image = image();
    let expected = expected(&image);
    let folder = tempfile::tempdir().expect("a folder");
    let layout = folder.path().join("layout");
    oci(&[&image], Compression::Gzip).write_to(&layout);
    let oci_folder = format!("oci:{}", layout.display());
    assert_same(Keyseam::scan(&[oci_folder]).run().result(), &expected, "a folder");
    let path = folder.path().join("image");
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2] {
        for members in [docker_classic(&[&image]), oci(&[&image], Compression::Gzip)] {
            let bytes = compression.apply(&members.tar());
            std::fs::write(&path, &bytes).expect("a file");
            assert_same(Keyseam::scan(&[&path]).run().result(), &expected, &format!("{compression:?}"));
            let run = Keyseam::scan(&["-"]).stdin(bytes).run();
            assert_same(run.result(), &expected, &format!("{compression:?} from a pipe"));
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let image = image();
    let expected = expected(&image);
    let archive = oci(&[&image], Compression::Gzip).tar();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image.tar");
    std::fs::write(&path, &archive).expect("a file");
    for jobs in ["1", "2", "5"] {
        let run = Keyseam::scan(&["--jobs", jobs]).arg(&path).run();
        assert_same(run.result(), &expected, &format!("{jobs} jobs"));
        let run = Keyseam::scan(&["--jobs", jobs, "-"]).stdin(archive.clone()).run();
        assert_same(run.result(), &expected, &format!("{jobs} jobs from a pipe"));
    }
}

#[test]
fn several_images_in_one_archive_have_each_a_result_in_order() {
    let one = ImageBuilder::new("app:1").layer(Layer::new().file("a", &line(1))).build();
    let two = ImageBuilder::new("app:2")
        .layer(Layer::new().file("a", &line(1)))
        .layer(Layer::new().file("b", &line(2)))
        .build();
    for members in
        [docker_classic(&[&one, &two]), oci(&[&one, &two], Compression::Gzip), docker_25(&[&one, &two])]
    {
        let run = Keyseam::scan(&["-"]).stdin(members.tar()).run();
        run.assert_status(1);
        let found: Vec<Vec<Value>> = run
            .results()
            .iter()
            .map(|result| {
                let findings = result["findings"].as_array().into_iter().flatten();
                findings.map(|finding| finding["fingerprint"].clone()).collect()
            })
            .collect();
        let (first, second) = (fingerprint(&key(1)), fingerprint(&key(2)));
        assert_eq!(json!(found), json!([[first.clone()], [first, second]]));
        let summary = &run.json()["summary"];
        assert_eq!((&summary["images"], &summary["findings"]), (&json!(2), &json!(2)));
    }
}

#[test]
fn a_key_that_only_the_second_image_gives_away_is_shown_in_neither() {
    // Without its surroundings this is 40 hex digits like any other.
    let key = expand("{{hex:40}}", "", &mut Seed(23)).expect("a key");
    let named = ImageBuilder::new("app:1")
        .layer(Layer::new().file(&format!("cache/{key}/x"), &line(1)))
        .history(&format!("COPY {key} /x"), false)
        .build();
    let telling = format!("CLOCKWORK_API_KEY={key}\n");
    let telling = ImageBuilder::new("app:2").layer(Layer::new().file("a", telling.as_bytes())).build();
    let run = Keyseam::scan(&["-"]).stdin(docker_classic(&[&named, &telling]).tar()).run();
    run.assert_status(1);
    assert_eq!(run.results().len(), 2);
    assert!(!run.stdout.windows(8).any(|piece| key.as_bytes().windows(8).any(|secret| secret == piece)));
}
