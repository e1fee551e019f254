//! Accepts connections on a free port, one thread each, until it is dropped: then all of them are closed
//! and all threads have ended.

use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A listening socket with its threads.
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Serves every connection by `serve`, on a thread of its own.
    pub(crate) fn start(address: IpAddr, serve: impl Fn(TcpStream, &Stop) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind((address, 0)).expect("a free port");
        let address = socket.local_addr().expect("an address");
        let stop = Arc::new(Stop::default());
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for stream in socket.incoming().map_while(Result::ok) {
                    if !stopping.watch(&stream) {
                        break;
                    }
                    scope.spawn(|| serve(stream, &stopping));
                }
            });
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.stop();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has failed its own assertion; the test sees the missing answer.
            let _ = thread.join();
        }
    }
}

/// Tells threads that it is over, and closes the connections that they wait for.
#[derive(Default)]
pub(crate) struct Stop {
    streams: Mutex<Option<Vec<TcpStream>>>,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Closes this connection too when it is over. False if it is over already.
    pub(crate) fn watch(&self, stream: &TcpStream) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return false;
        }
        if let Ok(stream) = stream.try_clone() {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.get_or_insert_default().push(stream);
        }
        true
    }

    /// Waits this long; true if it is over.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            stopped = self.changed.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner).take();
        for stream in streams.unwrap_or_default() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
