//! All definitions: the embedded ones and the user's. `docs/adding-a-detector.md` says how to add one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::DetectorIndex;
use super::check_definition::check;
use super::definition::{Definition, parse, parse_embedded};
use super::fault::Fault;
use crate::detectors::FILES;
use crate::image::digest::{Algorithm, Digest, Hasher};

/// Every detector there is, whether it is selected or not.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Shared with the sets that are made of them.
    definitions: Arc<Vec<Definition>>,
    /// Lowercase ids and aliases.
    ids: HashMap<String, DetectorIndex>,
    /// SHA-256 of each text read, in hex.
    texts: Vec<Cow<'static, str>>,
}

impl Catalogue {
    /// No definitions.
    pub(super) fn empty() -> Self {
        Self { definitions: Arc::default(), ids: HashMap::new(), texts: Vec::new() }
    }

    /// The definitions that are part of this program. A test checks them in full; here they are only
    /// read.
    pub fn embedded() -> Result<Self, Fault> {
        let mut catalogue = Self::empty();
        for file in FILES {
            catalogue.add(parse_embedded(file)?, "", file.name)?;
            catalogue.texts.push(Cow::Borrowed(file.sha256));
        }
        Ok(catalogue)
    }

    /// Adds the definitions of a user's file, in the same form, after checking each in full. Nothing is
    /// added when one is wrong.
    pub fn add_rules(&mut self, text: &str, origin: &str) -> Result<(), Fault> {
        let mut whole = self.clone();
        let known = whole.definitions.len();
        whole.add(parse(text, origin)?, text, origin)?;
        whole.texts.push(Cow::Owned(Digest::sha256_of(text.as_bytes()).hex().to_owned()));
        for (number, definition) in whole.definitions.iter().skip(known).enumerate() {
            check(definition, &whole).map_err(|problem| {
                Fault::of_definition(text, (origin, number, &definition.id), &definition.forms, &problem)
            })?;
        }
        *self = whole;
        Ok(())
    }

    /// Every definition; its place is its [`DetectorIndex`].
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The same, to be kept.
    pub(super) fn shared(&self) -> &Arc<Vec<Definition>> {
        &self.definitions
    }

    /// The definition with this index.
    pub fn get(&self, detector: DetectorIndex) -> Option<&Definition> {
        self.definitions.get(usize::from(detector.0))
    }

    /// The detector with this id or alias, in any case.
    pub fn find(&self, id: &str) -> Option<DetectorIndex> {
        self.ids.get(&id.to_ascii_lowercase()).copied()
    }

    /// The detectors that an id, an alias, a service or a category names, in any case; empty when
    /// nothing does.
    pub fn matching(&self, selector: &str) -> Vec<DetectorIndex> {
        if let Some(index) = self.find(selector) {
            return vec![index];
        }
        let named = |definition: &Definition| {
            definition.service.eq_ignore_ascii_case(selector)
                || definition.category.word().eq_ignore_ascii_case(selector)
        };
        self.indexed().filter(|(_, definition)| named(definition)).map(|(index, _)| index).collect()
    }

    /// The definitions with their indexes.
    pub fn indexed(&self) -> impl Iterator<Item = (DetectorIndex, &Definition)> {
        (0..=u16::MAX).map(DetectorIndex).zip(&*self.definitions)
    }

