//! What is sent to services, and what their documented answers come to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyseam::detect::catalogue::Catalogue;
use serde_json::Value;

use super::*;
use crate::catalogue::examples;
use crate::catalogue::fresh_seed;
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::http::Request;
use crate::support::http::certificates::Authority;
use crate::support::http::proxy::Proxy;

#[test]
fn messagebird_and_clockwork_are_asked_for_the_balance() {
    let (alive, gone, other) = (bird(1), clockwork(2), clockwork(3));
    let keys = [alive.clone(), other.clone()];
    let server = Server::start(move |request| match request.path() {
        "/rest.messagebird.com/balance"
            if request.header("authorization") == Some(&format!("AccessKey {}", keys[0])) =>
        {
            balance()
        }
        "/api.clockworksms.com/http/balance" if request.query("key").as_deref() == Some(&keys[1]) => {
            Answer::text(200, "Balance: 287.58 (GBP)")
        }
        "/api.clockworksms.com/http/balance" => Answer::text(200, "Error 58: Invalid API Key"),
        _ => Answer::new(400),
    });
    let lines = [
        format!("MESSAGEBIRD_API_KEY={alive}\n"),
        format!("CLOCKWORK_API_KEY={gone}\n"),
        format!("CLOCKWORK_API_KEY={other}\n"),
        // The same key elsewhere is one key.
        format!("export MESSAGEBIRD_ACCESS_KEY='{alive}'\n"),
    ];
    let run = verify(&lines, &server).run();
    run.assert_status(1);
    let of = |detector: &str| {
        run.findings().into_iter().filter(|one| one["detector"] == detector).collect::<Vec<_>>()
    };
    let verification = &of(MESSAGEBIRD)[0]["verification"];
    assert_eq!(verification["status"], "live");
    assert_eq!(verification["facts"]["payment"], "prepaid");
    assert_eq!(verification["request"], "GET https://rest.messagebird.com/balance");
    let of_clockwork: BTreeSet<String> = statuses(&run)[CLOCKWORK].iter().cloned().collect();
    assert_eq!(of_clockwork, ["dead", "live"].map(str::to_owned).into());
    assert_eq!(server.requests().len(), 3, "a request for each key");
    assert!(server.requests().iter().all(|request| request.method == "GET"));
    assert!(run.stderr.contains("services were asked about 3 keys: 2 live, 1 dead"), "{}", run.stderr);
    for key in [&alive, &gone, &other] {
        assert!(!run.text().contains(key.as_str()) && !run.stderr.contains(key.as_str()));
    }
}

