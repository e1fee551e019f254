//! The files for CI services and hooks: valid by the services' own schemas, and their scripts run as they stand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::scan::{key, line};
use crate::support::cli::hashing_key;
use crate::support::engine::{run, text};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A program from PyPI, which `tests/run` installs.
fn tool(name: &str) -> PathBuf {
    repository("target/report-tools/bin").join(name)
}

fn program_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_keyseam")).parent().expect("a folder")
}

/// A command with nothing of this process' environment but PATH, with keyseam on it.
fn command(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let path = std::env::var("PATH").expect("PATH");
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("PATH", format!("{}:{path}", program_folder().display()));
    command.env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
    command
}

#[test]
fn every_file_is_valid_by_the_schema_of_its_service() {
    let files = [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "ci/github.yml"),
        ("vendor.gitlab-ci", "ci/gitlab.yml"),
        ("vendor.circle-ci", "ci/circleci.yml"),
        ("vendor.bitbucket-pipelines", "ci/bitbucket.yml"),
        ("vendor.travis", "ci/travis.yml"),
        ("vendor.azure-pipelines", "ci/azure.yml"),
    ];
    for (schema, file) in files {
        let mut check = Command::new(tool("check-jsonschema"));
        check.args(["--builtin-schema", schema]);
        // Both services have forms of their own that no schema can say.
        match schema {
            "vendor.gitlab-ci" => {
                check.args(["--data-transform", "gitlab-ci"]);
            }
            "vendor.azure-pipelines" => {
                check.args(["--data-transform", "azure-pipelines", "--regex-variant", "nonunicode"]);
            }
            _ => {}
        }
        let output = run(check.arg(repository(file)), None);
        assert!(
            output.status.success(),
            "{file}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            text(&output)
        );
    }
    let hooks = Command::new(tool("pre-commit"))
        .arg("validate-manifest")
        .arg(repository(".pre-commit-hooks.yaml"))
        .output();
    let hooks = hooks.expect("pre-commit is there");
    assert!(hooks.status.success(), "{}{}", String::from_utf8_lossy(&hooks.stdout), text(&hooks));
    let listed = fs::read_dir(repository("ci")).expect("the folder").count();
    assert_eq!(
        listed,
        files.len() - 1 + 2,
        "every file of ci/ but the script and the Jenkinsfile is checked"
    );
}

/// A working directory with two images in it.
struct Job(TempDir);

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let image =
            |layer: Layer| oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar();
        fs::write(folder.path().join("leaky.tar"), image(Layer::new().file("app/.env", &line(1))))
            .expect("written");
        fs::write(folder.path().join("clean.tar"), image(Layer::new().file("a", b"b"))).expect("written");
        Self(folder)
    }

    fn script(&self, variables: &[(&str, &str)]) -> Output {
        let mut script = command(repository("ci/keyseam.sh"), self.0.path());
        run(script.current_dir(self.0.path()).envs(variables.iter().copied()), None)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

#[test]
fn the_script_leaves_every_report_and_ends_as_the_scan_does() {
    let job = Job::new();
    let summary = job.0.path().join("summary.md").display().to_string();
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.as_str())];
    let leaky = job.script(&[&[("KEYSEAM_IMAGE", "leaky.tar")], &github[..]].concat());
    assert_eq!(leaky.status.code(), Some(1), "{}", text(&leaky));
    let log = String::from_utf8_lossy(&leaky.stdout).into_owned();
    assert!(log.contains("app/.env:1") && log.lines().any(|line| line.starts_with("::error ")), "{log}");
    assert!(!job.read("summary.md").is_empty());
    let reports = [
        "keyseam.json",
        "keyseam.sarif",
        "keyseam.junit.xml",
        "gl-container-scanning-report.json",
        "keyseam.md",
        "keyseam.html",
    ];
    for report in reports {
        let report = job.read(&format!("keyseam-reports/{report}"));
        assert!(report.contains("app/.env") && !report.contains(&key(1)), "{report}");
    }
    let clean = job.script(&[("KEYSEAM_IMAGE", "clean.tar"), ("KEYSEAM_REPORTS", "others")]);
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean));
    assert!(job.read("others/keyseam.sarif").contains("2.1.0"));
    let options = [("KEYSEAM_IMAGE", "leaky.tar"), ("KEYSEAM_ARGUMENTS", "--fail-on never --no-cache")];
    assert_eq!(job.script(&options).status.code(), Some(0));
    assert_eq!(job.script(&[("KEYSEAM_IMAGE", "missing.tar")]).status.code(), Some(2));
}

#[test]
fn the_script_runs_no_program_that_nobody_checked() {
    let job = Job::new();
    let fails = |variables: &[(&str, &str)]| {
        // Without keyseam and cargo on the PATH.
        let mut script = Command::new(repository("ci/keyseam.sh"));
        script.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", job.0.path()).current_dir(job.0.path());
        let output = run(script.envs(variables.iter().copied()), None);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        text(&output)
    };
    assert!(fails(&[]).contains("KEYSEAM_IMAGE"));
    let image = ("KEYSEAM_IMAGE", "clean.tar");
    let url = ("KEYSEAM_URL", "https://127.0.0.1:1/keyseam");
    assert!(fails(&[image, url]).contains("KEYSEAM_SHA256 is missing"));
    fails(&[image, url, ("KEYSEAM_SHA256", "00")]);
    // An address without TLS is not asked at all.
    assert!(
        fails(&[image, ("KEYSEAM_URL", "http://127.0.0.1:1/k"), ("KEYSEAM_SHA256", "00")]).contains("http")
    );
}

