//! The nouns of the OCI image specification, as data: no I/O here.
//!
//! # Anatomy of an image
//!
//! A *descriptor* (media type, digest, size) names a blob. A *manifest* lists a *config* and *layers*
//! by descriptor; an *index* lists manifests, one a platform. The config holds the environment, the
//! labels, the *history* (one entry per build step, some of which made no layer) and the *diff_ids*.
//! The *digest* of a layer is that of the blob as it is stored (compressed); its *diff_id* is that of
//! the tar inside.

pub mod config;
pub mod descriptor;
pub mod digest;
pub mod history;
pub mod index;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod rootfs;
pub mod statement;
