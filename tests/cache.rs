//! The layer cache: a second scan says what the first one said, fetches no layer, and nobody can slip
//! findings in or away.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keyseam::detect::template::{Seed, expand};
use serde_json::Value;

use crate::scan::{key, line};
use crate::support::cli::{Keyseam, Run};
use crate::support::http::registry::{Form, Registry, Serving};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};

/// A folder with a layer cache in it.
struct Cached {
    folder: tempfile::TempDir,
}

impl Cached {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An OCI layout of an image in the folder.
    fn layout(&self, name: &str, image: &Image) -> String {
        oci(&[image], Compression::Gzip).write_to(&self.path(name));
        format!("oci:{}", self.path(name).display())
    }

    fn keyseam(&self, arguments: &[&str]) -> Keyseam {
        Keyseam::new(arguments).env("KEYSEAM_CACHE_DIR", self.path("cache"))
    }

    /// A scan that tells everything, with `more` options.
    fn scan(&self, target: &str, more: &[&str]) -> Run {
        self.keyseam(&["scan", "-o", "json", "--min-confidence=low", target]).args(more).run()
    }

    /// The entries of the cache.
    fn entries(&self) -> Vec<PathBuf> {
        let mut left = vec![self.path("cache/layers")];
        let mut entries = Vec::new();
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() { left.push(path) } else { entries.push(path) }
            }
        }
        entries.sort();
        entries
    }
}

/// The layers of a report that were not read.
fn cached(report: &Value) -> usize {
    let layers = report["results"][0]["layers"].as_array().expect("layers");
    let cached = layers.iter().filter(|layer| layer["cached"] == true).count();
    assert_eq!(report["results"][0]["stats"]["layers_cached"], cached);
    cached
}

/// A report without what a second scan may say otherwise: how long it took, and what it did not read.
fn same(run: &Run) -> Value {
    let mut report = run.json();
    for result in report["results"].as_array_mut().expect("results") {
        result["stats"]["seconds"] = Value::Null;
        result["stats"]["layers_cached"] = Value::Null;
        for layer in result["layers"].as_array_mut().expect("layers") {
            layer["cached"] = Value::Null;
        }
    }
    report
}

/// Keys that are deleted, overwritten, behind a symlink, in an archive, in a file's name and in the config.
fn image() -> Image {
    let zipped = {
        let mut tar = crate::support::tarball::Tarball::new();
        tar.file("inside/.env", &line(5));
        Compression::Gzip.apply(&tar.finish())
    };
    let first = Layer::new()
        .dir("app")
        .file("app/.env", &line(1))
        .file("app/old", &line(2))
        .file("app/kept", &line(3))
        .file("srv/bundle.tar.gz", &zipped)
        .file(&format!("srv/{}.txt", key(7)), b"named for its key")
        .symlink("link", "app");
    let second = Layer::new().file("link/old", b"nothing").whiteout("app/.env").file("app/new", &line(4));
    ImageBuilder::new("app:1")
        .layer_by("COPY . /app", first)
        .layer_by(&format!("RUN echo {} >/app/new", key(4)), second)
        .env("TOKEN", &key(6))
        .build()
}

#[test]
fn a_second_scan_says_the_same_and_reads_no_layer() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    let first = cache.scan(&target, &[]);
    first.assert_status(1);
    assert_eq!((cached(&first.json()), cache.entries().len()), (0, 2));
    let second = cache.scan(&target, &[]);
    second.assert_status(1);
    assert_eq!(cached(&second.json()), 2);
    assert_eq!(same(&second), same(&first));
    assert_eq!(same(&cache.scan(&target, &["--no-cache"])), same(&first));
    assert!(first.findings().len() >= 7, "what the image holds");
    let removed = first.findings().iter().filter(|found| found["in_final_image"] == false).count();
    assert_eq!(removed, 2, "one deleted, one overwritten through a symlink");
    for format in ["jsonl", "csv", "table"] {
        let text = |more: &[&str]| {
            let run =
                cache.keyseam(&["scan", "-o", format, "--min-confidence=low", &target]).args(more).run();
            let text = run.text();
            // Seconds, and how many layers were cached, are told by the table and the summary only.
            text.lines()
                .filter(|line| {
                    !line.contains("second") && !line.contains("cached") && !line.contains(" Read ")
                })
                .collect::<String>()
        };
        assert_eq!(text(&[]), text(&["--no-cache"]), "{format}");
    }
}

#[test]
fn what_is_kept_holds_no_key_and_no_name() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    cache.scan(&target, &[]).assert_status(1);
    for entry in cache.entries() {
        let bytes = fs::read(entry).expect("read");
        for number in 1..8 {
            let key = key(number);
            for piece in key.as_bytes().windows(8).skip(4) {
                assert!(memchr::memmem::find(&bytes, piece).is_none(), "a piece of key {number}");
            }
        }
        // Files with keys are named in reports; those without are nobody's business.
        assert!(memchr::memmem::find(&bytes, b"link").is_none());
    }
}

