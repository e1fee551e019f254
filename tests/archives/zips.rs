//! Zips of every tool and method.

use serde_json::json;

use super::{Workshop, assert_place, at, config, opaque, scan};
use crate::scan::{key, line};

/// Two files, the key in one of them.
fn workshop(number: u64) -> Workshop {
    Workshop::with(&[("a.txt", b"some text\n"), ("conf/app.ini", &config(number)), ("z.txt", b"more\n")])
}

/// Checks the archives that these lines of shell write to standard output.
#[track_caller]
fn assert_found(lines: &[&str]) {
    let numbers = 1..=lines.len() as u64;
    let archives: Vec<_> = numbers
        .clone()
        .zip(lines)
        .map(|(number, line)| (format!("srv/{number}"), workshop(number).output(line)))
        .collect();
    let files: Vec<(&str, &[u8])> =
        archives.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let result = scan(&files);
    for (number, (path, line)) in numbers.zip(files.iter().map(|file| file.0).zip(lines)) {
        assert_eq!(super::places(&result, number).len(), 1, "{line}");
        assert_place(&result, number, &at(path, &["conf/app.ini"], &[]));
    }
    assert_eq!(opaque(&result), json!({}), "{:#}", result["opaque"]);
}

#[test]
fn of_info_zip_to_files_and_pipes() {
    assert_found(&[
        "zip -q o.zip a.txt conf/app.ini z.txt; cat o.zip",
        "zip -q -0 o.zip a.txt conf/app.ini z.txt; cat o.zip",
        "zip -q -Z bzip2 o.zip a.txt conf/app.ini z.txt; cat o.zip",
        "zip -q -fz o.zip a.txt conf/app.ini z.txt; cat o.zip",
        "zip -q - a.txt conf/app.ini z.txt | cat",
        "zip -q -0 - a.txt conf/app.ini z.txt | cat",
        "zip -q -Z bzip2 - a.txt conf/app.ini z.txt | cat",
        "zip -q -fz -0 - a.txt conf/app.ini z.txt | cat",
    ]);
}

#[test]
fn of_7zip_with_every_method_that_is_read() {
    assert_found(&[
        "7z a -tzip -mm=Copy o.zip a.txt conf/app.ini >&2; cat o.zip",
        "7z a -tzip -mm=Deflate o.zip a.txt conf/app.ini >&2; cat o.zip",
        "7z a -tzip -mm=BZip2 o.zip a.txt conf/app.ini >&2; cat o.zip",
        "7z a -tzip -mm=LZMA o.zip a.txt conf/app.ini >&2; cat o.zip",
        "7z a -tzip -mm=XZ o.zip a.txt conf/app.ini >&2; cat o.zip",
    ]);
}

#[test]
fn of_java_and_behind_scripts_and_programs() {
    assert_found(&[
        "jar cf o.jar a.txt conf; cat o.jar",
        "jar cf0 o.jar a.txt conf; cat o.jar",
        "jar cf o.jar conf; echo '#!/bin/bash'; seq 3000; cat o.jar",
        "echo 'print(1)' > __main__.py; python3 -m zipapp . -p '/usr/bin/env python3' -o ../app.pyz; cat ../app.pyz; rm ../app.pyz",
        "zip -q o.zip conf/app.ini; cat /bin/true o.zip",
        "zip -q o.zip conf/app.ini; cat /bin/true o.zip > sfx; zip -q -A sfx; cat sfx",
    ]);
}

#[test]
fn of_python_sized_and_not_with_large_fields_and_small() {
    for stream in ["o", "Pipe()"] {
        let program = |method: &str, large: &str| {
            format!(
                "import io, sys, zipfile\n\
                 o = sys.stdout.buffer\n\
                 class Pipe(io.RawIOBase):\n\
                 \x20   def writable(self): return True\n\
                 \x20   def write(self, b): o.write(b); return len(b)\n\
                 s = io.BytesIO() if {is_file} else Pipe()\n\
                 z = zipfile.ZipFile(s, 'w', {method})\n\
                 z.writestr('x.txt', 'one')\n\
                 with z.open('conf/app.ini', 'w', force_zip64={large}) as f: f.write(open('conf/app.ini', 'rb').read())\n\
                 z.writestr('dir/', '')\n\
                 z.close()\n\
                 o.write(s.getvalue() if {is_file} else b'')\n",
                is_file = if stream == "o" { "True" } else { "False" },
            )
        };
        let mut archives = Vec::new();
        for method in ["0", "8", "12", "14"] {
            for large in ["False", "True"] {
                let number = archives.len() as u64 + 1;
                archives.push((format!("srv/{number}"), workshop(number).python(&program(method, large))));
            }
        }
        let files: Vec<(&str, &[u8])> =
            archives.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let result = scan(&files);
        for (number, (path, _)) in (1..).zip(&files) {
            assert_place(&result, number, &at(path, &["conf/app.ini"], &[]));
        }
        assert_eq!(opaque(&result), json!({}));
    }
}

