//! The order in which credentials are asked, in a home folder made for each test.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scripts::Scripts;
use super::*;

/// A home folder and its variables; nothing of this process' environment.
struct Home {
    folder: tempfile::TempDir,
    programs: Scripts,
    variables: HashMap<&'static str, OsString>,
    settings: Settings,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = Scripts::new();
        let variables = HashMap::from([
            ("HOME", folder.path().join("home").into_os_string()),
            ("XDG_RUNTIME_DIR", folder.path().join("run").into_os_string()),
            ("PATH", programs.path().as_os_str().to_owned()),
        ]);
        Self { folder, programs, variables, settings: Settings::default() }
    }

    fn set(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
        self
    }

    /// A helper that knows the servers in `known`, with their own names as user names.
    fn helper(self, name: &str, known: &[&str]) -> Self {
        let known: String = known.iter().map(|server| format!("{server}) ;; ")).collect();
        let body = format!(
            "server=$(cat); case \"$server\" in {known}*) echo credentials not found in native keychain; exit 1;; esac\n\
             echo \"{{\\\"Username\\\":\\\"{name} $server\\\",\\\"Secret\\\":\\\"s\\\"}}\""
        );
        self.programs.add(&format!("docker-credential-{name}"), &body);
        self
    }

    fn program(self, name: &str, body: &str) -> Self {
        self.programs.add(name, body);
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self) -> Result<Credentials, CredentialsError> {
        Credentials::new(&self.settings, |name| self.variables.get(name).cloned())
    }

    fn find(&self, registry: &str, repository: &str) -> Found {
        self.read().expect("credentials").find(registry, repository)
    }

    /// Who asks `registry` for `repository`, where nothing goes wrong.
    fn user(&self, registry: &str, repository: &str) -> Option<String> {
        let found = self.find(registry, repository);
        assert_eq!(found.problem, None);
        user(&found)
    }
}

fn user(found: &Found) -> Option<String> {
    match &found.credential {
        Credential::Basic { username, .. } => Some(username.clone()),
        Credential::Anonymous => None,
        other => panic!("{other:?}"),
    }
}

/// A file with an entry for each of `keys`, whose user is `name` and the key.
fn auths(name: &str, keys: &[&str]) -> String {
    let entry = |key: &&str| {
        let user = format!("{name} {}", key.replace(':', "_"));
        format!(r#""{key}": {{"auth": "{}"}}"#, STANDARD.encode(format!("{user}:p")))
    };
    format!(r#"{{"auths": {{{}}}}}"#, keys.iter().map(entry).collect::<Vec<_>>().join(","))
}

/// The same with more beside the entries.
fn auths_and(name: &str, keys: &[&str], more: &str) -> String {
    auths(name, keys).replacen('{', &format!("{{{more}, "), 1)
}

const RUNTIME: &str = "run/containers/auth.json";
const CONFIG: &str = "home/.config/containers/auth.json";
const DOCKER: &str = "home/.docker/config.json";
const LEGACY: &str = "home/.dockercfg";

#[test]
fn without_anything_nobody_asks() {
    let home = Home::new();
    assert_eq!(home.user("docker.io", "library/alpine"), None);
    let nothing =
        Credentials::new(&Settings::default(), |name| (name == "XDG_RUNTIME_DIR").then(|| "/none".into()));
    assert_eq!(user(&nothing.expect("credentials").find("quay.io", "a/b")), None);
}

/// Each place is asked before all that follow it.
#[test]
fn places_are_asked_in_order() {
    let legacy = format!(r#"{{"quay.io": {{"auth": "{}"}}}}"#, STANDARD.encode("legacy:p"));
    let mut home = Home::new().file(LEGACY, &legacy);
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("legacy"));
    for (path, name) in [(DOCKER, "docker"), (CONFIG, "config"), (RUNTIME, "runtime")] {
        home = home.file(path, &auths(name, &["quay.io"]));
        assert_eq!(home.user("quay.io", "a/b"), Some(format!("{name} quay.io")));
    }
    home = home.set("DOCKER_AUTH_CONFIG", auths("text", &["quay.io"]));
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("text quay.io"));
    home = home.file("named.json", &auths("variable", &["quay.io"]));
    home = {
        let path = home.path("named.json");
        home.set("REGISTRY_AUTH_FILE", path)
    };
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("variable quay.io"));
    home = home.file("option.json", &auths("option", &["quay.io"]));
    home.settings.authfile = Some(home.path("option.json"));
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("option quay.io"));
    let password = Secret::new("p".to_owned());
    home.settings.login =
        Some(Login { registry: "quay.io".to_owned(), username: "login".to_owned(), password });
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("login"));
}

