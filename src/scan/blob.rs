//! One blob from its stored bytes to its entries and matches, in a single pass: hash, decompress, walk
//! the tar, cut into windows, search.

mod opening;
mod output;
mod result;

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use opening::Opening;
pub(super) use output::Output;
pub use result::{BlobError, BlobScan, JsonReading};

use super::attestation::{self, Kept};
use super::hashed::{FileLink, Hashed, Keeper};
use super::inside::Inside;
use super::kinds::Kinds;
use super::matches::{Workspace, drop_repeated, join};
use super::pool::{BlobResults, Pool};
use super::progress::LayerProgress;
use super::segment::{Content, Fresh, Runs, Segment, carry_over};
use crate::detect::Place;
use crate::image::digest::{Algorithm, Digest, Hasher};
use crate::image::statement::looks_like_json;
use crate::layer::decompress::{Compression, Decompressed};
use crate::layer::entry_log::EntryIndex;
use crate::layer::tar::{Entry, EntryKind, MetaKind, MetaString, RawKind, TarEvent, TarReader};
use crate::limits::{ERRORS_LISTED, WARNINGS_LISTED, WINDOW_OVERLAP};
use crate::package::Databases;

/// What to read, and what is known of it before.
#[derive(Clone, Copy, Debug)]
pub struct BlobAsk {
    /// With which algorithm to hash the stored bytes.
    pub algorithm: Algorithm,
    /// Whether the digest of the content is needed as well.
    pub diff_id: bool,
    /// Bytes of content after which to stop.
    pub content_limit: u64,
    /// Whether it may be a document of an attestation, to be read as such.
    pub statement: bool,
}

/// A blob that was read, while some of its chunks may still be searched.
pub struct ReadBlob {
    scan: BlobScan,
    /// Where a document has strings with escapes.
    escaped: Vec<Range<u64>>,
    results: Arc<BlobResults>,
    hashed: Arc<Hashed>,
}

impl ReadBlob {
    /// A blob of `size` stored bytes that could not be opened.
    pub fn failed(error: BlobError, size: u64) -> Self {
        let scan = BlobScan { skipped: size, errors: vec![error], ..BlobScan::nothing() };
        Self { scan, escaped: Vec::new(), results: Arc::default(), hashed: Arc::default() }
    }

    /// Digest of the content, where it was asked for or costs nothing.
    pub fn diff_id(&self) -> Option<&Digest> {
        self.scan.diff_id.as_ref()
    }

    /// The blob with its matches; to be called when the pool has no more work.
    pub fn finish(self) -> BlobScan {
        let mut scan = self.scan;
        let (results, lost, unsearched) = self.results.take();
        scan.matches = join(results);
        scan.digests = self.hashed.take();
        attestation::settle(&mut scan.matches, &self.escaped);
        drop_repeated(&mut scan.matches);
        scan.miss(lost);
        scan.leave(unsearched);
        scan
    }
}

/// Reads `body` to its end and searches its content.
pub fn read_blob(
    body: impl Read,
    ask: BlobAsk,
    pool: &Pool<'_>,
    space: &mut Workspace,
    progress: &dyn LayerProgress,
) -> ReadBlob {
    let mut reader = BlobReader::new(ask, pool, space);
    let mut kept = Kept::new(ask.statement);
    match Decompressed::new(kept.of(body), Some(Hasher::new(ask.algorithm))) {
        Ok(content) => reader.read(content, progress),
        Err(error) => reader.error("unreadable", format!("cannot be read: {error}")),
    }
    reader.statement(kept);
    reader.finish()
}

/// What the stream turned out to be.
enum Form {
    /// Nothing yet.
    Opening(Opening),
    Tar(Box<TarReader>),
    /// One content without structure.
    Plain(Arc<Content>),
}

struct BlobReader<'p, 's, 'a> {
    ask: BlobAsk,
    kinds: Kinds,
    scan: BlobScan,
    output: Output<'p, 's, 'a>,
    inside: Inside,
    form: Form,
    databases: Databases,
    keeper: Keeper,
    runs: Runs,
    events: Vec<TarEvent>,
    segments: Vec<Segment>,
    entry: Option<Arc<Content>>,
    escaped: Vec<Range<u64>>,
    more_errors: u64,
    more_warnings: u64,
}

