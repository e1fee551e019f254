//! The code that keeps a key out of source and image, run: every piece of every store and language fetches a
//! key from a server that holds it, and tells in one line why it cannot.
//!
//! Real are the servers of Vault (OpenBao's) and of AWS (moto's, with policies and signatures on), and the SDKs
//! of Python, JavaScript, Go and the shell. Stand-ins are Conjur's server, by its OpenAPI description, and what
//! no registry of packages has: the AWS SDK of Java, and of Ruby's the part above its core.

mod containers;
mod servers;
pub(crate) mod workshop;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;

use keyseam::advice::keep_out::{Language, Store};

use self::servers::{Aws, Conjur, Holder, Vault, Who};
use self::workshop::{KEYS, Key, Said, Wanted, secret, workshop};

/// Every language fetches the value of a key, whole, and shows its use.
#[track_caller]
fn assert_fetched(
    store: Store,
    key: &Key,
    value: &str,
    environment: &dyn Fn(Language) -> Vec<(String, String)>,
) {
    for language in Language::ALL {
        let run = |wanted| workshop().piece(key, store, language, wanted).envs(environment(language)).run();
        let digest: Said = run(Wanted::Digest);
        assert_eq!(digest.out.trim(), workshop::digest(value), "{language:?}: {}", digest.err);
        let shown = run(Wanted::Main);
        let expected = format!("{}: {} characters\n", key.variable, value.len());
        assert_eq!(
            (shown.status, shown.err.as_str(), shown.out.as_str()),
            (0, &*expected, ""),
            "{language:?}"
        );
    }
}

/// No language fetches the key, and each says why in one line that begins with the key's name and has one of the
/// phrases; no value is in it.
#[track_caller]
fn assert_refused(
    store: Store,
    key: &Key,
    phrases: &[&str],
    value: &str,
    environment: &dyn Fn(Language) -> Vec<(String, String)>,
) {
    for language in Language::ALL {
        let said = workshop().piece(key, store, language, Wanted::Main).envs(environment(language)).run();
        let shown = format!("{store:?}, {language:?}: {} {}{}", said.status, said.err, said.out);
        assert_ne!(said.status, 0, "{shown}");
        assert!(said.err.starts_with(&format!("{}: ", key.variable)) && said.out.is_empty(), "{shown}");
        assert_eq!(said.err.lines().count(), 1, "{shown}");
        let lower = said.err.to_lowercase();
        assert!(phrases.iter().any(|phrase| lower.contains(phrase)), "{phrases:?} are not in {shown}");
        assert!(!lower.contains(&value.to_lowercase()), "{shown}");
    }
}

/// What goes for all stores that are servers: not there, put there by the script, fetched by who may and by nobody
/// else.
fn assert_holds(holder: &dyn Holder) {
    let store = holder.store();
    let values = [secret(false), secret(true)];
    let as_who = |who| move |language| holder.environment(who, language);
    assert_refused(store, &KEYS[0], &["not found"], &values[0], &as_who(Who::Admin));
    for (key, value) in KEYS.iter().zip(&values) {
        let said = workshop()
            .setup(key, store)
            .envs(holder.environment(Who::Admin, Language::Shell))
            .input(value)
            .run();
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
        assert!(!said.out.contains(value), "{}", said.out);
        assert_fetched(store, key, value, &as_who(Who::Reader));
    }
    assert_refused(
        store,
        &KEYS[0],
        &["access denied", "denies access", "403 forbidden"],
        &values[0],
        &as_who(Who::Other),
    );
    let unset = ["is not set", "credentials"];
    assert_refused(store, &KEYS[0], &unset, &values[0], &as_who(Who::Nobody));
    let dead = ["connect", "refused", "no answer"];
    assert_refused(store, &KEYS[0], &dead, &values[0], &as_who(Who::Elsewhere));
    assert_secrets_are_in_no_argument(holder, &values);
}

/// What the shell's commands were started with, in the runs before: anyone on the machine can read it.
#[track_caller]
fn assert_secrets_are_in_no_argument(holder: &dyn Holder, values: &[String]) {
    let arguments = workshop().arguments(holder.store());
    assert!(arguments.contains("messagebird"), "{arguments}");
    for secret in values.iter().chain(&holder.secrets()) {
        assert!(!arguments.contains(secret.as_str()), "{secret}: {arguments}");
    }
}