    /// What the results of a scan depend on: the texts of all definitions and this program's version.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        for text in &self.texts {
            hasher.update(b"\n");
            hasher.update(text.as_bytes());
        }
        hasher.finish()
    }

    /// Checks all that can be wrong with a definition; see `docs/adding-a-detector.md`.
    pub fn check(&self, definition: &Definition) -> Result<(), Fault> {
        check(definition, self).map_err(|problem| {
            let place = (definition.origin.as_str(), 0, definition.id.as_str());
            Fault::of_definition("", place, &definition.forms, &problem)
        })
    }

    /// Adds what was read from `text`.
    fn add(&mut self, definitions: Vec<Definition>, text: &str, origin: &str) -> Result<(), Fault> {
        for (number, definition) in definitions.into_iter().enumerate() {
            let index = u16::try_from(self.definitions.len())
                .map_err(|_| Fault::of_file(origin, "there are more than 65,536 detectors"))?;
            let ids = std::iter::once(&definition.id).chain(&definition.aliases);
            for (place, id) in ids.enumerate() {
                let Some(other) = self.ids.insert(id.to_ascii_lowercase(), DetectorIndex(index)) else {
                    continue;
                };
                let what = if place == 0 { "id" } else { "alias" };
                let owner = self.get(other).unwrap_or(&definition);
                let problem = format!(
                    "the {what} '{id}' is taken by '{}' of {}; choose another one",
                    owner.id, owner.origin
                );
                let place = (origin, number, definition.id.as_str());
                return Err(Fault::of_definition(text, place, &definition.forms, &problem));
            }
            Arc::make_mut(&mut self.definitions).push(definition);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Definition, Digest, parse};
    use crate::detect::later::Later;

    const RULES: &str = r#"
        service = "Acme"
        category = "saas"

        [[detector]]
        id = "acme-token"
        name = "Acme token"
        kind = "token"
        severity = "high"
        confidence = "high"
        aliases = ["acme"]

        [[detector.form]]
        anchors = ["acme_"]
        pattern = 'acme_[a-z]{8}'

        [[detector.example]]
        key = "acme_{{lower:8}}"
        [[detector.example]]
        key = "acme_{{lower:8}}"
        text = "TOKEN={{key}}"
        [[detector.counter_example]]
        text = "acme_{{lower:7}}"
        why = "too short"
        [[detector.counter_example]]
        text = "acme_{{digits:8}}"
        why = "no letters"
    "#;

    fn problem(change: (&str, &str)) -> String {
        let mut catalogue = Catalogue::embedded().expect("valid");
        assert!(RULES.contains(change.0), "{}", change.0);
        catalogue
            .add_rules(&RULES.replacen(change.0, change.1, 1), "mine.toml")
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn a_selector_is_an_id_an_alias_a_service_or_a_category() {
        let mut catalogue = Catalogue::embedded().expect("valid");
        let before = catalogue.digest();
        catalogue.add_rules(RULES, "mine.toml").expect("valid");
        let acme = catalogue.find("acme-token").expect("valid");
        for selector in ["ACME-TOKEN", "acme", "Acme"] {
            assert_eq!(catalogue.matching(selector), [acme]);
        }
        assert!(catalogue.matching("saas").contains(&acme));
        assert!(catalogue.matching("acm").is_empty());
        assert_ne!(catalogue.digest(), before);
    }

    /// The build reads the files in another way than `--rules` are read: it must come to the same.
    #[test]
    fn the_embedded_definitions_are_those_of_the_files() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detectors");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        let mut of_files = Catalogue::empty();
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let text = std::fs::read_to_string(&path).expect("a text");
            // No other file may ask services.
            let before = text.split("[[verify]]").next().expect("a part");
            let definitions = parse(before, name).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            of_files.add(definitions, &text, name).expect("new ids");
            of_files.texts.push(Digest::sha256_of(text.as_bytes()).hex().to_owned().into());
        }
        let embedded = Catalogue::embedded().expect("valid");
        assert_eq!(embedded.definitions().len(), of_files.definitions().len());
        for (built, read) in embedded.definitions().iter().zip(of_files.definitions()) {
            let built = Definition { verifies: Later::default(), ..built.clone() };
            assert_eq!(format!("{built:?}"), format!("{read:?}"));
        }
        assert_eq!(embedded.digest(), of_files.digest());
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_id() {
        for (change, word) in [
            (("acme_[a-z]{8}", "acme_[a-z{8}"), "regex"),
            (("[\"acme_\"]", "[\"a_\"]"), "3 bytes"),
            (("[\"acme_\"]", "[\"other_\"]"), "anchor"),
            (("id = \"acme-token\"", "id = \"Acme Token\""), "kebab-case"),
            (("aliases = [\"acme\"]", "aliases = [\"clockwork-api-key\"]"), "taken"),
            (("kind = \"token\"", "kind = \"\""), "kind"),
            (
                ("text = \"acme_{{digits:8}}\"\n        why = \"no letters\"", "text = \"\"\nwhy = \"\""),
                "why",
            ),
        ] {
            let problem = problem(change);
            assert!(problem.starts_with("mine.toml:"), "{problem}");
            assert!(problem.contains(": detector '") && problem.contains(": field '"), "{problem}");
            assert_eq!(problem.lines().count(), 1, "{problem}");
            assert!(problem.contains(word), "{problem} has no {word}");
        }
    }

    #[test]
    fn unknown_fields_and_values_are_refused() {
        assert!(problem(("kind =", "colour =")).contains("colour"));
        assert!(problem(("\"saas\"", "\"sauce\"")).contains("sauce"));
        assert!(problem(("pattern = ", "exact = true\npattern = ")).contains("exact"));
    }

    #[test]
    fn nothing_is_added_when_one_is_wrong() {
        let mut catalogue = Catalogue::embedded().expect("valid");
        let count = catalogue.definitions().len();
        assert!(catalogue.add_rules(&RULES.replace("acme_[", "acme_("), "mine.toml").is_err());
        assert_eq!(catalogue.definitions().len(), count);
    }
}
