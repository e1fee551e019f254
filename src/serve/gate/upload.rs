//! Blobs on their way up: every piece goes to the registry, and to a thread that reads it as a layer. Nothing is
//! held: a piece is in memory while it passes. What was read counts only when its own digest is the one by which
//! the manifest names it, so neither the client nor the registry is believed.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::Gate;
use super::upstream::OneAtATime;
use crate::image::digest::{Algorithm, Digest};
use crate::limits;
use crate::network::{Prefetched, Sender};
use crate::scan::blob::BlobScan;
use crate::serve::examiner::Passed;
use crate::serve::fault;
use crate::serve::service::Service;

/// How often it is looked whether readers are done.
const STEP: Duration = Duration::from_millis(5);

/// The uploads that are read, and what was read of those that are done.
pub(super) struct Uploads {
    service: Arc<Service>,
    open: Mutex<HashMap<String, Upload>>,
    read: Arc<Mutex<Done>>,
}

/// Blobs that were read and whose manifest has not come.
#[derive(Default)]
struct Done {
    blobs: HashMap<Digest, (BlobScan, Instant)>,
    /// Uploads that are being read.
    running: usize,
    /// Those of them that are at their end.
    ending: usize,
}

/// How far an upload's reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// More may come.
    Open,
    /// Everything has come.
    Ending,
    /// It reads no more.
    Over,
}

/// An upload between two of its requests.
struct Upload {
    pieces: Sender,
    /// Bytes that were given to the reader.
    offset: u64,
    used: Instant,
    phase: Arc<Mutex<Phase>>,
}

impl Uploads {
    pub(super) fn new(service: Arc<Service>) -> Self {
        Self { service, open: Mutex::default(), read: Arc::default() }
    }

    /// The upload behind a path, for the next piece at `offset`; none when it is not read. One that goes on
    /// elsewhere than it ended is read no further.
    fn resume(&self, path: &str, offset: Option<u64>) -> Option<Upload> {
        let mut open = lock(&self.open);
        open.retain(|_, upload| upload.used.elapsed() < limits::GATE_UPLOAD_SILENCE);
        let upload = open.remove(path)?;
        offset.is_none_or(|offset| offset == upload.offset).then_some(upload)
    }

    fn keep(&self, path: String, upload: Upload) {
        lock(&self.open).insert(path, Upload { used: Instant::now(), ..upload });
    }

    /// Begins to read a blob; none when many are read already.
    fn begin(&self) -> Option<Upload> {
        {
            let mut read = lock(&self.read);
            if read.running >= limits::GATE_UPLOADS {
                self.service.metrics.upload("left");
                return None;
            }
            read.running += 1;
        }
        let (pieces, reader) = Prefetched::channel();
        let (service, read) = (Arc::clone(&self.service), Arc::clone(&self.read));
        let phase = Arc::new(Mutex::new(Phase::Open));
        let reached = Arc::clone(&phase);
        let started = std::thread::Builder::new().name("upload".to_owned()).spawn(move || {
            let scan = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                service.examiner.blob(reader, Algorithm::Sha256)
            }));
            fault::point("upload-read");
            let mut read = lock(&read);
            read.running = read.running.saturating_sub(1);
            if std::mem::replace(&mut *lock(&reached), Phase::Over) == Phase::Ending {
                read.ending = read.ending.saturating_sub(1);
            }
            if let Ok(scan) = scan {
                service.metrics.upload("read");
                read.add(scan);
            }
        });
        if started.is_err() {
            let mut read = lock(&self.read);
            read.running = read.running.saturating_sub(1);
            return None;
        }
        Some(Upload { pieces, offset: 0, used: Instant::now(), phase })
    }

    /// Everything of an upload has come: its reader comes to its end.
    fn end(&self, upload: Upload) {
        let mut read = lock(&self.read);
        let mut phase = lock(&upload.phase);
        if *phase == Phase::Open {
            *phase = Phase::Ending;
            read.ending += 1;
        }
    }

    /// Waits until what has come whole is read: a manifest follows its blobs at once.
    pub(super) async fn settle(&self, until: Instant) {
        while lock(&self.read).ending > 0 && Instant::now() < until {
            tokio::time::sleep(STEP).await;
        }
    }
}

impl Done {
    fn add(&mut self, scan: BlobScan) {
        let Some(digest) = scan.digest.clone().filter(|_| scan.stored > 0) else { return };
        if self.blobs.len() >= limits::GATE_BLOBS
            && let Some(oldest) =
                self.blobs.iter().min_by_key(|(_, (_, at))| *at).map(|(digest, _)| digest.clone())
        {
            self.blobs.remove(&oldest);
        }
        self.blobs.insert(digest, (scan, Instant::now()));
    }
}

