//! From hits to findings: one finding a key value, detector and image, attributed to the layer that
//! introduced it, fingerprinted, redacted, and held against the ignore rules.

pub mod group;
pub mod occurrence;
pub mod remediation;
pub mod result;
pub mod verify;
pub mod fingerprint;
pub mod ignore;
