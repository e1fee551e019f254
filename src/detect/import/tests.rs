//! Configurations as their scanners document them. No text here came out of the importer.

use super::{Fate, Import, import};
use crate::detect::catalogue::Catalogue;
use crate::detect::set::{DetectorSet, Scratch};
use crate::detect::template::{Seed, expand};
use crate::detect::{Place, Window};

fn imported(config: &str) -> Import {
    import(config, &Catalogue::embedded().expect("valid"), false).expect("a configuration")
}

/// What rules find in a text, each as id and key.
fn found(import: &Import, path: &str, template: &str) -> Vec<(String, String)> {
    let mut catalogue = Catalogue::embedded().expect("valid");
    let embedded = catalogue.definitions().len();
    catalogue.add_rules(&import.rules, "imported").expect("they load");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let text = expand(template, "", &mut Seed(11)).expect("a template");
    let bytes = text.as_bytes();
    let (owned, place) = (0..bytes.len(), Place::File);
    let window = Window { bytes, owned, starts: true, ends: true, place, path: path.as_bytes() };
    let mut hits = Vec::new();
    set.scan(&window, &mut Scratch::default(), &mut hits);
    let own = hits.into_iter().filter(|hit| usize::from(hit.detector.0) >= embedded);
    own.map(|hit| (set.definition(hit.detector).id.clone(), text[hit.span].to_owned())).collect()
}

fn ids(import: &Import, path: &str, template: &str) -> Vec<String> {
    found(import, path, template).into_iter().map(|(id, _)| id).collect()
}

fn note<'a>(import: &'a Import, rule: &str) -> (&'a str, Fate) {
    let note = import.notes.iter().find(|note| note.rule == rule).expect(rule);
    (note.text.as_str(), note.fate)
}

/// As the README of gitleaks writes its fields.
const GITLEAKS: &str = r#"
title = "Custom gitleaks configuration"

[extend]
useDefault = true
disabledRules = ["generic-api-key"]