impl Passed for Uploads {
    fn take(&self, digest: &Digest) -> Option<BlobScan> {
        lock(&self.read).blobs.remove(digest).map(|(scan, _)| scan)
    }
}

/// A body that passes: each piece goes to the reader as well. The reader may hold up the client, but not fail it:
/// one that ends is done without.
struct Passing {
    body: Body,
    to: Option<Sender>,
    waiting: Option<(Bytes, Room)>,
    passed: Arc<Mutex<u64>>,
    length: SizeHint,
}

/// Room for one piece, as soon as there is some; none when nobody reads.
type Room = Pin<Box<dyn Future<Output = Option<mpsc::OwnedPermit<io::Result<Bytes>>>> + Send>>;

impl http_body::Body for Passing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.waiting.is_none() {
            let frame = match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            let Ok(data) = frame.into_data() else { return Poll::Ready(None) };
            let Some(sender) = this.to.clone() else { return Poll::Ready(Some(Ok(Frame::data(data)))) };
            this.waiting = Some((data, Box::pin(async move { sender.reserve_owned().await.ok() })));
        }
        let Some((data, mut room)) = this.waiting.take() else { return Poll::Ready(None) };
        match room.as_mut().poll(context) {
            Poll::Pending => {
                this.waiting = Some((data, room));
                Poll::Pending
            }
            Poll::Ready(room) => {
                match room {
                    Some(room) => {
                        room.send(Ok(data.clone()));
                        fault::point("upload-piece");
                    }
                    None => this.to = None,
                }
                *lock(&this.passed) += data.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length
    }
}

/// Passes a request of an upload on, and reads what it brings.
pub(super) async fn pass(gate: &Gate, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let length = length(&head.headers);
    let begins = head.method == Method::POST;
    let ends = head.method == Method::PUT || (begins && has(&query, "digest"));
    let has_body =
        length != Some(0) && (length.is_some() || head.headers.contains_key(header::TRANSFER_ENCODING));
    if !has_body {
        // The last request of a chunked upload brings nothing: the reader comes to its end.
        if ends {
            gate.uploads.resume(&path, None).into_iter().for_each(|upload| gate.uploads.end(upload));
        }
        let response = gate.upstream.send_parts(&head.method, &head.uri, &head.headers, empty(length)).await;
        return moved(gate, &path, response);
    }
    let offset = offset(&head.headers);
    let upload = match gate.uploads.resume(&path, offset) {
        Some(upload) => Some(upload),
        // The first piece; one that goes on with what was not read tells nothing.
        None if begins || offset.is_none_or(|offset| offset == 0) => gate.uploads.begin(),
        None => None,
    };
    let passed = Arc::new(Mutex::new(0));
    let hint = length.map_or_else(SizeHint::default, SizeHint::with_exact);
    let passing = Passing {
        body,
        to: upload.as_ref().map(|upload| upload.pieces.clone()),
        waiting: None,
        passed: Arc::clone(&passed),
        length: hint,
    };
    let body = reqwest::Body::wrap(OneAtATime::new(passing));
    let response = gate.upstream.send_parts(&head.method, &head.uri, &head.headers, Some(body)).await;
    let taken = *lock(&passed);
    let is_whole = length.is_none_or(|length| length == taken);
    match upload {
        Some(upload) if ends => gate.uploads.end(upload),
        Some(upload) if is_whole && response.status().is_success() => {
            let next = location(&response).unwrap_or(path);
            gate.uploads.keep(next, Upload { offset: upload.offset + taken, ..upload });
        }
        _ => {}
    }
    response
}

/// An upload that a request without a body leads elsewhere.
fn moved(gate: &Gate, path: &str, response: Response) -> Response {
    if let Some(next) = location(&response).filter(|next| next != path)
        && let Some(upload) = gate.uploads.resume(path, None)
    {
        gate.uploads.keep(next, upload);
    }
    response
}

/// Where an upload goes on: the path alone, as the query changes with every piece.
fn location(response: &Response) -> Option<String> {
    let text = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let path = match text.strip_prefix('/') {
        Some(_) => text.split(['?', '#']).next()?.to_owned(),
        None => url::Url::parse(text).ok()?.path().to_owned(),
    };
    Some(path)
}

fn empty(length: Option<u64>) -> Option<reqwest::Body> {
    length.map(|_| reqwest::Body::from(Vec::new()))
}

fn has(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some(name))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Where a piece begins: `Content-Range: 0-99`, as the distribution specification has it.
fn offset(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let range = text.trim().strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches([' ', '=']));
    range.split('-').next()?.trim().parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
