//! Keys of every definition, made from its own examples, and images that hold them.

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::definition::Definition;
use keyseam::detect::template::{Seed, expand};
use keyseam::detect::{DetectorSet, Place, Scratch, Window};
use serde_json::json;

use super::pieces::Planted;
use crate::support::image::{Image, ImageBuilder, Layer};

/// The seed of all keys: a failure is the same in the next run.
pub(super) const SEED: u64 = 0x6b65_7973;

/// Other keys of the same make that tell what of a key is public.
const OTHERS: u64 = 4;

/// One example, made: a key and the text that it stands in.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) detector: String,
    pub(super) key: String,
    pub(super) text: String,
    path: Option<String>,
    is_handle: bool,
    others: Vec<String>,
}

impl Sample {
    pub(super) fn planted(&self, place: &str) -> Planted {
        Planted {
            detector: self.detector.clone(),
            place: place.to_owned(),
            key: self.key.clone(),
            others: self.others.clone(),
        }
    }

    /// A path where the definition applies.
    fn path_in(&self, number: usize) -> String {
        match &self.path {
            Some(path) => format!("{number}/{path}"),
            None => format!("app/{number}.txt"),
        }
    }
}

/// One sample of every example of every definition.
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    pub(super) fn new(seed: u64) -> Self {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        Self(
            catalogue
                .definitions()
                .iter()
                .enumerate()
                .flat_map(|(number, definition)| {
                    of(definition, seed.wrapping_mul(1_000_003) + 10_000 * number as u64)
                })
                .collect(),
        )
    }

    /// All that must stay secret.
    pub(super) fn planted(&self, place: &str) -> Vec<Planted> {
        self.secret().map(|sample| sample.planted(place)).collect()
    }

    pub(super) fn secret(&self) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(|sample| !sample.is_handle)
    }

    pub(super) fn detectors(&self) -> impl Iterator<Item = &str> {
        self.secret().map(|sample| sample.detector.as_str())
    }

    /// One of each definition whose key alone, with nothing around it, says what it is.
    pub(super) fn that_tell_by_themselves(&self) -> Vec<Sample> {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let set = DetectorSet::new(&catalogue).expect("a set");
        let mut scratch = Scratch::default();
        let mut telling: Vec<Sample> =
            self.secret().filter(|sample| !sample.key.contains(char::is_whitespace)).cloned().collect();
        telling.retain(|sample| {
            let bytes = sample.key.as_bytes();
            let owned = 0..bytes.len();
            let window = Window {
                bytes,
                owned: owned.clone(),
                starts: true,
                ends: true,
                place: Place::Config,
                path: b"",
            };
            let mut hits = Vec::new();
            set.scan(&window, &mut scratch, &mut hits);
            hits.iter().any(|hit| hit.span == owned)
        });
        telling.dedup_by(|next, kept| next.detector == kept.detector);
        telling
    }

    /// A layer with a file for each sample, where its definition applies.
    pub(super) fn files(&self) -> Layer {
        let files = self.0.iter().enumerate();
        files.fold(Layer::new(), |layer, (number, sample)| {
            layer.file(&sample.path_in(number), sample.text.as_bytes())
        })
    }
}

/// An image that holds each key in a file, and again in every other place of an image.
pub(super) fn everywhere(samples: &Samples) -> Image {
    let image = ImageBuilder::new("app:1").layer(samples.files());
    PLACES.iter().fold(image, |image, (_, put)| put(image, samples)).build()
}

/// An image with other keys in each place, and which those are. Nothing tells what they are but the
/// place itself.
pub(super) fn each_place_its_own(seed: u64) -> (Image, Vec<Planted>) {
    let mut planted = Vec::new();
    let mut image = ImageBuilder::new("app:1").layer(Layer::new().file("etc/hostname", b"app"));
    for (number, (place, put)) in PLACES.iter().enumerate() {
        let mut samples = Samples::new(seed.wrapping_add(7_919 * number as u64));
        samples.0.dedup_by(|next, kept| next.detector == kept.detector);
        image = put(image, &samples);
        planted.extend(samples.planted(place));
    }
    (image.build(), planted)
}

type Put = fn(ImageBuilder, &Samples) -> ImageBuilder;

