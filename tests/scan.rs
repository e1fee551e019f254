//! Whole scans through the program: keys planted in images of every kind, and what its JSON report says
//! of each. A key is known in the report by its fingerprint, which is made here as the contract defines
//! it, so no test needs to see a key there.

mod artifacts;
mod attestations;
mod caps;
mod config;
mod final_tree;
mod places;
mod seams;
mod shapes;
mod statuses;

use hmac::{Hmac, KeyInit, Mac};
use keyseam::detect::template::{Seed, expand};
use serde_json::Value;
use sha2::Sha256;

use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, Image, oci};

/// The detector of the keys that [`key`] makes.
pub(crate) const DETECTOR: &str = "github-pat-classic";

/// The key of a number: as every GitHub token, it carries a checksum, so it is one wherever it stands.
pub(crate) fn key(number: u64) -> String {
    made("{{github:ghp_}}", number)
}

/// A line of a file that holds the key of a number.
pub(crate) fn line(number: u64) -> Vec<u8> {
    format!("token = {}\n", key(number)).into_bytes()
}

/// What a template gives for a number.
fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

/// The fingerprint of a key under the hashing key of [`crate::support::cli`].
pub(crate) fn fingerprint(key: &str) -> String {
    fingerprint_of(key.as_bytes())
}

/// The same of a key whose canonical form is no text.
pub(crate) fn fingerprint_of(key: &[u8]) -> String {
    let hmac = |message: &[&[u8]]| {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&[0x5a; 32]).expect("a key of any length");
        message.iter().for_each(|part| hmac.update(part));
        let bytes = hmac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let (id, hash) = (hmac(&[b"ksf1 id"]), hmac(&[b"ksf1 secret\0", key]));
    format!("ksf1:{}:{}", &id[..8], &hash[..32])
}

/// The result of one image.
struct Scanned {
    result: Value,
}

impl Scanned {
    /// Scans an image from a pipe, as an OCI archive.
    #[track_caller]
    fn image(image: &Image) -> Self {
        Self::archive(oci(&[image], Compression::Gzip).tar())
    }

    /// Scans the only image of an archive from a pipe; it must be read whole.
    #[track_caller]
    fn archive(bytes: Vec<u8>) -> Self {
        Self::of(&Keyseam::scan(&["-"]).stdin(bytes).run())
    }

    /// The only result of a run; it must be whole.
    #[track_caller]
    fn of(run: &Run) -> Self {
        let result = run.result();
        assert_eq!(result["complete"], true, "errors: {:#}", result["errors"]);
        Self { result }
    }

    #[track_caller]
    fn findings(&self) -> Vec<Value> {
        list(&self.result["findings"])
    }

    /// The findings of a key, under whatever detector.
    #[track_caller]
    fn findings_of(&self, key: &str) -> Vec<Value> {
        let fingerprint = fingerprint(key);
        self.findings().into_iter().filter(|finding| finding["fingerprint"] == fingerprint.as_str()).collect()
    }

    /// The only finding of the key of a number.
    #[track_caller]
    fn finding(&self, number: u64) -> Value {
        let mut findings = self.findings_of(&key(number));
        assert_eq!(findings.len(), 1, "findings of key {number}");
        findings.remove(0)
    }

    /// Checks that the finding of a key says at least this.
    #[track_caller]
    fn assert_finding(&self, number: u64, expected: Value) {
        assert_says(&self.finding(number), &expected, &format!("key {number}"));
    }

    /// Checks that these keys were found and nothing else.
    #[track_caller]
    fn assert_only(&self, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        let mut expected: Vec<String> = numbers.iter().map(|number| fingerprint(&key(*number))).collect();
        let mut found: Vec<String> =
            self.findings().iter().filter_map(|one| Some(one["fingerprint"].as_str()?.to_owned())).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "fingerprints");
        let report = self.result.to_string();
        assert!(numbers.iter().all(|number| !report.contains(&key(*number))), "a key is shown");
    }
}

/// Checks that `actual` holds every field of `expected` with its value. Lists are compared item by item.
#[track_caller]
pub(crate) fn assert_says(actual: &Value, expected: &Value, what: &str) {
    if let Err(difference) = says(actual, expected, "") {
        panic!("{what}: {difference}");
    }
}

fn says(actual: &Value, expected: &Value, at: &str) -> Result<(), String> {
    match (actual, expected) {
        (Value::Object(_), Value::Object(fields)) => {
            fields.iter().try_for_each(|(name, value)| says(&actual[name], value, &format!("{at}.{name}")))
        }
        (Value::Array(items), Value::Array(wanted)) if items.len() == wanted.len() => {
            let pairs = items.iter().zip(wanted).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(index, (item, value))| says(item, value, &format!("{at}[{index}]")))
        }
        _ if actual == expected => Ok(()),
        _ => Err(format!("{at} is {actual}, not {expected}")),
    }
}
