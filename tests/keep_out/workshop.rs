//! The pieces as files, compiled where their language compiles, and run in an environment of nothing but what a
//! test gives. What each is called is written here by hand.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use keyseam::advice::keep_out::{Language, Names, Snippet, Store, setup, snippet};
use sha2::{Digest, Sha256};

use crate::support::engine::run;

/// A key, and its names.
pub(crate) struct Key {
    pub(crate) variable: &'static str,
    pub(crate) service: &'static str,
    pub(crate) path: &'static str,
    pub(crate) slug: &'static str,
    snake: &'static str,
    camel: &'static str,
    go: &'static str,
    class: &'static str,
}

/// One whose service is one word, and one whose variable has only the first of the service's words.
pub(crate) const KEYS: [Key; 2] = [
    Key {
        variable: "MESSAGEBIRD_API_KEY",
        service: "MessageBird",
        path: "messagebird",
        slug: "messagebird-api-key",
        snake: "messagebird_api_key",
        camel: "messagebirdApiKey",
        go: "messagebirdAPIKey",
        class: "MessagebirdApiKey",
    },
    Key {
        variable: "CLOCKWORK_API_KEY",
        service: "Clockwork SMS",
        path: "clockwork-sms",
        slug: "clockwork-sms-api-key",
        snake: "clockwork_api_key",
        camel: "clockworkApiKey",
        go: "clockworkAPIKey",
        class: "ClockworkApiKey",
    },
];

impl Key {
    pub(crate) fn names(&self) -> Names {
        Names::new(self.variable, self.service)
    }
}

/// What a piece is run for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The SHA-256 of what its function gives, by a driver that calls the function.
    Digest,
    /// What its own `main` shows.
    Main,
}

/// A value that nothing has seen before; an odd one of two lines, with what shells, JSON and templates give a
/// meaning to.
pub(crate) fn secret(odd: bool) -> String {
    let random = || RandomState::new().build_hasher().finish();
    let plain = format!("{:016x}{:016x}", random(), random());
    if odd { format!("k\"$'`\\+/=%{{x}} &\n{plain}") } else { plain }
}

pub(crate) fn digest(value: &str) -> String {
    Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn mode(path: &str) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What `tests/run` installs for these tests alone.
pub(crate) fn installed(name: &str) -> PathBuf {
    repository("target/keep-out-tools").join(name)
}

/// What a run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A run in the making, with nothing of this process' environment.
pub(crate) struct Piece {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Piece {
    pub(crate) fn new(program: impl AsRef<Path>) -> Self {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", path())
            .env("LANG", "C.UTF-8")
            .env("HOME", env!("CARGO_TARGET_TMPDIR"));
        // Packages of Node.js warn of versions of it, each run.
        command.env("NODE_NO_WARNINGS", "1").current_dir(env!("CARGO_TARGET_TMPDIR"));
        Self { command, input: None }
    }

    pub(crate) fn args<S: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn envs(mut self, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        self.command.envs(environment);
        self
    }

    /// A line on standard input; none is an empty one.
    pub(crate) fn input(mut self, line: &str) -> Self {
        self.input = Some(format!("{line}\n").into_bytes());
        self
    }

    /// The same, ended with status 124 if it takes longer than anybody would wait.
    pub(crate) fn impatient(self) -> Self {
        let mut outer = Self::new("timeout").args(["--kill-after=5", "60"]);
        outer.command.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            outer.command.env(name, value.unwrap_or_default());
        }
        outer
    }

    pub(crate) fn run(mut self) -> Said {
        let output = run(&mut self.command, self.input.as_deref());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().unwrap_or(-1);
        Said { status, out: text(&output.stdout), err: text(&output.stderr) }
    }
}

fn workshop_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("keep-out")
}

/// The system's programs, and what `tests/run` installs.
fn path() -> String {
    format!("{}:{}", installed("bin").display(), std::env::var("PATH").expect("PATH"))
}

/// All pieces, compiled.
pub(crate) struct Workshop {
    folder: PathBuf,
}

/// It is made once.
pub(crate) fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(Workshop::new)
}

/// A store's word in names of folders.
fn word(store: Store) -> String {
    format!("{store:?}").to_lowercase()
}

