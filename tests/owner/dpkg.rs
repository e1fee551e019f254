//! Packages made by dpkg-deb and installed by dpkg.

use super::*;

/// A key behind `size` bytes of text.
fn far(number: u64, size: usize) -> Vec<u8> {
    let mut content = b"nothing to see in this line of text\n".repeat(size / 36);
    content.extend(line(number));
    content
}

/// A root in which dpkg installed one package:
///
/// ```text
/// etc/keyhold.conf                key 1, a conffile
/// lib/keyhold/small               key 2
/// usr/share/keyhold/spread        key 3 behind 2 MB: over several buffers
/// usr/share/keyhold/large         key 4 behind 9 MB
/// ```
fn root() -> TempDir {
    installed(&[
        ("etc/keyhold.conf", &line(1)),
        ("lib/keyhold/small", &line(2)),
        ("usr/share/keyhold/spread", &far(3, 2_000_000)),
        ("usr/share/keyhold/large", &far(4, 9_000_000)),
    ])
}

/// A root in which dpkg installed a package of these files; those below `etc` are conffiles.
fn installed(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let package = folder.path().join("package");
    files.iter().for_each(|(path, content)| write(&package, path, content));
    let control = "Package: keyhold\nVersion: 1:2.0-1\nArchitecture: amd64\nMulti-Arch: same\n\
         Maintainer: Nobody <nobody@example.org>\nDescription: files with keys\n";
    write(&package, "DEBIAN/control", control.as_bytes());
    let conffiles = files.iter().filter(|(path, _)| path.starts_with("etc/"));
    let conffiles: String = conffiles.map(|(path, _)| format!("/{path}\n")).collect();
    write(&package, "DEBIAN/conffiles", conffiles.as_bytes());
    let sums = "find * -type f ! -path 'etc/*' ! -path 'DEBIAN/*' -exec md5sum {} + > DEBIAN/md5sums";
    run("sh", &["-c", sums], &package);
    run("dpkg-deb", &["--build", "-Znone", "package", "keyhold.deb"], folder.path());
    for path in ["root/var/lib/dpkg/status", "root/var/lib/dpkg/available"] {
        write(folder.path(), path, b"");
    }
    for path in ["updates", "info"] {
        std::fs::create_dir_all(folder.path().join("root/var/lib/dpkg").join(path)).expect("a folder");
    }
    let root = format!("--root={}", folder.path().join("root").display());
    let force = "--force-not-root,bad-path,architecture";
    run("dpkg", &[&root, force, "--log=/dev/null", "--install", "keyhold.deb"], folder.path());
    folder
}

fn is_record(path: &str) -> bool {
    path.starts_with("var/lib/dpkg/")
}

fn packaged(verified: bool) -> Value {
    owned("dpkg", "keyhold", "1:2.0-1", verified)
}

#[test]
fn files_as_packaged_are_verified_up_to_the_limit() {
    let folder = root();
    let layer = layer(&folder.path().join("root"), |_| true).file("opt/mine", &line(5));
    let result = scanned(&image(vec![layer]));
    for number in 1..=3 {
        assert_eq!(owner(&result, number), packaged(true), "key {number}");
    }
    assert_eq!(owner(&result, 4), packaged(false), "more than is hashed");
    assert_eq!(owner(&result, 5), Value::Null);
}

#[test]
fn the_record_may_lie_in_another_layer_and_may_not_fit() {
    let folder = root();
    let root = folder.path().join("root");
    let records = || layer(&root, is_record);
    let small = || layer(&root, |path| path.ends_with("small"));
    let other = || Layer::new().file("./etc/keyhold.conf", &[&line(1)[..], b"changed\n"].concat());
    let later = scanned(&image(vec![small(), other(), records()]));
    let earlier = scanned(&image(vec![records(), small(), other()]));
    for result in [later, earlier] {
        assert_eq!(owner(&result, 2), packaged(true));
        assert_eq!(owner(&result, 1), packaged(false));
    }
    // Of two records the one that fits counts, wherever it is.
    let status = std::fs::read(root.join("var/lib/dpkg/status")).expect("the status");
    let newer = String::from_utf8(status).expect("UTF-8").replace("1:2.0-1", "1:2.0-2");
    let sums = format!("{}  lib/keyhold/small\n", "0".repeat(32));
    let newer = Layer::new()
        .file("var/lib/dpkg/status", newer.as_bytes())
        .file("var/lib/dpkg/info/keyhold:amd64.md5sums", sums.as_bytes());
    let result = scanned(&image(vec![records(), small(), newer]));
    assert_eq!(owner(&result, 2), packaged(true));
}

