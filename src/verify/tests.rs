//! Every request of the catalogue against the answers that its service documents. These stand in the
//! definition files too, and in no program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::answer::{Answer, verdict};
use super::request::Request;
use super::{Subject, canary};
use crate::detect::DetectorIndex;
use crate::detect::Key;
use crate::detect::definition::Verify;
use crate::detect::definition::verify::{Part, parts};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    verify: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    means: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

/// All requests: the file, the request, its samples.
fn all() -> Vec<(String, Verify, Vec<Sample>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detectors");
    let mut requests = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let file: File = toml::from_str(&fs::read_to_string(&path).expect("a text")).expect(&name);
        for mut table in file.verify {
            let samples = table.remove("sample").unwrap_or(toml::Value::Array(Vec::new()));
            let samples: Vec<Sample> = samples.try_into().unwrap_or_else(|error| panic!("{name}: {error}"));
            let verify: Verify = table.try_into().unwrap_or_else(|error| panic!("{name}: {error}"));
            requests.push((name.clone(), verify, samples));
        }
    }
    requests
}

/// A key with all that a request asks for beside it.
fn subject(verify: &Verify) -> Subject {
    let (mut companions, mut handles) = (BTreeMap::new(), BTreeMap::new());
    companions.insert("id".to_owned(), "AKIAIOSFODNN7EXAMPLA".to_owned());
    let pointers = verify.live.iter().chain(&verify.dead).flat_map(|one| one.has.iter().chain(&one.lacks));
    for template in verify.templates().chain(pointers.map(String::as_str)) {
        for part in parts(template).expect("a template") {
            match part {
                Part::Companion(role) => drop(companions.insert(role.to_owned(), "id/1".to_owned())),
                Part::Handle(name) => drop(handles.insert(name.to_owned(), format!("handle-{name}"))),
                Part::Text(_) | Part::Secret => {}
            }
        }
    }
    Subject { detector: DetectorIndex(0), key: Key::new(b"made-up/key".to_vec()), companions, handles }
}

fn answer(sample: &Sample, subject: &Subject) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in &sample.headers {
        let name = HeaderName::try_from(name).expect("a name");
        headers.insert(name, HeaderValue::try_from(value).expect("a value"));
    }
    let body = subject.handles.iter().fold(sample.body.clone(), |body, (name, value)| {
        body.replace(&format!("{{{{handle.{name}}}}}"), value)
    });
    Answer::new(sample.status, headers, body.into_bytes())
}

#[test]
fn every_request_tells_the_documented_answers_apart() {
    let mut problems = Vec::new();
    for (file, verify, samples) in all() {
        let at = format!("{file}: {}", verify.shown());
        let subject = subject(&verify);
        let request = match Request::new(&verify, &subject) {
            Ok(request) => request,
            Err(problem) => {
                problems.push(format!("{at}: {problem}"));
                continue;
            }
        };
        let mut meant = BTreeSet::new();
        for sample in &samples {
            let found = verdict(&request, &answer(sample, &subject)).verification;
            if found.status.word() != sample.means {
                problems.push(format!(
                    "{at}: {} means {}, not {}",
                    sample.status,
                    sample.means,
                    found.status.word()
                ));
            }
            meant.insert(sample.means.as_str());
        }
        if !meant.contains("live") || (!verify.dead.is_empty() && !meant.contains("dead")) {
            problems.push(format!("{at}: a sample of live or dead is missing"));
        }
        // What anything between us and the service may say.
        for (status, body) in [
            (200, "<html><body>Welcome to the guest network, please log in</body></html>"),
            (200, "{}"),
            (200, ""),
            (403, "<html><body>Blocked by the proxy</body></html>"),
            (404, "not found"),
            (407, "proxy login"),
            (429, "{}"),
            (500, "{}"),
            (503, "<html></html>"),
        ] {
            let sample =
                Sample { means: String::new(), status, headers: BTreeMap::new(), body: body.to_owned() };
            let found = verdict(&request, &answer(&sample, &subject)).verification;
            if found.status.word() != "unknown" {
                problems.push(format!("{at}: {status} '{body}' is taken for {}", found.status.word()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_request_shows_the_key() {
    for (file, verify, _) in all() {
        let request = Request::new(&verify, &subject(&verify)).expect("a request");
        for shown in [format!("{request:?}"), request.shown.clone(), format!("{:?}", request.headers)] {
            assert!(!shown.contains("made-up"), "{file}: {shown}");
        }
    }
}

#[test]
fn values_are_written_as_their_place_asks() {
    let verify: Verify = toml::from_str(
        "detectors = ['x']\nmethod = 'POST'\nurl = 'https://a.example/k/{{secret}}/me'\nquery = { key = '{{secret}}' }\n\
         json = '{\"token\":\"{{secret}}\"}'\nbasic = ['{{companion.id}}', '{{secret}}']\nlive = [{ status = [204] }]",
    )
    .expect("a table");
    let key = "a/b?c#d e\"f\\&ü%";
    let subject = Subject {
        detector: DetectorIndex(0),
        key: Key::new(key.as_bytes().to_vec()),
        companions: BTreeMap::from([("id".to_owned(), "me".to_owned())]),
        handles: BTreeMap::new(),
    };
    let request = Request::new(&verify, &subject).expect("a request");
    let escaped = "a%2Fb%3Fc%23d%20e%22f%5C%26%C3%BC%25";
    assert_eq!(request.url.as_str(), format!("https://a.example/k/{escaped}/me?key={escaped}"));
    let body: serde_json::Value =
        serde_json::from_slice(request.body.as_ref().expect("a body")).expect("JSON");
    assert_eq!(body["token"], key);
    let bare = Subject { companions: BTreeMap::new(), ..subject.clone() };
    assert_eq!(Request::new(&verify, &bare).expect_err("no id"), "its id was not found beside it");
    // Nothing of it can lead elsewhere.
    for wrong in ["..", "."] {
        let subject = Subject { key: Key::new(wrong.as_bytes().to_vec()), ..subject.clone() };
        assert!(Request::new(&verify, &subject).is_err(), "{wrong}");
    }
    let in_header: Verify = toml::from_str(
        "detectors = ['x']\nurl = 'https://a.example/'\nheaders = { X = '{{secret}}' }\nlive = [{ status = [204] }]",
    )
    .expect("a table");
    let subject = Subject { key: Key::new(b"a\r\nHost: b".to_vec()), ..subject };
    assert!(Request::new(&in_header, &subject).is_err());
}

#[test]
fn canaries_are_known_by_their_account() {
    let of = |companions: &[(&str, &str)], handles: &[(&str, &str)]| {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        canary::issuer(&Subject {
            detector: DetectorIndex(0),
            key: Key::new(b"x".to_vec()),
            companions: map(companions),
            handles: map(handles),
        })
    };
    // A published canary; joined here so that no scanner of this tree trips over it.
    let published = ["AKIA", "SP2TPHJS", "QH3FJRUX"].concat();
    assert_eq!(of(&[("id", &published)], &[]).as_deref(), Some("thinkst"));
    assert_eq!(of(&[], &[("canary", "thinkst")]).as_deref(), Some("thinkst"));
    assert_eq!(of(&[("id", "AKIAIOSFODNN7EXAMPLA")], &[("account", "171436882533")]), None);
}
