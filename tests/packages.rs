//! Packages, repositories and databases inside layers, made by the tools that make them: what is in them
//! comes out whole in whatever slices they come, and the report names the way to each key.

mod cpio;
mod deb;
mod git;
mod mutated;
mod rpm;
mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use keyseam::content::{Fault, Members, Recognised, Step, Unpack, recognise};
use keyseam::detect::Place;
use keyseam::limits::CONTENT_HEAD;
use serde_json::Value;

use crate::scan::{DETECTOR, fingerprint, key};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// What came out of one container.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    /// Members and what is in them, in order; without a name where they have none.
    members: Vec<(Option<String>, Vec<u8>)>,
    texts: Vec<(Place, Vec<u8>)>,
    unread: Vec<Fault>,
    /// How it ended.
    fault: Option<Fault>,
    open: bool,
    given: usize,
    /// What readers may take of memory.
    memory: Option<u64>,
}

/// The most that a test takes out of one container.
const MOST: usize = 512 * 1024 * 1024;

impl Contents {
    /// Reads a container in slices of one length.
    #[track_caller]
    fn sliced(bytes: &[u8], slice: usize) -> Self {
        Self::default().filled(bytes, slice)
    }

    /// Reads a container with so much memory.
    #[track_caller]
    fn within(memory: u64, bytes: &[u8]) -> Self {
        Self { memory: Some(memory), ..Self::default() }.filled(bytes, 512)
    }

    #[track_caller]
    fn filled(mut self, bytes: &[u8], slice: usize) -> Self {
        let head = bytes.get(..CONTENT_HEAD).unwrap_or(bytes);
        let Some(Recognised::Opens(mut open)) = recognise(head, b"") else { panic!("it is not recognised") };
        self.fault = self.read(&mut *open, bytes, slice).err();
        self.open = false;
        self
    }

    fn read(&mut self, open: &mut dyn Unpack, bytes: &[u8], slice: usize) -> Result<(), Fault> {
        bytes.chunks(slice).try_for_each(|slice| open.feed(slice, self))?;
        open.finish(self)
    }

    /// Reads a container in slices of many lengths, which must make no difference.
    #[track_caller]
    fn of(bytes: &[u8]) -> Self {
        let contents = Self::sliced(bytes, 64 * 1024);
        for slice in [1, 7, 512] {
            assert!(contents == Self::sliced(bytes, slice), "it depends on slices of {slice} bytes");
        }
        contents
    }

    /// It was read whole.
    #[track_caller]
    fn assert_whole(&self) -> &Self {
        assert_eq!((self.fault, self.unread.as_slice()), (None, [].as_slice()));
        self
    }

    fn names(&self) -> Vec<&str> {
        self.members.iter().filter_map(|(name, _)| name.as_deref()).collect()
    }

    #[track_caller]
    fn member(&self, name: &str) -> &[u8] {
        let found = self.members.iter().find(|(other, _)| other.as_deref() == Some(name));
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.names())).1
    }

    /// The members with their contents, by name.
    fn by_name(&self) -> BTreeMap<&str, &[u8]> {
        let named =
            self.members.iter().filter_map(|(name, content)| Some((name.as_deref()?, content.as_slice())));
        named.collect()
    }
}

impl Members for Contents {
    fn begin(&mut self, step: Step<'_>) -> Result<(), Fault> {
        self.open = true;
        let name = match step {
            Step::Member(name) => Some(String::from_utf8_lossy(name).into_owned()),
            Step::Decoded(name) => Some(name.to_owned()),
            Step::Payload => None,
        };
        self.members.push((name, Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        assert!(self.open || bytes.is_empty(), "bytes of no member");
        self.given += bytes.len();
        if let Some((_, content)) = self.members.last_mut() {
            content.extend_from_slice(bytes);
        }
        if self.given > MOST { Err(Fault::LIMIT) } else { Ok(()) }
    }

    fn end(&mut self) {
        self.open = false;
    }

    fn text(&mut self, place: Place, _name: &str, text: &[u8]) -> Result<(), Fault> {
        self.texts.push((place, text.to_vec()));
        Ok(())
    }

    fn unread(&mut self, fault: Fault) {
        self.unread.push(fault);
    }

    fn hold(&mut self, bytes: u64) -> Result<(), Fault> {
        if self.memory.is_some_and(|most| bytes > most) { Err(Fault::LIMIT) } else { Ok(()) }
    }
}

/// Runs a tool in a folder; what it wrote to standard output.
#[track_caller]
fn run(folder: &Path, tool: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Nothing of this machine's own settings.
    command.env("HOME", folder).env("LANG", "C.UTF-8").env("TZ", "UTC");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{tool}: {error}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut pipe, input));
        child.wait_with_output().expect("it ends")
    });
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Writes a file, with the folders above it.
fn write(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// A report of one image whose only layer holds these files.
struct Report(Value);

impl Report {
    #[track_caller]
    fn of(files: &[(&str, &[u8])]) -> Self {
        let layer = files.iter().fold(Layer::new(), |layer, (path, content)| layer.file(path, content));
        let image = ImageBuilder::new("app:1").layer(layer).build();
        let archive = oci(&[&image], Compression::None).tar();
        let run = Keyseam::scan(&["-", "--min-confidence=low"]).stdin(archive).run();
        Self(run.result())
    }

    /// The places of the key of a number, as `PATH!MEMBER!… LINE (DECODED)`, in order.
    #[track_caller]
    fn places(&self, number: u64) -> Vec<String> {
        let fingerprint = fingerprint(&key(number));
        let findings = list(&self.0["findings"]);
        let is_it =
            |finding: &&Value| finding["fingerprint"] == fingerprint && finding["detector"] == DETECTOR;
        let finding = findings.iter().find(is_it).unwrap_or_else(|| panic!("key {number} is not found"));
        list(&finding["locations"]).iter().map(place).collect()
    }

    /// What could not be opened.
    fn opaque(&self) -> &Value {
        &self.0["opaque"]["by_reason"]
    }
}

fn place(location: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut place = text(&location["path"]);
    for member in list(&location["inner"]) {
        place += &format!("!{}", text(&member));
    }
    if let Some(line) = location["line"].as_u64() {
        place += &format!(" {line}");
    }
    for encoding in list(&location["decoded"]) {
        place += &format!(" ({})", text(&encoding));
    }
    place
}
