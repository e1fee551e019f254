//! Packages made by rpmbuild and installed by rpm into its SQLite database. Debian's rpm writes no other:
//! the ndb in `testdata` was written by rpm's own code.

use super::*;

/// Many packages and one with many files: the table has inner pages, and headers overflow theirs.
const SPEC: &str = r#"
Name: keyhold
Version: 1.2
Release: 3
Summary: Files with keys
License: MIT
BuildArch: noarch
%description
Files with keys.
%{lua:
for i = 1, 60 do
  print("%package p" .. i .. "\nSummary: One of many\n%description p" .. i .. "\nOne of many.\n")
  print("%files p" .. i .. "\n/opt/many/" .. i .. "\n")
end
}
%install
mkdir -p %{buildroot}/opt/many %{buildroot}/opt/keyhold/d
for i in $(seq 60); do echo $i > %{buildroot}/opt/many/$i; done
for i in $(seq 1500); do echo $i > %{buildroot}/opt/keyhold/d/file-$i; done
cp %{_sourcedir}/one %{buildroot}/opt/keyhold/app.conf
cp %{_sourcedir}/two %{buildroot}/opt/keyhold/d/two
cp %{_sourcedir}/three %{buildroot}/opt/many/60
%files
/opt/keyhold
"#;

/// The folder in which rpm installed them, below `root`.
pub(super) fn installed() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    write(folder.path(), "keyhold.spec", SPEC.as_bytes());
    for (number, name) in [(1, "one"), (2, "two"), (3, "three")] {
        write(folder.path(), name, &line(number));
    }
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let mut build = vec!["-bb".to_owned(), "--quiet".to_owned()];
    build.extend(define("_topdir", &path("top")));
    build.extend(define("_sourcedir", &path("")));
    build.extend(define("_rpmdir", &path("made")));
    build.push("keyhold.spec".to_owned());
    run("rpmbuild", &build, folder.path());
    let made = files(&folder.path().join("made")).into_iter().map(|name| path("made") + "/" + &name);
    let mut install = vec!["--root".to_owned(), path("root")];
    install.extend(["--dbpath", "/var/lib/rpm", "--install", "--nodeps", "--noscripts"].map(str::to_owned));
    install.extend(made);
    run("rpm", &install, folder.path());
    folder
}

#[test]
fn files_in_the_sqlite_database_are_verified() {
    let folder = installed();
    let root = folder.path().join("root");
    let all = layer(&root, |path| !path.starts_with("opt/many/1"));
    let changed = Layer::new().file("opt/keyhold/d/file-1500", &line(4)).file("opt/nobody", &line(5));
    let result = scanned(&image(vec![all, changed]));
    assert_eq!(result["warnings"], json!([]));
    for number in 1..=2 {
        assert_eq!(owner(&result, number), owned("rpm", "keyhold", "1.2-3", true), "key {number}");
    }
    assert_eq!(owner(&result, 3), owned("rpm", "keyhold-p60", "1.2-3", true));
    assert_eq!(owner(&result, 4), owned("rpm", "keyhold", "1.2-3", false));
    assert_eq!(owner(&result, 5), Value::Null);
}

/// The database of `testdata`.
pub(super) fn ndb() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rpm/Packages.db");
    std::fs::read(path).expect("the database of the test data")
}

#[test]
fn files_in_the_ndb_database_are_verified() {
    let layer = Layer::new()
        .file("usr/lib/sysimage/rpm/Packages.db", &ndb())
        .file("opt/keyhold/plain", PLAIN.as_bytes());
    let result = scanned_plain(&image(vec![layer]));
    assert_eq!(result["warnings"], json!([]));
    assert_eq!(result["findings"][0]["owner"], owned("rpm", "plainhold", "1.2-3", true));
}

#[test]
fn the_database_of_old_is_said_not_to_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let make =
        "use DB_File; tie my %h, 'DB_File', 'Packages', O_RDWR|O_CREAT, 0644, $DB_HASH or die; $h{a} = 'b';";
    run("perl", &["-e", make], folder.path());
    let database = std::fs::read(folder.path().join("Packages")).expect("the database");
    let layer = Layer::new().file("var/lib/rpm/Packages", &database).file("opt/app", &line(1));
    let result = scanned(&image(vec![layer]));
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("layer 0: its rpm database is a Berkeley DB"), "{warnings}");
    assert_eq!(owner(&result, 1), Value::Null);
}
