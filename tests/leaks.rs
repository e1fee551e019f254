//! No key leaves the program: one of every definition stands wherever an image, a command line or a file
//! of rules can hold it, and no output has eight bytes of it in a row.

mod pieces;
mod plant;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pieces::Pieces;
use plant::{Sample, Samples, each_place_its_own, everywhere};

use crate::support::cli::hashing_key;
use crate::support::image::{Compression, oci};

/// A run of the program in a folder of its own: every file below it counts as output, but for those
/// that were there before.
struct Run {
    folder: tempfile::TempDir,
    before: HashSet<PathBuf>,
}

impl Run {
    /// A folder with these files in it.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, bytes).expect("written");
        }
        std::fs::create_dir_all(folder.path().join("tmp")).expect("a folder");
        let before = files_below(folder.path());
        Self { folder, before }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyseam"));
        let home = self.folder.path();
        command.args(arguments).current_dir(home).env_clear().stdin(Stdio::null());
        command
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
        command.env("LANG", "C.UTF-8");
        command
    }

    /// Everything that the program wrote: to its streams and to files, by name; and its status.
    fn outputs(&self, mut command: Command) -> (Option<i32>, BTreeMap<String, Vec<u8>>) {
        let output = command.output().expect("the program runs");
        let mut all = BTreeMap::from([
            ("standard output".to_owned(), output.stdout),
            ("standard error".to_owned(), output.stderr),
        ]);
        for path in files_below(self.folder.path()).difference(&self.before) {
            let bytes = std::fs::read(path).expect("read");
            all.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), bytes);
        }
        (output.status.code(), all)
    }

    /// Runs it and asserts that nothing of what was planted came out.
    #[track_caller]
    fn assert_silent(
        &self,
        what: &str,
        command: Command,
        pieces: &Pieces,
    ) -> (Option<i32>, BTreeMap<String, Vec<u8>>) {
        let (status, outputs) = self.outputs(command);
        let leaks: Vec<String> = outputs
            .iter()
            .flat_map(|(name, bytes)| pieces.found_in(&format!("{what}: {name}"), bytes))
            .collect();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
        (status, outputs)
    }
}

fn files_below(folder: &Path) -> HashSet<PathBuf> {
    let mut files = HashSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path))
        } else {
            files.insert(path);
        }
    }
    files
}

/// All formats at once, as loud as it gets.
const ALL_FORMATS: [&str; 28] = [
    "scan",
    "-v",
    "--min-confidence=low",
    "--fail-on=low",
    "-o",
    "json",
    "-o",
    "table=report.txt",
    "-o",
    "jsonl=report.jsonl",
    "-o",
    "csv=report.csv",
    "-o",
    "html=report.html",
    "-o",
    "sarif=report.sarif",
    "-o",
    "gitlab=container.json",
    "-o",
    "gitlab-secret=secret.json",
    "-o",
    "junit=report.xml",
    "-o",
    "markdown=report.md",
    "-o",
    "github=report.github",
    "-o",
    "intoto=predicate.json",
];

/// Templates that print all they are given.
const TEMPLATES: [(&str, &[u8]); 2] =
    [("all.json.j2", b"{{ [tool, results, errors, summary] }}"), ("all.txt.j2", b"{{ results|pprint }}")];

/// What is written by them.
const BY_TEMPLATES: [&str; 4] = ["-o", "template:all.json.j2=all.json", "-o", "template:all.txt.j2=all.txt"];

fn scan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut line = ALL_FORMATS.to_vec();
    line.extend(more);
    line
}

fn json(outputs: &BTreeMap<String, Vec<u8>>) -> serde_json::Value {
    serde_json::from_slice(&outputs["standard output"]).expect("a JSON report")
}

/// The detectors that the report's findings name.
fn detectors_found(report: &serde_json::Value) -> HashSet<String> {
    let findings = report["results"][0]["findings"].as_array().expect("findings");
    let ids = findings.iter().flat_map(|finding| {
        let also = finding["also"].as_array().expect("also").iter();
        also.chain([&finding["detector"]]).map(|id| id.as_str().expect("an id").to_owned())
    });
    ids.collect()
}

