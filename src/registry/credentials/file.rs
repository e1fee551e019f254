//! One file of credentials: Docker's `config.json`, podman's `auth.json`, the older `.dockercfg`. A file is
//! read once, and nothing of what it holds gets into a message but the scopes of its entries.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Credential, Secret, scope};
use crate::limits;

/// Which program keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// podman, skopeo, buildah.
    Containers,
    /// Docker.
    Docker,
    /// Docker before 1.7: the entries alone.
    Legacy,
}

/// What a file holds, by scope.
#[derive(Default)]
pub(super) struct AuthFile {
    entries: HashMap<String, Entry>,
    helpers: HashMap<String, Helper>,
    store: Option<String>,
}

/// An entry that says something.
pub(super) enum Entry {
    /// A credential.
    Known(Credential),
    /// An `auth` that is no base64 of `user:password`.
    Malformed,
}

/// A credential helper for one registry.
#[derive(Debug)]
pub(super) struct Helper {
    /// What stands behind `docker-credential-`; empty for "none, not even the store".
    pub(super) name: String,
    /// The registry as the file names it.
    pub(super) key: String,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is larger than {} bytes", limits::CREDENTIALS_FILE)]
    TooLarge,
    #[error("it has more than {} entries", limits::CREDENTIALS_ENTRIES)]
    TooManyEntries,
    /// Of serde's message only the place: the rest may repeat a password.
    #[error("it holds no credentials in Docker's JSON form (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
}

impl FileFault {
    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

#[derive(Default, Deserialize)]
struct RawFile {
    auths: Option<BTreeMap<String, Option<RawEntry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct RawEntry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

impl AuthFile {
    /// Reads a file.
    pub(super) fn read(path: &Path, shape: Shape) -> Result<Self, FileFault> {
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = limits::CREDENTIALS_FILE.saturating_add(1);
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Self::parse(&bytes, shape)
    }

