//! dpkg's records: which packages are installed (`status`, in distroless images a file each in
//! `status.d`), their files (`info/NAME.list`), and the MD5 of those that are no conffiles
//! (`info/NAME.md5sums`). See dpkg(1), deb-md5sums(5).

use super::databases::LineRecords;
use super::digest::{Algorithm, RecordedDigest};
use super::index::{Builder, PackageNumber};

/// The reader of the file at this path below `var/lib/dpkg/`, if it is a record.
pub(super) fn records(path: &[u8]) -> Option<Box<dyn LineRecords>> {
    if path == b"status" {
        return Some(Box::new(Status::default()));
    }
    if let Some(name) = path.strip_prefix(b"status.d/") {
        return match name.strip_suffix(b".md5sums") {
            Some(package) => Some(Box::new(Sums::new(package))),
            None => Some(Box::new(Status::default())),
        };
    }
    let name = path.strip_prefix(b"info/")?;
    if let Some(package) = name.strip_suffix(b".list") {
        return Some(Box::new(List { package: without_architecture(package).to_vec() }));
    }
    Some(Box::new(Sums::new(name.strip_suffix(b".md5sums")?)))
}

/// `libc6:amd64` is `libc6` in the report; dpkg keeps the versions of all architectures equal.
fn without_architecture(package: &[u8]) -> &[u8] {
    package.split(|byte| *byte == b':').next().unwrap_or(package)
}

/// Paragraphs with `Package`, `Version` and the conffiles with their MD5 as shipped.
#[derive(Default)]
struct Status {
    package: Option<PackageNumber>,
    in_conffiles: bool,
}

impl LineRecords for Status {
    fn line(&mut self, line: &[u8], index: &mut Builder) {
        if line.is_empty() {
            *self = Self::default();
        } else if line.starts_with(b" ") {
            let conffile = conffile(line).filter(|_| self.in_conffiles);
            if let Some((package, (path, digest))) = self.package.zip(conffile) {
                index.file(package, path, Some(digest));
            }
        } else if let Some(name) = field(line, b"Package:") {
            self.package = index.dpkg(name);
            self.in_conffiles = false;
        } else {
            if let Some((package, version)) = self.package.zip(field(line, b"Version:")) {
                index.version(package, version);
            }
            self.in_conffiles = line.starts_with(b"Conffiles:");
        }
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(name).map(<[u8]>::trim_ascii)
}

/// ` /etc/name MD5`, with words behind it for some.
fn conffile(line: &[u8]) -> Option<(&[u8], RecordedDigest)> {
    let line = line.strip_prefix(b" ")?;
    let mut words = line.split(|byte| *byte == b' ');
    // A path may hold spaces: the digest is the first word that is one.
    let mut end = words.next()?.len();
    for word in words {
        if let Some(digest) = RecordedDigest::from_hex(Algorithm::Md5, word) {
            return Some((line.get(..end)?, digest));
        }
        end += 1 + word.len();
    }
    None
}

/// A path a line.
struct List {
    package: Vec<u8>,
}

impl LineRecords for List {
    fn line(&mut self, line: &[u8], index: &mut Builder) {
        if let Some(package) = index.dpkg(&self.package) {
            index.file(package, line, None);
        }
    }
}

/// MD5, two spaces, path from the root.
struct Sums {
    package: Vec<u8>,
}

impl Sums {
    fn new(package: &[u8]) -> Self {
        Self { package: without_architecture(package).to_vec() }
    }
}

impl LineRecords for Sums {
    fn line(&mut self, line: &[u8], index: &mut Builder) {
        let Some((digest, path)) = line.split_at_checked(32) else { return };
        let digest = RecordedDigest::from_hex(Algorithm::Md5, digest);
        let path = path.strip_prefix(b"  ").or_else(|| path.strip_prefix(b" *"));
        if let (Some(digest), Some(path)) = (digest, path)
            && let Some(package) = index.dpkg(&self.package)
        {
            index.file(package, path, Some(digest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

    #[test]
    fn conffiles_may_have_spaces_and_marks() {
        for (line, path) in [
            (format!(" /etc/a {MD5}"), "/etc/a"),
            (format!(" /etc/a b {MD5} obsolete"), "/etc/a b"),
            (format!(" /etc/a {MD5} remove-on-upgrade"), "/etc/a"),
        ] {
            let (found, _) = conffile(line.as_bytes()).expect("a conffile");
            assert_eq!(found, path.as_bytes(), "{line}");
        }
        assert!(conffile(b" /etc/a newconffile").is_none());
    }
}
