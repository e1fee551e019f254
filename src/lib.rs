//! Finds keys leaked in container images and names the layer that leaked them.
//!
//! ```text
//! "docker-archive:app.tar"  --target::parse-->  Target
//! Target          --source::open-->   Opened          (an indexed source, or one pass over a pipe)
//!                 over registry::Client, engine, archives and folders
//! ImageSource     --resolve-->        [Image]         manifest, config, layers as blobs
//! blob            --layer-->          decompressed, verified, walked as tar, cut into windows
//! Window          --detect-->         Hit             literal pass, regex at the hit, gates, offline check
//! Window          --encoding-->       Decoded         what stands encoded in it, for the detectors as well
//! config          --scan::config-->   Hit             env, labels, history, in the steps that set them
//! [LayerScan]     --finding-->        Finding         attributed to a layer, fingerprinted, redacted
//! Finding         --advice-->         what to do: at the service, in the build, in the registry
//! Finding         --verify-->         does the key still work? One question to its service, where that is asked for
//! Report          --inventory-->      what many scans know together of one key, and of what runs it
//! Report          --report-->         table, JSON, …
//! ImageResult     --serve-->          a registry's or a cluster's yes or no, by policy
//! ```
//!
//! Where to add things: a detector is a few lines in a file of `src/detectors/`; a source is a file in
//! `source/` and a line in its table; a report format is a file in `report/` and a line in its table;
//! a compression is an arm in `layer/decompress.rs`. Every bound on hostile input stands in [`limits`].

pub mod advice;
pub mod cache;
pub mod canary;
pub mod cli;
pub mod content;
pub mod detect;
pub mod detectors;
pub mod dockerfile;
pub mod encoding;
pub mod engine;
pub mod finding;
pub mod image;
pub mod inventory;
pub mod layer;
pub mod limits;
pub mod network;
pub mod package;
pub mod registry;
pub mod report;
pub mod scan;
pub mod serve;
pub mod source;
pub mod target;
pub mod verify;
