//! Docker's credential helpers: `docker-credential-NAME get`, with the registry on standard input and a
//! JSON answer on standard output. A helper is a program of the user's, found on `PATH` and never in the
//! working directory. Of what it says nothing is repeated but the cleaned first line of an error.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::process::{self, Output, ProcessError};
use super::{Credential, Secret};
use crate::limits;
use crate::report::sanitize::is_hidden_or_active;

/// How long an answer is used again. Tokens of clouds live for an hour or less, and may be old already.
const ANSWER_AGE: Duration = Duration::from_secs(5 * 60);

/// What a helper that knows nothing of a registry says, on whichever stream.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A user name that stands for "the secret is an identity token".
const TOKEN_USER: &str = "<token>";

/// What a helper knew: nothing, a credential, or one line without secrets that says why it failed.
pub(super) type Answer = Result<Option<Credential>, String>;

/// The helpers that are installed, and what they answered so far.
pub(super) struct Helpers {
    search: Vec<PathBuf>,
    time: Duration,
    /// By helper and server.
    answers: Mutex<HashMap<(String, String), Slot>>,
}

/// Locked while the helper is asked, so that others wait for its answer.
type Slot = Arc<Mutex<Option<Given>>>;

struct Given {
    at: Instant,
    answer: Answer,
}

/// What a helper writes; Docker's own reader does not mind the case either.
#[derive(Deserialize)]
struct RawAnswer {
    #[serde(rename = "Username", alias = "username")]
    username: Option<String>,
    #[serde(rename = "Secret", alias = "secret")]
    secret: Option<Secret>,
}

impl Helpers {
    /// Helpers on `path`, with at most `time` for an answer. Folders that are not absolute do not count.
    pub(super) fn new(path: &OsStr, time: Duration) -> Self {
        let search = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Self { search, time, answers: Mutex::default() }
    }

    /// Changes how long an answer may take.
    pub(super) fn set_time(&mut self, time: Duration) {
        self.time = time;
    }

    /// What the helper `name` knows of `server`. It is asked once at a time and once in a while.
    pub(super) fn get(&self, name: &str, server: &str) -> Answer {
        let question = (name.to_owned(), server.to_owned());
        let slot = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(question).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = slot.as_ref().filter(|given| given.at.elapsed() < ANSWER_AGE) {
            return given.answer.clone();
        }
        let answer = self.ask(name, server);
        *slot = Some(Given { at: Instant::now(), answer: answer.clone() });
        answer
    }

    fn ask(&self, name: &str, server: &str) -> Answer {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err("the name of a credential helper holds more than letters, digits, '.', '_' and '-'"
                .to_owned());
        }
        let name = format!("docker-credential-{name}");
        let programs = self.search.iter().map(|folder| folder.join(&name));
        let Some(program) = programs.into_iter().find(|program| is_program(program)) else {
            return Err(format!("the credential helper {name} is not installed"));
        };
        match process::run(&program, "get", server, self.time) {
            Ok(output) => read_answer(&output).map_err(|fault| format!("{name} {fault}")),
            Err(ProcessError::System(error)) => Err(format!("{name} cannot be started: {error}")),
            Err(ProcessError::TimedOut) => {
                Err(format!("{name} gave no answer within {} s", self.time.as_secs_f32()))
            }
            Err(ProcessError::TooMuch) => {
                Err(format!("{name} answered with more than {} bytes", limits::HELPER_OUTPUT))
            }
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn read_answer(output: &Output) -> Answer {
    if !output.status.success() {
        return refusal(output);
    }
    // As Docker does, the first document counts.
    let mut json = serde_json::Deserializer::from_slice(&output.stdout);
    let answer = RawAnswer::deserialize(&mut json).ok();
    let Some(RawAnswer { username: Some(username), secret: Some(secret) }) = answer else {
        return Err("gave an answer that is no credential".to_owned());
    };
    if secret.expose().is_empty() {
        return Ok(None);
    }
    if username == TOKEN_USER {
        return Ok(Some(Credential::IdentityToken(secret)));
    }
    Ok(Some(Credential::Basic { username, password: secret }))
}

fn refusal(output: &Output) -> Answer {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if [&stdout, &stderr].into_iter().any(|text| text.to_ascii_lowercase().contains(NOT_FOUND)) {
        return Ok(None);
    }
    let mut fault = match output.status.code() {
        Some(code) => format!("failed with status {code}"),
        None => "was ended by a signal".to_owned(),
    };
    // Half an answer may hold the secret, and whatever else was said may repeat it.
    let words =
        if stdout.contains('{') { None } else { first_words(&stdout).or_else(|| first_words(&stderr)) };
    if let Some(words) = words {
        // Writing to a string cannot fail.
        let _ = write!(fault, ": {words}");
    }
    Err(fault)
}

/// The first line of an error, one that can be shown: short, without control characters, and without
/// anything that could be a secret.
fn first_words(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let all = line.split(|c: char| c.is_whitespace() || is_hidden_or_active(c));
    // Programs put their own name in front, `docker-credential-secretservice:` for one.
    let said = all.filter(|word| !word.is_empty()).skip_while(|word| word.contains("docker-credential-"));
    let mut words = Vec::new();
    for word in said {
        words.push(if is_plain(word) { word } else { "…" });
        if names_a_secret(word) {
            words.push("…");
            break;
        }
    }
    let words: String = words.join(" ").chars().take(limits::HELPER_MESSAGE).collect();
    Some(words).filter(|words| words.chars().any(char::is_alphanumeric))
}

/// A word of prose, and nothing that was generated or assigned.
fn is_plain(word: &str) -> bool {
    let mixed = word.contains(|c: char| c.is_ascii_digit()) && word.len() > 12;
    word.len() <= 40 && !mixed && !word.contains(['=', '{', '}', '@', '$', '+'])
}

/// `password:` or `Bearer`, behind which one may stand.
fn names_a_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let assigned = word.ends_with([':', '"', '\'']);
    let stems = ["pass", "secret", "token", "key", "auth"];
    matches!(word.as_str(), "bearer" | "basic") || assigned && stems.iter().any(|stem| word.contains(stem))
}

#[cfg(test)]
mod tests {
    use super::super::scripts::Scripts;
    use super::*;