[[rules]]
id = "acme-cloud-token"
description = "Acme cloud token"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|:)[\x60'"\s=]{0,5}([a-f0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)'''
secretGroup = 1
entropy = 3.0
keywords = ["Acme"]
tags = ["cloud"]

  [[rules.allowlists]]
  description = "tests"
  condition = "OR"
  commits = ["commit-A", "commit-B"]
  paths = ['''(?i)\.test$''']
  regexTarget = "match"
  regexes = ['''process''']
  stopwords = ["client", "endpoint"]

[[rules]]
id = "Wonder_PAT"
description = "A wonder."
regex = '''\bwond_(?:live|test)_[0-9A-Za-z]{24}\b'''
keywords = ["wond_"]
path = '''(?:^|/)conf/[^/]+\.ya?ml$'''

[[rules]]
id = "bundled"
description = "A key beside the words of its bundle"
regex = '''\b([0-9]{6}:[a-z0-9]{20})\b'''
keywords = ["bundled_com"]

[[rules]]
id = "github-pat"
description = "GitHub"
regex = '''ghp_[0-9a-zA-Z]{36}'''
keywords = ["ghp_"]

[[rules]]
id = "either"
regex = '''once="([^"]{12,20})"|twice='([^']{12,20})\''''
keywords = ["once", "twice"]

[[rules]]
id = "pkcs12-file"
path = '''(?i)\.p12$'''

[[rules]]
id = "hex-only"
regex = '''\b[a-f0-9]{64}\b'''

[[rules]]
id = "not-go"
regex = '''acme(?=x)'''

[[rules]]
id = "wrong-type"
regex = 7

[[rules]]
regex = '''no_id_[a-z]{9}'''

[allowlist]
paths = ['''(^|/)node_modules/''', '''go\.sum$''']
regexes = ['''EXAMPLE''']
"#;

#[test]
fn what_fits_loads_and_finds_the_group_that_is_the_key() {
    let import = imported(&GITLEAKS.replace(r"\''''", "[']'''"));
    assert_eq!((import.read, import.written), (10, 5));
    let key = expand("{{hex:32}}", "", &mut Seed(11)).expect("a template");
    let hits = found(&import, "app/a", "ACME_SECRET: '{{hex:32}}'\n");
    assert_eq!(hits, [("acme-cloud-token".to_owned(), key)]);
    assert!(ids(&import, "app/a", "ACME_SECRET: 'abababababababababababababababab'").is_empty(), "entropy");
    assert!(ids(&import, "app/a.TEST", "ACME_SECRET: '{{hex:32}}'").is_empty(), "an allowed path");
    // A letter before and behind is as good as any where the expression says so.
    assert_eq!(ids(&import, "etc/conf/a.yml", "x=wond_live_{{base62:24}};"), ["wonder-pat"]);
    assert!(ids(&import, "etc/conf/a.txt", "x=wond_live_{{base62:24}};").is_empty(), "another path");
    assert!(ids(&import, "etc/conf/a.yml", "wond_live_{{base62:25}}").is_empty(), "its own boundary");
    assert_eq!(ids(&import, "a", "ghp_{{base62:36}}"), ["github-pat-imported"]);
    assert_eq!(ids(&import, "a", "once=\"{{base62:14}}\" twice='{{base62:13}}'"), ["either", "either"]);
}

#[test]
fn a_match_without_a_literal_is_found_near_its_keywords() {
    let import = imported(&GITLEAKS.replace(r"\''''", "[']'''"));
    assert_eq!(ids(&import, "a", "BUNDLED_COM x\n {{digits:6}}:{{alnum:20}}\n"), ["bundled"]);
    assert_eq!(ids(&import, "a", "{{digits:6}}:{{alnum:20}} is of bundled_com"), ["bundled"]);
    assert!(ids(&import, "a", "{{digits:6}}:{{alnum:20}}").is_empty());
    assert!(note(&import, "bundled").0.contains("bytes away from its keywords"));
}

#[test]
fn nothing_is_left_out_in_silence() {
    let import = imported(&GITLEAKS.replace(r"\''''", "[']'''"));
    for (rule, fate, words) in [
        ("acme-cloud-token", Fate::Part, &["1 allowed expression", "2 stop words", "2 allowed commits"][..]),
        ("github-pat", Fate::Whole, &["github-pat-imported"]),
        ("pkcs12-file", Fate::Out, &["files by their names"]),
        ("hex-only", Fate::Out, &["no keywords"]),
        ("not-go", Fate::Out, &["(?="]),
        ("wrong-type", Fate::Out, &["regex is no text"]),
        ("rule 10", Fate::Out, &["no id"]),
    ] {
        let (text, actual) = note(&import, rule);
        assert_eq!(actual, fate, "{rule}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{rule}: {text}");
    }
    let remarks = import.remarks.join("\n");
    assert!(
        remarks.contains("the default configuration") && remarks.contains("without 1 of its rules"),
        "{remarks}"
    );
    assert!(remarks.contains("1 other things"), "{remarks}");
    assert!(import.rules.contains("# path:\"**/node_modules/**\" #"), "{}", import.rules);
    assert!(import.rules.contains("# path:\"**/*go.sum\" #"), "{}", import.rules);
}

/// As the documents of betterleaks write its fields, older and newer.
const BETTERLEAKS: &str = r#"
prefilter = 'matchesAny(attributes["path"], [`\.png$`])'

[[rules]]
id = "acme-secret.1"
description = "Acme secret"
regex = '''acme_sk_[0-9a-z]{20}'''
keywords = ["acme_sk_"]
confidence = "high"
filter = '''
entropy(finding["secret"]) <= 2.5 || tokenRatio(finding["secret"]) >= 2.5
|| matchesAny(attributes["path"], [`(^|/)README\.md$`])
'''
validate = '''http.get("https://acme.example", {})'''
components = [{ id = "acme-id", within = "3L" }]

[[rules]]
id = "acme-id"
regex = '''id=(?P<id>AC[0-9]{10})'''
keywords = ["id=ac"]
skipReport = true
"#;

#[test]
fn filters_and_components_of_betterleaks_are_read() {
    let import = imported(BETTERLEAKS);
    assert_eq!(import.written, 2);
    assert_eq!(ids(&import, "a", "acme_sk_{{alnum:20}}"), [""; 0], "alone it opens nothing");
    let both = "id=AC{{digits:10}}\nkey=acme_sk_{{alnum:20}}";
    assert_eq!(ids(&import, "a", both), ["acme-secret-1", "acme-id"]);
    assert_eq!(ids(&import, "x/README.md", both), ["acme-id"]);
    assert!(note(&import, "acme-secret.1").0.contains("1 term of its filter"));
    let remarks = import.remarks.join("\n");
    assert!(remarks.contains("'validate' of 1 rules") && remarks.contains("'prefilter'"), "{remarks}");
}

#[test]
fn a_published_key_that_is_allowed_stands_in_no_file() {
    let key = expand("acme_{{alnum:24}}", "", &mut Seed(5)).expect("a template");
    let config = format!(
        "[[rules]]\nid = 'acme'\nregex = 'acme_[a-z0-9]{{24}}'\nkeywords = ['acme_']\n\
         [rules.allowlist]\nregexes = ['^{key}$']\n"
    );
    let import = imported(&config);
    assert!(!import.rules.contains(&key));
    assert!(found(&import, "a", &key).is_empty());
    assert_eq!(ids(&import, "a", "acme_{{alnum:24}}"), ["acme"]);
}

#[test]
fn with_new_what_keyseam_has_is_left_out() {
    let config = "[[rules]]\nid='github-pat'\nregex='ghp_[0-9a-zA-Z]{36}'\n";
    let import = import(config, &Catalogue::embedded().expect("valid"), true).expect("a configuration");
    assert_eq!((import.written, note(&import, "github-pat").1), (0, Fate::Out));
}

#[test]
fn what_is_no_configuration_is_an_error_with_its_line() {
    let error = |text: &str| {
        import(text, &Catalogue::embedded().expect("valid"), false).expect_err("refused").to_string()
    };
    assert!(error("[[rules]]\nid = 'a'\nregex = \n").starts_with("line 3: "));
    assert!(error("title = 'x'").contains("no [[rules]]"));
    assert!(error("rules = 5").contains("no list"));
}

#[test]
fn hostile_configurations_end() {
    let deep = format!("[[rules]]\nid='a'\nregex='''{}a{}'''\n", "(".repeat(5_000), ")".repeat(5_000));
    let wide = format!("[[rules]]\nid='a'\nregex='''{}abc'''\n", "(?:a|b)?".repeat(2_000));
    let many = "[[rules]]\nid='a'\nregex='''((((abc{1000}){1000}){1000}){1000})'''\n".to_owned();
    let open = format!("[[rules]]\nid='a'\nregex='abcd'\nfilter='''{}'''\n", "(".repeat(60_000));
    let ids = "[[rules]]\nid='a'\nregex='abcd[a-z]{9}'\n".repeat(50);
    for config in [deep, wide, many, open] {
        assert!(imported(&config).written <= 1);
    }
    assert_eq!(imported(&ids).written, 50);
}