#[test]
fn with_locked_members_and_unknown_methods_between_others() {
    let workshop = Workshop::with(&[("locked", &config(1)), ("open", &config(2))]);
    let locked = workshop.made("zip -q -P pass o.zip locked; zip -q o.zip open", "o.zip");
    let unknown = workshop.made("7z a -tzip -mm=PPMd p.zip locked; zip -q p.zip open", "p.zip");
    let result = scan(&[("locked.zip", &locked), ("unknown.zip", &unknown)]);
    assert_eq!(super::places(&result, 1).len(), 0);
    let found: Vec<_> = super::places(&result, 2).iter().map(|place| place["path"].clone()).collect();
    assert_eq!(found, ["locked.zip", "unknown.zip"], "one key in two archives is in two places");
    assert_eq!(opaque(&result), json!({ "encrypted": 1, "unsupported": 1 }));
    assert_eq!(result["opaque"]["paths"], json!(["locked.zip!locked", "unknown.zip!locked"]));
}

#[test]
fn names_and_comments_are_places_of_their_own() {
    let workshop = Workshop::with(&[("program", b"")]);
    let archive = workshop.python(&format!(
        "import io, sys, zipfile\n\
         s = io.BytesIO(); z = zipfile.ZipFile(s, 'w')\n\
         z.writestr('etc/{}', 'x'); z.writestr('b', 'y')\n\
         z.comment = b'made with {}'; z.infolist()[1].comment = b'token = {}'\n\
         z.close(); sys.stdout.buffer.write(s.getvalue())\n",
        key(1),
        key(2),
        key(3),
    ));
    let result =
        scan(&[("o.zip", &archive), ("empty.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]);
    assert_place(&result, 1, &json!({ "kind": "filename", "path": "o.zip" }));
    assert_place(
        &result,
        2,
        &json!({ "kind": "archive-comment", "path": "o.zip", "inner": [], "name": "zip" }),
    );
    assert_place(&result, 3, &json!({ "kind": "archive-comment", "inner": [], "name": "comment of b" }));
    assert_eq!(opaque(&result), json!({}));
}

#[test]
fn an_artifact_that_is_a_zip() {
    use crate::support::image::{Members, OCI_MANIFEST, REF_NAME, layout};
    let zip = workshop(1).output("zip -q o.zip conf/app.ini; cat o.zip");
    let mut members = Members::default();
    let config = members.blob("application/vnd.oci.empty.v1+json", b"{}");
    let layer = members.blob("application/zip", &zip);
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        "artifactType": "application/vnd.example.functions" });
    let mut entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    entry["annotations"] = json!({ REF_NAME: "app:1" });
    layout(&mut members, &[entry]);
    let result = crate::support::cli::Keyseam::scan(&["-"]).stdin(members.tar()).run().result();
    let place = json!({ "kind": "file", "path": null, "inner": ["conf/app.ini"], "line": 201, "layer": 0 });
    assert_place(&result, 1, &place);
}

#[test]
fn a_hard_link_to_an_archive_is_read_once_and_a_copy_apart() {
    use crate::support::image::{Compression, ImageBuilder, Layer, oci};
    let zip = Workshop::with(&[("k", &line(1))]).output("zip -q o.zip k; cat o.zip");
    let layer = Layer::new().file("a.zip", &zip).hardlink("b.zip", "a.zip").file("c.zip", &zip);
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let result = crate::support::cli::Keyseam::scan(&["-"])
        .stdin(oci(&[&image], Compression::None).tar())
        .run()
        .result();
    let paths: Vec<_> = super::places(&result, 1).iter().map(|place| place["path"].clone()).collect();
    assert_eq!(paths, ["a.zip", "c.zip"]);
}
