//! `keyseam diff`: only what the new image adds.
