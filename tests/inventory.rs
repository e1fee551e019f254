//! The inventory: what several scans know together of one key, in spite of whoever writes to its file.

mod hostile;
mod moved;
mod shared;
mod workloads;

use std::path::PathBuf;

use serde_json::Value;

use crate::scan::key;
use crate::support::cli::{Keyseam, Run};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// A folder with an inventory in it, and archives beside.
struct Recorded {
    folder: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("cache/inventory.db")
    }

    fn keyseam(&self, arguments: &[&str]) -> Keyseam {
        Keyseam::new(arguments).env("KEYSEAM_CACHE_DIR", self.path("cache"))
    }

    /// Scans a target.
    fn scan(&self, target: &str, more: &[&str]) -> Run {
        self.keyseam(&["scan", "-o", "json", "--min-confidence=low", target]).args(more).run()
    }

    /// Scans an image from an archive in its folder; its name in the archive says what it is called.
    fn scan_image(&self, image: &Image, more: &[&str]) -> Run {
        let name = image.names.first().map_or("image", String::as_str).replace(['/', ':'], "-");
        let path = self.path(&format!("{name}.tar"));
        std::fs::write(&path, crate::support::image::docker_classic(&[image]).tar()).expect("a file");
        self.scan(&path.display().to_string(), more)
    }

    /// What it answers to a command, as data.
    #[track_caller]
    fn ask(&self, line: &[&str]) -> Value {
        let run = self.keyseam(&["inventory"]).args(line).args(&["--format", "json"]).run();
        run.assert_status(0);
        run.json()
    }

    /// The only key that a fingerprint stands for.
    #[track_caller]
    fn held(&self, fingerprint: &str) -> Value {
        let keys = self.ask(&["where", fingerprint])["keys"].as_array().expect("keys").clone();
        assert_eq!(keys.len(), 1, "keys of {fingerprint}");
        keys.into_iter().next().unwrap_or_default()
    }

    /// What it answers to a command, as text.
    #[track_caller]
    fn text(&self, line: &[&str]) -> String {
        let run = self.keyseam(&["inventory"]).args(line).run();
        run.assert_status(0);
        run.text()
    }
}

/// An image of a base and one layer of its own, with a key in each that is named.
fn image(name: &str, base: Option<u64>, own: Option<u64>) -> Image {
    let layer = |path: &str, number: Option<u64>| {
        let body = number.map_or_else(|| b"nothing".to_vec(), crate::scan::line);
        Layer::new().dir("srv").file(path, &body)
    };
    ImageBuilder::new(name)
        .layer_by("COPY . /base # buildkit", layer("srv/base.env", base))
        .layer_by(
            &format!("COPY {} /srv # buildkit", name.replace([':', '/'], "-")),
            layer("srv/own.env", own),
        )
        .build()
}

/// The names of the images that hold a key, in order.
fn names(held: &Value) -> Vec<String> {
    let images = held["images"].as_array().expect("images");
    let tags = images.iter().flat_map(|image| image["tags"].as_array().expect("tags"));
    let mut names: Vec<String> = tags
        .filter(|tag| tag["until"].is_null())
        .map(|tag| {
            let text = |name: &str| tag[name].as_str().unwrap_or_default().to_owned();
            format!("{}:{}", text("repository"), text("tag"))
        })
        .collect();
    names.sort();
    names
}

/// The layout of an image.
fn layout(image: &Image) -> crate::support::image::Members {
    oci(&[image], Compression::Gzip)
}

#[test]
fn nothing_recorded_and_an_unknown_key_are_said_so() {
    let recorded = Recorded::new();
    let unknown = crate::scan::fingerprint(&key(1));
    for line in [vec!["list"], vec![], vec!["where", &unknown], vec!["plan", &unknown]] {
        assert!(recorded.text(&line).contains("nothing is recorded yet"), "{line:?}");
    }
    assert!(!recorded.file().exists(), "looking makes nothing");
    recorded.scan_image(&image("shop:1", Some(2), None), &[]).assert_status(1);
    assert!(recorded.text(&["where", &unknown]).contains("no image or workload is known to hold"));
    assert!(recorded.text(&["plan", &unknown]).contains("nothing to plan"));
    assert_eq!(recorded.ask(&["where", &unknown])["unknown"][0], unknown.as_str());
    recorded.keyseam(&["inventory", "where", "ksf1:short"]).run().assert_status(2);
    recorded.keyseam(&["inventory", "where", "/no/such/report"]).run().assert_status(2);
}

