//! The record of an installed wheel, `NAME-VERSION.dist-info/RECORD`: a CSV of path, digest and size. See
//! the specification "Recording installed projects" of the Python Packaging Authority.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Manager;
use super::databases::LineRecords;
use super::digest::{Algorithm, RecordedDigest};
use super::index::{Builder, PackageNumber};

/// The record of one wheel.
pub(super) struct Record {
    /// Where its folder lies: what the paths are relative to.
    base: Vec<u8>,
    name: Vec<u8>,
    version: Vec<u8>,
    package: Option<PackageNumber>,
}

impl Record {
    /// The record at this path.
    pub(super) fn at(path: &[u8]) -> Option<Self> {
        let folder = path.strip_suffix(b".dist-info/RECORD")?;
        let slash = memchr::memrchr(b'/', folder).map_or(0, |slash| slash + 1);
        let (base, wheel) = folder.split_at_checked(slash)?;
        // Neither name nor version holds a hyphen in a wheel; old names of folders may.
        let hyphen = memchr::memrchr(b'-', wheel)?;
        let (name, version) = (wheel.get(..hyphen)?.to_vec(), wheel.get(hyphen + 1..)?.to_vec());
        Some(Self { base: base.to_vec(), name, version, package: None })
    }
}

impl LineRecords for Record {
    fn line(&mut self, line: &[u8], index: &mut Builder) {
        let Some((path, rest)) = first_field(line) else { return };
        let digest = rest.split(|byte| *byte == b',').next().and_then(digest);
        if self.package.is_none() {
            self.package = index.package(Manager::Pip, &self.name, Some(&self.version));
        }
        let Some(package) = self.package else { return };
        if path.starts_with(b"/") {
            index.file(package, &path, digest);
        } else {
            index.file(package, &[&self.base, &path[..]].concat(), digest);
        }
    }
}

/// The first field, its quotes taken off, and what follows behind the comma.
fn first_field(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let comma = memchr::memchr(b',', line)?;
        return Some((line.get(..comma)?.to_vec(), line.get(comma + 1..)?));
    };
    let (mut field, mut rest) = (Vec::new(), quoted);
    loop {
        let quote = memchr::memchr(b'"', rest)?;
        field.extend_from_slice(rest.get(..quote)?);
        rest = rest.get(quote + 1..)?;
        // Two quotes stand for one.
        let Some(more) = rest.strip_prefix(b"\"") else { break };
        field.push(b'"');
        rest = more;
    }
    Some((field, rest.strip_prefix(b",")?))
}

/// `sha256=` and the digest in base64url without padding.
fn digest(field: &[u8]) -> Option<RecordedDigest> {
    let (algorithm, text) = match field.split_at_checked(7)? {
        (b"sha256=", text) => (Algorithm::Sha256, text),
        _ => (Algorithm::Md5, field.strip_prefix(b"md5=")?),
    };
    RecordedDigest::from_bytes(algorithm, &URL_SAFE_NO_PAD.decode(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_comma_or_a_quote_stands_in_quotes() {
        assert_eq!(first_field(b"a/b.py,sha256=x,3"), Some((b"a/b.py".to_vec(), &b"sha256=x,3"[..])));
        assert_eq!(
            first_field(b"\"a,\"\"b\"\".py\",sha256=x,3"),
            Some((b"a,\"b\".py".to_vec(), &b"sha256=x,3"[..]))
        );
        assert_eq!(first_field(b"\"a"), None);
        assert_eq!(first_field(b"a"), None);
    }

    #[test]
    fn name_and_version_are_the_folder_s() {
        let record = Record::at(b"srv/lib/site-packages/a_b-1.0+x.dist-info/RECORD").expect("a record");
        assert_eq!((&record.base[..], &record.name[..]), (&b"srv/lib/site-packages/"[..], &b"a_b"[..]));
        assert_eq!(record.version, b"1.0+x");
        assert!(Record::at(b"srv/x.dist-info/RECORD").is_none());
    }
}
