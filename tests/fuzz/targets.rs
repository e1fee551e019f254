//! What is fuzzed, and what must hold of every result.

use std::io::{Cursor, Read};
use std::str::FromStr as _;

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::redact::Redactor;
use keyseam::detect::template::{Seed, expand};
use keyseam::detect::{Hit, Place, Scratch, Window};
use keyseam::finding::ignore::{FindingFacts, IgnoreRules, LocationFacts};
use keyseam::image::config::ImageConfig;
use keyseam::image::digest::{Algorithm, Digest, Hasher};
use keyseam::image::history::History;
use keyseam::image::index;
use keyseam::image::manifest::{Image, ImageKind};
use keyseam::image::statement::Statement;
use keyseam::layer::decompress::Decompressed;
use keyseam::layer::tar::{Entry, TarEvent, TarReader};
use keyseam::scan::ScanOptions;
use keyseam::scan::config_units::ConfigUnits;
use keyseam::source;
use serde_json::{Value, json};

use super::corpus::Corpus;
use super::mutate::{self, Dice};
use crate::damage::engine::{Verdict, detectors, options, scan_opened, scan_path, scan_pipe};
use crate::support::image::{DOCKER_MANIFEST, Members, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, layout};

pub(super) const TARGETS: [super::Target; 12] = [
    ("tar", tar),
    ("decompress", decompress),
    ("layer", layer),
    ("archive", archive),
    ("layout", image_layout),
    ("index", documents),
    ("config", config),
    ("statement", statement),
    ("text", text),
    ("ignore", ignore),
    ("target", target),
    ("rules", rules),
];

fn one<'a, T>(dice: &Dice, from: &'a [T]) -> &'a T {
    &from[dice.below(from.len())]
}

fn mutated_tar(corpus: &Corpus, dice: &Dice) -> Vec<u8> {
    let mut tar = one(dice, &corpus.tars).clone();
    if dice.chance(80) {
        mutate::headers(dice, &mut tar);
    }
    if dice.chance(50) {
        mutate::bytes(dice, &mut tar, one(dice, &corpus.tars).as_slice());
    }
    tar
}

/// What a reader made of a tar, whatever pieces it came in.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// Each with its stored content, whether that is whole, and where its last piece ended.
    entries: Vec<(Entry, Vec<u8>, bool, u64)>,
    raw: usize,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn told(tar: &[u8], mut length: impl FnMut() -> usize) -> Told {
    let (mut reader, mut told, mut events) = (TarReader::new(), Told::default(), Vec::new());
    let mut rest = tar;
    let mut last = false;
    while !last {
        let (piece, behind) = rest.split_at(length().clamp(1, rest.len().max(1)).min(rest.len()));
        rest = behind;
        reader.feed(piece, &mut events);
        if rest.is_empty() {
            last = true;
            reader.finish(&mut events);
        }
        for event in events.drain(..) {
            match event {
                TarEvent::Entry(entry) => told.entries.push((*entry, Vec::new(), false, 0)),
                TarEvent::Data { range, offset } => {
                    let entry = told.entries.last_mut().expect("data of an entry");
                    assert!(offset >= entry.3, "pieces come in order");
                    entry.3 = offset + range.len() as u64;
                    entry.1.extend_from_slice(&piece[range]);
                }
                TarEvent::EntryEnd => told.entries.last_mut().expect("the end of an entry").2 = true,
                TarEvent::Raw { range, .. } => told.raw += piece[range].len(),
                TarEvent::RawHeld { bytes, .. } => told.raw += bytes.len(),
                TarEvent::Warning(text) => told.warnings.push(text),
                TarEvent::Error { reason, message } => told.errors.push(format!("{reason}: {message}")),
            }
        }
    }
    told
}

fn tar(corpus: &Corpus, dice: &Dice) {
    let tar = mutated_tar(corpus, dice);
    let whole = told(&tar, || usize::MAX);
    let pieces = Dice::new(dice.next());
    let most = [1, 7, 512, 513, 5000][dice.below(5)];
    let cut = told(&tar, || 1 + pieces.below(most));
    assert!(whole == cut, "pieces of up to {most} bytes are read otherwise");
}

fn unpacked(stored: &[u8], mut size: impl FnMut() -> usize) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    let Ok(mut reader) = Decompressed::new(stored, Some(Hasher::new(Algorithm::Sha256))) else {
        return (content, false);
    };
    let mut buffer = vec![0; 70_000];
    loop {
        let room = size().clamp(1, buffer.len());
        match reader.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(count) => content.extend_from_slice(&buffer[..count]),
            Err(_) => {
                let rest = reader.finish();
                assert!(rest.passed_over <= rest.stored);
                return (content, false);
            }
        }
        assert!(content.len() < 1 << 28, "far more than the corpus holds");
    }
    let rest = reader.finish();
    assert_eq!(rest.stored, stored.len() as u64, "all of it was read");
    assert_eq!(rest.digest.expect("memory"), Some(Digest::sha256_of(stored)));
    (content, true)
}

