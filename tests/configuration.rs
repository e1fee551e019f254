//! `keyseam.toml`: what it sets, what goes before it, and what the working directory's must not set.

use crate::scan::line;
use crate::support::cli::{Keyseam, Run};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// One key of critical severity.
fn image() -> Vec<u8> {
    let layer = Layer::new().file("app/.env", &line(1));
    oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar()
}

/// A scan in a folder with this `keyseam.toml`.
fn scan(file: &str, options: &[&str]) -> Run {
    Keyseam::scan(options).arg("-").stdin(image()).file("keyseam.toml", file).run()
}

fn trusted(file: &str, options: &[&str]) -> Run {
    scan(file, &[&["--config", "keyseam.toml"], options].concat())
}

#[test]
fn a_file_that_is_named_sets_what_the_line_and_the_environment_leave_open() {
    trusted("fail-on = \"never\"\n", &[]).assert_status(0);
    trusted("fail-on = \"never\"\n", &["--fail-on", "high"]).assert_status(1);
    let both = Keyseam::scan(&["--config", "keyseam.toml", "-"]).stdin(image());
    let both = both.file("keyseam.toml", "fail-on = \"never\"\n").env("KEYSEAM_FAIL_ON", "high").run();
    both.assert_status(1);
    trusted("skip = [\"vcs\", \"messaging\"]\nexit-zero = false\njobs = 1\n", &[]).assert_status(0);
    trusted("exit-zero = true\n", &[]).assert_status(0);
    let named = Keyseam::scan(&["-"]).stdin(image()).file("ours.toml", "fail-on = \"never\"\n");
    named.env("KEYSEAM_CONFIG", "ours.toml").run().assert_status(0);
    // The order of options and images on the line does not matter.
    let last = Keyseam::scan(&["-", "--config", "keyseam.toml"]).stdin(image());
    last.file("keyseam.toml", "fail-on = \"never\"\nquiet = true\n").run().assert_status(0);
    let loud = trusted("quiet = true\n", &["-v"]);
    loud.assert_status(1);
}

#[test]
fn the_working_directorys_file_can_only_be_stricter() {
    scan("fail-on = \"low\"\nmin-confidence = \"low\"\nstrict = true\n", &[]).assert_status(1);
    scan("", &[]).assert_status(1);
    let refused = [
        "fail-on = \"high\"",
        "fail-on = \"never\"",
        "min-confidence = \"high\"",
        "strict = false",
        "exit-zero = true",
        "skip = [\"vcs\"]",
        "only = [\"messaging\"]",
        "show-secrets = true",
        "insecure = true",
        "plain-http = true",
        "ca-file = \"ca.pem\"",
        "authfile = \"auth.json\"",
        "username = \"me\"",
        "rules = [\"rules.toml\"]",
        "fingerprint-key-file = \"key\"",
        "cache-dir = \"cache\"",
        "no-cache = true",
        "base = \"registry.example/base\"",
        "mirror = [\"docker.io=evil.example\"]",
        "proxy = \"http://evil.example\"",
        "output = [\"json=/tmp/report\"]",
        "secrets-from = \"env\"",
        "write-baseline = \"b.json\"",
        "platform = [\"linux/arm64\"]",
        "max-layer-bytes = 1",
        "quiet = true",
    ];
    for setting in refused {
        let run = scan(&format!("# settings\n{setting}\n"), &[]);
        run.assert_status(2);
        let (line, rest) = run.stderr.split_once('\n').unwrap_or((&run.stderr, ""));
        assert!(line.contains("keyseam.toml:2: ") && line.contains("pull request"), "{setting}: {line}");
        assert!(rest.is_empty() && run.stdout.is_empty(), "{setting}: {rest}");
    }
    scan("fail-on = \"never\"\n", &["--no-config"]).assert_status(1);
}

#[test]
fn what_is_no_setting_is_an_error_with_its_line() {
    for (file, message) in [
        ("\nfial-on = \"low\"\n", "keyseam.toml:2: there is no setting 'fial-on'"),
        ("config = \"x\"\n", "keyseam.toml:1: there is no setting 'config'"),
        ("jobs = 1\nfail-on = \"loud\"\n", "keyseam.toml:2: invalid value 'loud' for '--fail-on"),
        ("fail-on = [\"low\", \"high\"]\n", "keyseam.toml:1: 'fail-on' has one value"),
        ("strict = \"perhaps\"\n", "keyseam.toml:1: 'strict' is true or false"),
        ("fail-on = low\n", "keyseam.toml:1: this is not TOML"),
    ] {
        let run = trusted(file, &[]);
        run.assert_status(2);
        assert!(run.stderr.contains(message), "{file}: {}", run.stderr);
    }
    let missing = Keyseam::scan(&["--config", "no.toml", "-"]).stdin(image()).run();
    assert!(missing.assert_status(2).stderr.contains("no.toml"), "{}", missing.stderr);
}

#[test]
fn a_key_in_a_file_of_settings_is_not_repeated() {
    let key = crate::scan::key(3);
    for file in [format!("base = {key}\n"), format!("fail-on = \"{key}\"\n"), format!("{key} = 1\n")] {
        let run = trusted(&file, &[]);
        run.assert_status(2);
        assert!(!run.stderr.contains(&key), "{}", run.stderr);
    }
}

#[test]
fn every_setting_is_shown_with_where_it_came_from() {
    let show = |options: &[&str]| {
        let keyseam = Keyseam::new(&["config", "show"]).args(options);
        keyseam.file("keyseam.toml", "# ours\nfail-on = \"low\"\nprogress = \"never\"\n")
    };
    let run = show(&["--skip", "vcs,generic", "--proxy", "http://u:hidden@p.example:1"])
        .env("KEYSEAM_JOBS", "3")
        .run();
    let text = run.assert_status(0).text();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} = ")));
        line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    assert_eq!(line("fail-on"), "fail-on = \"low\" # keyseam.toml:2");
    assert_eq!(line("progress"), "progress = \"never\" # keyseam.toml:3");
    assert_eq!(line("min-confidence"), "min-confidence = \"medium\" # default");
    assert_eq!(line("jobs"), "jobs = 3 # KEYSEAM_JOBS");
    assert_eq!(line("skip"), "skip = [\"vcs\", \"generic\"] # command line");
    assert!(text.contains("# base is not set") && !text.contains("hidden"), "{text}");

    // What is shown is a file that can be used.
    let again = Keyseam::new(&["config", "show", "--config", "keyseam.toml"]);
    again.file("keyseam.toml", text.replace("proxy = \"…\"", "")).run().assert_status(0);
}
