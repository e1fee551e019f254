//! `--base`: which layers are the base image's own.

mod registry;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scan::{assert_says, fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, docker_25, docker_classic, docker_classic_with, oci,
    oci_platforms, podman, this_architecture,
};

/// A base of two layers, with a key in the second.
fn base() -> ImageBuilder {
    ImageBuilder::new("base:1")
        .layer(Layer::new().file("etc/os", b"some system"))
        .layer(Layer::new().file("etc/vendor.conf", &line(1)))
}

/// An image on it, with a key of its own.
fn app() -> Image {
    base().layer(Layer::new().file("app/.env", &line(2))).build()
}

fn folder_with(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    folder
}

/// Scans one archive with another as its base.
fn scan(image: Vec<u8>, base: Vec<u8>, options: &[&str]) -> Run {
    let folder = folder_with(&[("image.tar", image), ("base.tar", base)]);
    let line = [&["--base", "./base.tar", "./image.tar"], options].concat();
    Keyseam::scan(&line).directory(folder.path()).run()
}

/// What `base` says of every layer of the only result.
#[track_caller]
fn marks(run: &Run) -> Vec<Value> {
    list(&run.result()["layers"]).iter().map(|layer| layer["base"].clone()).collect()
}

#[track_caller]
fn assert_marks(run: &Run, expected: &[Option<bool>], what: &str) {
    let expected: Vec<Value> = expected.iter().map(|mark| json!(mark)).collect();
    assert_eq!(marks(run), expected, "{what}; warnings: {:#}", run.result()["warnings"]);
}

const ON_BASE: &[Option<bool>] = &[Some(true), Some(true), Some(false)];
const NOT_TOLD: &[Option<bool>] = &[None, None, None];

#[test]
fn the_layers_of_the_base_are_told_whatever_both_lie_in() {
    let (app, base) = (app(), base().build());
    type Shape<'a> = (&'a str, &'a dyn Fn(&Image) -> Members);
    let shapes: [Shape<'_>; 7] = [
        ("docker save", &|image| docker_classic(&[image])),
        ("docker save, compressed layers", &|image| docker_classic_with(&[image], Compression::Gzip)),
        ("docker save 25", &|image| docker_25(&[image])),
        ("podman save", &|image| podman(&[image])),
        ("OCI", &|image| oci(&[image], Compression::None)),
        ("OCI, gzip", &|image| oci(&[image], Compression::Gzip)),
        ("OCI, zstd", &|image| oci(&[image], Compression::Zstd)),
    ];
    for (of_image, image) in shapes {
        for (of_base, base_in) in shapes {
            let run = scan(image(&app).tar(), base_in(&base).tar(), &[]);
            assert_marks(&run, ON_BASE, &format!("{of_image} on {of_base}"));
            assert_eq!(run.result()["base_image"]["name"], "./base.tar");
            assert_eq!(list(&run.result()["findings"]).len(), 2, "what is the base's is found too");
            assert_eq!(run.result()["complete"], true);
        }
    }
}

#[test]
fn a_stream_is_told_from_its_base_and_may_be_one() {
    let (app, base) = (docker_classic(&[&app()]).tar(), oci(&[&base().build()], Compression::Gzip).tar());
    let folder = folder_with(&[("base.tar", base.clone()), ("image.tar", app.clone())]);
    let scan = |line: &[&str], stdin: &[u8]| Keyseam::scan(line).directory(folder.path()).stdin(stdin).run();
    assert_marks(&scan(&["--base", "./base.tar", "-"], &app), ON_BASE, "the image");
    assert_marks(&scan(&["--base", "-", "./image.tar"], &base), ON_BASE, "the base");
    let zipped = Compression::Zstd.apply(&base);
    assert_marks(&scan(&["--base", "-", "./image.tar"], &zipped), ON_BASE, "a compressed base");
    scan(&["--base", "-", "-"], &base).assert_status(2);
}

#[test]
fn what_is_no_prefix_is_said_and_not_told() {
    let longer = base().layer(Layer::new().file("more", b"more")).build();
    let swapped = ImageBuilder::new("base:1")
        .layer(Layer::new().file("etc/vendor.conf", &line(1)))
        .layer(Layer::new().file("etc/os", b"some system"))
        .build();
    let upper = ImageBuilder::new("base:1").layer(Layer::new().file("etc/vendor.conf", &line(1))).build();
    let empty = ImageBuilder::new("base:1").build();
    for (what, base) in [("longer", longer), ("swapped", swapped), ("upper", upper), ("empty", empty)] {
        let run = scan(oci(&[&app()], Compression::Gzip).tar(), oci(&[&base], Compression::Gzip).tar(), &[]);
        run.assert_status(1);
        assert_marks(&run, NOT_TOLD, what);
        let result = run.result();
        assert!(result["base_image"].is_null(), "{what}");
        let names_both = |text: &Value| {
            let text = text.as_str().unwrap_or_default();
            text.contains("./base.tar") && text.contains("./image.tar")
        };
        assert_eq!(list(&result["warnings"]).iter().filter(|one| names_both(one)).count(), 1, "{what}");
    }
}

