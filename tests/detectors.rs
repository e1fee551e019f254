//! Every definition against its own examples, counter-examples and mutations, made anew with each run;
//! and all of them against what lies on any Debian machine and holds no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::self_test::{faults, hits};
use keyseam::detect::{Confidence, DetectorSet, Scratch, Severity};

use crate::catalogue::fresh_seed;

/// How often each example is made anew.
const ROUNDS: u64 = 6;

#[test]
fn definitions_hold_together() {
    let catalogue = Catalogue::embedded().expect("valid");
    let problems: Vec<String> = catalogue
        .definitions()
        .iter()
        .filter_map(|definition| catalogue.check(definition).err())
        .map(|error| error.to_string())
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn definitions_find_their_examples_and_no_mutation_of_them() {
    let catalogue = Catalogue::embedded().expect("valid");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let mut scratch = Scratch::default();
    let first = fresh_seed();
    // By chance a key may look like none, one in some ten thousand; not twice among so few.
    let mut faulty: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (index, definition) in catalogue.indexed() {
        for round in 0..ROUNDS {
            let seed = first.wrapping_add(round);
            for fault in faults(&set, &mut scratch, (index, definition), seed) {
                let what = fault.replace(&format!(", seed {seed}"), "");
                faulty.entry(format!("{}, {what}", definition.id)).or_default().push(fault);
            }
        }
    }
    let all: Vec<String> =
        faulty.into_iter().filter(|(_, seeds)| seeds.len() > 1).map(|(what, _)| what).collect();
    assert!(all.is_empty(), "seed {first}, {} faults:\n{}", all.len(), all.join("\n"));
}

/// Files under `folder`, those that `wanted` holds of, in the order of their names; links left out.
fn files_under(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files_under(&path, wanted, found);
        } else if wanted(&path) {
            found.push(path);
        }
    }
}

/// Texts that hold no secret of anybody's, 20 MB of them at most: licences, system configuration,
/// Python's library, sources of crates.
fn clean_files() -> Vec<PathBuf> {
    let ends = |ends: &'static [&'static str]| {
        move |path: &Path| {
            let name = path.to_string_lossy();
            ends.is_empty() || ends.iter().any(|end| name.ends_with(end))
        }
    };
    let mut files = Vec::new();
    files_under(Path::new("/usr/share/common-licenses"), &ends(&[]), &mut files);
    for folder in
        ["apt", "default", "init.d", "pam.d", "security", "python3", "skel", "terminfo", "alternatives"]
    {
        files_under(&Path::new("/etc").join(folder), &ends(&[]), &mut files);
    }
    for version in 9..16 {
        let python = format!("/usr/lib/python3.{version}");
        files_under(Path::new(&python), &ends(&[".py", ".pyc", ".txt"]), &mut files);
    }
    let home = std::env::var("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    if let Ok(home) = home {
        files_under(&home.join("registry/src"), &ends(&[".rs", ".toml", ".json", ".md"]), &mut files);
    }
    files
}

#[test]
fn no_definition_fires_on_clean_content() {
    /// Crates whose files hold keys made for their own tests.
    const OWN_TEST_KEYS: [&str; 0] = [];
    const BUDGET: usize = 20 * 1024 * 1024;
    let catalogue = Catalogue::embedded().expect("valid");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let mut scratch = Scratch::default();
    let mut alarms = Vec::new();
    let mut read = 0;
    for path in clean_files() {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        read += bytes.len();
        if read > BUDGET {
            break;
        }
        let name = path.to_string_lossy().into_owned();
        for hit in hits(&set, &mut scratch, &bytes, &name) {
            let counts = hit.severity >= Severity::Medium && hit.confidence >= Confidence::Medium;
            if counts && !OWN_TEST_KEYS.iter().any(|known| name.contains(known)) {
                let id = catalogue.get(hit.detector).map_or("?", |definition| definition.id.as_str());
                alarms.push(format!("{id} in {name} at {}", hit.span.start));
            }
        }
    }
    assert!(read > 0, "this machine has none of the files that are looked at");
    assert!(alarms.is_empty(), "{} false alarms:\n{}", alarms.len(), alarms.join("\n"));
}
