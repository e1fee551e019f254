//! rpm packages of every compression, and the form that rpm has for large ones.

use std::path::Path;

use serde_json::json;

use super::{Contents, Report, run, write};
use crate::scan::line;

/// What the package says of itself; `%` stands for itself in the scripts.
const SPEC: &str = "\
Name: app
Version: 1
Release: 1
Summary: an app
License: MIT
BuildArch: noarch
URL: https://acme.io
%description
What it is for.
%prep
%build
%install
cp -a %{_sourcedir}/. %{buildroot}
%pre
echo pre
%post
#!/bin/sh
POST
%preun
echo preun
%postun
echo postun
%pretrans
echo pretrans
%posttrans
echo posttrans
%verifyscript
echo verify
%triggerin -- bash
echo trigger
%filetriggerin -- /usr/lib
echo filetrigger
%transfiletriggerin -- /usr/share
echo transfiletrigger
%files
/opt
%changelog
* Mon Jan 01 2024 A <a@acme.io> - 1-1
- the first one
";

/// A package that rpmbuild makes, with a key in a script and one in a file.
pub(super) fn package(folder: &Path, payload: &str) -> Vec<u8> {
    let spec = SPEC.replace("POST\n", &String::from_utf8_lossy(&line(1)));
    write(folder, "app.spec", spec);
    write(folder, "files/opt/app/token", [b"\n".to_vec(), line(2)].concat());
    write(folder, "files/opt/app/odd", "odd");
    write(folder, "files/opt/app/twin", "twins");
    let _ = std::fs::hard_link(folder.join("files/opt/app/twin"), folder.join("files/opt/app/twin2"));
    let _ = std::os::unix::fs::symlink("/run/odd", folder.join("files/opt/app/link"));
    let definitions = [
        format!("_topdir {}/top", folder.display()),
        format!("_sourcedir {}/files", folder.display()),
        format!("_binary_payload {payload}"),
        format!("_rpmdir {}", folder.display()),
        "_build_id_links none".to_owned(),
        format!("_dbpath {}/db", folder.display()),
    ];
    let mut arguments = vec!["-bb", "--quiet", "app.spec"];
    for definition in &definitions {
        arguments.extend(["-D", definition]);
    }
    run(folder, "rpmbuild", &arguments, b"");
    std::fs::read(folder.join("noarch/app-1-1.noarch.rpm")).expect("the package")
}

const SCRIPTS: [&str; 12] = [
    "%pre",
    "%post",
    "%preun",
    "%postun",
    "%pretrans",
    "%posttrans",
    "%verifyscript",
    "%trigger",
    "%filetrigger",
    "%transfiletrigger",
    "%description",
    "%changelog",
];

fn check(what: &str, package: &[u8]) {
    let contents = Contents::of(package);
    contents.assert_whole();
    let names = contents.names();
    assert_eq!(
        names.iter().filter(|name| name.starts_with('%')).copied().collect::<Vec<_>>(),
        SCRIPTS,
        "{what}"
    );
    assert_eq!(contents.member("%posttrans"), b"echo posttrans", "{what}");
    assert_eq!(contents.member("%description"), b"What it is for.", "{what}");
    assert_eq!(contents.member("./opt/app/odd"), b"odd", "{what}");
    assert_eq!(contents.member("./opt/app/token"), [b"\n".to_vec(), line(2)].concat(), "{what}");
    let twins = ["./opt/app/twin", "./opt/app/twin2"].map(|name| contents.member(name));
    assert_eq!(twins, [b"".as_slice(), b"twins"], "{what}");
    assert_eq!(
        contents.texts.iter().map(|(_, text)| text.as_slice()).collect::<Vec<_>>(),
        [b"/run/odd"],
        "{what}"
    );
}

#[test]
fn keys_in_packages_of_every_compression() {
    for payload in ["w19.zstdio", "w9.gzdio", "w9.xzdio", "w9.bzdio", "w9.lzdio", "w.ufdio"] {
        let folder = tempfile::tempdir().expect("a folder");
        let package = package(folder.path(), payload);
        check(payload, &package);
        let report = Report::of(&[("root/app.rpm", &package)]);
        assert_eq!(report.places(1), ["root/app.rpm!%post 2"], "{payload}");
        assert_eq!(report.places(2), ["root/app.rpm!./opt/app/token 2"], "{payload}");
        assert_eq!(report.opaque(), &json!({}), "{payload}");
    }
}

#[test]
fn files_that_are_numbers_in_the_payload() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = package(folder.path(), "w.ufdio");
    let query = ["-qp", "--dbpath", "/nowhere", "--qf", "[%{FILENAMES}\n]", "noarch/app-1-1.noarch.rpm"];
    let names = String::from_utf8(run(folder.path(), "rpm", &query, b"")).expect("names");
    let names: Vec<&str> = names.lines().collect();
    let start = memchr::memmem::find(&package, b"07070").expect("a payload");
    let (mut large, mut rest) = (package[..start].to_vec(), &package[start..]);
    loop {
        let field = |at: usize| {
            let digits = std::str::from_utf8(&rest[at..at + 8]).expect("digits");
            usize::from_str_radix(digits, 16).expect("a number")
        };
        let (size, name_size) = (field(54), field(94));
        let name = std::str::from_utf8(&rest[110..110 + name_size - 1]).expect("a name");
        let header = (110 + name_size).next_multiple_of(4);
        let end = header + size.next_multiple_of(4);
        match names.iter().position(|other| name.strip_prefix('.') == Some(other)) {
            Some(number) => {
                large.extend_from_slice(format!("07070X{number:08x}\0\0").as_bytes());
                large.extend_from_slice(&rest[header..end]);
            }
            None => {
                assert_eq!(name, "TRAILER!!!");
                large.extend_from_slice(rest);
                break;
            }
        }
        rest = &rest[end..];
    }
    assert!(large.len() < package.len() - 100 * (names.len() - 1), "nothing was taken out");
    check("large", &large);
}

#[test]
fn what_is_no_cpio_any_more_is_still_searched() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut package = package(folder.path(), "w.ufdio");
    let start = memchr::memmem::find(&package, b"07070").expect("a payload");
    let token = memchr::memmem::find(&package, b"./opt/app/token").expect("an entry") - 110;
    package[token] = b'x';
    // Compressed, so that nobody finds the key without opening it.
    let gzip = crate::support::image::Compression::Gzip.apply(&package[start..]);
    let package = [&package[..start], &gzip].concat();
    let contents = Contents::sliced(&package, 64 * 1024);
    assert_eq!((contents.fault, contents.unread.len()), (None, 1));
    let report = Report::of(&[("app.rpm", &package)]);
    assert_eq!(report.opaque(), &json!({ "corrupt": 1 }));
    assert_eq!(report.places(2).len(), 1);
}
