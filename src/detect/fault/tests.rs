use proptest::prelude::*;

use super::Fault;
use crate::detect::catalogue::Catalogue;

/// Its lines are counted by the tests.
const RULES: &str = r#"service = "Acme"
category = "saas"

[[detector]]
id = "acme-token"
name = "Acme token"
kind = "token"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["acme_"]
pattern = 'acme_[a-z]{8}'

[[detector.form]]
names = ["ACME_TOKEN"]
value = '[a-z]{8}'

[[detector.example]]
key = "acme_{{lower:8}}"
[[detector.example]]
key = "{{lower:8}}"
text = "ACME_TOKEN={{key}}"
[[detector.counter_example]]
text = "acme_{{lower:7}}"
why = "too short"
[[detector.counter_example]]
text = "acme_{{digits:8}}"
why = "no letters"
"#;

fn fault(text: &str) -> String {
    let fault: Fault = Catalogue::empty().add_rules(text, "mine.toml").expect_err("refused");
    let shown = fault.to_string();
    assert_eq!(shown.lines().count(), 1, "{shown}");
    shown
}

#[test]
fn every_error_names_file_line_detector_and_field() {
    let id = "detector 'acme-token'";
    for (from, to, expected) in [
        ("kind = \"token\"", "kind = 7", format!("mine.toml:7: {id}: field 'kind': ")),
        (
            "kind = \"token\"",
            "colour = \"red\"",
            format!("mine.toml:7: {id}: field 'colour': there is no such field"),
        ),
        ("kind = \"token\"\n", "", format!("mine.toml:4: {id}: field 'kind': it is missing")),
        ("\"saas\"", "\"sauce\"", "mine.toml:2: field 'category': 'sauce' is none of ".to_owned()),
        ("severity = \"high\"", "severity = high", format!("mine.toml:8: {id}: field 'severity': ")),
        ("anchors = [\"acme_\"]", "anchors = [7]", format!("mine.toml:12: {id}: field 'form.anchors': ")),
        ("[\"acme_\"]", "[\"a_\"]", format!("mine.toml:12: {id}: field 'form.anchors': ")),
        ("'acme_[a-z]{8}'", "'acme_[a-z{8}'", format!("mine.toml:13: {id}: field 'form.pattern': ")),
        ("value = '[a-z]{8}'", "value = '[a-z'", format!("mine.toml:17: {id}: field 'form.value': ")),
        ("value = '[a-z]{8}'", "reach = 5", format!("mine.toml:17: {id}: field 'form.reach': ")),
        ("text = \"acme_{{lower:7}}\"", "", format!("mine.toml:24: {id}: field 'counter_example.text': ")),
        ("why = \"too short\"", "why = \"\"", format!("mine.toml:26: {id}: field 'counter_example.why': ")),
        ("{{lower:8}}\"\n[[d", "{{lower}}\"\n[[d", format!("mine.toml:19: {id}: field 'example': ")),
        ("id = \"acme-token\"", "id = \"Acme\"", "mine.toml:5: detector 'Acme': field 'id': ".to_owned()),
        ("[[detector.form]]", "[[detector.form]", format!("mine.toml:11: {id}: ")),
    ] {
        assert!(RULES.contains(from), "{from}");
        let shown = fault(&RULES.replacen(from, to, 1));
        assert!(shown.starts_with(&expected), "{shown}\n{expected}");
    }
}

#[test]
fn an_id_that_is_taken_names_its_owner() {
    let twice = format!("{RULES}\n{}", RULES.split_once("\n\n").map_or("", |(_, rest)| rest));
    let shown = fault(&twice);
    assert!(shown.starts_with("mine.toml:32: detector 'acme-token': field 'id': "), "{shown}");
    assert!(shown.contains("taken by 'acme-token' of mine.toml"), "{shown}");
}

#[test]
fn a_long_value_is_cut() {
    let shown =
        fault(&RULES.replace("severity = \"high\"", &format!("severity = \"{}\"", "x".repeat(100_000))));
    assert!(shown.len() < 1_000, "{}", shown.len());
}

proptest! {
    /// Any text gives rules or one line.
    #[test]
    fn no_text_breaks_it(at in 0..RULES.len(), cut in 0..40_usize, junk in "[\\[\\]{}=\"'a-z\\n#.,\\x00é]{0,12}") {
        let mut text = RULES.to_owned();
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &junk);
        if let Err(fault) = Catalogue::empty().add_rules(&text, "mine.toml") {
            prop_assert_eq!(fault.to_string().lines().count(), 1);
        }
    }
}