#[test]
fn one_key_of_every_definition_in_every_place() {
    let samples = Samples::new(plant::SEED);
    let image = everywhere(&samples);
    let archive = oci(&[&image], Compression::Gzip).tar();
    let run = Run::with(&[("app.tar", &archive), TEMPLATES[0], TEMPLATES[1]]);
    let pieces = Pieces::of(&samples.planted("everywhere"));
    let mut line = scan(&BY_TEMPLATES);
    line.push("app.tar");
    let (status, outputs) = run.assert_silent("whole", run.command(&line), &pieces);
    assert_eq!(status, Some(1));
    let is_kept = |name: &str| name.len() == 62 || name == "CACHEDIR.TAG" || name == "inventory.db";
    let kept = outputs.keys().filter(|name| is_kept(name)).count();
    assert_eq!(outputs.len() - kept, 15, "two streams, eleven files and two by templates");
    let found = detectors_found(&json(&outputs));
    // Of layers that are known, whose keys nobody has any more.
    let (_, again) = run.assert_silent("again", run.command(&scan(&["app.tar"])), &pieces);
    assert!(json(&again)["results"][0]["stats"]["layers_cached"].as_u64() > Some(0), "nothing was kept");
    // Texts may differ in pieces of keys that stand in the names of other layers.
    let told = |outputs: &BTreeMap<String, Vec<u8>>| -> Vec<_> {
        let findings = json(outputs)["results"][0]["findings"].as_array().expect("findings").clone();
        let facts = ["fingerprint", "detector", "severity", "confidence", "also", "secret", "in_final_image"];
        findings.iter().map(|finding| facts.map(|fact| finding[fact].clone())).collect()
    };
    assert_eq!(told(&again), told(&outputs));
    let missing: Vec<&str> = samples.detectors().filter(|id| !found.contains(*id)).collect();
    assert!(missing.is_empty(), "not found, so nothing is proven of them: {missing:?}");
}

#[test]
fn what_is_not_selected_is_redacted_too() {
    let samples = Samples::new(plant::SEED + 1);
    let archive = oci(&[&everywhere(&samples)], Compression::Zstd).tar();
    let run = Run::with(&[("app.tar", &archive)]);
    let pieces = Pieces::of(&samples.planted("everywhere"));
    for choice in [["--only", "github"], ["--skip", "crypto-keys"], ["--only", "private-key"]] {
        run.assert_silent(&choice.join(" "), run.command(&scan(&[choice[0], choice[1], "app.tar"])), &pieces);
    }
}

#[test]
fn a_key_that_only_its_place_gives_away() {
    let (image, planted) = each_place_its_own(plant::SEED + 2);
    let run = Run::with(&[("app.tar", &oci(&[&image], Compression::None).tar())]);
    let pieces = Pieces::of(&planted);
    run.assert_silent("each its own", run.command(&scan(&["app.tar"])), &pieces);
}

#[test]
fn what_is_suppressed_and_the_reason_for_it() {
    let samples = Samples::new(plant::SEED + 3);
    let archive = oci(&[&everywhere(&samples)], Compression::Gzip).tar();
    // The reasons hold keys that stand nowhere else, as far as they tell by themselves what they are.
    let telling = Samples::new(plant::SEED + 4).that_tell_by_themselves();
    let mut planted = samples.planted("everywhere");
    planted.extend(telling.iter().map(|sample| sample.planted("reason")));
    let rule = |sample: &Sample| format!("detector:{} # it was {} until May\n", sample.detector, sample.key);
    let rules: String = telling.iter().map(rule).collect();
    let run = Run::with(&[("app.tar", &archive), (".keyseamignore", rules.as_bytes())]);
    let (_, outputs) =
        run.assert_silent("suppressed", run.command(&scan(&["app.tar"])), &Pieces::of(&planted));
    let suppressed = json(&outputs)["summary"]["suppressed"].as_u64();
    assert!(suppressed.is_some_and(|count| count > 0), "nothing was suppressed");
}

#[test]
fn what_a_user_types_and_what_cannot_be_read() {
    let telling = Samples::new(plant::SEED + 5).that_tell_by_themselves();
    assert!(telling.len() > 100, "only {} keys tell by themselves what they are", telling.len());
    let pieces = Pieces::of(&telling.iter().map(|sample| sample.planted("typed")).collect::<Vec<_>>());
    // Every one as a target that is not there.
    let mut images = String::new();
    for sample in telling.iter().filter(|sample| !sample.key.contains('/')) {
        images.push_str(&format!(
            "./{0}.tar\ndocker-archive:/no/{0}\ndocker://registry.acme.io/{0}:1\noci:{0}\n",
            sample.key
        ));
    }
    let run = Run::with(&[("images", images.as_bytes())]);
    let (status, _) = run.assert_silent("targets", run.command(&scan(&["--images-from", "images"])), &pieces);
    assert_eq!(status, Some(2));
    // A few wherever a command line or a file of the user's takes a word.
    for sample in telling.iter().step_by(29) {
        let key = &sample.key;
        let rules = format!("[[detector]]\nid = \"x\"\nname = {key}\n");
        let ignore = format!("{key} # why\n");
        let files = [
            ("rules.toml", rules.as_bytes()),
            (".keyseamignore", ignore.as_bytes()),
            ("a.tar", b"no tar".as_slice()),
        ];
        let run = Run::with(&files);
        let (joined, format) = (format!("--fail-on={key}"), format!("json=/no/{key}/r"));
        let template = format!("template:{key}");
        let lines: [&[&str]; 15] = [
            &["scan", "a.tar"],
            &["scan", "--no-config", "--rules", "rules.toml", "a.tar"],
            &["scan", "--no-config", "--rules", key, "a.tar"],
            &["scan", "--no-config", "--only", key, "a.tar"],
            &["scan", "--no-config", "--secrets-from", key, "a.tar"],
            &["scan", "--no-config", "--fingerprint-key-file", key, "a.tar"],
            &["scan", "--no-config", "--platform", key, "a.tar"],
            &["scan", "--no-config", &joined, "a.tar"],
            &["scan", "-o", key, "a.tar"],
            &["scan", "-o", &format, "a.tar"],
            &["scan", "-o", &template, "a.tar"],
            &["scan", "--images-from", key],
            &["detectors", "show", key],
            &["detectors", "list", key],
            &[key],
        ];
        for line in lines {
            let (status, _) = run.assert_silent(line[0], run.command(line), &pieces);
            assert_eq!(status, Some(2), "{} {}", line[0], line.get(1).unwrap_or(&""));
        }
        let mut command = run.command(&["scan", "--no-config", "a.tar"]);
        command.env("KEYSEAM_FINGERPRINT_KEY", key);
        run.assert_silent("as hashing key", command, &pieces);
    }
}

