//! The fingerprints that a text could have been recorded under: of what the detectors find in it, in canonical form,
//! and of the text as it stands.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use crate::detect::{DetectorSet, Key, Place};
use crate::finding::fingerprint::FingerprintKey;
use crate::scan::matches::{Search, Workspace, join};
use crate::scan::segment::{Content, Segment};

/// Makes fingerprints of texts.
pub struct Fingerprints<'a> {
    detectors: &'a DetectorSet,
    key: &'a FingerprintKey,
    space: Workspace,
}

impl<'a> Fingerprints<'a> {
    /// With these detectors and this hashing key.
    pub fn new(detectors: &'a DetectorSet, key: &'a FingerprintKey) -> Self {
        Self { detectors, key, space: Workspace::default() }
    }

    /// Of a text that is a key, or holds one.
    pub fn of_text(&mut self, text: &[u8]) -> BTreeSet<String> {
        let mut all = self.of_whole(text);
        all.extend(self.found(Place::File, None, text.to_vec()));
        all
    }

    /// Of the value of a variable.
    pub fn of_variable(&mut self, name: &str, value: &str) -> BTreeSet<String> {
        let mut all = self.of_whole(value.as_bytes());
        all.extend(self.found(Place::Env, Some(name), format!("{name}={value}").into_bytes()));
        all
    }

    /// Of the text as it stands, without quotes around it, and without URL-encoding.
    fn of_whole(&self, text: &[u8]) -> BTreeSet<String> {
        let plain = unquoted(text);
        let decoded: Cow<'_, [u8]> =
            std::str::from_utf8(plain).map_or(Cow::Borrowed(plain), |text| percent_decode_str(text).into());
        let forms = [text, plain, &decoded];
        let forms = forms.into_iter().filter(|form| !form.is_empty());
        forms.map(|form| self.key.fingerprint(&Key::new(form.to_vec())).to_string()).collect()
    }

    /// Of the keys that the detectors find.
    fn found(&mut self, place: Place, name: Option<&str>, text: Vec<u8>) -> BTreeSet<String> {
        let content = Content::of_text(0, place, name.map(str::to_owned));
        let search = Search { detectors: self.detectors, own_secrets: None };
        let results = search.segment(&Segment::whole(content, text), &[], &mut self.space);
        join(results).iter().map(|found| self.key.of(&found.found.secret).to_string()).collect()
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    match text.trim_ascii() {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last => inner,
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::catalogue::Catalogue;
    use crate::detect::template::{Seed, expand};

    #[test]
    fn every_spelling_of_a_key_has_the_fingerprint_that_scans_give_it() {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let detectors = DetectorSet::new(&catalogue).expect("detectors");
        let key = FingerprintKey::from_bytes([3; 32]);
        let secret = expand("{{github:ghp_}}", "", &mut Seed(1)).expect("a key");
        let wanted = key.fingerprint(&Key::new(secret.clone().into_bytes())).to_string();
        let mut fingerprints = Fingerprints::new(&detectors, &key);
        let encoded = secret.replacen('_', "%5F", 1);
        for text in [secret.clone(), format!(" '{secret}' "), encoded, format!("export A={secret} # mine")] {
            assert!(fingerprints.of_text(text.as_bytes()).contains(&wanted));
            assert!(fingerprints.of_variable("ANY", &text).contains(&wanted));
        }
        assert!(!fingerprints.of_text(&secret.as_bytes()[1..]).contains(&wanted));
        assert!(fingerprints.of_text(b"").is_empty());
    }
}