    const GENEROUS: Duration = Duration::from_secs(20);

    /// What a helper with this body answers.
    fn answer(body: &str) -> Answer {
        let scripts = Scripts::new();
        scripts.add("docker-credential-test", body);
        Helpers::new(scripts.path().as_os_str(), GENEROUS).get("test", "registry.example.com")
    }

    fn basic(username: &str, password: &str) -> Answer {
        let password = Secret::new(password.to_owned());
        Ok(Some(Credential::Basic { username: username.to_owned(), password }))
    }

    /// The answers of `docker-credential-ecr-login` and of `docker-credential-acr-env`, as they write them.
    #[test]
    fn answers_are_read() {
        let ecr = r#"echo '{"ServerURL":"https://1.dkr.ecr.eu-west-1.amazonaws.com","Username":"AWS","Secret":"eyJw:x"}'"#;
        assert_eq!(answer(ecr), basic("AWS", "eyJw:x"));
        let acr = r#"printf '{"Username":"<token>","Secret":"refresh"}\n\n'"#;
        assert_eq!(answer(acr), Ok(Some(Credential::IdentityToken(Secret::new("refresh".to_owned())))));
        assert_eq!(
            answer(r#"echo '{"username":"a","secret":"b"} and more'; echo noise >&2"#),
            basic("a", "b")
        );
        assert_eq!(answer(r#"echo '{"ServerURL":"","Username":"","Secret":""}'"#), Ok(None));
    }

    #[test]
    fn the_registry_is_asked_for_on_standard_input() {
        let body = r#"[ $# = 1 ] || exit 9; printf '{"Username":"%s","Secret":"%s"}' "$1" "$(cat)""#;
        assert_eq!(answer(body), basic("get", "registry.example.com"));
    }

    #[test]
    fn not_found_is_no_failure() {
        assert_eq!(answer("echo credentials not found in native keychain; exit 1"), Ok(None));
        assert_eq!(answer("echo Error: credentials not found in native keychain >&2; exit 1"), Ok(None));
    }

    #[test]
    fn failures_are_said_in_one_clean_line() {
        let failure =
            |body: &str| answer(body).expect_err("a failure").replace("docker-credential-test ", "");
        assert_eq!(
            failure("echo; echo pass store is uninitialized; echo more; exit 1"),
            "failed with status 1: pass store is uninitialized"
        );
        assert_eq!(
            failure("printf 'no \\033[31mkey\\007ring\\r\\n' >&2; exit 2"),
            "failed with status 2: no [31mkey ring"
        );
        let linker = "/usr/bin/docker-credential-secretservice: error while loading shared libraries: libsecret-1.so.0";
        assert_eq!(
            failure(&format!("echo {linker}: cannot open >&2; exit 127")),
            "failed with status 127: error while loading shared libraries: … …"
        );
        assert_eq!(failure("kill -9 $$"), "was ended by a signal");
        assert_eq!(failure("exit 4"), "failed with status 4");
        let long = failure("i=0; while [ $i -lt 500 ]; do printf 'word '; i=$((i+1)); done; exit 1");
        assert!(long.chars().count() < limits::HELPER_MESSAGE + 40, "{long}");
        for nonsense in [
            "echo hello",
            "true",
            "echo '[]'",
            "echo '{}'",
            r#"echo '{"Username":"a"}'"#,
            r#"printf '{"Username":"a","Sec'"#,
        ] {
            assert_eq!(failure(nonsense), "gave an answer that is no credential", "{nonsense}");
        }
    }

    #[test]
    fn no_failure_repeats_a_secret() {
        // Put together here, so that this file holds nothing that looks like one.
        let token = ["dckr", "pat", "Abc1dEf2gHi3jKl4mNo5pQr6s"].join("_");
        for body in [
            format!(r#"echo '{{"Username":"a","Secret":"{token}"}}'; exit 1"#),
            format!(r#"printf '{{"Username":"a","Secret":"{token}'"#),
            format!("echo '{token}'; exit 1"),
            format!("echo 'cannot use {token}'; exit 1"),
            format!("echo 'cannot use --password={token}' >&2; exit 1"),
            format!("set -x; TOKEN={token}; exit 1"),
            format!("echo '{{'; echo '{token}' >&2; exit 1"),
            r#"echo '{"Secret":"dckr_pat_"'; echo 'no dckr_pat_' >&2; exit 1"#.to_owned(),
            "echo 'invalid password: dckr_pat_'; exit 1".to_owned(),
            "echo 'Authorization: Basic dckr_pat_'; exit 1".to_owned(),
        ] {
            let failure = answer(&body).expect_err("a failure");
            assert!(!failure.contains("dckr_pat_"), "{failure}");
        }
    }

    #[test]
    fn time_and_output_are_bounded() {
        let scripts = Scripts::new();
        scripts.add("docker-credential-slow", "cat; exec sleep 600");
        scripts.add("docker-credential-loud", "exec yes");
        let mut helpers = Helpers::new(scripts.path().as_os_str(), GENEROUS);
        let loud = helpers.get("loud", "r").expect_err("a failure");
        assert_eq!(
            loud,
            format!("docker-credential-loud answered with more than {} bytes", limits::HELPER_OUTPUT)
        );
        helpers.set_time(Duration::from_millis(300));
        let start = Instant::now();
        let slow = helpers.get("slow", "r").expect_err("a failure");
        assert_eq!(slow, "docker-credential-slow gave no answer within 0.3 s");
        assert!(start.elapsed() < GENEROUS);
    }

    #[test]
    fn only_programs_of_absolute_folders_are_found() {
        let scripts = Scripts::new();
        scripts.add("docker-credential-test", "echo '{\"Username\":\"a\",\"Secret\":\"b\"}'");
        std::fs::write(scripts.path().join("docker-credential-file"), "no program").expect("written");
        std::fs::create_dir(scripts.path().join("docker-credential-folder")).expect("made");
        let helpers = Helpers::new(scripts.path().as_os_str(), GENEROUS);
        for name in ["file", "folder", "missing"] {
            let missing = format!("the credential helper docker-credential-{name} is not installed");
            assert_eq!(helpers.get(name, "r"), Err(missing));
        }
        let here = std::env::current_dir().expect("a working directory");
        let up = here.components().skip(1).map(|_| "../").collect::<String>();
        let relative = scripts.path().strip_prefix("/").expect("an absolute folder");
        let relative = Path::new(&up).join(relative);
        assert!(relative.join("docker-credential-test").exists(), "{}", relative.display());
        let path = std::env::join_paths([Path::new(""), Path::new("."), &relative]).expect("a path");
        assert!(Helpers::new(&path, GENEROUS).get("test", "r").is_err());
        assert!(Helpers::new(OsStr::new(""), GENEROUS).get("test", "r").is_err());
        let path = std::env::join_paths([&relative, scripts.path()]).expect("a path");
        assert_eq!(Helpers::new(&path, GENEROUS).get("test", "r"), basic("a", "b"));
    }

    #[test]
    fn a_name_is_never_a_path() {
        let scripts = Scripts::new();
        scripts.add("docker-credential-test", "echo '{\"Username\":\"a\",\"Secret\":\"b\"}'");
        let helpers = Helpers::new(scripts.path().as_os_str(), GENEROUS);
        for name in ["", "x/../docker-credential-test", "/bin/sh", "a b", "a;b", "a\nb", "ä", "$(id)"] {
            let failure = helpers.get(name, "r").expect_err("refused");
            assert!(failure.starts_with("the name of a credential helper holds"), "{failure}");
        }
    }

    #[test]
    fn a_helper_is_asked_once_for_a_registry() {
        let scripts = Scripts::new();
        let asked = scripts.path().join("asked");
        let body = format!(
            "read server || true; echo \"$server\" >> {}; echo '{{\"Username\":\"a\",\"Secret\":\"b\"}}'",
            asked.display()
        );
        scripts.add("docker-credential-test", &body);
        let helpers = Helpers::new(scripts.path().as_os_str(), GENEROUS);
        std::thread::scope(|scope| {
            for server in ["one", "two", "one", "two", "one"] {
                let helpers = &helpers;
                scope.spawn(move || assert_eq!(helpers.get("test", server), basic("a", "b")));
            }
        });
        let asked = std::fs::read_to_string(asked).expect("it was asked");
        let mut asked: Vec<_> = asked.lines().collect();
        asked.sort_unstable();
        assert_eq!(asked, ["one", "two"]);
    }
}