#[test]
fn the_environment_gives_the_key() {
    let (key, folder) = (&KEYS[0], tempfile::tempdir().expect("a folder"));
    let (variable, file) = (key.variable.to_owned(), format!("{}_FILE", key.variable));
    let value = secret(true);
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("key"), format!("{value}\n")).expect("written");
    fs::write(path("empty"), "\n").expect("written");

    assert_fetched(Store::Env, key, &value, &|_| vec![(variable.clone(), value.clone())]);
    assert_fetched(Store::Env, &KEYS[1], &value, &|_| vec![(KEYS[1].variable.to_owned(), value.clone())]);
    let both = vec![(variable.clone(), "another".to_owned()), (file.clone(), path("key"))];
    assert_fetched(Store::Env, key, &value, &|_| both.clone());

    let refused = |phrase: &str, environment: Vec<(String, String)>| {
        assert_refused(Store::Env, key, &[phrase], &value, &|_| environment.clone());
    };
    refused("neither messagebird_api_key nor messagebird_api_key_file is set", vec![]);
    refused("the variable is empty", vec![(variable.clone(), String::new())]);
    refused("is empty", vec![(variable.clone(), value.clone()), (file.clone(), path("empty"))]);
    refused("cannot read", vec![(variable, value.clone()), (file.clone(), path("missing"))]);

    // The script's file is for nobody else, and its line for the profile leads there.
    let script = || workshop().setup(key, Store::Env).envs([("XDG_CONFIG_HOME".to_owned(), path("config"))]);
    for value in ["an older one", &value] {
        let said = script().input(value).run();
        let kept = path("config/messagebird/api_key");
        let expected = format!("export MESSAGEBIRD_API_KEY_FILE='{kept}'\n");
        assert_eq!((said.status, said.err.as_str(), said.out.as_str()), (0, "", &*expected));
        assert_eq!(workshop::mode(&kept), 0o600);
        assert_eq!(workshop::mode(&path("config/messagebird")), 0o700);
        assert_fetched(Store::Env, key, value, &|_| vec![(file.clone(), kept.clone())]);
    }
    let typed =
        workshop().typed_setup(key, Store::Env).envs([("XDG_CONFIG_HOME".to_owned(), path("config"))]);
    let typed = typed.input("typed").run();
    assert_eq!((typed.status, typed.err.as_str()), (0, ""), "{}", typed.out);
    assert!(typed.out.starts_with("MESSAGEBIRD_API_KEY: \r\nexport "), "{}", typed.out);
    assert_eq!(fs::read_to_string(path("config/messagebird/api_key")).expect("a file"), "typed\n");
    let nothing = script().input("").run();
    assert_eq!(nothing.status, 1);
    assert_eq!(nothing.err, "MESSAGEBIRD_API_KEY: there is no key on standard input\n");
}

#[test]
fn aws_secrets_manager_gives_the_key_to_the_role_that_the_script_names() {
    let aws = Aws::start();
    assert_holds(&aws);
    // The policy says no more than that: the role that reads one key reads no other secret.
    let other =
        aws.cli(&["secretsmanager", "create-secret", "--name", "other", "--secret-string", "x"], Who::Admin);
    assert_eq!(other.status, 0, "{}", other.err);
    let denied = aws.cli(&["secretsmanager", "get-secret-value", "--secret-id", "other"], Who::Reader);
    assert!(denied.err.contains("AccessDeniedException"), "{} {}", denied.out, denied.err);
}

#[test]
fn vault_gives_the_key_to_a_token_with_the_policy_of_the_script() {
    let vault = Vault::start();
    // Another field of the same path is no key, and stays when the script adds the key.
    let put = ["kv", "put", "-mount=secret", KEYS[1].path, "other=kept"];
    assert_eq!(vault.cli(&put).status, 0);
    let admin = |language| vault.environment(Who::Admin, language);
    assert_refused(Store::Vault, &KEYS[1], &["no text in the field api_key"], "kept", &admin);
    assert_holds(&vault);
    let other = vault.cli(&["kv", "get", "-mount=secret", "-field=other", KEYS[1].path]);
    assert_eq!(other.out.trim(), "kept", "{}", other.err);

    // A token from an agent's file, or of the last login.
    let files = |name: &'static str| {
        let vault = &vault;
        move |language| {
            let mut environment = vault.environment(Who::Reader, language);
            let token = environment.iter().position(|(name, _)| name == "VAULT_TOKEN").expect("a token");
            let (_, token) = environment.remove(token);
            let home = vault.folder().join(name);
            fs::create_dir_all(&home).expect("a folder");
            fs::write(home.join(".vault-token"), format!("{token}\n")).expect("written");
            let home = home.display().to_string();
            match name {
                "home" => environment.push(("HOME".to_owned(), home)),
                _ => environment.push(("VAULT_TOKEN_FILE".to_owned(), format!("{home}/.vault-token"))),
            }
            environment
        }
    };
    let value = vault.cli(&["kv", "get", "-mount=secret", "-field=api_key", KEYS[0].path]).out;
    for name in ["home", "agent"] {
        assert_fetched(Store::Vault, &KEYS[0], &value, &files(name));
    }
    // A certificate that nobody vouches for.
    let distrusting = |language| vault.distrusting(language);
    assert_refused(Store::Vault, &KEYS[0], &["cert", "ssl", "unable_to_verify"], &value, &distrusting);
}

