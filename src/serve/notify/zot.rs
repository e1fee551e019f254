//! Notifications of zot.
