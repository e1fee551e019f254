//! Examples for an imported rule, made from its expression: a text that it matches, as templates, so that
//! no key stands in a file of rules.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::anchors::bytes_of;

/// Characters of a part of the key that may be of any length.
const USUAL: u32 = 32;

/// Variants whose characters come by chance alone.
const PLAIN: usize = 4;

/// Characters of a sample, templates counted as they are written.
const LONGEST: usize = 8 * 1024;

/// A text with a key in it, as templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    parts: [String; 3],
    /// Which part is being written: before the key, the key, behind it.
    at: usize,
    failed: bool,
}

impl Sample {
    /// A text that `hir` matches; another one for each `variant`. Nothing where none can be made.
    pub(super) fn of(hir: &Hir, variant: usize) -> Option<Self> {
        let mut sample = Self::default();
        let whole = !has_key(hir);
        sample.at = usize::from(whole);
        sample.walk(hir, variant, whole);
        let [_, key, _] = &sample.parts;
        (!sample.failed && !key.is_empty()).then_some(sample)
    }

    /// The key.
    pub(super) fn key(&self) -> &str {
        &self.parts[1]
    }

    /// The text around it.
    pub(super) fn text(&self) -> String {
        let [before, _, behind] = &self.parts;
        format!("{before}{{{{key}}}}{behind}")
    }

    fn push(&mut self, text: &str) {
        let Some(part) = self.parts.get_mut(self.at) else { return };
        part.push_str(text);
        self.failed |= part.len() > LONGEST;
    }

    fn walk(&mut self, hir: &Hir, variant: usize, in_key: bool) {
        if self.failed {
            return;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.literal(&literal.0),
            HirKind::Class(class) => self.class(class, 1, variant),
            HirKind::Capture(capture) if capture.name.as_deref() == Some("key") => {
                self.at = 1;
                self.walk(&capture.sub, variant, true);
                self.at = 2;
            }
            HirKind::Capture(capture) => self.walk(&capture.sub, variant, in_key),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part, variant, in_key)),
            HirKind::Alternation(branches) => {
                let with_key = branches.iter().position(has_key);
                let chosen = with_key.unwrap_or(variant % branches.len().max(1));
                if let Some(branch) = branches.get(chosen) {
                    self.walk(branch, variant, in_key);
                }
            }
            HirKind::Repetition(repetition) => self.repetition(repetition, variant, in_key),
        }
    }

    fn repetition(&mut self, repetition: &Repetition, variant: usize, in_key: bool) {
        let least = repetition.min;
        let most = repetition.max.unwrap_or(u32::MAX);
        let class = matches!(repetition.sub.kind(), HirKind::Class(_));
        let wanted = match (in_key, class) {
            (true, true) if most > 4 => USUAL,
            _ if has_key(&repetition.sub) => 1,
            _ => u32::from(variant % 2 == 1),
        };
        let count = wanted.clamp(least, most.max(least));
        if let HirKind::Class(class) = repetition.sub.kind() {
            // A gap that anything may fill.
            if !in_key && bytes_of(class).is_some_and(|bytes| bytes.len() >= 255) {
                self.push(&" ".repeat(count.min(1_000) as usize));
            } else {
                self.class(class, count, variant);
            }
            return;
        }
        for _ in 0..count {
            self.walk(&repetition.sub, variant, in_key);
        }
    }

    /// A literal; what would begin a template is written as bytes.
    fn literal(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push(&text.replace('{', "{{bytes:7B}}")),
            Err(_) => self.failed = true,
        }
    }

    /// `count` of some letters and digits. Later variants take turns among parts of them, which gives more
    /// entropy than chance does: gates ask for about what chance gives.
    fn chars(&mut self, set: &[u8], count: u32, variant: usize) {
        let parts = if variant >= PLAIN && count >= 12 && set.len() >= 8 { 4 } else { 1 };
        let size = set.len().div_ceil(parts);
        let mut left = count;
        for (number, part) in set.chunks(size).enumerate() {
            let share = if number + 1 == parts { left } else { count / parts as u32 };
            self.push(&format!("{{{{chars:{}:{share}}}}}", bracket(part)));
            left -= share;
        }
    }

    /// `count` characters of a class: letters and digits where it has any.
    fn class(&mut self, class: &Class, count: u32, variant: usize) {
        let Some(bytes) = bytes_of(class) else {
            self.failed = true;
            return;
        };
        if count == 0 {
            return;
        }
        let wide: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        if wide.len() > 2 {
            self.chars(&wide, count, variant);
            return;
        }
        // A letter in both cases; a mark that ends a key; a blank.
        let plain = |byte: &&u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        let marks: Vec<u8> = bytes.iter().filter(plain).copied().collect();
        let chosen = wide
            .last()
            .or(marks.get(variant % marks.len().max(1)))
            .or(bytes.iter().find(|byte| **byte == b' '))
            .or(bytes.iter().find(|byte| **byte == b'\n'))
            .or(bytes.iter().find(|byte| byte.is_ascii()));
        match chosen {
            Some(byte) => {
                let text = char::from(*byte).to_string().repeat(count.min(1_000) as usize);
                self.literal(text.as_bytes());
            }
            None => self.failed = true,
        }
    }
}

/// Whether the key's group is in it.
fn has_key(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => capture.name.as_deref() == Some("key") || has_key(&capture.sub),
        HirKind::Repetition(repetition) => has_key(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_key),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// The inside of a bracket for sorted letters and digits.
fn bracket(bytes: &[u8]) -> String {
    let mut inside = String::new();
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        let run =
            behind.iter().zip(1..).take_while(|(byte, step)| **byte == first.saturating_add(*step)).count();
        inside.push(char::from(*first));
        match behind.get(..run) {
            Some([.., last]) if run > 1 => inside.extend(['-', char::from(*last)]),
            Some(short) => inside.extend(short.iter().map(|byte| char::from(*byte))),
            None => {}
        }
        rest = behind.get(run..).unwrap_or_default();
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::Sample;
    use crate::detect::import::anchors::parse;
    use crate::detect::template::{Seed, expand};

    #[test]
    fn samples_match_and_hold_their_key() {
        for pattern in [
            r"\bacme_[a-z0-9]{40}\b",
            r#"(?i)acme[\w .-]{0,20}[\s'"]{0,3}(?:=|:)['"]{0,5}(?P<key>[a-f0-9]{32})(?:['"]|[\s;]|$)"#,
            r"(?:\{\{|x)(?P<key>[A-Z0-9]{8}-[A-Z]{4,})(?:one|two){2}",
            r"(?:a(?P<key>[0-9]{9})|b)",
        ] {
            let hir = parse(pattern).expect("valid");
            let regex = regex::Regex::new(pattern).expect("valid");
            for variant in 0..6 {
                let sample = Sample::of(&hir, variant).expect(pattern);
                let key = expand(sample.key(), "", &mut Seed(7)).expect("a template");
                let text = expand(&sample.text(), &key, &mut Seed(7)).expect("a template");
                let found = regex.captures(&text).unwrap_or_else(|| panic!("{pattern}, variant {variant}"));
                let group = found.name("key").or(found.get(0)).map(|found| found.as_str().to_owned());
                assert_eq!(group.as_deref(), Some(key.as_str()), "{pattern}, variant {variant}");
            }
        }
    }
}