/// The image, with the base's diff_ids in its config above other bytes.
fn claiming() -> Image {
    let other = ImageBuilder::new("app:1")
        .layer(Layer::new().file("etc/os", b"not that system"))
        .layer(Layer::new().file("etc/vendor.conf", &line(3)))
        .layer(Layer::new().file("app/.env", &line(2)))
        .build();
    Image { config: app().config, diff_ids: app().diff_ids, ..other }
}

#[test]
fn a_config_that_claims_the_bases_layers_proves_nothing() {
    let base = || oci(&[&base().build()], Compression::Gzip).tar();
    for (what, image) in [
        ("docker save", docker_classic(&[&claiming()]).tar()),
        ("OCI", oci(&[&claiming()], Compression::Gzip).tar()),
        ("a stream", Compression::Gzip.apply(&oci(&[&claiming()], Compression::Zstd).tar())),
    ] {
        let run = scan(image, base(), &[]);
        assert_marks(&run, NOT_TOLD, what);
        let result = run.result();
        let lies = |error: &Value| error["reason"] == "diff-id-mismatch";
        assert!(list(&result["errors"]).iter().any(lies), "{what}: {:#}", result["errors"]);
        assert_eq!(result["complete"], false, "{what}");
    }
}

#[test]
fn the_platform_decides_which_base() {
    let other = if this_architecture() == "s390x" { "amd64" } else { "s390x" };
    let platforms = [this_architecture(), other];
    let of = |builder: ImageBuilder, top: &str| {
        platforms.map(|architecture| {
            let system = Layer::new().file("etc/os", architecture.as_bytes());
            let image = builder.clone().platform("linux", architecture).layer(system);
            if top.is_empty() { image.build() } else { image.layer(Layer::new().file(top, b"x")).build() }
        })
    };
    let archive =
        |images: &[Image; 2]| oci_platforms("app:1", &[&images[0], &images[1]], Compression::Gzip).tar();
    let (bases, apps) = (of(ImageBuilder::new("base:1"), ""), of(ImageBuilder::new("app:1"), "app"));
    let both = scan(archive(&apps), archive(&bases), &["--platform", "all"]);
    let on_base = json!([{ "base": true }, { "base": false }]);
    for result in both.assert_status(0).results() {
        assert_says(&result["layers"], &on_base, "both platforms");
    }
    // The image of the other platform alone: this machine's base is not its.
    let alone = oci(&[&apps[1]], Compression::Gzip).tar();
    assert_says(
        &scan(alone.clone(), archive(&bases), &[]).result()["layers"],
        &on_base,
        "the other platform",
    );
    let mine = oci(&[&bases[0]], Compression::Gzip).tar();
    let run = scan(alone, mine, &[]);
    run.assert_status(0);
    assert_marks(&run, &[None, None], "a base of another platform");
    let said = |text: &Value| text.as_str().is_some_and(|text| text.contains("./base.tar"));
    assert!(list(&run.result()["warnings"]).iter().any(said), "{:#}", run.result()["warnings"]);
}

#[test]
fn a_base_that_is_not_there_is_status_2_before_anything_is_scanned() {
    let image = || oci(&[&app()], Compression::Gzip).tar();
    let run = scan(image(), b"no archive".to_vec(), &[]);
    run.assert_status(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("--base ./base.tar"), "{}", run.stderr);
    let missing = Keyseam::scan(&["--base", "./missing.tar", "-"]).stdin(image()).run();
    missing.assert_status(2);
    assert!(missing.stderr.contains("--base ./missing.tar"), "{}", missing.stderr);
}

#[test]
fn a_base_whose_documents_are_damaged_is_none() {
    let base = base().build();
    let mut members = oci(&[&base], Compression::Gzip);
    let config = format!("blobs/sha256/{}", base.config_digest().trim_start_matches("sha256:"));
    let longer = [&base.config[..], b" "].concat();
    members.replace(&config, longer);
    let run = scan(oci(&[&app()], Compression::Gzip).tar(), members.tar(), &[]);
    run.assert_status(1);
    assert_marks(&run, NOT_TOLD, "a config that is not what its digest says");
    assert_eq!(run.result()["complete"], true, "the damage is not the image's");
}

