//! `keyseam detectors list --format markdown`: the catalogue as `docs/detectors.md` has it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::detect::definition::{Category, Definition, Verify};
use crate::detect::{Confidence, Severity};

/// Writes counts, and a table a category. `definitions` stand by category.
pub(super) fn write(definitions: &[&Definition], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Detectors\n")?;
    writeln!(
        out,
        "What keyseam finds, as its definitions say: made by `keyseam detectors list --format markdown`, not by hand.\n\
         `keyseam detectors show ID` tells all about one. [adding-a-detector.md](adding-a-detector.md) says how to add one,\n\
         [importing.md](importing.md) how to bring rules along, and [catalogue-left-out.md](catalogue-left-out.md) which\n\
         keys have no detector, and why.\n"
    )?;
    write_counts(definitions, out)?;
    for (category, members) in by_category(definitions) {
        writeln!(out, "\n## {}\n", category.word())?;
        writeln!(out, "| id | service | kind | severity | confidence | check | `--verify` | aliases |")?;
        writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for definition in members {
            let check = definition.check.as_ref().map_or("", |check| check.validator.as_str());
            writeln!(
                out,
                "| `{}` | {} | {} | {} | {} | {check} | {} | {} |",
                definition.id,
                cell(&definition.service),
                cell(&definition.kind),
                definition.severity.word(),
                definition.confidence.word(),
                definition.verify().map_or("", told),
                definition.aliases.iter().map(|alias| format!("`{alias}`")).collect::<Vec<_>>().join(" ")
            )?;
        }
    }
    Ok(())
}

/// What a service tells of a key.
fn told(verify: &Verify) -> &'static str {
    if verify.dead.is_empty() { "live" } else { "live, dead" }
}

fn write_counts(definitions: &[&Definition], out: &mut dyn Write) -> io::Result<()> {
    let aliases: usize = definitions.iter().map(|definition| definition.aliases.len()).sum();
    let services: BTreeSet<&str> = definitions.iter().map(|definition| definition.service.as_str()).collect();
    let checked = definitions.iter().filter(|definition| definition.check.is_some()).count();
    writeln!(out, "| | |\n| --- | --- |")?;
    writeln!(out, "| detectors | {} |", grouped(definitions.len()))?;
    writeln!(out, "| ids that select one, with aliases | {} |", grouped(definitions.len() + aliases))?;
    writeln!(out, "| services | {} |", grouped(services.len()))?;
    let asked = definitions.iter().filter(|definition| definition.verify().is_some()).count();
    writeln!(out, "| with an offline check | {} |", grouped(checked))?;
    writeln!(out, "| that `--verify` asks about | {} |", grouped(asked))?;
    for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
        let count = definitions.iter().filter(|definition| definition.severity == severity).count();
        writeln!(out, "| of severity {} | {} |", severity.word(), grouped(count))?;
    }
    for confidence in [Confidence::High, Confidence::Medium, Confidence::Low] {
        let count = definitions.iter().filter(|definition| definition.confidence == confidence).count();
        writeln!(out, "| of confidence {} | {} |", confidence.word(), grouped(count))?;
    }
    writeln!(out, "\n| category | detectors |\n| --- | --- |")?;
    for (category, members) in by_category(definitions) {
        writeln!(out, "| [{0}](#{0}) | {1} |", category.word(), grouped(members.len()))?;
    }
    Ok(())
}

fn by_category<'a>(
    definitions: &'a [&'a Definition],
) -> impl Iterator<Item = (Category, &'a [&'a Definition])> {
    let groups = definitions.chunk_by(|a, b| a.category == b.category);
    groups.filter_map(|members| Some((members.first()?.category, members)))
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// With a comma between thousands.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{grouped, write};
    use crate::cli::detectors::{catalogue, list};

    #[test]
    fn the_document_says_what_the_definitions_say() {
        let catalogue = catalogue(&[]).expect("the catalogue");
        let mut text = Vec::new();
        write(&list::choose(&catalogue, &[]).expect("all"), &mut text).expect("a vector takes all");
        let document = std::fs::read("docs/detectors.md").expect("the document");
        assert!(
            document == text,
            "docs/detectors.md is out of date. Renew it: \
             cargo run --quiet -- detectors list --format markdown > docs/detectors.md"
        );
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([1, 999, 1000, 1234567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
