//! Nothing damaged passes for whole, and nothing makes the sources panic.

use keyseam::image::digest::Digest;
use serde_json::{Value, json};

use super::{Outcome, both_ways, open, pipe, sample, utf8};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Member, Members, OCI_MANIFEST, docker_25, docker_classic,
    docker_classic_with, layout, oci, oci_platforms, podman,
};
use crate::support::tarball::{Header, Tarball};

/// No image, or one whose errors say so.
fn assert_told(outcome: Result<Outcome, String>, words: &str, way: &str) {
    let texts = match outcome {
        Err(text) => vec![text],
        Ok(outcome) => {
            outcome.images.iter().flat_map(|image| &image.errors).map(|error| error.message.clone()).collect()
        }
    };
    assert!(texts.iter().any(|text| text.contains(words)), "{way}: '{words}' is not in {texts:?}");
}

fn small() -> Image {
    ImageBuilder::new("app:1")
        .layer(Layer::new().file("a", b"one"))
        .layer(Layer::new().file("b", b"two"))
        .build()
}

fn blob(digest: &Value) -> String {
    format!("blobs/sha256/{}", digest.as_str().expect("a digest").trim_start_matches("sha256:"))
}

/// The members' names of manifest, config and layers of a layout with one image.
fn parts(members: &Members) -> (String, String, Vec<String>) {
    let name = blob(&members.json("index.json")["manifests"][0]["digest"]);
    let manifest = members.json(&name);
    let layers = manifest["layers"].as_array().expect("layers").iter().map(|layer| blob(&layer["digest"]));
    (name, blob(&manifest["config"]["digest"]), layers.collect())
}

#[test]
fn what_is_missing_is_told() {
    let whole = oci(&[&small()], Compression::Gzip);
    let (manifest, config, layers) = parts(&whole);
    for (name, words) in
        [(manifest, "manifest sha256:"), (config, "config sha256:"), (layers[1].clone(), "layer 1 (")]
    {
        let mut members = whole.clone();
        members.remove(&name);
        both_ways(&members.tar(), "image", |outcome, way| assert_told(outcome, words, way));
        let folder = tempfile::tempdir().expect("a folder");
        members.write_to(folder.path());
        assert_told(open(utf8(folder.path())), words, "from a folder");
    }
    let classic = docker_classic(&[&small()]);
    for (name, _) in classic
        .list
        .iter()
        .filter(|(name, _)| name.ends_with("layer.tar") || name.ends_with(".json") && name.len() > 64)
    {
        let mut members = classic.clone();
        members.remove(name);
        both_ways(&members.tar(), "image", |outcome, way| assert_told(outcome, "is not there", way));
    }
}

#[test]
fn a_missing_layer_is_named_by_its_index() {
    let mut members = oci(&[&small()], Compression::None);
    let (_, _, layers) = parts(&members);
    members.remove(&layers[0]);
    let outcome = pipe(members.tar()).expect("the rest is there");
    let error = &outcome.image().errors[0];
    assert_eq!((error.layer, error.reason), (Some(0), "missing"));
    assert_eq!(outcome.image().layers.len(), 2);
}

#[test]
fn documents_that_lie_about_digest_or_size_are_told() {
    let image = small();
    let whole = oci(&[&image], Compression::None);
    let (manifest, config, _) = parts(&whole);
    for name in [&manifest, &config] {
        let mut bytes = whole.get(name).expect("a document").to_vec();
        bytes.push(b' ');
        let mut longer = whole.clone();
        both_ways(&longer.replace(name, bytes.clone()).tar(), "image", |outcome, way| {
            assert_told(outcome, "its descriptor says", way);
        });
        bytes.pop();
        let brace = bytes.iter().rposition(|byte| *byte == b'"').expect("a string");
        bytes[brace - 1] ^= 1;
        let mut other = whole.clone();
        both_ways(&other.replace(name, bytes).tar(), "image", |outcome, way| {
            assert_told(outcome, "is not what its digest says", way);
        });
    }
    let mut classic = docker_classic(&[&image]);
    let name = format!("{}.json", image.config_digest().trim_start_matches("sha256:"));
    let mut config = image.config.clone();
    config.push(b'\n');
    both_ways(&classic.replace(&name, config).tar(), "image", |outcome, way| {
        assert_told(outcome, "is not what its name says", way);
    });
}

