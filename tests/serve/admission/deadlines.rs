//! There is an answer before the API server's patience ends, whatever registries do.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::support::http::listener::{Listener, Stop};
use crate::support::image::OCI_MANIFEST;

/// So many ask at once.
const AT_ONCE: usize = 64;

/// The images of a registry that accepts connections and says nothing.
fn silent() -> Listener {
    Listener::start(IpAddr::V4(Ipv4Addr::LOCALHOST), |_stream, stop: &Stop| {
        let _ = stop.pause(Duration::from_secs(600));
    })
}

/// One that says what a tag leads to, and no more.
fn says_the_digest_alone(digest: String) -> Listener {
    Listener::start(IpAddr::V4(Ipv4Addr::LOCALHOST), move |mut stream, stop: &Stop| {
        use std::io::{Read, Write};
        let mut head = Vec::new();
        let mut piece = [0; 4096];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(length) if length > 0 => head.extend_from_slice(&piece[..length]),
                _ => return,
            }
        }
        if head.starts_with(b"HEAD ") {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nDocker-Content-Digest: {digest}\r\nContent-Type: {OCI_MANIFEST}\r\n\
                 Content-Length: 500\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        } else {
            let _ = stop.pause(Duration::from_secs(600));
        }
    })
}

#[test]
fn there_is_an_answer_in_time() {
    let scene = Scene::new();
    let (silent, digest_alone) = (silent(), says_the_digest_alone(digest(&clean(7))));
    let hosts = [silent.address().to_string(), digest_alone.address().to_string()];
    let allowed = [&hosts[0][..], &hosts[1]];
    for (policy, admits) in [
        ("unknown = 'warn'", true),
        ("unknown = 'deny'", false),
        ("unknown = 'wait'\nunknown-after-wait = 'warn'", true),
        ("unknown = 'wait'\nunknown-after-wait = 'deny'", false),
    ] {
        let server = scene.server_asking(policy, &allowed, "public");
        for timeout in [1, 2, 5] {
            for host in &hosts {
                let images = [
                    format!("{host}/team/app:{timeout}"),
                    format!("{host}/team/app@sha256:{}", format!("{timeout}a").repeat(32)),
                ];
                for image in images {
                    let (responses, seconds) = many(&scene, &server, &image, timeout);
                    for response in responses {
                        assert_eq!(response.is_admitted(), admits, "{policy}: {image}: {response:?}");
                    }
                    let longest = seconds.iter().copied().fold(0.0, f64::max);
                    assert!(longest < f64::from(timeout), "{policy}: {image}: {longest} s of {timeout} s");
                }
            }
        }
    }
}

/// Asks by many connections at once: the answers, and how long each took from the request to its end.
fn many(scene: &Scene, server: &Server, image: &str, timeout: u32) -> (Vec<Response>, Vec<f64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| path(&folder.path().join(name)).to_owned();
    std::fs::write(file("body"), pod(&[image]).to_string()).expect("written");
    let url = format!("https://{}/admission?timeout={timeout}s&n=[1-{AT_ONCE}]", server.address("admission"));
    let ca_file = scene.authority.ca_file();
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "60", "--cacert", path(&ca_file)])
        .args(["--parallel", "--parallel-immediate", "--parallel-max", &AT_ONCE.to_string()])
        .args(["-H", "Content-Type: application/json", "--data-binary", &format!("@{}", file("body"))])
        .args([
            "--write-out",
            "%{http_code} %{time_pretransfer} %{time_total}\n",
            "--output",
            &file("answer-#1"),
            &url,
        ])
        .output()
        .expect("curl runs; tests/run installs it");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let took = |line: &str| {
        let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
        assert_eq!(numbers[0], 200.0, "{text}");
        numbers[2] - numbers[1]
    };
    let seconds: Vec<f64> = text.lines().map(took).collect();
    assert_eq!(seconds.len(), AT_ONCE, "{text}");
    let response = |number: usize| {
        let bytes = std::fs::read(file(&format!("answer-{number}"))).expect("an answer");
        Response(serde_json::from_slice::<Value>(&bytes).expect("JSON")["response"].take())
    };
    ((1..=AT_ONCE).map(response).collect(), seconds)
}
