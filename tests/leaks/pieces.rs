//! What of a key no output may hold.
//!
//! A key of the catalogue is made from a template, and the template is public: the prefix, the user and
//! the host of a connection string, the header of a PEM file. So a piece is secret when another key made
//! from the same template does not have it too, and when the program's own source, the definitions among it,
//! does not. Some keys hold an id that a report shows as a handle: [`HANDLES`] says which part of them that
//! is. Nothing else is exempt.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Bytes of a key that must not stand anywhere in a row.
const PIECE: usize = 8;

/// The part of a key that may stand in clear: who the key is of, and where it leads.
const HANDLES: [(&str, &str); 12] = [
    ("aws-codecommit-credentials", "//([^:]+):"),
    // Each with the beginning of the next field's name.
    ("gcp-service-account-key", r#"(project_id":\s*"[^"]+",?\s*"?[a-z_]{0,8})"#),
    ("gcp-service-account-key", r#"(private_key_id":\s*"[^"]+",?\s*"?[a-z_]{0,8})"#),
    ("gcp-service-account-key", r#"(client_email":\s*"[^"]+",?\s*"?[a-z_]{0,8})"#),
    ("gcp-service-account-key", r#"(client_id":\s*"[^"]+",?\s*"?[a-z_]{0,8})"#),
    // The id beside the secret has the same front, and by chance the next digit too.
    ("intra42-client-secret", "^s-(s4t2ud-.)"),
    ("mongodb-connection-string", "@([^@]+)$"),
    ("salesforce-access-token", "^([^!]+)!"),
    ("sendgrid-api-key", r"^SG\.([^.]+)\."),
    // The public key that browsers are given.
    ("sentry-dsn-secret", "//([0-9a-f]+):"),
    ("sidekiq-secret-key", "([0-9a-f]+):"),
    ("telegram-bot-token", "^([0-9]+):"),
];

/// Kinds of key that are words of a published list: a piece of one has parts of several.
const OF_WORDS: &str = "bip39-mnemonic";

/// A key that was put into an image, and others of the same make.
#[derive(Clone, Debug)]
pub(super) struct Planted {
    /// The detector that knows it.
    pub(super) detector: String,
    /// Where it was put: words for a failure's message.
    pub(super) place: String,
    pub(super) key: String,
    pub(super) others: Vec<String>,
}

impl Planted {
    /// The texts of `length` bytes that one form of the key has and no other key's form has. Half of each at least is
    /// the key's own: a public prefix with one more letter stands in texts by chance.
    fn secret_pieces(&self, length: usize, form: impl Fn(&str) -> Vec<u8>) -> HashSet<Vec<u8>> {
        let public: HashSet<Vec<u8>> = self
            .others
            .iter()
            .chain(&self.handles())
            .flat_map(|other| form(other).windows(length).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .collect();
        let key = form(&self.key);
        let others: Vec<Vec<u8>> = self.others.iter().map(|other| form(other)).collect();
        let is_own: Vec<bool> = (0..key.len()).map(|at| is_own(&key, at, &others)).collect();
        let pieces = key.windows(length).zip(is_own.windows(length));
        let told = pieces.filter(|(piece, own)| {
            2 * own.iter().filter(|own| **own).count() >= length
                && !is_mostly_dashes(piece)
                && !public.contains(*piece)
        });
        told.map(|(piece, _)| piece.to_vec()).collect()
    }

    /// The pieces of [`PIECE`] bytes; of hex digits more, as among many digits any eight occur.
    fn short_pieces(&self, length: usize, form: impl Fn(&str) -> Vec<u8>) -> HashSet<Vec<u8>> {
        let is_hex = |piece: &Vec<u8>| piece.iter().all(u8::is_ascii_hexdigit);
        let pieces = self.secret_pieces(length, &form);
        let (hex, mut others): (HashSet<_>, HashSet<_>) = pieces.into_iter().partition(is_hex);
        let longer: HashSet<Vec<u8>> =
            self.secret_pieces(length + 2, &form).into_iter().filter(is_hex).collect();
        others.extend(if longer.is_empty() { hex } else { longer });
        others
    }

    fn handles(&self) -> Vec<String> {
        let of_it = HANDLES.iter().filter(|(detector, _)| *detector == self.detector);
        let parts = of_it.flat_map(|(_, pattern)| {
            let pattern = regex::Regex::new(pattern).expect("a pattern");
            let found = pattern.captures_iter(&self.key).map(|captures| captures[1].to_owned());
            found.collect::<Vec<_>>()
        });
        parts.collect()
    }

    /// Every piece of every form, with the form's name.
    fn pieces(&self) -> Vec<(&'static str, Vec<u8>)> {
        let text = |form: String| form.into_bytes();
        let mut pieces = Vec::new();
        let mut add =
            |name, found: HashSet<Vec<u8>>| pieces.extend(found.into_iter().map(|piece| (name, piece)));
        let length = if self.detector == OF_WORDS { 2 * PIECE } else { PIECE };
        add("as it is", self.short_pieces(length, |key| key.as_bytes().to_vec()));
        add("reversed", self.short_pieces(length, |key| key.bytes().rev().collect()));
        add(
            "URL-encoded",
            self.secret_pieces(PIECE, |key| {
                text(percent_encode(key.as_bytes(), NON_ALPHANUMERIC).to_string())
            }),
        );
        add(
            "hex",
            self.secret_pieces(2 * PIECE, |key| {
                text(key.bytes().map(|byte| format!("{byte:02x}")).collect())
            }),
        );
        add(
            "HEX",
            self.secret_pieces(2 * PIECE, |key| {
                text(key.bytes().map(|byte| format!("{byte:02X}")).collect())
            }),
        );
        // Whatever stands in front of it moves the key within base64's groups of three.
        for front in ["", ".", ".."] {
            let length = PIECE * 3 / 2;
            add("base64", self.secret_pieces(length, |key| text(STANDARD.encode(format!("{front}{key}")))));
            add(
                "base64url",
                self.secret_pieces(length, |key| text(URL_SAFE.encode(format!("{front}{key}")))),
            );
        }
        pieces
    }
}

/// Whether the byte at `at` is not the template's: some other key has another one there, from the front and from the
/// end.
fn is_own(key: &[u8], at: usize, others: &[Vec<u8>]) -> bool {
    let behind = key.len() - at;
    others.iter().any(|other| {
        let from_end = other.len().checked_sub(behind).and_then(|at| other.get(at));
        other.get(at) != key.get(at) && from_end != key.get(at)
    }) || others.is_empty()
}

/// Whether it is the middle of a UUID, which leaves too few digits to tell it from that of another one.
fn is_mostly_dashes(piece: &[u8]) -> bool {
    piece.len() == PIECE && piece.iter().filter(|byte| **byte == b'-').count() > 1
}

/// Looks for the pieces of many keys at once.
pub(super) struct Pieces {
    /// Which piece is of which key, in which form.
    known: HashMap<Vec<u8>, (u32, &'static str)>,
    lengths: BTreeSet<usize>,
    /// A bit for the first eight bytes of every piece: most of an output is settled by it.
    heads: Vec<bool>,
    labels: Vec<String>,
}

impl Pieces {
    pub(super) fn of<'a>(planted: impl IntoIterator<Item = &'a Planted>) -> Self {
        let heads = vec![false; 1 << HEAD_BITS];
        let mut all = Self { known: HashMap::new(), lengths: BTreeSet::new(), heads, labels: Vec::new() };
        for one in planted {
            let pieces = one.pieces();
            // Defaults that a framework publishes: its examples are they themselves.
            if one.detector == "symfony-default-app-secret" {
                continue;
            }
            assert!(!pieces.is_empty(), "{}: nothing of the key is secret", one.detector);
            let label = u32::try_from(all.labels.len()).expect("few keys");
            all.labels.push(format!("{}, {}", one.detector, one.place));
            for (form, piece) in pieces.into_iter().filter(|(_, piece)| !stands_in_source(piece)) {
                all.heads[head(&piece)] = true;
                all.lengths.insert(piece.len());
                all.known.insert(piece, (label, form));
            }
        }
        all
    }

    /// The keys of which a piece stands in `output`, a line each that names none of it.
    pub(super) fn found_in(&self, name: &str, output: &[u8]) -> Vec<String> {
        let output = with_plain_uris(&without_digests(output));
        let mut found = BTreeSet::new();
        for at in 0..(output.len() + 1).saturating_sub(PIECE) {
            let rest = &output[at..];
            if !self.heads[head(rest)] {
                continue;
            }
            for piece in self.lengths.iter().filter_map(|length| rest.get(..*length)) {
                if let Some((label, form)) = self.known.get(piece) {
                    found.insert(format!("{name}: {}, {form}", self.labels[*label as usize]));
                }
            }
        }
        found.into_iter().collect()
    }
}

/// What everybody can read: the text of every file of the program.
static SOURCE: LazyLock<HashSet<[u8; PIECE]>> = LazyLock::new(|| {
    let mut known = HashSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read(path).expect("read");
                known.extend(text.windows(PIECE).filter_map(|piece| <[u8; PIECE]>::try_from(piece).ok()));
            }
        }
    }
    known
});

/// Of longer pieces it is not asked: no text has them by chance.
fn stands_in_source(piece: &[u8]) -> bool {
    <[u8; PIECE]>::try_from(piece).is_ok_and(|piece| SOURCE.contains(&piece))
}

const HEAD_BITS: u32 = 24;

/// A number for the first eight bytes.
fn head(bytes: &[u8]) -> usize {
    let first: [u8; PIECE] = bytes[..PIECE].try_into().expect("eight bytes");
    (u64::from_le_bytes(first).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - HEAD_BITS)) as usize
}

/// A URI of a SARIF log says what other reports say in plain text: of an encoded one, eight bytes would be
/// fewer of the key.
fn with_plain_uris(output: &[u8]) -> Vec<u8> {
    let uri = regex::bytes::Regex::new(r#"("uri": ")([^"]*)"#).expect("a pattern");
    let plain = |found: &regex::bytes::Captures<'_>| {
        let text = percent_encoding::percent_decode(&found[2]).collect::<Vec<u8>>();
        [&found[1], &text].concat()
    };
    uri.replace_all(output, plain).into_owned()
}

/// Digests and fingerprints are hex, and among so many digits any eight occur.
fn without_digests(output: &[u8]) -> Vec<u8> {
    let digest = regex::bytes::Regex::new(concat!(
        r#"(sha256:|"sha256": "|ksp1:|ksf1:[0-9a-f]{8}:)([0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12})"#,
        // What GitHub and GitLab know a finding by: hashes of its place.
        r#"|("primaryLocationLineHash": ")[0-9a-f]{16}:"#,
        r#"|("id": ")[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}""#,
    ))
    .expect("a pattern");
    digest.replace_all(output, &b"$1$3$4"[..]).into_owned()
}

#[test]
fn a_leak_is_seen_in_every_form() {
    let front = ["https", "://user:"].concat();
    let [key, other] =
        ["Qz81mXk2Lr09pVw7", "aB4nR6tY8uI0oP2s"].map(|secret| format!("{front}{secret}@db.acme.io"));
    let planted = Planted {
        detector: "of-this-test".to_owned(),
        place: "nowhere".to_owned(),
        key: key.clone(),
        others: vec![other],
    };
    let pieces = Pieces::of([&planted]);
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let part = &key[front.len() + 2..front.len() + 10];
    for leak in [
        &key,
        part,
        &STANDARD.encode(&key),
        &STANDARD.encode(format!("x{key}")),
        &hex,
        &key.chars().rev().collect::<String>(),
    ] {
        assert!(!pieces.found_in("out", format!("a {leak} b").as_bytes()).is_empty());
    }
    let uri = |key: &str| format!("\"uri\": \"{}\"", percent_encode(key.as_bytes(), NON_ALPHANUMERIC));
    assert!(!pieces.found_in("out", uri(&key).as_bytes()).is_empty());
    assert!(pieces.found_in("out", uri(&key[front.len() + 14..front.len() + 21]).as_bytes()).is_empty());
    for fine in [&front, "@db.acme.io", &part[1..], "sha256:"] {
        assert!(pieces.found_in("out", fine.as_bytes()).is_empty());
    }
}