    /// Reads the text of a file. An empty one holds nothing: `touch` made it.
    pub(super) fn parse(bytes: &[u8], shape: Shape) -> Result<Self, FileFault> {
        if bytes.len() as u64 > limits::CREDENTIALS_FILE {
            return Err(FileFault::TooLarge);
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let raw = match shape {
            Shape::Legacy => {
                serde_json::from_slice(bytes).map(|auths| RawFile { auths, ..RawFile::default() })
            }
            Shape::Containers | Shape::Docker => serde_json::from_slice(bytes),
        };
        let raw = raw.map_err(|error| FileFault::Malformed { line: error.line(), column: error.column() })?;
        Self::from_raw(raw, shape)
    }

    fn from_raw(raw: RawFile, shape: Shape) -> Result<Self, FileFault> {
        let (auths, helpers) = (raw.auths.unwrap_or_default(), raw.helpers.unwrap_or_default());
        if auths.len().saturating_add(helpers.len()) > limits::CREDENTIALS_ENTRIES {
            return Err(FileFault::TooManyEntries);
        }
        let mut file = Self { store: raw.store.filter(|name| !name.is_empty()), ..Self::default() };
        for (key, entry) in in_order(auths, shape) {
            if let Some(entry) = entry.and_then(Entry::from_raw) {
                file.entries.entry(scope::of_key(&key)).or_insert(entry);
            }
        }
        for (key, name) in in_order(helpers, shape) {
            file.helpers.entry(scope::of_key(&key)).or_insert(Helper { name, key });
        }
        Ok(file)
    }

    /// The entry of a scope, if it says something.
    pub(super) fn entry(&self, scope: &str) -> Option<&Entry> {
        self.entries.get(scope)
    }

    /// The helper that the file names for a registry.
    pub(super) fn helper(&self, registry: &str) -> Option<&Helper> {
        self.helpers.get(registry)
    }

    /// The helper for all other registries.
    pub(super) fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }
}

/// Where several keys name one scope, the one that the file's program itself would take comes first.
fn in_order<T>(map: BTreeMap<String, T>, shape: Shape) -> Vec<(String, T)> {
    let rank = |key: &str| {
        let scope = scope::of_key(key);
        let own = if shape == Shape::Containers { &scope } else { scope::docker_server(&scope) };
        if key == own { 0 } else { 1 + usize::from(key != scope) }
    };
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_by_cached_key(|(key, _)| rank(key));
    entries
}

impl Entry {
    /// What an entry says, the strongest first; nothing where Docker leaves `{}` beside a store.
    fn from_raw(raw: RawEntry) -> Option<Self> {
        let given = |secret: &Secret| !secret.expose().is_empty();
        if let Some(token) = raw.registrytoken.filter(given) {
            return Some(Self::Known(Credential::RegistryToken(token)));
        }
        if let Some(token) = raw.identitytoken.filter(given) {
            return Some(Self::Known(Credential::IdentityToken(token)));
        }
        if let Some(auth) = raw.auth.filter(given) {
            let Some((username, password)) = decode_auth(&auth) else { return Some(Self::Malformed) };
            let says_something = !username.is_empty() || given(&password);
            return says_something.then_some(Self::Known(Credential::Basic { username, password }));
        }
        let password = raw.password.filter(given)?;
        let username = raw.username.unwrap_or_default();
        Some(Self::Known(Credential::Basic { username, password }))
    }
}

/// Both alphabets, with and without padding: people write entries by hand.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `user:password` out of its base64. The password may hold colons, the name cannot.
fn decode_auth(auth: &Secret) -> Option<(String, Secret)> {
    let one_alphabet = |byte: u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let text = auth.expose().bytes().filter(|byte| !byte.is_ascii_whitespace()).map(one_alphabet);
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(text.collect());
    let decoded = Zeroizing::new(BASE64.decode(&text).ok()?);
    let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    // Old clients encoded their whole buffer.
    let password = password.trim_end_matches('\0');
    Some((username.to_owned(), Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn docker(text: &str) -> AuthFile {
        AuthFile::parse(text.as_bytes(), Shape::Docker).expect("a file")
    }

    fn known(file: &AuthFile, scope: &str) -> Option<Credential> {
        match file.entry(scope) {
            Some(Entry::Known(credential)) => Some(credential.clone()),
            Some(Entry::Malformed) => panic!("malformed"),
            None => None,
        }
    }

    fn basic(username: &str, password: &str) -> Option<Credential> {
        let password = Secret::new(password.to_owned());
        Some(Credential::Basic { username: username.to_owned(), password })
    }

    fn one(entry: &str) -> AuthFile {
        docker(&format!(r#"{{"auths": {{"r.example.com": {entry}}}}}"#))
    }

    /// As `docker login` of 28.2 writes it, with what else lives in the file.
    #[test]
    fn dockers_own_file_is_read() {
        let auth = STANDARD.encode("alice:pass:word");
        let file = docker(&format!(
            "{{\n\t\"auths\": {{\n\t\t\"https://index.docker.io/v1/\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}},\n\t\t\
             \"127.0.0.1:5000\": {{\n\t\t\t\"auth\": \"{auth}\",\n\t\t\t\"email\": null\n\t\t}}\n\t}},\n\t\
             \"HttpHeaders\": {{\"User-Agent\": \"Docker-Client/19.03 (linux)\"}},\n\t\"psFormat\": \"table\",\n\t\
             \"plugins\": {{\"a\": {{\"b\": \"c\"}}}},\n\t\"currentContext\": \"colima\"\n}}"
        ));
        assert_eq!(known(&file, "docker.io"), basic("alice", "pass:word"));
        assert_eq!(known(&file, "127.0.0.1:5000"), basic("alice", "pass:word"));
        assert_eq!(known(&file, "quay.io"), None);
        assert!(file.store().is_none());
    }

    /// As `skopeo login 127.0.0.1:5000/team/app` writes it.
    #[test]
    fn skopeos_namespaces_are_read() {
        let auth = STANDARD.encode("alice:wonder");
        let text = format!(
            "{{\n\t\"auths\": {{\n\t\t\"127.0.0.1:5000/team/app\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}}\n\t}}\n}}"
        );
        let file = AuthFile::parse(text.as_bytes(), Shape::Containers).expect("a file");
        assert_eq!(known(&file, "127.0.0.1:5000/team/app"), basic("alice", "wonder"));
        assert_eq!(known(&file, "127.0.0.1:5000"), None);
    }

    /// `az acr login` writes a name that means nothing beside the token.
    #[test]
    fn an_identity_token_is_more_than_the_name_beside_it() {
        let auth = STANDARD.encode("00000000-0000-0000-0000-000000000000:");
        let file = one(&format!(r#"{{"auth": "{auth}", "identitytoken": "refresh.me"}}"#));
        let token = Secret::new("refresh.me".to_owned());
        assert_eq!(known(&file, "r.example.com"), Some(Credential::IdentityToken(token)));
        let file = one(r#"{"identitytoken": "refresh.me", "registrytoken": "bearer.me"}"#);
        let token = Secret::new("bearer.me".to_owned());
        assert_eq!(known(&file, "r.example.com"), Some(Credential::RegistryToken(token)));
    }

    #[test]
    fn helpers_and_store_are_read() {
        let file = docker(
            r#"{"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "desktop", "credHelpers":
                {"public.ecr.aws": "ecr-login", "https://index.docker.io/v1/": "pass", "docker.io": "other"}}"#,
        );
        assert_eq!(file.store(), Some("desktop"));
        assert_eq!(file.helper("public.ecr.aws").map(|helper| &*helper.name), Some("ecr-login"));
        let hub = file.helper("docker.io").expect("a helper");
        assert_eq!((&*hub.name, &*hub.key), ("pass", "https://index.docker.io/v1/"));
        assert_eq!(known(&file, "docker.io"), None);
    }

    /// `kubectl` and old Docker keep the entries without anything around them.
    #[test]
    fn the_legacy_file_is_the_map_itself() {
        let auth = STANDARD.encode("alice:wonder");
        let text =
            format!(r#"{{"https://quay.io/v1/": {{"auth": "{auth}", "email": "alice@example.com"}}}}"#);
        let file = AuthFile::parse(text.as_bytes(), Shape::Legacy).expect("a file");
        assert_eq!(known(&file, "quay.io"), basic("alice", "wonder"));
    }

    #[test]
    fn each_program_finds_its_own_key_where_several_name_a_registry() {
        let entry = |name: &str| format!(r#"{{"auth": "{}"}}"#, STANDARD.encode(format!("{name}:p")));
        let text = format!(
            r#"{{"auths": {{"docker.io": {}, "https://index.docker.io/v1/": {}, "index.docker.io": {},
                "https://quay.io/": {}, "quay.io": {}, "empty.example.com": {{}}, "https://empty.example.com": {}}}}}"#,
            entry("podman"),
            entry("docker"),
            entry("third"),
            entry("old"),
            entry("new"),
            entry("only")
        );
        for (shape, hub) in [(Shape::Docker, "docker"), (Shape::Containers, "podman")] {
            let file = AuthFile::parse(text.as_bytes(), shape).expect("a file");
            assert_eq!(known(&file, "docker.io"), basic(hub, "p"));
            assert_eq!(known(&file, "quay.io"), basic("new", "p"));
            assert_eq!(known(&file, "empty.example.com"), basic("only", "p"));
        }
    }

    #[test]
    fn names_and_passwords_are_read_in_every_form() {
        let odd = "al:ÿ?>~:word";
        let decoded = basic("al", "ÿ?>~:word");
        let padded = STANDARD.encode(odd);
        let text = padded.trim_end_matches('=');
        let (front, back) = text.split_at(5);
        for auth in
            [padded.clone(), text.to_owned(), URL_SAFE_NO_PAD.encode(odd), format!("{front}\\n{back}")]
        {
            assert_eq!(known(&one(&format!(r#"{{"auth": "{auth}"}}"#)), "r.example.com"), decoded, "{auth}");
        }
        let nul = STANDARD.encode("alice:wonder\0\0");
        assert_eq!(
            known(&one(&format!(r#"{{"auth": "{nul}"}}"#)), "r.example.com"),
            basic("alice", "wonder")
        );
        let plain = r#"{"username": "alice", "password": "wonder:land"}"#;
        assert_eq!(known(&one(plain), "r.example.com"), basic("alice", "wonder:land"));
        let nameless = STANDARD.encode(":wonder");
        assert_eq!(
            known(&one(&format!(r#"{{"auth": "{nameless}"}}"#)), "r.example.com"),
            basic("", "wonder")
        );
    }

    #[test]
    fn empty_entries_say_nothing() {
        let colon = STANDARD.encode(":");
        for entry in
            ["{}", "null", r#"{"auth": ""}"#, r#"{"auth": null, "email": "a@b"}"#, r#"{"username": "a"}"#]
        {
            assert_eq!(known(&one(entry), "r.example.com"), None, "{entry}");
        }
        assert_eq!(known(&one(&format!(r#"{{"auth": "{colon}"}}"#)), "r.example.com"), None);
        for text in ["", " \n", "{}", r#"{"auths": null}"#] {
            assert_eq!(known(&docker(text), "r.example.com"), None, "{text}");
        }
    }

    #[test]
    fn a_malformed_entry_leaves_the_others_alone() {
        let good = STANDARD.encode("alice:wonder");
        for bad in ["%%%", "YWxpY2U=", "/////w=="] {
            let file = docker(&format!(
                r#"{{"auths": {{"bad.example.com": {{"auth": "{bad}"}}, "r.example.com": {{"auth": "{good}"}}}}}}"#
            ));
            assert!(matches!(file.entry("bad.example.com"), Some(Entry::Malformed)), "{bad}");
            assert_eq!(known(&file, "r.example.com"), basic("alice", "wonder"));
        }
    }

    #[test]
    fn a_fault_repeats_nothing_of_the_file() {
        for text in
            [r#"{"auths": "hunter2"}"#, r#"{"auths": {"a": "hunter2"}}"#, "hunter2", r#"{"auths": {"hunter2"#]
        {
            let fault = AuthFile::parse(text.as_bytes(), Shape::Docker).err().expect("a fault");
            assert!(fault.to_string().contains("line 1, column"), "{fault}");
            assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn size_and_entries_are_bounded() {
        let entries = (0..=limits::CREDENTIALS_ENTRIES).map(|number| format!(r#""r{number}": {{}}"#));
        let text = format!(r#"{{"auths": {{{}}}}}"#, entries.collect::<Vec<_>>().join(","));
        let fault = AuthFile::parse(text.as_bytes(), Shape::Docker).err().expect("a fault");
        assert!(matches!(fault, FileFault::TooManyEntries), "{fault:?}");

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        std::fs::write(&path, vec![b' '; limits::CREDENTIALS_FILE as usize + 1]).expect("written");
        let fault = AuthFile::read(&path, Shape::Docker).err().expect("a fault");
        assert!(matches!(fault, FileFault::TooLarge), "{fault:?}");
    }
}
