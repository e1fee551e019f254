//! One image with every place, in every shape: what is found is the same.

use serde_json::Value;

use super::everywhere;
use super::place::image;
use crate::support::cli::{Keyseam, Run};
use crate::support::image::{Compression, docker_classic, oci};

/// The findings without what the shapes differ in: the digests of compressed layers, and how an image is deleted where
/// it lies.
fn findings(run: &Run) -> Vec<Value> {
    let mut findings = run.findings();
    for finding in &mut findings {
        finding["introduced_by"]["digest"] = Value::Null;
        finding["remediation"]["image_steps"] = Value::Null;
    }
    findings
}

#[test]
fn layers_of_each_compression_and_from_each_source_give_the_same_findings() {
    let image = image(&everywhere());
    let of = |bytes: Vec<u8>| findings(&Keyseam::scan(&["-"]).stdin(bytes).run());
    let plain = of(oci(&[&image], Compression::None).tar());
    assert!(plain.len() > 43, "{} findings", plain.len());
    let others = [
        ("gzip", of(oci(&[&image], Compression::Gzip).tar())),
        ("zstd", of(oci(&[&image], Compression::Zstd).tar())),
        ("docker save", of(docker_classic(&[&image]).tar())),
        ("zstd, the blobs first", of(oci(&[&image], Compression::Zstd).reversed().tar())),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    oci(&[&image], Compression::Gzip).write_to(folder.path());
    let layout = format!("oci:{}", folder.path().display());
    let from_disk =
        ["1", "4"].map(|jobs| ("from disk", findings(&Keyseam::scan(&[&layout, "--jobs", jobs]).run())));
    for (shape, found) in others.into_iter().chain(from_disk) {
        assert_same(&plain, &found, shape);
    }
}

/// Names what differs: the whole lists are too long to read.
#[track_caller]
fn assert_same(expected: &[Value], found: &[Value], shape: &str) {
    let only = |here: &[Value], there: &[Value]| -> Vec<String> {
        let alone = here.iter().filter(|one| !there.contains(one));
        alone.map(|finding| format!("{} {}", finding["detector"], finding["locations"])).collect()
    };
    let (missing, added) = (only(expected, found), only(found, expected));
    assert!(missing.is_empty() && added.is_empty(), "{shape}: not {missing:#?}, but {added:#?}");
    assert_eq!(expected.len(), found.len(), "{shape}");
}
