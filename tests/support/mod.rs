//! What the tests make their input with: tars, layers, images and archives, built here byte by byte and
//! by none of the code under test (but for digests); and the servers that the tests start and stop.

#![allow(dead_code, reason = "a builder offers more than one test needs")]

pub(crate) mod cli;
pub(crate) mod distribution;
pub(crate) mod engine;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod serve;
pub(crate) mod stack;
pub(crate) mod tarball;
