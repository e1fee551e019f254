//! Pulling from registries: the real one of Debian's `docker-registry`, and a misbehaving one of our own.
//!
//! Every run is ended by force when it takes too long, and writes all its reports: a test may ask whether
//! a word stands anywhere in them.

mod artifacts;
mod auth;
mod guard;
mod hub;
mod images;
mod mirrors;
mod proxy;
mod pull;
mod real;
mod resume;
mod servers;
mod sweep;
mod tokens;
mod transport;

use serde_json::{Value, json};

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Run, list};
use crate::support::image::{Image, ImageBuilder, Layer};

/// The fingerprints of keys, sorted.
fn fingerprints(numbers: &[u64]) -> Vec<String> {
    let mut all: Vec<String> = numbers.iter().map(|number| fingerprint(&key(*number))).collect();
    all.sort();
    all
}

/// The fingerprints of a result's findings, sorted.
fn keys_of(result: &Value) -> Vec<String> {
    let findings = list(&result["findings"]);
    let mut all: Vec<String> = findings.iter().map(|one| text(&one["fingerprint"])).collect();
    all.sort();
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What must be the same of an image's findings wherever it comes from.
#[track_caller]
fn facts(run: &Run) -> Vec<Value> {
    let place = |location: &Value| {
        json!({ "kind": location["kind"], "layer": location["layer"], "path": location["path"],
            "line": location["line"], "name": location["name"], "removed_by": location["removed_by"] })
    };
    let fact = |finding: &Value| {
        let places: Vec<Value> = list(&finding["locations"]).iter().map(place).collect();
        let from = &finding["introduced_by"];
        json!({ "detector": finding["detector"], "fingerprint": finding["fingerprint"],
            "place": finding["place"], "severity": finding["severity"], "confidence": finding["confidence"],
            "in_final_image": finding["in_final_image"], "exposed_to": finding["exposed_to"],
            "layer": from["layer"], "created_by": from["created_by"], "diff_id": from["diff_id"],
            "history_index": from["history_index"], "locations": places })
    };
    run.findings().iter().map(fact).collect()
}

/// Keys of [`leaky`]: deleted later, in a file, at the end of a large layer, in the environment.
const LEAKED: [u64; 4] = [1, 2, 3, 4];

/// An image of four layers with keys in two of them and in its config. The last layer is more than a
/// megabyte that no compression makes smaller, with a key at its end.
fn leaky(name: &str) -> ImageBuilder {
    let large = [noise(1_200_000), b"\n".to_vec(), line(3)].concat();
    ImageBuilder::new(name)
        .layer_by("ADD rootfs.tar / # buildkit", Layer::new().dir("etc").file("etc/motd", b"welcome\n"))
        .layer_by(
            "COPY . /app # buildkit",
            Layer::new().file("app/.env", &line(1)).file("app/settings", &line(2)),
        )
        .layer_by("RUN /bin/sh -c rm /app/.env # buildkit", Layer::new().whiteout("app/.env"))
        .history("ENV API_TOKEN=", true)
        .layer_by("COPY model.bin /srv/ # buildkit", Layer::new().file("srv/model.bin", &large))
        .env("API_TOKEN", &key(4))
}

/// The same image, built.
fn leaky_image() -> Image {
    leaky("app:1").build()
}

/// Bytes without any order, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
