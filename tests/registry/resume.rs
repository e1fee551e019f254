//! Blobs that break off: they go on where they broke, and nothing is put together that is not the blob.

use super::pull::Pull;
use super::{LEAKED, leaky_image, noise};
use crate::scan::line;
use crate::support::http::registry::{Form, Registry, Serving, partial};
use crate::support::http::{Answer, Request, Server};
use crate::support::image::{Compression, Image, ImageBuilder, Layer};

/// Pieces in which the large layer comes.
const PIECE: usize = 110_000;

fn gzip() -> Registry {
    Registry::new().image("app", "1", &leaky_image(), Form::Oci(Compression::Gzip))
}

fn pull(registry: &Serving) -> Pull {
    Pull::of(&registry.target("app:1")).arg("--plain-http")
}

/// The large layer, the only thing here of this size.
fn is_large(request: &Request, usual: &Answer) -> bool {
    request.gets_blob(None) && usual.body.len() > PIECE
}

/// What was asked of the large layer: the only blob that was asked for more than once.
fn asked_again(registry: &Serving) -> Vec<Request> {
    let mut requests = registry.requests();
    let again: Vec<String> = requests
        .iter()
        .filter(|one| one.gets_blob(None) && one.nth == 1)
        .map(|one| one.path().to_owned())
        .collect();
    assert_eq!(again.len(), 1, "blobs that were asked for again");
    requests.retain(|request| request.path() == again[0]);
    requests
}

