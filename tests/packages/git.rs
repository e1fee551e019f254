//! git repositories as they lie in images: loose objects, packs with deltas, bundles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Contents, Report, run, write};
use crate::scan::{key, line};

/// A repository whose key changed a little, then was removed.
pub(super) struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    pub(super) fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().expect("a folder") };
        repository.git(&["init", "-q", "-b", "main"], b"");
        for (number, token) in [line(1), line(2), b"token = none\n".to_vec()].iter().enumerate() {
            write(repository.path(), "app/settings.py", settings(token));
            write(repository.path(), &format!("app/{number}.txt"), format!("{number}\n"));
            repository.git(&["add", "-A"], b"");
            repository.git(&["commit", "-q", "-m", &format!("change {number}")], b"");
        }
        repository.git(&["tag", "-m", "the first", "v1"], b"");
        repository
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn git(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let who = ["-c", "user.name=A", "-c", "user.email=a@acme.io", "-c", "gc.auto=0"];
        run(self.path(), "git", &[&who, arguments].concat(), input)
    }

    fn word(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git(arguments, b"")).expect("text").trim().to_owned()
    }

    /// All objects, by id, as git has them.
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let all = self.word(&["cat-file", "--batch-all-objects", "--batch-check"]);
        let object = |line: &str| {
            let (id, kind) = (line.split(' ').next()?, line.split(' ').nth(1)?);
            Some((id.to_owned(), self.git(&["cat-file", kind, id], b"")))
        };
        all.lines().filter_map(object).collect()
    }

    /// Everything in `.git`, as files of a layer.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().join(".git")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.path()).expect("in it").display().to_string();
                    files.push((format!("srv/{name}"), std::fs::read(&path).expect("a file")));
                }
            }
        }
        files.sort();
        files
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        self.git(&["gc", "-q", "--aggressive", "--prune=now"], b"");
        let packs = std::fs::read_dir(self.path().join(".git/objects/pack")).expect("packs");
        let mut packs: Vec<PathBuf> = packs.map(|entry| entry.expect("an entry").path()).collect();
        packs.retain(|path| path.extension().is_some_and(|ending| ending == "pack"));
        assert_eq!(packs.len(), 1);
        std::fs::read(&packs[0]).expect("the pack")
    }
}

