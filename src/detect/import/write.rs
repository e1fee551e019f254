//! Definitions as a file of rules.

use toml::Value;

use super::rule::{Draft, DraftForm};
use super::trial::Examples;

/// What stands in front of all rules.
pub(super) fn head(comments: &[String]) -> String {
    let mut text =
        "# Rules for keyseam --rules, imported from a configuration of another scanner.\n".to_owned();
    for comment in comments {
        text.push_str(&format!("# {}\n", in_a_line(comment)));
    }
    text.push_str("\ncategory = \"generic\"\n");
    text
}

/// A `[[detector]]`. `id_of` gives the id here of a rule of the configuration.
pub(super) fn detector(draft: &Draft, examples: &Examples, id_of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::from("\n");
    if !draft.description.trim().is_empty() {
        text.push_str(&format!("# {}\n", in_a_line(&draft.description)));
    }
    text.push_str("[[detector]]\n");
    for (name, value) in [
        ("id", draft.id.as_str()),
        ("name", &draft.name),
        ("service", &draft.service),
        ("kind", draft.kind),
        ("severity", draft.severity.word()),
        ("confidence", draft.confidence.word()),
    ] {
        text.push_str(&format!("{name} = {}\n", quoted(value)));
    }
    draft.forms.iter().for_each(|form| write_form(form, &mut text));
    if draft.entropy.is_some() || draft.may_be_empty {
        text.push_str("[detector.gate]\n");
        if let Some(entropy) = draft.entropy {
            text.push_str(&format!("min_entropy = {entropy:?}\n"));
        }
        if draft.may_be_empty {
            let most = draft.forms.iter().map(|form| form.reach).max().unwrap_or(1);
            text.push_str(&format!("length = [1, {most}]\n"));
        }
    }
    for (rule, lines) in &draft.required {
        let Some(id) = id_of(rule) else { continue };
        text.push_str(&format!("[[detector.companion]]\ndetector = {}\nrole = \"companion\"\n", quoted(&id)));
        if let Some(lines) = lines {
            text.push_str(&format!("lines = {lines}\n"));
        }
        text.push_str("required = true\n");
    }
    for sha256 in &draft.allowed {
        text.push_str(&format!(
            "[[detector.allow]]\nsha256 = \"{sha256}\"\nreason = \"allowed by the configuration\"\n"
        ));
    }
    if !draft.only.is_empty() || !draft.never.is_empty() {
        text.push_str("[detector.paths]\n");
        for (name, globs) in [("only", &draft.only), ("never", &draft.never)] {
            if !globs.is_empty() {
                text.push_str(&format!("{name} = {}\n", list(globs)));
            }
        }
    }
    for (key, around) in &examples.good {
        text.push_str(&format!("[[detector.example]]\nkey = {}\ntext = {}\n", quoted(key), quoted(around)));
        // Where an imported expression ends is its own affair.
        text.push_str("except = [\"shorter\", \"longer\", \"alphabet\", \"checksum\", \"boundary\"]\n");
    }
    for (around, why) in &examples.bad {
        text.push_str(&format!(
            "[[detector.counter_example]]\ntext = {}\nwhy = {}\n",
            quoted(around),
            quoted(why)
        ));
    }
    text
}

fn write_form(form: &DraftForm, text: &mut String) {
    text.push_str(&format!("[[detector.form]]\nanchors = {}\n", list(&form.anchors)));
    if form.ignore_case {
        text.push_str("ignore_case = true\n");
    }
    text.push_str(&format!("pattern = {}\n", quoted(&form.pattern)));
    if form.before > 0 {
        text.push_str(&format!("before = {}\n", form.before));
    }
    text.push_str(&format!("reach = {}\nboundary = \"\"\n", form.reach));
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// For a comment: TOML allows no control characters in one.
fn in_a_line(text: &str) -> String {
    text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
