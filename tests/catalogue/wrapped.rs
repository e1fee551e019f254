//! Every example as a file, in base64, in UTF-16, in a jar and in a variable, through the whole program.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::{Command, Stdio};

use super::examples::{Planted, fresh_seed};
use crate::places::Workshop;
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};
use serde_json::Value;

/// All examples of secrets.
fn all(seed: u64) -> Vec<Planted> {
    let mut examples = super::examples::all(seed);
    examples.retain(|planted| !planted.is_handle);
    examples
}

/// What a report says of one place.
struct Told {
    /// The detector of the finding, and the others that fit.
    detectors: Vec<String>,
    decoded: Vec<String>,
    inner: usize,
}

/// A layer and a path in it, or a variable.
type InLayer = (usize, String);

/// By place, what was found there.
type Report = HashMap<InLayer, Vec<Told>>;

/// Scans an image of these files, each in a layer in which its path is free; by layer and path, what was
/// found there.
fn scanned(files: &[(&Planted, Vec<u8>)]) -> (Vec<InLayer>, Report) {
    let mut taken: Vec<HashSet<String>> = Vec::new();
    let mut layers: Vec<Layer> = Vec::new();
    let mut places = Vec::new();
    for (planted, bytes) in files {
        let path = &planted.path;
        let number = taken.iter().position(|paths| !paths.contains(path)).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(HashSet::new());
            layers.push(Layer::new());
        }
        taken[number].insert(path.clone());
        layers[number] = std::mem::replace(&mut layers[number], Layer::new()).file(path, bytes);
        places.push((number, path.clone()));
    }
    let image = layers.into_iter().fold(ImageBuilder::new("app:1"), ImageBuilder::layer).build();
    (places, told(&scan(oci(&[&image], Compression::None).tar())))
}

/// Whether `shown` is `path` as a report may show it: what is also a piece of another key there is hidden.
fn is_shown(path: &str, shown: &str) -> bool {
    let Some((front, rest)) = shown.split_once('…') else { return path == shown };
    let back = rest.rsplit_once('…').map_or(rest, |(_, back)| back);
    path.len() >= front.len() + back.len() && path.starts_with(front) && path.ends_with(back)
}

fn scan(archive: Vec<u8>) -> Run {
    let all = ["--fail-on", "low", "--min-confidence", "low", "--exit-zero", "-"];
    let run = Keyseam::scan(&all).stdin(archive).run();
    run.assert_status(0);
    run
}