fn decompress(corpus: &Corpus, dice: &Dice) {
    let mut stored = one(dice, &corpus.compressed).clone();
    if dice.chance(30) {
        stored.extend(&one(dice, &corpus.compressed).clone());
    }
    mutate::bytes(dice, &mut stored, &one(dice, &corpus.compressed).clone());
    let whole = unpacked(&stored, || usize::MAX);
    let sizes = Dice::new(dice.next());
    let pieces = unpacked(&stored, || 1 + sizes.below(9000));
    assert_eq!(whole.1, pieces.1, "whether it could be read depends on the buffer");
    if whole.1 {
        assert!(whole.0 == pieces.0, "what was read depends on the buffer");
    }
}

/// What must not depend on how an image came, nor on buffers and workers.
fn essence(verdict: &Verdict) -> (u8, Vec<String>, Vec<String>) {
    (verdict.status, verdict.keys().into_iter().collect(), verdict.errors.clone())
}

fn assert_sound(verdict: &Verdict) {
    let complete = verdict.status != 2 && verdict.results.iter().all(|result| result.complete);
    assert!(complete == verdict.errors.is_empty(), "what is incomplete says why");
    for result in &verdict.results {
        assert_eq!(result.complete, result.errors.is_empty());
        serde_json::to_string(result).expect("a report");
    }
}

/// A mutated tar as the only layer of an image that is right in all else.
fn layer(corpus: &Corpus, dice: &Dice) {
    let mut tar = mutated_tar(corpus, dice);
    if dice.chance(20) {
        // Texts with keys between the entries and in the bodies.
        let text = one(dice, &corpus.texts).clone();
        let at = dice.below(tar.len() + 1);
        tar.splice(at..at, text.into_bytes());
    }
    let stored = match dice.below(3) {
        0 => crate::support::image::Compression::Gzip.apply(&tar),
        1 => crate::support::image::Compression::Zstd.apply(&tar),
        _ => tar.clone(),
    };
    let diff_id = Digest::sha256_of(&tar).to_string();
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    let bytes = crate::damage::with_layer(media_type, &stored, &diff_id).tar();
    let scanned = |options: &ScanOptions| {
        scan_opened(source::open_stream(Cursor::new(bytes.clone()), "standard input", None), options)
    };
    let large = scanned(&ScanOptions { jobs: 1, window: 1 << 20, ..options() });
    let small = scanned(&ScanOptions { jobs: 3, window: 512 * (1 + dice.below(40)), ..options() });
    assert_sound(&large);
    assert!(essence(&large) == essence(&small), "the result depends on the windows");
}

/// A whole archive: what changes in it is a byte here and there, or a header.
fn archive(corpus: &Corpus, dice: &Dice) {
    let mut bytes = one(dice, &corpus.archives).clone();
    if dice.chance(50) {
        mutate::headers(dice, &mut bytes);
    }
    if dice.chance(60) {
        mutate::bytes(dice, &mut bytes, &one(dice, &corpus.archives).clone());
    }
    both_ways(bytes);
}

/// From disk and from a pipe: a scan that calls itself whole in both found the same.
fn both_ways(bytes: Vec<u8>) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &bytes).expect("a file");
    let (disk, pipe) = (scan_path(file.path()), scan_pipe(bytes));
    assert_sound(&disk);
    assert_sound(&pipe);
    // One may tell of damage that the other can read past, such as a link with a body; but where one is
    // clean, the other finds no key.
    for (one, other) in [(&disk, &pipe), (&pipe, &disk)] {
        assert!(
            one.status != 0 || other.keys().is_empty(),
            "clean one way, {} places the other",
            other.keys().len()
        );
    }
    if disk.errors.is_empty() && pipe.errors.is_empty() {
        assert!(essence(&disk) == essence(&pipe), "from disk and from a pipe are not the same");
    }
}

