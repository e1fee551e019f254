//! A body that is fetched ahead of its reader, by a bounded number of pieces.

use std::future::Future;
use std::io::{self, Read};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Pieces that are fetched ahead; a piece is what one read of the connection gave, half a megabyte at most.
const AHEAD: usize = 8;

/// Where a fetching task puts its pieces, and at last an error if there is one. Sending waits while the
/// reader is behind; an error of sending says that nobody reads any more.
pub type Sender = mpsc::Sender<io::Result<Bytes>>;

/// What a task fetches, as a reader. It must not be read on a thread of the runtime.
pub struct Prefetched {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Prefetched {
    /// Starts `fetch` on the runtime. It ends when the task drops its sender.
    pub fn start<F>(runtime: &Handle, fetch: impl FnOnce(Sender) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, reader) = Self::channel();
        runtime.spawn(fetch(sender));
        reader
    }

    /// A reader of what somebody puts into the sender.
    pub fn channel() -> (Sender, Self) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        (sender, Self { receiver, piece: Bytes::new() })
    }
}

impl Read for Prefetched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let piece = self.piece.split_to(self.piece.len().min(buffer.len()));
        if let Some(to) = buffer.get_mut(..piece.len()) {
            to.copy_from_slice(&piece);
        }
        Ok(piece.len())
    }
}
