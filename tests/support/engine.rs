//! Real engines: `dockerd` and `podman system service`, started and stopped by the test that needs them.
