use super::*;
use crate::cli::args::Look;
use crate::report::{Style, Threshold};

/// Two detectors of a made-up service.
const RULES: &str = r#"
service = "Acme"
category = "cloud"

[[detector]]
id = "acme-token"
name = "Acme token"
kind = "access token"
severity = "high"
confidence = "high"
aliases = ["acme-key"]
public_prefix = ["acme_"]
console = "https://acme.example/keys"
leak_allows = "read every file"
gate = { min_digits = 1, reject = ["uuid"] }
[[detector.form]]
anchors = ["acme_"]
pattern = 'acme_[0-9a-z]{40}'
[[detector.example]]
key = "acme_{{alnum:40}}"
[[detector.example]]
key = "acme_{{alnum:40}}"
text = "TOKEN={{key}}"
[[detector.counter_example]]
text = "acme_{{alnum:20}}"
why = "too short"
[[detector.counter_example]]
text = "acne_{{alnum:40}}"
why = "another word"

[[detector]]
id = "acme-password"
name = "Acme password"
category = "ai"
kind = "password"
severity = "medium"
confidence = "medium"
[[detector.form]]
names = ["ACME_PASSWORD"]
value = '[0-9a-zA-Z]{16}'
[[detector.example]]
key = "{{base62:16}}"
text = "ACME_PASSWORD={{key}}"
[[detector.example]]
key = "{{base62:16}}"
text = "acme.password: '{{key}}'"
[[detector.counter_example]]
text = "ACME_PASSWORD={{base62:8}}"
why = "too short"
[[detector.counter_example]]
text = "{{base62:16}}"
why = "no name"
"#;

fn rules() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), RULES).expect("written");
    file
}

fn acme() -> Catalogue {
    catalogue(&[rules().path().to_owned()]).expect("the rules are right")
}

fn text(write: impl FnOnce(&Style, &mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&Style::plain(Threshold::default()), &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("UTF-8")
}

/// Characters of which no literal stands in the tree.
fn characters(number: usize) -> String {
    (0..number).map(|position| char::from(b"0a7c3f9x1k"[(position * position + position / 3) % 10])).collect()
}

#[test]
fn a_list_is_grouped_by_category_and_can_be_narrowed() {
    let catalogue = acme();
    let chosen =
        list::choose(&catalogue, &["ACME".into(), "acme-key".into()]).expect("a service and an alias");
    let listed = text(|style, out| list::write(&chosen, style, out));
    let expected = "\
ai
  acme-password  medium    medium           Acme password

cloud
  acme-token     high      high             Acme token

2 detectors
";
    assert_eq!(listed, expected);
    assert!(list::choose(&catalogue, &["acme".into(), "nobody".into()]).is_err());
    assert_eq!(list::choose(&catalogue, &[]).expect("all").len(), catalogue.definitions().len());
}

#[test]
fn a_page_says_all_that_is_known() {
    let catalogue = acme();
    let (_, definition) = find(&catalogue, "acme-key").expect("by its alias");
    let page = text(|style, out| page::write(definition, &definition.id, style, out));
    for part in [
        "read every file",
        "Around acme_:",
        "at least 1 digit.",
        "not a UUID",
        "https://acme.example/keys",
        "acme_ in front",
        "begins with acme_, 45 characters long, of small letters and digits",
        "severity is high",
        "HIGH acme-token in app/.env, key acme_…",
        "--only or --skip with acme-token or, all the same, acme-key",
    ] {
        assert!(page.contains(part), "{part} is missing in:\n{page}");
    }
}

#[test]
fn every_embedded_detector_has_a_page() {
    let catalogue = catalogue(&[]).expect("the catalogue");
    for definition in catalogue.definitions() {
        let page = text(|style, out| page::write(definition, &definition.id, style, out));
        assert!(page.lines().count() > 8, "{}", definition.id);
    }
}

#[test]
fn an_unknown_id_is_answered_with_those_alike() {
    let catalogue = acme();
    let message = |id| find(&catalogue, id).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message("acme-tokn").ends_with("there are acme-token"));
    assert!(
        message("acme-").ends_with("there are acme-key, acme-token, acme-password"),
        "{}",
        message("acme-")
    );
    assert!(message("nobody").contains("detectors list"));
}

#[test]
fn a_trial_finds_redacts_and_exits_as_a_scan_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = rules();
    let common =
        CatalogueArguments { rules: vec![rules.path().to_owned()], look: Look { color: Default::default() } };
    let secret = characters(40);
    let path = folder.path().join("settings");
    std::fs::write(&path, format!("one\ntwo acme_{secret}\n")).expect("written");
    let path = path.to_string_lossy().into_owned();
    let run = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let mut out = Vec::new();
        let status = test(&line, &common, &mut out).expect("tried");
        (status, String::from_utf8(out).expect("UTF-8"))
    };
    let (status, shown) = run(&[&path]);
    assert_eq!(status, ExitStatus::Found);
    assert!(shown.contains(":2:5  acme-token"));
    let hidden = secret.get(..secret.len() - 4).expect("ASCII");
    assert!(
        hidden
            .as_bytes()
            .windows(8)
            .all(|piece| !shown.contains(&String::from_utf8_lossy(piece).into_owned()))
    );
    assert_eq!(run(&["acme-key", &path]).0, ExitStatus::Found);
    assert_eq!(run(&["acme-password", &path]).0, ExitStatus::Clean);
}

#[test]
fn what_cannot_be_tried_is_an_error() {
    let common = CatalogueArguments { rules: Vec::new(), look: Look { color: Default::default() } };
    for line in [&["nobody"][..], &["nobody", "/dev/null"], &["messagebird-access-key", "/nowhere"]] {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        assert!(test(&line, &common, &mut Vec::new()).is_err(), "{line:?}");
    }
    let broken = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(broken.path(), "service = 7").expect("written");
    assert!(catalogue(&[broken.path().to_owned()]).is_err());
}

/// Every id and alias is one word of a command line and of an ignore file, and leads to its own detector.
#[test]
fn every_id_and_alias_selects_its_detector() {
    let catalogue = catalogue(&[]).expect("the catalogue");
    let mut words = 0;
    for (index, definition) in catalogue.indexed() {
        for id in std::iter::once(&definition.id).chain(&definition.aliases) {
            words += 1;
            assert_eq!(catalogue.matching(id), [index], "{id}");
            assert_eq!(find(&catalogue, &id.to_uppercase()).expect(id).0, index, "{id}");
            let page = text(|style, out| page::write(definition, id, style, out));
            assert_eq!(page.contains("is another name of"), *id != definition.id, "{id}");
            let chosen = list::choose(&catalogue, std::slice::from_ref(id)).expect(id);
            assert_eq!(chosen.iter().map(|chosen| &chosen.id).collect::<Vec<_>>(), [&definition.id]);
        }
    }
    assert!(words > catalogue.definitions().len());
}
