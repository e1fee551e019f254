//! The examples of the embedded catalogue, made from templates.

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::self_test::{Made, hits, make};
use keyseam::detect::{DetectorIndex, DetectorSet, Scratch};

/// An example with its key made.
pub(crate) struct Planted {
    /// The detector.
    pub(crate) id: String,
    /// The number of the example among those of the detector.
    pub(crate) number: usize,
    /// What is found.
    pub(crate) key: Vec<u8>,
    /// What it stands in.
    pub(crate) text: Vec<u8>,
    /// The path of its file: of its own, unless the definition asks for this one.
    pub(crate) path: String,
    /// Whether the definition is for certain files only.
    pub(crate) of_files: bool,
    /// Whether it is an id: beside its secret it is a companion and no finding of its own.
    pub(crate) is_handle: bool,
}

impl Planted {
    /// A name for messages.
    pub(crate) fn name(&self) -> String {
        format!("{}, example {}", self.id, self.number)
    }
}

/// A seed that no earlier run had; tests print it where they fail, and `KEYSEAM_SEED` gives it again.
pub(crate) fn fresh_seed() -> u64 {
    if let Ok(seed) = std::env::var("KEYSEAM_SEED") {
        return seed.parse().expect("a number");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("valid");
    u64::try_from(now.as_nanos() % u128::from(u64::MAX)).expect("valid")
}

/// All examples. A key that looks like none by chance (a run of letters, say: one in some ten thousand) is
/// drawn again; that no definition refuses more of its keys, [`detectors`](crate::detectors) tests.
pub(crate) fn all(seed: u64) -> Vec<Planted> {
    let catalogue = Catalogue::embedded().expect("valid");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let mut scratch = Scratch::default();
    let mut planted = Vec::new();
    for (index, definition) in catalogue.indexed() {
        let of_files = !definition.paths.only.is_empty();
        for (number, example) in definition.examples.iter().enumerate() {
            let seed = seed.wrapping_add(planted.len() as u64);
            let mut draws = (0..3).map(|draw| make(definition, example, seed ^ (draw << 40)).expect("valid"));
            let first = draws.next().expect("valid");
            let made = if is_found(&set, &mut scratch, index, &first) {
                first
            } else {
                draws.find(|made| is_found(&set, &mut scratch, index, made)).unwrap_or(first)
            };
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

fn is_found(set: &DetectorSet, scratch: &mut Scratch, index: DetectorIndex, made: &Made) -> bool {
    hits(set, scratch, &made.text, &made.path).iter().any(|hit| hit.detector == index && made.is_key(hit))
}