#[test]
fn without_the_flag_nobody_is_asked() {
    let server = Server::witness();
    let run = Keyseam::scan(&["-"])
        .stdin(image(&[bird_line(1)]))
        .env("KEYSEAM_VERIFY", "true")
        .env("KEYSEAM_VERIFY_ENDPOINT", format!("rest.messagebird.com={}", server.url("")))
        .run();
    assert_eq!(status(&run), "unverified");
    assert!(run.findings()[0]["verification"].get("reason").is_none());
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn an_error_object_of_stripe_is_shown() {
    let body = r#"{"error":{"code":"api_key_expired","doc_url":"https://docs.stripe.com/error-codes/api-key-expired","message":"Expired API Key provided","request_log_url":"https://dashboard.stripe.com/logs/req_2","type":"invalid_request_error"}}"#;
    let server = Server::start(move |_| Answer::text(401, body));
    let lines = [format!("STRIPE_SECRET_KEY={}\n", stripe(1))];
    let run = verify(&lines, &server).run();
    let verification = run.finding("stripe-secret-key")["verification"].clone();
    assert_eq!(verification["status"], "dead");
    let facts = &verification["facts"];
    assert_eq!(facts["code"], "api_key_expired");
    assert_eq!(facts["type"], "invalid_request_error");
    assert_eq!(facts["doc_url"], "https://docs.stripe.com/error-codes/api-key-expired");
    assert_eq!(facts["request_log_url"], "https://dashboard.stripe.com/logs/req_2");
    let table = verify(&lines, &server).args(&["-o", "table=/dev/stderr"]).run();
    assert!(table.stderr.contains("dead: Stripe does not take it"), "{}", table.stderr);
}

/// The signature, made again by the vendor's own library from what arrived.
#[test]
fn an_aws_key_is_not_sent_but_signs() {
    let id = made("{{aws-id:AKIA}}", 1);
    let secret = made("{{base64:40}}", 101);
    let body = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/Alice","UserId":"AIDAX"}}}"#;
    let server = Server::start(move |_| Answer::text(200, body));
    let lines = [format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={secret}\n")];
    let run = verify(&lines, &server).run();
    let verification = run.finding("aws-secret-access-key")["verification"].clone();
    assert_eq!(verification["status"], "live");
    assert_eq!(verification["facts"]["arn"], "arn:aws:iam::123456789012:user/Alice");
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    assert!(!request.whole().contains(&secret));
    let script = "\
import sys, datetime
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import botocore.auth
id, secret, when, body = sys.argv[1:5]
class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls): return datetime.datetime.strptime(when, '%Y%m%dT%H%M%SZ')
    @classmethod
    def now(cls, tz=None): return cls.utcnow()
for name in ('get_current_datetime',):
    if hasattr(botocore.auth, name): setattr(botocore.auth, name, lambda *a, **k: Clock.utcnow())
botocore.auth.datetime = type('M', (), {'datetime': Clock, 'timezone': datetime.timezone})
request = AWSRequest('POST', 'https://sts.amazonaws.com/', data=body,
    headers={'Content-Type': 'application/x-www-form-urlencoded'})
SigV4Auth(Credentials(id, secret), 'sts', 'us-east-1').add_auth(request)
print(request.headers['Authorization'])
";
    let when = request.header("x-amz-date").expect("a time");
    let posted = String::from_utf8(request.body.clone()).expect("a text");
    let output = Command::new(crate::keep_out::workshop::installed("bin/python"))
        .args(["-c", script, &id, &secret, when, &posted])
        .output()
        .expect("python runs; tests/run installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = String::from_utf8(output.stdout).expect("a text");
    let words = |line: &str| line.trim().replace(", ", ",");
    assert_eq!(words(request.header("authorization").expect("a signature")), words(&expected), "{said}");
}

/// An answer of a `[[verify]]` table.
type Sample = (u16, Vec<(String, String)>, String);

/// By request, as it is shown: the first live and the first dead answer.
fn samples() -> BTreeMap<String, BTreeMap<String, Sample>> {
    let mut samples = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detectors");
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text");
        let file: toml::Table = toml::from_str(&text).expect("TOML");
        for table in file.get("verify").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = |value: &toml::Value, name: &str| {
                value.get(name).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
            };
            let method = Some(text(table, "method")).filter(|method| !method.is_empty());
            let shown = format!("{} {}", method.as_deref().unwrap_or("GET"), text(table, "url"));
            let by_meaning: &mut BTreeMap<String, Sample> = samples.entry(shown).or_default();
            for sample in table.get("sample").and_then(toml::Value::as_array).into_iter().flatten() {
                let status = sample.get("status").and_then(toml::Value::as_integer).expect("a status");
                let headers = sample.get("headers").and_then(toml::Value::as_table);
                let headers = headers.into_iter().flatten();
                let headers =
                    headers.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()));
                let answer =
                    (u16::try_from(status).expect("a status"), headers.collect(), text(sample, "body"));
                by_meaning.entry(text(sample, "means")).or_insert(answer);
            }
        }
    }
    samples
}

