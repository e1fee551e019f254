//! What a reader's events say, freed of where the slices were cut.

use crate::layer::tar::{EntryKind, MetaKind, RawKind, TarEvent, TarReader};

/// One entry with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenEntry {
    pub(super) path: String,
    pub(super) kind: EntryKind,
    pub(super) link: String,
    pub(super) size: u64,
    pub(super) meta: Vec<(MetaKind, String, String)>,
    pub(super) after_end: bool,
    pub(super) data: Vec<(u64, Vec<u8>)>,
    pub(super) complete: bool,
}

/// Everything that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) entries: Vec<SeenEntry>,
    pub(super) warnings: Vec<String>,
    pub(super) errors: Vec<(&'static str, String)>,
    /// Per kind, the runs of contiguous pieces.
    runs: Vec<(RawKind, Vec<Vec<u8>>)>,
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl SeenEntry {
    pub(super) fn line(&self) -> String {
        let arrow = match self.kind {
            EntryKind::HardLink | EntryKind::Symlink => format!("->{}", self.link),
            _ => String::new(),
        };
        let data: Vec<String> =
            self.data.iter().map(|(at, bytes)| format!("{at}+{}", string(bytes))).collect();
        format!("{} {:?}{arrow} {} [{}]", self.path, self.kind, self.size, data.join(" "))
    }

    pub(super) fn meta_of(&self, name: &str) -> Vec<String> {
        self.meta.iter().filter(|(_, other, _)| other == name).map(|(_, _, value)| value.clone()).collect()
    }
}

impl Seen {
    /// Reads in slices of one length.
    pub(super) fn read(bytes: &[u8], slice: usize) -> Self {
        Self::read_sliced(bytes, &[slice])
    }

    /// Reads in slices of these lengths, over and over.
    pub(super) fn read_sliced(bytes: &[u8], lengths: &[usize]) -> Self {
        let (mut reader, mut seen, mut events) = (TarReader::new(), Self::default(), Vec::new());
        let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
        while !rest.is_empty() {
            let length = lengths.next().map_or(rest.len(), |length| *length).clamp(1, rest.len());
            let (slice, after) = rest.split_at(length);
            reader.feed(slice, &mut events);
            events.drain(..).for_each(|event| seen.add(event, slice));
            rest = after;
        }
        reader.finish(&mut events);
        events.drain(..).for_each(|event| seen.add(event, &[]));
        seen
    }

    fn add(&mut self, event: TarEvent, slice: &[u8]) {
        match event {
            TarEvent::Entry(entry) => self.entries.push(SeenEntry {
                path: string(&entry.path),
                kind: entry.kind,
                link: string(&entry.link),
                size: entry.size,
                meta: entry
                    .meta
                    .iter()
                    .map(|meta| (meta.kind, string(&meta.name), string(&meta.value)))
                    .collect(),
                after_end: entry.after_end,
                data: Vec::new(),
                complete: false,
            }),
            TarEvent::Data { range, offset } => self.add_data(offset, &slice[range]),
            TarEvent::EntryEnd => {
                let entry = self.entries.last_mut().expect("an entry ends after it began");
                assert!(!std::mem::replace(&mut entry.complete, true), "an entry ends once");
            }
            TarEvent::Raw { kind, range, fresh } => self.add_raw(kind, &slice[range], fresh),
            TarEvent::RawHeld { kind, bytes, fresh, .. } => self.add_raw(kind, &bytes, fresh),
            TarEvent::Warning(text) => self.warnings.push(text),
            TarEvent::Error { reason, message } => self.errors.push((reason, message)),
        }
    }

    fn add_data(&mut self, offset: u64, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "no empty pieces");
        let entry = self.entries.last_mut().expect("data belongs to an entry");
        assert!(!entry.complete, "data comes before the end");
        match entry.data.last_mut() {
            Some((at, data)) if *at + data.len() as u64 == offset => data.extend_from_slice(bytes),
            Some((at, data)) if *at + data.len() as u64 > offset => panic!("pieces come in order"),
            _ => entry.data.push((offset, bytes.to_vec())),
        }
    }

    fn add_raw(&mut self, kind: RawKind, bytes: &[u8], fresh: bool) {
        assert!(!bytes.is_empty(), "no empty pieces");
        let index = self.runs.iter().position(|(other, _)| *other == kind).unwrap_or_else(|| {
            self.runs.push((kind, Vec::new()));
            self.runs.len() - 1
        });
        let runs = &mut self.runs[index].1;
        match runs.last_mut() {
            Some(run) if !fresh => run.extend_from_slice(bytes),
            _ => {
                assert!(fresh, "the first piece is fresh");
                runs.push(bytes.to_vec());
            }
        }
    }

    /// All raw bytes of a kind, with a line between runs.
    pub(super) fn raw(&self, kind: RawKind) -> String {
        let runs = self.runs.iter().find(|(other, _)| *other == kind);
        runs.map(|(_, runs)| runs.iter().map(|run| string(run)).collect::<Vec<_>>().join("\n"))
            .unwrap_or_default()
    }

    pub(super) fn reasons(&self) -> Vec<&'static str> {
        self.errors.iter().map(|(reason, _)| *reason).collect()
    }

    /// No warning, no error, nothing raw.
    pub(super) fn is_quiet(&self) -> bool {
        self.warnings.is_empty() && self.errors.is_empty() && self.runs.is_empty()
    }

    /// Whether this is in something that came out: whole, or one half of it where a size cuts it.
    pub(super) fn has(&self, mark: &[u8]) -> bool {
        let mut out = Vec::new();
        for entry in &self.entries {
            out.extend([entry.path.as_bytes(), entry.link.as_bytes()]);
            out.extend(entry.data.iter().map(|(_, data)| data.as_slice()));
            out.extend(entry.meta.iter().flat_map(|(_, name, value)| [name.as_bytes(), value.as_bytes()]));
        }
        out.extend(self.runs.iter().flat_map(|(_, runs)| runs.iter().map(Vec::as_slice)));
        let (first, second) = mark.split_at(mark.len() / 2);
        let is_in = |part| out.iter().any(|text| memchr::memmem::find(text, part).is_some());
        is_in(first) || is_in(second)
    }
}
