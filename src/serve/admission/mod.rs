//! The Kubernetes door.

pub mod review;
pub mod workload;
