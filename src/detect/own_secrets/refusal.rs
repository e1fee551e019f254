//! Values that cannot be searched for without false alarms: short ones, common words, and what an
//! environment holds besides secrets. A refusal names the variable and the reason, never the value.

use std::fmt;

/// Why a value is not searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing in it.
    Empty,
    /// Fewer than 8 bytes.
    Short,
    /// Few different characters.
    Uniform,
    /// A common word or password, whatever digits follow it.
    Common,
    /// A template whose value is filled in elsewhere, or a header line.
    Template,
    /// A path, or a list of them.
    Path,
    /// A number, a date, a version, a locale.
    Number,
    /// The name of a host, or a URL without anything secret in it.
    Host,
    /// Plain words, in a variable whose name does not say that it is a secret.
    Words,
    /// A variable that is known to hold no secret.
    KnownVariable,
}

/// A value that is not searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The variable, or the line of the file.
    pub name: String,
    /// Why.
    pub reason: Refusal,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Refusal::Empty => "it is empty",
            Refusal::Short => "it is shorter than 8 bytes",
            Refusal::Uniform => "it has fewer than 4 different characters",
            Refusal::Common => "it is a common word or password",
            Refusal::Template => "it is a template or a header line",
            Refusal::Path => "it is a path",
            Refusal::Number => "it is a number, a date, a version or a locale",
            Refusal::Host => "it is the name of a host or a plain URL",
            Refusal::Words => "it is plain words, and its name does not say that it is a secret",
            Refusal::KnownVariable => "this variable holds no secret",
        };
        write!(out, "{} is not searched for: {reason}", self.name)
    }
}

const SHORTEST: usize = 8;

/// Common words and passwords of 8 letters and more, and what stands in templates for a password.
const COMMON: &str = "password passwort passw0rd p@ssword p@ssw0rd motdepasse contrasena changeme changeit \
    changethis letmein1 iloveyou sunshine princess football baseball superman trustno1 starwars whatever \
    qwertyui qwertyuiop qwerty123 asdfghjk asdfghjkl zxcvbnm1 1q2w3e4r 1qaz2wsx abcdefgh abcdefghij \
    12345678 123456789 1234567890 87654321 00000000 11111111 administrator admin123 rootroot adminadmin \
    postgres postgresql mysqlroot rabbitmq mongodb elasticsearch keycloak supersecret secretkey secret123 \
    mysecret mypassword topsecret yoursecret yourpassword yoursecretkey yourtoken yourapikey your-secret \
    your-password your-token your-api-key your_secret your_password your_token your_api_key placeholder \
    example1 examplekey example-key notasecret not-a-secret dummydummy dummykey dummytoken testtest \
    testpassword test-secret testsecret testtoken test1234 fakefake fake-key faketoken undefined redacted \
    [redacted] xxxxxxxx production development staging integration testing-only localhost disabled enabled \
    required optional unlimited anonymous username hostname database container kubernetes application \
    default1 defaults defaultpassword insecure internal external continue warning1 information verbose \
    master-key masterkey private-key public-key privatekey publickey none-none null-null true-true";

/// Variables that hold no secret, whatever their names look like.
const KNOWN: &str = "PATH HOME PWD OLDPWD USER LOGNAME SHELL TERM LANG LANGUAGE TZ HOSTNAME HOST DISPLAY EDITOR \
    VISUAL PAGER MAIL SHLVL _ LS_COLORS PS1 PS2 MANPATH INFOPATH LD_LIBRARY_PATH PYTHONPATH GOPATH GOROOT \
    JAVA_HOME GPG_KEY SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AGENT_PID COLORTERM LESSOPEN \
    LESSCLOSE TMPDIR TEMP TMP DEBIAN_FRONTEND WINDOWPATH SESSION_MANAGER NO_PROXY no_proxy";

/// Beginnings of names that tools and build services use for what is public.
const KNOWN_PREFIXES: [&str; 18] = [
    "LC_",
    "XDG_",
    "GITHUB_",
    "RUNNER_",
    "CI_",
    "GITLAB_",
    "BUILDKITE_",
    "CIRCLE_",
    "TRAVIS_",
    "JENKINS_",
    "KUBERNETES_",
    "DBUS_",
    "npm_",
    "CARGO_",
    "RUSTUP_",
    "PYTHON_",
    "CONDA_",
    "VSCODE_",
];

/// Ends of names of what is public.
const KNOWN_SUFFIXES: [&str; 14] = [
    "_VERSION",
    "_SHA",
    "_SHA1",
    "_SHA256",
    "_SHA512",
    "_CHECKSUM",
    "_DIGEST",
    "_COMMIT",
    "_HOME",
    "_DIR",
    "_PATH",
    "_PORT",
    "_HOST",
    "_SOCK",
];

