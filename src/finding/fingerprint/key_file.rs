//! The file that keeps a hashing key: reading it, and making it once and for all.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{FingerprintKeyError, KEY_LEN, hex_prefix};
use crate::limits;

/// base64url; people copy keys with and without the padding.
pub(super) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn decode_key(text: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let decoded = Zeroizing::new(BASE64URL.decode(text.trim_ascii()).ok()?);
    <[u8; KEY_LEN]>::try_from(decoded.as_slice()).ok().map(Zeroizing::new)
}

pub(super) fn random_key() -> Result<Zeroizing<[u8; KEY_LEN]>, FingerprintKeyError> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| FingerprintKeyError::Random(error.to_string()))?;
    Ok(bytes)
}

/// A new key as its file has it.
pub(super) fn new_text() -> Result<Zeroizing<String>, FingerprintKeyError> {
    Ok(Zeroizing::new(BASE64URL.encode(random_key()?.as_slice()) + "\n"))
}

pub(super) fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, FingerprintKeyError> {
    let failed = |source| FingerprintKeyError::Read { path: path.to_owned(), source };
    let mut text = Zeroizing::new(Vec::new());
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limits::FINGERPRINT_KEY_FILE).read_to_end(&mut text).map_err(failed)?;
    decode_key(&text).ok_or_else(|| FingerprintKeyError::MalformedFile(path.to_owned()))
}

pub(super) type KeyAndNote = (Zeroizing<[u8; KEY_LEN]>, Option<String>);

/// The key in the file at `path`, which is made if it is missing. Of several processes that make it at
/// once, one wins and all use its key.
pub(super) fn read_or_make(path: &Path) -> Result<KeyAndNote, FingerprintKeyError> {
    match read_key_file(path) {
        Err(FingerprintKeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let text = new_text()?;
            publish(path, text.as_bytes())
                .map_err(|source| FingerprintKeyError::Read { path: path.to_owned(), source })?;
            Ok((read_key_file(path)?, None))
        }
        read => Ok((read?, note_on_mode(path))),
    }
}

/// Puts a whole file at `path` unless one is there. A hard link appears at once and with all its bytes,
/// where a file created under its last name could be read by another process before it is written.
fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    create_private_folder(folder)?;
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::other)?;
    let draft = folder.join(format!(".fingerprint.key.{}", hex_prefix(&suffix, 8)));
    let written = create_private_file(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::hard_link(&draft, path)
    });
    // Whatever happened, the draft holds a key and must not stay.
    let removed = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => removed,
    }
}

fn create_private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn note_on_mode(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let open_to_others = mode & 0o077 != 0;
    open_to_others
        .then(|| format!("others can read the fingerprint key '{}'; run: chmod 600 '{0}'", path.display()))
}

#[cfg(not(unix))]
fn note_on_mode(_path: &Path) -> Option<String> {
    None
}
