//! `--verify`: services are asked whether keys work. The services are servers of the test, which answer as the
//! vendors document, or otherwise; nothing here reaches the internet.

mod answers;
mod safety;
mod services;

use std::collections::BTreeMap;

use keyseam::detect::template::{Seed, expand};
use serde_json::Value;

use crate::support::cli::{Keyseam, Run};
use crate::support::http::{Answer, Server};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

pub(crate) const MESSAGEBIRD: &str = "messagebird-access-key";
const CLOCKWORK: &str = "clockwork-api-key";

fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

/// A key of MessageBird.
fn bird(number: u64) -> String {
    made("{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}", number)
}

/// A key of Clockwork.
fn clockwork(number: u64) -> String {
    made("{{hex:36}}{{digits:4}}", number)
}

/// A key of GitHub, of Stripe.
fn github(number: u64) -> String {
    made("{{github:ghp_}}", number)
}

fn stripe(number: u64) -> String {
    made("sk_live_51{{base62:97}}", number)
}

/// An archive of an image with these lines, each in a file of its own.
fn image(lines: &[String]) -> Vec<u8> {
    let layer = lines.iter().enumerate().fold(Layer::new(), |layer, (number, line)| {
        layer.file(&format!("app/{number}.env"), line.as_bytes())
    });
    oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar()
}

/// The services' hosts, all of them this server: the first part of a path is the host.
fn endpoints(server: &Server, hosts: &[&str]) -> Vec<String> {
    let endpoint =
        |host: &&str| ["--verify-endpoint".to_owned(), format!("{host}={}", server.url(&format!("/{host}")))];
    hosts.iter().flat_map(endpoint).collect()
}

const HOSTS: [&str; 5] =
    ["rest.messagebird.com", "api.clockworksms.com", "api.github.com", "api.stripe.com", "sts.amazonaws.com"];

/// A scan of these lines, whose services are `server`.
fn verify(lines: &[String], server: &Server) -> Keyseam {
    Keyseam::scan(&["-", "--verify"]).args(&endpoints(server, &HOSTS)).stdin(image(lines))
}

/// Status by detector; several findings of one, in order.
fn statuses(run: &Run) -> BTreeMap<String, Vec<String>> {
    let mut statuses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in run.findings() {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let status = text(&finding["verification"]["status"]);
        statuses.entry(text(&finding["detector"])).or_default().push(status);
    }
    statuses
}

/// The status of the only finding.
fn status(run: &Run) -> String {
    let found = statuses(run).into_values().flatten().collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{found:?}");
    found.concat()
}

fn balance() -> Answer {
    Answer::text(200, r#"{"payment":"prepaid","type":"credits","amount":9}"#)
}

fn refused() -> Answer {
    let body = r#"{"errors":[{"code":2,"description":"Request not allowed (incorrect access_key)","parameter":"access_key"}]}"#;
    Answer::text(401, body)
}

fn bird_line(number: u64) -> String {
    format!("MESSAGEBIRD_API_KEY={}\n", bird(number))
}
