//! Literals of which every match of an expression holds one, and how far from its beginning.

use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::detect::pattern;
use crate::limits;

/// Shorter ones are everywhere; definitions with them are refused.
const SHORTEST: usize = 3;

/// Bytes of one literal, at most.
const LONGEST: usize = 64;

/// Characters of a class that count one by one: any digit is a text, any letter is none.
const DIGITS: usize = 10;

/// Literals that lead to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// The literals, lowercase where `folded`.
    pub(super) texts: Vec<Vec<u8>>,
    /// Whether any of them stands in any case.
    pub(super) folded: bool,
    /// Bytes of a match that may stand before one; nothing where there is no bound.
    pub(super) before: Option<usize>,
    /// Whether some matches hold none of them.
    pub(super) partial: bool,
}

/// A literal in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    bytes: Vec<u8>,
    folded: bool,
}

/// Reads an expression of our dialect.
pub(super) fn parse(pattern: &str) -> Result<Hir, String> {
    let hir = syntax::parse_with(pattern, &pattern::dialect());
    hir.map_err(|error| error.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

/// The best literals for `hir`; those that hold one of `keywords` (lowercase) are better. The second value
/// says whether every match holds a keyword.
pub(super) fn best(hir: &Hir, keywords: &[String]) -> Option<(Cover, bool)> {
    let mut covers = Vec::new();
    collect(hir, Some(0), &mut covers);
    let named = |cover: &Cover| {
        let holds = |text: &Vec<u8>| {
            let text = text.to_ascii_lowercase();
            keywords.iter().any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
        };
        !keywords.is_empty() && cover.texts.iter().all(holds)
    };
    let implied = covers.iter().any(|cover| !cover.partial && named(cover));
    let best = covers.into_iter().min_by_key(|cover| {
        let shortest = cover.texts.iter().map(Vec::len).min().unwrap_or(0);
        let before = cover.before.unwrap_or(usize::MAX);
        let far = before > limits::PATTERN_BEFORE;
        (
            cover.partial,
            far,
            !named(cover),
            shortest < SHORTEST + 1,
            before > 0,
            // A byte more is worth as much as three literals less.
            3 * (12 - shortest.min(12)) + cover.texts.len(),
        )
    });
    best.map(|best| (best, implied))
}

/// The strings that `hir` matches, if they are few and short.
pub(super) fn strings(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let texts = exact(hir)?;
    (!texts.iter().any(|text| text.folded)).then(|| texts.into_iter().map(|text| text.bytes).collect())
}

fn collect(hir: &Hir, before: Option<usize>, covers: &mut Vec<Cover>) {
    match hir.kind() {
        HirKind::Concat(parts) => concat(parts, before, covers),
        HirKind::Alternation(branches) => {
            concat(std::slice::from_ref(hir), before, covers);
            covers.extend(union(branches, before));
        }
        HirKind::Capture(capture) => collect(&capture.sub, before, covers),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, before, covers),
        HirKind::Literal(_) | HirKind::Class(_) => concat(std::slice::from_ref(hir), before, covers),
        HirKind::Repetition(_) | HirKind::Empty | HirKind::Look(_) => {}
    }
}

/// Runs of parts that match few strings make literals; the others may hold some.
fn concat(parts: &[Hir], before: Option<usize>, covers: &mut Vec<Cover>) {
    let mut run = vec![Text::default()];
    let (mut run_before, mut at) = (before, before);
    for part in parts {
        let texts = exact(part);
        let longer = texts.as_ref().and_then(|texts| product(&run, texts));
        if texts.as_ref().is_some_and(|texts| texts.len() == DIGITS) {
            covers.extend(cover(&run, run_before));
        }
        match (longer, texts) {
            (Some(longer), _) => run = longer,
            (None, Some(texts)) => {
                covers.extend(cover(&run, run_before));
                (run, run_before) = (texts, at);
            }
            (None, None) => {
                covers.extend(cover(&run, run_before));
                let nested = !matches!(part.kind(), HirKind::Literal(_) | HirKind::Class(_));
                if nested && !is_same(parts, part) {
                    collect(part, at, covers);
                }
                run = vec![Text::default()];
                run_before = add(at, part.properties().maximum_len());
            }
        }
        at = add(at, part.properties().maximum_len());
    }
    covers.extend(cover(&run, run_before));
}

/// Whether `part` is all there is, so that looking into it would begin anew.
fn is_same(parts: &[Hir], part: &Hir) -> bool {
    parts.len() == 1 && matches!(part.kind(), HirKind::Alternation(_))
}

/// One of each branch.
fn union(branches: &[Hir], before: Option<usize>) -> Option<Cover> {
    let mut all = Cover { texts: Vec::new(), folded: false, before: Some(0), partial: false };
    for branch in branches {
        match best_of(branch, before) {
            Some(cover) => {
                all.texts.extend(cover.texts);
                all.folded |= cover.folded;
                all.partial |= cover.partial;
                all.before = all.before.zip(cover.before).map(|(a, b)| a.max(b));
            }
            None => all.partial = true,
        }
    }
    all.texts.sort();
    all.texts.dedup();
    (!all.texts.is_empty() && all.texts.len() <= limits::IMPORT_CHOICES).then_some(all)
}

fn best_of(hir: &Hir, before: Option<usize>) -> Option<Cover> {
    let mut covers = Vec::new();
    collect(hir, before, &mut covers);
    covers.into_iter().min_by_key(|cover| {
        let shortest = cover.texts.iter().map(Vec::len).min().unwrap_or(0);
        (cover.partial, cover.before.unwrap_or(usize::MAX), usize::MAX - shortest, cover.texts.len())
    })
}

/// The literals of a run, those that hold another one of them left out; nothing if one is too short.
fn cover(run: &[Text], before: Option<usize>) -> Option<Cover> {
    let folded = run.iter().any(|text| text.folded);
    let mut texts: Vec<Vec<u8>> = Vec::new();
    let mut sorted: Vec<Vec<u8>> = run.iter().map(|text| text.bytes.clone()).collect();
    sorted.sort_by_key(Vec::len);
    if sorted.first().is_none_or(|shortest| shortest.len() < SHORTEST) {
        return None;
    }
    let mut further = 0;
    for text in sorted {
        let inside = texts.iter().filter_map(|known| memchr::memmem::find(&text, known)).min();
        match inside {
            Some(at) => further = further.max(at),
            None => texts.push(text),
        }
    }
    Some(Cover { texts, folded, before: add(before, Some(further)), partial: false })
}

fn add(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    a.zip(b).map(|(a, b)| a.saturating_add(b))
}

/// All strings of `hir`, if they are few and short. Assertions count as nothing.
fn exact(hir: &Hir) -> Option<Vec<Text>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Text::default()]),
        HirKind::Literal(literal) => {
            (literal.0.len() <= LONGEST).then(|| vec![Text { bytes: literal.0.to_vec(), folded: false }])
        }
        HirKind::Class(class) => class_texts(class),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Text::default()], |run, part| product(&run, &exact(part)?))
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(exact(branch)?);
                if all.len() > limits::IMPORT_CHOICES {
                    return None;
                }
            }
            all.sort();
            all.dedup();
            Some(all)
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.filter(|most| *most <= 8)?;
            let sub = exact(&repetition.sub)?;
            let mut power = vec![Text::default()];
            let mut all = if repetition.min == 0 { power.clone() } else { Vec::new() };
            for count in 1..=most {
                power = product(&power, &sub)?;
                if count >= repetition.min {
                    all.extend(power.iter().cloned());
                }
            }
            all.sort();
            all.dedup();
            (all.len() <= limits::IMPORT_CHOICES).then_some(all)
        }
    }
}