impl<'p, 's, 'a> BlobReader<'p, 's, 'a> {
    fn new(ask: BlobAsk, pool: &'p Pool<'a>, space: &'s mut Workspace) -> Self {
        Self {
            ask,
            kinds: pool.kinds(),
            scan: BlobScan::nothing(),
            output: Output::new(pool, space),
            inside: Inside::default(),
            form: Form::Opening(Opening::default()),
            databases: Databases::default(),
            keeper: Keeper::default(),
            runs: Runs::default(),
            events: Vec::new(),
            segments: Vec::new(),
            entry: None,
            escaped: Vec::new(),
            more_errors: 0,
            more_warnings: 0,
        }
    }

    fn read<R: Read>(&mut self, mut content: Decompressed<R>, progress: &dyn LayerProgress) {
        self.scan.compression = content.compression();
        let wanted = self.ask.diff_id && self.hashes_content_apart();
        let mut hasher = wanted.then(|| Hasher::new(Algorithm::Sha256));
        let mut buffer = self.output.buffer();
        let mut carried = 0;
        loop {
            let (read, end) = self.fill(&mut content, &mut buffer);
            self.gzip_headers(&mut content);
            let filled = WINDOW_OVERLAP + read;
            if let Some(hasher) = &mut hasher {
                hasher.update(&buffer[WINDOW_OVERLAP..filled]);
            }
            let fresh = Fresh { position: self.scan.bytes, index: WINDOW_OVERLAP, carried };
            self.scan.bytes += read as u64;
            progress.advanced(content.stored());
            self.walk(&buffer[WINDOW_OVERLAP..filled], fresh, end != End::No);
            let mut next = Vec::new();
            if end == End::No {
                next = self.output.buffer();
                carried = carry_over(&buffer, filled, carried, &mut next);
            }
            self.submit(buffer);
            if end != End::No {
                self.close(content, hasher, end == End::Content);
                return;
            }
            buffer = next;
        }
    }

    /// Whether the diff_id takes a hash of its own: the digest of an uncompressed blob is its diff_id.
    fn hashes_content_apart(&self) -> bool {
        self.scan.compression != Compression::None || self.ask.algorithm != Algorithm::Sha256
    }