#[test]
fn lib_is_usr_lib_and_the_other_way_round() {
    let folder = root();
    let root = folder.path().join("root");
    let small = std::fs::read(root.join("lib/keyhold/small")).expect("a file");
    let merged = layer(&root, is_record).file("usr/lib/keyhold/small", &small);
    assert_eq!(owner(&scanned(&image(vec![merged])), 2), packaged(true));
    let recorded = std::fs::read_to_string(root.join("var/lib/dpkg/info/keyhold:amd64.md5sums"));
    let recorded = recorded.expect("the record").replace("  lib/", "  usr/lib/");
    let layer = Layer::new()
        .file("var/lib/dpkg/info/keyhold.md5sums", recorded.as_bytes())
        .file("lib/keyhold/small", &small);
    assert_eq!(owner(&scanned(&image(vec![layer])), 2), owned("dpkg", "keyhold", "", true));
}

/// Distroless images have the control file of a package and its sums, each in a file of `status.d`.
#[test]
fn distroless_records_are_read() {
    let folder = root();
    let control = run("dpkg-deb", &["--field", "keyhold.deb"], folder.path());
    run("dpkg-deb", &["--control", "keyhold.deb", "control"], folder.path());
    let sums = std::fs::read(folder.path().join("control/md5sums")).expect("the sums");
    let files = layer(&folder.path().join("root"), |path| path.ends_with("spread"));
    let records = Layer::new()
        .file("./var/lib/dpkg/status.d/keyhold", &control)
        .file("./var/lib/dpkg/status.d/keyhold.md5sums", &sums);
    assert_eq!(owner(&scanned(&image(vec![files, records])), 3), packaged(true));
}

/// A result never depends on how the bytes were cut: here the file meets the end of a buffer anywhere.
#[test]
fn a_file_across_the_end_of_a_buffer_is_verified_wherever_it_is_cut() {
    let folder = root();
    let root = folder.path().join("root");
    let small = std::fs::read(root.join("lib/keyhold/small")).expect("a file");
    for before in [510_000, 520_000, 522_500, 523_000, 523_200, 523_500, 524_000, 525_000] {
        let layer = layer(&root, is_record).file("pad", &vec![b'.'; before]);
        let result = scanned(&image(vec![layer.file("lib/keyhold/small", &small)]));
        assert_eq!(owner(&result, 2), packaged(true), "behind {before} bytes");
    }
}

/// A jar with two keys: a constant of a compiled class, and a line of a text.
fn jar() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let source = format!("class App {{ static String token() {{ return \"{}\"; }} }}", key(6));
    write(folder.path(), "App.java", source.as_bytes());
    write(folder.path(), "conf/app.properties", &line(7));
    run("javac", &["App.java"], folder.path());
    run("jar", &["--create", "--file=app.jar", "App.class", "conf"], folder.path());
    std::fs::read(folder.path().join("app.jar")).expect("a jar")
}

#[test]
fn what_is_in_a_packaged_jar_is_owned_by_its_package() {
    let jar = jar();
    let folder = installed(&[("usr/share/java/app.jar", &jar)]);
    let layer = layer(&folder.path().join("root"), |_| true);
    let result = scanned(&image(vec![layer]));
    for (number, member) in [(6, "App.class"), (7, "conf/app.properties")] {
        assert_eq!(owner(&result, number), packaged(true), "{member}");
        let fingerprint = fingerprint(&key(number));
        let finding = list(&result["findings"]).into_iter().find(|found| found["fingerprint"] == fingerprint);
        let place = &finding.expect("a finding")["locations"][0];
        assert_eq!((&place["path"], &place["inner"]), (&json!("usr/share/java/app.jar"), &json!([member])));
    }
    // One that somebody changed is the package's by its path, and no more.
    let records = self::layer(&folder.path().join("root"), is_record);
    let changed = Layer::new().file("usr/share/java/app.jar", &[&jar[..], b"\n"].concat());
    assert_eq!(owner(&scanned(&image(vec![records, changed])), 6), packaged(false));
}
