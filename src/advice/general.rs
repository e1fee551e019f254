//! General advice: what can be said of a key by the kind of service that it opens and the kind of secret it is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{OWN_SECRET, variable};
use crate::detect::definition::{Category, Definition};

/// `general.toml`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Tables {
    base: Texts,
    category: BTreeMap<String, Texts>,
    kind: BTreeMap<String, Texts>,
}

/// What a table says; what it leaves out, the next one says.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Texts {
    pub(super) about: Option<String>,
    pub(super) allows: Vec<String>,
    pub(super) leaks: Vec<String>,
    pub(super) misuse: Vec<String>,
    pub(super) make: Vec<String>,
    pub(super) roll_out: Vec<String>,
    pub(super) overlap: Option<String>,
    pub(super) revoke: Vec<String>,
    pub(super) outlives: Option<String>,
    pub(super) breaks: Vec<String>,
    pub(super) after: Vec<String>,
    pub(super) restrict: Vec<String>,
    pub(super) report: Vec<String>,
}

const TEXT: &str = include_str!("general.toml");

/// Read when the first key is found. A test reads it too.
fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| toml::from_str(TEXT).unwrap_or_default())
}

/// The general advice for one kind of key, with its names filled in.
pub(super) struct Filled<'a> {
    /// The more particular first.
    tables: Vec<&'static Texts>,
    service: &'a str,
    key: String,
    variable: String,
}

impl<'a> Filled<'a> {
    /// For keys of `definition`; without one, for secrets that the team itself named.
    pub(super) fn of(definition: Option<&'a Definition>, service: &'a str) -> Self {
        let all = tables();
        let category = definition.map_or(Category::Generic, |known| known.category);
        let by_category = all.category.get(category.word());
        // Of a private key of no particular service its category says all.
        let kind = definition.filter(|known| known.is_handle() || category != Category::CryptoKeys);
        let by_kind = kind.and_then(|known| {
            let kind = if known.is_handle() { "handle" } else { known.kind.as_str() };
            all.kind.get(&kind.to_ascii_lowercase())
        });
        Self {
            tables: by_kind.into_iter().chain(by_category).chain([&all.base]).collect(),
            service,
            // Definitions write it in both ways.
            key: definition.map_or(OWN_SECRET, |known| known.kind.as_str()).replace("api ", "API "),
            variable: definition.map_or_else(|| "SECRET".to_owned(), variable),
        }
    }

    pub(super) fn text(&self, field: fn(&Texts) -> &Option<String>) -> Option<String> {
        self.tables.iter().find_map(|texts| field(texts).as_ref()).map(|text| self.fill(text))
    }

    pub(super) fn list(&self, field: fn(&Texts) -> &Vec<String>) -> Vec<String> {
        let list = self.tables.iter().map(|texts| field(texts)).find(|list| !list.is_empty());
        list.into_iter().flatten().map(|text| self.fill(text)).collect()
    }

    fn fill(&self, text: &str) -> String {
        let text = text.replace("A {key}", &format!("{} {{key}}", article(&self.key)));
        let text = text.replace("a {key}", &format!("{} {{key}}", article(&self.key).to_lowercase()));
        let names = [("{service}", self.service), ("{key}", &self.key), ("{variable}", &self.variable)];
        names.into_iter().fold(text, |text, (name, value)| text.replace(name, value))
    }
}

/// `SSH key` and the like begin with the sound of a vowel; `user key` does not.
fn article(noun: &str) -> &'static str {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O', 'S'])
        || ["un", "up"].iter().any(|start| noun.starts_with(start));
    if vowel { "An" } else { "A" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_leaves_nothing_open() {
        let tables: Tables = toml::from_str(TEXT).expect("general.toml");
        let base = &tables.base;
        assert!(base.about.is_some() && base.overlap.is_some());
        let lists = [&base.allows, &base.leaks, &base.misuse, &base.make, &base.roll_out, &base.revoke];
        let lists = lists.into_iter().chain([&base.breaks, &base.after, &base.restrict, &base.report]);
        assert!(lists.into_iter().all(|list| !list.is_empty()));
        for category in Category::ALL {
            assert!(tables.category.contains_key(category.word()), "{}", category.word());
        }
        assert_eq!(tables.category.len(), Category::ALL.len());
    }
}