#[test]
fn a_child_image_reads_its_own_layer_and_judges_the_whole() {
    let base = ImageBuilder::new("app:1").layer(
        Layer::new()
            .dir("app")
            .file("app/.env", &line(1))
            .file("app/key", &line(2))
            .file("srv/a/b", &line(3)),
    );
    let child = base.clone().layer(
        Layer::new()
            .whiteout("app/.env")
            .hardlink("copy", "app/key")
            .file("app/key", b"none")
            .opaque("srv/a"),
    );
    let cache = Cached::new();
    let base = cache.layout("base", &base.build());
    let child = cache.layout("child", &child.build());
    cache.scan(&base, &[]).assert_status(1);
    let warm = cache.scan(&child, &[]);
    assert_eq!(cached(&warm.json()), 1);
    assert_eq!(same(&warm), same(&cache.scan(&child, &["--no-cache"])));
    let fates: Vec<bool> = warm.findings().iter().map(|found| found["in_final_image"] == true).collect();
    assert_eq!(fates.iter().filter(|there| **there).count(), 1, "the hard link's content alone: {fates:?}");
    // And the other way around: who comes first makes no difference.
    let other = Cached::new();
    let (base, child) = (base.as_str(), child.as_str());
    assert_eq!(same(&other.scan(child, &[])), same(&warm));
    assert_eq!(same(&other.scan(base, &[])), same(&cache.scan(base, &[])));
}

#[test]
fn a_key_that_only_its_layer_gives_away_is_hidden_in_the_config_too() {
    // Nothing but the variable's name in the file says that it is a key.
    let secret = expand("{{base62:20}}7aB{{base62:2}}", "", &mut Seed(9)).expect("a template");
    let file = format!("MESSAGEBIRD_ACCESS_KEY={secret}\n");
    let image = ImageBuilder::new("app:1")
        .layer_by(
            &format!("RUN /install {} && echo {}", secret, key(1)),
            Layer::new().file("app/.env", file.as_bytes()).file("app/other", &line(1)),
        )
        .build();
    let cache = Cached::new();
    let target = cache.layout("image", &image);
    let first = cache.scan(&target, &[]);
    let second = cache.scan(&target, &[]);
    assert_eq!(cached(&second.json()), 1);
    for run in [&first, &second] {
        assert!(!run.text().contains(&secret), "the step shows it");
    }
    assert_eq!(same(&second), same(&first));
}

#[test]
fn an_entry_that_somebody_changed_counts_for_nothing() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    let first = cache.scan(&target, &[]);
    let entries = cache.entries();
    for entry in &entries {
        let mut bytes = fs::read(entry).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(entry, bytes).expect("written");
    }
    let second = cache.scan(&target, &[]);
    assert_eq!((cached(&second.json()), same(&second)), (0, same(&first)));
    // It was written anew. One layer's entry in place of another's is none either.
    fs::copy(&entries[0], &entries[1]).expect("copied");
    let third = cache.scan(&target, &[]);
    assert_eq!((cached(&third.json()), same(&third)), (1, same(&first)));
}

#[test]
fn entries_belong_to_a_hashing_key_to_rules_and_to_limits() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    let scan = |more: &[&str]| cached(&cache.scan(&target, more).json());
    assert_eq!((scan(&[]), scan(&[])), (0, 2));
    let other_key = "A".repeat(43);
    let other = || {
        let run = cache.keyseam(&["scan", "-o", "json", &target]).env("KEYSEAM_FINGERPRINT_KEY", &other_key);
        cached(&run.run().json())
    };
    assert_eq!((other(), other()), (0, 2), "another hashing key");
    assert_eq!((scan(&["--max-layer-bytes=1000000000"]), scan(&["--max-layer-bytes=1000000000"])), (0, 2));
    fs::write(cache.path("own.env"), "OWN_TOKEN=hJ2k9Lq0Vb7Xn4RtQw\n").expect("written");
    let own = format!("--secrets-from={}", cache.path("own.env").display());
    assert_eq!((scan(&[&own]), scan(&[&own])), (0, 2));
    fs::write(cache.path("own.env"), "OWN_TOKEN=mP5s8Wz3Yc6Gd1KfEa\n").expect("written");
    assert_eq!(scan(&[&own]), 0, "other values");
    // What is only shown, or counts, changes nothing that is kept.
    assert_eq!(scan(&["--only=github", "--fail-on=high", "--jobs=1"]), 2);
    assert_eq!(scan(&["--show-secrets"]), 0, "whole keys are kept nowhere");
    assert_eq!(scan(&["--no-cache"]), 0);
    assert_eq!(scan(&["--verify-diff-ids"]), 0, "no diff_id was learned");
    assert_eq!(scan(&["--verify-diff-ids"]), 2);
    assert_eq!(scan(&[]), 2);
}