/// Words of names that say: a secret.
const SECRET_WORDS: [&str; 24] = [
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASS",
    "PASSPHRASE",
    "PWD",
    "PW",
    "KEY",
    "KEYS",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "AUTH",
    "PRIVATE",
    "SALT",
    "DSN",
    "JWT",
    "COOKIE",
    "PAT",
    "WEBHOOK",
];

/// First folders of paths of machines.
const ROOT_FOLDERS: [&str; 24] = [
    "usr",
    "bin",
    "sbin",
    "etc",
    "var",
    "opt",
    "tmp",
    "root",
    "home",
    "dev",
    "proc",
    "run",
    "mnt",
    "srv",
    "lib",
    "lib64",
    "sys",
    "app",
    "data",
    "workspace",
    "builds",
    "Users",
    "Library",
    "nix",
];

/// Whether a value must not be searched for. `variable` is its name; a value without one was given as a
/// secret and nothing else.
pub(super) fn refuse(variable: Option<&str>, value: &[u8]) -> Option<Refusal> {
    if value.is_empty() {
        return Some(Refusal::Empty);
    }
    let known = variable.is_some_and(is_known_variable);
    if known {
        return Some(Refusal::KnownVariable);
    }
    if value.len() < SHORTEST {
        return Some(Refusal::Short);
    }
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    if seen.iter().filter(|seen| **seen).count() < 4 {
        return Some(Refusal::Uniform);
    }
    let text = std::str::from_utf8(value).ok()?;
    of_text(text).or_else(|| variable.filter(|name| !looks_secret(name)).and_then(|_| of_plain_text(text)))
}

/// What is no secret under any name.
fn of_text(text: &str) -> Option<Refusal> {
    if is_common(text) {
        return Some(Refusal::Common);
    }
    let enclosed = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    if text.starts_with("-----") && !text.trim_matches('-').contains('\n') && !text.contains("\\n")
        || enclosed("${", "}")
        || enclosed("{{", "}}")
        || enclosed("<", ">")
        || enclosed("$(", ")")
    {
        return Some(Refusal::Template);
    }
    if is_path_list(text) {
        return Some(Refusal::Path);
    }
    if is_number_like(text) {
        return Some(Refusal::Number);
    }
    is_plain_url(text).then_some(Refusal::Host)
}

/// What is no secret unless the name says so.
fn of_plain_text(text: &str) -> Option<Refusal> {
    if is_host(text) {
        return Some(Refusal::Host);
    }
    is_words(text).then_some(Refusal::Words)
}

fn is_common(text: &str) -> bool {
    let lower = text.to_lowercase();
    // `Password123!` is no better than the word in it.
    let word = lower.trim_end_matches(|char: char| !char.is_alphabetic());
    COMMON.split_whitespace().any(|common| common == lower || common == word)
}

fn is_known_variable(name: &str) -> bool {
    let listed = KNOWN.split_whitespace().any(|known| known == name);
    let public = KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || KNOWN_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    listed || (public && !looks_secret(name))
}

fn looks_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut words = upper.split(|char: char| !char.is_ascii_alphanumeric());
    let long = ["TOKEN", "SECRET", "PASSWORD", "APIKEY", "ACCESSKEY", "PRIVATEKEY", "SECRETKEY"];
    words.any(|word| SECRET_WORDS.contains(&word)) || long.iter().any(|word| upper.contains(word))
}

/// Paths of machines. A secret in base64 may begin with a slash too, but not with a known folder.
fn is_path_list(text: &str) -> bool {
    let in_path = |char: char| char.is_ascii_alphanumeric() || "._-/+@, ".contains(char);
    let is_path = |path: &str| {
        let path = path.strip_prefix('~').unwrap_or(path);
        let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next());
        first.is_some_and(|first| ROOT_FOLDERS.contains(&first)) && path.chars().all(in_path)
    };
    text.split(':').all(is_path)
}

fn is_number_like(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let only = |extra: &str| text.chars().all(|char| char.is_ascii_digit() || extra.contains(char));
    let number = digits < 16 && only(".,+-_ ");
    let date = digits < 24 && only("-:.TZ+ ") && text.contains('-');
    let version = digits < 12
        && text.trim_start_matches('v').starts_with(|char: char| char.is_ascii_digit())
        && text.matches('.').count() >= 2
        && text.len() < 20;
    let locale = text.get(2..3) == Some("_") && text.to_ascii_lowercase().ends_with("utf-8");
    number || date || version || locale
}

