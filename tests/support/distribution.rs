//! Real registries: Debian's `docker-registry`, started and stopped by the test that needs it.
