//! Images in the local engines: real `dockerd` and podman, and an engine of our own for what they will not do.