impl Workshop {
    fn new() -> Self {
        let workshop = Self { folder: workshop_folder() };
        let _ = fs::remove_dir_all(&workshop.folder);
        for key in &KEYS {
            for store in Store::ALL {
                for language in Language::ALL {
                    workshop.write(key, store, language, &snippet(store, language, &key.names()));
                }
                let Snippet { file_name, text, .. } = setup(store, &key.names());
                assert_eq!(file_name, format!("keep-{}.sh", key.slug));
                let folder = workshop.folder_of("setup", key, store);
                fs::write(folder.join(file_name), text).expect("written");
            }
        }
        let modules = workshop.folder.join("javascript/node_modules");
        std::os::unix::fs::symlink(installed("node_modules"), modules).expect("a link");
        workshop.wrap_commands();
        std::thread::scope(|scope| {
            scope.spawn(|| workshop.compile_java());
            workshop.compile_go();
        });
        workshop
    }

    fn write(&self, key: &Key, store: Store, language: Language, snippet: &Snippet) {
        let folder = self.folder_of(&word_of(language), key, store);
        assert_eq!(
            Path::new(&snippet.file_name),
            self.file(key, store, language).file_name().expect("a name")
        );
        fs::write(folder.join(&snippet.file_name), &snippet.text).expect("written");
        if language == Language::Go {
            let call = if store == Store::Env { "()" } else { "(context.Background())" };
            let driver = fs::read_to_string(driver("driver.go")).expect("a driver");
            let driver = driver.replace("CALL", &format!("{}{call}", key.go));
            let import = if store == Store::Env { "import (" } else { "import (\n\t\"context\"" };
            fs::write(folder.join("driver.go"), driver.replace("import (", import)).expect("written");
        }
    }

