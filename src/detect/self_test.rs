//! A definition against its own examples, the mutations of them, and its counter-examples; all made anew
//! from templates.

use super::definition::{Check, Definition, Example, Mutation, OnFail};
use super::template::{self, Seed, expand, to_bytes};
use super::{DetectorIndex, DetectorSet, Hit, Place, Scratch, Window};

/// Every change that is tried on an example's key.
const MUTATIONS: [Mutation; 5] =
    [Mutation::Shorter, Mutation::Longer, Mutation::Alphabet, Mutation::Checksum, Mutation::Boundary];

/// One example with its key and text made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The key.
    pub key: Vec<u8>,
    /// The text that holds it.
    pub text: Vec<u8>,
    /// The path of the file in which it stands.
    pub path: String,
    /// The key as its template wrote it.
    key_text: String,
    /// The seed from which the text was made, for texts around changed keys.
    after_key: Seed,
}

/// Makes an example of `definition`.
///
/// # Errors
/// A template that is none.
pub fn make(definition: &Definition, example: &Example, seed: u64) -> Result<Made, template::TemplateError> {
    let mut seed = Seed(seed);
    let key_text = expand(&example.key, "", &mut seed)?;
    let after_key = seed.clone();
    let text = expand(&example.text, &key_text, &mut seed)?;
    Ok(Made {
        key: bytes(example, &key_text),
        text: bytes(example, &text),
        path: path_for(definition, example.path.as_deref()),
        key_text,
        after_key,
    })
}

/// What is wrong with a definition of `set`, in words that hold no key; `seed` makes other keys.
pub fn faults(
    set: &DetectorSet,
    scratch: &mut Scratch,
    (index, definition): (DetectorIndex, &Definition),
    seed: u64,
) -> Vec<String> {
    let mut trial = Trial { set, scratch, index, seed, faults: Vec::new() };
    for (number, example) in definition.examples.iter().enumerate() {
        trial.example(definition, example, number + 1);
    }
    for (number, counter) in definition.counter_examples.iter().enumerate() {
        let path = path_for(definition, counter.path.as_deref());
        match expand(&counter.text, "", &mut Seed(seed)) {
            Err(error) => trial.fault("counter-example", number + 1, &error.to_string()),
            Ok(text) if trial.finds(text.as_bytes(), &path) => {
                trial.fault("counter-example", number + 1, &format!("found ({})", counter.why));
            }
            Ok(_) => {}
        }
    }
    trial.faults
}

/// What the detectors of `set` find in a file of these bytes.
pub fn hits(set: &DetectorSet, scratch: &mut Scratch, bytes: &[u8], path: &str) -> Vec<Hit> {
    let (owned, path) = (0..bytes.len(), path.as_bytes());
    let window = Window { bytes, owned, starts: true, ends: true, place: Place::File, path };
    let mut hits = Vec::new();
    set.scan(&window, scratch, &mut hits);
    hits
}

impl Made {
    /// Whether `hit` is the key, and not another one or a part of it.
    pub fn is_key(&self, hit: &Hit) -> bool {
        self.text.get(hit.span.clone()) == Some(self.key.as_slice())
    }
}

struct Trial<'a> {
    set: &'a DetectorSet,
    scratch: &'a mut Scratch,
    index: DetectorIndex,
    seed: u64,
    faults: Vec<String>,
}

impl Trial<'_> {
    fn fault(&mut self, what: &str, number: usize, problem: &str) {
        self.faults.push(format!("{what} {number}, seed {}: {problem}", self.seed));
    }

    fn scan(&mut self, bytes: &[u8], path: &str) -> Vec<Hit> {
        hits(self.set, self.scratch, bytes, path)
    }

    fn finds(&mut self, bytes: &[u8], path: &str) -> bool {
        let index = self.index;
        self.scan(bytes, path).iter().any(|hit| hit.detector == index)
    }

    fn example(&mut self, definition: &Definition, example: &Example, number: usize) {
        let made = match make(definition, example, self.seed) {
            Ok(made) => made,
            Err(error) => return self.fault("example", number, &error.to_string()),
        };
        let found = self.scan(&made.text, &made.path);
        let own = |hit: &&Hit| hit.detector == self.index;
        if !found.iter().filter(own).any(|hit| made.is_key(hit)) {
            let near = if found.iter().any(|hit| own(&hit)) { "another span is found" } else { "not found" };
            return self.fault("example", number, near);
        }
        for mutation in MUTATIONS.into_iter().filter(|mutation| !example.except.contains(mutation)) {
            for changed in mutated(&made.key_text, mutation, definition.check.as_ref()) {
                let Ok(text) = expand(&example.text, &changed, &mut made.after_key.clone()) else { continue };
                if self.finds(&bytes(example, &text), &made.path) {
                    self.fault("example", number, &format!("still found after '{mutation:?}'"));
                }
            }
        }
    }
}

fn bytes(example: &Example, text: &str) -> Vec<u8> {
    if example.binary { to_bytes(text) } else { text.as_bytes().to_vec() }
}

/// A path in which the definition applies.
fn path_for(definition: &Definition, given: Option<&str>) -> String {
    match (given, definition.paths.only.first()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(glob)) => format!("root/{}", glob.trim_start_matches("**/").replace('*', "x")),
        (None, None) => "app/file".to_owned(),
    }
}

/// The key changed so that it must not be found, if the mutation has something to change in it.
fn mutated(key: &str, mutation: Mutation, check: Option<&Check>) -> Vec<String> {
    let mut chars: Vec<char> = key.chars().collect();
    let Some(last) = chars.pop() else { return Vec::new() };
    let without_last: String = chars.iter().collect();
    match mutation {
        Mutation::Shorter => vec![without_last],
        Mutation::Longer => vec![format!("{key}{last}")],
        Mutation::Alphabet => {
            let middle = key.chars().count() / 2;
            vec![key.chars().enumerate().map(|(at, c)| if at == middle { '\u{1}' } else { c }).collect()]
        }
        Mutation::Boundary => vec![format!("q{key}"), format!("{key}q")],
        Mutation::Checksum if check.is_some_and(|check| check.on_fail == OnFail::Drop) => {
            let changed = match last {
                'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(last) + 1).unwrap_or('0'),
                'z' => 'a',
                'Z' => 'A',
                _ => '0',
            };
            vec![format!("{without_last}{changed}")]
        }
        Mutation::Checksum => Vec::new(),
    }
}

/// The other detectors that find the key of an example of this one, or a part of it.
pub fn rivals(
    set: &DetectorSet,
    scratch: &mut Scratch,
    (index, definition): (DetectorIndex, &Definition),
    seed: u64,
) -> Vec<String> {
    let mut trial = Trial { set, scratch, index, seed, faults: Vec::new() };
    let mut rivals = Vec::new();
    for (number, example) in definition.examples.iter().enumerate() {
        let Ok(made) = make(definition, example, seed) else { continue };
        let found = trial.scan(&made.text, &made.path);
        let Some(own) = found.iter().find(|hit| hit.detector == index).map(|hit| hit.span.clone()) else {
            continue;
        };
        let overlaps = |hit: &&Hit| hit.span.start < own.end && own.start < hit.span.end;
        for rival in found.iter().filter(|hit| hit.detector != index).filter(overlaps) {
            let id = &set.definition(rival.detector).id;
            rivals.push(format!("example {}: '{id}' finds it too", number + 1));
        }
    }
    rivals
}