fn told(run: &Run) -> Report {
    let mut told = Report::new();
    for finding in run.findings() {
        let words = |value: &Value| -> Vec<String> {
            list(value).iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let mut detectors = words(&finding["also"]);
        detectors.insert(0, finding["detector"].as_str().expect("valid").to_owned());
        for location in list(&finding["locations"]) {
            let layer = location["layer"].as_u64().map_or(usize::MAX, |layer| layer as usize);
            let place = location["path"].as_str().or(location["name"].as_str()).unwrap_or_default();
            told.entry((layer, place.to_owned())).or_default().push(Told {
                detectors: detectors.clone(),
                decoded: words(&location["decoded"]),
                inner: list(&location["inner"]).len(),
            });
        }
    }
    told
}

/// Fails with the names of the examples that were not found as themselves, in a place that `is_right`.
#[track_caller]
fn assert_found(seed: u64, planted: &[(&Planted, Vec<u8>)], is_right: impl Fn(&Told) -> bool) {
    let (places, told) = scanned(planted);
    let lost: Vec<String> = planted
        .iter()
        .zip(&places)
        .filter(|((planted, _), place)| {
            let is_there = |told: &&InLayer| told.0 == place.0 && is_shown(&place.1, &told.1);
            let there = told.keys().filter(is_there).flat_map(|place| &told[place]);
            !there.into_iter().any(|one| is_right(one) && one.detectors.contains(&planted.id))
        })
        .map(|((planted, _), _)| planted.name())
        .collect();
    assert!(lost.is_empty(), "seed {seed}, {} of {} lost:\n{}", lost.len(), planted.len(), lost.join("\n"));
}

/// What Python makes of each text, in one process: `expression` is of `text`, which is bytes.
fn by_python(expression: &str, texts: &[&[u8]]) -> Vec<Vec<u8>> {
    let script = format!(
        "import base64, sys\nfor line in sys.stdin:\n  text = bytes.fromhex(line)\n  print(({expression}).hex())"
    );
    let mut child = Command::new("python3")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let lines: String = texts.iter().map(|text| hex(text) + "\n").collect();
    let mut pipe = child.stdin.take().expect("valid");
    let writer = std::thread::spawn(move || pipe.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("valid").expect("python reads its input");
    let printed = String::from_utf8(output.stdout).expect("valid");
    let made: Vec<Vec<u8>> = printed.lines().map(unhex).collect();
    assert_eq!(made.len(), texts.len(), "{expression}");
    made
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("valid")).collect()
}

/// The examples that are texts, each through one expression of Python.
fn encoded(examples: &[Planted], expression: &str) -> Vec<Vec<u8>> {
    let texts: Vec<&[u8]> = examples.iter().map(|planted| planted.text.as_slice()).collect();
    by_python(expression, &texts)
}

/// Stores whose examples are parts of them: in base64 only a whole one is opened.
const BINARY_STORES: [&str; 3] = ["pkcs12-keystore", "java-keystore", "kerberos-keytab"];

#[test]
fn every_example_is_found_as_it_is() {
    let seed = fresh_seed();
    let examples = all(seed);
    let plain: Vec<_> = examples.iter().map(|planted| (planted, planted.text.clone())).collect();
    assert_found(seed, &plain, |told| told.inner == 0);
}

#[test]
fn every_example_is_found_in_base64() {
    let seed = fresh_seed();
    let mut examples = all(seed);
    // A store of keys is found by where it begins and what lies around it, which is no text.
    examples.retain(|planted| !BINARY_STORES.contains(&planted.id.as_str()));
    let encoded = encoded(&examples, "base64.b64encode(text)");
    let files: Vec<_> = examples.iter().zip(encoded).collect();
    assert_found(seed, &files, |told| told.decoded.contains(&"base64".to_owned()));
}

#[test]
fn every_example_is_found_in_utf_16() {
    let seed = fresh_seed();
    let mut examples = all(seed);
    examples.retain(|planted| std::str::from_utf8(&planted.text).is_ok());
    let encoded = encoded(&examples, "text.decode().encode('utf-16-le')");
    let files: Vec<_> = examples.iter().zip(encoded).collect();
    assert_found(seed, &files, |told| told.decoded.contains(&"utf-16le".to_owned()));
}

#[test]
fn every_example_is_found_in_a_jar() {
    let seed = fresh_seed();
    let examples = all(seed);
    let mut lost = Vec::new();
    // Several jars, as some examples want one and the same path.
    let mut left: Vec<&Planted> = examples.iter().collect();
    while !left.is_empty() {
        let shop = Workshop::new();
        let mut paths = HashSet::new();
        let (now, later): (Vec<&Planted>, Vec<&Planted>) =
            left.into_iter().partition(|planted| paths.insert(planted.path.clone()));
        for planted in &now {
            let path = format!("in/{}", planted.path);
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            std::fs::create_dir_all(shop.path().join(folder)).expect("valid");
            shop.write(&path, &planted.text);
        }
        let jar = shop.run("jar cf app.jar -C in .").read("app.jar");
        let image = ImageBuilder::new("app:1").layer(Layer::new().file("srv/app.jar", &jar)).build();
        let run = scan(oci(&[&image], Compression::None).tar());
        let mut found = HashSet::new();
        for finding in run.findings() {
            let ids = list(&finding["also"]).into_iter().chain([finding["detector"].clone()]);
            let ids: Vec<String> = ids.filter_map(|id| id.as_str().map(str::to_owned)).collect();
            for location in list(&finding["locations"]) {
                let member = list(&location["inner"]).first().and_then(|one| one.as_str().map(str::to_owned));
                found.extend(ids.iter().filter_map(|id| Some((id.clone(), member.clone()?))));
            }
        }
        let is_lost = |planted: &&&Planted| {
            !found.iter().any(|(id, member)| *id == planted.id && is_shown(&planted.path, member))
        };
        lost.extend(now.iter().filter(is_lost).map(|planted| planted.name()));
        left = later;
    }
    assert!(lost.is_empty(), "seed {seed}, {} lost:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn every_example_is_found_in_a_variable() {
    let seed = fresh_seed();
    let mut examples = all(seed);
    // What is for certain files is for no variable; and a variable holds text.
    examples.retain(|planted| !planted.of_files && std::str::from_utf8(&planted.text).is_ok());
    // Each under its own name, and so in several images.
    let mut images: Vec<(HashSet<String>, ImageBuilder)> = Vec::new();
    let mut names = Vec::new();
    for (number, planted) in examples.iter().enumerate() {
        let text = std::str::from_utf8(&planted.text).expect("valid").trim_end();
        let assigned = text.split_once('=').filter(|(name, value)| {
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            !name.is_empty() && name.chars().all(is_name) && value.as_bytes() == planted.key
        });
        // The example's own variable where it is one; else a text in a variable of no meaning.
        let (name, value) = match assigned {
            Some((name, value)) => (name.to_owned(), value),
            None => (format!("TEXT_{number}"), text),
        };
        let at = images.iter().position(|(taken, _)| !taken.contains(&name)).unwrap_or(images.len());
        if at == images.len() {
            let image = ImageBuilder::new(&format!("app:{at}")).layer(Layer::new().file("x", b"x"));
            images.push((HashSet::new(), image));
        }
        images[at].0.insert(name.clone());
        images[at].1 = std::mem::replace(&mut images[at].1, ImageBuilder::new("app")).env(&name, value);
        names.push((at, name));
    }
    let reports: Vec<_> = images
        .iter()
        .map(|(_, image)| told(&scan(oci(&[&image.build()], Compression::None).tar())))
        .collect();
    let ids = |(at, name): &(usize, String)| -> Vec<&String> {
        let there = reports[*at].iter().filter(|((_, place), _)| place == name).flat_map(|(_, told)| told);
        there.flat_map(|one| &one.detectors).collect()
    };
    let lost: Vec<String> = examples
        .iter()
        .zip(&names)
        .filter(|(planted, name)| !ids(name).contains(&&planted.id))
        .map(|(planted, (_, name))| format!("{} as {name}", planted.name()))
        .collect();
    assert!(lost.is_empty(), "seed {seed}, {} of {} lost:\n{}", lost.len(), examples.len(), lost.join("\n"));
}
