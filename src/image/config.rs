//! The image config (OCI image specification, config.md; Docker image specification 1.2), read leniently.
