//! The examples of the embedded catalogue, made from templates.

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::self_test::make;

/// An example with its key made.
pub(super) struct Planted {
    /// The detector.
    pub(super) id: String,
    /// The number of the example among those of the detector.
    pub(super) number: usize,
    /// What is found.
    pub(super) key: Vec<u8>,
    /// What it stands in.
    pub(super) text: Vec<u8>,
    /// The path of its file: of its own, unless the definition asks for this one.
    pub(super) path: String,
    /// Whether the definition is for certain files only.
    pub(super) of_files: bool,
    /// Whether it is an id: beside its secret it is a companion and no finding of its own.
    pub(super) is_handle: bool,
}

impl Planted {
    /// A name for messages.
    pub(super) fn name(&self) -> String {
        format!("{}, example {}", self.id, self.number)
    }
}

/// A seed that no earlier run had; tests print it where they fail.
pub(super) fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("valid");
    u64::try_from(now.as_nanos() % u128::from(u64::MAX)).expect("valid")
}

/// All examples.
pub(super) fn all(seed: u64) -> Vec<Planted> {
    let catalogue = Catalogue::embedded().expect("valid");
    let mut planted = Vec::new();
    for definition in catalogue.definitions() {
        let of_files = !definition.paths.only.is_empty();
        for (number, example) in definition.examples.iter().enumerate() {
            let made = make(definition, example, seed.wrapping_add(planted.len() as u64)).expect("valid");
            let number = number + 1;
            let own = format!("c/{}/{number}/{}", definition.id, made.path);
            let fixed = of_files
                && !definition.paths.only.iter().all(|glob| !glob.trim_start_matches("**/").contains('/'));
            planted.push(Planted {
                id: definition.id.clone(),
                number,
                key: made.key,
                text: made.text,
                path: if fixed { made.path } else { own },
                of_files,
                is_handle: definition.is_handle(),
            });
        }
    }
    planted
}
