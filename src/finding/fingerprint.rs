//! Fingerprints and places: what stands for a key and for where it was found, in reports, baselines
//! and ignore rules. A fingerprint is a keyed hash, so that equal keys compare equal for whoever
//! shares the hashing key while nobody else can test a guess. A place holds nothing of the key.
//! `docs/fingerprints.md` describes both and lists test vectors.

mod key_file;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::detect::{Key, Place};
use crate::scan::secret::Secret;
use key_file::{decode_key, random_key, read_key_file, read_or_make};

/// Length of a hashing key in bytes.
pub const KEY_LEN: usize = 32;

/// How a fingerprint begins.
pub const FINGERPRINT: &str = "ksf1:";

const KEY_ID_MESSAGE: &[u8] = b"ksf1 id";
const SECRET_DOMAIN: &[u8] = b"ksf1 secret\0";
const PLACE_DOMAIN: &[u8] = b"ksp1 place\0";

/// Name of the key's file in the data folder.
const KEY_FILE: &str = "fingerprint.key";

/// Where a hashing key may come from, in the order in which they are asked.
#[derive(Default)]
pub struct KeySettings {
    /// The file that `--fingerprint-key-file` names.
    pub file: Option<PathBuf>,
    /// The value of `KEYSEAM_FINGERPRINT_KEY`. Empty is as good as unset.
    pub value: Option<Zeroizing<String>>,
    /// The data folder of the user; a key is made in it on first use.
    pub data_folder: Option<PathBuf>,
}

/// Where the hashing key of this run came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The file that was asked for.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The data folder.
    DataFolder(PathBuf),
    /// Made for this run only: its fingerprints compare with no others.
    ThisRun,
}

/// The hashing key. Its memory is wiped when dropped and `Debug` shows only its id.
pub struct FingerprintKey {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    id: String,
    origin: KeyOrigin,
    note: Option<String>,
}

/// Why there is no hashing key. No message holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintKeyError {
    /// The named file cannot be read.
    #[error("fingerprint key file '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A file holds something else.
    #[error(
        "fingerprint key file '{}' does not hold 32 bytes in base64url; make one with 'keyseam fingerprint-key init'",
        .0.display()
    )]
    MalformedFile(PathBuf),
    /// The variable holds something else.
    #[error(
        "KEYSEAM_FINGERPRINT_KEY does not hold 32 bytes in base64url; make one with 'keyseam fingerprint-key init'"
    )]
    MalformedValue,
    /// A new key was asked for where there is one.
    #[error("fingerprint key file '{}' is there already; remove it first if its key is to be given up", .0.display())]
    Exists(PathBuf),
    /// A new key was asked for, and no place is known for it.
    #[error("there is no data folder for a fingerprint key (HOME and XDG_DATA_HOME are unset); name a file")]
    NoFolder,
    /// The system gave no random bytes.
    #[error("no random bytes for a fingerprint key: {0}")]
    Random(String),
}

/// `ksf1:<key id>:<32 hex>`: a keyed hash of a canonical secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// `ksp1:<32 hex>`: a hash of where a finding stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PlaceId(String);

/// A text that is neither a fingerprint nor a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form {0} (lowercase hex)")]
pub struct MalformedId(&'static str);

/// What a place is made of.
#[derive(Clone, Copy, Debug)]
pub struct PlaceFacts<'a> {
    /// The detector's id.
    pub detector: &'a str,
    /// The kind of the location.
    pub kind: Place,
    /// The path as recorded, or the name of the variable, label or annotation; empty where neither is.
    pub path_or_name: &'a [u8],
    /// Members of nested archives, outermost first.
    pub inner: &'a [Vec<u8>],
    /// Position among the findings that are equal in all of the above, from 0.
    pub ordinal: u64,
}

impl KeySettings {
    /// The settings that the environment makes, read through `variable`; `file` is the option's.
    pub fn from_environment(file: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = variable("KEYSEAM_FINGERPRINT_KEY")
            .filter(|value| !value.is_empty())
            .map(|value| Zeroizing::new(value.to_string_lossy().into_owned()));
        Self { file, value, data_folder: data_folder(&variable) }
    }
}

/// The user's data folder for keyseam: `XDG_DATA_HOME`, or what the XDG base directory specification
/// puts in its place. A relative path is not valid there and is ignored.
pub fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data_home = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .or_else(|| absolute("LOCALAPPDATA"))?;
    Some(data_home.join("keyseam"))
}

