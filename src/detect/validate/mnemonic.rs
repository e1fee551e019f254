//! Recovery phrases of wallets (BIP-39): words of a list of 2,048, the last bits a checksum.

use bip0039::{English, Mnemonic};

use super::{Candidate, Facts, Verdict};

/// Words of a phrase: each three carry 32 bits of entropy and one of SHA-256.
const WORDS: [usize; 5] = [12, 15, 18, 21, 24];

/// An English phrase. Canonical: its entropy, for one phrase may stand with any blanks between its words.
pub(super) fn bip39(candidate: Candidate<'_>) -> Verdict {
    let words: Vec<&str> =
        candidate.text().split([' ', ',', '\t', '\n', '\r']).filter(|w| !w.is_empty()).collect();
    let lower = words.join(" ").to_ascii_lowercase();
    // Of a few words over and over the checksum is right by design of who published the phrase.
    let mut distinct: Vec<&str> = lower.split(' ').collect();
    distinct.sort_unstable();
    distinct.dedup();
    if !WORDS.contains(&words.len()) || distinct.len() * 2 < words.len() {
        return Verdict::Failed;
    }
    match Mnemonic::<English>::from_phrase(lower.as_str()) {
        Ok(phrase) => {
            let facts = Facts { canonical: Some(phrase.entropy().to_vec()), ..Facts::default() };
            Verdict::Proven(facts.with("words", words.len().to_string()))
        }
        Err(_) => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts};
    use super::*;

    /// From the test vectors that BIP-39 refers to: entropy and phrase, both in pieces.
    const VECTORS: [(&str, &str); 3] = [
        (
            "9e885d952ad362caeb4efe34a8e91bd2",
            "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
        ),
        (
            "6610b25967cdcca9d59875f5cb50b0ea75433311869e930b",
            "gravity machine north sort system female filter attitude volume fold club stay feature office ecology stable narrow fog",
        ),
        (
            "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
            "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
        ),
    ];

    #[test]
    fn the_published_phrases_are_right() {
        for (entropy, phrase) in VECTORS {
            let found = facts(check("bip39-mnemonic", phrase));
            let bytes = found.canonical.expect("proven");
            assert_eq!(super::super::encoding::hex(&bytes), entropy);
            let spread = phrase.replace(' ', "  \n").to_ascii_uppercase();
            assert_eq!(facts(check("bip39-mnemonic", &spread)).canonical, Some(bytes));
        }
    }

    #[test]
    fn a_wrong_word_another_order_and_phrases_of_documentation_fail() {
        let (_, phrase) = VECTORS[0];
        assert_eq!(check("bip39-mnemonic", &phrase.replace("picnic", "zoo")), Verdict::Failed);
        assert_eq!(check("bip39-mnemonic", &phrase.replace("picnic", "picnics")), Verdict::Failed);
        assert_eq!(check("bip39-mnemonic", &phrase.replace("ozone drill", "drill ozone")), Verdict::Failed);
        assert_eq!(
            check("bip39-mnemonic", phrase.rsplit_once(' ').map_or("", |(most, _)| most)),
            Verdict::Failed
        );
        let repeated = format!("{}junk", "test ".repeat(11));
        assert_eq!(check("bip39-mnemonic", &repeated), Verdict::Failed);
        let zeros = format!("{}about", "abandon ".repeat(11));
        assert_eq!(check("bip39-mnemonic", &zeros), Verdict::Failed);
    }
}