#[test]
fn a_place_without_an_entry_is_passed_by() {
    let home = Home::new()
        .set("DOCKER_AUTH_CONFIG", auths("text", &["ghcr.io"]))
        .file(RUNTIME, r#"{"auths": {"quay.io": {}}}"#)
        .file(CONFIG, &auths("config", &["quay.io/other"]))
        .file(DOCKER, &auths("docker", &["quay.io"]));
    assert_eq!(home.user("quay.io", "a/b").as_deref(), Some("docker quay.io"));
    assert_eq!(home.user("quay.io", "other/b").as_deref(), Some("config quay.io/other"));
    assert_eq!(home.user("ghcr.io", "a/b").as_deref(), Some("text ghcr.io"));
}

#[test]
fn docker_config_moves_dockers_file() {
    let home = Home::new()
        .file(DOCKER, &auths("home", &["quay.io"]))
        .file("d/config.json", &auths("moved", &["ghcr.io"]));
    let moved = home.path("d");
    let home = home.set("DOCKER_CONFIG", moved);
    assert_eq!(home.user("ghcr.io", "a").as_deref(), Some("moved ghcr.io"));
    assert_eq!(home.user("quay.io", "a"), None);
}

/// The one who typed a password meant one registry.
#[test]
fn a_login_is_for_its_registry_alone() {
    let mut home = Home::new();
    let login = |registry: &str| {
        let password = Secret::new("p".to_owned());
        Some(Login { registry: registry.to_owned(), username: "login".to_owned(), password })
    };
    home.settings.login = login("Registry.example.com:5000");
    assert_eq!(home.user("registry.example.com:5000", "a").as_deref(), Some("login"));
    for other in ["registry.example.com", "registry.example.com:5001", "example.com:5000", "docker.io"] {
        assert_eq!(home.user(other, "a"), None, "{other}");
    }
    home.settings.login = login("docker.io");
    for hub in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        assert_eq!(home.user(hub, "a").as_deref(), Some("login"), "{hub}");
    }
    assert_eq!(home.user("docker.io.example.com", "a"), None);
}

#[test]
fn the_longest_prefix_wins() {
    let keys =
        ["quay.io", "quay.io/team", "quay.io/team/group/app", "quay.io/te", "docker.io", "docker.io/acme"];
    let home = Home::new().file(RUNTIME, &auths("u", &keys));
    for (registry, repository, key) in [
        ("quay.io", "team/group/app", "quay.io/team/group/app"),
        ("quay.io", "team/group/application", "quay.io/team"),
        ("quay.io", "team/group", "quay.io/team"),
        ("quay.io", "team", "quay.io/team"),
        ("quay.io", "teams/app", "quay.io"),
        ("QUAY.io", "te/x", "quay.io/te"),
        ("docker.io", "acme/app", "docker.io/acme"),
        ("index.docker.io", "acme/app", "docker.io/acme"),
        ("docker.io", "library/alpine", "docker.io"),
    ] {
        assert_eq!(home.user(registry, repository), Some(format!("u {key}")), "{registry}/{repository}");
    }
    for other in ["quay.io:443", "quay.io.evil.example", "evil.example", "io", ""] {
        assert_eq!(home.user(other, "team/app"), None, "{other}");
    }
}

#[test]
fn docker_hub_is_found_under_all_its_names() {
    for key in [
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
        "https://registry-1.docker.io/v2/",
    ] {
        let home = Home::new().file(DOCKER, &auths("u", &[key]));
        for registry in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert!(home.user(registry, "library/alpine").is_some(), "{key} {registry}");
        }
    }
}

