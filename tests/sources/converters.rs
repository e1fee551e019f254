//! What real tools make of an image: skopeo between its transports, umoci, podman and buildah.

use std::path::Path;
use std::process::Command;

use super::{open, pipe, sample, utf8};
use crate::support::image::{Compression, oci};

/// Runs a tool that must succeed, in a home of its own.
fn run(home: &Path, tool: &str, arguments: &[&str]) {
    let output = Command::new(tool)
        .args(arguments)
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("XDG_RUNTIME_DIR", home)
        .output()
        .unwrap_or_else(|error| panic!("{tool} does not run ({error}): tests/run installs it"));
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn skopeo_converts_between_shapes_that_are_all_the_same() {
    let image = sample("app:1").build();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| utf8(&folder.path().join(name)).to_owned();
    std::fs::create_dir(at("layout")).expect("a folder");
    oci(&[&image], Compression::Gzip).write_to(Path::new(&at("layout")));
    let from = format!("oci:{}:app:1", at("layout"));
    let copy = |to: &str, more: &[&str]| {
        let fixed = ["copy", "--insecure-policy", "--tmpdir", utf8(folder.path()), &from, to];
        run(folder.path(), "skopeo", &[&fixed[..], more].concat());
    };
    for (target, more) in [
        (format!("docker-archive:{}:app:1", at("docker.tar")), &[][..]),
        (format!("oci-archive:{}:app:1", at("oci.tar")), &[]),
        (format!("oci:{}:app:1", at("oci-zstd")), &["--dest-compress-format", "zstd", "--dest-compress"]),
        (format!("oci:{}:app:1", at("oci-gzip")), &["--dest-compress-format", "gzip", "--dest-compress"]),
        (format!("oci-archive:{}:app:1", at("schema2.tar")), &["--format", "oci"]),
    ] {
        copy(&target, more);
        let outcome = open(&target).expect(&target);
        outcome.assert_layers(outcome.image(), &image);
        assert_eq!(outcome.image().errors, []);
        let (_, path) = target.split_once(':').expect("a transport");
        let path = path.trim_end_matches(":app:1");
        if Path::new(path).is_file() {
            let outcome = pipe(std::fs::read(path).expect("a file")).expect(&target);
            outcome.assert_layers(outcome.image(), &image);
        }
    }
}

#[test]
fn umocis_layouts_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| utf8(&folder.path().join(name)).to_owned();
    let image = format!("{}:app", at("layout"));
    std::fs::create_dir_all(at("root/etc")).expect("a folder");
    std::fs::write(at("root/etc/note"), "text").expect("a file");
    run(folder.path(), "umoci", &["init", "--layout", &at("layout")]);
    run(folder.path(), "umoci", &["new", "--image", &image]);
    run(folder.path(), "umoci", &["config", "--image", &image, "--config.env", "A=b"]);
    run(folder.path(), "umoci", &["insert", "--image", &image, &at("root"), "/"]);
    run(folder.path(), "umoci", &["tag", "--image", &image, "other"]);
    let outcome = open(&format!("oci:{image}")).expect("an image");
    assert_eq!(outcome.image().errors, []);
    assert_eq!(outcome.image().layers.len(), 1);
    assert!(outcome.image().layers[0].diff_id.is_some());
    let config =
        String::from_utf8_lossy(outcome.image().config_json.as_deref().expect("a config")).into_owned();
    assert!(config.contains("A=b"));
    assert_eq!(open(&at("layout")).expect("one image of two names").images.len(), 1);
}

/// Whether podman can write into a store here: it needs mounts that a container may not allow.
fn podman_runs(home: &Path, storage: &[&str]) -> bool {
    Command::new("podman")
        .args(storage)
        .arg("info")
        .env("HOME", home)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn podmans_archives_are_read() {
    let image = sample("localhost/app:1").build();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| utf8(&folder.path().join(name)).to_owned();
    let (root, runroot) = (at("root"), at("run"));
    let storage = ["--root", &root, "--runroot", &runroot, "--storage-driver", "vfs"];
    if !podman_runs(folder.path(), &storage) {
        // A machine without mounts: the shape is tested with an archive made by hand in `shapes`.
        return;
    }
    std::fs::write(at("in.tar"), oci(&[&image], Compression::Gzip).tar()).expect("a file");
    run(folder.path(), "podman", &[&storage[..], &["load", "-q", "-i", &at("in.tar")]].concat());
    for format in ["docker-archive", "oci-archive", "oci-dir"] {
        let to = at(format);
        let save = ["save", "-q", "--format", format, "-o", &to, "localhost/app:1"];
        run(folder.path(), "podman", &[&storage[..], &save].concat());
        let outcome = open(&format!("./{to}").replace(".//", "/")).expect(format);
        outcome.assert_layers(outcome.image(), &image);
        assert_eq!(outcome.image().errors, []);
    }
}
