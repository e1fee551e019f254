//! Dockerfiles that leak, and what their rewrite is held to: applied, it builds where the old one did, does the same,
//! and nothing is found in its image. Every step fails unless it has its key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyseam::detect::template::{Seed, expand};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::cli::{Keyseam, list};

/// A leaking build. `{key}` stands for the key.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What follows the base.
    dockerfile: &'static str,
    /// Files of the context.
    files: &'static [(&'static str, &'static str)],
    /// The argument that the build is given the key by.
    argument: Option<&'static str>,
    /// Whether only BuildKit builds it.
    pub(crate) needs_buildkit: bool,
}

/// The front of every Dockerfile but for those that begin with one of their own.
const BASE: &str = "FROM scratch\nCOPY base /\n";

const NPMRC: (&str, &str) = (".npmrc", "//registry.npmjs.org/:_authToken={key}\n");

const fn case(name: &'static str, dockerfile: &'static str) -> Case {
    Case { name, dockerfile, files: &[], argument: None, needs_buildkit: false }
}

const fn with_argument(name: &'static str, argument: &'static str, dockerfile: &'static str) -> Case {
    Case { argument: Some(argument), ..case(name, dockerfile) }
}

const fn with_files(
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    dockerfile: &'static str,
) -> Case {
    Case { files, ..case(name, dockerfile) }
}

/// All of them.
pub(crate) const CASES: [Case; 19] = [
    case(
        "a variable",
        "ENV MODE=on \\\n    TOKEN={key} \\\n    LEVEL=2\nRUN [ ${#TOKEN} -eq 40 ] && echo done > /proof\n",
    ),
    case(
        "a variable, with carriage returns",
        "ENV TOKEN={key}\r\nRUN [ ${#TOKEN} -eq 40 ] && \\\r\n  echo done > /proof\r\n",
    ),
    with_argument(
        "an argument",
        "TOKEN",
        "ARG TOKEN\nRUN [ ${#TOKEN} -eq 40 ] && echo done > /proof\nRUN echo other\n",
    ),
    with_argument(
        "an argument of all stages",
        "TOKEN",
        "ARG TOKEN\nFROM scratch\nCOPY base /\nARG TOKEN\nRUN [ ${#TOKEN} -eq 40 ]\n",
    ),
    with_argument(
        "a variable made of an argument",
        "TOKEN",
        "ARG TOKEN\nENV API_TOKEN=$TOKEN\nLABEL by=$TOKEN\nRUN [ ${#API_TOKEN} -eq 40 ] && echo done > /proof\n",
    ),
    case(
        "a command",
        "RUN set -e; \\\n    API_TOKEN={key}; \\\n    [ ${#API_TOKEN} -eq 40 ]; echo done > /proof\n",
    ),
    case("a command, in quotes", "RUN t='{key}' && [ ${#t} -eq 40 ] && u=\"{key}\" && [ ${#u} -eq 40 ]\n"),
    case("a command, as a list", "RUN [\"/bin/check\", \"{key}\"]\n"),
    Case {
        needs_buildkit: true,
        ..case("a command, in a here-document", "RUN <<EOF\nset -e\nt={key}\n[ ${#t} -eq 40 ]\nEOF\n")
    },
    with_argument(
        "a file that a command writes and removes",
        "NPM_TOKEN",
        "WORKDIR /app\nARG NPM_TOKEN\nRUN echo \"//registry.npmjs.org/:_authToken=$NPM_TOKEN\" > .npmrc && npm ci > /proof && rm .npmrc\n",
    ),
    case(
        "a file that a command leaves",
        "RUN mkdir -p /root && echo \"//registry.npmjs.org/:_authToken={key}\" > /root/.npmrc\nRUN npm ci > /proof\n",
    ),
    with_argument(
        "an address of git",
        "TOKEN",
        "ARG TOKEN\nRUN git clone https://x:$TOKEN@git.example/r.git /src && echo done > /proof\n",
    ),
    with_files(
        "a file that is copied by its name",
        &[NPMRC, ("package.json", "{}\n")],
        "WORKDIR /app\nCOPY package.json .npmrc ./\nRUN npm ci > /proof && rm -f .npmrc\nRUN echo other\n",
    ),
    with_files(
        "a file that is copied and removed by a step of its own",
        &[NPMRC],
        "COPY .npmrc /root/.npmrc\nRUN npm ci > /proof\nRUN rm /root/.npmrc\nCMD [\"npm\"]\n",
    ),
    with_files(
        "a file that is copied with its folder",
        &[NPMRC],
        "COPY . /app\nWORKDIR /app\nRUN npm ci > /proof\n",
    ),
    with_files(
        "a file that only a container reads",
        &[(".env", "TOKEN={key}\n")],
        "COPY .env /app/.env\nCMD [\"/bin/sh\"]\n",
    ),
    with_files(
        "a file of an earlier stage",
        &[NPMRC],
        "FROM scratch AS build\nCOPY base /\nCOPY .npmrc /src/\nRUN cd /src && npm ci > /src/proof\nFROM scratch\nCOPY --from=build /src /src\n",
    ),
    with_files(
        "a key under another name",
        &[("deploy_key", "TOKEN={key}\n")],
        "COPY deploy_key /root/.ssh/id_rsa\nRUN cat /root/.ssh/id_rsa > /dev/null && echo done > /proof\n",
    ),
    case(
        "what a container is told",
        "LABEL a=b token={key}\nCMD [\"/bin/check\", \"{key}\"]\nHEALTHCHECK CMD check {key}\n",
    ),
];