    /// A folder for the files of one combination, made if it is not there.
    fn folder_of(&self, kind: &str, key: &Key, store: Store) -> PathBuf {
        let folder = self.folder.join(kind).join(format!("{}-{}", key.path, word(store)));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn file(&self, key: &Key, store: Store, language: Language) -> PathBuf {
        let dashed = key.snake.replace('_', "-");
        let name = match language {
            Language::Python => format!("{}.py", key.snake),
            Language::JavaScript => format!("{dashed}.mjs"),
            Language::Go => format!("{}.go", key.snake),
            Language::Java => format!("{}.java", key.class),
            Language::Ruby => format!("{}.rb", key.snake),
            Language::Shell => format!("{dashed}.sh"),
        };
        self.folder_of(&word_of(language), key, store).join(name)
    }

    /// In the manner of Debian's packages of Go: what is imported lies in one folder of the system.
    fn compile_go(&self) {
        let cache = repository("target/keep-out-go").display().to_string();
        let system = [("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOCACHE", &cache)];
        let system = system.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let binaries = format!("{}/", self.folder.join("bin").display());
        fs::create_dir_all(&binaries).expect("a folder");
        for arguments in [&["build", "-o", &binaries, "./..."][..], &["vet", "./..."]] {
            let mut go = Piece::new("go").args(arguments).envs(system.clone());
            go.command.current_dir(self.folder.join("go"));
            let said = go.run();
            assert_eq!(said.status, 0, "go {arguments:?}: {}{}", said.out, said.err);
        }
    }

    fn compile_java(&self) {
        let classes = self.folder.join("sdk");
        copy(&repository("tests/keep_out/java"), &classes);
        fs::copy(driver("Digest.java"), classes.join("Digest.java")).expect("copied");
        let mut folders = vec![classes];
        folders
            .extend(KEYS.iter().flat_map(|key| Store::ALL.map(|store| self.folder_of("java", key, store))));
        let java = Piece::new("java").args([driver("Compile.java")]).args(folders);
        let said = java.run();
        assert_eq!(said.status, 0, "javac: {}{}", said.out, said.err);
    }

    /// Commands of the shell that write down their arguments, by the store that they are for, and go on.
    fn wrap_commands(&self) {
        for store in Store::ALL {
            let folder = self.folder.join("wrapped").join(word(store));
            fs::create_dir_all(&folder).expect("a folder");
            for command in ["curl", "aws", "vault", "jq"] {
                let found = Piece::new("sh").args(["-c", &format!("command -v {command}")]).run();
                assert_eq!(found.status, 0, "{command} is needed here");
                let log = folder.join("arguments").display().to_string();
                let script =
                    format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{log}'\nexec {} \"$@\"\n", found.out.trim());
                fs::write(folder.join(command), script).expect("written");
                fs::set_permissions(folder.join(command), fs::Permissions::from_mode(0o755)).expect("set");
            }
        }
    }

    /// What the shell's commands of a store were started with so far.
    pub(crate) fn arguments(&self, store: Store) -> String {
        fs::read_to_string(self.folder.join("wrapped").join(word(store)).join("arguments")).expect("some")
    }

    fn wrapped(&self, store: Store, program: &str) -> Piece {
        let mut piece = Piece::new(program);
        let path = format!("{}:{}", self.folder.join("wrapped").join(word(store)).display(), path());
        piece.command.env("PATH", path);
        piece
    }

    /// A piece, to be run as its reader would.
    pub(crate) fn piece(&self, key: &Key, store: Store, language: Language, wanted: Wanted) -> Piece {
        let file = self.file(key, store, language).display().to_string();
        let folder = self.folder_of(&word_of(language), key, store).display().to_string();
        let is_digest = wanted == Wanted::Digest;
        let call = |driver_name: &str, what: &str, name: &str| {
            let driver = driver(driver_name).display().to_string();
            if is_digest { vec![driver, what.to_owned(), name.to_owned()] } else { vec![file.clone()] }
        };
        match language {
            Language::Python => Piece::new(installed("bin/python"))
                .envs([
                    ("PYTHONPATH".to_owned(), folder),
                    ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
                ])
                .args(call("driver.py", key.snake, key.snake)),
            Language::JavaScript => Piece::new("node").args(call("driver.mjs", &file, key.camel)),
            Language::Go => {
                let binary = self.folder.join("bin").join(format!("{}-{}", key.path, word(store)));
                let digest = is_digest.then(|| ("KEEP_OUT_DIGEST".to_owned(), "1".to_owned()));
                Piece::new(binary).envs(digest)
            }
            Language::Java => {
                let sdk = self.folder.join("sdk");
                let classes = format!("{folder}:{}:/usr/share/java/gson.jar", sdk.display());
                // Anyone's JVM finds the authority of its own company in a store like this.
                let trusted = format!("-Djavax.net.ssl.trustStore={}", self.trust_store(store).display());
                let password = "-Djavax.net.ssl.trustStorePassword=changeit";
                let quick =
                    ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", &trusted, password, "-cp", &classes];
                let call = if is_digest { vec!["Digest", key.class, key.camel] } else { vec![key.class] };
                Piece::new("java").args(quick).args(call)
            }
            Language::Ruby => Piece::new("ruby")
                .args(["-I".to_owned(), repository("tests/keep_out/ruby").display().to_string()])
                .args(call("driver.rb", &file, key.snake)),
            Language::Shell => self.wrapped(store, "dash").args(call("driver.sh", &file, key.snake)),
        }
    }

    /// Where Java finds whom to trust for a store; none is there until a server is.
    pub(crate) fn trust_store(&self, store: Store) -> PathBuf {
        self.folder.join(format!("{}.p12", word(store)))
    }

    /// The script that puts a key into a store.
    pub(crate) fn setup(&self, key: &Key, store: Store) -> Piece {
        let script = self.folder_of("setup", key, store).join(format!("keep-{}.sh", key.slug));
        self.wrapped(store, "dash").args([script])
    }

    /// The same on a terminal, where the line of standard input is typed when it is asked for.
    pub(crate) fn typed_setup(&self, key: &Key, store: Store) -> Piece {
        let script = self.setup(key, store);
        let outer = Piece::new(installed("bin/python")).args([driver("typed.py"), "dash".into()]);
        outer.args(script.command.get_args())
    }

    /// A program of the system's.
    pub(crate) fn tool(&self, name: &str) -> Piece {
        Piece::new(name)
    }

    /// The pieces in files of an ending, scripts that put keys into stores with them.
    pub(crate) fn files(&self, ending: &str) -> Vec<String> {
        let mut found = Vec::new();
        for key in &KEYS {
            for store in Store::ALL {
                let folders = Language::ALL.map(word_of).into_iter().chain(["setup".to_owned()]);
                for folder in folders.map(|kind| self.folder_of(&kind, key, store)) {
                    let files =
                        fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
                    let own = |file: &PathBuf| {
                        !file.ends_with("driver.go") && file.extension().is_some_and(|end| end == ending)
                    };
                    found.extend(files.filter(own).map(|file| file.display().to_string()));
                }
            }
        }
        found
    }
}

fn word_of(language: Language) -> String {
    format!("{language:?}").to_lowercase()
}

fn driver(name: &str) -> PathBuf {
    repository("tests/keep_out/drivers").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("copied");
        }
    }
}
