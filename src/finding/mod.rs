//! From hits to findings: one finding a key value, detector and image, attributed to the layer that
//! introduced it, fingerprinted, redacted, and held against the ignore rules.

pub mod asked;
pub mod base;
pub mod baseline;
mod coverage;
mod evidence;
pub mod exposure;
pub mod fingerprint;
pub mod group;
pub mod ignore;
pub mod known_public;
mod location;
pub mod occurrence;
pub mod owner;
pub mod pair;
pub mod precedence;
pub mod remediation;
pub mod result;
mod rewrite;
pub mod step;
pub mod verify;
