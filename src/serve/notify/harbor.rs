//! Notifications of harbor.
