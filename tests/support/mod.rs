//! What the tests make their input with: tars, layers, images and archives, built here byte by byte and
//! by none of the code under test (but for digests).

#![allow(dead_code, reason = "a builder offers more than one test needs")]

pub(crate) mod cli;
pub(crate) mod image;
pub(crate) mod stack;
pub(crate) mod tarball;