impl FingerprintKey {
    /// The key to use under `settings`: the named file, the environment's value, the data folder's file
    /// (made on first use), or one for this run with a note.
    ///
    /// # Errors
    /// A key that was asked for and cannot be read, and a file or value that holds no key: a new key in
    /// its place would make all fingerprints of the past look unknown.
    pub fn load(settings: &KeySettings) -> Result<Self, FingerprintKeyError> {
        if let Some(path) = &settings.file {
            let bytes = read_key_file(path)?;
            return Ok(Self::new(bytes, KeyOrigin::File(path.clone()), None));
        }
        if let Some(value) = &settings.value {
            let bytes = decode_key(value.as_bytes()).ok_or(FingerprintKeyError::MalformedValue)?;
            return Ok(Self::new(bytes, KeyOrigin::Environment, None));
        }
        let Some(folder) = &settings.data_folder else {
            return Self::for_this_run("there is no data folder (HOME and XDG_DATA_HOME are unset)");
        };
        let path = folder.join(KEY_FILE);
        match read_or_make(&path) {
            Ok((bytes, note)) => Ok(Self::new(bytes, KeyOrigin::DataFolder(path), note)),
            Err(FingerprintKeyError::Read { path, source }) => {
                Self::for_this_run(&format!("'{}': {source}", path.display()))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a new key in the named file, or else in the data folder, mode 0600.
    ///
    /// # Errors
    /// A key that is there already is never replaced: all fingerprints of the past would look unknown.
    pub fn init(settings: &KeySettings) -> Result<(PathBuf, Self), FingerprintKeyError> {
        let in_folder = settings.data_folder.as_ref().map(|folder| folder.join(KEY_FILE));
        let path = settings.file.clone().or(in_folder).ok_or(FingerprintKeyError::NoFolder)?;
        if path.exists() {
            return Err(FingerprintKeyError::Exists(path));
        }
        let (bytes, note) = read_or_make(&path)?;
        Ok((path.clone(), Self::new(bytes, KeyOrigin::File(path), note)))
    }

    /// A new key as the text of its file.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new_text() -> Result<Zeroizing<String>, FingerprintKeyError> {
        key_file::new_text()
    }

    /// A key from its 32 bytes.
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self::new(Zeroizing::new(bytes), KeyOrigin::ThisRun, None)
    }

    fn new(bytes: Zeroizing<[u8; KEY_LEN]>, origin: KeyOrigin, note: Option<String>) -> Self {
        let id = hex_prefix(&hmac(&bytes, &[KEY_ID_MESSAGE]), 4);
        Self { bytes, id, origin, note }
    }

    fn for_this_run(why: &str) -> Result<Self, FingerprintKeyError> {
        let note = format!(
            "fingerprints of this run compare with no others, as no key could be kept: {why}; \
             name one with --fingerprint-key-file"
        );
        Ok(Self::new(random_key()?, KeyOrigin::ThisRun, Some(note)))
    }

    /// The first 8 hex digits of a hash of the key: which key a fingerprint was made under.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A key of another purpose, made from this one: whoever has it learns nothing of this one.
    pub fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; KEY_LEN]> {
        Zeroizing::new(hmac(&self.bytes, &[purpose]))
    }

    /// Where the key came from.
    pub fn origin(&self) -> &KeyOrigin {
        &self.origin
    }

    /// What the user should know about the key, one line.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The fingerprint of a key that was found. One that was kept is of this hashing key: whoever keeps it
    /// sees to that.
    pub fn of(&self, secret: &Secret) -> Fingerprint {
        match secret {
            Secret::Read { key, .. } => self.fingerprint(key),
            Secret::Kept(kept) => Fingerprint(kept.fingerprint.clone()),
        }
    }

    /// The fingerprint of a canonical secret.
    pub fn fingerprint(&self, secret: &Key) -> Fingerprint {
        let hash = hmac(&self.bytes, &[SECRET_DOMAIN, secret.expose()]);
        Fingerprint(format!("ksf1:{}:{}", self.id, hex_prefix(&hash, 16)))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FingerprintKey").field("id", &self.id).field("origin", &self.origin).finish()
    }
}

impl Fingerprint {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the hashing key that it was made under.
    pub fn key_id(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }
}

