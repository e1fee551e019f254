use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::*;
use crate::detect::catalogue::Catalogue;
use crate::report::fixture;

fn catalogue() -> Catalogue {
    Catalogue::embedded().expect("the embedded catalogue")
}

/// All texts of a guide, with the names of their lists.
fn texts(guide: &Guide) -> Vec<(&'static str, &String)> {
    let lists = [
        ("leaks", &guide.leaks),
        ("misuse", &guide.misuse),
        ("make", &guide.make),
        ("roll_out", &guide.roll_out),
        ("revoke", &guide.revoke),
        ("breaks", &guide.breaks),
        ("after", &guide.after),
        ("restrict", &guide.restrict),
        ("report", &guide.report),
        ("keep_out", &guide.keep_out),
        ("allows", &guide.allows),
    ];
    let single = [("about", Some(&guide.about)), ("overlap", guide.overlap.as_ref())];
    let single = single.into_iter().chain([("outlives", guide.outlives.as_ref())]);
    let lists = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |text| (name, text)));
    single.filter_map(|(name, text)| Some((name, text?))).chain(lists).collect()
}

#[test]
fn every_detector_has_every_answer() {
    let catalogue = catalogue();
    for definition in catalogue.definitions() {
        let (id, guide) = (&definition.id, guide(Some(definition), &definition.service));
        let lists = [&guide.allows, &guide.leaks, &guide.misuse, &guide.make, &guide.roll_out, &guide.revoke];
        let lists = lists.into_iter().chain([&guide.breaks, &guide.after, &guide.restrict, &guide.report]);
        assert!(lists.chain([&guide.keep_out]).all(|list| !list.is_empty()), "{id} leaves something open");
        assert!(!guide.about.is_empty() && !next(Some(definition)).is_empty(), "{id}");
        for (list, text) in texts(&guide) {
            let open = ["{service}", "{key}", "{variable}", "\n", "  "];
            assert!(!open.iter().any(|open| text.contains(open)), "{id}: {list}: {text}");
            let is_sentence =
                text.ends_with(['.', '!', '?', ')', '`']) && !text.starts_with(char::is_lowercase);
            assert!(list == "allows" || is_sentence, "{id}: {list}: {text}");
        }
        let variable = variable(definition);
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(variable.chars().all(is_name), "{id}: {variable}");
        assert!(variable.starts_with(|c: char| c.is_ascii_uppercase()), "{id}: {variable}");
    }
    let own = guide(None, "billing");
    assert!(own.general && !own.misuse.is_empty() && !next(None).is_empty());
}

#[test]
fn advice_is_about_detectors_of_its_own_file_and_each_has_one() {
    let catalogue = catalogue();
    let mut files: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for definition in catalogue.definitions() {
        files.entry(&definition.origin).or_default().push(definition);
    }
    for (file, definitions) in files {
        let ids: Vec<&str> = definitions.iter().map(|definition| definition.id.as_str()).collect();
        let embedded = crate::detectors::FILES.iter().find(|one| one.name == file).expect("a file");
        let advices: Vec<Advice> =
            serde_json::from_str(embedded.advice).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut told = HashSet::new();
        for advice in &advices {
            advice.check(&ids).unwrap_or_else(|problem| panic!("{file}: {problem}"));
            assert!(advice.detectors.iter().all(|id| told.insert(id)), "{file}: a detector has two");
        }
    }
}

/// The advice for a line of the list of services.
fn of_line<'a>(catalogue: &'a Catalogue, line: &str) -> (String, Vec<&'a Advice>) {
    let (service, detectors) = line.split_once('\t').expect("two columns");
    let mut advices: Vec<&Advice> = Vec::new();
    for id in detectors.split(',') {
        let definition = catalogue.find(id).and_then(|index| catalogue.get(index));
        let definition = definition.unwrap_or_else(|| panic!("{service}: there is no detector {id}"));
        let advice =
            definition.advice().unwrap_or_else(|| panic!("{service}: {id} has no advice of its own"));
        if !advices.contains(&advice) {
            advices.push(advice);
        }
    }
    (service.to_owned(), advices)
}

#[test]
fn each_known_service_has_a_page_and_a_step_that_no_other_has() {
    let catalogue = catalogue();
    let list = include_str!("../../testdata/advice/services.tsv");
    let services: Vec<(String, Vec<&Advice>)> =
        list.lines().filter(|line| !line.starts_with('#')).map(|line| of_line(&catalogue, line)).collect();
    assert_eq!(services.len(), 301);
    let pages = |advices: &[&Advice]| -> BTreeSet<String> {
        advices.iter().flat_map(|advice| [&advice.docs, &advice.console]).flatten().cloned().collect()
    };
    let steps = |advices: &[&Advice]| -> BTreeSet<String> {
        advices.iter().flat_map(|advice| advice.revoke.iter().chain(&advice.misuse)).cloned().collect()
    };
    let mut faults = Vec::new();
    for (what, of) in [("page", &pages as &dyn Fn(&[&Advice]) -> BTreeSet<String>), ("step", &steps)] {
        let all: Vec<BTreeSet<String>> = services.iter().map(|(_, advices)| of(advices)).collect();
        let mut count: BTreeMap<&String, usize> = BTreeMap::new();
        all.iter().flatten().for_each(|text| *count.entry(text).or_default() += 1);
        for ((service, _), own) in services.iter().zip(&all) {
            if !own.iter().any(|text| count[text] == 1) {
                faults.push(format!("{service} has no {what} of its own"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn variables_are_those_that_people_use() {
    let catalogue = catalogue();
    let of =
        |id: &str| variable(catalogue.get(catalogue.find(id).expect("a detector")).expect("its definition"));
    assert_eq!(of("messagebird-access-key"), "MESSAGEBIRD_API_KEY");
    assert_eq!(of("clockwork-api-key"), "CLOCKWORK_API_KEY");
    assert_eq!(of("abuseipdb-api-key"), "ABUSEIPDB_API_KEY");
}

#[test]
fn of_very_many_findings_the_first_of_each_detector_carries_the_advice() {
    let told = |count: usize| {
        let mut result = fixture::image("app.tar");
        result.findings = (0..count).map(fixture::finding).collect();
        let other = result.findings.last_mut().expect("one");
        other.detector = "another".to_owned();
        let mut report = fixture::report(vec![result], Vec::new());
        image::tell(&mut report);
        let findings = &report.results[0].findings;
        let whole = findings.iter().filter(|finding| {
            finding.remediation.key.is_some() && !finding.remediation.image_steps.is_empty()
        });
        whole.count()
    };
    assert_eq!((told(1_000), told(1_001)), (1_000, 2));
}