/// A layout whose documents are changed as JSON, with all digests right again.
fn image_layout(corpus: &Corpus, dice: &Dice) {
    let mut members = Members::default();
    let mut config_bytes = one(dice, &corpus.configs).to_string().into_bytes();
    if dice.chance(50) {
        config_bytes = mutate::json(dice, one(dice, &corpus.configs));
    }
    let config = members.blob(OCI_CONFIG, &config_bytes);
    let layer = members.blob("application/vnd.oci.image.layer.v1.tar", one(dice, &corpus.tars).as_slice());
    let other = members.blob("application/vnd.oci.image.layer.v1.tar", &mutated_tar(corpus, dice));
    let mut manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer, other] })
            .to_string()
            .into_bytes();
    if dice.chance(50) {
        manifest = mutate::json(dice, &serde_json::from_slice(&manifest).unwrap_or_default());
    }
    let entry = members.blob(OCI_MANIFEST, &manifest);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
    if dice.chance(50) {
        members.file("index.json", mutate::json(dice, &index));
    } else {
        layout(&mut members, &[index["manifests"][0].clone()]);
    }
    if dice.chance(20) {
        let list = json!([{ "Config": member(&config), "RepoTags": ["a:b"], "Layers": [member(&layer), member(&other)] }]);
        members.file("manifest.json", mutate::json(dice, &list));
    }
    both_ways(members.tar());
}

fn member(descriptor: &Value) -> String {
    format!(
        "blobs/sha256/{}",
        descriptor["digest"].as_str().unwrap_or_default().trim_start_matches("sha256:")
    )
}

fn documents(corpus: &Corpus, dice: &Dice) {
    let bytes = mutate::json(dice, one(dice, &corpus.indexes));
    for declared in ["", OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST] {
        if let Err(error) = index::parse(&bytes, declared) {
            assert!(!error.to_string().is_empty() && !error.reason().is_empty());
        }
    }
}

fn config(corpus: &Corpus, dice: &Dice) {
    let bytes = mutate::json(dice, one(dice, &corpus.configs));
    let parsed = ImageConfig::parse(&bytes);
    let history = History::of(&parsed, dice.below(6));
    for layer in 0..8 {
        let _ = history.step_of_layer(layer);
    }
    let mut image = Image::new(ImageKind::Image);
    image.config_json = Some(bytes.clone());
    image.manifest_json = Some(mutate::json(dice, one(dice, &corpus.indexes)));
    let units = ConfigUnits::of(&image);
    for unit in &units.units {
        assert!(unit.value_offset <= unit.text.len());
    }
    // Whatever strange shape it has, each string of a config is searched.
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { return };
    let mut strings = Vec::new();
    long_strings(&document, &mut strings);
    for text in strings {
        let found =
            units.units.iter().any(|unit| memchr::memmem::find(&unit.text, text.as_bytes()).is_some());
        assert!(found, "a string of the config is in no text that is searched");
    }
}

fn statement(corpus: &Corpus, dice: &Dice) {
    let bytes = mutate::json(dice, one(dice, &corpus.statements));
    let Some(statement) = Statement::read(&bytes) else { return };
    for text in &statement.texts {
        assert!(text.value_offset <= text.text.len());
    }
    for escaped in &statement.escaped {
        assert!(escaped.start < escaped.end && escaped.end <= bytes.len() as u64);
    }
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { return };
    let mut strings = Vec::new();
    long_strings(&document, &mut strings);
    for text in strings {
        let found =
            statement.texts.iter().any(|one| memchr::memmem::find(&one.text, text.as_bytes()).is_some());
        assert!(found, "a string of the statement is in no text that is searched");
    }
}

/// Keys are such strings, one word; digests, which are read as such, are none.
fn long_strings<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let is_digest =
                |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            out.extend(words.filter(|word| word.len() >= 30 && !is_digest(word)));
        }
        Value::Array(items) => items.iter().for_each(|item| long_strings(item, out)),
        Value::Object(members) => members.values().for_each(|item| long_strings(item, out)),
        _ => {}
    }
}

