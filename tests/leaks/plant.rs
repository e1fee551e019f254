//! Keys of every definition, made from its own examples, and images that hold them.

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::definition::Definition;
use keyseam::detect::template::{Seed, expand};
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
    pub(super) fn planted(&self) -> Planted {
        Planted { label: self.detector.clone(), key: self.key.clone(), others: self.others.clone() }
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
    pub(super) fn planted(&self) -> Vec<Planted> {
        self.secret().map(Sample::planted).collect()
    }

    pub(super) fn secret(&self) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(|sample| !sample.is_handle)
    }

    pub(super) fn detectors(&self) -> impl Iterator<Item = &str> {
        self.secret().map(|sample| sample.detector.as_str())
    }

    /// An image that holds each key in a file, and again in every other place of an image.
    pub(super) fn everywhere(&self) -> Image {
        let mut files = Layer::new();
        let mut names = Layer::new();
        for (number, sample) in self.0.iter().enumerate() {
            files = files.file(&sample.path_in(number), sample.text.as_bytes());
            names = names
                .file(&format!("names/{number}/{}", sample.key), b"")
                .file(&format!("names/{number}/v2-{}.bak", sample.text), b"");
            names = names.symlink(&format!("links/{number}"), &sample.key).xattr(
                &format!("xattr/{number}"),
                b"",
                "user.note",
                sample.text.as_bytes(),
            );
        }
        let image = ImageBuilder::new("app:1").layer(files).layer(names);
        self.0
            .iter()
            .enumerate()
            .fold(image, |image, (number, sample)| in_config(image, number, sample))
            .build()
    }
}

/// A key in every text of a config and a manifest.
fn in_config(image: ImageBuilder, number: usize, sample: &Sample) -> ImageBuilder {
    let (key, text) = (sample.key.as_str(), sample.text.as_str());
    let odd = format!("weird {key} name");
    let image = image
        .env(&format!("PLAIN_{number}"), key)
        .env(&format!("TEXT_{number}"), text)
        .label(&format!("org.acme.{number}"), text)
        .label(&odd, "x")
        .annotation(&format!("org.acme.note.{number}"), text)
        .annotation(&format!("org.acme.{key}"), "x");
    let steps = [
        text.to_owned(),
        format!("ENV PLAIN_{number}={key}"),
        format!("ENV \"QUOTED_{number}\"=\"{}\"", key.replace('"', "\\\"")),
        format!("LABEL org.acme.{number}={text}"),
        format!("ARG BUILD_{number}={key}"),
        format!("RUN |2 BUILD_{number}={key} OTHER=two words /bin/sh -c make # buildkit"),
        format!("RUN /bin/sh -c printf '%s' '{key}' > /run/x && {text} # buildkit"),
        format!("/bin/sh -c #(nop)  ENV PLAIN_{number}={key}"),
        format!("/bin/sh -c #(nop) COPY file:{key} in /"),
        format!("CMD [\"sh\" \"-c\" {}]", json!(text)),
    ];
    steps.iter().fold(image, |image, step| image.history(step, true))
}

fn of(definition: &Definition, seed: u64) -> Vec<Sample> {
    definition
        .examples
        .iter()
        .enumerate()
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

impl Sample {
    /// A path where the definition applies.
    fn path_in(&self, number: usize) -> String {
        match &self.path {
            Some(path) => format!("{number}/{path}"),
            None => format!("app/{number}.txt"),
        }
    }
}
