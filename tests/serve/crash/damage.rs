//! Entries of the store that are not as they were written count as if they were not there: what they told is
//! examined anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::scene::{Scene, digest, files, key, verdict};
use super::stop::slow;
use super::store;
use crate::support::http::registry::Serving;
use crate::support::image::{Image, ImageBuilder, Layer, this_architecture};
use crate::support::serve::Server;

/// Images of each kind, leaking and clean in turn: one for each way to damage an entry.
const IMAGES: usize = 18;

fn image(number: usize) -> Image {
    let mut layer = Layer::new().file("app/number", format!("{number}").as_bytes());
    if is_leaky(number) {
        layer = layer.file("app/.env", format!("MESSAGEBIRD_ACCESS_KEY={}\n", key()).as_bytes());
    }
    ImageBuilder::new("app:1").platform("linux", this_architecture()).layer(layer).build()
}

fn is_leaky(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn right(number: usize) -> &'static str {
    if is_leaky(number) { "leaks" } else { "clean" }
}

struct Damaged {
    registry: Serving,
    scene: Scene,
    digests: Vec<String>,
    store: Arc<TempDir>,
    barrier: super::stop::Barrier,
}

impl Damaged {
    fn new() -> Self {
        let images: Vec<Image> = (0..IMAGES).map(image).collect();
        let (registry, barrier) = slow(&images);
        let scene = Scene::new(&registry.host());
        Self { scene, digests: images.iter().map(digest).collect(), store: store(), registry, barrier }
    }

    fn start(&self) -> Server {
        self.scene.start(&self.store, &[], None)
    }

    fn notify(&self, server: &Server) {
        let named: Vec<&str> = self.digests.iter().map(String::as_str).collect();
        assert_eq!(self.scene.notify(server, &named).status, 202);
    }

    /// The same with everything examined and the server stopped.
    fn examined() -> Self {
        let this = Self::new();
        this.barrier.open();
        let mut server = this.start();
        this.notify(&server);
        for (number, digest) in this.digests.iter().enumerate() {
            assert_eq!(this.scene.wait_until_known(&server, digest), right(number));
        }
        assert_eq!(server.stop(), Some(143));
        this
    }

    fn entries(&self, kind: &str) -> Vec<PathBuf> {
        files(&self.store.path().join(kind))
    }

    /// Every verdict is right, and was made of the image itself.
    fn assert_examined_anew(&self, asked_for: &str) {
        let before = self.registry.requests().len();
        let server = self.start();
        for digest in &self.digests {
            assert_eq!(self.scene.known(&server, digest), "unknown", "{}", server.text());
        }
        for (number, digest) in self.digests.iter().enumerate() {
            let answer = self.scene.review(&server, digest, false).expect("an answer");
            assert_eq!(verdict(&answer), right(number), "{answer}");
        }
        let asked = self.registry.requests().split_off(before);
        let asked = asked.iter().filter(|request| request.method == "GET");
        let asked = asked.filter(|request| request.path().contains(asked_for)).count();
        assert!(asked >= self.digests.len(), "{asked} requests for {asked_for}");
    }
}

/// Damages each entry in another way: cut after every eighth of it, a byte changed here and there, exchanged with
/// the next one, and no file any more.
fn damage(entries: &[PathBuf], elsewhere: &Path) {
    assert!(entries.len() >= IMAGES, "{} entries", entries.len());
    for (number, path) in entries.iter().enumerate() {
        let bytes = fs::read(path).expect("an entry");
        match number % IMAGES {
            cut @ 0..8 => fs::write(path, &bytes[..bytes.len() * cut / 8]).expect("written"),
            flip @ 8..12 => {
                let mut changed = bytes.clone();
                let at = (bytes.len() - 1) * (flip - 8) / 3;
                changed[at] ^= 0x20;
                fs::write(path, changed).expect("written");
            }
            12 => fs::write(path, [&bytes[..], b"\0"].concat()).expect("written"),
            13 => {
                let there = elsewhere.join(format!("entry-{number}"));
                fs::rename(path, &there).expect("moved");
                std::os::unix::fs::symlink(&there, path).expect("linked");
            }
            14 => {
                fs::remove_file(path).expect("removed");
                fs::create_dir(path).expect("made");
            }
            _ => {}
        }
    }
    // The last three of them change places.
    let exchanged: Vec<&PathBuf> =
        entries.iter().enumerate().filter(|(number, _)| number % IMAGES > 14).map(|(_, path)| path).collect();
    let contents: Vec<Vec<u8>> = exchanged.iter().map(|path| fs::read(path).expect("an entry")).collect();
    for (number, path) in exchanged.iter().enumerate() {
        fs::write(path, &contents[(number + 1) % contents.len()]).expect("written");
    }
}

#[test]
fn facts_that_were_changed_are_none() {
    let damaged = Damaged::examined();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let entries = damaged.entries("images");
    assert_eq!(entries.len(), IMAGES);
    damage(&entries, elsewhere.path());
    damaged.assert_examined_anew("/manifests/");
}

#[test]
fn layers_that_were_changed_are_read_again() {
    let damaged = Damaged::examined();
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::remove_dir_all(damaged.store.path().join("images")).expect("removed");
    damage(&damaged.entries("layers"), elsewhere.path());
    damaged.assert_examined_anew("/blobs/");
}

#[test]
fn jobs_that_were_changed_are_none_and_can_be_told_again() {
    let damaged = Damaged::new();
    let mut server = damaged.start();
    damaged.notify(&server);
    damaged.barrier.wait_for_one();
    server.kill();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let entries = damaged.entries("queue");
    assert_eq!(entries.len(), IMAGES);
    damage(&entries, elsewhere.path());
    damaged.barrier.open();
    let server = damaged.start();
    let metrics = || {
        let token = format!("Authorization: Bearer {}", Scene::token());
        let url = format!("http://{}/metrics", server.address("status"));
        crate::support::serve::curl(&["-H", &token, &url], b"").text()
    };
    assert!(metrics().contains("\nkeyseam_queue 0\n"), "{}", metrics());
    for (number, digest) in damaged.digests.iter().enumerate() {
        let answer = damaged.scene.notify(&server, &[digest]);
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(damaged.scene.wait_until_known(&server, digest), right(number));
    }
}