/// Programs that do nothing without their key.
const PROGRAMS: [(&str, &str); 3] = [
    ("check", "#!/bin/sh\n[ ${#1} -eq 40 ]\n"),
    (
        "npm",
        "#!/bin/sh\nfor file in ./.npmrc /root/.npmrc; do\n  [ -f $file ] && read -r line < $file && [ ${#line} -gt 60 ] && echo built && exit 0\ndone\nexit 1\n",
    ),
    (
        "git",
        "#!/bin/sh\ncase $2 in *@*) ;; *) read -r line < /root/.netrc && [ ${#line} -gt 40 ] || exit 1 ;; esac\nmkdir -p $3/.git && echo \"url = $2\" > $3/.git/config\n",
    ),
];

/// Tries every case, and tells of all that fail.
pub(crate) fn each<'c>(cases: impl Iterator<Item = &'c Case>, mut attempt: impl FnMut(u64, &Case)) {
    let mut failed = Vec::new();
    for (number, case) in (1..).zip(cases) {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attempt(number, case)));
        failed.extend(tried.is_err().then_some(case.name));
    }
    assert_eq!(failed, [] as [&str; 0]);
}

/// A context of a case, with its key.
pub(crate) struct Context {
    folder: TempDir,
    key: String,
    argument: Option<&'static str>,
}

