//! From a stored blob to the entries of its tar: decompression, verification, the tar reader.

pub mod decompress;
pub mod entry_log;
pub mod hashed_names;
pub mod inflate;
pub mod tar;