/// Where a request's range begins.
fn start(request: &Request) -> Option<usize> {
    request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[test]
fn a_blob_that_breaks_ten_times_is_whole() {
    for form in [
        Form::Oci(Compression::Gzip),
        Form::Oci(Compression::Zstd),
        Form::Oci(Compression::None),
        Form::Docker,
    ] {
        let registry = Registry::new()
            .image("app", "1", &leaky_image(), form)
            .tamper(|request, usual| {
                let breaks = is_large(request, &usual) && request.nth < 10;
                if breaks { usual.cut_after(PIECE) } else { usual }
            })
            .start();
        pull(&registry).run().assert_found(&LEAKED);
        let asked = asked_again(&registry);
        assert_eq!(asked.len(), 11);
        assert_eq!(start(&asked[0]), None);
        for pair in asked.windows(2) {
            let (before, then) = (start(&pair[0]).unwrap_or(0), start(&pair[1]).expect("a range"));
            assert!(then > before && then <= before + PIECE, "from {before} to {then}");
            let digest = pair[1].path().rsplit('/').next().unwrap_or_default();
            assert_eq!(pair[1].header("if-range"), Some(format!("\"{digest}\"").as_str()));
        }
        // What had arrived was not asked for again.
        assert!(start(&asked[10]).is_some_and(|start| start > 9 * PIECE), "{:?}", start(&asked[10]));
    }
}

#[test]
fn chunks_and_silence_break_a_blob_too() {
    for (silent, name) in [(false, "chunks"), (true, "silence")] {
        let registry = gzip()
            .tamper(move |request, usual| match is_large(request, &usual) && request.nth < 2 {
                true if silent => usual.stall_after(PIECE),
                true => {
                    let mut usual = usual;
                    usual.body.truncate(PIECE);
                    usual.chunked_cut()
                }
                false => usual,
            })
            .start();
        let run = pull(&registry).args(&["--timeout", "4s"]).run();
        run.assert_found(&LEAKED);
        assert_eq!(asked_again(&registry).len(), 3, "{name}");
    }
}

#[test]
fn a_server_without_ranges_is_read_again() {
    let registry = gzip()
        .tamper(|request, usual| {
            let mut usual = usual.with("ETag", None).with("Accept-Ranges", None);
            if usual.status == 206 {
                // It ignores Range: 200 and all of it.
                usual = whole(usual, request);
            }
            if is_large(request, &usual) && request.nth < 2 {
                usual.cut_after(PIECE * (request.nth + 1))
            } else {
                usual
            }
        })
        .start();
    pull(&registry).run().assert_found(&LEAKED);
    for request in asked_again(&registry) {
        // Without a tag there is nothing to compare with.
        assert_eq!(request.header("if-range"), None);
    }
}

/// The whole blob in place of a part of it.
fn whole(mut usual: Answer, request: &Request) -> Answer {
    let digest = request.path().rsplit('/').next().unwrap_or_default();
    usual = usual.with("Content-Range", None).body(stored(digest, Compression::Gzip));
    usual.status = 200;
    usual
}

/// The stored bytes of a layer of [`leaky_image`].
fn stored(digest: &str, compression: Compression) -> Vec<u8> {
    let digest_of = |bytes: &[u8]| keyseam::image::digest::Digest::sha256_of(bytes).to_string();
    let mut layers = leaky_image().layers.into_iter().map(|tar| compression.apply(&tar));
    layers.find(|bytes| digest_of(bytes) == digest).expect("a layer of the image")
}

#[test]
fn a_range_that_cannot_be_had_begins_anew() {
    let registry = gzip()
        .tamper(|request, usual| match (usual.status, request.nth) {
            (206, 1) => Answer::new(416).header("Content-Range", "bytes */10"),
            _ if is_large(request, &usual) && request.nth < 1 => usual.cut_after(PIECE),
            _ => usual,
        })
        .start();
    pull(&registry).run().assert_found(&LEAKED);
}

#[test]
fn a_part_from_elsewhere_is_never_put_in() {
    /// How the second part is wrong.
    type Wrong = fn(Answer, &Request, &[u8]) -> Answer;
    let ways: [(&str, Wrong); 6] = [
        ("begins too early", |usual, request, all| {
            partial(usual.with("Content-Range", None), start(request).unwrap_or(0) - 100, all)
        }),
        ("begins too late", |usual, request, all| {
            partial(usual.with("Content-Range", None), start(request).unwrap_or(0) + 100, all)
        }),
        ("says another total", |usual, request, all| {
            let from = start(request).unwrap_or(0);
            let range = format!("bytes {from}-{}/{}", all.len() - 1, all.len() + 7);
            usual.with("Content-Range", Some(&range))
        }),
        ("says no range", |usual, _, _| usual.with("Content-Range", None)),
        ("says nonsense", |usual, _, _| usual.with("Content-Range", Some("bytes 5-1/ten"))),
        ("is of several parts", |usual, _, _| {
            usual.with("Content-Range", None).with("Content-Type", Some("multipart/byteranges; boundary=x"))
        }),
    ];
    for (what, wrong) in ways {
        // Whether it is so once or always, the whole blob is still to be had.
        for for_ever in [false, true] {
            let registry = gzip()
                .tamper(move |request, usual| {
                    let part = usual.status == 206 && (for_ever || request.nth == 1);
                    let digest = request.path().rsplit('/').next().unwrap_or_default();
                    if part {
                        return wrong(usual, request, &stored(digest, Compression::Gzip));
                    }
                    if is_large(request, &usual) && request.nth == 0 { usual.cut_after(PIECE) } else { usual }
                })
                .start();
            let run = pull(&registry).run();
            assert_eq!(run.result()["complete"], true, "{what}: {:#}", run.result()["errors"]);
            run.assert_found(&LEAKED);
        }
    }
}

#[test]
fn a_part_that_nobody_asked_for() {
    let registry = gzip()
        .tamper(|request, usual| {
            if !is_large(request, &usual) || request.nth > 0 {
                return usual;
            }
            let all = usual.body.clone();
            partial(usual, 1000, &all)
        })
        .start();
    let run = pull(&registry).run();
    assert!(run.result()["complete"] == false || run.findings().len() == LEAKED.len());
    assert_ne!(run.status, Some(0));
}

#[test]
fn another_blob_in_its_place_is_noticed() {
    let other = [noise(1_300_000), line(99)].concat();
    let registry = gzip()
        .tamper(move |request, usual| match request.nth {
            0 if is_large(request, &usual) => usual.cut_after(PIECE),
            // If-Range does not fit any more: 200 with what is there now.
            _ if usual.status == 206 => {
                let mut now =
                    usual.with("ETag", Some("\"other\"")).with("Content-Range", None).body(other.clone());
                now.status = 200;
                now
            }
            _ => usual,
        })
        .start();
    let run = pull(&registry).args(&["--retries", "2"]).run();
    run.assert_incomplete(1);
    run.assert_says(&["digest"]);
    // The same where the server goes on with other bytes.
    let registry = gzip()
        .tamper(|request, usual| match (request.nth, usual.status) {
            (0, 200) if is_large(request, &usual) => usual.cut_after(PIECE),
            (_, 206) => {
                let length = usual.body.len();
                usual.body(noise(length))
            }
            _ => usual,
        })
        .start();
    pull(&registry).args(&["--retries", "2"]).run().assert_incomplete(1);
}

#[test]
fn wrong_bytes_are_noticed_wherever_they_stand() {
    // Behind the end of the tar, and behind the end of the compressed stream, nobody would miss them.
    let tar = Layer::new().file("app/note", b"text\n").tar();
    let plain = [tar.clone(), vec![0; 20_000]].concat();
    let packed = [Compression::Gzip.apply(&tar), vec![0; 20_000]].concat();
    for (bytes, form) in [(plain, Compression::None), (packed, Compression::None)] {
        let image = ImageBuilder::new("app:1").layer_bytes("COPY . .", bytes).build();
        let registry = of(&image, form, |mut usual| {
            if let Some(last) = usual.body.last_mut() {
                *last ^= 1;
            }
            usual
        });
        let run = pull(&registry).run();
        run.assert_incomplete(3);
        run.assert_says(&["digest"]);
    }
}

/// A registry with one image, whose layers are answered as `change` says.
fn of(image: &Image, form: Compression, change: fn(Answer) -> Answer) -> Serving {
    let config = image.config_digest();
    Registry::new()
        .image("app", "1", image, Form::Oci(form))
        .tamper(move |request, usual| {
            let layer = request.gets_blob(None) && !request.path().ends_with(&config) && usual.status < 300;
            if layer { change(usual) } else { usual }
        })
        .start()
}

#[test]
fn another_size_than_the_manifests_is_noticed() {
    let image = leaky_image();
    type Change = (&'static str, fn(Answer) -> Answer);
    let changes: [Change; 4] = [
        ("one byte more", |mut usual| {
            usual.body.push(0);
            usual
        }),
        ("one byte less", |mut usual| {
            usual.body.pop();
            usual
        }),
        ("nothing", |usual| usual.body("")),
        ("twice", |usual| {
            let twice = usual.body.repeat(2);
            usual.body(twice)
        }),
    ];
    for (what, change) in changes {
        let registry = of(&image, Compression::Gzip, change);
        let run = pull(&registry).args(&["--retries", "1"]).run();
        assert_eq!(run.result()["complete"], false, "{what}");
        run.assert_incomplete(1);
    }
}

#[test]
fn a_blob_without_end_is_cut_at_its_size() {
    let image = leaky_image();
    let registry = of(&image, Compression::Gzip, |usual| usual.endless());
    let run = pull(&registry).args(&["--retries", "1"]).run();
    run.assert_incomplete(1);
    let size: usize = image.layers.iter().map(|tar| Compression::Gzip.apply(tar).len()).sum();
    // Each of four layers may be tried twice, and the system holds some megabytes of each on its way.
    let bound = 2 * size as u64 + 8 * (8 << 20);
    assert!(registry.bytes_sent() < bound, "{} bytes were read", registry.bytes_sent());
}

#[test]
fn a_link_to_storage_that_holds_once_is_asked_for_again() {
    let image = leaky_image();
    // Storage takes every signature once, and breaks off.
    let storage =
        Registry::new()
            .image("app", "1", &image, Form::Oci(Compression::Gzip))
            .tamper(|request, usual| {
                if request.nth == 0 && is_large(request, &usual) { usual.cut_after(PIECE) } else { usual }
            })
            .start();
    let to = storage.host();
    let registry = gzip()
        .tamper(move |request, usual| {
            let location = format!("http://{to}{}?signature={}", request.path(), request.number);
            if request.gets_blob(None) && usual.status < 300 {
                Answer::redirect(307, &location)
            } else {
                usual
            }
        })
        .start();
    pull(&registry).run().assert_found(&LEAKED);
    let signatures: Vec<Option<String>> =
        storage.requests().iter().map(|one| one.query("signature")).collect();
    let mut different = signatures.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), signatures.len(), "a signature was used twice");
    assert_eq!(asked_again(&storage).len(), 2);
    assert!(start(&asked_again(&storage)[1]).is_some_and(|start| start > 0));
}

#[test]
fn a_manifest_that_breaks_is_asked_for_again() {
    let registry = gzip()
        .tamper(
            |request, usual| {
                if request.asks_manifest() && request.nth < 2 { usual.cut_after(20) } else { usual }
            },
        )
        .start();
    pull(&registry).run().assert_found(&LEAKED);
}

#[test]
fn a_layer_that_is_there_twice_is_read_once() {
    let layer = Layer::new().file("app/.env", &line(1));
    let image =
        ImageBuilder::new("app:1").layer(layer.clone()).layer(Layer::new().file("x", b"y")).layer(layer);
    let registry = Registry::new().image("app", "1", &image.build(), Form::Oci(Compression::Gzip)).start();
    let run = pull(&registry).run();
    run.assert_found(&[1]);
    assert!(registry.requests().iter().all(|request| request.nth == 0));
    assert_eq!(Server::requests(&registry).iter().filter(|one| one.gets_blob(None)).count(), 3);
}