fn text(corpus: &Corpus, dice: &Dice) {
    let mut all = String::new();
    for _ in 0..=dice.below(12) {
        let one = one(dice, &corpus.texts);
        all.push_str(&if dice.chance(50) { mutate::text(dice, one) } else { one.clone() });
        all.push_str(dice.pick(&["\n", " ", "", ";", "\0", "\u{e9}"]));
    }
    let mut bytes = all.clone().into_bytes();
    if dice.chance(30) {
        mutate::bytes(dice, &mut bytes, one(dice, &corpus.texts).as_bytes());
    }
    let start = dice.below(bytes.len() + 1);
    let owned = if dice.chance(50) { 0..bytes.len() } else { start..bytes.len() };
    let window = Window {
        owned,
        bytes: &bytes,
        starts: dice.chance(50),
        ends: dice.chance(50),
        place: [Place::File, Place::Env, Place::History][dice.below(3)],
        path: dice.pick(&["", "app/.env", "root/.aws/credentials", "\u{feff}/x.pem"]).as_bytes(),
    };
    let mut hits: Vec<Hit> = Vec::new();
    detectors().scan(&window, &mut Scratch::default(), &mut hits);
    for hit in &hits {
        assert!(hit.span.start <= hit.span.end && hit.span.end <= bytes.len());
        let _ = detectors().redacted(hit.detector, &hit.key);
    }
    let mut redactor = Redactor::new(detectors());
    let hidden: Vec<&Hit> =
        hits.iter().filter(|hit| !detectors().definition(hit.detector).is_handle()).collect();
    for hit in &hidden {
        redactor.learn(&hit.key, &bytes[hit.span.clone()], "…");
    }
    let cleaned = redactor.clean(&String::from_utf8_lossy(&bytes));
    for hit in hidden.iter().filter(|hit| hit.span.len() >= 6) {
        let key = &bytes[hit.span.clone()];
        if std::str::from_utf8(key).is_ok() {
            assert!(memchr::memmem::find(cleaned.as_bytes(), key).is_none(), "a key in a cleaned text");
        }
    }
}

const RULES: &str = "# a rule\n\
    detector:github-pat-classic path:app/** -- test keys until:2999-01-01\n\
    path:**/*.pem -- known\n\
    ksf1:0123abcd:0123456789abcdef0123456789abcdef # why\n\
    ksp1:0123456789abcdef0123456789abcdef reason\n";

fn ignore(corpus: &Corpus, dice: &Dice) {
    let mut bytes = mutate::text(dice, RULES).into_bytes();
    if dice.chance(40) {
        mutate::bytes(dice, &mut bytes, one(dice, &corpus.texts).as_bytes());
    }
    let today = time::Date::from_ordinal_date(2026, 1 + (dice.next() % 365) as u16).expect("a day");
    match IgnoreRules::parse(".keyseamignore", &bytes, today) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(rules) => {
            let path = mutate::text(dice, "app/.env/../x").into_bytes();
            let locations = [LocationFacts { path: Some(&path), digest: None, diff_id: None }];
            let facts = FindingFacts {
                fingerprint: "ksf1:0123abcd:0123456789abcdef0123456789abcdef",
                place: "ksp1:0123456789abcdef0123456789abcdef",
                detector: "github-pat-classic",
                locations: &locations,
            };
            let _ = rules.matches(&facts);
            let _ = (rules.expired().count(), rules.unknown_detectors(|_| false).len());
            assert!(rules.rules().iter().all(|rule| !rule.text().is_empty()));
        }
    }
}

fn target(_: &Corpus, dice: &Dice) {
    let text = dice.pick(&[
        "docker://registry.example.com:5000/a/b:tag@sha256:0123",
        "docker-archive:/no/such.tar:name:tag",
        "oci:/no/such:@0",
        "oci-archive:no:such",
        "docker-daemon:sha256:0123456789abcdef",
        "podman:name",
        "./no/such.tar",
        "alpine",
        "localhost/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]);
    let text = mutate::text(dice, text);
    if let Ok(target) = keyseam::target::Target::parse(&text) {
        let _ = target.reference();
    }
    let _ = keyseam::target::normalise_reference(&text);
    let _ = Digest::from_str(&text);
    let _ = keyseam::report::sanitize::inline(&text);
}

const RULE: &str = "service = \"Example\"\ncategory = \"saas\"\n\n[[detector]]\nid = \"example-key\"\n\
    name = \"Example key\"\nkind = \"api key\"\nseverity = \"high\"\nconfidence = \"high\"\n\
    public_prefix = [\"exk_\"]\nrevoke = \"x\"\nleak_allows = \"y\"\n\n[[detector.form]]\nanchors = [\"exk_\"]\n\
    pattern = 'exk_[0-9a-f]{32}'\n\n[[detector.example]]\nkey = \"exk_{{hex:32}}\"\ntext = \"K={{key}}\"\n";

fn rules(corpus: &Corpus, dice: &Dice) {
    let text = mutate::text(dice, RULE);
    thread_local! {
        static EMBEDDED: Catalogue = Catalogue::embedded().expect("the embedded definitions");
    }
    EMBEDDED.with(|embedded| {
        if let Err(error) = embedded.clone().add_rules(&text, "rules.toml") {
            assert!(!error.to_string().is_empty());
        }
    });
    let template = mutate::text(dice, one(dice, &corpus.templates).as_str());
    if let Err(error) = expand(&template, "key", &mut Seed(dice.next())) {
        assert!(!error.to_string().is_empty());
    }
}
