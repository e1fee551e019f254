//! An imported rule is tried before it is written: on texts made from its own expression, and on others.

use super::rule::Draft;
use super::sample::Sample;
use super::write;
use crate::detect::catalogue::Catalogue;
use crate::detect::set::{DetectorSet, Scratch};
use crate::detect::template::{Seed, expand};

/// Samples that are made of each form, at most.
const VARIANTS: usize = 12;

/// Times that a sample is made anew: it must be found each time.
const ROUNDS: u64 = 6;

/// Texts for a definition.
#[derive(Clone, Debug, Default)]
pub(super) struct Examples {
    /// Keys and the texts around them.
    pub(super) good: Vec<(String, String)>,
    /// Texts that hold none, and why not.
    pub(super) bad: Vec<(String, String)>,
}

/// The examples with which a draft can be loaded, and whether it finds them. The error says why it cannot be
/// loaded at all.
pub(super) fn examples(draft: &Draft) -> Result<(Examples, bool), String> {
    let samples = samples(draft);
    let [first, ..] = samples.as_slice() else {
        return Err("no example of what its regex matches can be made".to_owned());
    };
    let mut examples = Examples { good: vec![first.clone(); 2], bad: others(draft) };
    examples.bad.truncate(2);
    let mut alone = Catalogue::empty();
    alone
        .add_rules(&(write::head(&[]) + &write::detector(draft, &examples, &|_| None)), "rule")
        .map_err(|fault| fault.problem)?;
    let set = DetectorSet::new(&alone).map_err(|error| error.to_string())?;
    let mut scratch = Scratch::default();
    let mut found = |text: &str, key: Option<&str>| {
        let mut hits = Vec::new();
        set.scan_text(text.as_bytes(), &mut scratch, &mut hits);
        hits.iter().any(|hit| key.is_none_or(|key| text.get(hit.span.clone()) == Some(key)))
    };
    let mut good: Vec<(String, String)> = Vec::new();
    for sample in &samples {
        let always =
            (1..=ROUNDS).all(|seed| made(sample, seed).is_some_and(|(k, text)| found(&text, Some(&k))));
        if always && !good.contains(sample) {
            good.push(sample.clone());
        }
        if good.len() == 2 {
            break;
        }
    }
    let tried = !good.is_empty();
    match good.as_slice() {
        [] => good = vec![first.clone(); 2],
        [only] => good.push((only.0.clone(), format!("{}\n", only.1))),
        _ => {}
    }
    let mut bad = others(draft);
    bad.retain(|(text, _)| {
        (1..=ROUNDS).all(|seed| expand(text, "", &mut Seed(seed)).is_ok_and(|t| !found(&t, None)))
    });
    bad.truncate(2);
    while bad.len() < 2 {
        bad.push((String::new(), "there is nothing".to_owned()));
    }
    Ok((Examples { good, bad }, tried))
}

/// Samples that hold an anchor, as definitions ask.
fn samples(draft: &Draft) -> Vec<(String, String)> {
    let mut samples = Vec::new();
    for form in &draft.forms {
        for variant in 0..VARIANTS {
            let Some(sample) = Sample::of(&form.hir, variant) else { continue };
            let sample = (sample.key().to_owned(), sample.text());
            let holds = made(&sample, 1).is_some_and(|(_, text)| {
                let text = text.to_ascii_lowercase();
                form.anchors.iter().any(|anchor| text.contains(&anchor.to_ascii_lowercase()))
            });
            if holds && !samples.contains(&sample) {
                samples.push(sample);
            }
        }
    }
    samples
}

fn made((key, text): &(String, String), seed: u64) -> Option<(String, String)> {
    let mut seed = Seed(seed);
    let key = expand(key, "", &mut seed).ok()?;
    let text = expand(text, &key, &mut seed).ok()?;
    Some((key, text))
}

/// Texts in which a rule finds nothing, most likely.
fn others(draft: &Draft) -> Vec<(String, String)> {
    let anchor = draft.forms.iter().flat_map(|form| &form.anchors).next().map_or("", String::as_str);
    let anchor = anchor.replace('{', "{{bytes:7B}}");
    [
        (anchor.clone(), "nothing stands beside it"),
        ("{{digits:6}}".to_owned(), "it holds none of the anchors"),
        (format!("{anchor} "), "nothing stands beside it"),
        ("-".to_owned(), "it holds none of the anchors"),
    ]
    .map(|(text, why)| (text, why.to_owned()))
    .to_vec()
}