    /// Fills the fresh part of `buffer`, as far as there is content.
    fn fill<R: Read>(&mut self, content: &mut Decompressed<R>, buffer: &mut [u8]) -> (usize, End) {
        let room = self.ask.content_limit.saturating_sub(self.scan.bytes);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(self.output.fresh());
        let fresh = &mut buffer[WINDOW_OVERLAP..WINDOW_OVERLAP + room];
        let mut filled = 0;
        while filled < fresh.len() {
            match content.read(&mut fresh[filled..]) {
                Ok(0) => return (filled, End::Content),
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let name = content.compression().name();
                    self.error("corrupt", format!("its {name} data cannot be read to the end: {error}"));
                    return (filled, End::Broken);
                }
            }
        }
        if room < self.output.fresh() {
            let limit = self.ask.content_limit;
            self.error("limit", format!("unpacks to more than {limit} bytes (--max-layer-bytes)"));
            return (filled, End::Broken);
        }
        (filled, End::No)
    }

    /// Finds the contents in the fresh bytes and cuts them into segments.
    fn walk(&mut self, bytes: &[u8], fresh: Fresh, last: bool) {
        let mut segments = std::mem::take(&mut self.segments);
        self.recognise(bytes, fresh, last);
        match &mut self.form {
            Form::Tar(tar) => {
                let mut events = std::mem::take(&mut self.events);
                tar.feed(bytes, &mut events);
                if last {
                    tar.finish(&mut events);
                }
                for event in events.drain(..) {
                    self.event(event, bytes, fresh, &mut segments);
                }
                self.events = events;
            }
            Form::Opening(Opening { content: Some(content), .. }) | Form::Plain(content) => {
                let content = content.clone();
                let range = fresh.index..fresh.index + bytes.len();
                self.runs.data(&content, range, fresh.position, fresh, &mut segments);
                self.inside.data(bytes, fresh.position, &mut self.output, &mut self.scan.opaque);
            }
            Form::Opening(Opening { content: None, .. }) => {}
        }
        if last {
            self.inside.finish(&mut self.output, &mut self.scan.opaque);
            self.runs.end_data(fresh, &mut segments);
            self.runs.end_all_raw(fresh, &mut segments);
        } else {
            self.runs.end_buffer(bytes.len(), fresh, &mut segments);
        }
        self.keeper.turn(bytes);
        self.segments = segments;
    }

    /// Sets the form of the blob, once that is clear. Until then what passes is one content.
    fn recognise(&mut self, bytes: &[u8], fresh: Fresh, last: bool) {
        let Form::Opening(opening) = &mut self.form else { return };
        let is_tar = opening.take(bytes, last);
        let mut opening = std::mem::take(opening);
        if is_tar == Some(true) {
            self.inside.end(&mut self.output, &mut self.scan.opaque);
            self.runs.forget_data();
            self.form = Form::Tar(Box::new(opening.tar(fresh.position)));
            return;
        }
        let content = opening.content.take().unwrap_or_else(|| {
            let content = Arc::new(self.content(None, Place::File, Arc::from(&b""[..]), None));
            if self.kinds.archives {
                self.inside.begin(&content);
            }
            content
        });
        self.form = if is_tar.is_some() {
            self.scan.is_tar = false;
            let head = if fresh.position == 0 { bytes } else { opening.block() };
            self.scan.json = looks_like_json(head).then_some(JsonReading::AsItLies);
            Form::Plain(content)
        } else {
            opening.content = Some(content);
            Form::Opening(opening)
        };
    }

    fn content(
        &mut self,
        entry: Option<EntryIndex>,
        place: Place,
        path: Arc<[u8]>,
        name: Option<String>,
    ) -> Content {
        let (id, file) = (self.output.number(), FileLink::default());
        Content { id, entry, place, path, name, stated: None, inner: None, file }
    }

    fn event(&mut self, event: TarEvent, bytes: &[u8], fresh: Fresh, segments: &mut Vec<Segment>) {
        let shift = |range: Range<usize>| range.start + fresh.index..range.end + fresh.index;
        match event {
            TarEvent::Entry(entry) => {
                self.inside.end(&mut self.output, &mut self.scan.opaque);
                self.runs.end_data(fresh, segments);
                self.entry(&entry, segments);
            }
            TarEvent::Data { range, offset } => {
                if let Some(content) = self.entry.clone() {
                    let data = bytes.get(range.clone()).unwrap_or_default();
                    self.inside.data(data, offset, &mut self.output, &mut self.scan.opaque);
                    if self.kinds.ownership {
                        self.databases.data(data, offset);
                        self.keeper.data(range.clone(), offset);
                    }
                    self.runs.data(&content, shift(range), offset, fresh, segments);
                }
            }
            TarEvent::EntryEnd => {
                self.inside.end(&mut self.output, &mut self.scan.opaque);
                self.databases.end();
                self.keeper.end(bytes);
                self.runs.end_data(fresh, segments);
                self.entry = None;
            }
            TarEvent::Raw { kind, range, fresh: begins } => {
                self.raw(kind, shift(range), begins, fresh, segments);
            }
            TarEvent::RawHeld { kind, bytes, at, fresh: begins } => match fresh.index_of(at) {
                Some(start) => self.raw(kind, start..start + bytes.len(), begins, fresh, segments),
                // They began further back than the buffer reaches, so they are a content of their own.
                None => segments.push(Segment::whole(self.raw_content(kind), bytes)),
            },
            TarEvent::Warning(warning) => self.warning(warning),
            TarEvent::Error { reason, message } => self.error(reason, message),
        }
    }

    fn raw(
        &mut self,
        kind: RawKind,
        range: Range<usize>,
        begins: bool,
        fresh: Fresh,
        segments: &mut Vec<Segment>,
    ) {
        if begins {
            self.runs.end_raw(kind, fresh, segments);
        }
        if !self.runs.continues_raw(kind, range.start, fresh) {
            let content = self.raw_content(kind);
            self.runs.raw(kind, content, range, fresh, segments);
            return;
        }
        self.runs.extend_raw(kind, range);
    }

    fn raw_content(&mut self, kind: RawKind) -> Content {
        self.content(None, Place::Unallocated, Arc::from(&b""[..]), Some(raw_name(kind).to_owned()))
    }

    /// Takes up a new entry: its names are contents of their own.
    fn entry(&mut self, entry: &Entry, segments: &mut Vec<Segment>) {
        let index = self.scan.entries.push(entry);
        if index.is_none() {
            self.error("limit", format!("more than {} entries", crate::limits::ENTRIES));
        }
        self.scan.files += u64::from(entry.kind == EntryKind::File);
        let path: Arc<[u8]> = Arc::from(entry.path.as_slice());
        let name = self.content(index, Place::FileName, path.clone(), None);
        segments.push(Segment::whole(name, entry.path.clone()));
        if !entry.link.is_empty() {
            let link = self.content(index, Place::Symlink, path.clone(), None);
            segments.push(Segment::whole(link, entry.link.clone()));
        }
        for meta in &entry.meta {
            self.meta(meta, index, &path, segments);
        }
        let mut content = self.content(index, Place::File, path, None);
        if self.kinds.ownership {
            self.databases.begin(&entry.path);
            content.file = self.keeper.begin(index, entry.size);
        }
        let content = Arc::new(content);
        if self.kinds.archives {
            self.inside.begin(&content);
        }
        self.entry = Some(content);
    }

    fn meta(
        &mut self,
        meta: &MetaString,
        entry: Option<EntryIndex>,
        path: &Arc<[u8]>,
        segments: &mut Vec<Segment>,
    ) {
        let place = if meta.kind == MetaKind::Xattr { Place::Xattr } else { Place::Pax };
        let name = String::from_utf8_lossy(&meta.name).into_owned();
        let content = self.content(entry, place, path.clone(), Some(name));
        // The attribute's name is context for its value, as that of a variable is.
        let text = [&meta.name, &b"="[..], &meta.value].concat();
        segments.push(Segment::whole(content, text));
    }

    fn submit(&mut self, buffer: Vec<u8>) {
        let segments = std::mem::take(&mut self.segments);
        self.output.submit(buffer, segments);
    }

    /// Names and comments in gzip headers are contents of their own.
    fn gzip_headers<R: Read>(&mut self, content: &mut Decompressed<R>) {
        for comment in content.take_comments() {
            let name = Some("gzip header".to_owned());
            let content = self.content(None, Place::ArchiveComment, Arc::from(&b""[..]), name);
            self.segments.push(Segment::whole(content, comment));
        }
    }

    /// Searches the texts of a document of an attestation.
    fn statement(&mut self, kept: Kept) {
        let Some(statement) = kept.statement() else { return };
        self.scan.json = Some(JsonReading::AsDocument);
        self.scan.secrets = attestation::secrets(&statement);
        self.scan.dockerfile = statement.dockerfile;
        if let Some(fault) = statement.fault {
            self.warning(format!("a document of an attestation: {fault}"));
        }
        self.escaped = statement.escaped;
        for text in statement.texts {
            let number = self.output.number();
            self.segments.push(attestation::segment(text, number));
        }
        let buffer = self.output.buffer();
        self.submit(buffer);
    }

    /// Reads the stored bytes to their end and settles the digests.
    fn close<R: Read>(&mut self, mut content: Decompressed<R>, hasher: Option<Hasher>, whole: bool) {
        if content.lost_comments() > 0 {
            let lost = content.lost_comments();
            self.error("limit", format!("{lost} header fields of its gzip members were not searched"));
        }
        for warning in content.take_warnings() {
            self.warning(warning);
        }
        let rest = content.finish();
        self.scan.stored = rest.stored;
        self.scan.skipped += rest.passed_over;
        match rest.digest {
            Ok(digest) => self.scan.digest = digest,
            Err(error) => self.error("unreadable", format!("cannot be read to its end: {error}")),
        }
        if whole {
            self.scan.diff_id = hasher.map(Hasher::finish);
            if self.scan.diff_id.is_none() && !self.hashes_content_apart() {
                self.scan.diff_id = self.scan.digest.clone();
            }
        }
    }

    fn error(&mut self, reason: &'static str, message: String) {
        if self.scan.errors.len() >= ERRORS_LISTED {
            self.more_errors += 1;
            return;
        }
        let path = self.entry.as_ref().map(|content| content.path.to_vec());
        self.scan.errors.push(BlobError { path, reason, message });
    }

    fn warning(&mut self, warning: String) {
        if self.scan.warnings.len() < WARNINGS_LISTED {
            self.scan.warnings.push(warning);
        } else {
            self.more_warnings += 1;
        }
    }

    fn finish(mut self) -> ReadBlob {
        let (packages, unread) = std::mem::take(&mut self.databases).finish();
        self.scan.packages = packages;
        unread.into_iter().for_each(|warning| self.warning(warning));
        if self.more_errors > 0 {
            let message = format!("{} more errors", self.more_errors);
            self.scan.errors.push(BlobError { path: None, reason: "limit", message });
        }
        if self.more_warnings > 0 {
            self.scan.warnings.push(format!("{} more warnings", self.more_warnings));
        }
        ReadBlob {
            scan: self.scan,
            escaped: self.escaped,
            results: self.output.into_results(),
            hashed: self.keeper.finish(),
        }
    }
}

/// How far the content of a blob was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// There may be more.
    No,
    /// To its end.
    Content,
    /// To where it breaks off.
    Broken,
}

/// What the report calls raw bytes.
fn raw_name(kind: RawKind) -> &'static str {
    match kind {
        RawKind::Trailing => "behind the end of the tar",
        RawKind::Padding => "fill bytes",
        RawKind::Header => "oversized header",
        RawKind::Unparsed => "unparsed bytes",
        RawKind::Ambiguous => "second reading",
    }
}
