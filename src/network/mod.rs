//! Connections: one small asynchronous runtime fetches, and the rest of the program reads what it
//! fetched through [`Prefetched`], as from any other source. Nothing is started before the first use.

mod prefetch;

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

pub use prefetch::{Prefetched, Sender};

/// The runtime that all connections share.
///
/// # Errors
/// When the system gives no thread for it.
pub fn runtime() -> io::Result<&'static Handle> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        // reqwest asks the process for its cryptography; an error says that it was set before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Builder::new_multi_thread().worker_threads(1).thread_name("network").enable_all().build()
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot start the network thread: {error}"))),
    }
}