/// Every service of the catalogue at once: an image that holds a key of each detector that can be asked about, and a
/// server that is all of the services.
#[test]
fn every_service_is_asked_once_and_understood() {
    let catalogue = Catalogue::embedded().expect("the catalogue");
    let seed = fresh_seed();
    // What a table's conditions take from the key itself cannot be answered without reading it.
    let answerable: BTreeMap<&str, _> = catalogue
        .indexed()
        .filter_map(|(_, definition)| Some((definition.id.as_str(), definition.verify()?)))
        .filter(|(_, verify)| !verify.templates().any(|template| template.contains("{{handle.")))
        .collect();
    // Nor one of two tables with one address.
    let mut addresses: BTreeMap<String, BTreeSet<&[String]>> = BTreeMap::new();
    for verify in answerable.values() {
        addresses.entry(verify.shown()).or_default().insert(&verify.detectors);
    }
    let answerable: BTreeMap<&str, _> =
        answerable.into_iter().filter(|(_, verify)| addresses[&verify.shown()].len() == 1).collect();
    let mut planted = BTreeMap::new();
    for example in
        examples::all(seed).into_iter().filter(|example| answerable.contains_key(example.id.as_str()))
    {
        planted.entry(example.id.clone()).or_insert(example);
    }
    let layer =
        planted.values().fold(Layer::new(), |layer, example| layer.file(&example.path, &example.text));
    let archive = oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar();
    let hosts: BTreeSet<&str> = answerable.values().map(|verify| verify.host()).collect();
    let (samples, urls) =
        (Arc::new(samples()), Arc::new(shapes(answerable.values().map(|verify| verify.shown()))));
    for mode in ["live", "dead"] {
        let (samples, urls) = (Arc::clone(&samples), Arc::clone(&urls));
        let server = Server::start(move |request| {
            let shown = urls.iter().find(|shape| shape.fits(request)).map(|shape| &shape.shown);
            let sample = shown.and_then(|shown| samples.get(shown)).and_then(|answers| answers.get(mode));
            let Some((status, headers, body)) = sample else { return Answer::new(418) };
            headers
                .iter()
                .fold(Answer::text(*status, body), |answer, (name, value)| answer.header(name, value))
        });
        let hosts: Vec<&str> = hosts.iter().copied().collect();
        let run = Keyseam::scan(&["-", "--verify", "--min-confidence", "low"])
            .args(&endpoints(&server, &hosts))
            .stdin(archive.clone())
            .run();
        let (mut right, mut problems, mut alone) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        for finding in run.findings() {
            let detector = finding["detector"].as_str().expect("an id").to_owned();
            let Some(verify) = answerable.get(detector.as_str()) else { continue };
            let is_planted = finding["locations"][0]["path"]
                .as_str()
                .is_some_and(|path| planted.get(&detector).is_some_and(|example| example.path == path));
            if !is_planted {
                continue;
            }
            let verification = &finding["verification"];
            let reason = verification["reason"].as_str().unwrap_or_default();
            let expected = if mode == "dead" && verify.dead.is_empty() { "unknown" } else { mode };
            if reason.contains("was not found beside it") {
                alone.insert(detector);
            } else if verification["status"] == expected {
                right.insert(detector);
            } else {
                problems.push(format!("{detector}: {verification}"));
            }
        }
        assert!(problems.is_empty(), "{mode}, seed {seed}:\n{}", problems.join("\n"));
        let some = right.len() * 100 / answerable.len();
        assert!(some >= 85, "{mode}, seed {seed}: {some} % of {}; alone: {alone:?}", answerable.len());
        let mut asked: Vec<String> = server.requests().iter().map(Request::whole).collect();
        let all = asked.len();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), all, "a key is sent once");
    }
}

/// A request's address with whatever stands for its placeholders.
struct Shape {
    shown: String,
    method: String,
    pieces: Vec<String>,
}

impl Shape {
    fn fits(&self, request: &Request) -> bool {
        let path = request.path();
        let mut rest = path;
        for (number, piece) in self.pieces.iter().enumerate() {
            match rest.find(piece.as_str()) {
                Some(0) => rest = &rest[piece.len()..],
                Some(at) if number > 0 => rest = &rest[at + piece.len()..],
                _ => return false,
            }
        }
        self.method == request.method && (rest.is_empty() || self.pieces.last().is_some_and(String::is_empty))
    }
}

/// The longest addresses first: one may be the beginning of another.
fn shapes(shown: impl Iterator<Item = String>) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = shown
        .map(|shown| {
            let (method, url) = shown.split_once(' ').expect("a request");
            let path = url.replacen("https://", "/", 1);
            let path = path.split('?').next().expect("a path").to_owned();
            let pieces = path.split("{{").map(|piece| piece.split("}}").last().expect("a piece").to_owned());
            Shape { method: method.to_owned(), pieces: pieces.collect(), shown }
        })
        .collect();
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.shown.len()));
    shapes
}

