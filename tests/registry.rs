//! Pulling from registries: the real one of Debian's `docker-registry`, and a misbehaving one of our own.