#[test]
fn the_table_says_who_has_to_take_the_key_out() {
    let folder = folder_with(&[
        ("image.tar", oci(&[&app()], Compression::Gzip).tar()),
        ("base.tar", oci(&[&base().build()], Compression::Gzip).tar()),
    ]);
    let line = ["scan", "--base", "./base.tar", "./image.tar"];
    let table = Keyseam::new(&line).directory(folder.path()).run().assert_status(1).text();
    let count = |text: &str| table.matches(text).count();
    assert_eq!(count("It comes from the base image ./base.tar"), 1, "{table}");
    assert_eq!((count("of the base image"), count("of this image")), (1, 1), "{table}");
    assert!((1..3).all(|number| !table.contains(&key(number))), "a key is shown");
    assert_eq!(count("-- ./base.tar --"), 1, "the line between both:\n{table}");
}

#[test]
fn a_base_serves_every_image_of_a_run() {
    let folder = folder_with(&[
        ("one.tar", oci(&[&app()], Compression::Gzip).tar()),
        ("two.tar", docker_classic(&[&app()]).tar()),
        ("other.tar", oci(&[&ImageBuilder::new("x:1").layer(Layer::new()).build()], Compression::Gzip).tar()),
        ("base.tar", oci(&[&base().build()], Compression::Gzip).tar()),
    ]);
    let line = ["--base", "./base.tar", "./one.tar", "./two.tar", "./other.tar"];
    let results = Keyseam::scan(&line).directory(folder.path()).run().assert_status(1).results();
    let marks = |result: &Value| list(&result["layers"]).iter().map(|one| one["base"].clone()).collect();
    let marks: Vec<Vec<Value>> = results.iter().map(marks).collect();
    let on_base: Vec<Value> = ON_BASE.iter().map(|mark| json!(mark)).collect();
    assert_eq!(marks, [on_base.clone(), on_base, vec![Value::Null]]);
}

/// The numbers of the keys that a run tells of, of the first five.
fn found(run: &Run) -> Vec<u64> {
    let findings = run.findings();
    let has =
        |number: &u64| findings.iter().any(|one| one["fingerprint"] == fingerprint(&key(*number)).as_str());
    let found: Vec<u64> = (0..5).filter(has).collect();
    assert_eq!(found.len(), findings.len(), "{findings:#?}");
    found
}

#[test]
fn with_skip_base_the_keys_in_its_layers_are_left_out() {
    let (app, base) = (app(), base().build());
    let zstd = || oci(&[&app], Compression::Zstd).tar();
    for image in [zstd(), docker_classic(&[&app]).tar(), docker_25(&[&app]).tar()] {
        let run = scan(image, oci(&[&base], Compression::Gzip).tar(), &["--skip-base"]);
        run.assert_status(1);
        assert_eq!(found(&run), [2]);
        assert_eq!(run.result()["complete"], true);
        assert_marks(&run, ON_BASE, "--skip-base");
        let warnings = run.result()["warnings"].to_string();
        assert!(warnings.contains("layers 0 to 1 are the base image's, and left out"), "{warnings}");
    }
}

#[test]
fn a_base_that_is_not_proven_is_not_left_out() {
    // Its second layer is another one: no layer is known to be the base's.
    let other = base_of(&[("etc/os", b"some system".to_vec()), ("etc/vendor.conf", line(3))]).build();
    let run = scan(
        oci(&[&app()], Compression::Gzip).tar(),
        oci(&[&other], Compression::Gzip).tar(),
        &["--skip-base"],
    );
    run.assert_status(1);
    assert_eq!(found(&run), [1, 2]);
    assert!(run.result()["warnings"].to_string().contains("not proven"), "{}", run.result()["warnings"]);
}

#[test]
fn a_key_of_the_base_that_stands_in_a_layer_of_the_image_too_is_reported_there() {
    let app = base().layer(Layer::new().file("app/copy", &line(1))).build();
    let run = scan(
        oci(&[&app], Compression::Gzip).tar(),
        oci(&[&base().build()], Compression::Gzip).tar(),
        &["--skip-base"],
    );
    assert_eq!(found(&run), [1]);
    let finding = &run.findings()[0];
    assert_eq!(finding["introduced_by"]["layer"], 2);
    assert_eq!(list(&finding["locations"]).len(), 1);
}

/// A base of one layer a file.
fn base_of(files: &[(&str, Vec<u8>)]) -> ImageBuilder {
    let layers = files.iter().map(|(path, bytes)| Layer::new().file(path, bytes));
    layers.fold(ImageBuilder::new("base:1"), ImageBuilder::layer)
}