#[test]
fn fewer_layers_than_the_config_names_are_told() {
    let mut members = docker_classic(&[&small()]);
    let mut list = members.json("manifest.json");
    list[0]["Layers"] = json!(null);
    both_ways(&members.replace("manifest.json", list.to_string()).tar(), "image", |outcome, way| {
        assert_told(outcome, "names 2 layers, the manifest 0", way);
    });
}

#[test]
fn what_cannot_be_an_image_is_told() {
    let mut only_old = Members::default();
    only_old.file("repositories", b"{}".to_vec());
    let mut nothing = Members::default();
    nothing.file("etc/passwd", b"root".to_vec());
    let mut wrong = docker_classic(&[&small()]);
    wrong.replace("manifest.json", "{\"Config\": 1}");
    let mut empty = docker_classic(&[&small()]);
    empty.replace("manifest.json", "[]");
    let mut cased = docker_classic(&[&small()]);
    let text = cased.json("manifest.json").to_string().replace("\"Layers\"", "\"layers\"");
    cased.replace("manifest.json", text);
    for (bytes, words) in [
        (only_old.tar(), "before 1.10"),
        (nothing.tar(), "there is no image in it"),
        (wrong.tar(), "manifest.json is no list of images"),
        (empty.tar(), "names no image"),
        (cased.tar(), "readers disagree"),
        (b"hello".to_vec(), "no tar"),
        (Vec::new(), "it is empty"),
        (vec![0; 10_240], "there is no image in it"),
        (Compression::Gzip.apply(b"hello"), "no tar"),
    ] {
        both_ways(&bytes, "image", |outcome, way| assert_told(outcome, words, way));
    }
}

#[test]
fn hostile_documents_are_told() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let huge = format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", " ".repeat(5 << 20));
    let number = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:a","size":1e400}]}"#;
    let twice = r#"{"manifests":[],"manifests":[]}"#;
    for text in
        [deep.as_str(), &huge, number, twice, "{", "[]", "null", r#"{"manifests":{}}"#, r#"{"manifests":[]}"#]
    {
        let mut members = oci(&[&small()], Compression::None);
        both_ways(&members.replace("index.json", text).tar(), "image", |outcome, way| {
            assert_told(outcome, "index.json", way);
        });
    }
}

#[test]
fn members_that_lead_elsewhere_are_not_followed() {
    let image = small();
    for target in ["/etc/passwd", "../../../../etc/passwd", "LOOP"] {
        let mut members = docker_classic(&[&image]);
        let name = members.json("manifest.json")[0]["Layers"][0].as_str().expect("a layer").to_owned();
        members.remove(&name);
        let target = if target == "LOOP" { format!("/{name}") } else { target.to_owned() };
        members.list.push((name, Member::Symlink(target)));
        both_ways(&members.tar(), "image", |outcome, way| assert_told(outcome, "layer 0", way));
    }
    let mut members = docker_classic(&[&image]);
    let mut list = members.json("manifest.json");
    list[0]["Config"] = json!("../../etc/passwd");
    both_ways(&members.replace("manifest.json", list.to_string()).tar(), "image", |outcome, way| {
        assert_told(outcome, "leads out of the archive", way);
    });
    let mut members = oci(&[&image], Compression::None);
    let mut index = members.json("index.json");
    index["manifests"][0]["digest"] = json!("sha256:../../../etc/passwd");
    both_ways(&members.replace("index.json", index.to_string()).tar(), "image", |outcome, way| {
        assert_told(outcome, "is not a digest", way);
    });
}

