//! What to do about leaked keys, as a definition file says it: the `[[advice]]` tables.

use serde::Deserialize;

/// What to do about leaked keys of one service. Lists are in the order of doing; entries are sentences.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// The service, where it is not that of the file.
    pub service: Option<String>,
    /// Ids of the detectors of the same file that it is about.
    pub detectors: Vec<String>,
    /// The service's page on such keys.
    pub docs: Option<String>,
    /// Where such keys are managed, for detectors that name no such page themselves.
    pub console: Option<String>,
    /// What the key is and does.
    pub about: String,
    /// The next thing to do, one line without a full stop.
    pub first: String,
    /// What whoever holds it can do: what follows that word.
    pub allows: Vec<String>,
    /// How such keys leak more than others do.
    #[serde(default)]
    pub leaks: Vec<String>,
    /// How to see whether it was misused.
    pub misuse: Vec<String>,
    /// How to make its successor.
    pub make: Vec<String>,
    /// Whether both work side by side, and how long.
    pub overlap: Option<String>,
    /// How to revoke it.
    pub revoke: Vec<String>,
    /// What goes on working all the same.
    pub outlives: Option<String>,
    /// What stops working.
    pub breaks: Vec<String>,
    /// How to restrict the next one.
    #[serde(default)]
    pub restrict: Vec<String>,
    /// Who can be told, and who tells whom.
    #[serde(default)]
    pub report: Vec<String>,
    /// The environment variable that usually holds the key.
    pub variable: String,
}

impl Advice {
    /// Whether it is about the detector with this id.
    pub fn is_about(&self, id: &str) -> bool {
        self.detectors.iter().any(|own| own == id)
    }

    /// What is wrong with it. `ids` are those of the detectors of its file.
    pub(crate) fn check(&self, ids: &[&str]) -> Result<(), String> {
        let lists =
            [&self.allows, &self.leaks, &self.misuse, &self.make, &self.revoke, &self.breaks, &self.restrict];
        let lists = lists.into_iter().chain([&self.report, &self.detectors]).flatten();
        let lines = [&self.docs, &self.console, &self.overlap, &self.outlives, &self.service];
        let lines = lines.into_iter().flatten().chain([&self.about, &self.first, &self.variable]);
        if lists.chain(lines).any(|line| line.trim().is_empty() || line.contains(['\n', '\r'])) {
            return Err("its entries are one line each, and none is empty".to_owned());
        }
        let needed = [&self.detectors, &self.allows, &self.misuse, &self.make, &self.revoke, &self.breaks];
        if needed.into_iter().any(Vec::is_empty) {
            return Err(
                "detectors, allows, misuse, make, revoke and breaks have an entry at least".to_owned()
            );
        }
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if !self.variable.bytes().all(is_name) || self.variable.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("variable '{}' is no name like ACME_API_KEY", self.variable));
        }
        match self.detectors.iter().find(|id| !ids.contains(&id.as_str())) {
            Some(id) => Err(format!("'{id}' is no detector of its file")),
            None => Ok(()),
        }
    }
}
