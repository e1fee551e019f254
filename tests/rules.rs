//! Rules of one's own, and detectors by any of their names, through the program.

use keyseam::detect::template::{Seed, expand};

use crate::scan::{DETECTOR, line};
use crate::support::cli::Keyseam;
use crate::support::image::{ImageBuilder, Layer, docker_classic};

/// Another name of [`DETECTOR`].
const ALIAS: &str = "github-pat";

fn image(path: &str, body: &[u8]) -> Vec<u8> {
    let image = ImageBuilder::new("acme/app:1").layer(Layer::new().file(path, body)).build();
    docker_classic(&[&image]).tar()
}

#[test]
fn a_configuration_is_imported_from_a_pipe_and_finds_what_it_found() {
    // As the README of gitleaks documents its fields.
    let config = "[[rules]]\nid = \"acme-token\"\ndescription = \"Acme token\"\n\
        regex = '''(?i)acme[\\w.-]{0,20}[\\s'\"]{0,3}(?:=|:)[\\s'\"]{0,5}([a-f0-9]{32})(?:['\"\\s;]|$)'''\n\
        entropy = 3\nkeywords = [\"acme\"]\n\n[[rules]]\nid = \"keystores\"\npath = '''(?i)\\.p12$'''\n";
    let import = Keyseam::new(&["detectors", "import", "-"]).stdin(config).run();
    import.assert_status(0);
    assert!(import.stderr.contains("keystores: not imported: "), "{}", import.stderr);
    assert!(import.stderr.contains("1 of 2 rules imported, 0 of them not in full"), "{}", import.stderr);

    let text = expand("ACME_TOKEN = \"{{hex:32}}\"\n", "", &mut Seed(3)).expect("a template");
    let scan = Keyseam::scan(&["-", "--rules", "acme.toml"]).file("acme.toml", &import.stdout);
    let run = scan.stdin(image("srv/settings.py", text.as_bytes())).run();
    run.assert_status(1);
    assert_eq!(run.finding("acme-token")["confidence"], "medium");
    // The file passes its own examples as well.
    Keyseam::new(&["detectors", "check", "acme.toml"])
        .file("acme.toml", &import.stdout)
        .run()
        .assert_status(0);
}

#[test]
fn an_error_in_rules_is_one_line_with_its_place() {
    let rules = "service = \"Acme\"\ncategory = \"saas\"\n\n[[detector]]\nid = \"acme-token\"\nname = 7\n";
    let run = Keyseam::scan(&["-", "--rules", "acme.toml"]).file("acme.toml", rules).run();
    run.assert_status(2);
    let expected = "keyseam: acme.toml:6: detector 'acme-token': field 'name': ";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn any_name_of_a_detector_selects_it() {
    let archive = image("srv/.env", &line(1));
    for name in [DETECTOR, ALIAS, "GITHUB-PAT"] {
        let only = Keyseam::scan(&["-", "--only", name]).stdin(archive.clone()).run();
        only.assert_status(1);
        assert_eq!(only.finding(DETECTOR)["detector"], DETECTOR);
        Keyseam::scan(&["-", "--skip", name]).stdin(archive.clone()).run().assert_status(0);
        let tried = Keyseam::new(&["detectors", "test", name, "-"]).stdin(line(1)).run();
        tried.assert_status(1);
        let page = Keyseam::new(&["detectors", "show", name]).run();
        page.assert_status(0);
        assert!(page.text().contains(DETECTOR));
    }
    for name in [DETECTOR, ALIAS] {
        let rule = format!("detector:{name} # made up\n");
        let run = Keyseam::scan(&["-"]).file(".keyseamignore", rule).stdin(archive.clone()).run();
        run.assert_status(0);
        assert!(!run.stderr.contains("there is no detector"), "{}", run.stderr);
    }
}
