//! Nothing damaged passes for whole, and nothing makes the sources panic.