#[test]
fn nothing_is_kept_where_nothing_can_be() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    cache.scan(&target, &["--no-cache"]).assert_status(1);
    cache.scan(&target, &["--show-secrets"]).assert_status(1);
    // A hashing key of this run only: nobody could read it.
    let run = cache.keyseam(&["scan", "-o", "json", &target]).without_env("KEYSEAM_FINGERPRINT_KEY");
    run.without_env("HOME").run().assert_status(1);
    // Layers that only a config names.
    let archive = docker_classic(&[&image()]).tar();
    fs::write(cache.path("app.tar"), archive).expect("written");
    cache.scan(cache.path("app.tar").to_str().expect("a path"), &[]).assert_status(1);
    assert_eq!(cache.entries(), Vec::<PathBuf>::new());
    // A folder that cannot be made is a note, and the scan goes on. The inventory's was made by the scan before.
    fs::remove_dir_all(cache.path("cache")).expect("removed");
    fs::write(cache.path("cache"), "a file").expect("written");
    let run = cache.scan(&target, &[]);
    run.assert_status(1);
    assert!(run.stderr.contains("layer cache"), "{}", run.stderr);
}

#[test]
fn what_is_incomplete_stays_incomplete() {
    let cache = Cached::new();
    let broken = {
        let mut tar = crate::support::tarball::Tarball::new();
        tar.file("app/.env", &line(1)).file("app/large", &[b'x'; 5_000]);
        tar.unfinished()
    };
    let cut = broken[..broken.len() - 2_000].to_vec();
    let image = ImageBuilder::new("app:1").layer_bytes("COPY . /", cut).build();
    let target = cache.layout("image", &image);
    let first = cache.scan(&target, &["--exit-zero"]);
    first.assert_status(3);
    let second = cache.scan(&target, &["--exit-zero"]);
    second.assert_status(3);
    assert_eq!((cached(&second.json()), same(&second)), (1, same(&first)));
}

fn layers_asked(registry: &Serving, layers: &BTreeSet<String>) -> usize {
    let asked = registry.requests();
    asked
        .iter()
        .filter(|one| one.gets_blob(None) && layers.iter().any(|layer| one.path().ends_with(layer)))
        .count()
}

fn layers_of(run: &Run) -> BTreeSet<String> {
    let layers = run.json()["results"][0]["layers"].as_array().expect("layers").clone();
    layers.iter().map(|layer| layer["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[test]
fn a_known_layer_is_not_downloaded() {
    let base = ImageBuilder::new("app:1").layer(Layer::new().file("etc/base", &line(1)));
    let child = base.clone().layer(Layer::new().file("app/new", &line(2))).build();
    let gzip = Form::Oci(Compression::Gzip);
    let registry =
        Registry::new().image("app", "1", &base.build(), gzip).image("app", "2", &child, gzip).start();
    let cache = Cached::new();
    let scan = |tag: &str| cache.scan(&registry.target(tag), &[]);
    let first = scan("app:1");
    let layers = layers_of(&first);
    assert_eq!(layers_asked(&registry, &layers), 1);
    let again = scan("app:1");
    assert_eq!((layers_asked(&registry, &layers), same(&again)), (1, same(&first)), "nothing was fetched");
    let of_child = scan("app:2");
    let all = layers_of(&of_child);
    assert_eq!((cached(&of_child.json()), layers_asked(&registry, &all)), (1, 2), "its own layer alone");
    assert_eq!(of_child.findings().len(), 2);
}

#[test]
fn many_at_once_share_it() {
    let cache = Cached::new();
    let target = cache.layout("image", &image());
    let expected = same(&cache.scan(&target, &["--no-cache"]));
    std::thread::scope(|scope| {
        let scans: Vec<_> = (0..6).map(|_| scope.spawn(|| same(&cache.scan(&target, &[])))).collect();
        for scan in scans {
            assert_eq!(scan.join().expect("a scan"), expected);
        }
    });
    assert_eq!(cached(&cache.scan(&target, &[]).json()), 2);
    assert_eq!(cache.entries().len(), 2, "and nothing unfinished");
}

#[test]
fn the_commands_show_and_empty_it() {
    let cache = Cached::new();
    let say = |command: &str| {
        let run = cache.keyseam(&["cache", command]).run();
        run.assert_status(0);
        run.text()
    };
    let folder = cache.path("cache");
    assert_eq!(say("path"), format!("{}\n", folder.display()));
    assert!(say("info").contains("0 layers"), "{}", say("info"));
    let target = cache.layout("image", &image());
    cache.scan(&target, &[]).assert_status(1);
    assert!(say("info").contains("2 layers"), "{}", say("info"));
    assert!(say("clear").contains("removed 2 layers"));
    assert_eq!((cached(&cache.scan(&target, &[]).json()), cache.entries().len()), (0, 2));
    let named = Keyseam::new(&["cache", "path", "--cache-dir", "/elsewhere"]).run();
    assert_eq!(named.text(), "/elsewhere\n");
    let default = Keyseam::new(&["cache", "path"]).env("XDG_CACHE_HOME", "/caches").run();
    assert_eq!(default.text(), "/caches/keyseam\n");
    let nowhere = Keyseam::new(&["cache", "info"]).without_env("HOME").run();
    nowhere.assert_status(2);
    assert!(nowhere.stderr.contains("--cache-dir"), "{}", nowhere.stderr);
    assert!(!Path::new("/elsewhere").exists());
}
