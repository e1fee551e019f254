use super::*;

fn table(change: &str) -> Result<(), String> {
    let usual = "detectors = ['acme-key']\nurl = 'https://api.acme.example/me'\n\
                 headers = { Authorization = 'Bearer {{secret}}' }\n\
                 live = [{ status = [200], has = ['/id'] }]\ndead = [{ status = [401] }]\n";
    let name = change.split(' ').next().expect("a name");
    let mut text: String =
        usual.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
    text += change;
    let table: Verify = toml::from_str(&text).map_err(|error| error.to_string())?;
    table.check(&|id| (id == "acme-key").then(|| vec!["id"]))
}

#[test]
fn a_good_table_passes() {
    for good in [
        "method = 'GET'",
        "url = 'https://api.acme.example/keys/{{secret}}?fields=name'",
        "basic = ['{{companion.id}}', '{{secret}}']",
        "live = [{ status = [204] }]",
        "dead = [{ status = [403], text = ['invalid key'] }]",
        "facts = { scopes = 'header:X-Scopes', name = '/0/name' }",
    ] {
        assert_eq!(table(good), Ok(()), "{good}");
    }
}

#[test]
fn what_could_send_a_key_elsewhere_or_lie_is_refused() {
    for wrong in [
        "url = 'http://api.acme.example/me'",
        "url = 'https://{{companion.id}}.acme.example/me'",
        "url = 'https://acme.example:8443/me'",
        "url = 'https://me@acme.example/'",
        "url = 'https://acme/'",
        "url = 'https://api.acme.example/me?key={{secret}}'",
        "headers = { Authorization = 'Bearer' }",
        "headers = { Authorization = 'Bearer {{secret' }",
        "headers = { Authorization = 'Bearer {{password}}' }",
        "basic = ['{{companion.account}}', '{{secret}}']",
        "json = '{}'",
        "method = 'DELETE'",
        "live = [{ status = [200] }]",
        "live = [{ status = [] }]",
        "live = []",
        "dead = [{ status = [403] }]",
        "dead = [{ status = [429], text = ['x'] }]",
        "dead = [{ status = [500], text = ['x'] }]",
        "facts = { name = 'name' }",
        "detectors = ['other']",
        "host = 'x'",
    ] {
        assert!(table(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn templates_are_taken_apart() {
    assert_eq!(
        parts("a{{secret}}{{companion.client id}}b").expect("good"),
        [Part::Text("a"), Part::Secret, Part::Companion("client id"), Part::Text("b")]
    );
    assert_eq!(parts("").expect("good"), []);
    assert_eq!(parts("{{handle.email}}").expect("good"), [Part::Handle("email")]);
}

#[test]
fn every_table_of_the_catalogue_is_right() {
    let catalogue = crate::detect::catalogue::Catalogue::embedded().expect("the catalogue");
    let mut problems = Vec::new();
    let mut asked = std::collections::BTreeMap::<&str, usize>::new();
    for (_, definition) in catalogue.indexed() {
        for verify in &definition.verifies {
            let roles = |id: &str| {
                let of_file = catalogue.indexed().map(|(_, one)| one).find(|one| one.id == id);
                let of_file = of_file.filter(|one| one.origin == definition.origin)?;
                Some(of_file.companions.iter().map(|companion| companion.role.as_str()).collect())
            };
            let checked = verify.check(&roles);
            problems.extend(
                checked.err().map(|problem| format!("{}: {}: {problem}", definition.origin, verify.shown())),
            );
        }
        let own = definition.verifies.iter().filter(|verify| verify.is_about(&definition.id));
        *asked.entry(&definition.id).or_default() += own.count();
    }
    problems.sort();
    problems.dedup();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let twice: Vec<_> = asked.into_iter().filter(|(_, tables)| *tables > 1).collect();
    assert!(twice.is_empty(), "in more than one table: {twice:?}");
}