#[test]
fn conjur_gives_the_key_to_the_host_that_the_script_names() {
    let conjur = Conjur::start();
    assert_holds(&conjur);
    // Typed on a terminal, which shows nothing of it and is left as it was.
    let typed = workshop().typed_setup(&KEYS[0], Store::Conjur);
    let typed = typed.envs(conjur.environment(Who::Admin, Language::Shell)).input("typed").run();
    assert_eq!((typed.status, typed.out.as_str(), typed.err.as_str()), (0, "MESSAGEBIRD_API_KEY: \r\n", ""));
    assert_fetched(Store::Conjur, &KEYS[0], "typed", &|language| conjur.environment(Who::Reader, language));
    let wrong = |language| {
        let mut environment = conjur.environment(Who::Reader, language);
        environment.retain(|(name, _)| name != "CONJUR_AUTHN_API_KEY");
        environment.push(("CONJUR_AUTHN_API_KEY".to_owned(), "wrong".to_owned()));
        environment
    };
    assert_refused(Store::Conjur, &KEYS[0], &["login", "401 unauthorized"], "wrong", &wrong);
    let distrusting = |language| conjur.distrusting(language);
    assert_refused(Store::Conjur, &KEYS[0], &["cert", "ssl"], "no value", &distrusting);
}

/// Whatever a server does, a process that needs a key hears of it in time.
#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = format!("127.0.0.1:{}", silent.local_addr().expect("an address").port());
    let (http, https) = (format!("http://{address}"), format!("https://{address}"));
    let environment = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "somebody"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_ENDPOINT_URL", &http),
        ("VAULT_ADDR", &https),
        ("VAULT_TOKEN", "token"),
        ("CONJUR_APPLIANCE_URL", &https),
        ("CONJUR_ACCOUNT", "acme"),
        ("CONJUR_AUTHN_LOGIN", "admin"),
        ("CONJUR_AUTHN_API_KEY", "secret"),
        // For Debian's SDK of Go; none of the others asks it for an address of loopback.
        ("HTTPS_PROXY", &http),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let asked = &|store, language| {
        let piece = workshop().piece(&KEYS[0], store, language, Wanted::Main).envs(environment.clone());
        let said = piece.impatient().run();
        let shown = format!("{store:?}, {language:?}: {} {}{}", said.status, said.err, said.out);
        assert!(said.status != 124 && said.status != 0, "{shown}");
        let lower = said.err.to_lowercase();
        assert!(["time", "abort", "deadline"].iter().any(|word| lower.contains(word)), "{shown}");
        assert_eq!(said.err.lines().count(), 1, "{shown}");
    };
    workshop();
    std::thread::scope(|scope| {
        for store in [Store::Aws, Store::Vault, Store::Conjur] {
            for language in Language::ALL {
                scope.spawn(move || asked(store, language));
            }
        }
    });
}

#[test]
fn every_piece_is_as_its_languages_own_checkers_want_it() {
    let workshop = workshop();
    let gofmt = workshop.tool("gofmt").args(["-l"]).args(workshop.files("go")).run();
    assert_eq!((gofmt.status, gofmt.out.as_str()), (0, ""), "{}", gofmt.err);
    let shellcheck = workshop.tool("shellcheck").args(["--shell=sh"]).args(workshop.files("sh")).run();
    assert_eq!(shellcheck.status, 0, "{}{}", shellcheck.out, shellcheck.err);
    for file in workshop.files("rb") {
        let ruby = workshop.tool("ruby").args(["-wc".to_owned(), file]).run();
        assert_eq!((ruby.out.as_str(), ruby.err.as_str()), ("Syntax OK\n", ""));
    }
    let pieces: BTreeSet<usize> =
        ["py", "mjs", "go", "java", "rb"].map(|end| workshop.files(end).len()).into();
    assert_eq!(pieces, [2 * 4].into(), "two keys, four stores");
    assert_eq!(workshop.files("sh").len(), 2 * 4 * 2, "and the scripts that put keys there");
}
