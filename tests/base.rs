//! `--base`: which layers are the base image's own.
