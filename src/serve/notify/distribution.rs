//! Notifications of distribution.