#[test]
fn passwords_of_targets() {
    let secret = ["q8Zr2m", "X9vL4t"].concat();
    let image =
        format!("docker://bob:{secret}@registry.acme.io/app:1\nhttps://bob:{secret}@acme.io/app.tar\n");
    let run = Run::with(&[("images", image.as_bytes())]);
    let (status, outputs) = run.outputs(run.command(&scan(&["--images-from", "images"])));
    assert_eq!(status, Some(2));
    for (name, output) in outputs {
        assert!(!String::from_utf8_lossy(&output).contains(&secret), "{name}");
    }
}

#[test]
fn trying_detectors_on_a_text() {
    let samples = Samples::new(plant::SEED + 6);
    let texts: Vec<&str> = samples.secret().map(|sample| sample.text.as_str()).collect();
    let run = Run::with(&[("texts", texts.join("\n\n\n").as_bytes())]);
    let pieces = Pieces::of(&samples.planted("text"));
    let (status, _) =
        run.assert_silent("detectors test", run.command(&["detectors", "test", "texts"]), &pieces);
    assert_eq!(status, Some(1));
}

#[test]
fn only_with_show_secrets_are_keys_shown() {
    let samples = Samples::new(plant::SEED + 7);
    let image = crate::support::image::ImageBuilder::new("app:1").layer(samples.files()).build();
    let run = Run::with(&[("app.tar", &oci(&[&image], Compression::Gzip).tar())]);
    let refused = run.outputs(run.command(&scan(&["--show-secrets", "app.tar"])));
    assert_eq!((refused.0, refused.1.len()), (Some(2), 2), "it is for some formats only");
    let shown = ["scan", "--min-confidence=low", "-o", "json", "--show-secrets", "app.tar"];
    let (_, outputs) = run.outputs(run.command(&shown));
    let report = json(&outputs);
    let findings = report["results"][0]["findings"].as_array().expect("findings");
    let shown: HashSet<&str> = findings.iter().filter_map(|finding| finding["secret"].as_str()).collect();
    let hidden: Vec<&str> = samples
        .secret()
        .filter(|sample| !shown.iter().any(|text| text.contains(&sample.key)))
        .map(|sample| sample.detector.as_str())
        .collect();
    assert!(hidden.is_empty(), "not shown: {hidden:?}");
}

/// Set for the child of the next test, which is this program again.
const PANICS: &str = "KEYSEAM_TEST_PANICS";

#[test]
fn a_panic_says_nothing_of_what_it_met() {
    let secret = ["q8Zr2m", "X9vL4t"].concat();
    if std::env::var_os(PANICS).is_some() {
        keyseam::cli::messages::silence_panics();
        panic!("could not read {secret}");
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "leaks::a_panic_says_nothing_of_what_it_met", "--nocapture"]).env(PANICS, "1");
    let output = command.output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("internal error"), "it did not panic");
    assert!(!said.contains(&secret), "it said the secret");
}

#[test]
fn bars_on_a_terminal() {
    let samples = Samples::new(plant::SEED + 8);
    let image = crate::support::image::ImageBuilder::new("app:1").layer(samples.files()).build();
    let run = Run::with(&[("app.tar", &oci(&[&image], Compression::Gzip).tar())]);
    let mut command = run.command(&[]);
    let line = format!("{} scan -v app.tar", env!("CARGO_BIN_EXE_keyseam"));
    let mut script = Command::new("script");
    script
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .current_dir(run.folder.path())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in command.env("TERM", "xterm").env("PATH", "/usr/bin:/bin").get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let (status, outputs) = run.assert_silent("terminal", script, &Pieces::of(&samples.planted("file")));
    assert_eq!(status, Some(1));
    assert!(outputs["standard output"].contains(&0x1b), "nothing was drawn");
}
