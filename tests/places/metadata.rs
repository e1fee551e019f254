//! Keys that are no file's content, in the final tree or in what lies under it: names, links,
//! attributes, what the config says, what a later layer replaced or emptied.

use serde_json::json;

use super::place::{key, text};
use crate::scan::{assert_says, fingerprint};
use crate::support::cli::Keyseam;
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

#[test]
fn in_what_is_no_file_and_in_what_is_no_longer_there() {
    let body = |name: &str| text(name).into_bytes();
    let base = Layer::new()
        .file("opt/base.conf", &body("base layer"))
        .file("app/rotated.env", &body("older key"))
        .file("app/emptied.env", &body("emptied"))
        .file("app/removed.env", &body("removed"))
        .file("srv/cache/hidden.env", &body("hidden by an opaque folder"));
    let own = Layer::new()
        .file("app/rotated.env", &body("newer key"))
        .file("app/emptied.env", b"")
        .whiteout("app/removed.env")
        .opaque("srv/cache")
        .file(&format!("app/{}.txt", key("file name")), b"")
        .dir(&format!("app/{}.d", key("folder name")))
        .symlink("app/link", &format!("/run/{}", key("symlink target")))
        .xattr("app/attribute", b"x", "user.token", key("xattr").as_bytes());
    let by = |name: &str| format!("token {}", key(name));
    let image = ImageBuilder::new("app:1")
        .layer(base)
        .layer(own)
        .layer_by(&format!("RUN |1 NOTE={} /bin/sh -c make # buildkit", key("build argument")), Layer::new())
        .history(&format!("RUN /bin/sh -c curl -H {} corp.test # buildkit", key("step")), true)
        .env("APP_TOKEN", &key("env"))
        .label("com.corp.note", &by("label"))
        .cmd(&["app", "--token", &key("cmd")])
        .entrypoint(&["app", &key("entrypoint")])
        .config("Healthcheck", json!({ "Test": ["CMD", "curl", key("healthcheck")] }))
        .config("OnBuild", json!([format!("ENV T={}", key("onbuild"))]))
        .config("User", json!(key("user")))
        .field("author", json!(by("author")))
        .field("comment", json!(by("comment")))
        .annotation("com.corp.note", &by("annotation"))
        .build();
    let places = [
        ("base layer", "file", Some(0), Some("opt/base.conf")),
        ("older key", "file", Some(0), Some("app/rotated.env")),
        ("newer key", "file", Some(1), Some("app/rotated.env")),
        ("emptied", "file", Some(0), Some("app/emptied.env")),
        ("removed", "file", Some(0), Some("app/removed.env")),
        ("hidden by an opaque folder", "file", Some(0), Some("srv/cache/hidden.env")),
        ("file name", "filename", Some(1), None),
        ("folder name", "filename", Some(1), None),
        ("symlink target", "symlink", Some(1), Some("app/link")),
        ("xattr", "xattr", Some(1), Some("app/attribute")),
        ("build argument", "arg", Some(2), None),
        ("step", "history", None, None),
        ("env", "env", None, None),
        ("label", "label", None, None),
        ("cmd", "cmd", None, None),
        ("entrypoint", "entrypoint", None, None),
        ("healthcheck", "healthcheck", None, None),
        ("onbuild", "onbuild", None, None),
        ("user", "user", None, None),
        ("author", "author", None, None),
        ("comment", "comment", None, None),
        ("annotation", "annotation", None, None),
    ];
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let run = Keyseam::scan(&["-"]).stdin(oci(&[&image], compression).tar()).run();
        run.assert_status(1);
        let findings = run.findings();
        assert_eq!(findings.len(), places.len());
        for (name, kind, layer, path) in places {
            let fingerprint = fingerprint(&key(name));
            let mut of_it = findings.iter().filter(|finding| finding["fingerprint"] == fingerprint.as_str());
            let finding = of_it.next().unwrap_or_else(|| panic!("{name}: not found"));
            assert!(of_it.next().is_none(), "{name}: found more than once");
            let mut place = json!({ "kind": kind, "inner": [], "decoded": [] });
            if let Some(path) = path {
                place["path"] = json!(path);
            }
            assert_says(finding, &json!({ "introduced_by": { "layer": layer } }), name);
            // A build argument is named first, and stands in its step too.
            let locations = &finding["locations"];
            assert!(
                locations.as_array().is_some_and(|all| all.len() == if kind == "arg" { 2 } else { 1 }),
                "{name}"
            );
            assert_says(&locations[0], &place, name);
        }
    }
}