/// A URL with nothing in it that could be secret: no user, no query, and at most words in its path.
fn is_plain_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let plain_scheme =
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    plain_scheme && plain_host && (path.is_empty() || is_words(path))
}

fn is_host(text: &str) -> bool {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=30).contains(&label.len()) && label.bytes().all(fits)
    };
    let last_is_word =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_lowercase()));
    name.contains('.') && name.split('.').all(label) && last_is_word
}

/// Words as people write them, joined in any way: each of one case or capitalised, with few digits.
fn is_words(text: &str) -> bool {
    text.is_ascii()
        && text.split(|char: char| !char.is_ascii_alphanumeric()).all(|word| {
            let letters = word.trim_end_matches(|char: char| char.is_ascii_digit());
            let digits = word.len() - letters.len();
            let tail = letters.get(1..).unwrap_or_default();
            let lower = tail.bytes().all(|byte| byte.is_ascii_lowercase());
            let upper = letters.bytes().all(|byte| byte.is_ascii_uppercase());
            let no_digits = letters.bytes().all(|byte| byte.is_ascii_alphabetic());
            no_digits && (lower || upper) && letters.len() <= 20 && digits <= 6
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, value: &str) -> Option<Refusal> {
        refuse(Some(name), value.as_bytes())
    }

    #[test]
    fn short_and_common_values_are_refused_under_any_name() {
        let cases = [
            ("", Refusal::Empty),
            ("short~7", Refusal::Short),
            ("abababababab", Refusal::Uniform),
            ("password", Refusal::Common),
            ("Password123!", Refusal::Common),
            ("changeme", Refusal::Common),
            ("production", Refusal::Common),
            ("${DB_PASSWORD}", Refusal::Template),
            ("<your token>", Refusal::Template),
            ("-----BEGIN SOMETHING-----", Refusal::Template),
            ("/usr/local/bin:/usr/bin:/bin", Refusal::Path),
            ("/home/me/.config/app.json", Refusal::Path),
            ("2026-03-15T10:00:00Z", Refusal::Number),
            ("1234567890", Refusal::Common),
            ("9081726354", Refusal::Number),
            ("v20.11.1-alpine", Refusal::Number),
            ("https://example.com/docs/index", Refusal::Host),
        ];
        for (value, reason) in cases {
            assert_eq!(named("DB_PASSWORD", value), Some(reason), "{value}");
            assert_eq!(refuse(None, value.as_bytes()), Some(reason), "{value}");
        }
    }

    #[test]
    fn plain_words_count_only_where_the_name_says_secret() {
        for value in
            ["correct-horse-battery", "ubuntu-latest", "refs/heads/main", "linux/amd64", "My Company"]
        {
            assert_eq!(named("GREETING", value), Some(Refusal::Words), "{value}");
            assert_eq!(named("DB_PASSWORD", value), None, "{value}");
            assert_eq!(refuse(None, value.as_bytes()), None, "{value}");
        }
        assert_eq!(named("SERVER", "db.internal.example.com:5432"), Some(Refusal::Host));
    }

    #[test]
    fn what_looks_random_is_searched_for_under_any_name() {
        let hex: String = (0_u32..20).map(|n| format!("{:02x}", n * 37 % 251)).collect();
        let mixed: String = (0_u8..24).map(|n| char::from(b"aB3xY9kQ"[usize::from(n * 5 % 8)])).collect();
        let url = ["postgres://app:", &mixed, "@db/app"].concat();
        let hook = ["https://hooks.example.com/", &mixed].concat();
        let base64 = ["/", &mixed, "+/", &hex].concat();
        for value in [&hex, &mixed, &url, &hook, &base64] {
            assert_eq!(named("THING", value), None);
            assert_eq!(named("APP_TOKEN", value), None);
        }
    }

    #[test]
    fn known_variables_are_refused_unless_their_names_say_secret() {
        let value = "aB3-xY9-kQ2";
        for name in ["PATH", "SSH_AUTH_SOCK", "GPG_KEY", "GITHUB_REF_NAME", "PYTHON_SHA256", "APP_VERSION"] {
            assert_eq!(named(name, value), Some(Refusal::KnownVariable), "{name}");
        }
        for name in [
            "GITHUB_TOKEN",
            "CI_JOB_TOKEN",
            "npm_config_authToken",
            "CARGO_REGISTRY_TOKEN",
            "KEY",
            "dbPassword",
        ] {
            assert_eq!(named(name, value), None, "{name}");
        }
    }
}
