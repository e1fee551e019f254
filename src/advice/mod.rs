//! What to do about a key.

pub mod keep_out;