/// The places of an image that are no file's content.
const PLACES: [(&str, Put); 16] = [
    ("file name", |image, samples| {
        in_layer(image, samples, |layer, n, s| layer.file(&format!("n/{n}/{}", s.text), b""))
    }),
    ("symlink", |image, samples| {
        in_layer(image, samples, |layer, n, s| layer.symlink(&format!("l/{n}"), &s.text))
    }),
    ("xattr", |image, samples| {
        in_layer(image, samples, |layer, n, s| {
            layer.xattr(&format!("x/{n}"), b"", "user.note", s.text.as_bytes())
        })
    }),
    ("xattr name", |image, samples| {
        in_layer(image, samples, |layer, n, s| {
            layer.xattr(&format!("y/{n}"), b"", &format!("user.{}", s.text.replace('=', ":")), b"x")
        })
    }),
    ("env", |image, samples| {
        in_config(image, samples, |image, n, s| image.env(&format!("TEXT_{n}"), &s.text))
    }),
    ("env itself", |image, samples| {
        in_config(image, samples, |image, _, s| match s.text.split_once('=') {
            Some((name, value)) => image.env(name, value),
            None => image.env("VALUE", &s.text),
        })
    }),
    ("label", |image, samples| {
        in_config(image, samples, |image, n, s| image.label(&format!("org.acme.{n}"), &s.text))
    }),
    ("label name", |image, samples| in_config(image, samples, |image, _, s| image.label(&s.text, "x"))),
    ("annotation", |image, samples| {
        in_config(image, samples, |image, n, s| image.annotation(&format!("org.acme.{n}"), &s.text))
    }),
    ("annotation name", |image, samples| {
        in_config(image, samples, |image, _, s| image.annotation(&s.text, "x"))
    }),
    ("step", |image, samples| steps(image, samples, |_, s| s.text.clone())),
    ("ENV step", |image, samples| steps(image, samples, |_, s| format!("ENV {}", s.text))),
    ("LABEL step", |image, samples| steps(image, samples, |n, s| format!("LABEL org.acme.{n}={}", s.text))),
    ("RUN step", |image, samples| {
        steps(image, samples, |_, s| format!("RUN /bin/sh -c set -e; {} && make # buildkit", s.text))
    }),
    ("build argument", |image, samples| {
        steps(image, samples, |n, s| {
            format!("RUN |2 B_{n}={} OTHER=two words /bin/sh -c make # buildkit", s.text)
        })
    }),
    ("CMD step", |image, samples| {
        steps(image, samples, |_, s| format!("/bin/sh -c #(nop)  CMD [\"sh\" \"-c\" {}]", json!(s.text)))
    }),
];

fn in_layer(image: ImageBuilder, samples: &Samples, put: fn(Layer, usize, &Sample) -> Layer) -> ImageBuilder {
    let samples = samples.0.iter().enumerate();
    image.layer(samples.fold(Layer::new(), |layer, (number, sample)| put(layer, number, sample)))
}

fn in_config(
    image: ImageBuilder,
    samples: &Samples,
    put: fn(ImageBuilder, usize, &Sample) -> ImageBuilder,
) -> ImageBuilder {
    samples.0.iter().enumerate().fold(image, |image, (number, sample)| put(image, number, sample))
}

fn steps(image: ImageBuilder, samples: &Samples, step: fn(usize, &Sample) -> String) -> ImageBuilder {
    samples
        .0
        .iter()
        .enumerate()
        .fold(image, |image, (number, sample)| image.history(&step(number, sample), true))
}

fn of(definition: &Definition, seed: u64) -> Vec<Sample> {
    definition
        .examples
        .iter()
        .enumerate()
        // What they name is the head of a sealed key: nothing of it is secret, and texts cannot hold it.
        .filter(|(_, example)| !example.binary)
        .map(|(number, example)| {
            let make = |round: u64| {
                let mut seed = Seed(seed + 100 * number as u64 + round);
                let key = expand(&example.key, "", &mut seed).expect("a key");
                let text = expand(&example.text, &key, &mut seed).expect("a text");
                (key, text)
            };
            let (key, text) = make(0);
            let path = example.path.clone().or_else(|| {
                let glob = definition.paths.only.first()?;
                Some(format!("root/{}", glob.trim_start_matches("**/").replace('*', "x")))
            });
            Sample {
                detector: definition.id.clone(),
                others: (1..=OTHERS).map(|round| make(round).0).collect(),
                key,
                text,
                path,
                is_handle: definition.is_handle(),
            }
        })
        .collect()
}