/// A file that is large enough for git to store what changed of it only.
fn settings(token: &[u8]) -> Vec<u8> {
    let line =
        |number: u64| format!("SETTING_{number} = {:x}\n", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut text: Vec<u8> = (0..100).flat_map(|number| line(number).into_bytes()).collect();
    text.extend_from_slice(token);
    text.extend((100..200).flat_map(|number| line(number).into_bytes()));
    text
}

fn report(files: &[(String, Vec<u8>)]) -> Report {
    Report::of(&files.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect::<Vec<_>>())
}

#[test]
fn loose_objects_are_called_by_their_ids() {
    let repository = Repository::new();
    let objects = repository.objects();
    let mut loose = 0;
    let files = repository.files();
    for (path, content) in &files {
        let Some((_, hex)) = path.split_once("/objects/").filter(|(_, hex)| hex.len() == 41) else {
            continue;
        };
        let id = hex.replace('/', "");
        let contents = Contents::of(content);
        assert_eq!(contents.assert_whole().names(), [&id]);
        assert_eq!(contents.member(&id), objects[&id]);
        loose += 1;
    }
    assert_eq!(loose, objects.len());
    let report = report(&files);
    for (number, revision) in [(1, "main~2:app/settings.py"), (2, "main~1:app/settings.py")] {
        let id = repository.word(&["rev-parse", revision]);
        let file = format!("srv/.git/objects/{}/{}", &id[..2], &id[2..]);
        assert_eq!(report.places(number), [format!("{file}!{id} 101")]);
    }
}

#[test]
fn all_objects_of_a_pack_come_out_as_git_has_them() {
    let repository = Repository::new();
    let pack = repository.pack();
    let objects = repository.objects();
    let listed = repository.word(&["verify-pack", "-v", &index(&repository)]);
    assert!(listed.contains("chain length = 1:"), "no deltas in it:\n{listed}");
    let contents = Contents::of(&pack);
    contents.assert_whole();
    let expected: BTreeMap<&str, &[u8]> =
        objects.iter().map(|(id, content)| (id.as_str(), content.as_slice())).collect();
    assert!(contents.by_name() == expected, "{:?}", contents.names());
    let report = report(&repository.files());
    for (number, revision) in [(1, "main~2:app/settings.py"), (2, "main~1:app/settings.py")] {
        let id = repository.word(&["rev-parse", revision]);
        let places = report.places(number);
        assert_eq!(places.len(), 1, "{places:?}");
        assert!(places[0].ends_with(&format!(".pack!{id} 101")), "{places:?}");
    }
}

fn index(repository: &Repository) -> String {
    let files = repository.files();
    let index = files.iter().find(|(path, _)| path.ends_with(".idx")).expect("an index");
    index.0.replace("srv/", "")
}

#[test]
fn a_key_of_which_a_few_characters_changed_is_whole() {
    let repository = Repository::new();
    // Half of another key in the same place: git stores the other half as a copy.
    let (old, new) = (key(1), key(2));
    let almost = format!("token = {}{}\n", &old[..20], &new[20..]);
    write(repository.path(), "app/settings.py", settings(almost.as_bytes()));
    repository.git(&["commit", "-q", "-a", "-m", "almost"], b"");
    let contents = Contents::of(&repository.pack());
    let id = repository.word(&["rev-parse", "main:app/settings.py"]);
    assert_eq!(contents.member(&id), settings(almost.as_bytes()));
}

#[test]
fn deltas_of_deltas_are_put_together() {
    let repository = Repository::new();
    let mut text = settings(&line(1));
    for change in 0..20 {
        let at = (change * 977) % (text.len() - 40);
        text.splice(at..at + 20, format!("# change {change}\n").into_bytes());
        write(repository.path(), "app/settings.py", &text);
        repository.git(&["commit", "-q", "-a", "-m", &format!("edit {change}")], b"");
    }
    let pack = repository.pack();
    let listed = repository.word(&["verify-pack", "-v", &index(&repository)]);
    assert!(listed.contains("chain length = 5:"), "no chains in it:\n{listed}");
    let contents = Contents::of(&pack);
    let objects = repository.objects();
    let expected: BTreeMap<&str, &[u8]> =
        objects.iter().map(|(id, content)| (id.as_str(), content.as_slice())).collect();
    assert!(contents.assert_whole().by_name() == expected, "{:?}", contents.names());
}

#[test]
fn with_little_memory_deltas_give_what_they_add() {
    let repository = Repository::new();
    let pack = repository.pack();
    let whole = Contents::sliced(&pack, 512);
    // An object in the making, and hardly any other.
    let little = Contents::within(keyseam::limits::GIT_OBJECT as u64 + 2048, &pack);
    assert_eq!((little.fault, little.members.len()), (None, whole.members.len()));
    assert!(
        little.unread.len() == 2
            && little.names().iter().filter(|name| name.starts_with("offset ")).count() == 2
    );
}

#[test]
fn bundles_whole_and_of_changes() {
    let repository = Repository::new();
    repository.git(&["bundle", "create", "-q", "all.bundle", "--all"], b"");
    let bundle = std::fs::read(repository.path().join("all.bundle")).expect("a bundle");
    let contents = Contents::of(&bundle);
    contents.assert_whole();
    assert_eq!(contents.names().len(), repository.objects().len());
    let report = Report::of(&[("all.bundle", &bundle)]);
    let id = repository.word(&["rev-parse", "main~1:app/settings.py"]);
    assert_eq!(report.places(2), [format!("all.bundle!{id} 101")]);
    // The bases of its deltas are not in it: what they add is read, and that it is no more is said.
    write(repository.path(), "app/settings.py", settings(&line(4)));
    repository.git(&["commit", "-q", "-a", "-m", "again"], b"");
    repository.git(&["bundle", "create", "-q", "new.bundle", "main", "^main~1"], b"");
    let bundle = std::fs::read(repository.path().join("new.bundle")).expect("a bundle");
    let contents = Contents::of(&bundle);
    assert_eq!(contents.fault, None);
    let added: Vec<&(Option<String>, Vec<u8>)> = contents
        .members
        .iter()
        .filter(|(name, _)| name.as_deref().is_some_and(|name| name.starts_with("offset ")))
        .collect();
    assert!(!added.is_empty(), "no delta without its base: {:?}", contents.names());
    assert_eq!(contents.unread.len(), added.len());
    let report = Report::of(&[("new.bundle", &bundle)]);
    assert!(report.places(4)[0].starts_with("new.bundle!offset "), "{:?}", report.places(4));
    assert_eq!(report.opaque()["no-base"], added.len());
}

#[test]
fn repositories_with_longer_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=A", "-c", "user.email=a@acme.io"];
        String::from_utf8(run(folder.path(), "git", &[&who, arguments].concat(), b"")).expect("text")
    };
    git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    write(folder.path(), "token", line(1));
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    let bundle = std::fs::read(folder.path().join("all.bundle")).expect("a bundle");
    let id = git(&["rev-parse", "main:token"]);
    assert_eq!(Contents::of(&bundle).assert_whole().member(id.trim()), line(1));
}

#[test]
fn large_objects_pass_without_being_held() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "git", &["init", "-q", "-b", "main"], b"");
    let mut large = vec![b'.'; keyseam::limits::GIT_OBJECT];
    large.extend_from_slice(b"\n");
    large.extend_from_slice(&line(1));
    let id = run(folder.path(), "git", &["hash-object", "-w", "--stdin"], &large);
    let id = String::from_utf8(id).expect("an id").trim().to_owned();
    let path = folder.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let contents = Contents::sliced(&std::fs::read(path).expect("the object"), 64 * 1024);
    assert!(contents.assert_whole().member("blob") == large);
    let pack = run(folder.path(), "git", &["pack-objects", "-q", "--stdout"], id.as_bytes());
    let contents = Contents::sliced(&pack, 64 * 1024);
    assert!(contents.assert_whole().member("offset 12") == large);
}

#[test]
fn broken_packs_are_said() {
    let pack = Repository::new().pack();
    assert_eq!(Contents::of(&pack[..pack.len() - 30]).fault.map(|fault| fault.0), Some("truncated"));
    let mut broken = pack;
    broken[13] ^= 0xff;
    assert_eq!(Contents::of(&broken).fault.map(|fault| fault.0), Some("corrupt"));
}