impl FromStr for Fingerprint {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["ksf1", id, hash] if is_hex(id, 8) && is_hex(hash, 32) => Ok(Self(text.to_owned())),
            _ => Err(MalformedId("ksf1:<8 hex>:<32 hex>")),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl PlaceId {
    /// The place that `facts` make: SHA-256 over them, each led by its length so that no two lists of
    /// facts read the same, cut to 128 bits.
    pub fn of(facts: &PlaceFacts<'_>) -> Self {
        let mut hash = Sha256::new();
        hash.update(PLACE_DOMAIN);
        let mut field = |bytes: &[u8]| {
            hash.update(format!("{}:", bytes.len()));
            hash.update(bytes);
        };
        field(facts.detector.as_bytes());
        field(kind_word(facts.kind).as_bytes());
        field(facts.path_or_name);
        field(facts.inner.len().to_string().as_bytes());
        facts.inner.iter().for_each(|member| field(member));
        field(facts.ordinal.to_string().as_bytes());
        Self(format!("ksp1:{}", hex_prefix(&hash.finalize(), 16)))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlaceId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        match text.strip_prefix("ksp1:") {
            Some(hash) if is_hex(hash, 32) => Ok(Self(text.to_owned())),
            _ => Err(MalformedId("ksp1:<32 hex>")),
        }
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The word that the report has for a kind of place; its serde form is the one list of these words.
fn kind_word(kind: Place) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// HMAC-SHA-256 over `parts`, one behind the other.
pub(crate) fn hmac(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> [u8; 32] {
    mac(key, parts).finalize().into_bytes().into()
}

/// The same before it is finished, to be compared with another in a time that tells nothing.
pub(crate) fn mac(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC fills a key that is shorter than a block with zeros; doing it here cannot fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..KEY_LEN].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// The first `count` bytes as hex digits.
pub(crate) fn hex_prefix(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect()
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine as _;

    use super::key_file::BASE64URL;
    use super::*;

    fn counting_key() -> FingerprintKey {
        FingerprintKey::from_bytes(std::array::from_fn(|index| index as u8))
    }

    fn hash_of(key: &FingerprintKey, secret: &[u8]) -> String {
        key.fingerprint(&Key::new(secret.to_vec())).to_string()
    }

    /// Expected values are those of `docs/fingerprints.md`, computed with Python's hmac and openssl.
    #[test]
    fn agrees_with_the_published_vectors() {
        let key = counting_key();
        assert_eq!(key.id(), "9ddade8a");
        assert_eq!(hash_of(&key, b""), "ksf1:9ddade8a:2fa0690168ab7fdb8448a2bc559145c1");
        assert_eq!(hash_of(&key, b"abc"), "ksf1:9ddade8a:af53bb22900803c35b50f1b511bf1921");
        assert_eq!(hash_of(&key, "pässword".as_bytes()), "ksf1:9ddade8a:41ee3c78a625aed02e63111400a9080f");
        let all_bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(hash_of(&key, &all_bytes), "ksf1:9ddade8a:2c79aa7215edc735f892d5677b363046");

        let other = FingerprintKey::from_bytes(Sha256::digest(b"keyseam test key 2").into());
        assert_eq!(hash_of(&other, b"abc"), "ksf1:8441fa19:468639e6ed602ab01587592039b967a8");
    }

    #[test]
    fn places_agree_with_the_published_vectors() {
        let place = |detector, kind, path_or_name: &[u8], inner: &[&[u8]], ordinal| {
            let inner: Vec<Vec<u8>> = inner.iter().map(|member| member.to_vec()).collect();
            PlaceId::of(&PlaceFacts { detector, kind, path_or_name, inner: &inner, ordinal }).to_string()
        };
        let bird = "messagebird-access-key";
        let env = place(bird, Place::Env, b"MB_TOKEN", &[], 0);
        assert_eq!(env, "ksp1:b3a08b51830b5e13e824707bc272085a");
        let inner: &[&[u8]] = &[b"BOOT-INF/a.properties"];
        let jar = |ordinal| place(bird, Place::File, b"srv/app.jar", inner, ordinal);
        assert_eq!(jar(0), "ksp1:03e52dbf272f66b8082072ba301488c1");
        assert_eq!(jar(1), "ksp1:17e7f72fd49da3b47c9c2bce71eb9fd9");
        let name = place("github-pat", Place::FileName, b"srv/\xff", &[], 0);
        assert_eq!(name, "ksp1:52d436eef5c75e87a921ccc93e3a1be4");
        assert_eq!(place("github-pat", Place::History, b"", &[], 0), "ksp1:eadc6852efe4d3b6ae2d9e654763e30b");
    }

    #[test]
    fn reads_only_whole_ids() {
        let right = hash_of(&counting_key(), b"abc");
        let parsed: Fingerprint = right.parse().expect("a fingerprint");
        assert_eq!((parsed.as_str(), parsed.key_id()), (right.as_str(), "9ddade8a"));
        for wrong in [&right[..right.len() - 1], &right.to_uppercase(), &format!("{right}0"), "ksf1:", ""] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
        assert!(format!("ksp1:{}", "a".repeat(32)).parse::<PlaceId>().is_ok());
        assert!(format!("ksp1:{}", "g".repeat(32)).parse::<PlaceId>().is_err());
    }

    #[test]
    fn makes_a_private_key_once_and_keeps_it() {
        let home = tempfile::tempdir().expect("a folder");
        let settings =
            KeySettings { data_folder: Some(home.path().join("share/keyseam")), ..KeySettings::default() };
        let first = FingerprintKey::load(&settings).expect("a key");
        let again = FingerprintKey::load(&settings).expect("a key");
        assert_eq!(first.id(), again.id());
        assert_eq!(first.note(), None);
        let path = home.path().join("share/keyseam/fingerprint.key");
        assert_eq!(again.origin(), &KeyOrigin::DataFolder(path.clone()));
        let names: Vec<_> = fs::read_dir(path.parent().expect("a parent"))
            .expect("a listing")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["fingerprint.key"], "no draft stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a new mode");
            let open = FingerprintKey::load(&settings).expect("a key");
            assert!(open.note().is_some_and(|note| note.contains("chmod 600")));
        }
    }

    #[test]
    fn many_first_uses_at_once_agree_on_one_key() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("keyseam");
        let ids: Vec<String> = std::thread::scope(|scope| {
            let load = || {
                let data_folder = Some(folder.clone());
                let key = FingerprintKey::load(&KeySettings { data_folder, ..KeySettings::default() });
                let key = key.expect("a key");
                assert_eq!(key.note(), None);
                key.id().to_owned()
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn the_file_comes_before_the_variable_and_the_data_folder_last() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("team.key");
        let encoded = BASE64URL.encode(counting_key().bytes.as_slice());
        fs::write(&path, format!("{encoded}=\n")).expect("a file");
        let other = Zeroizing::new(BASE64URL.encode([7; KEY_LEN]));
        let data_folder = Some(home.path().join("data"));
        let mut settings = KeySettings { file: Some(path.clone()), value: Some(other), data_folder };
        let key = FingerprintKey::load(&settings).expect("a key");
        assert_eq!((key.id(), key.origin()), ("9ddade8a", &KeyOrigin::File(path)));
        settings.file = None;
        assert_eq!(FingerprintKey::load(&settings).expect("a key").origin(), &KeyOrigin::Environment);
        assert!(!home.path().join("data").exists(), "no key is made that is not needed");
    }

    #[test]
    fn a_broken_key_is_an_error_and_never_replaced() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("fingerprint.key");
        fs::write(&path, "half a k").expect("a file");
        let folder = Some(home.path().to_owned());
        let settings = KeySettings { data_folder: folder, ..KeySettings::default() };
        let error = FingerprintKey::load(&settings).expect_err("an error");
        assert!(matches!(error, FingerprintKeyError::MalformedFile(_)), "{error}");
        assert!(!error.to_string().contains("half"), "the content is not shown");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "half a k");

        let value = Some(Zeroizing::new(BASE64URL.encode([1; 31])));
        let error = FingerprintKey::load(&KeySettings { value, ..KeySettings::default() });
        assert!(matches!(error, Err(FingerprintKeyError::MalformedValue)));
        let missing = KeySettings { file: Some(home.path().join("none")), ..KeySettings::default() };
        assert!(matches!(FingerprintKey::load(&missing), Err(FingerprintKeyError::Read { .. })));
    }

    #[test]
    fn without_a_place_to_keep_it_the_key_is_this_runs_and_says_so() {
        let one = FingerprintKey::load(&KeySettings::default()).expect("a key");
        let two = FingerprintKey::load(&KeySettings::default()).expect("a key");
        assert_eq!(one.origin(), &KeyOrigin::ThisRun);
        assert!(one.note().is_some_and(|note| note.contains("--fingerprint-key-file")));
        assert_ne!(hash_of(&one, b"abc"), hash_of(&two, b"abc"));

        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join("file"), "").expect("a file");
        let data_folder = Some(home.path().join("file/keyseam"));
        let blocked = FingerprintKey::load(&KeySettings { data_folder, ..KeySettings::default() });
        assert_eq!(blocked.expect("a key").origin(), &KeyOrigin::ThisRun);
    }

    #[test]
    fn the_data_folder_follows_xdg_and_ignores_relative_paths() {
        let folder = |data: &'static str, home: &'static str| {
            data_folder(move |name| match name {
                "XDG_DATA_HOME" => Some(data.into()),
                "HOME" => Some(home.into()),
                _ => None,
            })
        };
        assert_eq!(folder("/data", "/home/a"), Some("/data/keyseam".into()));
        assert_eq!(folder("data", "/home/a"), Some("/home/a/.local/share/keyseam".into()));
        assert_eq!(folder("data", "home"), None);
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", counting_key());
        assert!(shown.contains("9ddade8a") && !shown.contains("AAEC") && !shown.contains("1, 2, 3"));
    }
}