#[cfg(unix)]
#[test]
fn a_folders_links_and_pipes_are_not_followed() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    let members = oci(&[&small()], Compression::None);
    let (_, config, layers) = parts(&members);
    let folder = tempfile::tempdir().expect("a folder");
    members.write_to(folder.path());
    std::fs::remove_file(folder.path().join(&config)).expect("the config");
    std::os::unix::fs::symlink(outside.path(), folder.path().join(&config)).expect("a link");
    assert_told(open(utf8(folder.path())), "leads out of the folder", "a link");
    let pipe = folder.path().join(&layers[0]);
    std::fs::remove_file(&pipe).expect("the layer");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    assert_told(open(utf8(folder.path())), "is not a regular file", "a pipe");
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_as_a_stream() {
    let image = small();
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let (path, bytes) = (pipe.clone(), docker_classic(&[&image]).tar());
    let writer = std::thread::spawn(move || std::fs::write(path, bytes));
    let outcome = open(utf8(&pipe)).expect("an image");
    outcome.assert_same(outcome.image(), &image);
    writer.join().expect("the writer").expect("all was read");
}

#[test]
fn documents_too_large_to_keep_are_blobs_or_told() {
    let big = format!("{{\"text\":\"{}\"}}", "x".repeat(9 << 20)).into_bytes();
    let mut members = Members::default();
    let file = members.blob("application/json", &big);
    let config = members.blob("application/vnd.example.config+json", b"{}");
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [file] }).to_string();
    let entry = members.blob(OCI_MANIFEST, manifest.as_bytes());
    layout(&mut members, &[entry]);
    both_ways(&members.tar(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        assert_eq!(outcome.image().errors, []);
        assert!(outcome.bytes(&outcome.image().layers[0]).expect(way) == big, "{way}");
    });
    let mut image = small();
    image.config = [image.config, vec![b' '; 9 << 20]].concat();
    both_ways(&oci(&[&image], Compression::None).tar(), "image", |outcome, way| {
        assert_told(outcome, "more than the limit", way);
    });
}

#[test]
fn hard_links_are_followed() {
    let image = small();
    let mut members = podman(&[&image]);
    for (_, member) in &mut members.list {
        if let Member::Symlink(target) = member {
            *member = Member::HardLink(target.trim_start_matches("../").to_owned());
        }
    }
    both_ways(&members.tar(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        outcome.assert_same(outcome.image(), &image);
    });
}

#[test]
fn members_that_stand_there_twice_are_read_both_ways() {
    let (first, last) = (small(), sample("app:1").build());
    let mut tar = Tarball::new();
    for image in [&first, &last] {
        let config = format!("{}.json", image.config_digest().trim_start_matches("sha256:"));
        let names: Vec<String> = image.diff_ids.iter().map(|id| format!("{}.tar", &id[7..])).collect();
        tar.file(&config, &image.config);
        for (name, layer) in names.iter().zip(&image.layers) {
            tar.file(name, layer);
        }
        tar.file("manifest.json", json!([{ "Config": config, "Layers": names }]).to_string().as_bytes());
    }
    both_ways(&tar.finish(), "image", |outcome, way| {
        let outcome = outcome.expect(way);
        assert_eq!(outcome.images.len(), 2, "{way}");
        outcome.assert_same(&outcome.images[0], &last);
        outcome.assert_same(&outcome.images[1], &first);
        assert!(outcome.images[0].warnings.iter().any(|text| text.contains("manifest.json")));
    });
}

#[test]
fn what_stands_behind_the_end_marker_is_no_image() {
    let image = small();
    let mut bytes = docker_classic(&[&image]).tar();
    bytes.extend(docker_classic(&[&sample("other:1").build()]).tar());
    both_ways(&bytes, "image", |outcome, way| {
        let outcome = outcome.expect(way);
        outcome.assert_same(outcome.image(), &image);
        assert!(outcome.image().warnings.iter().any(|text| text.contains("end")), "{way}");
    });
}

