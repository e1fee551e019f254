//! The program on what is no image at all, and on damage: its status, its streams, its lines.

use std::path::Path;

use super::{leaking, parts, small, with_layer};
use crate::support::cli::{Keyseam, Run};
use crate::support::image::{Compression, docker_classic, oci};

/// One line of words for people on standard error or in the report, no panic, no half report.
#[track_caller]
fn assert_well_said(run: &Run, words: &str, what: &str) {
    assert!(matches!(run.status, Some(1..=3)), "{what}: {:?}, {}", run.status, run.stderr);
    for sign in ["panicked", "internal error", "RUST_BACKTRACE"] {
        assert!(!run.stderr.contains(sign), "{what}: {}", run.stderr);
    }
    let report = run.json();
    assert_eq!(report["summary"]["complete"], false, "{what}");
    let said = format!("{}{}", run.stderr, report);
    assert!(said.contains(words), "{what}: '{words}' is not in {said}");
}

#[test]
fn what_is_no_image_is_status_2() {
    for (bytes, words) in [
        (Vec::new(), "it is empty"),
        (b"a text\n".to_vec(), "no tar"),
        (vec![0; 10_240], "no image in it"),
        (Compression::Gzip.apply(b""), "it is empty"),
        (Compression::Zstd.apply(b"a text"), "no tar"),
        (b"\x1f\x8b\x08\x00".to_vec(), "standard input"),
    ] {
        let run = Keyseam::scan(&["-"]).stdin(bytes.clone()).run();
        assert_well_said(&run, words, "standard input");
        run.assert_status(2);
        let run = Keyseam::scan(&["./image.tar"]).file("image.tar", bytes).run();
        run.assert_status(2);
    }
}

#[test]
fn paths_that_are_no_image_are_status_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, words) in [
        (Path::new("/dev/null"), "empty"),
        (folder.path(), "no index.json"),
        (&folder.path().join("missing.tar"), "missing.tar"),
        (&folder.path().join("missing/index.json"), "missing"),
        (Path::new("/proc/self/mem"), "/proc/self/mem"),
    ] {
        for transport in ["", "docker-archive:", "oci-archive:", "oci:"] {
            let run = Keyseam::scan(&[format!("{transport}{}", path.display())]).run();
            assert_well_said(&run, words, transport);
            run.assert_status(2);
        }
    }
}

#[test]
fn archives_cut_anywhere() {
    let whole = docker_classic(&[&small()]).tar();
    // What comes last is `repositories`, which nobody needs, and the end marker.
    let step = whole.len() / 12;
    for length in (0..whole.len() - 1024).step_by(step) {
        let run = Keyseam::scan(&["-"]).stdin(&whole[..length]).run();
        assert_well_said(&run, "", &format!("cut at {length} of {}", whole.len()));
        assert!(matches!(run.status, Some(2 | 3)), "cut at {length}");
    }
}

#[test]
fn one_damaged_image_among_others() {
    let mut damaged = oci(&[&leaking()], Compression::Gzip);
    let (_, _, layers) = parts(&damaged);
    damaged.remove(&layers[1]);
    let run = Keyseam::scan(&["./whole.tar", "./damaged.tar", "./missing.tar"])
        .file("whole.tar", docker_classic(&[&small()]).tar())
        .file("damaged.tar", damaged.tar())
        .run();
    // Keys were found in what is left of the second.
    run.assert_status(1);
    let report = run.json();
    let complete: Vec<_> = run.results().iter().map(|result| result["complete"].clone()).collect();
    assert_eq!(complete, [true, false]);
    assert_eq!(report["errors"].as_array().map(Vec::len), Some(1));
    let run = Keyseam::scan(&["--exit-zero", "./damaged.tar"]).file("damaged.tar", damaged.tar()).run();
    run.assert_status(3);
    let run =
        Keyseam::scan(&["--fail-on", "never", "./damaged.tar"]).file("damaged.tar", damaged.tar()).run();
    run.assert_status(3);
}

#[test]
fn a_bomb_under_a_limit_is_status_3() {
    use std::io::{Read as _, Write as _};
    // Two gigabytes of NUL blocks: a tar that ends at once.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("zstd");
    std::io::copy(&mut std::io::repeat(0).take(2 << 30), &mut encoder).expect("memory");
    encoder.flush().expect("memory");
    let stored = encoder.finish().expect("memory");
    let diff_id = keyseam::image::digest::Digest::sha256_of(b"unknown").to_string();
    let members = with_layer("application/vnd.oci.image.layer.v1.tar+zstd", &stored, &diff_id);
    let run = Keyseam::scan(&["-", "--max-layer-bytes", "100000000"]).stdin(members.tar()).run();
    assert_well_said(&run, "unpacks to more than 100000000 bytes (--max-layer-bytes)", "a bomb");
    run.assert_status(3);
}