#[test]
fn a_registrys_helper_comes_first() {
    let more = r#""credHelpers": {"quay.io": "own", "https://Ghcr.io": "own"}, "credsStore": "store""#;
    let home = Home::new()
        .helper("own", &["quay.io", "https://Ghcr.io"])
        .helper("store", &["quay.io", "other.example.com"])
        .file(DOCKER, &auths_and("file", &["quay.io", "quay.io/team", "other.example.com"], more));
    assert_eq!(home.user("quay.io", "team/app").as_deref(), Some("own quay.io"));
    assert_eq!(home.user("ghcr.io", "a").as_deref(), Some("own https://Ghcr.io"));
    assert_eq!(home.user("other.example.com", "a").as_deref(), Some("store other.example.com"));
}

/// A namespace is podman's and closer; of the whole registry, `docker pull` asks the store.
#[test]
fn the_store_stands_between_namespaces_and_the_registry() {
    let home = Home::new().helper("store", &["quay.io", "https://index.docker.io/v1/"]).file(
        DOCKER,
        &auths_and("file", &["quay.io", "quay.io/team", "ghcr.io", "docker.io"], r#""credsStore": "store""#),
    );
    assert_eq!(home.user("quay.io", "team/app").as_deref(), Some("file quay.io/team"));
    assert_eq!(home.user("quay.io", "other/app").as_deref(), Some("store quay.io"));
    assert_eq!(
        home.user("docker.io", "library/alpine").as_deref(),
        Some("store https://index.docker.io/v1/")
    );
    assert_eq!(home.user("ghcr.io", "a").as_deref(), Some("file ghcr.io"));
}

/// As Docker has it, an empty helper turns the store off for a registry.
#[test]
fn a_registry_with_a_helper_of_its_own_leaves_the_store_alone() {
    let more = r#""credHelpers": {"quay.io": "", "ghcr.io": "own"}, "credsStore": "store""#;
    let home = Home::new()
        .helper("own", &[])
        .helper("store", &["quay.io", "ghcr.io"])
        .file(DOCKER, &auths_and("file", &["quay.io"], more));
    assert_eq!(home.user("quay.io", "a").as_deref(), Some("file quay.io"));
    assert_eq!(home.user("ghcr.io", "a"), None);
}

/// Docker stores Docker Hub under its URL, podman under its name.
#[test]
fn a_helper_is_asked_for_docker_hub_by_both_names() {
    let config = r#"{"credHelpers": {"docker.io": "own"}}"#;
    let home = Home::new().helper("own", &["docker.io"]).file(RUNTIME, config);
    assert_eq!(home.user("docker.io", "a").as_deref(), Some("own docker.io"));
    let home = Home::new().helper("own", &["docker.io", "https://index.docker.io/v1/"]).file(RUNTIME, config);
    assert_eq!(home.user("docker.io", "a").as_deref(), Some("own https://index.docker.io/v1/"));
}

/// Docker Desktop's helper is not there under WSL, and the user logged in with podman.
#[test]
fn a_helper_that_fails_is_a_problem_and_the_search_goes_on() {
    let config = auths_and("file", &["quay.io"], r#""credsStore": "desktop""#);
    let home = Home::new().file(DOCKER, &config).file(LEGACY, r#"{"ghcr.io": {"auth": "YTpi"}}"#);
    for (registry, expected) in
        [("quay.io", Some("file quay.io")), ("ghcr.io", Some("a")), ("docker.io", None)]
    {
        let found = home.find(registry, "a");
        assert_eq!(user(&found).as_deref(), expected);
        let problem = found.problem.expect("a problem");
        let name = home.path(DOCKER).display().to_string();
        assert_eq!(
            problem,
            format!("'{name}': the credential helper docker-credential-desktop is not installed")
        );
    }
    let home = Home::new().program("docker-credential-slow", "exec sleep 600").file(
        RUNTIME,
        &auths_and("file", &["quay.io"], r#""credHelpers": {"quay.io": "slow", "ghcr.io": "../slow"}"#),
    );
    let credentials = home.read().expect("credentials").helper_time(Duration::from_millis(300));
    let found = credentials.find("quay.io", "a");
    assert_eq!(user(&found).as_deref(), Some("file quay.io"));
    let problem = found.problem.expect("a problem");
    assert!(problem.ends_with("docker-credential-slow gave no answer within 0.3 s"), "{problem}");
    let problem = credentials.find("ghcr.io", "a").problem.expect("a problem");
    assert!(problem.contains("the name of a credential helper"), "{problem}");
}

#[test]
fn a_usual_file_that_cannot_be_used_is_a_problem_and_the_search_goes_on() {
    let home = Home::new().file(RUNTIME, "{\"auths\": hunter2").file(DOCKER, &auths("docker", &["quay.io"]));
    fs::create_dir_all(home.path(CONFIG)).expect("a folder in place of the file");
    let found = home.set("DOCKER_AUTH_CONFIG", "hunter2").find("quay.io", "a");
    assert_eq!(user(&found).as_deref(), Some("docker quay.io"));
    let problem = found.problem.expect("a problem");
    for part in ["cannot use DOCKER_AUTH_CONFIG: it holds no", RUNTIME, "line 1, column", CONFIG] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    assert!(!problem.contains("hunter2") && !problem.contains('\n'), "{problem}");
}

#[test]
fn a_malformed_entry_is_a_problem_by_its_scope() {
    let home = Home::new()
        .file(RUNTIME, r#"{"auths": {"https://quay.io/v2/": {"auth": "hunter2hunter2"}}}"#)
        .file(DOCKER, &auths("docker", &["quay.io"]));
    let found = home.find("quay.io", "a");
    assert_eq!(user(&found).as_deref(), Some("docker quay.io"));
    let problem = found.problem.expect("a problem");
    assert!(problem.ends_with("the auth of quay.io is no base64 of name:password"), "{problem}");
    assert!(!problem.contains("hunter2"), "{problem}");
    assert_eq!(home.user("ghcr.io", "a"), None);
}

#[test]
fn a_named_file_must_be_one_and_is_the_only_one() {
    for named_by in ["--authfile", "REGISTRY_AUTH_FILE"] {
        let named = |home: Home, path: PathBuf| {
            if named_by == "REGISTRY_AUTH_FILE" {
                return home.set("REGISTRY_AUTH_FILE", path);
            }
            Home { settings: Settings { authfile: Some(path), ..Settings::default() }, ..home }
        };
        let home = Home::new().file(DOCKER, &auths("docker", &["quay.io"])).file("bad.json", "hunter2");
        for (path, fault) in
            [("missing.json", "No such file"), ("bad.json", "it holds no"), ("home", "directory")]
        {
            let path = home.path(path);
            let home = named(Home::new(), path.clone());
            let error = home.read().expect_err("an error");
            let text = error.to_string();
            let start = format!("cannot use the credentials file '{}' of {named_by}: ", path.display());
            assert!(text.starts_with(&start) && text.contains(fault), "{text}");
            assert!(!format!("{text}{error:?}").contains("hunter2"), "{error:?}");
        }
        let home = home.file("good.json", &auths("named", &["ghcr.io"]));
        let path = home.path("good.json");
        let home = named(home, path);
        assert_eq!(home.user("ghcr.io", "a").as_deref(), Some("named ghcr.io"));
        assert_eq!(home.user("quay.io", "a"), None);
    }
}

#[test]
fn a_relative_variable_is_a_problem() {
    let home = Home::new().set("DOCKER_CONFIG", "./.docker");
    let problem = home.find("quay.io", "a").problem.expect("a problem");
    assert_eq!(problem, "DOCKER_CONFIG is not followed: it is no absolute path");
}

#[test]
fn nothing_shows_a_secret() {
    let mut home = Home::new().file(RUNTIME, &auths("visible", &["quay.io"]));
    let password = Secret::new("hunter2".to_owned());
    let username = "a-token".to_owned();
    let basic = Credential::Basic { username: username.clone(), password: password.clone() };
    home.settings.login =
        Some(Login { registry: "ghcr.io".to_owned(), username, password: password.clone() });
    let credentials = home.read().expect("credentials");
    let found = credentials.find("ghcr.io", "a");
    assert_eq!(found.credential, basic);
    let tokens = [Credential::IdentityToken(password.clone()), Credential::RegistryToken(password.clone())];
    let shown = format!("{:?} {credentials:?} {found:?} {basic:?} {tokens:?} {password:?}", home.settings);
    for secret in ["hunter2", "a-token", "visible"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn credentials_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Home::new().read().expect("credentials"));
}

#[test]
fn the_environment_knows_a_home() {
    assert!(environment("HOME").is_some_and(|home| Path::new(&home).is_absolute()));
    assert_eq!(environment("KEYSEAM_NO_SUCH_VARIABLE"), None);
}
