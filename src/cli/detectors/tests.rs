use super::*;
use std::io::Write;

/// Two detectors, one of which finds the word "leak".
struct Two;

impl Detectors for Two {
    fn cards(&self) -> Vec<DetectorCard> {
        vec![card("acme-token", "Acme", "cloud"), card("zeta-password", "Zeta", "ai")]
    }

    fn matching(&self, selector: &str) -> Vec<String> {
        let fits = |card: &DetectorCard| {
            [&card.id, &card.service, &card.category]
                .into_iter()
                .any(|name| name.eq_ignore_ascii_case(selector))
        };
        self.cards().into_iter().filter(fits).map(|card| card.id).collect()
    }

    fn try_on(&self, _only: Option<&str>, _path: &str, text: &[u8]) -> anyhow::Result<Vec<Trial>> {
        let offset = memchr::memmem::find(text, b"leak");
        Ok(Vec::from_iter(offset.map(|offset| Trial {
            detector: "acme-token".into(),
            name: "Acme token".into(),
            severity: Severity::High,
            confidence: Confidence::High,
            verified: true,
            secret: "acme_…".into(),
            offset,
            beside: vec![("account".into(), "7".into())],
        })))
    }
}

fn card(id: &str, service: &str, category: &str) -> DetectorCard {
    DetectorCard {
        id: id.into(),
        name: format!("{service} token"),
        service: service.into(),
        category: category.into(),
        kind: "access token".into(),
        severity: Severity::High,
        confidence: Confidence::High,
        aliases: vec![format!("{id}-old")],
        forms: vec!["After the prefix acme_: 32 letters and digits.".into()],
        gates: Vec::new(),
        check: Some(("acme-crc".into(), "drop")),
        companions: vec![("id".into(), "acme-id".into(), 10, false)],
        console: Some("https://acme.example/keys".into()),
        revoke: None,
        leak_allows: Some("read every file".into()),
        public_prefix: vec!["acme_".into()],
        origin: "acme.toml".into(),
    }
}

fn text(write: impl FnOnce(&Style, &mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&Style::plain(Threshold::default()), &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_list_is_grouped_by_category_and_can_be_narrowed() {
    let all = list::choose(&Two, &[]).expect("all");
    let listed = text(|style, out| list::write(&all, style, out));
    let expected = "\
ai
  zeta-password  high      high    checked  Zeta token

cloud
  acme-token     high      high    checked  Acme token

2 detectors
";
    assert_eq!(listed, expected);
    let one = list::choose(&Two, &["ACME".into()]).expect("one");
    assert_eq!(one.iter().map(|card| card.id.as_str()).collect::<Vec<_>>(), ["acme-token"]);
    assert!(list::choose(&Two, &["acme".into(), "nobody".into()]).is_err());
}

#[test]
fn a_page_says_all_that_is_known() {
    let card = find(&Two, "acme-token-old").expect("by its alias");
    let page = text(|style, out| page::write(&card, style, out));
    for part in
        ["read every file", "acme-crc", "acme-id", "https://acme.example/keys", "Redacted behind acme_"]
    {
        assert!(page.contains(part), "{part} is missing in:\n{page}");
    }
}

#[test]
fn an_unknown_id_is_answered_with_those_alike() {
    let message = |id| find(&Two, id).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message("acme").ends_with("there are acme-token"));
    assert!(message("nobody").contains("detectors list"));
}

#[test]
fn a_trial_names_line_and_column() {
    let content = b"one\ntwo a leak";
    let trials = Two.try_on(None, "", content).expect("tried");
    let shown = text(|style, out| trial::write(&trials, "-", content, style, out));
    assert!(shown.contains("standard input:2:7  acme-token"), "{shown}");
    assert!(
        shown.contains("key acme_… · account 7") && shown.ends_with("1 key in standard input\n"),
        "{shown}"
    );
}

#[test]
fn a_trial_exits_as_a_scan_does() {
    let load: LoadDetectors = |_| Ok(Box::new(Two));
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.to_string_lossy().into_owned()
    };
    let common = CatalogueArguments { rules: Vec::new(), color: Default::default() };
    let status = |arguments: &[String]| test(arguments, &common, load).expect("tried");
    assert_eq!(status(&[file("a", "a leak")]), ExitStatus::Found);
    assert_eq!(status(&["acme-token".into(), file("b", "nothing")]), ExitStatus::Clean);
    assert!(test(&["nobody".into(), file("c", "")], &common, load).is_err());
    assert!(test(&["acme-token".into(), "/nowhere".into()], &common, load).is_err());
}