#[test]
fn a_service_is_asked_by_its_name_through_the_proxy() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.tls("DNS:rest.messagebird.com"), |_| balance());
    let proxy = Proxy::start(&[("rest.messagebird.com:443", server.address())]);
    let scan = || Keyseam::scan(&["-", "--verify", "--timeout", "5s"]).stdin(image(&[bird_line(1)]));
    let run = scan().args(&["--proxy", &proxy.url(), "--ca-file"]).arg(authority.ca_file()).run();
    assert_eq!(status(&run), "live");
    let run = scan().arg("--ca-file").arg(authority.ca_file()).env("HTTPS_PROXY", proxy.url()).run();
    assert_eq!(status(&run), "live");
    assert!(proxy.requests().iter().all(|request| request.method == "CONNECT"), "nothing in clear");
    // Whoever sits in between is not believed.
    let before = server.requests().len();
    let run = scan().args(&["--proxy", &proxy.url()]).run();
    assert_eq!(status(&run), "unknown");
    assert_eq!(server.requests().len(), before);
    let other = Server::start_tls(authority.tls("DNS:other.example"), |_| balance());
    let proxy = Proxy::start(&[("rest.messagebird.com:443", other.address())]);
    let run = scan().args(&["--proxy", &proxy.url(), "--ca-file"]).arg(authority.ca_file()).run();
    assert_eq!((status(&run).as_str(), other.requests().len()), ("unknown", 0));
}

#[test]
fn basic_authentication_names_the_companion() {
    let (account, token) = (made("AC{{hex:32}}", 1), made("{{hex:32}}", 2));
    let expected = format!("Basic {}", STANDARD.encode(format!("{account}:{token}")));
    let server = Server::start(move |request| match request.header("authorization") {
        Some(sent) if sent == expected => {
            Answer::text(200, r#"{"sid":"ACx","status":"active","friendly_name":"Acme"}"#)
        }
        _ => Answer::text(401, r#"{"code":20003,"message":"Authenticate","status":401}"#),
    });
    let lines = [format!("TWILIO_ACCOUNT_SID={account}\nTWILIO_AUTH_TOKEN={token}\n")];
    let scan = Keyseam::scan(&["-", "--verify"]).args(&endpoints(&server, &["api.twilio.com"]));
    let run = scan.stdin(image(&lines)).run();
    let sent: Vec<Value> = run.findings().iter().map(|finding| finding["verification"].clone()).collect();
    assert!(sent.iter().any(|verification| verification["status"] == "live"), "{sent:?}");
    assert_eq!(server.requests().len(), 1);
}

/// Of a comparison only what the new image adds is asked about; and what is pushed has passed that question too.
#[test]
fn diff_and_push_ask_about_what_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = |name: &str, lines: &[String]| {
        let path = folder.path().join(name);
        fs::write(&path, image(lines)).expect("a file");
        path.display().to_string()
    };
    let (old, new) = (archive("old.tar", &[bird_line(1)]), archive("new.tar", &[bird_line(1), bird_line(2)]));
    let server = Server::start(|_| refused());
    let run =
        Keyseam::new(&["diff", "-o", "json", "--verify", &old, &new]).args(&endpoints(&server, &HOSTS)).run();
    run.assert_status(1);
    assert_eq!((status(&run).as_str(), server.requests().len()), ("dead", 1));
    assert!(server.requests()[0].header("authorization").expect("a key").ends_with(&bird(2)));

    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let layout = folder.path().join("layout");
    let leaky =
        ImageBuilder::new("app:1").layer(Layer::new().file("app/.env", bird_line(1).as_bytes())).build();
    oci(&[&leaky], Compression::Gzip).write_to(&layout);
    let push = |server: &Server| {
        let target = format!("{}/team/app:1", registry.host());
        Keyseam::new(&["push", "--verify", "--fail-on-status", "live"])
            .args(&endpoints(server, &HOSTS))
            .args(&[&format!("oci:{}", layout.display()), &target])
            .run()
    };
    push(&Server::start(|_| balance())).assert_status(1);
    let there = || Keyseam::scan(&[&registry.target("team/app:1")]).run().status;
    assert_eq!(there(), Some(2), "a live key was pushed");
    push(&server).assert_status(0);
    assert_eq!(there(), Some(1));
}
