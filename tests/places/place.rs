//! Files with keys in them, the image that holds them, and the check that a report says of each key
//! where it is. A key is known by the name of its place, in failures too: none is ever shown.

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use crate::scan::{DETECTOR, fingerprint_of};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// A file of an image, and the keys that are in it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    planted: Vec<Planted>,
}

/// A key, by its fingerprint, and what its location must say.
#[derive(Clone)]
struct Planted {
    name: String,
    fingerprint: String,
    detector: &'static str,
    at: At,
}

/// The way to a key inside its file. What is not said must be empty, but for the line.
#[derive(Clone, Default)]
pub(crate) struct At {
    inner: Vec<String>,
    decoded: Vec<String>,
    line: Option<u64>,
    loose: bool,
}

/// In the file as it lies.
pub(crate) fn at() -> At {
    At::default()
}

impl At {
    /// In this line of the innermost content, from 1.
    pub(crate) fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// In a member of an archive, each archive's member behind the one that it lies in.
    pub(crate) fn inner<S: AsRef<str>>(mut self, members: &[S]) -> Self {
        self.inner = members.iter().map(|member| member.as_ref().to_owned()).collect();
        self
    }

    /// Behind encodings, outermost first.
    pub(crate) fn decoded(mut self, encodings: &[&str]) -> Self {
        self.decoded = encodings.iter().map(|encoding| (*encoding).to_owned()).collect();
        self
    }

    /// In this file, however that is put: nobody laid down what the way into such a one is called.
    pub(crate) fn anyhow(mut self) -> Self {
        self.loose = true;
        self
    }
}

impl Place {
    pub(crate) fn new(path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), bytes: bytes.into(), planted: Vec::new() }
    }

    /// A file of text, the key in its second line.
    pub(crate) fn text(path: &str) -> Self {
        Self::new(path, text(path)).holds(path, at().line(2))
    }

    /// The key of this name is in it.
    pub(crate) fn holds(self, name: &str, at: At) -> Self {
        self.holds_secret(name, DETECTOR, key(name).as_bytes(), at)
    }

    /// A secret in its canonical form is in it, for this detector to find.
    pub(crate) fn holds_secret(mut self, name: &str, detector: &'static str, secret: &[u8], at: At) -> Self {
        let fingerprint = fingerprint_of(secret);
        self.planted.push(Planted { name: name.to_owned(), fingerprint, detector, at });
        self
    }

    /// The names of its keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.planted.iter().map(|planted| planted.name.as_str())
    }
}

/// The key of a name: a GitHub token with its checksum, so that it is one wherever it stands.
pub(crate) fn key(name: &str) -> String {
    // FNV-1a, so that every name has a key and nobody has to count.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    expand("{{github:ghp_}}", "", &mut Seed(hash)).expect("a template")
}

/// Some lines of settings, the key of a name in the second.
pub(crate) fn text(name: &str) -> String {
    format!("# settings of the app\ntoken = {}\nretries = 3\n", key(name))
}

/// The layer of the place with this index: the base holds none of them.
fn layer_of(index: usize) -> usize {
    1 + index % 2
}

/// An image of three layers, with the places in the second and the third by turns.
pub(crate) fn image(places: &[Place]) -> Image {
    let layer = |number: usize| {
        let mine = places.iter().enumerate().filter(|(index, _)| layer_of(*index) == number);
        mine.fold(Layer::new(), |layer, (_, place)| layer.file(&place.path, &place.bytes))
    };
    let base = Layer::new().file("etc/os-release", b"ID=debian\n");
    ImageBuilder::new("app:1").layer(base).layer(layer(1)).layer(layer(2)).build()
}

/// Scans an image with these places from a pipe: each key is found as it must be, and nothing else is.
#[track_caller]
pub(crate) fn check(places: &[Place]) {
    let bytes = oci(&[&image(places)], Compression::Gzip).tar();
    check_run(&Keyseam::scan(&["-"]).stdin(bytes).run(), places);
}

/// The same of a scan that was run.
#[track_caller]
pub(crate) fn check_run(run: &Run, places: &[Place]) {
    let result = run.result();
    assert_eq!(result["complete"], true, "errors: {:#}", result["errors"]);
    let findings = list(&result["findings"]);
    let mut wrong = Vec::new();
    for (index, place) in places.iter().enumerate() {
        for planted in &place.planted {
            if let Err(what) = found(&findings, place, planted, layer_of(index)) {
                wrong.push(format!("{} ({}): {what}", planted.name, place.path));
            }
        }
    }
    let planted = || places.iter().flat_map(|place| &place.planted);
    for finding in &findings {
        if !planted().any(|planted| finding["fingerprint"] == planted.fingerprint.as_str()) {
            wrong.push(format!(
                "{} at {}, and no key was put there",
                finding["detector"], finding["locations"]
            ));
        }
    }
    let all = planted().count();
    assert!(wrong.is_empty(), "{} of {all} keys and more are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether the one finding of a key says what it must.
fn found(findings: &[Value], place: &Place, planted: &Planted, layer: usize) -> Result<(), String> {
    let of_it = |finding: &&Value| finding["fingerprint"] == planted.fingerprint.as_str();
    let mut of_it = findings.iter().filter(of_it);
    let finding = of_it.next().ok_or("not found")?;
    if of_it.next().is_some() {
        return Err("found more than once".to_owned());
    }
    let locations = list(&finding["locations"]);
    let one_place = planted.at.loose || locations.len() == 1;
    expect(&json!(one_place), &json!(true), &format!("one place ({locations:#?})"))?;
    expect(&finding["detector"], &json!(planted.detector), "detector")?;
    expect(&finding["introduced_by"]["layer"], &json!(layer), "introduced_by.layer")?;
    for location in &locations {
        expect(&location["layer"], &json!(layer), "layer")?;
        expect(&location["path"], &json!(place.path), "path")?;
        if !planted.at.loose {
            expect(&location["kind"], &json!("file"), "kind")?;
            expect(&location["inner"], &json!(planted.at.inner), "inner")?;
            expect(&location["decoded"], &json!(planted.at.decoded), "decoded")?;
        }
        if let Some(line) = planted.at.line {
            expect(&location["line"], &json!(line), "line")?;
        }
    }
    Ok(())
}

fn expect(actual: &Value, expected: &Value, what: &str) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{what} is {actual}, not {expected}")) }
}
