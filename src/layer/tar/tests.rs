//! The reader on tars made by hand, one oddity each.