#[test]
fn a_header_that_promises_gigabytes_is_told() {
    let mut tar = Tarball::new();
    tar.entry(&Header { size: 2 << 30, ..Header::new(b"PaxHeaders/x", b'x') }, b"30 path=x\n");
    both_ways(&tar.finish(), "image", |outcome, way| assert_told(outcome, "", way));
    let mut tar = Tarball::new();
    tar.entry(&Header { size: 8_589_934_591, ..Header::new(b"manifest.json", b'0') }, b"[");
    both_ways(&tar.finish(), "image", |outcome, way| assert_told(outcome, "", way));
}

/// A scan that reads what `outcome` names would notice every loss: errors, layers that do not verify,
/// or nothing lost at all.
fn is_told_or_whole(outcome: &Outcome, built: &Image) -> bool {
    outcome.images.iter().all(|image| {
        let told = !image.errors.is_empty();
        let verified = |layer: &keyseam::image::manifest::ImageBlob| {
            let Ok(bytes) = outcome.bytes(layer) else { return false };
            match (&layer.digest, &layer.diff_id) {
                (Some(digest), _) => *digest == Digest::sha256_of(&bytes),
                (None, Some(diff_id)) => *diff_id == Digest::sha256_of(&bytes),
                (None, None) => false,
            }
        };
        let lost = image.layers.iter().any(|layer| !verified(layer));
        let whole = image.config_json.as_deref() == Some(built.config.as_slice())
            && image.layers.len() == built.layers.len();
        told || lost || whole
    })
}

#[test]
fn archives_cut_anywhere_are_never_whole() {
    let built = small();
    let mut classic = docker_classic(&[&built]);
    // Without what no reader needs, all that is cut off is needed.
    classic.remove("repositories");
    for (members, compression) in [
        (classic, Compression::None),
        (docker_25(&[&built]), Compression::None),
        (oci(&[&built], Compression::Gzip).reversed(), Compression::None),
        (podman(&[&built]), Compression::Gzip),
    ] {
        let bytes = compression.apply(&members.tar());
        // Behind it are fill bytes and the end marker.
        let content = bytes.len().saturating_sub(1024 + 512);
        for length in (0..bytes.len()).step_by(97) {
            both_ways(&bytes[..length], "image", |outcome, way| {
                let Ok(outcome) = outcome else { return };
                assert!(is_told_or_whole(&outcome, &built), "{way}, cut at {length}");
                if compression == Compression::Gzip || length < content {
                    assert!(
                        outcome.images.iter().all(|image| !image.errors.is_empty()),
                        "{way}, cut at {length}"
                    );
                }
            });
        }
    }
}

#[test]
fn flipped_bytes_never_pass_unseen() {
    let built = small();
    let archives = [
        docker_classic(&[&built]).tar(),
        docker_classic_with(&[&built], Compression::None).reversed().tar(),
        docker_25(&[&built]).tar(),
        oci_platforms("app:1", &[&built], Compression::None).tar(),
        podman(&[&built]).tar(),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        // SplitMix64: the same bytes are flipped in every run.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ (mixed >> 27)) >> 1).unwrap_or(0) % below
    };
    for round in 0..600 {
        let mut bytes = archives[round % archives.len()].clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] = [bytes[at] ^ (1 << random(8)), b'"', b'{', 0, 0xff][random(5)];
        }
        if let Ok(outcome) = pipe(bytes.clone()) {
            assert!(is_told_or_whole(&outcome, &built), "round {round}, from a pipe");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &bytes).expect("a file");
        if let Ok(outcome) = open(utf8(file.path())) {
            assert!(is_told_or_whole(&outcome, &built), "round {round}, from disk");
        }
    }
}