#[test]
fn githubs_action_runs_the_script_and_puts_no_input_into_its_text() {
    let job = Job::new();
    let extract =
        "import sys, yaml\nstep = yaml.safe_load(open(sys.argv[1]))['runs']['steps'][0]\nprint(step['run'])";
    let step = run(Command::new(tool("python")).args(["-c", extract]).arg(repository("action.yml")), None);
    let step = String::from_utf8_lossy(&step.stdout).into_owned();
    assert!(step.contains("ci/keyseam.sh") && !step.contains("${{"), "{step}");
    let output = job.0.path().join("output");
    let mut bash = command("bash", job.0.path());
    bash.args(["-e", "-c", &step]).current_dir(job.0.path());
    bash.env("GITHUB_ACTION_PATH", repository(""))
        .env("GITHUB_OUTPUT", &output)
        .env("GITHUB_ACTIONS", "true");
    // As GitHub sets inputs that were left open.
    bash.env("KEYSEAM_DOCKERFILE", "").env("KEYSEAM_BASELINE", "").env("KEYSEAM_ARGUMENTS", "");
    bash.env("KEYSEAM_IMAGE", "leaky.tar").env("KEYSEAM_FAIL_ON", "medium").env("KEYSEAM_REPORTS", "out");
    let ended = run(&mut bash, None);
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended));
    assert_eq!(job.read("output"), "sarif=out/keyseam.sarif\n");
    assert!(job.read("out/keyseam.sarif").contains("app/.env"));
}

/// A repository that uses the hook for commits and pushes, and a bare one that it pushes to.
struct Hooked {
    folder: TempDir,
}

impl Hooked {
    fn new() -> Self {
        let hooked = Self { folder: tempfile::tempdir().expect("a folder") };
        for name in ["hooks", "app"] {
            fs::create_dir(hooked.path(name)).expect("made");
            hooked.git(name, &["init", "-q", "-b", "main"]);
        }
        // pre-commit takes hooks from a repository.
        fs::copy(repository(".pre-commit-hooks.yaml"), hooked.path("hooks/.pre-commit-hooks.yaml"))
            .expect("copied");
        hooked.git("hooks", &["add", "."]);
        hooked.git("hooks", &["commit", "-q", "-m", "hooks"]);
        let commit = hooked.git("hooks", &["rev-parse", "HEAD"]);
        let config = format!(
            "repos:\n  - repo: {}\n    rev: {commit}\n    hooks:\n      - id: keyseam-system\n",
            hooked.path("hooks").display()
        );
        fs::write(hooked.path("app/.pre-commit-config.yaml"), config).expect("written");
        hooked.git("", &["init", "-q", "--bare", "remote"]);
        hooked.git("app", &["remote", "add", "origin", &hooked.path("remote").display().to_string()]);
        hooked
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, folder: &str, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
        let mut command = command(program, self.folder.path());
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        command.envs(who.map(|name| (name, "nobody@example.com")));
        run(command.args(arguments).current_dir(self.path(folder)), None)
    }

    #[track_caller]
    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = self.run(folder, "git", arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn a_key_in_the_context_stops_a_commit_and_a_push() {
    let hooked = Hooked::new();
    fs::write(hooked.path("app/Dockerfile"), "FROM scratch\nCOPY . /app\n").expect("written");
    fs::write(hooked.path("app/.env"), line(1)).expect("written");
    fs::write(hooked.path("app/.gitignore"), ".env\n").expect("written");
    // git does not take the file, and COPY does.
    hooked.git("app", &["add", "."]);
    let install = hooked.run(
        "app",
        tool("pre-commit"),
        &["install", "--hook-type", "pre-commit", "--hook-type", "pre-push"],
    );
    assert!(install.status.success(), "{}", text(&install));
    let refused = hooked.run("app", "git", &["commit", "-q", "-m", "one"]);
    let said = format!("{}{}", text(&refused), String::from_utf8_lossy(&refused.stdout));
    assert!(!refused.status.success() && said.contains(".env:1") && said.contains(".dockerignore"), "{said}");
    assert!(!said.contains(&key(1)));

    hooked.git("app", &["commit", "-q", "--no-verify", "-m", "one"]);
    let pushed = hooked.run("app", "git", &["push", "-q", "origin", "main"]);
    assert!(!pushed.status.success(), "{}", text(&pushed));

    fs::write(hooked.path("app/.dockerignore"), ".env\n.git\n").expect("written");
    hooked.git("app", &["add", "."]);
    hooked.git("app", &["commit", "-q", "-m", "two"]);
    hooked.git("app", &["push", "-q", "origin", "main"]);
}

#[test]
fn the_script_can_be_run() {
    let mode = fs::metadata(repository("ci/keyseam.sh")).expect("there").permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    let checked = run(Command::new("sh").arg("-n").arg(repository("ci/keyseam.sh")), None);
    assert!(checked.status.success(), "{}", text(&checked));
}