/// The characters of a small class; a letter in both cases is one.
fn class_texts(class: &Class) -> Option<Vec<Text>> {
    let bytes = bytes_of(class)?;
    if bytes.len() > 16 {
        return None;
    }
    let mut texts: Vec<Text> = Vec::new();
    for byte in &bytes {
        let other =
            if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        let folded = other != *byte && bytes.contains(&other);
        let byte = if folded { byte.to_ascii_lowercase() } else { *byte };
        texts.push(Text { bytes: vec![byte], folded });
    }
    texts.sort();
    texts.dedup();
    (texts.len() <= DIGITS).then_some(texts)
}

/// The bytes of a class that holds no character outside ASCII.
pub(super) fn bytes_of(class: &Class) -> Option<Vec<u8>> {
    let class = match class {
        Class::Bytes(bytes) => bytes.clone(),
        Class::Unicode(unicode) => unicode.to_byte_class()?,
    };
    Some(class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect())
}

fn product(run: &[Text], texts: &[Text]) -> Option<Vec<Text>> {
    if run.len().saturating_mul(texts.len()) > limits::IMPORT_CHOICES {
        return None;
    }
    let mut all = Vec::with_capacity(run.len() * texts.len());
    for front in run {
        for back in texts {
            if front.bytes.len() + back.bytes.len() > LONGEST {
                return None;
            }
            let bytes = [front.bytes.as_slice(), &back.bytes].concat();
            all.push(Text { bytes, folded: front.folded || back.folded });
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{best, parse};

    fn anchors(pattern: &str, keywords: &[&str]) -> (Vec<String>, Option<usize>, bool, bool) {
        let keywords: Vec<String> = keywords.iter().map(|word| (*word).to_owned()).collect();
        let (cover, implied) = best(&parse(pattern).expect("valid"), &keywords).expect("literals");
        let texts = cover.texts.into_iter().map(|text| String::from_utf8(text).expect("text")).collect();
        (texts, cover.before, cover.partial, implied)
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn literals_are_found_wherever_they_stand() {
        assert_eq!(anchors(r"\bacme_[a-z]{8}", &[]), (strings(&["acme_"]), Some(0), false, false));
        let (texts, before, ..) = anchors(r"[a-z]{4,9}-(?i:Acme)-[a-z]+", &["acme"]);
        assert_eq!((texts, before), (strings(&["-acme-"]), Some(9)));
        assert_eq!(anchors(r"gh[pous]_\w{36}", &[]).0.len(), 4);
        assert_eq!(anchors(r"(?:one|two)?three\d", &[]), (strings(&["three"]), Some(3), false, false));
    }

    #[test]
    fn each_branch_has_its_own() {
        let (texts, before, partial, _) = anchors(r"(?:abc[0-9]+|x?[0-9]{3}def)\b", &[]);
        assert_eq!((texts, before, partial), (strings(&["abc", "def"]), Some(4), false));
        assert!(anchors(r"(?:abc[0-9]+|x[0-9]{3})\b", &[]).2, "a branch has no literal");
    }

    #[test]
    fn a_keyword_is_better_and_its_place_is_told() {
        let pattern = r"(?i)acme[\w]{0,20}(?:secret|token)=[a-f0-9]{32}";
        assert_eq!(anchors(pattern, &["acme"]), (strings(&["acme"]), Some(0), false, true));
        assert!(!anchors(pattern, &["elsewhere"]).3);
    }

    #[test]
    fn what_has_none_has_none() {
        for pattern in [r"[a-f0-9]{32}", r"ab[0-9]+", r"(?:abc)?[0-9]{8}", r"[a-z]+@[a-z]+"] {
            assert!(best(&parse(pattern).expect("valid"), &[]).is_none(), "{pattern}");
        }
        assert_eq!(anchors(r"[a-z]*acme", &[]).1, None);
    }
}