impl Context {
    pub(crate) fn new(case: &Case, number: u64) -> Self {
        let key = expand("{{github:ghp_}}", "", &mut Seed(number)).expect("a template");
        let context = Self { folder: tempfile::tempdir().expect("a folder"), key, argument: case.argument };
        for (name, text) in case.files {
            context.write(name, &text.replace("{key}", &context.key));
        }
        let base = if case.dockerfile.contains("FROM ") { "" } else { BASE };
        context.write("Dockerfile", &format!("{base}{}", case.dockerfile.replace("{key}", &context.key)));
        context.add_base();
        context
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// A shell and a few programs of this machine, with what they are linked with.
    fn add_base(&self) {
        for program in ["/bin/sh", "/bin/cat", "/bin/rm", "/bin/mkdir"] {
            self.add(Path::new(program), program);
            let output = Command::new("ldd").arg(program).output().expect("ldd is needed here");
            let listed = String::from_utf8_lossy(&output.stdout).into_owned();
            listed.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| {
                self.add(Path::new(library), library);
            });
        }
        for (name, script) in PROGRAMS {
            let path = self.path(&format!("base/bin/{name}"));
            fs::write(&path, script).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
    }

    fn add(&self, file: &Path, path: &str) {
        let to = self.path(&format!("base{path}"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(file, to).expect("a file of this machine");
    }

    /// What the build is given so that it leaks.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.argument.iter().map(|name| format!("--build-arg={name}={}", self.key)).collect()
    }

    /// Scans the leaking image and applies what its only finding says.
    #[track_caller]
    pub(crate) fn rewrite(&self, archive: &Path, case: &Case) {
        let options = ["--dockerfile", "Dockerfile", &archive.display().to_string()];
        let run = Keyseam::scan(&options).directory(self.folder()).run();
        run.assert_status(1);
        let findings = run.findings();
        assert_eq!(findings.len(), 1, "{}: {findings:#?}", case.name);
        let Value::String(rewrite) = &findings[0]["remediation"]["rewrite"] else {
            panic!("{}: no rewrite: {:#}", case.name, findings[0]);
        };
        assert!(!rewrite.contains(&self.key), "{}: the key is shown", case.name);
        let (dockerfile, ignored) = rewrite.split_once("--- a/.dockerignore\n").unwrap_or((rewrite, ""));
        if !dockerfile.is_empty() {
            assert!(dockerfile.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n@@ -"), "{rewrite}");
            self.apply(dockerfile);
        }
        let lines = ignored.lines().skip(2).filter_map(|line| line.strip_prefix('+'));
        self.write(".dockerignore", &lines.map(|line| format!("{line}\n")).collect::<String>());
        assert!(!self.read("Dockerfile").contains(&self.key), "{}: {rewrite}", case.name);
    }

    /// As `patch` does where nothing of it is redacted, else by the numbers of its lines.
    fn apply(&self, diff: &str) {
        let old = self.read("Dockerfile");
        let by_number = by_number(&old, diff);
        if !diff.contains('…') {
            self.write("diff", diff);
            let output = Command::new("patch")
                .args(["--binary", "--fuzz=0", "-p1", "-i", "diff"])
                .current_dir(self.folder())
                .output()
                .expect("patch is needed here");
            assert!(output.status.success(), "{}\n{diff}", String::from_utf8_lossy(&output.stdout));
            assert_eq!(self.read("Dockerfile"), by_number);
            let _ = fs::remove_file(self.path("diff"));
        }
        self.write("Dockerfile", &by_number);
    }

    /// The secrets that the Dockerfile mounts now, as options of the build.
    pub(crate) fn secrets(&self, case: &Case) -> Vec<String> {
        let dockerfile = self.read("Dockerfile");
        let mounts = dockerfile.match_indices("--mount=type=secret,id=").map(|(at, front)| {
            let mount = dockerfile[at + front.len()..].split_whitespace().next().expect("a mount");
            let (id, rest) = mount.split_once(',').expect("what it is mounted as");
            let text = match rest.strip_prefix("target=") {
                None => self.key.clone(),
                Some(path) if path.ends_with(".netrc") => {
                    format!("machine git.example password {}\n", self.key)
                }
                Some(path) if path.ends_with(".npmrc") => {
                    format!("//registry.npmjs.org/:_authToken={}\n", self.key)
                }
                Some(_) => {
                    case.files.first().map(|(_, text)| text.replace("{key}", &self.key)).unwrap_or_default()
                }
            };
            // Outside the context: no COPY may bring it in again.
            let path = std::env::temp_dir()
                .join(format!("{}-{id}", self.folder().file_name().expect("a name").display()));
            fs::write(&path, text).expect("a secret");
            format!("--secret=id={id},src={}", path.display())
        });
        let mut all: Vec<String> = mounts.collect();
        all.sort();
        all.dedup();
        all
    }

    /// The image that was built of the rewrite holds nothing.
    #[track_caller]
    pub(crate) fn assert_clean(&self, archive: &Path, case: &Case) {
        let run = Keyseam::scan(&[archive]).run();
        assert_eq!(
            list(&run.result()["findings"]),
            [] as [Value; 0],
            "{}: {}",
            case.name,
            self.read("Dockerfile")
        );
        run.assert_status(0);
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let Some(name) = self.folder().file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return;
        };
        let beside = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
        let own = beside.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{name}-")));
        own.for_each(|entry| drop(fs::remove_file(entry.path())));
    }
}

/// What a diff makes of a text, by the numbers of its lines; what stays is taken from the text.
fn by_number(old: &str, diff: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut out, mut at) = (String::new(), 0);
    for line in diff.split_inclusive('\n').skip(2) {
        let kept = old.get(at).copied().unwrap_or_default();
        let fits = |line: &str| line.contains('…') || line == kept;
        match line.split_at(1) {
            ("@", rest) => {
                let start = rest.split(['-', ',']).nth(1).and_then(|number| number.parse::<usize>().ok());
                let start = start.expect("a line's number") - 1;
                out.extend(old.get(at..start).expect("hunks in order").iter().copied());
                at = start;
            }
            ("+", rest) => out.push_str(rest),
            ("-", rest) => {
                assert!(fits(rest), "{rest:?} is not {kept:?}");
                at += 1;
            }
            (" ", rest) => {
                assert!(fits(rest), "{rest:?} is not {kept:?}");
                out.push_str(kept);
                at += 1;
            }
            (_, other) => assert_eq!(other, " No newline at end of file\n"),
        }
    }
    out.extend(old.get(at..).unwrap_or_default().iter().copied());
    out
}