#[test]
fn what_is_not_to_be_recorded_is_not() {
    let recorded = Recorded::new();
    let leaky = image("shop:1", Some(1), None);
    for more in [&["--no-inventory"][..], &["--no-cache"], &["--show-secrets"]] {
        recorded.scan_image(&leaky, more).assert_status(1);
        assert!(!recorded.file().exists(), "{more:?}");
    }
    // A hashing key of one run compares with no other.
    let path = recorded.path("shop-1.tar");
    let run = recorded.keyseam(&["scan", "-o", "json"]).arg(&path).without_env("KEYSEAM_FINGERPRINT_KEY");
    run.without_env("HOME").run().assert_status(1);
    assert!(!recorded.file().exists());
    recorded
        .keyseam(&["scan", "-o", "json"])
        .arg(&path)
        .file("keyseam.toml", "no-inventory = true\n")
        .run()
        .assert_status(2);
    recorded.keyseam(&["context", "."]).run();
    assert!(!recorded.file().exists(), "a context is no image");
}

#[test]
fn the_file_is_its_owners_alone_and_clear_removes_it() {
    use std::os::unix::fs::PermissionsExt;
    let recorded = Recorded::new();
    recorded.scan_image(&image("shop:1", Some(1), None), &[]).assert_status(1);
    let mode = |path: PathBuf| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(recorded.file()), mode(recorded.path("cache"))), (0o600, 0o700));
    assert_eq!(recorded.text(&["path"]).trim(), recorded.file().display().to_string());
    let cleared = recorded.keyseam(&["cache", "clear"]).run();
    cleared.assert_status(0);
    assert!(cleared.text().contains("inventory"), "says that it stays: {}", cleared.text());
    assert!(recorded.file().exists());
    assert!(recorded.text(&["clear"]).contains("removed"));
    assert!(!recorded.file().exists());
    assert!(recorded.text(&["clear"]).contains("there was none"));
}

#[test]
fn the_key_itself_is_asked_for_on_standard_input_and_shown_nowhere() {
    let recorded = Recorded::new();
    recorded.scan_image(&image("shop:1", Some(1), Some(2)), &[]).assert_status(1);
    for typed in [key(1), format!("{}\n", key(1)), format!("\"{}\"\n", key(1)), format!("TOKEN={}\n", key(1))]
    {
        let run = recorded.keyseam(&["inventory", "where", "-"]).stdin(typed.clone()).run();
        run.assert_status(0);
        assert!(run.text().contains(&crate::scan::fingerprint(&key(1))), "{}", run.text());
        for piece in key(1).as_bytes().windows(8).skip(4) {
            let said = [run.stdout.clone(), run.stderr.clone().into_bytes()].concat();
            assert!(memchr::memmem::find(&said, piece).is_none());
        }
    }
    let run = recorded.keyseam(&["inventory", "where", "-"]).stdin(key(3)).run();
    assert!(run.text().contains("no image or workload is known to hold the key on standard input"));
    recorded.keyseam(&["inventory", "where", "-"]).stdin("").run().assert_status(2);
    recorded.keyseam(&["inventory", "where", "-"]).stdin(vec![b'a'; 64 * 1024 + 1]).run().assert_status(2);
}

#[test]
fn every_key_of_a_report_is_looked_for() {
    let recorded = Recorded::new();
    let run = recorded.scan_image(&image("shop:1", Some(1), Some(2)), &[]);
    recorded.scan_image(&image("blog:1", Some(1), None), &[]).assert_status(1);
    let report = recorded.path("report.json");
    std::fs::write(&report, &run.stdout).expect("a file");
    let keys =
        recorded.ask(&["where", &report.display().to_string()])["keys"].as_array().expect("keys").clone();
    let mut images: Vec<usize> =
        keys.iter().map(|key| key["images"].as_array().expect("images").len()).collect();
    images.sort_unstable();
    assert_eq!(images, [1, 2]);
}

#[test]
fn eight_scans_at_once_are_all_recorded() {
    let recorded = Recorded::new();
    let images: Vec<Image> =
        (0..8).map(|number| image(&format!("team/app-{number}:1"), Some(1), None)).collect();
    std::thread::scope(|scope| {
        for image in &images {
            scope.spawn(|| {
                let run = recorded.scan_image(image, &["-q"]);
                run.assert_status(1);
                assert_eq!(run.stderr, "");
            });
        }
    });
    assert_eq!(names(&recorded.held(&crate::scan::fingerprint(&key(1)))).len(), 8);
}

#[test]
fn a_private_key_is_known_in_every_spelling() {
    let recorded = Recorded::new();
    let made = std::process::Command::new("openssl")
        .args(["ecparam", "-name", "prime256v1", "-genkey", "-noout"])
        .output();
    let pem = String::from_utf8(made.expect("openssl runs").stdout).expect("PEM");
    let leaky = ImageBuilder::new("shop:1").layer(Layer::new().file("server.pem", pem.as_bytes())).build();
    recorded.scan_image(&leaky, &[]).assert_status(1);
    for typed in
        [pem.clone(), pem.replace('\n', "\r\n"), pem.replace('\n', "\\n"), format!("\"{}\"", pem.trim())]
    {
        let run = recorded.keyseam(&["inventory", "where", "-"]).stdin(typed).run();
        run.assert_status(0);
        assert!(run.text().contains("server.pem"), "{}", run.text());
    }
}
