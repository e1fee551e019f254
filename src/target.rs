//! What the user names on the command line, in the transports of skopeo and podman.
